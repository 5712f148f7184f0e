//! Whether a load that nobody vouches for would do more than build plain data: the verdict, and what only an object that
//! reads memory could do with plain data.
//!
//! numpy takes the memory of an array and the layout of its items from the pickle. An array of objects whose memory is
//! bytes, or a dtype that denies that it holds objects, makes addresses of numbers: seen with numpy 2.4. So classes and
//! states of numpy's must be such as numpy itself writes.

use super::machine::{Change, Machine};
use super::naming::Naming;
use super::node::{How, Kind, Leaf, Node, Ref, Value};
use super::opcode::Opcode;
use super::verdict::{Class, Verdict};

/// All that a load would do beyond building plain data, each with its place; nothing where it would do no more.
pub fn beyond_plain(bytes: &[u8]) -> Vec<(u64, String)> {
    let (machine, _) = match Machine::run(bytes) {
        Ok(done) => done,
        Err(error) => return vec![(0, format!("what cannot be followed ({error})"))],
    };
    let verdict = Verdict::of_bytes(bytes);
    let naming = Naming::new(&machine);
    if verdict.class != Class::Plain {
        let worst = verdict.findings.iter().filter(|finding| finding.class != Class::Plain);
        return worst.map(|finding| (finding.offset, format!("{} ({})", finding.callee, finding.why))).collect();
    }
    unsound(&machine, &naming).into_iter().map(|(at, what)| (at, what.to_owned())).collect()
}

/// What could make numpy read where there is nothing of its own.
fn unsound(machine: &Machine<'_>, naming: &Naming<'_, '_>) -> Vec<(u64, &'static str)> {
    let mut found = Vec::new();
    for node in machine.nodes() {
        for (index, item) in node.items.iter().enumerate() {
            if numpy_name(naming, *item).is_some_and(|name| !has_its_place(naming, node, index, name)) {
                found.push((node.end, "numpy.ndarray or numpy.dtype in an unusual place"));
            }
        }
        if is_dtype(naming, node) && node.state.is_some_and(|state| !is_sound_state(naming, node, state)) {
            found.push((node.end, "a numpy.dtype that numpy would not write"));
        }
    }
    for Change { target, opcode, items, at, .. } in machine.changes() {
        let node = machine.node(*target).filter(|node| *opcode == Opcode::Build && is_dtype(naming, node));
        if node.zip(items.first()).is_some_and(|(node, state)| !is_sound_state(naming, node, *state)) {
            found.push((*at, "a numpy.dtype that numpy would not write"));
        }
    }
    found
}

/// Whether a value is one of the two classes.
fn numpy_name(naming: &Naming<'_, '_>, value: Ref) -> Option<&'static str> {
    let value = naming.machine().resolve(value);
    let is_global = match naming.machine().value(value) {
        Value::Leaf(leaf) => matches!(leaf, Leaf::Global(..)),
        Value::Node(node) => matches!(node.kind, Kind::Global),
    };
    let (module, name) = is_global.then(|| naming.global(value)).flatten()?;
    match (module.as_ref(), name.as_ref()) {
        ("numpy", "ndarray") => Some("ndarray"),
        ("numpy", "dtype") => Some("dtype"),
        _ => None,
    }
}

/// `dtype(…)`; and `ndarray` as the class of what a helper makes, with a shape and a dtype at the most.
fn has_its_place(naming: &Naming<'_, '_>, node: &Node, index: usize, name: &str) -> bool {
    match node.kind {
        Kind::Call(How::Reduce) => index == 0 && name == "dtype",
        Kind::Tuple if index == 0 => name == "ndarray" && node.items.len() <= 3,
        // `_mareconstruct(MaskedArray, ndarray, (0,), b'b')`.
        Kind::Tuple if index == 1 => {
            let class = node.items.first().and_then(|class| naming.global(*class));
            name == "ndarray" && class.is_some_and(|(_, name)| name.as_ref() == "MaskedArray")
        }
        // The state of joblib's wrapper of an array says so what class that is; nothing can be taken out of a dict again.
        Kind::Dict => {
            let key = index.checked_sub(1).and_then(|key| node.items.get(key)).and_then(|key| naming.text(*key));
            name == "ndarray" && index % 2 == 1 && key.as_deref() == Some("subclass")
        }
        _ => false,
    }
}

fn is_dtype(naming: &Naming<'_, '_>, node: &Node) -> bool {
    let callee = node.items.first().filter(|_| matches!(node.kind, Kind::Call(_)));
    callee.is_some_and(|callee| numpy_name(naming, *callee) == Some("dtype"))
}

/// The flags of a dtype of objects: all that make numpy treat its items as references.
const OBJECT_FLAGS: i64 = 63;

/// Whether a state (version, byte order, subarray, names, fields, size, alignment, flags) tells the truth of what its dtype
/// holds: sizes that are its kind's own, and no objects but in a dtype of objects.
fn is_sound_state(naming: &Naming<'_, '_>, call: &Node, state: Ref) -> bool {
    let Some(Node { kind: Kind::Tuple, items, .. }) = naming.machine().node(state) else { return false };
    let &[_, _, subarray, names, fields, size, _, flags, ..] = items.as_slice() else { return false };

    let Some(code) = naming.argument(call, 0).and_then(|code| naming.text(code)) else { return false };
    let none = |value| matches!(naming.machine().value(value), Value::Leaf(Leaf::None));
    let (Some(size), Some(flags)) = (number(naming, size), number(naming, flags)) else { return false };
    if !none(subarray) {
        return false;
    }
    if none(names) && none(fields) {
        let of_any_size = code.starts_with(['S', 'U', 'V', 'a']);
        return match code.starts_with('O') {
            true => size == -1 && flags == OBJECT_FLAGS,
            false => size == -1 || (of_any_size && size >= 0 && declared_size(&code) == Some(size)),
        };
    }
    let Some(Node { kind: Kind::Dict, items: fields, .. }) = naming.machine().node(fields) else { return false };
    code.starts_with('V')
        && declared_size(&code) == Some(size)
        && fields.as_chunks::<2>().0.iter().all(|[_, field]| is_sound_field(naming, *field, size))
}

/// A field's dtype and offset: no objects, and within its item.
fn is_sound_field(naming: &Naming<'_, '_>, field: Ref, size: i64) -> bool {
    let Some(Node { kind: Kind::Tuple, items, .. }) = naming.machine().node(field) else { return false };
    let (Some(dtype), Some(offset)) = (items.first(), items.get(1).and_then(|offset| number(naming, *offset))) else {
        return false;
    };
    let Some(call) = naming.machine().node(*dtype).filter(|call| is_dtype(naming, call)) else { return false };
    let Some(code) = naming.argument(call, 0).and_then(|code| naming.text(code)) else { return false };
    let end = declared_size(&code).and_then(|length| length.checked_add(offset));
    !code.starts_with('O') && offset >= 0 && end.is_some_and(|end| end <= size)
}

/// The size in bytes that a code such as `f8` or `U10` tells. A character of `U` has four.
fn declared_size(code: &str) -> Option<i64> {
    let mut characters = code.chars();
    let kind = characters.next()?;
    let number: i64 = characters.as_str().parse().ok()?;
    if kind == 'U' { number.checked_mul(4) } else { Some(number) }
}

fn number(naming: &Naming<'_, '_>, value: Ref) -> Option<i64> {
    match naming.machine().value(value) {
        Value::Leaf(Leaf::Int(number)) => Some(number),
        _ => None,
    }
}
