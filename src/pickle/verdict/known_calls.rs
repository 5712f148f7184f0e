//! Judges calls of callables whose [`Effect`] is known: one method for each effect that depends on the arguments.

use super::VerdictClass;
use super::buffer_arrays::is_within_buffer;
use super::call::{CallSite, MAX_STEPS, RECEIVES_FUNCTION};
use super::class::MAX_CODE_STEPS;
use super::judge::Judge;
use super::nested_pickles::MAX_NESTED;
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::danger::harm_of;
use crate::pickle::known::danger::{CALL_METHODS, LOAD_METHODS, META_METHODS, is_inner};
use crate::pickle::known::packages::{is_constructor, is_data_class, is_plain_method};
use crate::pickle::known::renames::current_name;
use crate::pickle::known::untrusted::is_compiled_unchecked;
use crate::pickle::known::{ClassArguments, ClassCall, Effect, effect_of, is_known_repr, is_lazy_import, is_metaclass};
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};

/// The most bytes of a statement.
const MAX_STATEMENT: usize = 200;

/// An array of objects over bytes of the pickle uses these bytes as addresses.
const FORGED_BUFFER: &str = "makes an array over a buffer that the pickle forges";

impl Judge {
    /// A call of a callable with this effect, whose name is `full`.
    pub(super) fn known_call(
        &mut self,
        labels: &Labels<'_, '_>,
        effect: Effect,
        full: &str,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        match effect {
            Effect::Iterates if self.argument(labels, site, 1).is_some() => self.lazy(labels, full, site, steps),
            Effect::Data | Effect::Iterates if self.reaches_harm(labels, site, false) => {
                self.dangerous(labels, site, full, RECEIVES_FUNCTION)
            }
            Effect::Data | Effect::Iterates => VerdictClass::Plain,
            Effect::Memory if site.skip == 0 && is_within_buffer(labels, site.node) => VerdictClass::Plain,
            Effect::Memory if !site.calls_callee() && !self.has_buffer(labels, site, 0) => VerdictClass::Plain,
            Effect::Memory => self.dangerous(labels, site, full, FORGED_BUFFER),
            Effect::Code | Effect::Function | Effect::CodeObject | Effect::Decorator => {
                self.rebuilds_code(labels, site, full)
            }
            // They call nothing before they are called themselves.
            Effect::Partial | Effect::AttrGetter | Effect::MethodCaller => VerdictClass::Plain,
            Effect::Class(arguments) if arguments.call == ClassCall::NewClass => {
                self.new_class(labels, full, site, steps)
            }
            Effect::Class(arguments) => self.class(labels, arguments, full, site, steps),
            Effect::Import => self.import_by_name(labels, full, site),
            Effect::GetAttr => self.get_attribute(labels, full, site),
            Effect::OfLiterals => self.of_literals(labels, full, site),
            Effect::Reference => self.weak_reference(labels, full, site),
            Effect::Init => self.container_init(labels, full, site),
            Effect::SetAttr => self.set_attribute(labels, full, site),
            Effect::Fills => self.fill(labels, full, site),
            Effect::NamedType | Effect::Eval => self.evaluate(labels, effect, full, site),
            Effect::Execute => self.execute(labels, full, site),
            Effect::Load => self.nested(labels, full, site),
            Effect::New(index) => self.new_of(labels, index, full, site, steps),
            Effect::ImportSpec => VerdictClass::Code,
            Effect::Reconstruct => self.reconstruct(labels, full, site, steps),
            Effect::Calls(index) => self.call_of_argument(labels, index, site, steps),
            Effect::CallsWith(index) => {
                let callee = self.argument_symbol(labels, site, index);
                let arguments = self.argument(labels, site, index + 1);
                // The callee gets the tuple, so its arguments are judged, not the arguments of the helper.
                self.callee(labels, &callee, CallSite { arguments, skip: 0, ..site }, steps)
            }
            Effect::Lazy => self.lazy(labels, full, site, steps),
            Effect::OpenFile => self.open_file(labels, full, site),
        }
    }

    fn import_by_name(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        match self.argument_string(labels, site, 0) {
            Some(module) => self.import(current_name(&module, "").0, site.at),
            None => self.dangerous(labels, site, full, "imports a module that cannot be resolved statically"),
        }
    }

    /// A name of a type, or a string that dill writes, evaluates to plain data; nothing else is allowed.
    fn evaluate(&mut self, labels: &Labels<'_, '_>, effect: Effect, full: &str, site: CallSite<'_>) -> VerdictClass {
        let string = self.argument_string(labels, site, 0);
        if string.is_some_and(|string| effect == Effect::NamedType || is_known_repr(&string)) {
            return VerdictClass::Plain;
        }
        self.dangerous(labels, site, full, "evaluates a string as code")
    }

    /// A lazy import, in a dict that the pickle makes.
    fn execute(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let statement = self.argument_string(labels, site, 0);
        let namespace = self.argument(labels, site, 1).and_then(|argument| labels.machine().node(argument));
        let is_new_dict = namespace.is_some_and(|namespace| namespace.kind == NodeKind::Dict);
        // A string that is cut could continue with anything.
        if is_new_dict && statement.is_some_and(|text| text.len() < MAX_STATEMENT && is_lazy_import(&text)) {
            return VerdictClass::Plain;
        }
        self.dangerous(labels, site, full, harm_of("builtins"))
    }

    fn open_file(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        // dill's `_create_filehandle` knows these names, and opens nothing.
        let name = self.argument_string(labels, site, 0);
        if name.is_some_and(|name| matches!(name.as_ref(), "<stdin>" | "<stdout>" | "<stderr>")) {
            return self.report(labels, VerdictClass::Calls, site, full, "takes a standard stream of the process");
        }
        // Our own pickler writes these modes. Opening a file to read it creates and truncates nothing.
        let mode = self.argument_string(labels, site, 1);
        if mode.is_some_and(|mode| matches!(mode.as_ref(), "r" | "rb")) {
            return self.report(labels, VerdictClass::Calls, site, full, "opens a file for reading");
        }
        self.dangerous(labels, site, full, "opens a file")
    }

    /// An iterator that calls the first argument for each item.
    fn lazy(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>, steps: usize) -> VerdictClass {
        match self.argument_symbol(labels, site, 0) {
            callee @ Symbol::Import(..) => self.callee(labels, &callee, site, steps),
            Symbol::Partial(call) => self.partial(labels, call, site, steps),
            _ => self.report(labels, VerdictClass::Code, site, full, "calls a function for each item that it yields"),
        }
    }

    fn call_of_argument(
        &mut self,
        labels: &Labels<'_, '_>,
        index: usize,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        // An optional argument: the callable has a harmless default.
        if self.argument(labels, site, index).is_none() {
            return VerdictClass::Plain;
        }
        match self.argument_symbol(labels, site, index) {
            Symbol::Import(module, name) if effect_of(&module, &name) == Some(Effect::Partial) => VerdictClass::Plain,
            callee => self.callee(labels, &callee, site, steps),
        }
    }

    /// `copyreg._reconstructor(class, base, state)`.
    fn reconstruct(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>, steps: usize) -> VerdictClass {
        let made = self.new_of(labels, 0, full, site, steps);
        match self.argument_symbol(labels, site, 1) {
            Symbol::Import(module, name) if is_data_class(&module, &name) => made,
            base => made.max(self.callee(labels, &base, site, steps)),
        }
    }

    /// `class.__new__(class)`, where the class is this argument.
    fn new_of(
        &mut self,
        labels: &Labels<'_, '_>,
        index: usize,
        full: &str,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        match self.argument_symbol(labels, site, index) {
            Symbol::Class(class) => self.defined_class(labels, class, CallSite { how: CallKind::NewObj, ..site }),
            Symbol::Import(module, name)
                if effect_of(&module, &name) == Some(Effect::Memory) && self.has_buffer(labels, site, index + 1) =>
            {
                self.dangerous(labels, site, &format!("{module}.{name}"), FORGED_BUFFER)
            }
            Symbol::Import(module, name) if is_data_class(&module, &name) && !is_compiled_unchecked(&module, &name) => {
                VerdictClass::Plain
            }
            Symbol::Import(module, name) => {
                self.import_called(labels, &module, &name, CallSite { how: CallKind::NewObj, ..site }, steps)
            }
            // `__new__` of a value that is no class raises TypeError.
            Symbol::Data | Symbol::Instance(_) => VerdictClass::Plain,
            _ => {
                let why = "makes an instance of a class that cannot be resolved statically";
                self.dangerous(labels, site, full, why)
            }
        }
    }

    /// An instance of a class that the pickle defines, or a call of that class.
    pub(super) fn defined_class(&mut self, labels: &Labels<'_, '_>, class: Ref, site: CallSite<'_>) -> VerdictClass {
        let is_called = site.calls_callee();
        if is_called && !self.is_called_class(labels, class, MAX_STEPS) {
            return self.dangerous(labels, site, "", "calls a class that is defined in the pickle");
        }
        // A call runs `__init__`, too, and both run the hooks of a load.
        let by_call = if is_called { self.methods(labels, class, CALL_METHODS, MAX_STEPS) } else { None };
        let by_load = self.load_methods(labels, class);
        match [by_call, by_load].into_iter().flatten().max_by_key(|code| code.class) {
            Some(code) => self.report(labels, code.class, site, &class_name(labels, class), &code.why),
            None => VerdictClass::Code,
        }
    }

    /// A new class: the call runs its metaclass, and some methods of its bases.
    fn class(
        &mut self,
        labels: &Labels<'_, '_>,
        arguments: ClassArguments,
        full: &str,
        site: CallSite<'_>,
        steps: usize,
    ) -> VerdictClass {
        let made = match arguments.meta {
            None => VerdictClass::Code,
            Some(index) => {
                let meta = self.argument_symbol(labels, site, index);
                self.metaclass(labels, &meta, site, steps)
            }
        };
        // The finding is listed even if the metaclass has a worse one of its own.
        self.rebuilds_code(labels, site, full);
        VerdictClass::Code.max(made)
    }

    /// The effect of a metaclass when it makes a class.
    fn metaclass(&mut self, labels: &Labels<'_, '_>, meta: &Symbol, site: CallSite<'_>, steps: usize) -> VerdictClass {
        match meta {
            Symbol::Import(module, name) if is_metaclass(module, name) => VerdictClass::Code,
            Symbol::Class(class) if self.is_defined_metaclass(labels, *class, MAX_STEPS) => {
                match self.methods(labels, *class, META_METHODS, MAX_STEPS) {
                    Some(code) => self.report(labels, code.class, site, &class_name(labels, *class), &code.why),
                    None => VerdictClass::Code,
                }
            }
            symbol => self.callee(labels, symbol, site, steps),
        }
    }

    /// dill writes a generic class as `new_class(name, bases, {'metaclass': …}, partial(_setitems, source={…}))`.
    fn new_class(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>, steps: usize) -> VerdictClass {
        let keywords = self.argument(labels, site, 2).and_then(|keywords| labels.machine().node(keywords));
        let keywords =
            keywords.filter(|keywords| keywords.kind == NodeKind::Dict).map(|keywords| keywords.items.as_slice());
        let is_filled_by_dill = match self.argument(labels, site, 3).map(|fill| labels.machine().value(fill)) {
            None | Some(Value::Leaf(Leaf::None)) => true,
            Some(_) => self.fills_class_as_dill(labels, site),
        };
        // Other keywords would be passed on to the metaclass.
        let meta = match keywords {
            Some(&[key, meta]) if labels.string(key).as_deref() == Some("metaclass") => meta,
            _ => return self.dangerous(labels, site, full, "makes a class in a way that dill never does"),
        };
        if !is_filled_by_dill {
            return self.dangerous(labels, site, full, "calls a function to fill a class");
        }
        let meta = self.symbol(labels, meta);
        self.metaclass(labels, &meta, site, steps);
        self.rebuilds_code(labels, site, full)
    }

    /// Whether the function that fills a new class is dill's own, with a dict.
    fn fills_class_as_dill(&mut self, labels: &Labels<'_, '_>, site: CallSite<'_>) -> bool {
        let Symbol::Partial(call) = self.argument_symbol(labels, site, 3) else { return false };
        let Some(node) = labels.machine().node(call) else { return false };
        let functions = [labels.argument(node, 0), node.state().and_then(|state| self.item(labels, state, 0))];
        let is_setter = |symbol| match symbol {
            Symbol::Import(module, name) => module.starts_with("dill.") && name.as_ref() == "_setitems",
            _ => false,
        };
        let namespace = self.argument(labels, site, 3).map(|fill| labels.namespace(fill));
        let kind = namespace.and_then(|namespace| labels.machine().node(namespace)).map(|node| node.kind);
        // Both the first argument and the state of the partial function must be `_setitems`.
        kind == Some(NodeKind::Dict)
            && functions.into_iter().all(|function| function.is_some_and(|f| is_setter(self.symbol(labels, f))))
    }

    /// Whether an array is made with more than a shape and a dtype, which are the arguments from `from` on.
    fn has_buffer(&self, labels: &Labels<'_, '_>, site: CallSite<'_>, from: usize) -> bool {
        let has_keywords = matches!(site.how, CallKind::NewObjEx);
        match site.arguments.and_then(|arguments| labels.machine().node(arguments)) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => has_keywords || items.len() > from + site.skip + 2,
            // Arguments that are no tuple cannot be counted.
            _ => true,
        }
    }

    fn get_attribute(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let Some(name) = self.argument_string(labels, site, 1) else {
            let why = "reads an attribute that cannot be resolved statically";
            return self.dangerous(labels, site, full, why);
        };
        match self.argument_symbol(labels, site, 0) {
            // Reading an attribute calls nothing; a call of the result is judged by its whole name.
            Symbol::Import(module, _) => self.import(module.split('.').next().unwrap_or_default(), site.at),
            _ if is_inner(&name) => self.dangerous(labels, site, full, "accesses the internals of an object"),
            Symbol::Data => VerdictClass::Plain,
            _ => self.report(labels, VerdictClass::Code, site, full, "reads an attribute"),
        }
    }

    /// `dict.update(object, {…})` and `list.extend(object, […])`: as SETITEMS and APPENDS on an object of the pickle.
    fn fill(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let items = self.argument(labels, site, 1);
        let kind = items.and_then(|items| labels.machine().node(items)).map(|node| node.kind);
        let target = self.argument_symbol(labels, site, 0);
        match (target, items, kind) {
            (Symbol::Instance(_) | Symbol::Data, Some(items), Some(NodeKind::Dict | NodeKind::List)) => {
                // The object may be its own namespace.
                self.instance_names(labels, items, site.at);
                VerdictClass::Plain
            }
            _ => self.dangerous(labels, site, full, "modifies an object that the pickle did not make"),
        }
    }

    /// Harmless on an object that the pickle made itself: this is how dill fills closures and classes.
    fn set_attribute(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let target = self.argument(labels, site, 0);
        if self.argument_string(labels, site, 1).is_some_and(|name| name.as_ref() == "__dict__")
            && let Some(namespace) = self.argument(labels, site, 2)
        {
            // More can be added to the namespace until the end of the pickle.
            let _ = self.budget.push(&mut self.namespaces, (namespace, site.at));
        }
        match target.map(|target| self.symbol(labels, target)) {
            Some(Symbol::Class(class)) => {
                // `_class_setstate` has a state here. `setattr` has a name, which is no state, and is judged below.
                if let Some(state) = self.argument(labels, site, 1) {
                    self.add_class_state(labels, class, state, site.at);
                }
                self.attribute_value(labels, full, site)
            }
            Some(Symbol::Function(_) | Symbol::Instance(_) | Symbol::Lazy | Symbol::Data) => {
                self.attribute_value(labels, full, site)
            }
            Some(Symbol::Import(module, name))
                if module.as_ref() == "builtins" && name.as_ref() == "__main__"
                    || module.as_ref() == "__main__" && name.is_empty() =>
            {
                self.main_states.extend(self.argument(labels, site, 1));
                VerdictClass::Code
            }
            // An enum of the script: dill writes its name, because it cannot pickle it by value.
            Some(Symbol::Import(module, name)) if module.as_ref() == "__main__" && !name.contains('.') => {
                self.attribute_value(labels, full, site)
            }
            // A class of a module whose code a load runs anyway.
            Some(Symbol::Import(module, _)) if self.sets_foreign_attribute(labels, &module, site) => {
                self.report(labels, VerdictClass::Calls, site, full, "sets an attribute of an unknown module's class")
            }
            _ => self.dangerous(labels, site, full, "modifies an object that the pickle did not make"),
        }
    }

    /// `setattr(object, name, value)`, where a load may call the value by that name.
    fn attribute_value(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let name = self.argument_string(labels, site, 1);
        let is_called = name
            .as_deref()
            .is_some_and(|name| LOAD_METHODS.contains(&name) || matches!(name, "__class__" | "__code__" | "__call__"));
        match self.argument_symbol(labels, site, 2) {
            _ if !is_called => self.rebuilds_code(labels, site, full),
            Symbol::Data if self.argument(labels, site, 2).is_some() => VerdictClass::Code,
            Symbol::Import(module, method)
                if is_constructor(&module, &method)
                    || is_plain_method(&module, &method, name.as_deref().unwrap_or_default()) =>
            {
                self.rebuilds_code(labels, site, full)
            }
            // A method that the script defines: judged like the methods that the class was made with.
            Symbol::Function(function)
                if self.called_code(labels, function, MAX_CODE_STEPS).0 <= VerdictClass::Code =>
            {
                self.rebuilds_code(labels, site, full)
            }
            _ => self.dangerous(labels, site, full, "sets a method that a load calls"),
        }
    }

    /// `pickle.loads(…)`.
    fn nested(&mut self, labels: &Labels<'_, '_>, full: &str, site: CallSite<'_>) -> VerdictClass {
        let argument = self.argument(labels, site, 0);
        let literal = argument.map(|argument| labels.machine().value(argument));
        let bytes: &[u8] = match &literal {
            Some(Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes))) => bytes,
            Some(Value::Leaf(Leaf::OldStr(bytes))) => bytes,
            _ => return self.dangerous(labels, site, full, "loads a pickle that cannot be resolved statically"),
        };
        if self.depth >= MAX_NESTED {
            return self.dangerous(labels, site, full, "loads pickles that are nested too deeply");
        }
        // `pickle.loads` does not read joblib's arrays.
        let mut inner = Self::of_plain(self.depth + 1, &self.budget);
        let memory = self.budget.memory_left();
        let ran = inner.run(bytes).map(drop);
        self.budget.restore(memory);
        if ran.is_err() {
            return self.dangerous(labels, site, full, "loads a pickle that cannot be analysed");
        }
        // Offsets within the nested pickle are relative to the opcode of its bytes, which is close enough to find them.
        let base = labels.machine().start(argument.unwrap_or(Ref::leaf(0)));
        let worst = self.take(inner, base, "in a nested pickle: ");
        worst.max(self.report(labels, VerdictClass::Calls, site, full, "loads a nested pickle"))
    }
}

fn class_name(labels: &Labels<'_, '_>, class: Ref) -> String {
    let call = labels.machine().node(class);
    // The name is the first argument, or the one after the metaclass.
    let string = |index| labels.string(labels.argument(call?, index)?);
    format!("class {}", string(0).or_else(|| string(1)).as_deref().unwrap_or("?"))
}
