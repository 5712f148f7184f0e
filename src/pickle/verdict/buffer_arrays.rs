//! Arrays over a buffer that other arrays share: `numpy.ndarray(shape, dtype, buffer, offset, strides)`.
//!
//! numpy checks that the elements lie within the buffer, but its sums may overflow, it takes numbers for objects if the
//! dtype says so, and it does not notice when the buffer is resized or freed later. Such calls are judged here.

use std::collections::HashSet;

use super::forged_arrays::plain_item_size;
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};

const MAX_DIMENSIONS: usize = 64;
/// More than the memory of any machine, and small enough that sums of such numbers do not overflow.
const MAX_BYTES: i64 = 1 << 47;

/// Whether this is an array whose elements numpy can only take from its buffer.
pub(super) fn is_within_buffer(labels: &Labels<'_, '_>, node: &Node) -> bool {
    check(labels, node, true).is_some()
}

/// The offsets at which a buffer is changed that arrays use.
pub(super) fn changed_buffers(labels: &Labels<'_, '_>) -> Vec<u64> {
    let machine = labels.machine();
    let arrays = machine.nodes().iter().filter(|node| is_array_call(labels, node));
    let buffers: HashSet<Ref> =
        arrays.filter_map(|node| Some(machine.resolve(*arguments(labels, node)?.get(2)?))).collect();
    if buffers.is_empty() {
        return Vec::new();
    }
    // A buffer that is an array could be given other memory by a state.
    let filled = buffers.iter().filter_map(|buffer| machine.node(*buffer));
    let filled = filled.filter(|node| node.state().is_some() || node.added().is_some());
    let filled = filled.map(|node| node.end().saturating_sub(1));
    let changes = machine.changes().iter().filter(|change| buffers.contains(&machine.resolve(change.target)));
    filled.chain(changes.map(|change| change.at)).collect()
}

fn is_array_call(labels: &Labels<'_, '_>, node: &Node) -> bool {
    let class = node.items.first().filter(|_| node.kind == NodeKind::Call(CallKind::NewObj));
    let class = class.and_then(|class| labels.global(*class));
    class.is_some_and(|(module, name)| module.as_ref() == "numpy" && name.as_ref() == "ndarray")
}

fn arguments<'m>(labels: &Labels<'m, '_>, node: &Node) -> Option<&'m [Ref]> {
    items_of_tuple(labels, *node.items.get(1)?)
}

fn items_of_tuple<'m>(labels: &Labels<'m, '_>, tuple: Ref) -> Option<&'m [Ref]> {
    match labels.machine().node(tuple) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) => Some(items),
        _ => None,
    }
}

fn check(labels: &Labels<'_, '_>, node: &Node, may_be_view: bool) -> Option<()> {
    let &[shape, dtype, buffer, offset, strides] = arguments(labels, node).filter(|_| is_array_call(labels, node))?
    else {
        return None;
    };
    let numbers = |tuple| -> Option<Vec<i64>> {
        let items = items_of_tuple(labels, tuple).filter(|items| items.len() <= MAX_DIMENSIONS)?;
        items.iter().map(|item| labels.int(*item).filter(|number| number.abs() <= MAX_BYTES)).collect()
    };
    let (shape, strides) = (numbers(shape)?, numbers(strides)?);
    let first = labels.int(offset).filter(|offset| (0..=MAX_BYTES).contains(offset))?;
    // Without strides of the right number, numpy's check is another one.
    if shape.len() != strides.len() {
        return None;
    }
    let (mut start, mut end) = (first, first.checked_add(plain_item_size(labels, dtype)?)?);
    let mut count: i64 = 1;
    for (length, stride) in shape.iter().zip(&strides) {
        count = count.checked_mul(*length).filter(|count| (0..=MAX_BYTES).contains(count))?;
        let reach = stride.checked_mul(length.saturating_sub(1).max(0))?;
        let part = if reach < 0 { &mut start } else { &mut end };
        *part = part.checked_add(reach).filter(|at| at.abs() <= MAX_BYTES)?;
    }
    let length = buffer_length(labels, buffer, may_be_view)?;
    (start >= 0 && length.is_none_or(|length| end <= length)).then_some(())
}

/// The length of a buffer. `Some(None)` if numpy knows it and this check does not: for a buffer outside of the opcodes.
fn buffer_length(labels: &Labels<'_, '_>, buffer: Ref, may_be_view: bool) -> Option<Option<i64>> {
    match labels.machine().value(buffer) {
        Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => i64::try_from(bytes.len()).ok().map(Some),
        // A segment that is not loaded has None in its slots.
        Value::Leaf(Leaf::Buffer | Leaf::Earlier(_)) => Some(None),
        // The base of a view, whose own buffer must not be an array again.
        Value::Node(node) if may_be_view => check(labels, node, false).map(|()| None),
        _ => None,
    }
}
