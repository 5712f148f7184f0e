//! Which differences between two pickles are differences of their values.

use super::*;
use crate::pickle::samples;

/// Where the values of two pickles first differ, as `PATH: LEFT → RIGHT`; empty if they are equal.
fn differs(left: &[u8], right: &[u8]) -> String {
    let (left_machine, left) = Machine::run(left).expect("a pickle");
    let (right_machine, right) = Machine::run(right).expect("a pickle");
    let budget = WorkBudget::new(0, None);
    let [left_side, right_side] =
        [&left_machine, &right_machine].map(|machine| Side::new(machine, std::iter::empty(), &budget));
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let difference = Comparer::new(&left_side, &right_side, &budget).compare(left, right).expect("within the budget");
    difference
        .map_or_else(String::new, |found| format!("{}: {} → {}", found.path, shown(found.left), shown(found.right)))
}

#[track_caller]
fn equal(left: &[u8], right: &[u8]) {
    assert_eq!((differs(left, right), differs(right, left)), (String::new(), String::new()));
}

#[test]
fn every_pickle_is_equal_to_itself() {
    for pickle in samples::all() {
        equal(pickle, pickle);
    }
}

#[test]
fn the_protocol_does_not_matter() {
    for pickles in [samples::DICTS.as_slice(), &samples::OBJECTS, &samples::ARRAYS] {
        for pickle in pickles {
            equal(pickles[0], pickle);
        }
    }
}

#[test]
fn opcodes_and_memo_do_not_matter() {
    equal(b"K\x05.", b"\x8a\x02\x05\x00.");
    equal(b"I5\n.", b"J\x05\0\0\0.");
    equal(b"\x8a\x09\0\0\0\0\0\0\0\0\x01.", b"L18446744073709551616L\n.");
    equal(b"\x80\x04\x95\x05\0\0\0\0\0\0\0\x8c\x01a\x94.", b"Va\n.");
    // A string that is shared, and one that is pickled twice.
    equal(b"](\x8c\x01a\x94h\0e.", b"](\x8c\x01a\x8c\x01ae.");
    equal(b"F0.5\n.", b"G\x3f\xe0\0\0\0\0\0\0.");
    equal(b"Fnan\n.", b"Fnan\n.");
}

#[test]
fn values_that_are_not_equal_in_python_differ() {
    assert_eq!(differs(b"K\x01.", b"\x88."), ": 1 → True");
    assert_eq!(differs(b"K\x01.", b"F1.0\n."), ": 1 → 1");
    assert_eq!(differs(b"\x8c\x01a.", b"C\x01a."), ": 'a' → (1)");
    assert_eq!(differs(b"C\x01a.", b"\x96\x01\0\0\0\0\0\0\0a."), ": (1) → (1)");
    assert_eq!(differs(b"].", b")."), ": list (0) → tuple (0)");
    assert_eq!(differs(b"N.", b"]."), ": None → list (0)");
}

#[test]
fn sets_and_dicts_have_no_order() {
    equal(b"\x8f(\x8c\x01a\x8c\x01bK\x01\x85\x90.", b"\x8f(K\x01\x85\x8c\x01b\x8c\x01a\x90.");
    equal(b"(\x8c\x01a(K\x01K\x02\x91\x91.", b"((K\x02K\x01\x91\x8c\x01a\x91.");
    equal(b"}(\x8c\x01aK\x01\x8c\x01bK\x02u.", b"}(\x8c\x01bK\x02\x8c\x01aK\x01u.");
    assert_eq!(differs(b"\x8f(K\x01\x90.", b"\x8f(K\x02\x90."), ": set (1) → set (1)");
    // A key that is set twice.
    equal(b"}(\x8c\x01aK\x01\x8c\x01aK\x02u.", b"}(\x8c\x01aK\x02u.");
    let ordered = |items: &[u8]| [b"ccollections\nOrderedDict\n)R(", items, b"u."].concat();
    assert_ne!(differs(&ordered(b"K\x01K\x01K\x02K\x02"), &ordered(b"K\x02K\x02K\x01K\x01")), "");
}

#[test]
fn a_path_is_written_as_in_python() {
    let model = |weight: u8| [&b"c__main__\nM\n)\x81}(\x8c\x01w](K\x01K"[..], &[weight], b"eub."].concat();
    assert_eq!(differs(&model(2), &model(3)), ".w[1]: 2 → 3");
    assert_eq!(differs(b"}(\x8c\x02lrF0.1\nu.", b"}(\x8c\x02lrF0.2\nu."), "['lr']: 0.1 → 0.2");
    assert_eq!(differs(b"}(\x8c\x01aNu.", b"}(\x8c\x01aN\x8c\x01bNu."), "['b']: - → None");
    assert_eq!(differs(b"}(\x8c\x01aN\x8c\x01bNu.", b"}(\x8c\x01aNu."), "['b']: None → -");
    assert_eq!(differs(b"](]](K\x01ee.", b"](](K\x01ee."), ": list (2) → list (1)");
}

#[test]
fn sharing_must_match_and_cycles_end() {
    equal(b"](]\x94h\0e.", b"](]q\x07h\x07e.");
    assert_eq!(differs(b"](]\x94h\0e.", b"](]\x94]e."), "[1]: list (0) → list (0)");
    equal(samples::CYCLE, b"]q\x05h\x05a.");
    // [[...]], where the inner list holds the outer one, or itself.
    assert_ne!(differs(b"]\x94]h\0aa.", b"]]\x94h\0aa."), "");
    let set_of_itself = b"\x8f\x94(c__main__\nM\n)\x81h\0b\x90.";
    equal(set_of_itself, set_of_itself);
}

#[test]
fn calls_whose_result_is_discarded_are_compared() {
    let cell = |value: u8| {
        [b"cdill._dill\n_create_cell\nN\x85R\x94cbuiltins\nsetattr\nh\0\x8c\x01cK".as_slice(), &[value], b"\x87R0."]
            .concat()
    };
    equal(&cell(1), &cell(1));
    assert_eq!(differs(&cell(1), &cell(2)), ": - → -");
}

#[test]
fn line_numbers_of_code_are_not_compared() {
    let code = |line: u8, name: &[u8]| {
        let mut pickle = b"cdill._dill\n_create_code\n(".to_vec();
        for place in 0..17 {
            match place {
                13 => pickle.extend([b'K', line]),
                12 => pickle.extend([b"\x8c\x01", name].concat()),
                _ => pickle.extend(b"K\0"),
            }
        }
        [pickle.as_slice(), b"tR."].concat()
    };
    equal(&code(1, b"f"), &code(9, b"f"));
    assert_ne!(differs(&code(1, b"f"), &code(1, b"g")), "");
}

#[test]
fn deep_and_wide_values_are_compared_in_bounded_time_and_stack() {
    let mut deep = vec![b']'; 200_000];
    deep.extend([b'a'; 199_999]);
    deep.push(b'.');
    equal(&deep, &deep);
    // Sets of sets that refer to one another twice each: 2^200 ways to walk them.
    let mut wide = b"(\x91\x94".to_vec();
    for slot in 0..200_u8 {
        wide.extend([b'0', b'(', b'h', slot, b'h', slot, b'K', slot, 0x85, 0x91, 0x94]);
    }
    wide.push(b'.');
    equal(&wide, &wide);
}

#[test]
fn damaged_pickles_are_compared_without_a_panic() {
    for pickle in samples::all() {
        for damaged in samples::flipped(pickle, 50) {
            if Machine::run(&damaged).is_ok() {
                differs(pickle, &damaged);
                equal(&damaged, &damaged);
            }
        }
    }
}

#[test]
fn caches_of_pandas_do_not_count_but_dicts_with_such_a_key_do() {
    let object = |class: &str, state: &[u8]| [format!("c{class}\n").as_bytes(), b")\x81", state, b"b."].concat();
    let empty = |class| object(class, b"}\x8c\x01aK\x01s");
    let asked = |class| object(class, b"}\x8c\x06_cache}\x8c\x01bK\x02ss\x8c\x01aK\x01s");
    equal(&empty("pandas.core.groupby.ops\nBaseGrouper"), &asked("pandas.core.groupby.ops\nBaseGrouper"));
    // A tuple has the attributes in a dict.
    let in_tuple =
        |state: &[u8]| object("pandas.core.arrays.period\nPeriodArray", &[b"K\x01", state, b"\x86"].concat());
    equal(&in_tuple(b"}"), &in_tuple(b"}\x8c\x06_cache}s"));
    // A slice of periods has its frequency once more; that of dates has it nowhere else.
    let frequency = b"}\x8c\x05_freqK\x01s";
    equal(&in_tuple(b"}"), &in_tuple(frequency));
    let unpickled = |class: &str, state: &[u8]| {
        let call =
            format!("cpandas._libs.arrays\n__pyx_unpickle_NDArrayBacked\n(cpandas.core.arrays.{class}\nK\x05NtR");
        [call.as_bytes(), b"(NK\x07", state, b"tb."].concat()
    };
    equal(&unpickled("period\nPeriodArray", b"}"), &unpickled("period\nPeriodArray", frequency));
    let dates = "datetimes\nDatetimeArray";
    assert_ne!(differs(&unpickled(dates, b"}"), &unpickled(dates, frequency)), "");
    assert_eq!(differs(&empty("lib\nModel"), &asked("lib\nModel")), "._cache: - → dict (1)");
    assert_eq!(differs(b"}.", b"}\x8c\x06_cache}s."), "['_cache']: - → dict (0)");
    let other = object("pandas.core.groupby.ops\nBaseGrouper", b"}\x8c\x01aK\x03s");
    assert_eq!(differs(&empty("pandas.core.groupby.ops\nBaseGrouper"), &other), ".a: 1 → 3");
}

#[test]
fn it_does_not_matter_how_often_an_immutable_object_is_made() {
    for class in ["slice", "range", "complex"] {
        let made = [format!("cbuiltins\n{class}\n").as_bytes(), b"K\x01K\x02\x86R"].concat();
        let [shared, twice] = [b"2".as_slice(), &made].map(|second| [b"(", made.as_slice(), second, b"t."].concat());
        equal(&shared, &twice);
    }
    // A dict in its arguments is made for the call.
    let index = b"cpandas.core.indexes.base\n_new_Index\n(cpandas\nIndex\n}\x8c\x01aK\x01stR";
    let [shared, twice] = [b"2".as_slice(), index].map(|second| [b"(", index.as_slice(), second, b"t."].concat());
    equal(&shared, &twice);
    let [shared, twice] = [b"(]2t.".as_slice(), b"(]]t."];
    assert_ne!(differs(shared, twice), "");
}
