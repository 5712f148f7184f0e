//! Hostile calls of builtins and of the standard library are refused, and honest ones have recipes. The tests of the
//! program (`tests/integration/untrusted_values.rs`) compare the objects that are built with those that Python loads.

use crate::pickle::build_plan::BuildPlan;
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::Machine;

fn refusals(pickle: &[u8]) -> Vec<String> {
    let (machine, value) = Machine::run(pickle).expect("a pickle");
    let labels = Labels::new(&machine);
    BuildPlan::of_pickle(&labels, value).refusals().iter().map(|(_, why)| why.clone()).collect()
}

/// A call by REDUCE.
fn call(global: &str, arguments: &[u8]) -> Vec<u8> {
    let (module, name) = global.split_once(' ').expect("a module and a name");
    [format!("c{module}\n{name}\n(").as_bytes(), arguments, b"tR."].concat()
}

/// An instance by NEWOBJ with a state.
fn instance(global: &str, state: &[u8]) -> Vec<u8> {
    let (module, name) = global.split_once(' ').expect("a module and a name");
    [format!("c{module}\n{name}\n)").as_bytes(), b"\x81", state, b"b."].concat()
}

/// A call by REDUCE with a state.
fn with_state(global: &str, arguments: &[u8], state: &[u8]) -> Vec<u8> {
    let call = call(global, arguments);
    [&call[..call.len() - 1], state, b"b."].concat()
}

/// A string opcode.
fn text(text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a short string");
    [b"X", &length.to_le_bytes()[..], text.as_bytes()].concat()
}

fn bytes(bytes: &[u8]) -> Vec<u8> {
    [&[b'C', u8::try_from(bytes.len()).expect("few bytes")], bytes].concat()
}

#[track_caller]
fn refused(pickle: &[u8], why: &str) {
    let found = refusals(pickle);
    assert!(found.iter().any(|found| found.contains(why)), "{why}: {found:?}");
}

#[track_caller]
fn built(pickle: &[u8]) {
    let found = refusals(pickle);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn enumerations_have_only_the_values_of_their_members() {
    for (class, values, others) in [
        ("http HTTPStatus", &[100, 404, 511][..], &[0, 104, 299, 430, 599][..]),
        ("signal Signals", &[1, 31, 34, 64], &[0, 32, 33, 35, 63, 65]),
        ("socket AddressFamily", &[0, 2, 10], &[12, 27, 64]),
        ("socket SocketKind", &[1, 2, 2048, 524_288], &[0, 6, 4096]),
    ] {
        let member = |value: &i32| call(class, format!("I{value}\n").as_bytes());
        values.iter().for_each(|value| built(&[&member(value)[..], b"."].concat()));
        others.iter().for_each(|value| refused(&[&member(value)[..], b"."].concat(), "a value that no member has"));
    }
}

#[test]
fn integers_as_text_have_as_many_digits_as_python_reads() {
    for sign in ["", "-"] {
        for (prefix, suffix) in [("L", "L"), ("I", "")] {
            let number = |digits| format!("{prefix}{sign}{}{suffix}\n", "7".repeat(digits)).into_bytes();
            built(&[&number(4300)[..], b"."].concat());
            refused(&[&number(4301)[..], b"."].concat(), "more than 4300 digits");
            refused(&[b"(", &number(10_000)[..], b"l."].concat(), "more than 4300 digits");
        }
    }
}

#[test]
fn numbers_are_limited() {
    for number in ["1.5", "-1E+999999", "NaN", "sNaN123", "-Infinity", "0E-10", ".5"] {
        built(&call("decimal Decimal", &text(number)));
    }
    refused(&call("decimal Decimal", &text("1e99999999")), "exponent");
    refused(&call("decimal Decimal", &text("1e-1000000")), "exponent");
    refused(&call("decimal Decimal", &text(&"9".repeat(100_200))), "digits");
    for number in ["", "1_000", "٣", "1e", "e5", "--1", "1.2.3", "Infinity1"] {
        refused(&call("decimal Decimal", &text(number)), "no number");
    }
    refused(&call("decimal Decimal", b"]"), "string");
    built(&call("fractions Fraction", &text("-3/4")));
    built(&call("fractions Fraction", b"K\x03K\x04"));
    for fraction in ["1e99999999", "1/0", "1.5", "", "1/-2"] {
        refused(&call("fractions Fraction", &text(fraction)), "no fraction");
    }
    refused(&call("fractions Fraction", b"K\x03K\x00"), "denominator");
    refused(&call("fractions Fraction", b"K\x03K\x04)R"), "Fraction");
    refused(&call("builtins range", b"K\x00K\x01K\x00"), "step");
    refused(&call("builtins complex", &text("1j")), "numbers");
    refused(&call("builtins int", &text("1")), "another type");
}

#[test]
fn dates_that_do_not_exist_are_refused() {
    built(&call("datetime date", &bytes(&[7, 232, 2, 29])));
    // As Python 2 writes it, and as protocols 0 to 2 of Python 3 do.
    built(&call("datetime date", b"U\x04\x07\xe8\x02\x1d"));
    built(&call(
        "datetime date",
        &[b"c_codecs\nencode\n(", &text("\u{7}\u{e8}\u{2}\u{1d}")[..], &text("latin1"), b"tR"].concat(),
    ));
    for date in [[7, 231, 2, 29], [0, 0, 1, 1], [39, 16, 1, 1], [7, 232, 13, 1], [7, 232, 0, 1], [7, 232, 1, 0]] {
        refused(&call("datetime date", &bytes(&date)), "does not exist");
    }
    built(&call("datetime datetime", &bytes(&[7, 232, 0x82, 29, 23, 59, 59, 0x0f, 0x42, 0x3f])));
    refused(&call("datetime datetime", &bytes(&[7, 232, 2, 29, 24, 0, 0, 0, 0, 0])), "does not exist");
    refused(&call("datetime datetime", &bytes(&[7, 232, 2, 29, 23, 0, 0, 0x0f, 0x42, 0x40])), "does not exist");
    refused(&call("datetime datetime", &bytes(&[7, 232, 2, 29])), "10 bytes");
    refused(&call("datetime time", &bytes(&[25, 0, 0, 0, 0, 0])), "does not exist");
    // A time zone that is a string, and an offset of a day.
    refused(&call("datetime time", &[&bytes(&[1, 0, 0, 0, 0, 0])[..], &text("UTC")].concat()), "time zone");
    let delta = |days: &[u8]| [b"cdatetime\ntimedelta\n(", days, b"K\x00K\x00tR"].concat();
    built(&call("datetime timezone", &delta(b"K\x00")));
    refused(&call("datetime timezone", &delta(b"K\x01")), "a day or more");
    refused(&call("datetime timedelta", b"J\xff\xff\xff\x7fK\x00K\x00"), "out of range");
}

#[test]
fn time_zones_are_only_looked_for_within_their_directories() {
    let called = |key: &str| call("zoneinfo ZoneInfo._unpickle", &[&text(key)[..], b"K\x01"].concat());
    let zone = |key: &str| [&b"\x80\x04"[..], &called(key)].concat();
    for key in ["UTC", "Europe/Vienna", "America/Port-au-Prince", "Etc/GMT+1", "America/Indiana/Knox"] {
        built(&zone(key));
    }
    for key in ["", "../etc/passwd", "/etc/passwd", "a//b", "a/./b", ".hidden", "a\0b", "Europe/Vienna/", "a b"] {
        refused(&zone(key), "key");
    }
    // Any other attribute of the class.
    let other = [&b"cbuiltins\ngetattr\n(czoneinfo\nZoneInfo\n"[..], &text("from_file"), b"tR."].concat();
    refused(&other, "getattr");
}

#[test]
fn containers_get_only_plain_containers() {
    built(&call("builtins set", b"](K\x01K\x02e"));
    built(&call("collections deque", b"](K\x01K\x02eK\x05"));
    built(&call("collections Counter", b"}K\x01K\x02s"));
    let endless = call("itertools count", b"K\x00");
    let endless = &endless[..endless.len() - 1];
    for container in ["builtins list", "builtins tuple", "builtins set", "collections deque", "collections OrderedDict"]
    {
        refused(&call(container, endless), "of anything but");
    }
    refused(&call("collections deque", b")J\xff\xff\xff\xff"), "length");
    for factory in [&b"cos\nsystem\n"[..], b"cbuiltins\nexec\n", b"cbuiltins\ngetattr\n", b"K\x01"] {
        refused(&call("collections defaultdict", factory), "factory");
    }
    // Colliding numbers, and a tuple that is wide by sharing, in the list of a set.
    let mut colliding = b"](".to_vec();
    for number in 1..=2000_u128 {
        colliding.extend([0x8a, 16]);
        colliding.extend(((number << 61) - number).to_le_bytes());
    }
    colliding.push(b'e');
    refused(&call("builtins set", &colliding), "same hash");
    let wide = [&b"]K\x01\x85"[..], &b"2\x86".repeat(60), b"a"].concat();
    refused(&call("builtins frozenset", &wide), "too large");
}

#[test]
fn nothing_is_nested_that_python_deletes_by_recursion() {
    let nest = |start: &[u8], before: &[u8], after: &[u8]| {
        let mut nested = start.to_vec();
        for _ in 0..3 {
            nested = [before, &nested, after].concat();
        }
        [&nested[..], b"."].concat()
    };
    refused(&nest(b"K\x01", b"cbuiltins\nslice\n(", b"NNtR"), "slice");
    refused(&nest(b"}", b"ctypes\nMappingProxyType\n(", b"tR"), "dict");
    refused(&nest(b"K\x01", b"coperator\nitemgetter\n(", b"tR"), "itemgetter");
    refused(&nest(b"K\x01", b"citertools\nrepeat\n(", b"tR"), "repeat");
    refused(&nest(b"K\x01", b"cbuiltins\nslice\n(coperator\nitemgetter\n(", b"tRtR"), "slice");
    refused(&nest(b"]", b"cbuiltins\niter\n(", b"tR"), "iter");
    refused(&nest(b"cbuiltins\niter\n(]tR", b"cbuiltins\nenumerate\n(", b"K\x00tR"), "enumerate");
    refused(&nest(b"cbuiltins\niter\n(]tR", b"citertools\nislice\n(", b"K\x00K\x01K\x01tR"), "islice");
}

#[test]
fn patterns_are_limited() {
    let pattern = |pattern: &str, flags: &[u8]| call("re _compile", &[&text(pattern)[..], flags].concat());
    built(&pattern("a+", b"K\x20"));
    refused(&pattern("a", b"M\x80\x00"), "flags");
    refused(&pattern("a", b"J\xff\xff\xff\xff"), "flags");
    refused(&pattern(&"a".repeat(70_000), b"K\x20"), "65536");
    refused(&pattern(&"[\u{0}-\u{ffff}]".repeat(100), b"K\x22"), "ranges");
    refused(&pattern(&"[\u{100}-\u{ffff}]".repeat(100), b"K\x20"), "ranges");
    refused(&pattern(&"[\\u0100-\\uffff]".repeat(100), b"K\x20"), "ranges");
    refused(&pattern(&format!("(?i){}", "[\u{0}-\u{ffff}]".repeat(100)), b"K\x20"), "ranges");
    refused(&call("re _compile", b"]K\x20"), "string");
}

#[test]
fn arrays_fit_their_typecode_and_format() {
    let list = |code: &str, items: &[u8]| call("array array", &[&text(code)[..], b"](", items, b"e"].concat());
    built(&list("b", b"K\x7fJ\x80\xff\xff\xff"));
    refused(&list("b", b"K\x80"), "do not fit");
    refused(&list("B", b"J\xff\xff\xff\xff"), "do not fit");
    refused(&list("d", &text("1.5")), "do not fit");
    refused(&list("x", b"K\x01"), "typecode");
    refused(&call("array array", &[&text("d")[..], b"K\x05"].concat()), "list");
    let from = |code: &str, format: u8, data: &[u8]| {
        let arguments = [b"carray\narray\n", &text(code)[..], &[b'K', format], &bytes(data)].concat();
        call("array _array_reconstructor", &arguments)
    };
    built(&from("i", 8, &[0; 8]));
    built(&from("i", 9, &[0; 8]));
    built(&from("l", 8, &[0; 8]));
    refused(&from("i", 8, &[0; 7]), "whole number");
    refused(&from("i", 22, &[0; 8]), "format");
    refused(&from("u", 20, &[0xff; 4]), "characters");
    refused(&from("u", 18, &[0; 4]), "format");
    let other = [&b"cbuiltins\nlist\n"[..], &text("i"), b"K\x08", &bytes(&[0; 4])].concat();
    refused(&call("array _array_reconstructor", &other), "class");
}

#[test]
fn exceptions_get_what_they_do_not_take_apart() {
    built(&call("builtins ValueError", &text("x")));
    let decode = |start: &[u8]| [&text("utf8")[..], &bytes(b"x"), start, b"K\x01", &text("bad")].concat();
    built(&call("builtins UnicodeDecodeError", &decode(b"K\x00")));
    // Python would read before the bytes.
    refused(&call("builtins UnicodeDecodeError", &decode(b"J\xff\xff\xff\xff")), "other types");
    let endless = b"citertools\ncount\n(K\x00tR";
    refused(&call("builtins SyntaxError", &[&text("m")[..], endless].concat()), "other types");
    refused(&call("builtins ExceptionGroup", &[&text("m")[..], endless].concat()), "other types");
    // The number of an `OSError` is hashed.
    let wide = [&b"K\x01\x85"[..], &b"2\x86".repeat(60)].concat();
    refused(&call("builtins OSError", &[&wide[..], &text("m")].concat()), "other types");
    let state = |name: &str, value: &[u8]| {
        let state = [b"}", &text(name)[..], value, b"s"].concat();
        with_state("builtins ValueError", &text("x"), &state)
    };
    built(&state("code", b"K\x05"));
    built(&state("__notes__", &[b"]", &text("note")[..], b"a"].concat()));
    built(&state("__cause__", b"cbuiltins\nKeyError\n)R"));
    for name in ["__class__", "__dict__", "__reduce__", "__setstate__"] {
        refused(&state(name, b"K\x05"), name);
    }
    refused(&state("__cause__", b"K\x05"), "__cause__");
    refused(&state("__traceback__", b"K\x05"), "__traceback__");
    refused(&state("args", b"]"), "args");
}

#[test]
fn states_are_those_that_the_class_writes() {
    let uuid = |name: &str, value: &[u8]| instance("uuid UUID", &[b"}", &text(name)[..], value, b"s"].concat());
    built(&uuid("int", b"K\x05"));
    refused(&uuid("int", b"J\xff\xff\xff\xff"), "UUID");
    refused(&uuid("int", &[&[0x8a, 17][..], &[0xff; 16], &[1]].concat()), "UUID");
    refused(&uuid("other", b"K\x05"), "state");
    let attribute =
        |global: &str, name: &str, value: &[u8]| instance(global, &[b"}", &text(name)[..], value, b"s"].concat());
    built(&attribute("collections UserDict", "data", b"}"));
    refused(&attribute("collections UserDict", "data", b"]"), "another type");
    refused(&attribute("collections UserDict", "__class__", b"]"), "__class__");
    refused(&attribute("string Template", "template", b"}"), "another type");
    let random = |words: usize, word: &[u8]| {
        let state = [b"(K\x03(", &word.repeat(words)[..], b"K\x00tNt"].concat();
        with_state("random Random", b"", &state)
    };
    built(&random(624, b"K\x01"));
    refused(&random(623, b"K\x01"), "625 numbers");
    refused(&random(624, b"J\xff\xff\xff\xff"), "out of range");
    refused(&call("random Random", b""), "state");
    let file = |value: &[u8], position: &[u8]| {
        instance("_io StringIO", &[b"(", value, &text("\n")[..], position, b"Nt"].concat())
    };
    built(&file(&text("abc"), b"K\x01"));
    refused(&file(&text("abc"), b"J\xff\xff\xff\x7f"), "position");
    refused(&file(b"]", b"K\x00"), "contents");
    let namespace = with_state("types SimpleNamespace", b"", &[b"}", &text("__class__")[..], b"K\x01s"].concat());
    refused(&namespace, "__class__");
}

#[test]
fn only_harmless_globals_are_values() {
    for global in ["builtins int", "datetime datetime", "builtins Ellipsis", "decimal Inexact", "__builtin__ long"] {
        let (module, name) = global.split_once(' ').expect("a module and a name");
        built(&[&text(module)[..], &text(name), b"\x93."].concat());
    }
    for global in
        ["builtins eval", "builtins type", "builtins getattr", "builtins open", "os system", "dill._dill loads"]
    {
        let (module, name) = global.split_once(' ').expect("a module and a name");
        assert!(!refusals(&[&text(module)[..], &text(name), b"\x93."].concat()).is_empty(), "{global}");
    }
    built(&call("dill._dill _load_type", &text("NoneType")));
    refused(&call("dill._dill _load_type", &text("CodeType")), "CodeType");
    built(&call("dill._dill _eval_repr", &text("range(0, 3)")));
    refused(&call("dill._dill _eval_repr", &text("exit()")), "exit()");
    refused(&call("types GenericAlias", b"cos\nsystem\n)"), "GenericAlias");
    refused(&call("dill._dill _create_weakproxy", b"\x8f"), "_create_weakproxy");
    built(&call("http HTTPStatus", b"K\xc8"));
    refused(&call("http HTTPStatus", b"K\x01"), "no member");
}

#[test]
fn a_long_argument_that_many_calls_share_is_looked_at_within_bounds() {
    let list = [&b"]("[..], &b"K\x01".repeat(10_000), b"e"].concat();
    let array = [&b"carray\narray\n\x94(X\x01\0\0\0b"[..], &list, b"\x94tR0"].concat();
    let again = b"(h\x00X\x01\0\0\0bh\x01\x86R1".repeat(2_000);
    refused(&[&array[..], &again, b"N."].concat(), "too many other calls");
    // Each call would copy it.
    let text = [&b"X\x10\x27\0\0"[..], &b"a".repeat(10_000), b"\x94"].concat();
    for (global, before, after) in [
        ("_codecs encode", &b"h\x01h\x00"[..], &b"\x86R0"[..]),
        ("builtins str.split", b"h\x01h\x00", b"X\x01\0\0\0b\x86R0"),
    ] {
        let (module, name) = global.split_once(' ').expect("a module and a name");
        let start = [&text[..], format!("c{module}\n{name}\n").as_bytes(), b"\x94"].concat();
        let latin: &[u8] = if name == "encode" { b"X\x06\0\0\0latin1" } else { b"" };
        let again = [before, latin, after].concat().repeat(2_000);
        refused(&[&start[..], &again, b"N."].concat(), "too many other calls");
    }
}

const DEFAULT_DICT: &[u8] = b"ccollections\ndefaultdict\n(cbuiltins\nlist\ntRK\x01";
/// A dtype of objects in slot 0, and the begin of an array of one of them, which ends with `atb`.
const OBJECTS: &[u8] =
    b"cnumpy\ndtype\n(X\x02\0\0\0O8\x89\x88tR(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tbq\x000";
const ARRAY: &[u8] = b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR(K\x01(K\x01th\x00\x89]";

fn nested(before: &[u8], after: &[u8], count: usize) -> Vec<u8> {
    [&before.repeat(count)[..], b"N", &after.repeat(count), b"."].concat()
}

#[test]
fn objects_that_python_deletes_by_recursion_are_nested_within_a_bound() {
    built(&nested(DEFAULT_DICT, b"s", 4_000));
    refused(&nested(DEFAULT_DICT, b"s", 4_002), "nested so deep");
    // With plain containers between them.
    refused(&nested(DEFAULT_DICT, b"\x85s", 4_002), "nested so deep");
    refused(&nested(&[DEFAULT_DICT, &b"]"[..]].concat(), b"as", 4_002), "nested so deep");
    // Side by side, or plain.
    built(&[&b"]"[..], &[DEFAULT_DICT, &b"Nsa"[..]].concat().repeat(9_000), b"."].concat());
    built(&nested(b"]", b"a", 100_000));
    built(&nested(b"ccollections\nOrderedDict\n)RK\x01", b"s", 20_000));
    built(&nested(b"ccollections\ndeque\n)R", b"a", 16_000));
    refused(&nested(b"ccollections\ndeque\n)R", b"a", 16_002), "nested so deep");
    // Arrays of objects, each the item of the next.
    let arrays = |count| [OBJECTS, &nested(ARRAY, b"atb", count)].concat();
    built(&arrays(1_000));
    refused(&arrays(1_002), "nested so deep");
    refused(&[OBJECTS, &nested(&[ARRAY, &b"]"[..]].concat(), b"aatb", 1_002)].concat(), "nested so deep");
}

#[test]
fn a_path_through_a_cyclic_graph_is_within_the_same_bound() {
    // Each holds the list that holds all of them.
    built(&[&b"]q\x00"[..], &[DEFAULT_DICT, &b"h\x00sa"[..]].concat().repeat(9_000), b"."].concat());
    // Two lists that hold all, and each holds both.
    let both = [DEFAULT_DICT, &b"h\x00h\x01\x86sq\x02ah\x01h\x02a0"[..]].concat();
    built(&[&b"]q\x00]q\x010"[..], &both.repeat(6_000), b"."].concat());
    let slot = |number: u32| [&b"r"[..], &number.to_le_bytes()].concat();
    let get = |number: u32| [&b"j"[..], &number.to_le_bytes()].concat();
    // A ring, and a ring in which each also leads to the one before it.
    for back in [false, true] {
        let ring = |count: u32| {
            let mut pickle = b"(".to_vec();
            (0..count).for_each(|number| pickle.extend([DEFAULT_DICT, &b"Ns"[..], &slot(number)].concat()));
            pickle.extend(b"l");
            for number in 0..count {
                pickle.extend([get(number), b"K\x02".to_vec(), get((number + 1) % count), b"s".to_vec()].concat());
                if back {
                    pickle.extend([b"K\x03".to_vec(), get((number + count - 1) % count), b"s".to_vec()].concat());
                }
                pickle.push(b'0');
            }
            pickle.push(b'.');
            pickle
        };
        built(&ring(4_000));
        refused(&ring(20_000), "nested so deep");
    }
}

#[test]
fn an_object_that_gets_its_value_later_is_no_key() {
    let string = instance("collections UserString", &[b"}", &text("data")[..], &text("x"), b"s"].concat());
    let string = &string[..string.len() - 1];
    built(&[b"]", string, b"a."].concat());
    for before_value in [&b""[..], b"\x85", b"\x85\x85"] {
        refused(&[b"}", string, before_value, b"K\x01s."].concat(), "gets its value only after");
    }
    refused(&[b"(", string, b"\x91."].concat(), "gets its value only after");
}
