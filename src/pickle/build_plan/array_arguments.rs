//! Reads the arguments of numpy's calls: shapes, flags, short strings, and the contents of arrays.

use std::borrow::Cow;

use super::array_recipe::ArrayBuilder;
use super::{Builder, Make, PlanContext, Refused};
use crate::pickle::known;
use crate::pickle::machine::KeyedDict;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The most keys of a state.
const MAX_KEYS: usize = 32;
/// The bytes that may be copied in any case: short `bytes` of Python are often one object.
const FREE_COPIES: u64 = 1 << 20;

/// The recipe of `array_recipe` that the row of a global asks for.
pub(super) fn array_builder(module: &str, name: &str) -> Option<ArrayBuilder> {
    match known::builder_of(module, name)? {
        Builder::Array(builder) => Some(builder),
        _ => None,
    }
}

impl<'m, 'a> PlanContext<'m, 'a> {
    /// Notes that the object which describes an array of joblib has no other purpose.
    pub(super) fn consume_wrapper(&self, array: Ref) {
        if let Some(wrapper) = self.wrapper_of(array) {
            self.consume(wrapper);
        }
    }

    /// A state: a dict of few keys.
    pub(super) fn state_dict(&self, dict: Ref) -> Result<KeyedDict<'a>, Refused> {
        self.keyed(dict, MAX_KEYS)
    }

    /// A flag: a bool, or 0 or 1.
    pub(super) fn flag(&self, reference: Ref) -> Option<bool> {
        match self.leaf(reference) {
            Some(Leaf::Bool(flag)) => Some(flag),
            Some(Leaf::Int(0)) => Some(false),
            Some(Leaf::Int(1)) => Some(true),
            _ => None,
        }
    }

    /// A tuple of lengths.
    pub(super) fn shape(&self, reference: Ref) -> Option<Vec<u64>> {
        let lengths = self.items(reference, NodeKind::Tuple)?;
        // Longer ones are refused.
        let lengths = lengths.get(..lengths.len().min(128))?;
        lengths.iter().map(|length| u64::try_from(self.int(*length)?).ok()).collect()
    }

    /// A string without surrogates, if its opcode has at most `longest` bytes. It is not decoded otherwise.
    pub(super) fn short_text(&self, reference: Ref, longest: usize) -> Option<String> {
        self.opcode_within(reference, longest)?;
        match self.leaf(reference)? {
            Leaf::Str(text) => text.as_str().map(str::to_owned),
            Leaf::OldStr(bytes) if bytes.is_ascii() => String::from_utf8(bytes.into_owned()).ok(),
            _ => None,
        }
    }

    /// Short `bytes`, or a string that replaces them: protocols before 3 have no bytes.
    pub(super) fn short_bytes(&self, reference: Ref, longest: usize) -> Option<Vec<u8>> {
        let encoded = encoded_string(self, reference).unwrap_or(reference);
        self.opcode_within(encoded, longest)?;
        match self.leaf(encoded)? {
            Leaf::Bytes(bytes) => Some(bytes.to_vec()),
            _ => self.short_text(encoded, longest).map(String::into_bytes),
        }
    }
}

/// The bytes of an array or a scalar.
pub(super) fn contents<'a>(context: &PlanContext<'_, 'a>, contents: Ref) -> Result<Cow<'a, [u8]>, Refused> {
    let unusual = || "has contents that are no bytes".to_owned();
    if is_empty_bytes(context, contents) {
        return Ok(Cow::Borrowed(&[]));
    }
    let literal = encoded_string(context, contents).unwrap_or(contents);
    // A decoded literal is not longer than its opcode.
    context.copy(context.opcode_bytes(literal).len(), FREE_COPIES)?;
    match context.leaf(literal) {
        Some(Leaf::Bytes(bytes)) if literal == contents => Ok(Cow::Borrowed(bytes)),
        // A string means its characters encoded in Latin-1, also in pickles of Python 2.
        Some(Leaf::Str(text)) => {
            let bytes = text.as_str().and_then(|text| text.chars().map(|code| u8::try_from(code).ok()).collect());
            bytes.map(Cow::Owned).ok_or_else(unusual)
        }
        Some(Leaf::OldStr(bytes)) if bytes.is_ascii() => Ok(Cow::Owned(bytes.into_owned())),
        _ => Err(unusual()),
    }
}

/// Whether this is `bytes`, in any protocol.
pub(super) fn is_bytes(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let encoded = encoded_string(context, reference).unwrap_or(reference);
    match context.leaf(encoded) {
        Some(Leaf::Bytes(_)) => true,
        Some(Leaf::Str(_)) => encoded != reference,
        _ => is_empty_bytes(context, reference),
    }
}

/// The string in `_codecs.encode(string, 'latin1')`, as which protocols before 3 write bytes.
fn encoded_string(context: &PlanContext<'_, '_>, reference: Ref) -> Option<Ref> {
    let (callee, arguments) = context.plain_call(reference)?;
    let &[string, codec] = arguments else { return None };
    let is_encode = context.global(callee).is_some_and(|(module, name)| (&*module, &*name) == ("_codecs", "encode"));
    let is_written = is_encode && context.short_text(codec, 64)? == "latin1";
    is_written.then(|| context.consume(reference));
    is_written.then_some(string)
}

/// Whether this is `bytes()`, as which protocols before 3 write no bytes.
fn is_empty_bytes(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let Some((callee, [])) = context.plain_call(reference) else { return false };
    let global = context.global(callee);
    let is_bytes = match (global, context.recipe(callee).map(|recipe| &*recipe.make)) {
        (Some((module, name)), _) => (&*module, &*name) == ("builtins", "bytes"),
        // dill looks the type up in a separate call.
        (None, Some(Make::Global(module, name))) => (module.as_str(), name.as_str()) == ("builtins", "bytes"),
        _ => false,
    };
    is_bytes.then(|| context.consume(reference)).is_some()
}
