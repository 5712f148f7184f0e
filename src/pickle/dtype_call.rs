//! The calls of `numpy.dtype` in a pickle, and their arguments.
//!
//! numpy pickles each dtype as such a call with a state. The description of arrays and the check for forged ones find
//! them here; [`dtype`](super::known::dtype) knows the codes.

use std::rc::Rc;

use super::explain::labels::Labels;
use super::known::is_dtype;
use super::machine::value::{Node, NodeKind, Ref};

/// The argument of `numpy.dtype`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DtypeSpec {
    /// A code.
    Code(Rc<str>),
    /// A class, by module and name: `numpy.record`, or a number type of another library.
    Class(Rc<str>, Rc<str>),
}

/// Whether this node is a call of `numpy.dtype`.
pub(super) fn is_dtype_call(labels: &Labels<'_, '_>, node: &Node) -> bool {
    let callee = node.items.first().filter(|_| matches!(node.kind, NodeKind::Call(_)));
    let callee = callee.and_then(|callee| labels.global(*callee));
    callee.is_some_and(|(module, name)| is_dtype(&module, &name))
}

pub(super) fn dtype_call<'m>(labels: &Labels<'m, '_>, dtype: Ref) -> Option<&'m Node> {
    labels.machine().node(dtype).filter(|call| is_dtype_call(labels, call))
}

/// The argument that decides the dtype; `None` if it is neither a string nor a global.
pub(super) fn spec_of(labels: &Labels<'_, '_>, call: &Node) -> Option<DtypeSpec> {
    // `dtype(spec, align, copy)`.
    let spec = labels.argument(call, 0)?;
    if let Some(code) = labels.string(spec) {
        return Some(DtypeSpec::Code(code));
    }
    labels.global(spec).map(|(module, name)| DtypeSpec::Class(module, name))
}
