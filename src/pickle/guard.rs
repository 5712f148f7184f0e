//! Whether a load that nobody vouches for would do more than build plain data: the verdict, and what numpy itself would
//! not write.
//!
//! numpy takes the memory of an array and the layout of its items from the pickle. An array of objects whose memory is
//! bytes, a dtype that denies that it holds objects, or one that claims it of numbers, makes addresses of numbers: seen
//! with numpy 2.4. Such a lie is dangerous, and the [verdict](super::verdict) says so. What is only unusual is
//! refused where a load is guarded, and no more.

use super::machine::{Change, Machine};
use super::naming::Naming;
use super::node::{How, Kind, Leaf, Node, Ref, Value};
use super::opcode::Opcode;
use super::rules;
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
    unusual(&machine, &naming).into_iter().map(|(at, what)| (at, what.to_owned())).collect()
}

/// What numpy would not write.
fn unusual(machine: &Machine<'_>, naming: &Naming<'_, '_>) -> Vec<(u64, &'static str)> {
    let mut found = Vec::new();
    for node in machine.nodes() {
        for (index, item) in node.items.iter().enumerate() {
            if numpy_name(naming, *item).is_some_and(|name| !has_its_place(naming, node, index, name)) {
                found.push((node.end, "numpy.ndarray or numpy.dtype in an unusual place"));
            }
        }
        if dtype_state(naming, node).is_some_and(|told| told != Told::Truth) {
            found.push((node.end, "a numpy.dtype that numpy would not write"));
        }
    }
    found
}

/// The places where a dtype is told what is not so.
pub(super) fn lies(machine: &Machine<'_>, naming: &Naming<'_, '_>) -> Vec<u64> {
    let of_states = machine.nodes().iter().filter(|node| dtype_state(naming, node) == Some(Told::Lie));
    // A dtype is given its state once: a second one would change what was found to be the truth.
    let is_second = |change: &&Change| {
        let node = machine.node(change.target).filter(|_| change.opcode == Opcode::Build);
        node.is_some_and(|node| is_dtype(naming, node))
    };
    let second = machine.changes().iter().filter(is_second).map(|change| change.at);
    of_states.map(|node| node.end.saturating_sub(1)).chain(second).collect()
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

/// Whether this call makes a dtype.
pub(super) fn is_dtype(naming: &Naming<'_, '_>, node: &Node) -> bool {
    let callee = node.items.first().filter(|_| matches!(node.kind, Kind::Call(_)));
    let callee = callee.and_then(|callee| naming.global(*callee));
    callee.is_some_and(|(module, name)| rules::is_dtype(&module, &name))
}

/// The flags of a dtype of objects: all that make numpy treat its items as references.
const OBJECT_FLAGS: i64 = 63;
/// Those of them that numpy goes by when it takes or drops a reference, or follows a pointer.
const REFERENCES: i64 = 7;
/// Whether items are references (`NPY_ITEM_REFCOUNT`).
const REFERENCE: i64 = 1;

/// Whether a state says what its dtype is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// As numpy writes it.
    Truth,
    /// It may be so.
    Unknown,
    /// It is not so: numpy would read or drop what is not there.
    Lie,
}

/// What the state of a dtype (version, byte order, subarray, names, fields, size, alignment, flags) is worth.
fn dtype_state(naming: &Naming<'_, '_>, call: &Node) -> Option<Told> {
    let state = call.state.filter(|_| is_dtype(naming, call))?;
    let Some(Node { kind: Kind::Tuple, items, .. }) = naming.machine().node(state) else { return Some(Told::Unknown) };
    let &[_, _, subarray, names, fields, size, _, flags, ..] = items.as_slice() else { return Some(Told::Unknown) };
    let (Some(code), Some(size), Some(flags)) = (code(naming, call), naming.int(size), naming.int(flags)) else {
        return Some(Told::Lie);
    };
    let none = |value| naming.type_name(value).as_ref() == "NoneType";
    let told = match (none(subarray), none(names) && none(fields)) {
        (true, true) => simple(&code, size, flags),
        (true, false) => structured(naming, &code, fields, size, flags),
        (false, true) => subarrays(naming, &code, subarray, size, flags),
        (false, false) => None,
    };
    Some(told.unwrap_or(Told::Lie))
}

/// The code that a dtype is made of. Records name their class, and so do the numbers of another library; any other
/// class makes a dtype of objects.
fn code(naming: &Naming<'_, '_>, call: &Node) -> Option<std::rc::Rc<str>> {
    let code = naming.argument(call, 0)?;
    naming.text(code).or_else(|| match naming.global(code)? {
        (module, name) if (module.as_ref(), name.as_ref()) == ("numpy", "record") => Some("record".into()),
        (module, name) if module.as_ref() == "ml_dtypes" => Some(name),
        _ => None,
    })
}

fn simple(code: &str, size: i64, flags: i64) -> Option<Told> {
    if code.starts_with('O') {
        return (size == -1 && flags == OBJECT_FLAGS).then_some(Told::Truth);
    }
    let of_any_size = code.starts_with(['S', 'U', 'V', 'a']);
    let has_its_size = size == -1 || (of_any_size && size >= 0 && declared_size(code) == Some(size));
    let known = if rules::item_size(code).is_some() { Told::Truth } else { Told::Unknown };
    (flags & REFERENCES == 0 && has_its_size).then_some(known)
}

fn structured(naming: &Naming<'_, '_>, code: &str, fields: Ref, size: i64, flags: i64) -> Option<Told> {
    let Node { kind: Kind::Dict, items, .. } = naming.machine().node(fields)? else { return None };
    if code != "record" && !(code.starts_with('V') && declared_size(code) == Some(size)) {
        return None;
    }
    let mut holds_references = false;
    for [_, field] in items.as_chunks::<2>().0 {
        let Node { kind: Kind::Tuple, items, .. } = naming.machine().node(*field)? else { return None };
        let (length, references) = held(naming, *items.first()?)?;
        let offset = naming.int(*items.get(1)?)?;
        if offset < 0 || length.checked_add(offset)? > size {
            return None;
        }
        holds_references |= references;
    }
    if holds_references != (flags & REFERENCE != 0) {
        return None;
    }
    Some(if holds_references || code == "record" { Told::Unknown } else { Told::Truth })
}

fn subarrays(naming: &Naming<'_, '_>, code: &str, subarray: Ref, size: i64, flags: i64) -> Option<Told> {
    let Node { kind: Kind::Tuple, items, .. } = naming.machine().node(subarray)? else { return None };
    let &[base, shape] = items.as_slice() else { return None };
    let (length, references) = held(naming, base)?;
    let lengths = match naming.machine().node(shape) {
        Some(Node { kind: Kind::Tuple, items, .. }) => items.as_slice(),
        _ => &[shape],
    };
    let whole = lengths
        .iter()
        .try_fold(length, |whole, length| whole.checked_mul(naming.int(*length).filter(|length| *length >= 0)?))?;
    // A subarray of objects has flags of either kind: its base goes by its own.
    let tells = references || flags & REFERENCES == 0;
    (code.starts_with('V') && whole == size && declared_size(code) == Some(size) && tells).then_some(Told::Unknown)
}

/// The size of a dtype, and whether it holds references.
fn held(naming: &Naming<'_, '_>, dtype: Ref) -> Option<(i64, bool)> {
    let call = naming.machine().node(dtype).filter(|call| is_dtype(naming, call))?;
    let code = code(naming, call)?;
    let state = call.state.and_then(|state| naming.machine().node(state));
    let told = |index: usize| state.and_then(|state| naming.int(*state.items.get(index)?));
    let size = if code.as_ref() == "record" { told(5)? } else { declared_size(&code).or_else(|| told(5))? };
    Some((size, code.starts_with('O') || told(7).is_some_and(|flags| flags & REFERENCE != 0)))
}

/// The size in bytes that a code such as `f8` or `U10` tells. A character of `U` has four.
fn declared_size(code: &str) -> Option<i64> {
    let mut characters = code.chars();
    let kind = characters.next()?;
    let number: i64 = characters.as_str().parse().ok()?;
    if kind == 'U' { number.checked_mul(4) } else { Some(number) }
}
