//! Arrays and dtypes that numpy would not have written.
//!
//! numpy takes the buffer of an array and the layout of its items from the pickle. An array of objects over a buffer of
//! bytes, a dtype that denies holding objects, or one that claims to hold objects where there are numbers, turns
//! numbers in the file into addresses: seen with numpy 2.4. A dtype that is surely forged is dangerous, and the verdict
//! says so. An untrusted load builds neither: see [`build_plan`](crate::pickle::build_plan).

use std::rc::Rc;

use crate::pickle::dtype_call::{DtypeSpec, dtype_call, is_dtype_call, spec_of};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::dtype::{DtypeState, OBJECT_FLAGS, POINTER_FLAGS, REFERENCE_FLAG, declared_size, item_size};
use crate::pickle::machine::ObjectChange;
use crate::pickle::machine::value::{Node, NodeKind, Ref};

/// Whether the state of a dtype fits the code that it is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DtypeCheck {
    /// numpy writes this state for this code.
    Valid,
    /// The code is not known, or does not determine the whole layout.
    Unknown,
    /// numpy would read or free memory that is not there.
    Forged,
}

/// The cost of examining a field, in steps of the machine.
const STEPS_FOR_FIELD: u64 = 64;

/// The offsets at which a dtype is given a state that does not fit it.
pub(super) fn forged_dtypes(labels: &Labels<'_, '_>) -> Vec<u64> {
    let machine = labels.machine();
    // The offset of a finding is the offset of the BUILD, which is the last opcode of the node.
    let forged = machine.nodes().iter().filter(|node| check_state(labels, node) == Some(DtypeCheck::Forged));
    // numpy gives a dtype its state once: a second one would change the checked values.
    let is_second_state = |change: &&ObjectChange| {
        let node = machine.node(change.target).filter(|_| change.opcode == Opcode::Build);
        node.is_some_and(|node| is_dtype_call(labels, node))
    };
    let second = machine.changes().iter().filter(is_second_state).map(|change| change.at);
    forged.map(|node| node.end().saturating_sub(1)).chain(second).collect()
}

/// Whether instances of this class are dtypes of numpy.
pub(super) fn is_dtype_class(module: &str, name: &str) -> bool {
    (module == "numpy" && name == "dtype") || (module.starts_with("numpy") && name.ends_with("DType"))
}

/// Checks the state of a dtype. `None` for other nodes, and for a dtype without a state.
fn check_state(labels: &Labels<'_, '_>, call: &Node) -> Option<DtypeCheck> {
    let state = call.state().filter(|_| is_dtype_call(labels, call))?;
    let Some(Node { kind: NodeKind::Tuple, items, .. }) = labels.machine().node(state) else {
        return Some(DtypeCheck::Unknown);
    };
    let Some(DtypeState { subarray, names, fields, size, flags, .. }) = DtypeState::of(items) else {
        return Some(DtypeCheck::Unknown);
    };
    let (Some(code), Some(size), Some(flags)) = (code(labels, call), labels.int(size), labels.int(flags)) else {
        return Some(DtypeCheck::Forged);
    };
    // The number types of `ml_dtypes` state their size: 1 or 2 bytes.
    if let Some(DtypeSpec::Class(module, _)) = spec_of(labels, call)
        && module.as_ref() == "ml_dtypes"
    {
        let is_number = flags & POINTER_FLAGS == 0 && (1..=2).contains(&size);
        return Some(if is_number { DtypeCheck::Unknown } else { DtypeCheck::Forged });
    }
    // A dtype is one of three kinds: a plain one, one with fields, or one of subarrays.
    let is_none = |value| labels.type_name(value).as_ref() == "NoneType";
    let check = match (is_none(subarray), is_none(names) && is_none(fields)) {
        (true, true) => check_simple(&code, size, flags),
        (true, false) => check_fields(labels, &code, fields, size, flags),
        (false, true) => check_subarray(labels, &code, subarray, size, flags),
        (false, false) => None,
    };
    Some(check.unwrap_or(DtypeCheck::Forged))
}

/// The code that a dtype is made of. Records have their class instead, and so do the number types of `ml_dtypes`; any
/// other class makes a dtype of objects.
fn code(labels: &Labels<'_, '_>, call: &Node) -> Option<Rc<str>> {
    match spec_of(labels, call)? {
        DtypeSpec::Code(code) => Some(code),
        DtypeSpec::Class(module, name) if (module.as_ref(), name.as_ref()) == ("numpy", "record") => {
            Some("record".into())
        }
        DtypeSpec::Class(module, name) => (module.as_ref() == "ml_dtypes").then_some(name),
    }
}

/// A dtype without fields. `None` if it is forged, as for the other kinds.
fn check_simple(code: &str, size: i64, flags: i64) -> Option<DtypeCheck> {
    if code.starts_with('O') {
        return (size == -1 && flags == OBJECT_FLAGS).then_some(DtypeCheck::Valid);
    }
    // A size of -1 means that the code determines the size.
    // Only the sizes of strings, bytes and void vary; `a` is an old name of `S`.
    let of_any_size = code.starts_with(['S', 'U', 'V', 'a']);
    let has_its_size = size == -1 || (of_any_size && size >= 0 && declared_size(code) == Some(size));
    let check = if item_size(code).is_some() { DtypeCheck::Valid } else { DtypeCheck::Unknown };
    (flags & POINTER_FLAGS == 0 && has_its_size).then_some(check)
}

/// A structured dtype: its fields must lie within its size, and it must say whether one of them holds objects.
fn check_fields(labels: &Labels<'_, '_>, code: &str, fields: Ref, size: i64, flags: i64) -> Option<DtypeCheck> {
    let Node { kind: NodeKind::Dict, items, .. } = labels.machine().node(fields)? else { return None };
    // numpy writes every structured dtype as `V` and its size, or as the class `numpy.record`.
    if code != "record" && !(code.starts_with('V') && declared_size(code) == Some(size)) {
        return None;
    }
    let mut holds_references = false;
    for [_, field] in items.as_chunks::<2>().0 {
        // Many dtypes may have one dict of fields.
        if labels.machine().budget().steps(STEPS_FOR_FIELD) {
            return None;
        }
        let Node { kind: NodeKind::Tuple, items, .. } = labels.machine().node(*field)? else { return None };
        let (length, references) = layout(labels, *items.first()?)?;
        let offset = labels.int(*items.get(1)?)?;
        // numpy would read the field beyond the end of the item.
        if offset < 0 || length.checked_add(offset)? > size {
            return None;
        }
        holds_references |= references;
    }
    // Without the flag numpy does not count references to the objects in the fields; with it, it takes numbers for
    // objects.
    if holds_references != (flags & REFERENCE_FLAG != 0) {
        return None;
    }
    Some(if holds_references || code == "record" { DtypeCheck::Unknown } else { DtypeCheck::Valid })
}

/// A dtype of subarrays: (base dtype, shape).
fn check_subarray(labels: &Labels<'_, '_>, code: &str, subarray: Ref, size: i64, flags: i64) -> Option<DtypeCheck> {
    let Node { kind: NodeKind::Tuple, items, .. } = labels.machine().node(subarray)? else { return None };
    let &[base, shape] = items.as_slice() else { return None };
    let (length, references) = layout(labels, base)?;
    // A shape of one axis may be a plain number.
    let lengths = match labels.machine().node(shape) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) => items.as_slice(),
        _ => &[shape],
    };
    let whole = lengths
        .iter()
        .try_fold(length, |whole, length| whole.checked_mul(labels.int(*length).filter(|length| *length >= 0)?))?;
    // A subarray of objects may have any flags: numpy uses the flags of its base.
    let has_flags = references || flags & POINTER_FLAGS == 0;
    let has_size = code.starts_with('V') && whole == size && declared_size(code) == Some(size);
    (has_size && has_flags).then_some(DtypeCheck::Unknown)
}

/// The size of an item of a dtype that holds no references and is not forged.
pub(super) fn plain_item_size(labels: &Labels<'_, '_>, dtype: Ref) -> Option<i64> {
    let is_sound = match check_state(labels, dtype_call(labels, dtype)?) {
        Some(check) => check != DtypeCheck::Forged,
        // A dtype without a state is defined by its code.
        None => true,
    };
    let (size, holds_references) = layout(labels, dtype).filter(|_| is_sound)?;
    (size > 0 && !holds_references).then_some(size)
}

/// The size of a dtype in bytes, and whether it holds references.
fn layout(labels: &Labels<'_, '_>, dtype: Ref) -> Option<(i64, bool)> {
    let call = dtype_call(labels, dtype)?;
    let code = code(labels, call)?;
    let state = call.state().and_then(|state| labels.machine().node(state));
    let in_state = |index: usize| state.and_then(|state| labels.int(*state.items.get(index)?));
    // A record has its size in the state only.
    let declared = if code.as_ref() == "record" { None } else { declared_size(&code) };
    let size = declared.or_else(|| in_state(5))?;
    Some((size, code.starts_with('O') || in_state(7).is_some_and(|flags| flags & REFERENCE_FLAG != 0)))
}
