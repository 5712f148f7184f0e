//! Calls of functions of the pickle that only make a generator: our pickler writes generators that have not started in
//! this way, and the call runs none of their code.
//!
//! Since CPython 3.11 the opcode RETURN_GENERATOR makes the generator, so its position in the code counts; in 3.10 a
//! flag of the code does. A file for one version could be loaded by another, in which the opcodes have other numbers.
//! So such a call is not `code`, but `calls`, for any function. A call that gets a generator may consume it, which runs
//! its code, so every call with one among its arguments is dangerous, except a few that only keep it.

use std::collections::HashSet;

use super::VerdictClass;
use super::call::CallSite;
use super::judge::{Judge, pairs};
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::known::danger::is_inner;
use crate::pickle::known::{Effect, effect_of};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::work_budget::table_entry;

/// The flags of generators, coroutines and async generators.
const GENERATOR_FLAGS: i64 = 0x20 | 0x80 | 0x200;
/// The positions of the flags and of the bytecode among the arguments of a code object. dill's `_create_code` has one
/// argument before them.
const FLAGS: usize = 5;
const BYTECODE: usize = 6;
/// Callables that keep an argument, or close a generator that has not started.
const KEEPERS: [&str; 7] = [
    "MethodType",
    "CellType",
    "_create_cell",
    "_make_cell",
    "GeneratorType.close",
    "CoroutineType.close",
    "AsyncGeneratorType.aclose",
];
const RUNS_GENERATOR: &str = "receives a generator, whose code it may run";
/// How many values one pickle may have in the arguments that are searched for generators.
const MAX_SEARCHED: usize = 5_000_000;
/// The number of arguments of a code object in 3.10, and since 3.11.
const ARGUMENTS: [usize; 2] = [16, 18];
/// The numbers of RETURN_GENERATOR, COPY_FREE_VARS and MAKE_CELL in 3.11 and 3.12, in 3.13, in 3.14 and in 3.15.
const PROLOGUES: [[u8; 3]; 4] = [[75, 149, 135], [35, 62, 94], [34, 60, 97], [32, 58, 96]];
/// How a generator expression begins in 3.15: it makes an iterator of its argument, then the generator.
const EXPRESSION: [u8; 11] = [128, 4, 0, 0, 83, 0, 70, 0, 0, 0, 32];

impl Judge {
    /// Whether a call of this symbol only makes a generator.
    pub(super) fn makes_generator(&mut self, labels: &Labels<'_, '_>, callee: &Symbol) -> bool {
        match callee {
            Symbol::Function(function) => self.is_generator_function(labels, *function),
            Symbol::Partial(call) => {
                let Some(node) = labels.machine().node(*call) else { return false };
                let state = node.state().and_then(|state| self.item(labels, state, 0));
                let functions = [labels.argument(node, 0), state].into_iter().flatten();
                functions.into_iter().any(|function| match self.symbol(labels, function) {
                    Symbol::Function(function) => self.is_generator_function(labels, function),
                    _ => false,
                })
            }
            _ => false,
        }
    }

    /// Whether the code of a function begins with the making of a generator.
    pub(super) fn is_generator_function(&mut self, labels: &Labels<'_, '_>, function: Ref) -> bool {
        let code = labels.machine().node(function).and_then(|call| labels.argument(call, 0));
        let Some(code) = code else { return false };
        if self.symbol(labels, code) != Symbol::CodeObject {
            return false;
        }
        let node = labels.machine().node(code);
        let arguments = node.and_then(|call| labels.machine().node(*call.items.get(1)?));
        let Some(Node { kind: NodeKind::Tuple, items, .. }) = arguments else { return false };
        let extra = items.len() % 2;
        let value = |index: usize| items.get(index + extra).map(|item| labels.machine().value(*item));
        let flags = match value(FLAGS) {
            Some(Value::Leaf(Leaf::Int(flags))) => flags,
            _ => return false,
        };
        // Only 3.10 and older versions call CodeType with 16 arguments: in these the flag decides. dill's function has
        // a form with 16 arguments in every version.
        let callee = node.and_then(|call| call.items.first()).map(|callee| self.symbol(labels, *callee));
        let is_code_type = callee == Some(Symbol::Import("types".into(), "CodeType".into()));
        let makes = match value(BYTECODE) {
            Some(Value::Leaf(Leaf::Bytes(bytes))) => {
                (is_code_type && items.len() == ARGUMENTS[0])
                    || PROLOGUES.iter().any(|numbers| begins_with(bytes, numbers))
            }
            _ => false,
        };
        flags & GENERATOR_FLAGS != 0 && ARGUMENTS.contains(&(items.len() - extra)) && makes
    }

    /// Whether a call may run the code of a generator among its arguments.
    pub(super) fn runs_generator(&mut self, labels: &Labels<'_, '_>, node: &Node) -> bool {
        if !self.has_generators {
            return false;
        }
        let Some((callee, arguments)) = node.items.split_first() else { return false };
        // The callee may be a partial function with arguments of its own.
        self.holds_generator(labels, *callee, arguments) && !self.keeps_generator(labels, *callee, node)
    }

    /// Notes that a generator was made, so that from here on calls are searched for it.
    pub(super) fn note_generator(&mut self) {
        self.has_generators = true;
    }

    /// Whether a callee only closes a generator, stores it, or sets a name of it.
    fn keeps_generator(&mut self, labels: &Labels<'_, '_>, callee: Ref, node: &Node) -> bool {
        match self.symbol(labels, callee) {
            Symbol::Import(module, name) => match effect_of(&module, &name) {
                Some(Effect::Class(_)) => self.class_keeps_generator(labels, node),
                Some(Effect::Code) => KEEPERS.contains(&name.as_ref()),
                // The defaults and the closure are tuples.
                Some(Effect::Function) => !self.is_any_generator(labels, node),
                Some(Effect::SetAttr) => self.sets_plain_attribute(labels, node),
                Some(Effect::Fills) => self.fills_with_generator(labels, node, &name),
                Some(Effect::Partial | Effect::Reference | Effect::Init) => true,
                _ => false,
            },
            // Its arguments belong to another generator, and wait in its frame.
            symbol @ Symbol::Function(_) => self.makes_generator(labels, &symbol),
            Symbol::Partial(_) => {
                let symbol = self.symbol(labels, callee);
                self.makes_generator(labels, &symbol)
            }
            _ => false,
        }
    }

    /// Whether an argument itself is a generator.
    fn is_any_generator(&mut self, labels: &Labels<'_, '_>, node: &Node) -> bool {
        match node.items.get(1).and_then(|arguments| labels.machine().node(*arguments)) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => {
                items.iter().any(|item| self.is_generator(labels, *item))
            }
            _ => true,
        }
    }

    /// Whether a new class only has generators as attributes. Python iterates over some attributes, such as
    /// `__slots__`.
    fn class_keeps_generator(&mut self, labels: &Labels<'_, '_>, node: &Node) -> bool {
        if self.is_any_generator(labels, node) {
            return false;
        }
        let arguments = node.items.get(1).and_then(|arguments| labels.machine().node(*arguments));
        let items = arguments.map_or(&[][..], |arguments| arguments.items.as_slice());
        items.iter().all(|item| match labels.machine().node(*item) {
            Some(Node { kind: NodeKind::Dict, .. }) => pairs(labels, *item).all(|(key, value)| {
                let is_plain = labels.string(key).is_some_and(|name| !name.starts_with('_') || !name.ends_with('_'));
                is_plain || !self.holds_generator(labels, key, &[value])
            }),
            _ => !self.holds_generator(labels, *item, &[*item]),
        })
    }

    /// Whether an attribute is set on a generator or a class or function of the pickle, and is no hook.
    fn sets_plain_attribute(&mut self, labels: &Labels<'_, '_>, node: &Node) -> bool {
        let Some(target) = labels.argument(node, 0) else { return false };
        let is_own = self.is_generator(labels, target)
            || matches!(self.symbol(labels, target), Symbol::Class(_) | Symbol::Function(_));
        let name = labels.argument(node, 1).and_then(|name| labels.string(name));
        is_own
            && match name {
                Some(name) => matches!(name.as_ref(), "__name__" | "__qualname__") || !is_inner(&name),
                // `_class_setstate` has a dict or a tuple of dicts.
                None => !labels.argument(node, 1).is_some_and(|state| self.is_generator(labels, state)),
            }
    }

    /// Whether `dict.update` is given a dict, or `list.extend` a list: they do not iterate over the items.
    fn fills_with_generator(&mut self, labels: &Labels<'_, '_>, node: &Node, name: &str) -> bool {
        let given = labels.argument(node, 1).and_then(|items| labels.machine().node(items)).map(|items| items.kind);
        let wanted = if name == "dict.update" { NodeKind::Dict } else { NodeKind::List };
        given == Some(wanted)
    }

    /// Whether a value is the result of a call of a generator function.
    fn is_generator(&mut self, labels: &Labels<'_, '_>, value: Ref) -> bool {
        let node = labels.machine().node(value).filter(|node| matches!(node.kind, NodeKind::Call(_)));
        let Some(callee) = node.and_then(|node| node.items.first()).filter(|_| self.has_generators) else {
            return false;
        };
        let symbol = self.symbol(labels, *callee);
        self.makes_generator(labels, &symbol)
    }

    /// Whether a generator is among these values, in them, or among the arguments and the state of their objects.
    fn holds_generator(&mut self, labels: &Labels<'_, '_>, callee: Ref, arguments: &[Ref]) -> bool {
        let mut paid = 0;
        let found = self.search_generator(labels, callee, arguments, &mut paid);
        self.budget.release(paid);
        found
    }

    /// As [`Self::holds_generator`]. `paid` is the memory that the search was charged for.
    fn search_generator(&mut self, labels: &Labels<'_, '_>, callee: Ref, arguments: &[Ref], paid: &mut usize) -> bool {
        let mut seen = HashSet::new();
        let mut waiting = arguments.to_vec();
        if let Symbol::Partial(call) = self.symbol(labels, callee) {
            waiting.push(call);
        }
        while let Some(value) = waiting.pop() {
            self.count_step();
            let value = labels.machine().resolve(value);
            let Some(node) = labels.machine().node(value).filter(|_| seen.insert(value)) else { continue };
            let memory = table_entry::<Ref, ()>() + size_of_val(node.items.as_slice());
            *paid += memory;
            if self.budget.charge(memory).is_err() {
                return true;
            }
            self.searched = self.searched.saturating_add(1 + node.items.len());
            if self.searched > MAX_SEARCHED || self.is_generator(labels, value) {
                return true;
            }
            // A function or a class does not give its contents to code that iterates over it.
            if matches!(self.symbol(labels, value), Symbol::Function(_) | Symbol::Class(_) | Symbol::CodeObject) {
                continue;
            }
            waiting.extend(node.items.iter().chain(node.state_ref()));
            if let Some(added) = node.added() {
                waiting.extend(added.items.iter().chain(&added.pairs));
            }
        }
        false
    }

    /// Judges the states and items with generators in them. A container can be older than the generator it is given.
    pub(super) fn given_generators(&mut self, labels: &Labels<'_, '_>) {
        if !self.has_generators {
            return;
        }
        for (index, node) in labels.machine().nodes().iter().enumerate() {
            let at = node.end().saturating_sub(1);
            if let Some(state) = node.state() {
                self.state_with_generator(labels, state, at);
            }
            if let Some(added) = node.added() {
                self.items_with_generator(labels, Ref::node(index), &added.items, at);
                self.items_with_generator(labels, Ref::node(index), &added.pairs, at);
            }
        }
        for change in labels.machine().changes() {
            match (change.opcode, change.items.as_slice()) {
                (Opcode::Build, &[state]) => self.state_with_generator(labels, state, change.at),
                _ => self.items_with_generator(labels, change.target, &change.items, change.at),
            }
        }
    }

    /// `__setstate__` may iterate over a state, or over an item of it. A namespace only keeps the generator.
    fn state_with_generator(&mut self, labels: &Labels<'_, '_>, state: Ref, at: u64) {
        let items = match labels.machine().node(state) {
            Some(Node { kind: NodeKind::Tuple | NodeKind::List, items, .. }) => items.as_slice(),
            _ => &[],
        };
        if [state].iter().chain(items).any(|value| self.is_generator(labels, *value)) {
            self.note(VerdictClass::Dangerous, at, "__setstate__", "", RUNS_GENERATOR);
        }
    }

    /// `values[0:0] = generator` iterates over it, and so may the methods of an object of a library.
    fn items_with_generator(&mut self, labels: &Labels<'_, '_>, target: Ref, items: &[Ref], at: u64) {
        if !items.iter().any(|item| self.is_generator(labels, *item)) {
            return;
        }
        let kind = labels.machine().node(target).map(|node| node.kind);
        let is_slice = |judge: &mut Self, key: Ref| {
            let class = judge.symbol(labels, key);
            matches!(class, Symbol::Instance(class) if *class == Symbol::Import("builtins".into(), "slice".into()))
        };
        let keeps = match self.symbol(labels, target) {
            Symbol::Data => kind != Some(NodeKind::List) || !items.iter().any(|key| is_slice(self, *key)),
            Symbol::Instance(class) => match class.as_ref() {
                Symbol::Class(_) => !items.iter().any(|key| is_slice(self, *key)),
                Symbol::Import(module, _) => module.as_ref() == "collections",
                _ => false,
            },
            Symbol::Import(module, name) => (module.as_ref(), name.as_ref()) == ("builtins", "__main__"),
            _ => false,
        };
        if !keeps {
            self.note(VerdictClass::Dangerous, at, "items", "", RUNS_GENERATOR);
        }
    }

    pub(super) fn generator_given(&mut self, labels: &Labels<'_, '_>, site: CallSite<'_>) {
        self.dangerous(labels, site, "", RUNS_GENERATOR);
    }
}

/// Whether bytecode begins with RETURN_GENERATOR, after the opcodes that prepare cells.
fn begins_with(bytecode: &[u8], [make, copy, cell]: &[u8; 3]) -> bool {
    let mut rest = bytecode;
    while let [opcode, _, later @ ..] = rest
        && (opcode == copy || opcode == cell)
    {
        rest = later;
    }
    rest.first() == Some(make) || (EXPRESSION.last() == Some(make) && rest.starts_with(&EXPRESSION))
}
