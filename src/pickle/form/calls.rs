//! Calls that make what other pickles have opcodes for, or other calls.

use std::borrow::Cow;

use super::{Form, Forms, Parts, Role, Tag, Whole};
use crate::pickle::node::{Leaf, Node, Ref, Value};
use crate::pickle::texts::SEPARATOR;

/// Classes that dill's `_load_type` has a name of its own for; else `NameType` is in `types`, and all others are built in.
const DILL_TYPES: &[(&str, &str, &str)] = &[
    ("PartialType", "functools", "partial"),
    ("AttrGetterType", "operator", "attrgetter"),
    ("ItemGetterType", "operator", "itemgetter"),
    ("LambdaType", "types", "FunctionType"),
];

impl<'a> Forms<'_, 'a> {
    /// Calls that make what other pickles have opcodes for.
    pub(super) fn known_call(&self, node: &Node) -> Option<Form<'a>> {
        let Whole::Global(module, name) = self.global(*node.items.first()?)? else { return None };
        let arguments = self.tuple(*node.items.get(1)?)?;
        let contents = |tag| {
            let items = arguments.first().map_or(Some(&[][..]), |items| self.sequence(*items))?;
            Some(Form::Parts(self.changed(node, Parts { members: items.to_vec(), ..Parts::new(tag) })))
        };
        match (module.as_str(), name.as_str(), arguments) {
            ("builtins", "set", [] | [_]) => contents(Tag::Set),
            ("builtins", "frozenset", [] | [_]) => contents(Tag::FrozenSet),
            ("builtins", "str.split", [text, separator]) if self.is_text(*separator, &[SEPARATOR]) => {
                match self.machine.value(*text) {
                    Value::Leaf(Leaf::Text(text)) => {
                        let texts = Some(text.into_bytes());
                        Some(Form::Parts(self.changed(node, Parts { texts, ..Parts::new(Tag::List) })))
                    }
                    _ => None,
                }
            }
            ("builtins", "bytearray", _) => self.bytes(arguments).map(|bytes| Form::Whole(Whole::ByteArray(bytes))),
            ("builtins", "bytes", []) => Some(Form::Whole(Whole::Bytes(Cow::Borrowed(&[])))),
            ("_codecs", "encode", [_, _]) => self.bytes(arguments).map(|bytes| Form::Whole(Whole::Bytes(bytes))),
            ("copyreg", "__newobj__", [class, arguments @ ..]) => {
                let parts = Parts::new(Tag::New).with(Role::Callee, *class).arguments(arguments);
                Some(Form::Parts(self.changed(node, parts)))
            }
            ("copyreg", "_reconstructor", [class, base, _]) if self.is_global(*base, "builtins", "object") => {
                let parts = Parts::new(Tag::New).with(Role::Callee, *class);
                Some(Form::Parts(self.changed(node, parts)))
            }
            ("dill._dill", "_import_module", [name]) if node.state.is_none() => self.submodule(*name),
            ("dill._dill", "_load_type", [name]) => self.dill_type(*name),
            _ => self.array(node, &module, &name, arguments).map(Form::Parts),
        }
    }

    /// The three ways in which arrays are pickled: by protocol 5, by older ones, and by dill.
    fn array(&self, node: &Node, module: &str, name: &str, arguments: &[Ref]) -> Option<Parts<'a>> {
        let array = |fortran, dtype, shape, data| {
            let parts = Parts::new(Tag::Array { fortran }).with(Role::Dtype, dtype);
            Some(parts.with(Role::Shape, shape).with(Role::Data, data))
        };
        let is_array = |class: &Ref| self.is_global(*class, "numpy", "ndarray");
        let from_state = |state: Ref| match self.tuple(state)? {
            [_, shape, dtype, fortran, data] => array(self.form_is_true(*fortran), *dtype, *shape, *data),
            _ => None,
        };
        match (module, name, arguments) {
            ("numpy._core.numeric", "_frombuffer", [data, dtype, shape, order]) if node.state.is_none() => {
                array(self.is_text(*order, b"F"), *dtype, *shape, *data)
            }
            ("numpy._core.multiarray", "_reconstruct", [class, ..]) if is_array(class) => from_state(node.state?),
            ("dill._dill", "_create_array", [_, made, state, rest]) if node.state.is_none() => {
                let plain = matches!(self.form(*rest), Form::Whole(Whole::None)) || self.is_empty_dict(*rest);
                let class = self.tuple(*made)?.first()?;
                if plain && is_array(class) { from_state(*state) } else { None }
            }
            _ => None,
        }
    }

    /// The fourth way: joblib's.
    pub(super) fn array_of_joblib(&self, node: &Node) -> Option<Parts<'a>> {
        let part = |key| self.machine.described(node, key);
        let class = part("subclass")?;
        if !self.is_global(class, "numpy", "ndarray") && !self.is_global(class, "numpy", "memmap") {
            return None;
        }
        let fortran = self.is_text(part("order")?, b"F");
        let parts = Parts::new(Tag::Array { fortran }).with(Role::Dtype, part("dtype")?);
        Some(parts.with(Role::Shape, part("shape")?).with(Role::Data, *node.items.get(1)?))
    }

    /// What `bytearray` and `_codecs.encode` make of bytes, or of a text in Latin-1.
    fn bytes(&self, arguments: &[Ref]) -> Option<Cow<'a, [u8]>> {
        let leaf = |reference: Ref| match self.machine.value(reference) {
            Value::Leaf(leaf) => Some(leaf),
            Value::Node(_) => None,
        };
        match arguments {
            [] => Some(Cow::Borrowed(&[])),
            [bytes] => match leaf(*bytes)? {
                Leaf::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
                _ => None,
            },
            [text, encoding] => match (leaf(*text)?, leaf(*encoding)?) {
                (Leaf::Text(text), Leaf::Text(name)) if matches!(name.as_str(), Some("latin1" | "latin-1")) => text
                    .as_str()?
                    .chars()
                    .map(|c| u8::try_from(u32::from(c)).ok())
                    .collect::<Option<_>>()
                    .map(Cow::Owned),
                _ => None,
            },
            _ => None,
        }
    }

    /// A module within another one, which dill also writes as that one's attribute.
    fn submodule(&self, name: Ref) -> Option<Form<'a>> {
        let Value::Leaf(Leaf::Text(name)) = self.machine.value(name) else { return None };
        let (module, name) = name.as_str()?.rsplit_once('.')?;
        Some(Form::Whole(Whole::Global(module.to_owned(), name.to_owned())))
    }

    /// The class that dill's `_load_type` finds under a name.
    fn dill_type(&self, name: Ref) -> Option<Form<'a>> {
        let Value::Leaf(Leaf::Text(name)) = self.machine.value(name) else { return None };
        let name = name.as_str()?;
        let (module, name) = match DILL_TYPES.iter().find(|(theirs, ..)| *theirs == name) {
            Some((_, module, name)) => (*module, *name),
            None => (if name.ends_with("Type") { "types" } else { "builtins" }, name),
        };
        Some(Form::Whole(Whole::Global(module.to_owned(), name.to_owned())))
    }
}
