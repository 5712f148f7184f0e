//! Judges calls: by the symbol of the callee ([`symbol`](super::symbol)) and, for unknown callables, by whether an
//! argument could do harm. Known callables are in [`known_calls`](super::known_calls).

use std::rc::Rc;

use super::judge::Judge;
use super::symbol::{Symbol, attribute};
use super::{VerdictClass, show};
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::danger::{harm_of, has_harmful_instances, is_dangerous};
use crate::pickle::known::packages::{is_class_name, is_data_class};
use crate::pickle::known::renames::current_name;
use crate::pickle::known::untrusted::is_compiled_unchecked;
use crate::pickle::known::{Effect, Makes, effect_of, made_by, makes_class, makes_type};
use crate::pickle::machine::value::{CallKind, Leaf, Node, Ref, Value};
use crate::pickle::work_budget::{shared_string, table_entry};

/// How many callables that call one another are followed.
pub(super) const MAX_STEPS: usize = 16;

/// See [`is_compiled_unchecked`].
const UNCHECKED_STATE: &str = "makes an object whose compiled code uses numbers from the file without checking them";

const CALLS_DEFINED: &str = "calls a function that is defined in the pickle";

pub(super) const RECEIVES_FUNCTION: &str = "receives a function that it may call";

/// A call in the pickle, and the arguments as the callee gets them.
#[derive(Clone, Copy)]
pub(super) struct CallSite<'n> {
    pub(super) node: &'n Node,
    /// The tuple of arguments, and how many of them come before the callee's own.
    pub(super) arguments: Option<Ref>,
    pub(super) skip: usize,
    pub(super) how: CallKind,
    pub(super) at: u64,
}

impl CallSite<'_> {
    /// Whether the callee is called, and not just given to `__new__`.
    pub(super) fn calls_callee(&self) -> bool {
        matches!(self.how, CallKind::Reduce | CallKind::Instance)
    }
}

impl Judge {
    pub(super) fn call(&mut self, labels: &Labels<'_, '_>, reference: Ref, node: &Node, how: CallKind) {
        let Some(callee) = node.items.first().copied() else { return };
        // The last opcode of a call is REDUCE or the like, or a MEMOIZE right after it: both take one byte.
        let at = labels.machine().span(reference).1.saturating_sub(1);
        let site = CallSite { node, arguments: node.items.get(1).copied(), skip: 0, how, at };
        if self.runs_generator(labels, node) {
            self.generator_given(labels, site);
        }
        // All NEWOBJ of one class are alike, and there can be millions of them.
        let class = labels.machine().resolve(callee);
        let is_alike = !site.calls_callee();
        if is_alike && let Some(finding) = self.finding_of_instances(class) {
            if let Some(finding) = finding.and_then(|index| self.findings.get_mut(index)) {
                finding.count += 1;
            }
            return;
        }
        // joblib's wrapper of an array: the machine has read the bytes after it as joblib does.
        if labels.machine().is_wrapper(node) {
            return;
        }
        let symbol = self.symbol(labels, callee);
        // Only a direct call of a generator function: the use of its result in a helper is not known.
        self.is_generator_call = self.makes_generator(labels, &symbol);
        self.has_generators |= self.is_generator_call;
        let before = self.findings.len();
        self.callee(labels, &symbol, site, MAX_STEPS);
        // With more than one finding, each instance is judged again, so that all of them are counted.
        let is_alike = is_alike && !depends_on_arguments(&symbol);
        if is_alike && self.findings.len() <= before + 1 && matches!(symbol, Symbol::Import(..) | Symbol::Class(_)) {
            let _ = self.budget.charge(table_entry::<Ref, Option<usize>>());
            self.instances.insert(class, (self.findings.len() > before).then_some(before));
        }
    }

    /// The index of the finding about the instances of this class, if these were judged before.
    fn finding_of_instances(&mut self, class: Ref) -> Option<Option<usize>> {
        if let Some(finding) = self.last_class(Some(class)).and_then(|last| last.finding) {
            return Some(finding);
        }
        let finding = self.instances.get(&class).copied()?;
        if let Some(last) = self.last_class(Some(class)) {
            last.finding = Some(finding);
        }
        Some(finding)
    }

    /// Judges a call of this symbol.
    pub(super) fn callee(
        &mut self,
        labels: &Labels<'_, '_>,
        symbol: &Symbol,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        self.count_step();
        // Partial functions can be nested without end.
        let Some(steps) = steps.checked_sub(1) else { return self.unresolved(labels, site) };
        match symbol {
            Symbol::Import(module, name) if name.is_empty() => match module.rsplit_once('.') {
                // dill's `_import_module('subprocess.Popen')` is a class.
                Some((outer, name)) => {
                    let (module, name) = current_name(outer, name);
                    self.import_called(labels, module, name, site, steps)
                }
                None => self.unresolved(labels, site),
            },
            Symbol::Import(module, name) => self.import_called(labels, module, name, site, steps),
            Symbol::Class(class) => self.defined_class(labels, *class, site),
            Symbol::Partial(call) => self.partial(labels, *call, site, steps),
            // An attribute of an import is another import, and reading it runs nothing; any other may be a property.
            Symbol::AttrGetter(name) => match attribute(&self.argument_symbol(labels, site, 0), name) {
                Symbol::Import(..) => VerdictClass::Plain,
                _ => self.report(labels, VerdictClass::Calls, site, "operator.attrgetter(…)", "reads an attribute"),
            },
            Symbol::MethodCaller(name) => match attribute(&self.argument_symbol(labels, site, 0), name) {
                method @ Symbol::Import(..) => self.callee(labels, &method, site, steps),
                _ => self.unresolved(labels, site),
            },
            Symbol::Decorator => VerdictClass::Code,
            Symbol::Function(function) => self.function_called(labels, *function, site, steps),
            Symbol::Instance(class) => self.instance_called(labels, class, site),
            Symbol::CodeObject => self.dangerous(labels, site, "", CALLS_DEFINED),
            Symbol::Lazy | Symbol::Data | Symbol::External | Symbol::Unknown => self.unresolved(labels, site),
        }
    }

    /// A call of a function that the pickle defines, or of a method that it binds to an object.
    fn function_called(
        &mut self,
        labels: &Labels<'_, '_>,
        function: Ref,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        if self.is_generator_call && self.is_generator_function(labels, function) {
            return self.report(
                labels,
                VerdictClass::Calls,
                site,
                "",
                "makes a generator, whose code does not run yet",
            );
        }
        // `types.MethodType(function, object)` calls the function.
        let node = labels.machine().node(function);
        let callee = node.and_then(|node| node.items.first()).map(|callee| self.symbol(labels, *callee));
        let bound = node.and_then(|node| labels.argument(node, 0)).filter(|_| match &callee {
            Some(Symbol::Import(module, name)) => (module.as_ref(), name.as_ref()) == ("types", "MethodType"),
            _ => false,
        });
        if let Some(Symbol::Import(module, name)) = &callee
            && (module.as_ref(), name.as_ref()) == ("types", "FunctionType")
            && node.is_some_and(|node| is_type_maker(labels, node))
        {
            return self.report(labels, VerdictClass::Code, site, "", "makes a type alias or a type variable");
        }
        match bound.map(|bound| self.symbol(labels, bound)) {
            Some(Symbol::Import(module, name)) => self.import_called(labels, &module, &name, site, steps),
            _ => self.dangerous(labels, site, "", CALLS_DEFINED),
        }
    }

    /// A call of an instance: of `__call__` of its class, if the instance was made by a class of a library.
    fn instance_called(&mut self, labels: &Labels<'_, '_>, class: &Symbol, site: CallSite<'_>) -> VerdictClass {
        match class {
            Symbol::Import(module, name)
                if effect_of(module, name).is_none()
                    && !is_dangerous(module, name)
                    && (is_class_name(name) || makes_class(module, name)) =>
            {
                self.may_call_arguments(labels, "", site, true)
            }
            Symbol::Import(..) => self.unresolved(labels, site),
            _ => self.dangerous(labels, site, "", CALLS_DEFINED),
        }
    }

    pub(super) fn unresolved(&mut self, labels: &Labels<'_, '_>, site: CallSite<'_>) -> VerdictClass {
        let why = "calls an object that cannot be resolved statically";
        self.report(labels, VerdictClass::Dangerous, site, "", why)
    }

    /// Notes a call, unless it is plain. An empty `callee` means the expression in the pickle.
    pub(super) fn report(
        &mut self,
        labels: &Labels<'_, '_>,
        class: VerdictClass,
        site: CallSite<'_>,
        callee: &str,
        why: &str,
    ) -> VerdictClass {
        if class == VerdictClass::Plain {
            return class;
        }
        let shown = match callee {
            "" => site.node.items.first().map_or_else(String::new, |callee| show::value(labels, *callee)),
            callee => show::name(callee),
        };
        // There can be millions of calls of one callee, and the arguments of the first one are shown.
        if self.count_again(class, &shown, why) {
            return class;
        }
        let arguments = show::arguments(labels, &shown, site.arguments, site.skip);
        self.note(class, site.at, &shown, &arguments, why)
    }

    pub(super) fn dangerous(
        &mut self,
        labels: &Labels<'_, '_>,
        site: CallSite<'_>,
        callee: &str,
        why: &str,
    ) -> VerdictClass {
        self.report(labels, VerdictClass::Dangerous, site, callee, why)
    }

    pub(super) fn rebuilds_code(&mut self, labels: &Labels<'_, '_>, site: CallSite<'_>, callee: &str) -> VerdictClass {
        self.report(labels, VerdictClass::Code, site, callee, "rebuilds code")
    }

    pub(super) fn argument(&self, labels: &Labels<'_, '_>, site: CallSite<'_>, index: usize) -> Option<Ref> {
        self.item(labels, site.arguments?, index.checked_add(site.skip)?)
    }

    pub(super) fn argument_symbol(&mut self, labels: &Labels<'_, '_>, site: CallSite<'_>, index: usize) -> Symbol {
        self.argument(labels, site, index).map_or(Symbol::Unknown, |argument| self.symbol(labels, argument))
    }

    pub(super) fn argument_string(&self, labels: &Labels<'_, '_>, site: CallSite<'_>, index: usize) -> Option<Rc<str>> {
        self.argument(labels, site, index).and_then(|argument| labels.string(argument))
    }

    /// A call of an import, by its current name.
    pub(super) fn import_called(
        &mut self,
        labels: &Labels<'_, '_>,
        module: &str,
        name: &str,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        let Some(steps) = steps.checked_sub(1) else { return self.unresolved(labels, site) };
        let full = format!("{module}.{name}");
        let class = match effect_of(module, name) {
            Some(effect) => self.known_call(labels, effect, &full, site, steps),
            None => self.unknown_call(labels, module, name, site),
        };
        // Harmless Python code, but compiled code may use numbers of the state as offsets into memory.
        if class == VerdictClass::Plain && is_compiled_unchecked(module, name) {
            return self.report(labels, VerdictClass::Calls, site, &full, UNCHECKED_STATE);
        }
        class
    }

    /// A call of an import whose effect is not known.
    fn unknown_call(&mut self, labels: &Labels<'_, '_>, module: &str, name: &str, site: CallSite<'_>) -> VerdictClass {
        let full = format!("{module}.{name}");
        // `typing.Generic[T]`, as dill writes the bases of a generic class.
        if made_by(module, name) == Some(Makes::Subscript) {
            match self.argument_symbol(labels, site, 0) {
                // The item of a dict, as for a lazy import.
                Symbol::Data if self.argument_string(labels, site, 1).is_some() => return VerdictClass::Plain,
                Symbol::Import(module, _) if module.as_ref() == "typing" => {
                    return self.rebuilds_code(labels, site, &full);
                }
                Symbol::Class(class) => {
                    if let Some(code) = self.methods(labels, class, &["__class_getitem__"], MAX_STEPS) {
                        return self.report(labels, code.class, site, &full, &code.why);
                    }
                }
                _ => {}
            }
        }
        // The pickle may have defined this function itself, see `redefined_main_calls`.
        if module == "__main__" || module == "__mp_main__" {
            let _ = self.budget.charge(shared_string(name));
            let _ = self.budget.push(&mut self.main_calls, (name.into(), site.at));
        }
        if is_dangerous(module, name) {
            // `__new__` of most classes allocates, and `__init__` does not run.
            if !site.calls_callee() && !has_harmful_instances(module, name) {
                return self.may_call_arguments(labels, &full, site, false);
            }
            return self.dangerous(labels, site, &full, harm_of(module));
        }
        // `__new__` of these classes allocates, and `__init__` does not run.
        if !site.calls_callee() && is_data_class(module, name) {
            return VerdictClass::Plain;
        }
        self.may_call_arguments(labels, &full, site, site.calls_callee())
    }

    /// A call that may do anything with its arguments. For `any_function` see [`Self::reaches_harm`].
    pub(super) fn may_call_arguments(
        &mut self,
        labels: &Labels<'_, '_>,
        full: &str,
        site: CallSite<'_>,
        any_function: bool,
    ) -> VerdictClass {
        if self.reaches_harm(labels, site, any_function) {
            return self.dangerous(labels, site, full, RECEIVES_FUNCTION);
        }
        self.report(labels, VerdictClass::Calls, site, full, "is not known to be harmless")
    }

    /// A partial function calls the function that it was made with, or the one that BUILD gave it.
    pub(super) fn partial(
        &mut self,
        labels: &Labels<'_, '_>,
        call: Ref,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        let Some(node) = labels.machine().node(call) else { return self.unresolved(labels, site) };
        let functions = [labels.argument(node, 0), node.state().and_then(|state| self.item(labels, state, 0))];
        // At least this: the arguments of this call, which come after those of the partial function, are not judged.
        let mut worst = VerdictClass::Calls;
        for function in functions.into_iter().flatten() {
            let symbol = self.symbol(labels, function);
            // The arguments of the partial function come first; the finding shows only those.
            let site = CallSite { node, arguments: node.items.get(1).copied(), skip: 1, ..site };
            worst = worst.max(self.callee(labels, &symbol, site, steps));
        }
        worst
    }
}

/// Whether the effect of `__new__` of this class depends on its arguments: then two calls are not alike.
fn depends_on_arguments(class: &Symbol) -> bool {
    let Symbol::Import(module, name) = class else { return false };
    matches!(effect_of(module, name), Some(Effect::Memory | Effect::Data | Effect::OfLiterals | Effect::Reference))
}

/// Whether a call makes a function whose code is one instruction that makes a type: see [`makes_type`].
fn is_type_maker(labels: &Labels<'_, '_>, function: &Node) -> bool {
    /// The index of `co_code` among the arguments of `types.CodeType`, since 3.11.
    const CODE: usize = 6;
    let code = labels.argument(function, 0).and_then(|code| labels.machine().node(code));
    let bytes = code.and_then(|code| labels.argument(code, CODE));
    match bytes.map(|bytes| labels.machine().value(bytes)) {
        Some(Value::Leaf(Leaf::Bytes(bytes))) => makes_type(bytes),
        _ => false,
    }
}
