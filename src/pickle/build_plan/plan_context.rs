//! Gives the makers of recipes a view of the machine: a call with its parts, and the values of its arguments.
//!
//! They see the machine only through a [`PlanContext`]. So every read of a container is counted: the container must not
//! change after the call that is planned ([`read_times`](super::read_times)), and the read has a cost, as many calls
//! can share the container.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::key_limits::KeyLimits;
use super::key_work::KeyWork;
use super::planned_call::planned_call;
use super::read_times::{ChangeTimes, ReadTimes};
use super::recipe_table::RecipeTable;
use super::value_recipe::global_of;
use super::{BufferFacts, PlannedRecipe, Refused};
use crate::pickle::explain::label_cache::Global;
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::current_name;
use crate::pickle::machine::value::{Added, CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{KeyFault, KeyedDict};

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
    pub arguments: &'n [Ref],
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

/// Counters that the recipes of one pickle share: the work that they have used up, and the calls that they make use of.
pub(super) struct PlanCounters {
    consumed: RefCell<Vec<Ref>>,
    /// The bytes that arrays copy.
    copied: Cell<u64>,
    /// How many more items of arguments may be examined.
    looks: Cell<u64>,
    /// How much longer patterns may be compiled, in the time for one byte.
    patterns: Cell<u64>,
    /// The work for keys.
    pub(super) keys: KeyWork,
}

impl PlanCounters {
    /// For a pickle of this many bytes, with the memory outside of it.
    pub(super) fn new(bytes: u64) -> Self {
        let looks = Cell::new(bytes.saturating_mul(LOOKS_PER_BYTE).saturating_add(FREE_LOOKS));
        let patterns = Cell::new(FREE_PATTERNS.saturating_add(bytes / BYTES_FOR_PATTERN));
        Self { consumed: RefCell::default(), copied: Cell::new(0), looks, patterns, keys: KeyWork::default() }
    }

    /// Notes a call that needs no recipe of its own.
    pub(super) fn consume(&self, call: Ref) {
        self.consumed.borrow_mut().push(call);
    }

    /// The calls that need no recipe of their own.
    pub(super) fn take_consumed(&self) -> Vec<Ref> {
        self.consumed.take()
    }
}

/// The parts of a plan that recipes read.
#[derive(Clone, Copy)]
pub(super) struct PlanParts<'m, 'a> {
    pub(super) labels: &'m Labels<'m, 'a>,
    pub(super) recipes: &'m RecipeTable<'a>,
    pub(super) buffers: &'m [(u64, BufferFacts)],
    /// By the first argument, as a resolved reference: the calls whose results are dropped.
    pub(super) effects: &'m HashMap<Ref, Vec<Ref>>,
    pub(super) changes: &'m ChangeTimes,
    pub(super) counters: &'m PlanCounters,
}

/// Reads values of the machine for the maker of one recipe.
pub(in crate::pickle) struct PlanContext<'m, 'a> {
    parts: PlanParts<'m, 'a>,
    times: ReadTimes<'m>,
    fault: Cell<Option<&'static str>>,
}

/// How often the recipes may examine an item of an argument, for each byte of the pickle. An honest pickle has each
/// argument once; a hostile one can refer to the same list in a million calls.
const LOOKS_PER_BYTE: u64 = 16;
/// How often they may examine one in any pickle.
const FREE_LOOKS: u64 = 1 << 22;
/// The bytes of patterns that any pickle may compile, which takes four seconds, and for how many bytes of the pickle it
/// may compile one more.
const FREE_PATTERNS: u64 = 1_000_000;
const BYTES_FOR_PATTERN: u64 = 4;
/// How many bytes of a string are decoded in the time that a recipe needs for an item.
const BYTES_FOR_LOOK: usize = 64;

const SHARED: &str = "shares a long argument with too many other calls";
pub(super) const CHANGED_LATER: &str = "reads something that is changed after the call";

impl<'m, 'a> PlanContext<'m, 'a> {
    /// For the recipe of the call that a node is.
    pub(super) fn new(parts: PlanParts<'m, 'a>, call: usize) -> Self {
        Self { parts, times: ReadTimes::of(parts.labels.machine(), call), fault: Cell::new(None) }
    }

    /// Why no recipe can be made, even if its maker returns one: it has read something that is changed later, or too
    /// much.
    pub(super) fn fault(&self) -> Option<&'static str> {
        self.fault.get()
    }

    fn node(&self, reference: Ref) -> Option<(usize, &'m Node)> {
        let index = self.resolve(reference).node_index()?;
        Some((index, self.parts.labels.machine().nodes().get(index)?))
    }

    /// Accounts for looking at this many items or bytes of an argument.
    ///
    /// # Errors
    /// If too many calls share long arguments.
    pub(in crate::pickle) fn spend(&self, items: usize) -> Result<(), Refused> {
        let looks = &self.parts.counters.looks;
        let left = looks.get().checked_sub(items as u64);
        looks.set(left.unwrap_or(0));
        if left.is_none() {
            self.fault.set(Some(SHARED));
        }
        left.map(drop).ok_or_else(|| SHARED.to_owned())
    }

    /// Accounts for compiling a pattern of this many bytes.
    ///
    /// # Errors
    /// If compiling all patterns takes too long.
    pub(in crate::pickle) fn compile(&self, bytes: usize) -> Result<(), Refused> {
        let left = self.parts.counters.patterns.get().checked_sub(bytes as u64);
        self.parts.counters.patterns.set(left.unwrap_or(0));
        left.map(drop).ok_or_else(|| "with patterns that take too long to compile".to_owned())
    }

    /// Accounts for copying this many bytes into arrays, of which there may be `most`.
    pub(super) fn copy(&self, bytes: usize, free: u64) -> Result<(), Refused> {
        let copied = self.parts.counters.copied.get().saturating_add(bytes as u64);
        self.parts.counters.copied.set(copied);
        let most = self.parts.labels.machine().end().saturating_add(free);
        if copied <= most { Ok(()) } else { Err("copies the same bytes again and again".to_owned()) }
    }

    /// Notes that the recipe depends on the contents of a container, or on the state of an object. They must not change
    /// after the call has read them.
    fn reads(&self, index: usize, node: &Node) {
        let read = self.times.of_object(self.parts.labels.machine(), Ref::node(index));
        if self.parts.changes.last(index, node) > read {
            self.fault.set(Some(CHANGED_LATER));
        }
    }

    /// A value that one opcode makes; `None` for one with parts.
    pub(in crate::pickle) fn leaf(&self, reference: Ref) -> Option<Leaf<'a>> {
        let Value::Leaf(leaf) = self.parts.labels.machine().value(reference) else { return None };
        use Opcode::{Float, Global, Int, Long, PersId, String, Unicode};
        let length = match (&leaf, self.opcode(reference)) {
            // The end of a line must be searched for.
            (_, Some(Float | Global | Int | Long | PersId | String | Unicode)) => self.opcode_bytes(reference).len(),
            (Leaf::Str(text), _) => text.bytes().len(),
            (Leaf::OldStr(bytes), _) => bytes.len(),
            _ => 0,
        };
        self.spend(length / BYTES_FOR_LOOK).ok()?;
        Some(leaf)
    }

    /// The same reference for all references to one object.
    pub(in crate::pickle) fn resolve(&self, reference: Ref) -> Ref {
        self.parts.labels.machine().resolve(reference)
    }

    /// The single opcode that makes a value, without decoding its argument.
    pub(in crate::pickle) fn opcode(&self, reference: Ref) -> Option<Opcode> {
        self.parts.labels.machine().opcode(reference)
    }

    /// The bytes of the single opcode that makes a value; none for a value with parts.
    pub(in crate::pickle) fn opcode_bytes(&self, reference: Ref) -> &'a [u8] {
        let bytes = self.parts.labels.machine().opcode_bytes(reference);
        // Strings are decoded to find their end. A fault refuses the recipe, even if its value is not used.
        let is_decoded = !matches!(self.opcode(reference), Some(Opcode::BinBytes | Opcode::BinBytes8));
        if is_decoded && self.spend(bytes.len() / BYTES_FOR_LOOK).is_err() {
            return &[];
        }
        bytes
    }

    /// As [`opcode_bytes`](Self::opcode_bytes); `None` if they are more than `longest`. Longer ones are not decoded.
    pub(in crate::pickle) fn opcode_within(&self, reference: Ref, longest: usize) -> Option<&'a [u8]> {
        self.parts.labels.machine().opcode_within(reference, longest)
    }

    /// The size of the opcodes that make a value without parts.
    pub(in crate::pickle) fn size(&self, reference: Ref) -> u64 {
        let (start, end) = self.parts.labels.span(self.resolve(reference));
        end.saturating_sub(start)
    }

    /// The type of a value, as [`Labels::type_name`] has it.
    pub(in crate::pickle) fn type_name(&self, reference: Ref) -> Rc<str> {
        self.parts.labels.type_name(reference)
    }

    /// A string without surrogates.
    pub(in crate::pickle) fn text(&self, reference: Ref) -> Option<String> {
        match self.leaf(reference) {
            Some(Leaf::Str(text)) => text.as_str().map(str::to_owned),
            _ => None,
        }
    }

    /// An integer of at most 64 bits. `bool` does not count.
    pub(in crate::pickle) fn int(&self, reference: Ref) -> Option<i64> {
        match self.leaf(reference) {
            Some(Leaf::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// The kind of a value with parts. The recipe does not depend on its contents.
    pub(in crate::pickle) fn kind(&self, reference: Ref) -> Option<NodeKind> {
        self.node(reference).map(|(_, node)| node.kind)
    }

    /// Whether this is a container of this kind, to which no opcode for another kind has added anything. The recipe
    /// does not depend on its contents.
    pub(in crate::pickle) fn is_plain(&self, reference: Ref, kind: NodeKind) -> bool {
        self.node(reference)
            .is_some_and(|(_, node)| node.kind == kind && node.state().is_none() && node.added().is_none())
    }

    /// The items of a container of this kind, to which no opcode for another kind has added anything.
    pub(in crate::pickle) fn items(&self, reference: Ref, kind: NodeKind) -> Option<&'m [Ref]> {
        let (index, node) = self.node(reference).filter(|_| self.is_plain(reference, kind))?;
        // An empty container was always empty, and tuples never change.
        if matches!(kind, NodeKind::List | NodeKind::Dict | NodeKind::Set) && !node.items.is_empty() {
            self.reads(index, node);
        }
        self.spend(node.items.len()).ok()?;
        Some(&node.items[..])
    }

    /// A dict that is read by key.
    ///
    /// # Errors
    /// If it has more keys, one that is not a literal string, or one of them twice.
    pub(in crate::pickle) fn keyed(&self, dict: Ref, most: usize) -> Result<KeyedDict<'a>, Refused> {
        let no_dict = || "has a state that is not a dict".to_owned();
        let items = self.items(dict, NodeKind::Dict).ok_or_else(no_dict)?;
        // Decoding and comparing the keys takes longer than looking at them.
        self.spend(items.len().min(most.saturating_mul(2)).saturating_mul(8))?;
        self.parts.labels.machine().keyed_dict(dict, most).map_err(|fault| match fault {
            KeyFault::NoDict => no_dict(),
            KeyFault::TooMany => format!("has more than {most} keys in its state"),
            KeyFault::NoLiteral => "has a key in its state that is not a literal string".to_owned(),
            KeyFault::Twice(key) => format!("has {key} twice in its state"),
        })
    }

    /// The current module and name of a global.
    pub(in crate::pickle) fn global(&self, reference: Ref) -> Option<(Rc<str>, Rc<str>)> {
        let (module, name) = self.parts.labels.global(reference)?;
        let (module, name) = current_name(&module, &name);
        Some((module.into(), name.into()))
    }

    /// The global that a reference is, by its current name: an import, or a call that finds one.
    pub(in crate::pickle) fn found_global(&self, reference: Ref) -> Option<Global> {
        global_of(self.parts.labels, reference)
    }

    /// An attribute of a global, as [`Labels::attribute`] has it.
    pub(in crate::pickle) fn attribute(&self, callee: Ref) -> Option<Global> {
        self.parts.labels.attribute(callee)
    }

    /// The recipe of a call whose opcodes end before those of the call that is being planned.
    pub(in crate::pickle) fn recipe(&self, reference: Ref) -> Option<&'m PlannedRecipe<'a>> {
        let (index, node) = self.node(reference)?;
        let is_complete = self.parts.changes.last(index, node) <= self.times.last();
        self.parts.recipes.get(index).filter(|_| is_complete)
    }

    /// The memory that a NEXT_BUFFER pushes; `None` for any other value.
    pub(in crate::pickle) fn buffer(&self, reference: Ref) -> Option<BufferFacts> {
        let offset = self.resolve(reference).leaf_offset()?;
        let found = self.parts.buffers.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        self.parts.buffers.get(found).map(|(_, facts)| *facts)
    }

    /// The calls with this object as their first argument whose results are dropped, so that they are made for their
    /// effect: `ndarray.setflags(array, False)`. A recipe that carries such a call out must
    /// [consume](Self::consume) it.
    pub(in crate::pickle) fn effects_on(&self, reference: Ref) -> &'m [Ref] {
        self.parts.effects.get(&self.resolve(reference)).map_or(&[], Vec::as_slice)
    }

    /// Callee and arguments of a call; `None` for other values, and for a call with arguments that are not a plain
    /// tuple. Its state counts as read.
    pub(in crate::pickle) fn call(&self, reference: Ref) -> Option<PlannedCall<'m>> {
        let (index, node) = self.node(reference)?;
        if node.state().is_some() {
            self.reads(index, node);
        }
        let call = planned_call(self.parts.labels, Ref::node(index)).ok()?;
        self.spend(call.arguments.len()).ok()?;
        Some(call)
    }

    /// The callee of a call, which may get a state later.
    pub(in crate::pickle) fn callee(&self, reference: Ref) -> Option<Ref> {
        let (_, node) = self.node(reference).filter(|(_, node)| matches!(node.kind, NodeKind::Call(_)))?;
        node.items.first().copied()
    }

    /// Callee and arguments of a call by REDUCE that nothing was ever added to.
    pub(in crate::pickle) fn plain_call(&self, reference: Ref) -> Option<(Ref, &'m [Ref])> {
        let (_, node) = self.node(reference)?;
        let is_plain = node.state().is_none() && node.added().is_none();
        let (callee, arguments) = self.called(reference).filter(|_| is_plain)?;
        Some((callee, self.items(arguments, NodeKind::Tuple)?))
    }

    /// Callee and arguments of a call by REDUCE, which may get a state later.
    pub(in crate::pickle) fn called(&self, reference: Ref) -> Option<(Ref, Ref)> {
        let (_, node) = self.node(reference).filter(|(_, node)| node.kind == NodeKind::Call(CallKind::Reduce))?;
        let &[callee, arguments] = node.items.as_slice() else { return None };
        Some((callee, arguments))
    }

    /// The wrapper of an array of joblib.
    pub(super) fn wrapper_of(&self, array: Ref) -> Option<Ref> {
        let (_, node) = self.node(array).filter(|(_, node)| node.kind == NodeKind::Array)?;
        node.items.first().copied()
    }

    /// The limits on keys, for a container that the object of a recipe makes.
    pub(super) fn key_limits(&self) -> KeyLimits<'m, 'm, 'a> {
        KeyLimits::new(self.parts.labels.machine(), self.parts.recipes, &self.parts.counters.keys)
    }

    /// As [`key_limits`](Self::key_limits), for a pickle within this one.
    pub(super) fn key_limits_within(&self, nested: &'m super::NestedPickle<'a>) -> KeyLimits<'m, 'm, 'a> {
        KeyLimits::new(&nested.machine, &nested.plan.recipes, &self.parts.counters.keys)
    }

    /// Notes that the current recipe has checked a call and uses it, so that the call needs no recipe of its own. The
    /// call is still refused if something else refers to the object.
    pub(in crate::pickle) fn consume(&self, call: Ref) {
        self.parts.counters.consume(self.resolve(call));
    }
}
