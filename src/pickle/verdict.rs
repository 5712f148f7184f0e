//! What loading a pickle would import and call, told from what the machine made of it: nothing is loaded.
//!
//! Every import, call and change is judged by the rules of [`super::rules::trust`], and the worst of them is the
//! verdict. Values are followed through memo, stacked globals, attributes and partial functions ([`symbol`]); what
//! cannot be followed is taken for the worst. A verdict is never a proof: code that the pickle only rebuilds is read
//! for the names that it uses, not understood.

mod call;
mod own;
mod show;
mod symbol;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::rc::Rc;

use serde::Serialize;

use self::own::Carried;
use self::symbol::Symbol;
use super::balance::Balance;
use super::guard;
use super::machine::{Change, Machine, MachineError, Watch};
use super::naming::Naming;
use super::node::{Kind, Leaf, Node, Ref, Value};
use super::opcode::Opcode;
use super::parse::Parser;
use super::rules::{self, trust};

/// The most findings that are told; of what there is more, the worst are.
pub const MAX_FINDINGS: usize = 200;
/// How deep pickles within a pickle are looked into.
const MAX_NESTED: usize = 8;
/// The most pickles that may stand one behind the other in a file.
const MAX_IN_FILE: usize = 64;

/// How much a load does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// It builds plain data.
    #[default]
    Plain,
    /// It rebuilds functions and classes, without calling them.
    Code,
    /// It calls importable code that is not known to be harmless.
    Calls,
    /// It runs commands, evaluates text, opens files or sockets, imports to execute, calls a function that the pickle
    /// carries, or calls what cannot be told.
    Dangerous,
}

impl Class {
    /// In words, after "loading it".
    pub fn words(self) -> &'static str {
        match self {
            Self::Plain => "builds plain data",
            Self::Code => {
                "rebuilds functions and classes, and calls none of them but those that a load calls by itself"
            }
            Self::Calls => "calls importable code that is not known to be harmless",
            Self::Dangerous => "may do anything: run commands, evaluate text, open files or sockets",
        }
    }
}

/// Something that a load does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub class: Class,
    /// The place of the opcode that does it, the first time; of a call that is memoized at once, that of the opcode
    /// behind it.
    pub offset: u64,
    /// What is imported, called or changed.
    pub callee: String,
    /// The arguments, as far as they are literals; empty where nothing is called.
    pub arguments: String,
    /// Why it is of this class.
    pub why: String,
    /// How often.
    pub count: u64,
}

/// What loading a pickle does, all in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The worst of the findings.
    pub class: Class,
    /// What is imported and called, the worst first. Calls that make plain data are not told.
    pub findings: Vec<Finding>,
    /// How many more findings there are than are told.
    pub more: u64,
}

/// What a dtype does that is not what it says.
const FORGED: &str = "is forged: what numpy takes for objects or memory is not there";

/// What every verdict has to say of itself.
pub const NO_PROOF: &str = "a verdict from looking at a file is never a proof: load only what you trust";

impl Verdict {
    /// Follows a pickle, and those that stand behind it in `bytes`. Returns the first one's machine and value, too: of
    /// what is within a list or a dict, the machine keeps no more than it must.
    pub fn follow(bytes: &[u8]) -> Result<(Self, Machine<'_>, Ref), MachineError> {
        let mut judge = Judge::new(0);
        let (machine, value) = judge.run(bytes)?;
        judge.behind(bytes, machine.end());
        Ok((judge.verdict(), machine, value))
    }

    /// As [`Self::follow`], from a run of [`Machine::run`] over `bytes` that exists already.
    pub fn of_run(bytes: &[u8], labels: &Naming<'_, '_>) -> Self {
        let mut judge = Judge::new(0);
        judge.finish(bytes, labels.machine());
        judge.behind(bytes, labels.machine().end());
        judge.verdict()
    }

    /// Of bytes that are a pickle or cannot be followed.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::follow(bytes).map_or_else(|error| Self::refused(&error), |(verdict, ..)| verdict)
    }

    /// Of a pickle that cannot be followed to its end: what it does before that is not known.
    pub fn refused(error: &MachineError) -> Self {
        let mut judge = Judge::new(0);
        judge.find(Class::Dangerous, 0, "the pickle", String::new(), &format!("cannot be followed: {error}"));
        judge.verdict()
    }

    /// The findings that make it as bad as it is.
    pub fn worst(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.class == self.class)
    }
}

/// How much of a machine was looked at.
#[derive(Default)]
struct Seen {
    looked_up: usize,
    changes: usize,
    nodes: usize,
    /// Nodes whose state or items were judged, too, in order.
    filled: Vec<usize>,
    /// What symbols were noted of since nodes were forgotten.
    fresh: Vec<Ref>,
}

impl Watch for Judge {
    fn look(&mut self, machine: &Machine<'_>) {
        let naming = &Naming::new(machine);
        for place in machine.looked_up().iter().skip(self.seen.looked_up) {
            self.looked_up(naming, Ref::leaf(*place), *place);
        }
        self.seen.looked_up = machine.looked_up().len();
        // Changes lie between the nodes: what a class was given counts from then on, so they come in order.
        let mut changes = machine.changes().iter().skip(self.seen.changes).peekable();
        for (index, node) in machine.nodes().iter().enumerate().skip(self.seen.nodes) {
            while let Some(change) = changes.next_if(|change| change.at < node.end) {
                self.change(naming, change);
            }
            self.node(naming, Ref::node(index), node);
            if node.state.is_some() || node.added.is_some() {
                self.seen.filled.push(index);
            }
        }
        changes.for_each(|change| self.change(naming, change));
        self.seen.changes = machine.changes().len();
        self.seen.nodes = machine.nodes().len();
    }

    fn is_data(&mut self, machine: &Machine<'_>, call: Ref) -> bool {
        let class = machine.node(call).and_then(|node| node.items.first()).map(|class| machine.resolve(*class));
        if let Some(known) = self.alike(class).and_then(|alike| alike.is_data) {
            return known;
        }
        let naming = &Naming::new(machine);
        let is_data = match self.symbol(naming, call) {
            Symbol::Instance(class) => match class.as_ref() {
                // What its state is worth is seen in the end.
                Symbol::Import(module, name) => !is_dtype_class(module, name),
                Symbol::Class(class) => {
                    let carried = self.load_methods(naming, *class);
                    carried.is_none_or(|carried| carried.class < Class::Dangerous)
                        && !self.harms_as_argument(naming, *class)
                }
                _ => false,
            },
            _ => false,
        };
        if let Some(alike) = self.alike(class) {
            alike.is_data = Some(is_data);
        }
        is_data
    }

    fn forget(&mut self, nodes: usize) {
        for value in std::mem::take(&mut self.seen.fresh) {
            if value.node_index().is_some_and(|index| index >= nodes) {
                self.symbols.remove(&value);
            }
        }
        self.alike.take_if(|alike| alike.class.node_index().is_some_and(|index| index >= nodes));
        self.seen.filled.truncate(self.seen.filled.partition_point(|index| *index < nodes));
        self.seen.nodes = nodes;
    }
}

/// What is known of the instances of one class, which are many and made one after the other.
struct Alike {
    class: Ref,
    symbol: Symbol,
    /// As in [`Judge::instances`].
    told: Option<Option<usize>>,
    is_data: Option<bool>,
}

/// How many keys of namespaces are remembered that are no names of methods.
const MAX_KEYS: usize = 16;

/// Judges one pickle.
struct Judge {
    seen: Seen,
    depth: usize,
    /// Whether joblib may be what reads it.
    by_joblib: bool,
    findings: Vec<Finding>,
    known: HashMap<(Class, String, String), usize>,
    more: u64,
    worst: Class,
    symbols: HashMap<Ref, Symbol>,
    carried: HashMap<Ref, Option<Carried>>,
    /// Whether a class of the pickle does harm as an argument.
    harmful: HashMap<Ref, bool>,
    /// What was given to classes of the pickle after they were made.
    attributes: HashMap<Ref, Vec<Ref>>,
    /// What is called of `__main__`, and what is put there.
    main_called: Vec<(Rc<str>, u64)>,
    main_given: Vec<Ref>,
    /// Calls whose verdict was the same as this one's are not told again: callee, class of it.
    instances: HashMap<Ref, Option<usize>>,
    alike: Option<Alike>,
    /// Keys of namespaces seen last that are no names of methods.
    keys: Vec<Ref>,
}

impl Judge {
    fn new(depth: usize) -> Self {
        let (findings, known, symbols, carried, harmful) = Default::default();
        let (attributes, main_called, main_given, instances) = Default::default();
        Self {
            seen: Seen::default(),
            depth,
            by_joblib: true,
            findings,
            known,
            more: 0,
            worst: Class::Plain,
            symbols,
            carried,
            harmful,
            attributes,
            main_called,
            main_given,
            instances,
            alike: None,
            keys: Vec::new(),
        }
    }

    /// Judges what `pickle.loads` reads.
    fn of_plain(depth: usize) -> Self {
        Self { by_joblib: false, ..Self::new(depth) }
    }

    fn verdict(mut self) -> Verdict {
        self.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.class), finding.offset));
        Verdict { class: self.worst, findings: self.findings, more: self.more }
    }

    /// Notes something that a load does. Returns its class.
    fn find(&mut self, class: Class, offset: u64, callee: &str, arguments: String, why: &str) -> Class {
        self.worst = self.worst.max(class);
        let key = (class, callee.to_owned(), why.to_owned());
        if let Some(finding) = self.known.get(&key).and_then(|index| self.findings.get_mut(*index)) {
            finding.count += 1;
            return class;
        }
        let finding = Finding { class, offset, callee: key.1.clone(), arguments, why: key.2.clone(), count: 1 };
        if self.findings.len() < MAX_FINDINGS {
            self.known.insert(key, self.findings.len());
            self.findings.push(finding);
            return class;
        }
        self.more += 1;
        // What is worse than the mildest takes its place.
        let mildest = self.findings.iter().enumerate().min_by_key(|(_, finding)| finding.class);
        if let Some((index, _)) = mildest.filter(|(_, finding)| finding.class < class) {
            if let Some(place) = self.findings.get_mut(index) {
                self.known.remove(&(place.class, place.callee.clone(), place.why.clone()));
                *place = finding;
            }
            self.known.insert(key, index);
        }
        class
    }

    /// Follows one pickle, and judges all that it does.
    fn run<'a>(&mut self, bytes: &'a [u8]) -> Result<(Machine<'a>, Ref), MachineError> {
        let (machine, value) = match self.by_joblib {
            true => Machine::run_watched(bytes, self)?,
            false => Machine::run_nested(bytes, self)?,
        };
        self.finish(bytes, &machine);
        Ok((machine, value))
    }

    /// Judges what a machine has made and was not judged while it ran.
    fn finish(&mut self, bytes: &[u8], machine: &Machine<'_>) {
        let early = self.seen.nodes;
        self.look(machine);
        let naming = Naming::new(machine);
        // What was given a state or items after it was looked at.
        for (index, node) in machine.nodes().iter().enumerate().take(early) {
            if self.seen.filled.binary_search(&index).is_err() {
                self.filled(&naming, Ref::node(index), node);
            }
        }
        self.called_of_main(&naming);
        for at in guard::lies(machine, &naming) {
            self.find(Class::Dangerous, at, "numpy.dtype", String::new(), FORGED);
        }
        self.within_arrays(bytes, machine);
    }

    /// What stands between the opcodes: bytes of arrays, and for each array of objects a pickle of its own.
    fn within_arrays(&mut self, bytes: &[u8], machine: &Machine<'_>) {
        for raw in machine.raw() {
            let range = usize::try_from(raw.start).ok().zip(usize::try_from(raw.end).ok());
            let contents = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            if !raw.is_pickle {
                // Behind a padding no other reader gets to the bytes.
                if raw.start == raw.from && calls_something(contents) {
                    let why = "are opcodes to a reader other than joblib";
                    self.find(Class::Dangerous, raw.start, "the bytes of an array", String::new(), why);
                }
                continue;
            }
            let mut inner = Judge::of_plain(self.depth + 1);
            match inner.run(contents) {
                Ok(_) => self.take(inner, raw.start, "in an array: "),
                Err(error) => {
                    let why = format!("cannot be followed: {error}");
                    self.find(Class::Dangerous, raw.start, "a pickle in an array", String::new(), &why)
                }
            };
        }
    }

    /// Pickles that stand behind the first one: some readers load one after the other.
    fn behind(&mut self, bytes: &[u8], end: u64) {
        let mut end = usize::try_from(end).unwrap_or(usize::MAX);
        for _ in 0..MAX_IN_FILE {
            let rest = bytes.get(end..).unwrap_or_default();
            if rest.is_empty() {
                return;
            }
            let mut judge = Judge::new(self.depth + 1);
            match judge.run(rest).map(|(machine, _)| (machine, judge)) {
                Ok((machine, judge)) => {
                    self.take(judge, end as u64, "in a pickle that follows the first: ");
                    end = end.saturating_add(usize::try_from(machine.end()).unwrap_or(usize::MAX));
                }
                Err(_) => return self.cut_pickle(rest, end as u64),
            }
        }
        self.find(Class::Dangerous, end as u64, "the file", String::new(), "has more pickles than are looked into");
    }

    /// What follows a pickle and cannot be followed itself is no matter, unless a reader would call something first.
    fn cut_pickle(&mut self, bytes: &[u8], offset: u64) {
        let ops = Parser::new(bytes).map_while(Result::ok);
        let mut calls = ops.filter(|op| matches!(op.opcode, Opcode::Reduce | Opcode::Inst | Opcode::Obj));
        if bytes.starts_with(b"\x80") && calls.next().is_some() {
            let why = "follows the first and cannot be followed";
            self.find(Class::Dangerous, offset, "a pickle", String::new(), why);
        }
    }

    /// Takes over what was found in a pickle within this one.
    fn take(&mut self, inner: Judge, base: u64, prefix: &str) -> Class {
        let worst = inner.worst;
        for finding in inner.findings {
            let why = format!("{prefix}{}", finding.why);
            let offset = base.saturating_add(finding.offset);
            self.find(finding.class, offset, &finding.callee, finding.arguments, &why);
        }
        self.worst = self.worst.max(worst);
        worst
    }

    fn node(&mut self, naming: &Naming<'_, '_>, reference: Ref, node: &Node) {
        match node.kind {
            Kind::Global => self.looked_up(naming, reference, node.end.saturating_sub(1)),
            Kind::Persistent => self.outside(node.end.saturating_sub(1), "a persistent id"),
            Kind::Call(how) => self.call(naming, reference, node, how),
            Kind::Tuple | Kind::List | Kind::Dict | Kind::Set | Kind::FrozenSet | Kind::Array => {}
        }
        self.filled(naming, reference, node);
    }

    /// A state and items that a value was given.
    fn filled(&mut self, naming: &Naming<'_, '_>, reference: Ref, node: &Node) {
        if let Some(state) = node.state {
            self.build(naming, reference, state, node.end.saturating_sub(1));
        }
        if let Some(added) = &node.added {
            self.added(naming, reference, &added.items, node.end.saturating_sub(1));
            self.added(naming, reference, &added.pairs, node.end.saturating_sub(1));
        }
    }

    /// An import.
    fn looked_up(&mut self, naming: &Naming<'_, '_>, reference: Ref, at: u64) {
        match naming.machine().value(reference) {
            Value::Leaf(Leaf::Extension(code)) => {
                return self.outside(at, &format!("copyreg extension {code}"));
            }
            Value::Leaf(Leaf::Persistent(_)) => return self.outside(at, "a persistent id"),
            _ => {}
        }
        match self.symbol(naming, reference) {
            Symbol::Import(module, _) => {
                self.import(&module, at);
            }
            _ => {
                self.find(Class::Dangerous, at, "an import", String::new(), "whose name cannot be told");
            }
        }
    }

    fn import(&mut self, module: &str, at: u64) -> Class {
        let callee = format!("import {}", show::name(module));
        if trust::runs_on_import(module) {
            return self.find(Class::Dangerous, at, &callee, String::new(), "runs when it is imported");
        }
        if trust::is_known_module(module) {
            return Class::Plain;
        }
        self.find(Class::Calls, at, &callee, String::new(), "runs the module's own code")
    }

    fn outside(&mut self, at: u64, what: &str) {
        self.find(Class::Dangerous, at, what, String::new(), "is whatever its reader makes of it");
    }

    fn change(&mut self, naming: &Naming<'_, '_>, change: &Change) {
        match (change.opcode, change.items.as_slice()) {
            (Opcode::Build, &[state]) => self.build(naming, change.target, state, change.at),
            _ => self.added(naming, change.target, &change.items, change.at),
        }
    }

    /// BUILD: calls `__setstate__`, or fills the object's namespace.
    fn build(&mut self, naming: &Naming<'_, '_>, target: Ref, state: Ref, at: u64) {
        match self.symbol(naming, target) {
            Symbol::Import(module, name) => {
                self.named_imports(naming, state);
                self.changed(&module, &name, state, at);
            }
            Symbol::Class(class) => {
                self.give_class(naming, class, state, at);
            }
            Symbol::Instance(class) if self.is_hidden_dtype(naming, target, &class) => {
                self.find(Class::Dangerous, at, "numpy.dtype", String::new(), FORGED);
            }
            Symbol::Outside => self.outside(at, "BUILD of an object from outside"),
            _ => {
                let dicts = [Some(state), self.item(naming, state, 0), self.item(naming, state, 1)];
                for dict in dicts.into_iter().flatten() {
                    self.inner_names(naming, dict, at);
                }
            }
        }
    }

    /// Whether a dtype is made in a way that numpy does not write, so that its state is not judged by its code.
    fn is_hidden_dtype(&self, naming: &Naming<'_, '_>, target: Ref, class: &Symbol) -> bool {
        let Symbol::Import(module, name) = class else { return false };
        is_dtype_class(module, name) && !naming.machine().node(target).is_some_and(|node| guard::is_dtype(naming, node))
    }

    /// The modules that `dill.load_module` imports by what a session has under certain names.
    fn named_imports(&mut self, naming: &Naming<'_, '_>, state: Ref) {
        let dict = self.item(naming, state, 0).unwrap_or(state);
        for (key, value) in pairs(naming, dict) {
            let is_list = |name: Rc<str>| rules::NAMED_IMPORTS.iter().any(|(key, _)| *key == name.as_ref());
            if !self.short_text(naming, key).is_some_and(is_list) {
                continue;
            }
            let rows = match naming.machine().node(value) {
                Some(Node { kind: Kind::List, items, .. }) => items.as_slice(),
                _ => &[value],
            };
            for row in rows {
                let at = naming.machine().start(*row);
                match self.item(naming, *row, 0).and_then(|module| naming.text(module)) {
                    Some(module) => drop(self.import(trust::canonical(&module, "").0, at)),
                    None => {
                        let why = "has dill import what cannot be told";
                        self.find(Class::Dangerous, at, "a session", String::new(), why);
                    }
                }
            }
        }
    }

    /// A class that the pickle carries gets more methods. Instances that were made before have them, too.
    fn give_class(&mut self, naming: &Naming<'_, '_>, class: Ref, state: Ref, at: u64) {
        self.attributes.entry(class).or_default().push(state);
        self.carried.remove(&class);
        self.harmful.remove(&class);
        self.alike = None;
        if self.instances.remove(&class).is_none() {
            return;
        }
        if let Some(carried) = self.load_methods(naming, class).filter(|carried| carried.class == Class::Dangerous) {
            self.find(carried.class, at, "a class", String::new(), &carried.why);
        }
    }

    /// An instance whose own namespace gets a `__setstate__` calls that at the next BUILD, and so with its like.
    fn inner_names(&mut self, naming: &Naming<'_, '_>, dict: Ref, at: u64) {
        for (key, value) in pairs(naming, dict) {
            let key = naming.machine().resolve(key);
            if self.keys.contains(&key) {
                continue;
            }
            // Looking at a short text is cheap; long ones are no names.
            let Some(name) = self.short_text(naming, key) else { continue };
            let called = trust::LOAD_METHODS.contains(&name.as_ref()) || trust::is_inner(&name);
            if !called {
                self.note_key(key);
                continue;
            }
            let harmful = match self.symbol(naming, value) {
                Symbol::Data | Symbol::Class(_) | Symbol::Instance(_) => false,
                Symbol::Import(module, name) => trust::is_dangerous(&module, &name) || name_is_setter(&name),
                Symbol::Function(_) => name.as_ref() == "__setstate__",
                _ => true,
            };
            if harmful {
                let why = format!("of an object becomes {}, which a load would call", show::value(naming, value));
                self.find(Class::Dangerous, at, &name, String::new(), &why);
            }
        }
    }

    /// A text that is no name of a method: the next object's namespace is likely to have it, too.
    fn note_key(&mut self, key: Ref) {
        if self.keys.len() == MAX_KEYS {
            self.keys.clear();
        }
        self.keys.push(key);
    }

    /// What is known of the instances of this class, if the last one seen was of it.
    fn alike(&mut self, class: Option<Ref>) -> Option<&mut Alike> {
        self.alike.as_mut().filter(|alike| Some(alike.class) == class)
    }

    /// A change of something that was imported.
    fn changed(&mut self, module: &str, name: &str, state: Ref, at: u64) {
        let session = matches!(module, "__main__" | "__mp_main__") || module.starts_with("__runtime__");
        let namespace = module == "builtins" && name == "__main__";
        if (session && name.is_empty()) || namespace {
            self.main_given.push(state);
            return;
        }
        let full = if name.is_empty() { module.to_owned() } else { format!("{module}.{name}") };
        // What `dill.dump_module` writes of another module than `__main__`: loading fills that module.
        if name.is_empty() && !trust::is_known_module(module) {
            self.find(Class::Calls, at, &full, String::new(), "is a module that the pickle fills");
            return;
        }
        self.find(Class::Dangerous, at, &full, String::new(), "is changed for all of the program");
    }

    /// Items for an object: its `append`, `extend`, `add` or `__setitem__` gets them.
    fn added(&mut self, naming: &Naming<'_, '_>, target: Ref, items: &[Ref], at: u64) {
        if items.is_empty() {
            return;
        }
        match self.symbol(naming, target) {
            Symbol::Import(module, name) if module.as_ref() == "builtins" && name.as_ref() == "__main__" => {
                for [_, value] in items.as_chunks::<2>().0 {
                    let _ = self.symbol(naming, *value);
                }
            }
            Symbol::Import(module, name) => {
                let full = format!("{module}.{name}");
                self.find(Class::Dangerous, at, &full, String::new(), "is changed for all of the program");
            }
            Symbol::Outside => self.outside(at, "items for an object from outside"),
            Symbol::Partial(_) | Symbol::Unknown | Symbol::Function(_) => {
                self.find(Class::Dangerous, at, "items", String::new(), "are given to what cannot be told");
            }
            _ => {}
        }
    }

    /// Functions of `__main__` that the pickle put there before it called them.
    fn called_of_main(&mut self, naming: &Naming<'_, '_>) {
        if self.main_called.is_empty() {
            return;
        }
        let called: HashMap<Rc<str>, u64> = self.main_called.drain(..).collect();
        for given in std::mem::take(&mut self.main_given) {
            let dict = self.item(naming, given, 0).unwrap_or(given);
            for (key, value) in pairs(naming, dict) {
                let Some(name) = self.short_text(naming, key) else { continue };
                let Some(at) = called.get(&name).filter(|at| **at > naming.machine().start(value)) else { continue };
                let own = !matches!(self.symbol(naming, value), Symbol::Data | Symbol::Class(_));
                if own {
                    let callee = format!("__main__.{name}");
                    self.find(Class::Dangerous, *at, &callee, String::new(), "is what the pickle itself put there");
                }
            }
        }
    }

    /// A text of the length of names.
    fn short_text(&self, naming: &Naming<'_, '_>, reference: Ref) -> Option<Rc<str>> {
        match naming.machine().value(reference) {
            Value::Leaf(Leaf::Text(text)) if text.bytes().len() <= super::naming::MAX_NAME => Some(text.lossy().into()),
            Value::Leaf(Leaf::OldText(text)) if text.len() <= super::naming::MAX_NAME => {
                Some(String::from_utf8_lossy(&text).into())
            }
            _ => None,
        }
    }

    /// An item of a tuple.
    fn item(&self, naming: &Naming<'_, '_>, tuple: Ref, index: usize) -> Option<Ref> {
        match naming.machine().node(tuple) {
            Some(Node { kind: Kind::Tuple, items, .. }) => items.get(index).copied(),
            _ => None,
        }
    }
}

/// Whether bytes that are meant to be data are opcodes that look something up and call it.
fn calls_something(bytes: &[u8]) -> bool {
    // On the stack is what stands for the array, and any memo slot may be filled.
    let mut balance = Balance::new(1, u64::from(u32::MAX));
    let ops = Parser::new(bytes).map_while(Result::ok);
    let mut found = false;
    for op in ops.take_while(|op| balance.step(op).is_ok()) {
        match op.opcode {
            Opcode::Inst => return true,
            Opcode::Global | Opcode::StackGlobal | Opcode::Get | Opcode::BinGet | Opcode::LongBinGet => found = true,
            Opcode::Reduce | Opcode::Obj | Opcode::NewObj | Opcode::NewObjEx if found => return true,
            _ => {}
        }
    }
    false
}

/// Whether instances of this class are dtypes of numpy's.
fn is_dtype_class(module: &str, name: &str) -> bool {
    (module == "numpy" && name == "dtype") || (module.starts_with("numpy") && name.ends_with("DType"))
}

/// Whether a function of this name changes what it is given.
fn name_is_setter(name: &str) -> bool {
    name.contains("set") || name.contains("update")
}

/// Keys and values of a dict; nothing of other values.
fn pairs<'m>(naming: &Naming<'m, '_>, dict: Ref) -> impl Iterator<Item = (Ref, Ref)> + use<'m> {
    let items = match naming.machine().node(dict) {
        Some(Node { kind: Kind::Dict, items, .. }) => items.as_slice(),
        _ => &[],
    };
    items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value))
}
