//! The canonical form of known calls: calls that make a value which another pickler writes by an opcode or another
//! call.
//!
//! The registry says which rule a callable has ([`CanonicalCall`]); the rules themselves are here.

use std::borrow::Cow;

use super::canonical::{Atom, Canonical, Canonicalizer, Compound, CompoundTag, PartRole};
use crate::pickle::format::SEPARATOR;
use crate::pickle::known::{CanonicalCall, class_named_in_diff};
use crate::pickle::machine::value::{Leaf, Node, Ref, Value};

impl<'m, 'a> Canonicalizer<'m, 'a> {
    /// The canonical form of a call, if its callee has one for such arguments.
    pub(super) fn known_call(&self, node: &'m Node) -> Option<Canonical<'m, 'a>> {
        let rule = self.rule(*node.items.first()?)?;
        let arguments = self.tuple(*node.items.get(1)?)?;
        let compound = |compound| Some(Canonical::Compound(self.with_changes(node, compound)));
        match (rule, arguments) {
            (CanonicalCall::Set, [] | [_]) => compound(self.members(CompoundTag::Set, arguments)?),
            (CanonicalCall::FrozenSet, [] | [_]) => compound(self.members(CompoundTag::FrozenSet, arguments)?),
            // snapcli's pickler writes a long list of strings as one joined string.
            (CanonicalCall::JoinedStrings, [joined, separator]) if self.is_string(*separator, &[SEPARATOR]) => {
                match self.machine.value(*joined) {
                    Value::Leaf(Leaf::Str(joined)) => {
                        let joined = Some(joined.into_bytes());
                        compound(Compound { joined, ..Compound::new(CompoundTag::List) })
                    }
                    _ => None,
                }
            }
            (CanonicalCall::ByteArray, _) => self.bytes(arguments).map(|bytes| Canonical::Atom(Atom::ByteArray(bytes))),
            (CanonicalCall::EmptyBytes, []) => Some(Canonical::Atom(Atom::Bytes(Cow::Borrowed(&[])))),
            (CanonicalCall::EncodedBytes, [_, _]) => {
                self.bytes(arguments).map(|bytes| Canonical::Atom(Atom::Bytes(bytes)))
            }
            (CanonicalCall::NewObj, [class, arguments @ ..]) => {
                compound(Compound::new(CompoundTag::New).with(PartRole::Callee, *class).arguments(arguments))
            }
            // Protocols 0 and 1 write instances this way; another base is a built-in type with a value of its own.
            (CanonicalCall::Reconstructor, [class, base, _]) if self.is_global(*base, "builtins", "object") => {
                compound(Compound::new(CompoundTag::New).with(PartRole::Callee, *class))
            }
            (CanonicalCall::Submodule, [name]) if node.state().is_none() => self.submodule(*name),
            (CanonicalCall::NamedType, [name]) => self.named_type(*name),
            _ => self.array(node, rule, arguments).map(Canonical::Compound),
        }
    }

    /// The set that a call of `set` or `frozenset` makes, if its argument is a list or a tuple.
    fn members(&self, tag: CompoundTag, arguments: &'m [Ref]) -> Option<Compound<'m, 'a>> {
        let members = arguments.first().map_or(Some(&[][..]), |members| self.sequence(*members))?;
        Some(Compound { members, ..Compound::new(tag) })
    }

    /// An array as protocol 5, the older protocols and dill pickle it.
    fn array(&self, node: &'m Node, rule: CanonicalCall, arguments: &[Ref]) -> Option<Compound<'m, 'a>> {
        let array = |fortran, dtype, shape, data| {
            let compound = Compound::new(CompoundTag::Array { fortran }).with(PartRole::Dtype, dtype);
            Some(compound.with(PartRole::Shape, shape).with(PartRole::Data, data))
        };
        // (version, shape, dtype, is Fortran, data): the argument of `ndarray.__setstate__`.
        let from_state = |state: Ref| match self.tuple(state)? {
            [_, shape, dtype, fortran, data] => array(self.is_true(*fortran), *dtype, *shape, *data),
            _ => None,
        };
        match (rule, arguments) {
            // Protocol 5: `_frombuffer(data, dtype, shape, order)`.
            (CanonicalCall::ArrayFromBuffer, [data, dtype, shape, order]) if node.state().is_none() => {
                array(self.is_string(*order, b"F"), *dtype, *shape, *data)
            }
            // Older protocols: `_reconstruct(class, …)`, with the contents in BUILD's state.
            (CanonicalCall::ArrayFromState, [class, ..]) if self.is_array_class(*class) => from_state(node.state()?),
            // dill: `_create_array(_reconstruct, arguments, state, attributes)`.
            (CanonicalCall::ArrayByDill, [_, made, state, rest]) if node.state().is_none() => {
                let has_no_rest =
                    matches!(self.canonical(*rest), Canonical::Atom(Atom::None)) || self.is_empty_dict(*rest);
                let class = self.tuple(*made)?.first()?;
                if has_no_rest && self.is_array_class(*class) { from_state(*state) } else { None }
            }
            _ => None,
        }
    }

    /// An array as joblib pickles it.
    pub(super) fn array_of_joblib(&self, node: &Node) -> Option<Compound<'m, 'a>> {
        let part = |key| self.machine.described(node, key);
        let class = part("subclass")?;
        // A memory-mapped array is loaded as any other.
        if !self.is_array_class(class) && !self.is_global(class, "numpy", "memmap") {
            return None;
        }
        let fortran = self.is_string(part("order")?, b"F");
        let compound = Compound::new(CompoundTag::Array { fortran }).with(PartRole::Dtype, part("dtype")?);
        Some(compound.with(PartRole::Shape, part("shape")?).with(PartRole::Data, *node.items.get(1)?))
    }

    /// The dtype and the shape of an array.
    pub(super) fn dtype_and_shape(&self, reference: Ref) -> Option<(Ref, Vec<u64>)> {
        let Canonical::Compound(array @ Compound { tag: CompoundTag::Array { .. }, .. }) = self.canonical(reference)
        else {
            return None;
        };
        let shape = self.tuple(array.part(PartRole::Shape)?)?.iter().map(|length| match self.canonical(*length) {
            Canonical::Atom(Atom::Int(length)) => u64::try_from(length).ok(),
            _ => None,
        });
        let dtype = self.call_arguments(array.part(PartRole::Dtype)?)?.first().copied()?;
        Some((dtype, shape.collect::<Option<_>>()?))
    }

    fn is_array_class(&self, class: Ref) -> bool {
        self.is_global(class, "numpy", "ndarray")
    }

    /// The bytes that `bytearray` and `_codecs.encode` make of bytes, or of a string in Latin-1.
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
            // Latin-1 maps each byte to the character with the same number.
            [string, encoding] => match (leaf(*string)?, leaf(*encoding)?) {
                (Leaf::Str(string), Leaf::Str(name)) if matches!(name.as_str(), Some("latin1" | "latin-1")) => string
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

    /// A module in a package: the pickler may also write it as an attribute of the package.
    fn submodule(&self, name: Ref) -> Option<Canonical<'m, 'a>> {
        let Value::Leaf(Leaf::Str(name)) = self.machine.value(name) else { return None };
        let (module, name) = name.as_str()?.rsplit_once('.')?;
        Some(Canonical::Atom(Atom::Global(module.to_owned(), name.to_owned())))
    }

    /// The class that dill's `_load_type` finds under a name.
    fn named_type(&self, name: Ref) -> Option<Canonical<'m, 'a>> {
        let Value::Leaf(Leaf::Str(name)) = self.machine.value(name) else { return None };
        let (module, name) = class_named_in_diff(name.as_str()?);
        Some(Canonical::Atom(Atom::Global(module.to_owned(), name.to_owned())))
    }
}
