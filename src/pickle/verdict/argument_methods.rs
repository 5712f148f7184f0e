//! Judges calls of callables that call methods of their arguments, or keep a function to call it later.
//!
//! Such an argument need not be a function of the pickle to do harm: `SimpleNamespace(count=subprocess.call)` has a
//! method of another module, and nothing but the call of that method shows it.

use super::VerdictClass;
use super::call::{CallSite, RECEIVES_FUNCTION};
use super::judge::{Judge, pairs};
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};

impl Judge {
    /// A call that is plain if all its arguments are literals and containers.
    pub(super) fn of_literals(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let arguments = arguments(labels, site);
        let is_plain = arguments.is_some_and(|items| {
            items.iter().skip(site.skip).all(|argument| self.symbol(labels, *argument) == Symbol::Data)
        });
        if is_plain && !self.reaches_harm(labels, site, true) {
            return VerdictClass::Plain;
        }
        self.may_call_arguments(labels, full, site, true)
    }

    /// `weakref.ref(object, callback)` and the like. Objects that nothing else refers to die during the load.
    pub(super) fn weak_reference(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let callback = self.argument(labels, site, 1).map(|callback| labels.machine().value(callback));
        let has_no_callback = matches!(callback, None | Some(Value::Leaf(Leaf::None)));
        let is_whole = arguments(labels, site).is_some() && !matches!(site.how, CallKind::NewObjEx);
        if is_whole && has_no_callback && !self.reaches_harm(labels, site, false) {
            return VerdictClass::Plain;
        }
        // The object may die during the load, and then the load calls the function.
        if matches!(self.argument_symbol(labels, site, 1), Symbol::Function(_) | Symbol::Partial(_)) {
            return self.dangerous(labels, site, full, RECEIVES_FUNCTION);
        }
        self.may_call_arguments(labels, full, site, true)
    }

    /// `WeakValueDictionary.__init__(object)`: of an object of a class of the pickle, and without items.
    pub(super) fn container_init(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let target = self.argument(labels, site, 0);
        let is_alone = arguments(labels, site).is_some_and(|items| items.len() == site.skip + 1);
        let class = match target.map(|target| self.symbol(labels, target)) {
            Some(Symbol::Instance(class)) if is_alone => class,
            _ => return self.dangerous(labels, site, full, "fills an object with what cannot be resolved statically"),
        };
        // The pickle has not given the object a method of its own.
        let state = target.and_then(|target| labels.machine().node(target)?.state());
        let dicts = state.map(|state| [Some(state), self.item(labels, state, 0), self.item(labels, state, 1)]);
        let mut names = dicts.into_iter().flatten().flatten().flat_map(|dict| pairs(labels, dict));
        let sets_update = names.any(|(name, _)| labels.string(name).as_deref() == Some("update"));
        let code = match class.as_ref() {
            Symbol::Class(class) => self.methods(labels, *class, &["update"], super::call::MAX_STEPS),
            _ => None,
        };
        if sets_update || code.is_some_and(|code| code.class == VerdictClass::Dangerous) {
            return self.dangerous(labels, site, full, "calls a method that the pickle defines");
        }
        self.report(labels, VerdictClass::Calls, site, full, "may call methods of the object")
    }
}

/// The tuple of arguments, including those before the callee's own; `None` if it is no tuple.
fn arguments<'m>(labels: &Labels<'m, '_>, site: CallSite<'_>) -> Option<&'m [Ref]> {
    match labels.machine().node(site.arguments?) {
        Some(Node { kind: NodeKind::Tuple, items, .. }) => Some(items.as_slice()),
        _ => None,
    }
}
