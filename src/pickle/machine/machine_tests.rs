//! Tests of the machine: on pickles that Python wrote, on broken ones, and on bombs.

use super::value::{Leaf, Ref, Value};
use super::{MAX_MARKS, Machine, MachineError};
use crate::pickle::explain::named_previews::PlaceName;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{ParseError, Parser};
use crate::pickle::passes::stack_check::StackCheck;
use crate::pickle::samples;
use crate::pickle::work_budget::WorkBudget;

fn error(bytes: &[u8]) -> Option<MachineError> {
    Machine::run(bytes).err()
}

/// A value as a string, with memo references followed, to a depth that no sample has.
fn shown(machine: &Machine<'_>, value: Ref, depth: usize) -> String {
    let all = |items: &[Ref]| items.iter().map(|item| shown(machine, *item, depth + 1)).collect::<Vec<_>>().join(" ");
    match machine.value(value) {
        _ if depth > 8 => "…".to_owned(),
        Value::Leaf(Leaf::Str(string)) => string.lossy().into_owned(),
        Value::Leaf(Leaf::Int(value)) => value.to_string(),
        Value::Leaf(Leaf::Global(module, name)) => format!("Global({} {})", module.lossy(), name.lossy()),
        Value::Leaf(leaf) => format!("{leaf:?}"),
        Value::Node(node) => {
            let state =
                node.state().map_or_else(String::new, |state| format!(" state {}", shown(machine, state, depth + 1)));
            let added = node
                .added()
                .as_ref()
                .map_or_else(String::new, |added| format!(" added {}|{}", all(&added.items), all(&added.pairs)));
            format!("{:?}({}{state}{added})", node.kind, all(&node.items))
        }
    }
}

fn run(bytes: &[u8]) -> String {
    let (machine, value) = Machine::run(bytes).expect("a pickle");
    shown(&machine, value, 0)
}

#[test]
fn all_protocols_make_the_same_values() {
    let expected = "Dict(a 1 b List(Float(1.5) None Bool(true)) c Tuple(x LargeInt) d Dict(k -1))";
    for pickle in samples::DICTS {
        assert_eq!(run(pickle), expected);
    }
}

#[test]
fn calls_have_callee_arguments_and_state() {
    assert_eq!(
        run(b"\x80\x02c__main__\nThing\n)\x81}X\x01\0\0\0xK\x01sb."),
        "Call(NewObj)(Global(__main__ Thing) Tuple() state Dict(x 1))"
    );
    assert_eq!(
        run(b"\x80\x04\x8c\x01m\x8c\x01n\x93K\x01\x85R(K\x02K\x03e\x8c\x01kK\x04s."),
        "Call(Reduce)(Global(m n) Tuple(1) added 2 3|k 4)"
    );
    assert_eq!(run(b"(\x8c\x01m\x8c\x01n\x93K\x01o."), "Call(Instance)(Global(m n) Tuple(1))");
    assert_eq!(run(b"\x8c\x01m\x8c\x01n\x93)}\x92."), "Call(NewObjEx)(Global(m n) Tuple() Dict())");
}

#[test]
fn the_stack_behaves_as_in_cpython() {
    assert_eq!(run(b"K\x01K\x022\x87."), "Tuple(1 2 2)");
    assert_eq!(run(b"K\x01K\x020."), "1");
    assert_eq!(run(b"K\x01(0."), "1");
    assert_eq!(run(b"K\x01(K\x02K\x031."), "1");
    assert_eq!(run(b"\x8f(K\x01K\x02\x90."), "Set(1 2)");
    assert_eq!(run(b"(K\x01\x91."), "FrozenSet(1)");
    assert_eq!(run(b"(K\x01K\x02d."), "Dict(1 2)");
    assert_eq!(run(b"(K\x01l."), "List(1)");
    assert_eq!(run(b"\x97\x98."), "Buffer");
    assert_eq!(run(b"K\x01Q."), "Persistent(1)");
    assert_eq!(run(b"\x82\x07."), "Extension(7)");
}

#[test]
fn spans_cover_the_opcodes_that_made_a_value() {
    let (machine, value) = Machine::run(b"\x80\x04](K\x01\x8c\x02ab\x94\x85eN0.").expect("a pickle");
    assert_eq!(machine.span(value), (2, 13));
    let Value::Node(list) = machine.value(value) else { panic!("a list") };
    assert_eq!(list.items.iter().map(|item| machine.span(*item)).collect::<Vec<_>>(), [(4, 6), (6, 12)]);
}

#[test]
fn shared_values_keep_their_identity_and_their_span() {
    let (machine, value) = Machine::run(b"(]\x94h\x00h\x00K\x01at.").expect("a pickle");
    let Value::Node(tuple) = machine.value(value) else { panic!("a tuple") };
    let [first, second, third] = [0, 1, 2].map(|index| tuple.items[index]);
    assert!(machine.resolve(second) == first && machine.resolve(third) == first);
    // An item that is added through the memo does not lengthen the list's own span.
    assert_eq!((machine.span(first), machine.span(second)), ((1, 3), (3, 5)));
    assert_eq!(shown(&machine, first, 0), "List(1)");
}

#[test]
fn a_list_may_hold_itself() {
    assert!(run(samples::CYCLE).starts_with("List(List(List("));
}

#[test]
fn changes_of_values_without_a_node_are_kept() {
    let (machine, _) = Machine::run(b"\x80\x02cm\nC\n}b.").expect("a pickle");
    let changes: Vec<_> =
        machine.changes().iter().map(|change| (change.at, change.opcode, change.items.len())).collect();
    assert_eq!(changes, [(8, Opcode::Build, 1)]);
}

#[test]
fn each_way_to_fail_has_its_error() {
    assert_eq!(error(b"."), Some(MachineError::Underflow { at: 0, opcode: Opcode::Stop }));
    assert_eq!(error(b"K\x01(R."), Some(MachineError::Underflow { at: 3, opcode: Opcode::Reduce }));
    assert_eq!(error(b"(e."), Some(MachineError::Underflow { at: 1, opcode: Opcode::Appends }));
    assert_eq!(error(b"(o."), Some(MachineError::Underflow { at: 1, opcode: Opcode::Obj }));
    assert_eq!(error(b"0."), Some(MachineError::Underflow { at: 0, opcode: Opcode::Pop }));
    assert_eq!(error(b"K\x01t."), Some(MachineError::NoMark { at: 2, opcode: Opcode::Tuple }));
    assert_eq!(error(b"(K\x01d."), Some(MachineError::OddItems { at: 3, opcode: Opcode::Dict }));
    assert_eq!(error(b"}(K\x01u."), Some(MachineError::OddItems { at: 4, opcode: Opcode::SetItems }));
    assert_eq!(error(b"h\x05."), Some(ParseError::EmptyMemo { at: 0, index: 5 }.into()));
    assert_eq!(error(b"N"), Some(ParseError::NoStop { end: 1 }.into()));
}

#[test]
fn segments_refer_to_earlier_ones() {
    let bytes = b"\x8c\x01x]\x94(h\x00h\x03es";
    let budget = WorkBudget::new(0, None);
    let (machine, name, value) = Machine::run_segment(bytes, 500, 3, &budget).expect("a segment");
    assert_eq!(shown(&machine, name, 0), "x");
    assert_eq!(shown(&machine, value, 0).get(..20), Some("List(Earlier(0) List"));
    assert_eq!(machine.span(value), (503, 511));
    assert!(Machine::run_segment(b"\x8c\x01xK\x01", 0, 0, &budget).is_err());
    assert!(Machine::run_segment(b"K\x01K\x02sK\x01K\x02s", 0, 0, &budget).is_err());
    assert!(Machine::run_segment(b"0K\x01", 0, 0, &budget).is_err());
}

#[test]
fn a_nest_half_a_million_deep_is_followed() {
    let mut bytes = vec![b']'; 500_000];
    bytes.extend(vec![b'a'; 499_999]);
    bytes.push(b'.');
    let (machine, value) = Machine::run(&bytes).expect("a pickle");
    assert_eq!((machine.nodes().len(), machine.span(value)), (500_000, (0, 999_999)));
}

#[test]
fn a_pickle_that_would_expand_stays_small() {
    // Each level holds the one below twice: 2 to the 10,000 strings.
    let mut bytes = b"X\x03\0\0\0lol".to_vec();
    bytes.extend(b"2\x86".repeat(10_000));
    bytes.push(b'.');
    let (machine, _) = Machine::run(&bytes).expect("a pickle");
    assert_eq!(machine.nodes().len(), 10_000);
}

#[test]
fn a_bomb_of_marks_runs_into_the_limit() {
    let bytes = vec![b'('; MAX_MARKS + 1];
    let expected = MachineError::TooLarge { at: MAX_MARKS as u64, what: "marks", limit: MAX_MARKS };
    // Without values, there is nothing but the marks to pay for.
    assert_eq!(Machine::run_with(&bytes, &WorkBudget::unlimited()).err(), Some(expected.clone()));
    assert!(matches!(error(&bytes), Some(MachineError::OverBudget(_))));
    let mut check = StackCheck::new(0, 0);
    let counted: Result<(), MachineError> = Parser::new(&bytes).try_for_each(|op| check.step(&op?));
    assert_eq!(counted, Err(expected));
}

#[test]
fn bombs_run_into_the_limit_of_memory_whatever_grows() {
    // Objects, items of the stack, changes of an import, added items, replaced memo slots, tuples.
    let bombs: [(&[u8], &[u8]); 6] = [
        (b"", b")"),
        (b"", b"N"),
        (b"cm\nn\n", b"Nb"),
        (b"cm\nn\n)\x81", b"NNs"),
        (b"NN", b"q\x000q\x01N"),
        (b"", b"NNN\x87"),
    ];
    for (head, repeated) in bombs {
        let bytes = [head, &repeated.repeat((24 << 20) / repeated.len())].concat();
        let budget = WorkBudget::new(0, None);
        assert!(matches!(Machine::run_with(&bytes, &budget), Err(MachineError::OverBudget(_))), "{repeated:?}");
        assert!(budget.is_spent());
    }
}

#[test]
fn a_run_gives_back_what_only_it_needs() {
    let bytes = [b"(".as_slice(), &b"K\x01".repeat(1 << 20), b"l."].concat();
    let budget = WorkBudget::new(1 << 30, None);
    let left = budget.memory_left();
    let (machine, _) = Machine::run_with(&bytes, &budget).expect("a pickle");
    let paid = left - budget.memory_left();
    assert!(paid < 10 << 20, "{paid}");
    assert_eq!(machine.nodes()[0].items.len(), 1 << 20);
}

#[test]
fn a_gap_in_the_memo_is_noted_if_no_pickler_leaves_it() {
    let far = |bytes: &[u8]| Machine::run(bytes).map(|(machine, _)| machine.far_slot().map(|slot| slot.index));
    assert_eq!(far(b"]r\x00\xc2\xeb\x0b."), Ok(Some(200_000_000)));
    assert_eq!(far(b"]p2147483647\n."), Ok(Some(2_147_483_647)));
    assert_eq!(far(b"]q\xff."), Ok(None));
    assert_eq!(far(b"]r\x00\x00\x0f\x00."), Ok(None));
}

#[test]
fn a_long_string_that_is_used_often_is_not_decoded() {
    let mut bytes = b"X\x00\x00\x10\x00".to_vec();
    bytes.extend(vec![b'a'; 1 << 20]);
    bytes.extend(b"2\x850".repeat(100_000));
    bytes.push(b'.');
    let (machine, _) = Machine::run(&bytes).expect("a pickle");
    assert_eq!(machine.decoded_bytes(), 0);
}

#[test]
fn damaged_pickles_do_not_panic() {
    for pickle in samples::all() {
        for length in 0..pickle.len() {
            assert!(Machine::run(pickle.get(..length).unwrap_or_default()).is_err());
        }
        for damaged in samples::flipped(pickle, 500) {
            let _ = samples::outline(&damaged);
            let _ = crate::pickle::passes::scan::scan_segment(&damaged, 3);
            if let Ok((machine, value)) = Machine::run(&damaged) {
                let labels = crate::pickle::explain::labels::Labels::new(&machine);
                let _ = crate::pickle::explain::trace_tree::trace_value(&labels, value, "damaged", PlaceName::Argument);
            }
        }
    }
}

#[test]
fn a_node_is_as_small_as_a_small_file_with_many_needs() {
    assert!(size_of::<super::value::Node>() <= 40);
}
