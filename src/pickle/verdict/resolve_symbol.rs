//! Resolves a value to its [`Symbol`], through the memo, attributes, partial functions and the calls that made it.
//!
//! Every step is bounded, and a value that cannot be resolved is [`Symbol::Unknown`], which a verdict takes for the
//! worst.

use super::judge::{Judge, LastClass};
use super::symbol::{Symbol, attribute, import_of, instance, leaf, module_named, named_class};
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::{self, ClassCall, Effect, Makes, effect_of};
use crate::pickle::machine::value::{CallKind, Node, NodeKind, Ref};

/// How many values in a chain are followed to resolve the first one.
const MAX_STEPS: usize = 64;

impl Judge {
    pub(super) fn symbol(&mut self, labels: &Labels<'_, '_>, reference: Ref) -> Symbol {
        self.symbol_within(labels, reference, MAX_STEPS)
    }

    fn symbol_within(&mut self, labels: &Labels<'_, '_>, reference: Ref, steps: usize) -> Symbol {
        self.count_step();
        let reference = labels.machine().resolve(reference);
        let Some(steps) = steps.checked_sub(1).filter(|_| !self.budget.is_spent()) else { return Symbol::Unknown };
        let node = labels.machine().node(reference);
        if node.is_some_and(|node| node.kind.holds_items()) {
            return Symbol::Data;
        }
        let class = node.filter(|node| matches!(node.kind, NodeKind::Call(_))).and_then(|node| node.items.first());
        // A list of a million records is a million calls of one class, so the last class is tried first.
        if let Some(last) = self.last_class(class.map(|class| labels.machine().resolve(*class))) {
            return last.symbol.clone();
        }
        if let Some(known) = self.symbols.get(&reference) {
            return known.clone();
        }
        let symbol = match node {
            None => leaf(labels, reference),
            Some(Node { kind: NodeKind::Persistent, .. }) => Symbol::External,
            Some(node @ Node { kind: NodeKind::Call(_), .. }) => {
                // A call that is an argument of itself stays unknown while it is resolved, so this ends.
                self.symbols.insert(reference, Symbol::Unknown);
                self.made(labels, reference, node, steps)
            }
            // An array of joblib's. Its class was judged with the wrapper.
            Some(Node { kind: NodeKind::Array, .. }) => instance(Symbol::Import("numpy".into(), "ndarray".into())),
            Some(_) => import_of(labels, reference),
        };
        // Data is the most common symbol and the cheapest to find again.
        if symbol != Symbol::Data {
            self.remember_symbol(reference, &symbol);
        }
        symbol
    }

    /// The result of a call.
    fn made(&mut self, labels: &Labels<'_, '_>, reference: Ref, node: &Node, steps: usize) -> Symbol {
        let Some(class) = node.items.first() else { return Symbol::Unknown };
        let callee = self.symbol_within(labels, *class, steps);
        match &callee {
            Symbol::Import(module, name) => match effect_of(module, name) {
                Some(effect) => self.made_by(labels, reference, node, effect, &callee, steps),
                // A subscript of a class in the pickle, such as `Page[int]`, is a class like it.
                None if known::made_by(module, name) == Some(Makes::Subscript)
                    && let Some(symbol @ Symbol::Class(_)) = self.argument_within(labels, node, 0, steps) =>
                {
                    symbol
                }
                None => self.instance_of(labels.machine().resolve(*class), callee),
            },
            Symbol::Class(_) => self.instance_of(labels.machine().resolve(*class), callee),
            Symbol::AttrGetter(name) => {
                let of = self.argument_within(labels, node, 0, steps).unwrap_or(Symbol::Unknown);
                attribute(&of, name)
            }
            Symbol::Decorator => Symbol::Function(reference),
            // A callee that iterates over a generator runs its code.
            _ if self.makes_generator(labels, &callee) => {
                self.note_generator();
                Symbol::Lazy
            }
            // NEWOBJ makes an instance even of a class that cannot be resolved.
            _ if node.kind == NodeKind::Call(CallKind::NewObj) => instance(callee),
            _ => Symbol::Unknown,
        }
    }

    fn argument_within(&mut self, labels: &Labels<'_, '_>, node: &Node, index: usize, steps: usize) -> Option<Symbol> {
        labels.argument(node, index).map(|argument| self.symbol_within(labels, argument, steps))
    }

    /// The result of `getattr(object, name)`.
    fn got_attribute(&mut self, labels: &Labels<'_, '_>, node: &Node, name: &str, steps: usize) -> Symbol {
        let of = self.argument_within(labels, node, 0, steps);
        of.map_or(Symbol::Unknown, |of| attribute(&of, name))
    }

    /// Whether an iterator calls a callable that only makes data: `map(str, …)`.
    fn makes_data(&mut self, labels: &Labels<'_, '_>, node: &Node, steps: usize) -> bool {
        matches!(self.argument_within(labels, node, 0, steps), Some(Symbol::Import(module, name))
            if effect_of(&module, &name) == Some(Effect::Data))
    }

    /// An instance of a class, as every call of that class makes it.
    fn instance_of(&mut self, class: Ref, symbol: Symbol) -> Symbol {
        let symbol = instance(symbol);
        self.set_last_class(Some(LastClass { class, symbol: symbol.clone(), finding: None, is_data: None }));
        symbol
    }

    /// The result of a call of a callable with this effect.
    fn made_by(
        &mut self,
        labels: &Labels<'_, '_>,
        reference: Ref,
        node: &Node,
        effect: Effect,
        callee: &Symbol,
        steps: usize,
    ) -> Symbol {
        let has_argument = |index| labels.argument(node, index).is_some();
        let string = |index| labels.argument(node, index).and_then(|argument| labels.string(argument));
        match effect {
            Effect::Import => string(0).map_or(Symbol::Unknown, |module| module_named(&module)),
            Effect::NamedType => string(0).map_or(Symbol::Unknown, |name| named_class(&name)),
            Effect::GetAttr => string(1).map_or(Symbol::Unknown, |name| self.got_attribute(labels, node, &name, steps)),
            Effect::Function | Effect::Code => Symbol::Function(reference),
            Effect::CodeObject => Symbol::CodeObject,
            // `type(x)` is the class of x.
            Effect::Class(arguments) if arguments.call != ClassCall::Helper && !has_argument(1) => Symbol::Unknown,
            Effect::Class(_) => Symbol::Class(reference),
            Effect::Partial => Symbol::Partial(reference),
            // With several names it returns a tuple.
            Effect::AttrGetter if has_argument(1) => Symbol::Unknown,
            Effect::AttrGetter => string(0).map_or(Symbol::Unknown, Symbol::AttrGetter),
            Effect::MethodCaller => string(0).map_or(Symbol::Unknown, Symbol::MethodCaller),
            // `lru_cache(maxsize)` returns a decorator, `lru_cache(function)` the decorated function.
            Effect::Decorator => match self.argument_within(labels, node, 0, steps) {
                Some(Symbol::Data) | None => Symbol::Decorator,
                Some(_) => Symbol::Function(reference),
            },
            Effect::Lazy if self.makes_data(labels, node, steps) => instance(callee.clone()),
            Effect::Lazy => Symbol::Lazy,
            Effect::New(index) => {
                instance(self.argument_within(labels, node, index, steps).unwrap_or_else(|| callee.clone()))
            }
            Effect::Reconstruct => instance(self.argument_within(labels, node, 0, steps).unwrap_or(Symbol::Unknown)),
            Effect::Iterates if has_argument(1) => Symbol::Lazy,
            // In honest pickles the last two make arrays and random generators, which are never called.
            Effect::Iterates
            | Effect::Data
            | Effect::OfLiterals
            | Effect::Reference
            | Effect::Memory
            | Effect::Eval
            | Effect::OpenFile
            | Effect::ImportSpec
            | Effect::Calls(_)
            | Effect::CallsWith(_) => instance(callee.clone()),
            Effect::SetAttr | Effect::Init | Effect::Fills | Effect::Load | Effect::Execute => Symbol::Unknown,
        }
    }
}
