//! What a value is to one who may call it: something imported, something that the pickle carries, or neither.
//!
//! Attributes of what is imported are imports of a longer name, so `getattr(os, 'system')` is `os.system`, however
//! many steps lead there.

use std::rc::Rc;

use super::{Alike, Judge};
use crate::pickle::naming::Naming;
use crate::pickle::node::{How, Kind, Leaf, Node, Ref, Value};
use crate::pickle::rules::trust::{self, Does};

/// How many values are followed, one from the other, to tell what one is.
const MAX_STEPS: usize = 64;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Symbol {
    /// A literal or a container.
    Data,
    /// A module and a name in it, with dots; no name for the module itself.
    Import(Rc<str>, Rc<str>),
    /// A function that the pickle carries, or what wraps one.
    Function(Ref),
    /// A class that the pickle carries.
    Class(Ref),
    /// A code object.
    CodeObject,
    /// An instance of a class.
    Instance(Rc<Symbol>),
    /// A function with arguments, by its call.
    Partial(Ref),
    /// An iterator that calls a function of the pickle, or one that cannot be told.
    Lazy,
    /// `operator.attrgetter` of this name.
    AttrGetter(Rc<str>),
    /// `operator.methodcaller` of this name.
    MethodCaller(Rc<str>),
    /// Takes a function and calls it later.
    Decorator,
    /// What the reader of the pickle makes of a number or a name.
    Outside,
    /// It cannot be told.
    Unknown,
}

impl Judge {
    pub(super) fn symbol(&mut self, naming: &Naming<'_, '_>, reference: Ref) -> Symbol {
        self.symbol_within(naming, reference, MAX_STEPS)
    }

    fn symbol_within(&mut self, naming: &Naming<'_, '_>, reference: Ref, steps: usize) -> Symbol {
        let reference = naming.machine().resolve(reference);
        let Some(steps) = steps.checked_sub(1) else { return Symbol::Unknown };
        let node = naming.machine().node(reference);
        if node.is_some_and(|node| node.kind.holds_items()) {
            return Symbol::Data;
        }
        let class = node.filter(|node| matches!(node.kind, Kind::Call(_))).and_then(|node| node.items.first());
        if let Some(alike) = self.alike(class.map(|class| naming.machine().resolve(*class))) {
            return alike.symbol.clone();
        }
        if let Some(known) = self.symbols.get(&reference) {
            return known.clone();
        }
        let symbol = match node {
            None => leaf(naming, reference),
            Some(Node { kind: Kind::Persistent, .. }) => Symbol::Outside,
            Some(node @ Node { kind: Kind::Call(_), .. }) => {
                // A call that is made with itself is told by no step.
                self.symbols.insert(reference, Symbol::Unknown);
                self.made(naming, reference, node, steps)
            }
            // What it is made of was judged; that nobody calls an array is what makes it one.
            Some(Node { kind: Kind::Array, .. }) => {
                Symbol::Instance(Rc::new(Symbol::Import("numpy".into(), "ndarray".into())))
            }
            Some(_) => import_of(naming, reference),
        };
        if symbol != Symbol::Data {
            self.seen.fresh.push(reference);
            self.symbols.insert(reference, symbol.clone());
        }
        symbol
    }

    /// What a call makes.
    fn made(&mut self, naming: &Naming<'_, '_>, reference: Ref, node: &Node, steps: usize) -> Symbol {
        let Some(class) = node.items.first() else { return Symbol::Unknown };
        let callee = self.symbol_within(naming, *class, steps);
        let argument = |index| naming.argument(node, index);
        match &callee {
            Symbol::Import(module, name) => match does_of(module, name) {
                Some(does) => self.made_by(naming, reference, node, does, &callee, steps),
                None => self.instance_of(naming.machine().resolve(*class), callee),
            },
            Symbol::Class(_) => self.instance_of(naming.machine().resolve(*class), callee),
            Symbol::AttrGetter(name) => {
                let of = argument(0).map_or(Symbol::Unknown, |of| self.symbol_within(naming, of, steps));
                attribute(&of, name)
            }
            Symbol::Decorator => Symbol::Function(reference),
            _ if node.kind == Kind::Call(How::NewObj) => Symbol::Instance(Rc::new(callee)),
            _ => Symbol::Unknown,
        }
    }

    /// An instance of a class, as all calls of that class make it.
    fn instance_of(&mut self, class: Ref, symbol: Symbol) -> Symbol {
        let symbol = Symbol::Instance(Rc::new(symbol));
        self.alike = Some(Alike { class, symbol: symbol.clone(), told: None, is_data: None });
        symbol
    }

    fn made_by(
        &mut self,
        naming: &Naming<'_, '_>,
        reference: Ref,
        node: &Node,
        does: Does,
        callee: &Symbol,
        steps: usize,
    ) -> Symbol {
        let argument = |index| naming.argument(node, index);
        let text = |index| argument(index).and_then(|text| naming.text(text));
        let instance = || Symbol::Instance(Rc::new(callee.clone()));
        match does {
            Does::Import => text(0).map_or(Symbol::Unknown, |module| module_named(&module)),
            Does::NamedType => text(0).map_or(Symbol::Unknown, |name| {
                let (module, name) = trust::named_type(&name);
                Symbol::Import(module.into(), name.into())
            }),
            Does::GetAttr => match (argument(0), text(1)) {
                (Some(of), Some(name)) => attribute(&self.symbol_within(naming, of, steps), &name),
                _ => Symbol::Unknown,
            },
            Does::Function | Does::Code => Symbol::Function(reference),
            Does::CodeObject => Symbol::CodeObject,
            Does::Class(arguments) if arguments.meta.is_none() && arguments.bases.is_some() => {
                // `type(x)` is the class of something.
                if argument(1).is_some() { Symbol::Class(reference) } else { Symbol::Unknown }
            }
            Does::Class(_) => Symbol::Class(reference),
            Does::Partial => Symbol::Partial(reference),
            Does::AttrGetter => match (text(0), argument(1)) {
                (Some(name), None) => Symbol::AttrGetter(name),
                _ => Symbol::Unknown,
            },
            Does::MethodCaller => text(0).map_or(Symbol::Unknown, Symbol::MethodCaller),
            Does::Decorator => match argument(0).map(|first| self.symbol_within(naming, first, steps)) {
                Some(Symbol::Data) | None => Symbol::Decorator,
                Some(_) => Symbol::Function(reference),
            },
            Does::Lazy => match argument(0).map(|first| self.symbol_within(naming, first, steps)) {
                Some(Symbol::Import(module, name)) if does_of(&module, &name) == Some(Does::Data) => instance(),
                _ => Symbol::Lazy,
            },
            Does::New(index) => {
                let class = argument(index).map(|class| self.symbol_within(naming, class, steps));
                Symbol::Instance(Rc::new(class.unwrap_or_else(|| callee.clone())))
            }
            Does::Reconstruct => {
                let class = argument(0).map_or(Symbol::Unknown, |class| self.symbol_within(naming, class, steps));
                Symbol::Instance(Rc::new(class))
            }
            Does::Iterates if argument(1).is_some() => Symbol::Lazy,
            Does::Iterates | Does::Data | Does::Memory | Does::Eval | Does::OpenFile => instance(),
            // An array is all that these make in honest pickles, and nobody calls that.
            Does::Calls(_) | Does::CallsWith(_) => instance(),
            Does::SetAttr | Does::Load => Symbol::Unknown,
        }
    }
}

/// What a callable does, where its name is a listed one.
pub(super) fn does_of(module: &str, name: &str) -> Option<Does> {
    trust::does(module, name)
}

fn leaf(naming: &Naming<'_, '_>, reference: Ref) -> Symbol {
    match naming.machine().value(reference) {
        Value::Leaf(Leaf::Global(..)) => import_of(naming, reference),
        Value::Leaf(Leaf::Extension(_) | Leaf::Persistent(_)) => Symbol::Outside,
        Value::Leaf(Leaf::Earlier(_)) => Symbol::Unknown,
        _ => Symbol::Data,
    }
}

/// What GLOBAL and STACK_GLOBAL import. A name that is no text cannot be told.
fn import_of(naming: &Naming<'_, '_>, reference: Ref) -> Symbol {
    let Some((module, name)) = naming.global(reference) else { return Symbol::Unknown };
    if module.as_ref() == "?" || name.as_ref() == "?" || module.ends_with('…') || name.ends_with('…') {
        return Symbol::Unknown;
    }
    // dill's own name for the namespace of its session.
    if module.as_ref() == "__builtin__" && name.as_ref() == "__main__" {
        return Symbol::Import("builtins".into(), name);
    }
    let (module, name) = trust::canonical(&module, &name);
    Symbol::Import(module.into(), name.into())
}

/// A module that is imported by its name.
fn module_named(name: &str) -> Symbol {
    let (module, _) = trust::canonical(name, "");
    Symbol::Import(module.into(), "".into())
}

/// An attribute. That of an object that the pickle made is not followed.
pub(super) fn attribute(of: &Symbol, name: &str) -> Symbol {
    match of {
        Symbol::Import(module, outer) => {
            // `dill` has `_dill` as an attribute, which is a module.
            let inner = format!("{module}.{outer}");
            let (module, joined) = match outer.as_ref() {
                "" => (module.as_ref(), name.to_owned()),
                _ if trust::is_listed_module(&inner) => (inner.as_str(), name.to_owned()),
                _ => (module.as_ref(), format!("{outer}.{name}")),
            };
            let (module, name) = trust::canonical(module, &joined);
            Symbol::Import(module.into(), name.into())
        }
        _ => Symbol::Unknown,
    }
}
