//! What the makers of recipes ask of the machine: a call with its parts, and the values of its arguments.

use std::rc::Rc;

use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::value::{Added, Leaf, NodeKind, Ref, Value};

use super::array_recipe::ArrayMemo;

/// A call in the form in which recipes are made of it. `copyreg._reconstructor(C, object, None)`,
/// `copyreg.__newobj__(C, …)`, NEWOBJ and NEWOBJ_EX are all [`is_new`](Self::is_new) with `C` as the callee.
#[derive(Debug)]
pub(in crate::pickle) struct PlannedCall<'n> {
    /// The node of the call.
    pub node: Ref,
    /// The current module and name of the callee.
    pub module: Rc<str>,
    /// See [`module`](Self::module).
    pub name: Rc<str>,
    /// Whether only `__new__` of the class is called, and not the class.
    pub is_new: bool,
    /// The positional arguments.
    pub arguments: Vec<Ref>,
    /// Keyword arguments: names and values. Only NEWOBJ_EX has any.
    pub keywords: Vec<(Rc<str>, Ref)>,
    /// The state that BUILD gave it. The plan has checked that there is only one.
    pub state: Option<Ref>,
    /// The items that opcodes added to it.
    pub added: Option<&'n Added>,
}

/// Reads values of the machine for the makers of recipes.
pub(in crate::pickle) struct PlanContext<'m, 'a> {
    pub(super) labels: &'m Labels<'m, 'a>,
    /// What is known of the arrays and dtypes.
    pub(super) arrays: ArrayMemo<'a>,
}

impl<'m, 'a> PlanContext<'m, 'a> {
    pub(super) fn new(labels: &'m Labels<'m, 'a>) -> Self {
        Self { labels, arrays: ArrayMemo::default() }
    }

    /// The value of a reference.
    pub(in crate::pickle) fn value(&self, reference: Ref) -> Value<'m, 'a> {
        self.labels.machine().value(reference)
    }

    /// A string without surrogates.
    pub(in crate::pickle) fn text(&self, reference: Ref) -> Option<String> {
        match self.value(reference) {
            Value::Leaf(Leaf::Str(text)) => text.as_str().map(str::to_owned),
            _ => None,
        }
    }

    /// An integer of at most 64 bits. `bool` does not count.
    pub(in crate::pickle) fn int(&self, reference: Ref) -> Option<i64> {
        match self.value(reference) {
            Value::Leaf(Leaf::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// The items of a container of this kind, to which no opcode for another kind has added anything.
    pub(in crate::pickle) fn items(&self, reference: Ref, kind: NodeKind) -> Option<&'m [Ref]> {
        let node = self.labels.machine().node(reference)?;
        (node.kind == kind && node.state.is_none() && node.added.is_none()).then_some(node.items.as_slice())
    }

    /// The current module and name of a global.
    pub(in crate::pickle) fn global(&self, reference: Ref) -> Option<(Rc<str>, Rc<str>)> {
        self.labels.global(reference)
    }
}
