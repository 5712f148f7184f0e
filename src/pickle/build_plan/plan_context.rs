//! What the makers of recipes ask of the machine: a call with its parts, and the values of its arguments.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::planned_call::planned_call;
use super::recipe_table::RecipeTable;
use super::{BufferFacts, Recipe, Refused};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::current_name;
use crate::pickle::machine::value::{Added, Leaf, NodeKind, Ref, Value};

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
    /// The base of `copyreg._reconstructor(C, base, value)` if it is not `object`: a built-in type, whose `__new__`
    /// and `__init__` get the only argument. Only recipes of instances are asked for such calls.
    pub base: Option<Rc<str>>,
    /// The state that BUILD gave it. The plan has checked that there is only one.
    pub state: Option<Ref>,
    /// The items that opcodes added to it.
    pub added: Option<&'n Added>,
}

/// Reads values of the machine for the makers of recipes.
pub(in crate::pickle) struct PlanContext<'m, 'a> {
    pub(super) labels: &'m Labels<'m, 'a>,
    pub(super) recipes: &'m RecipeTable<'a>,
    pub(super) buffers: &'m [(u64, BufferFacts)],
    /// By the first argument, as a resolved reference: the calls whose results are dropped.
    pub(super) effects: &'m HashMap<Ref, Vec<Ref>>,
    pub(super) consumed: &'m RefCell<Vec<Ref>>,
    /// The bytes that arrays copy.
    pub(super) copied: &'m Cell<u64>,
    /// How many more items of arguments may be looked at.
    pub(super) budget: &'m Cell<u64>,
}

/// How often the recipes may look at an item of an argument, for each byte of the pickle. An honest pickle has each
/// argument once; a hostile one can refer to the same list in a million calls.
pub(super) const LOOKS_PER_BYTE: u64 = 16;
/// How often they may look at one in any pickle.
pub(super) const FREE_LOOKS: u64 = 1 << 22;

impl<'m, 'a> PlanContext<'m, 'a> {
    /// The value of a reference.
    pub(in crate::pickle) fn value(&self, reference: Ref) -> Value<'m, 'a> {
        self.labels.machine().value(reference)
    }

    /// Accounts for looking at this many items or bytes of an argument.
    ///
    /// # Errors
    /// If too many calls share long arguments.
    pub(in crate::pickle) fn spend(&self, items: usize) -> Result<(), Refused> {
        let left = self.budget.get().checked_sub(items as u64);
        self.budget.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| "shares a long argument with too many other calls".to_owned())
    }

    /// The same reference for all references to one object.
    pub(in crate::pickle) fn resolve(&self, reference: Ref) -> Ref {
        self.labels.machine().resolve(reference)
    }

    /// The single opcode that makes a value, without decoding its argument.
    pub(in crate::pickle) fn opcode(&self, reference: Ref) -> Option<Opcode> {
        self.labels.machine().opcode(reference)
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
        (node.kind == kind && node.state.is_none() && node.added.is_none()).then_some(&node.items[..])
    }

    /// The current module and name of a global.
    pub(in crate::pickle) fn global(&self, reference: Ref) -> Option<(Rc<str>, Rc<str>)> {
        let (module, name) = self.labels.global(reference)?;
        let (module, name) = current_name(&module, &name);
        Some((module.into(), name.into()))
    }

    /// The recipe of a call whose opcodes end before those of the one that is asked for now.
    pub(in crate::pickle) fn recipe(&self, reference: Ref) -> Option<&'m Recipe<'a>> {
        self.recipes.get(self.resolve(reference).node_index()?)
    }

    /// The memory that a NEXT_BUFFER pushes; `None` for any other value.
    pub(in crate::pickle) fn buffer(&self, reference: Ref) -> Option<BufferFacts> {
        let offset = self.resolve(reference).leaf_offset()?;
        let found = self.buffers.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        self.buffers.get(found).map(|(_, facts)| *facts)
    }

    /// The calls with this object as their first argument whose results are dropped, so that they are made for their
    /// effect: `ndarray.setflags(array, False)`. A recipe that carries such a call out must
    /// [consume](Self::consume) it.
    pub(in crate::pickle) fn effects_on(&self, reference: Ref) -> &'m [Ref] {
        self.effects.get(&self.resolve(reference)).map_or(&[], Vec::as_slice)
    }

    /// Callee and arguments of a call; `None` for other values, and for a call with arguments that are not a plain
    /// tuple.
    pub(in crate::pickle) fn call(&self, reference: Ref) -> Option<PlannedCall<'m>> {
        planned_call(self.labels, self.resolve(reference)).ok()
    }

    /// Notes that the recipe that is made now has checked a call and makes use of it, so that the call needs no recipe
    /// of its own. It is refused all the same if something else refers to the object.
    pub(in crate::pickle) fn consume(&self, call: Ref) {
        self.consumed.borrow_mut().push(self.resolve(call));
    }
}
