//! What a call does: the callee is told by [`super::symbol`], and some are judged by their arguments, too.

use std::rc::Rc;

use super::symbol::{Symbol, attribute, does_of};
use super::{Class, Judge, MAX_NESTED, show};
use crate::pickle::naming::Naming;
use crate::pickle::node::{How, Kind, Leaf, Node, Ref, Value};
use crate::pickle::rules::plain;
use crate::pickle::rules::trust::{self, ClassArguments, Does};

/// How many callables are followed that call one another.
const MAX_STEPS: usize = 16;
/// How deep and how far the arguments of a call are searched for what it could call.
const MAX_DEPTH: usize = 4;
const MAX_ARGUMENTS: usize = 256;

/// What makes an array of bytes that the pickle gives can make addresses of them.
const MEMORY: &str = "makes an array of memory that the pickle forges";

/// What is not on the list of what a load may make of a file that nobody signed: see [`plain::is_kept_off`].
const NUMBERS: &str = "makes an object whose compiled code trusts the numbers in the file";

/// A call at its place, with the arguments as they are told.
#[derive(Clone, Copy)]
struct Site<'n> {
    node: &'n Node,
    /// The tuple of arguments, and how many of them are not the callee's.
    arguments: Option<Ref>,
    skip: usize,
    how: How,
    at: u64,
}

impl Judge {
    pub(super) fn call(&mut self, naming: &Naming<'_, '_>, reference: Ref, node: &Node, how: How) {
        let Some(callee) = node.items.first().copied() else { return };
        let at = naming.machine().span(reference).1.saturating_sub(1);
        let site = Site { node, arguments: node.items.get(1).copied(), skip: 0, how, at };
        // Instances of one class are many, and all are made alike.
        let class = naming.machine().resolve(callee);
        let alike = matches!(how, How::NewObj | How::NewObjEx);
        if alike && let Some(told) = self.told_of(class) {
            if let Some(finding) = told.and_then(|index| self.findings.get_mut(index)) {
                finding.count += 1;
            }
            return;
        }
        // joblib's word for an array whose bytes follow: the machine has read it as joblib does.
        if naming.machine().is_wrapper(node) {
            return;
        }
        let symbol = self.symbol(naming, callee);
        let before = self.findings.len();
        self.callee(naming, &symbol, site, MAX_STEPS);
        if alike && self.findings.len() <= before + 1 && matches!(symbol, Symbol::Import(..) | Symbol::Class(_)) {
            self.instances.insert(class, (self.findings.len() > before).then_some(before));
        }
    }

    /// The finding that tells of the instances of this class, where they were judged before.
    fn told_of(&mut self, class: Ref) -> Option<Option<usize>> {
        if let Some(told) = self.alike(Some(class)).and_then(|alike| alike.told) {
            return Some(told);
        }
        let told = self.instances.get(&class).copied()?;
        if let Some(alike) = self.alike(Some(class)) {
            alike.told = Some(told);
        }
        Some(told)
    }

    /// Judges a call of this.
    fn callee(&mut self, naming: &Naming<'_, '_>, symbol: &Symbol, site: Site<'_>, steps: usize) -> Class {
        let Some(steps) = steps.checked_sub(1) else { return self.untold(naming, site) };
        match symbol {
            Symbol::Import(module, name) if name.is_empty() => match module.rsplit_once('.') {
                // `_import_module('subprocess.Popen')` is a class.
                Some((outer, name)) => {
                    let (module, name) = trust::canonical(outer, name);
                    self.imported(naming, module, name, site, steps)
                }
                None => self.untold(naming, site),
            },
            Symbol::Import(module, name) => self.imported(naming, module, name, site, steps),
            Symbol::Class(class) => self.own_class(naming, *class, site),
            Symbol::Partial(call) => self.partial(naming, *call, site, steps),
            Symbol::AttrGetter(name) => {
                let of = self.argument(naming, site, 0);
                match attribute(&of, name) {
                    Symbol::Import(..) => Class::Plain,
                    _ => self.report(naming, Class::Calls, site, "operator.attrgetter(…)", "reads an attribute"),
                }
            }
            Symbol::MethodCaller(name) => {
                let of = self.argument(naming, site, 0);
                match attribute(&of, name) {
                    method @ Symbol::Import(..) => self.callee(naming, &method, site, steps),
                    _ => self.untold(naming, site),
                }
            }
            Symbol::Decorator => Class::Code,
            Symbol::Function(_) | Symbol::CodeObject | Symbol::Instance(_) => {
                self.report(naming, Class::Dangerous, site, "", "calls a function that the pickle carries")
            }
            Symbol::Lazy | Symbol::Data | Symbol::Outside | Symbol::Unknown => self.untold(naming, site),
        }
    }

    fn untold(&mut self, naming: &Naming<'_, '_>, site: Site<'_>) -> Class {
        self.report(naming, Class::Dangerous, site, "", "calls what cannot be told")
    }

    fn report(&mut self, naming: &Naming<'_, '_>, class: Class, site: Site<'_>, callee: &str, why: &str) -> Class {
        if class == Class::Plain {
            return class;
        }
        let named = match callee {
            "" => site.node.items.first().map_or_else(String::new, |callee| show::value(naming, *callee)),
            callee => show::name(callee),
        };
        self.find(class, site.at, &named, show::arguments(naming, site.arguments, site.skip), why)
    }

    fn given_argument(&self, naming: &Naming<'_, '_>, site: Site<'_>, index: usize) -> Option<Ref> {
        self.item(naming, site.arguments?, index.checked_add(site.skip)?)
    }

    fn argument(&mut self, naming: &Naming<'_, '_>, site: Site<'_>, index: usize) -> Symbol {
        self.given_argument(naming, site, index).map_or(Symbol::Unknown, |argument| self.symbol(naming, argument))
    }

    fn text(&self, naming: &Naming<'_, '_>, site: Site<'_>, index: usize) -> Option<Rc<str>> {
        self.given_argument(naming, site, index).and_then(|text| naming.text(text))
    }

    /// A call of something that is imported.
    fn imported(&mut self, naming: &Naming<'_, '_>, module: &str, name: &str, site: Site<'_>, steps: usize) -> Class {
        let class = self.judged(naming, module, name, site, steps);
        if class == Class::Plain && plain::is_kept_off(module, name) {
            return self.report(naming, Class::Calls, site, &format!("{module}.{name}"), NUMBERS);
        }
        class
    }

    fn judged(&mut self, naming: &Naming<'_, '_>, module: &str, name: &str, site: Site<'_>, steps: usize) -> Class {
        let Some(steps) = steps.checked_sub(1) else { return self.untold(naming, site) };
        let full = format!("{module}.{name}");
        if let Some(does) = does_of(module, name) {
            return self.listed(naming, does, &full, site, steps);
        }
        // `typing.Generic[T]`, as dill writes the bases of a class.
        let of_typing = |symbol| matches!(symbol, Symbol::Import(module, _) if module.as_ref() == "typing");
        if matches!(full.as_str(), "operator.getitem" | "_operator.getitem")
            && of_typing(self.argument(naming, site, 0))
        {
            return self.report(naming, Class::Code, site, &full, "rebuilds code");
        }
        if module == "__main__" || module == "__mp_main__" {
            self.main_called.push((name.into(), site.at));
        }
        if trust::is_dangerous(module, name) {
            return self.report(naming, Class::Dangerous, site, &full, harm(module));
        }
        if matches!(site.how, How::NewObj | How::NewObjEx) && trust::is_data_class(module, name) {
            return Class::Plain;
        }
        if self.reaches_harm(naming, site, site.how == How::Reduce || site.how == How::Instance) {
            return self.report(naming, Class::Dangerous, site, &full, "is given a function that it may call");
        }
        self.report(naming, Class::Calls, site, &full, "is not known to be harmless")
    }

    /// A call of something that is listed.
    fn listed(&mut self, naming: &Naming<'_, '_>, does: Does, full: &str, site: Site<'_>, steps: usize) -> Class {
        match does {
            Does::Iterates if self.given_argument(naming, site, 1).is_some() => {
                self.listed(naming, Does::Lazy, full, site, steps)
            }
            Does::Data | Does::Iterates if self.reaches_harm(naming, site, false) => {
                self.report(naming, Class::Dangerous, site, full, "is given a function that it may call")
            }
            Does::Data | Does::Iterates => Class::Plain,
            Does::Memory => match site.how {
                How::NewObj | How::NewObjEx if !self.has_buffer(naming, site, 0) => Class::Plain,
                _ => self.report(naming, Class::Dangerous, site, full, MEMORY),
            },
            Does::Code | Does::Function | Does::CodeObject | Does::Decorator => {
                self.report(naming, Class::Code, site, full, "rebuilds code")
            }
            Does::Partial | Does::AttrGetter | Does::MethodCaller => Class::Plain,
            Does::Class(_) if full == "types.new_class" => self.new_class(naming, full, site, steps),
            Does::Class(arguments) => self.class(naming, arguments, full, site, steps),
            Does::Import => match self.text(naming, site, 0) {
                Some(module) => self.import(trust::canonical(&module, "").0, site.at),
                None => self.report(naming, Class::Dangerous, site, full, "imports what cannot be told"),
            },
            Does::GetAttr => self.get_attribute(naming, full, site),
            Does::SetAttr => self.set_attribute(naming, full, site),
            Does::NamedType if self.text(naming, site, 0).is_some() => Class::Plain,
            Does::Eval if self.text(naming, site, 0).is_some_and(|text| trust::is_known_repr(&text)) => Class::Plain,
            Does::NamedType | Does::Eval => self.report(naming, Class::Dangerous, site, full, "evaluates text"),
            Does::Load => self.nested(naming, full, site),
            Does::New(index) => self.new_of(naming, index, full, site, steps),
            Does::Reconstruct => {
                let made = self.new_of(naming, 0, full, site, steps);
                let base = self.argument(naming, site, 1);
                match &base {
                    Symbol::Import(module, name) if trust::is_data_class(module, name) => made,
                    base => made.max(self.callee(naming, base, site, steps)),
                }
            }
            Does::Calls(index) if self.given_argument(naming, site, index).is_none() => Class::Plain,
            Does::Calls(index) => match self.argument(naming, site, index) {
                Symbol::Import(module, name) if does_of(&module, &name) == Some(Does::Partial) => Class::Plain,
                callee => self.callee(naming, &callee, site, steps),
            },
            Does::CallsWith(index) => {
                let callee = self.argument(naming, site, index);
                let arguments = self.given_argument(naming, site, index + 1);
                self.callee(naming, &callee, Site { arguments, skip: 0, ..site }, steps)
            }
            Does::Lazy => match self.argument(naming, site, 0) {
                callee @ Symbol::Import(..) => self.callee(naming, &callee, site, steps),
                Symbol::Partial(call) => self.partial(naming, call, site, steps),
                _ => self.report(naming, Class::Code, site, full, "calls a function when it is asked for an item"),
            },
            // As our own pickler writes them: opened for reading, nothing can be made or emptied.
            Does::OpenFile if self.text(naming, site, 1).is_some_and(|mode| matches!(mode.as_ref(), "r" | "rb")) => {
                self.report(naming, Class::Calls, site, full, "opens a file for reading")
            }
            Does::OpenFile => self.report(naming, Class::Dangerous, site, full, "opens a file"),
        }
    }

    /// A partial function calls what it was made with, or what BUILD gave it.
    fn partial(&mut self, naming: &Naming<'_, '_>, call: Ref, site: Site<'_>, steps: usize) -> Class {
        let Some(node) = naming.machine().node(call) else { return self.untold(naming, site) };
        let functions = [naming.argument(node, 0), node.state.and_then(|state| self.item(naming, state, 0))];
        let mut worst = Class::Calls;
        for function in functions.into_iter().flatten() {
            let symbol = self.symbol(naming, function);
            // The arguments that stand with the function tell more than those of the call.
            let site = Site { node, arguments: node.items.get(1).copied(), skip: 1, ..site };
            worst = worst.max(self.callee(naming, &symbol, site, steps));
        }
        worst
    }

    /// `cls.__new__(cls)`, of which an argument is the class; with no such argument, the callee is.
    fn new_of(&mut self, naming: &Naming<'_, '_>, index: usize, full: &str, site: Site<'_>, steps: usize) -> Class {
        if index == usize::MAX {
            return Class::Code;
        }
        match self.argument(naming, site, index) {
            Symbol::Class(class) => self.own_class(naming, class, Site { how: How::NewObj, ..site }),
            Symbol::Import(module, name)
                if does_of(&module, &name) == Some(Does::Memory) && self.has_buffer(naming, site, index + 1) =>
            {
                self.report(naming, Class::Dangerous, site, &format!("{module}.{name}"), MEMORY)
            }
            Symbol::Import(module, name)
                if trust::is_data_class(&module, &name) && !plain::is_kept_off(&module, &name) =>
            {
                Class::Plain
            }
            Symbol::Import(module, name) => {
                self.imported(naming, &module, &name, Site { how: How::NewObj, ..site }, steps)
            }
            Symbol::Data | Symbol::Instance(_) => Class::Plain,
            _ => self.report(naming, Class::Dangerous, site, full, "makes an object of a class that cannot be told"),
        }
    }

    /// A class that the pickle carries: an instance of it, or a call of it.
    fn own_class(&mut self, naming: &Naming<'_, '_>, class: Ref, site: Site<'_>) -> Class {
        let called = site.how == How::Reduce || site.how == How::Instance;
        if called && !self.is_called_class(naming, class, MAX_STEPS) {
            return self.report(naming, Class::Dangerous, site, "", "calls a class that the pickle carries");
        }
        let by_call = if called { self.methods(naming, class, trust::CALL_METHODS, MAX_STEPS) } else { None };
        let by_load = self.load_methods(naming, class);
        match [by_call, by_load].into_iter().flatten().max_by_key(|carried| carried.class) {
            Some(carried) => self.report(naming, carried.class, site, &class_name(naming, class), &carried.why),
            None => Class::Code,
        }
    }

    /// A new class: its metaclass is called, and so are some methods of its bases.
    fn class(
        &mut self,
        naming: &Naming<'_, '_>,
        arguments: ClassArguments,
        full: &str,
        site: Site<'_>,
        steps: usize,
    ) -> Class {
        let meta = arguments.meta.filter(|_| !full.ends_with("_make_skeleton_enum"));
        let made = match meta.map(|index| self.argument(naming, site, index)) {
            None => Class::Code,
            Some(Symbol::Import(module, name)) if trust::is_metaclass(&module, &name) => Class::Code,
            Some(Symbol::Class(class)) if self.is_metaclass(naming, class, MAX_STEPS) => {
                match self.methods(naming, class, trust::META_METHODS, MAX_STEPS) {
                    Some(carried) => self.report(naming, carried.class, site, &class_name(naming, class), &carried.why),
                    None => Class::Code,
                }
            }
            Some(symbol) => self.callee(naming, &symbol, site, steps),
        };
        let class = Class::Code.max(made);
        self.report(naming, Class::Code, site, full, "rebuilds code");
        class
    }

    /// What dill writes of a generic class: `new_class(name, bases, {'metaclass': …}, partial(_setitems, source={…}))`.
    fn new_class(&mut self, naming: &Naming<'_, '_>, full: &str, site: Site<'_>, steps: usize) -> Class {
        let keywords = self.given_argument(naming, site, 2).and_then(|keywords| naming.machine().node(keywords));
        let keywords =
            keywords.filter(|keywords| keywords.kind == Kind::Dict).map(|keywords| keywords.items.as_slice());
        let fills = match self.given_argument(naming, site, 3).map(|fill| naming.machine().value(fill)) {
            None | Some(Value::Leaf(Leaf::None)) => true,
            Some(_) => self.fills_class(naming, site),
        };
        let meta = match keywords {
            Some(&[key, meta]) if naming.text(key).as_deref() == Some("metaclass") => meta,
            _ => return self.report(naming, Class::Dangerous, site, full, "makes a class in a way that dill does not"),
        };
        if !fills {
            return self.report(naming, Class::Dangerous, site, full, "calls a function to fill a class");
        }
        match self.symbol(naming, meta) {
            Symbol::Import(module, name) if trust::is_metaclass(&module, &name) => {}
            Symbol::Class(class) if self.is_metaclass(naming, class, MAX_STEPS) => {
                if let Some(carried) = self.methods(naming, class, trust::META_METHODS, MAX_STEPS) {
                    self.report(naming, carried.class, site, &class_name(naming, class), &carried.why);
                }
            }
            symbol => drop(self.callee(naming, &symbol, site, steps)),
        }
        self.report(naming, Class::Code, site, full, "rebuilds code")
    }

    /// Whether what fills a new class is dill's own way to do that, with a dict.
    fn fills_class(&mut self, naming: &Naming<'_, '_>, site: Site<'_>) -> bool {
        let Symbol::Partial(call) = self.argument(naming, site, 3) else { return false };
        let Some(node) = naming.machine().node(call) else { return false };
        let made_of = [naming.argument(node, 0), node.state.and_then(|state| self.item(naming, state, 0))];
        let is_setter = |symbol| match symbol {
            Symbol::Import(module, name) => module.starts_with("dill.") && name.as_ref() == "_setitems",
            _ => false,
        };
        let namespace = self.given_argument(naming, site, 3).map(|fill| naming.namespace(fill));
        let is_dict = namespace.and_then(|namespace| naming.machine().node(namespace)).map(|node| node.kind);
        is_dict == Some(Kind::Dict)
            && made_of.into_iter().all(|function| function.is_some_and(|f| is_setter(self.symbol(naming, f))))
    }

    /// Whether an array is made with more than a shape and a dtype, from this argument on.
    fn has_buffer(&self, naming: &Naming<'_, '_>, site: Site<'_>, from: usize) -> bool {
        let has_keywords = matches!(site.how, How::NewObjEx);
        match site.arguments.and_then(|arguments| naming.machine().node(arguments)) {
            Some(Node { kind: Kind::Tuple, items, .. }) => has_keywords || items.len() > from + site.skip + 2,
            _ => true,
        }
    }

    fn get_attribute(&mut self, naming: &Naming<'_, '_>, full: &str, site: Site<'_>) -> Class {
        let Some(name) = self.text(naming, site, 1) else {
            return self.report(naming, Class::Dangerous, site, full, "reads an attribute that cannot be told");
        };
        match self.argument(naming, site, 0) {
            // Looking is no call; what is called is judged by its whole name.
            Symbol::Import(module, _) => self.import(module.split('.').next().unwrap_or_default(), site.at),
            _ if trust::is_inner(&name) => {
                self.report(naming, Class::Dangerous, site, full, "reaches into what an object is made of")
            }
            Symbol::Data => Class::Plain,
            _ => self.report(naming, Class::Code, site, full, "reads an attribute"),
        }
    }

    /// Fine for what the pickle made itself: dill fills closures and classes this way.
    fn set_attribute(&mut self, naming: &Naming<'_, '_>, full: &str, site: Site<'_>) -> Class {
        let target = self.given_argument(naming, site, 0);
        match target.map(|target| self.symbol(naming, target)) {
            Some(Symbol::Class(class)) => {
                // `_class_setstate` has a state, `setattr` a name and a value: the value is judged as it is.
                if let Some(state) = self.given_argument(naming, site, 1) {
                    self.give_class(naming, class, state, site.at);
                }
                self.given(naming, full, site)
            }
            Some(Symbol::Function(_) | Symbol::Instance(_) | Symbol::Data) => self.given(naming, full, site),
            Some(Symbol::Import(module, name))
                if module.as_ref() == "builtins" && name.as_ref() == "__main__"
                    || module.as_ref() == "__main__" && name.is_empty() =>
            {
                self.main_given.extend(self.given_argument(naming, site, 1));
                Class::Code
            }
            // dill names an enum of the script this way, which it cannot carry.
            Some(Symbol::Import(module, name)) if module.as_ref() == "__main__" && !name.contains('.') => {
                self.given(naming, full, site)
            }
            _ => self.report(naming, Class::Dangerous, site, full, "changes what the pickle did not make"),
        }
    }

    /// A value that is set under a name that a load calls.
    fn given(&mut self, naming: &Naming<'_, '_>, full: &str, site: Site<'_>) -> Class {
        let name = self.text(naming, site, 1);
        let called = name.is_some_and(|name| {
            trust::LOAD_METHODS.contains(&name.as_ref())
                || matches!(name.as_ref(), "__class__" | "__code__" | "__call__")
        });
        match self.argument(naming, site, 2) {
            _ if !called => self.report(naming, Class::Code, site, full, "rebuilds code"),
            Symbol::Data if self.given_argument(naming, site, 2).is_some() => Class::Code,
            Symbol::Import(module, name) if trust::is_constructor(&module, &name) => {
                self.report(naming, Class::Code, site, full, "rebuilds code")
            }
            // A method of the script's own, judged as those that its class was made with.
            Symbol::Function(function) if self.runs(naming, function, super::own::MAX_STEPS).0 <= Class::Code => {
                self.report(naming, Class::Code, site, full, "rebuilds code")
            }
            _ => self.report(naming, Class::Dangerous, site, full, "sets a method that a load calls"),
        }
    }

    /// A pickle within the pickle.
    fn nested(&mut self, naming: &Naming<'_, '_>, full: &str, site: Site<'_>) -> Class {
        let argument = self.given_argument(naming, site, 0);
        let literal = argument.map(|argument| naming.machine().value(argument));
        let bytes: &[u8] = match &literal {
            Some(Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes))) => bytes,
            Some(Value::Leaf(Leaf::OldText(bytes))) => bytes,
            _ => return self.report(naming, Class::Dangerous, site, full, "loads a pickle that cannot be told"),
        };
        if self.depth >= MAX_NESTED {
            return self.report(naming, Class::Dangerous, site, full, "loads pickles that are nested too deeply");
        }
        let mut inner = Self::of_plain(self.depth + 1);
        let inner = match inner.run(bytes) {
            Ok(_) => inner,
            Err(_) => {
                return self.report(naming, Class::Dangerous, site, full, "loads a pickle that cannot be followed");
            }
        };
        let worst =
            self.take(inner, naming.machine().start(argument.unwrap_or(Ref::leaf(0))), "in a pickle within it: ");
        worst.max(self.report(naming, Class::Calls, site, full, "loads a pickle within this one"))
    }

    /// Whether a call is given a function that does harm, or an iterator that calls one, so that it may call it. Of
    /// what is `unknown` to the rules, any function that the pickle carries is harm: it may call that.
    fn reaches_harm(&mut self, naming: &Naming<'_, '_>, site: Site<'_>, unknown: bool) -> bool {
        let mut waiting: Vec<(Ref, usize)> = site.arguments.into_iter().map(|items| (items, 0)).collect();
        for _ in 0..MAX_ARGUMENTS {
            let Some((value, depth)) = waiting.pop() else { return false };
            let node = naming.machine().node(value);
            let inner = match self.symbol(naming, value) {
                Symbol::Lazy => return true,
                Symbol::Import(module, name) if does_harm(&module, &name) => return true,
                Symbol::Partial(call) => {
                    let function = naming.machine().node(call).and_then(|call| naming.argument(call, 0));
                    match function.map(|function| self.symbol(naming, function)) {
                        Some(Symbol::Import(module, name)) if does_harm(&module, &name) => return true,
                        Some(Symbol::Function(_)) if unknown => return true,
                        _ => continue,
                    }
                }
                Symbol::Function(_) if unknown => return true,
                Symbol::Instance(class) => match class.as_ref() {
                    Symbol::Class(class) if self.harms_as_argument(naming, *class) => return true,
                    _ if unknown => node.and_then(|node| naming.machine().node(*node.items.get(1)?)),
                    _ => None,
                },
                Symbol::Data => node.filter(|node| !matches!(node.kind, Kind::Call(_))),
                _ => None,
            };
            if depth < MAX_DEPTH {
                let items = inner.map_or(&[][..], |node| node.items.as_slice());
                waiting.extend(items.iter().take(MAX_ARGUMENTS).map(|item| (*item, depth + 1)));
            }
        }
        false
    }

    pub(super) fn harms_as_argument(&mut self, naming: &Naming<'_, '_>, class: Ref) -> bool {
        if let Some(known) = self.harmful.get(&class) {
            return *known;
        }
        let carried = self.methods(naming, class, trust::ARGUMENT_METHODS, MAX_STEPS);
        let harms = carried.is_some_and(|carried| carried.class == Class::Dangerous);
        self.harmful.insert(class, harms);
        harms
    }
}

/// Whether something that is imported does harm when it is called.
fn does_harm(module: &str, name: &str) -> bool {
    !name.is_empty() && does_of(module, name).is_none() && trust::is_dangerous(module, name) && is_function(name)
}

/// Whether a name is written as functions are.
fn is_function(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|last| last.starts_with(|first: char| first.is_lowercase() || first == '_'))
}

fn class_name(naming: &Naming<'_, '_>, class: Ref) -> String {
    let call = naming.machine().node(class);
    // The name stands before or behind the metaclass.
    let text = |index| naming.text(naming.argument(call?, index)?);
    format!("class {}", text(0).or_else(|| text(1)).as_deref().unwrap_or("?"))
}

/// What a dangerous module's functions do, in words.
fn harm(module: &str) -> &'static str {
    match module.split('.').next().unwrap_or(module) {
        "os" | "posix" | "nt" | "subprocess" | "pty" | "commands" => "runs commands or changes the system",
        "socket" | "urllib" | "http" | "ssl" | "smtplib" | "ftplib" | "requests" | "webbrowser" => "opens sockets",
        "runpy" | "importlib" | "imp" | "zipimport" => "imports to execute",
        "builtins" => "evaluates text, opens files or reaches into the interpreter",
        _ => "is known to do harm",
    }
}
