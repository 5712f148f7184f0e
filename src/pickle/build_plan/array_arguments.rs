//! Reads the arguments of numpy's calls: shapes, flags, short strings, and the contents of arrays.

use std::borrow::Cow;

use super::array_recipe::ArrayBuilder;
use super::{Builder, Make, PlanContext, Refused};
use crate::pickle::known;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};

/// The most keys of a dict in which a key is looked up.
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
    pub(super) fn node(&self, reference: Ref) -> Option<&'m Node> {
        self.labels.machine().node(reference)
    }

    /// Takes from the number of bytes that arrays may copy: as many as the pickle has. Honest pickles do not use the
    /// contents of one array for another one.
    fn copy(&self, bytes: usize) -> Result<(), Refused> {
        let copied = self.copied.get().saturating_add(bytes as u64);
        self.copied.set(copied);
        let most = self.labels.machine().end().saturating_add(FREE_COPIES);
        if copied <= most { Ok(()) } else { Err("copies the same bytes again and again".to_owned()) }
    }

    /// Notes that the object which describes an array of joblib has no other purpose.
    pub(super) fn consume_wrapper(&self, array: Ref) {
        if let Some(wrapper) = self.node(array).and_then(|array| array.items.first()) {
            self.consume(*wrapper);
        }
    }

    /// The value of a key in a dict of few keys.
    pub(super) fn entry(&self, dict: Ref, key: &str) -> Option<Ref> {
        let pairs = self.items(dict, NodeKind::Dict).filter(|pairs| pairs.len() <= 2 * MAX_KEYS)?;
        let mut pairs = pairs.as_chunks::<2>().0.iter().rev();
        pairs.find(|[found, _]| self.short_text(*found, 64).as_deref() == Some(key)).map(|[_, value]| *value)
    }

    /// A flag: a bool, or 0 or 1.
    pub(super) fn flag(&self, reference: Ref) -> Option<bool> {
        match self.value(reference) {
            Value::Leaf(Leaf::Bool(flag)) => Some(flag),
            Value::Leaf(Leaf::Int(0)) => Some(false),
            Value::Leaf(Leaf::Int(1)) => Some(true),
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
        let length = self.labels.machine().opcode_bytes(reference).len();
        match self.value_if(length <= longest, reference)? {
            Value::Leaf(Leaf::Str(text)) => text.as_str().map(str::to_owned),
            Value::Leaf(Leaf::OldStr(bytes)) if bytes.is_ascii() => String::from_utf8(bytes.into_owned()).ok(),
            _ => None,
        }
    }

    /// Short `bytes`, or a string in their place: protocols before 3 have no bytes.
    pub(super) fn short_bytes(&self, reference: Ref, longest: usize) -> Option<Vec<u8>> {
        let encoded = encoded_string(self, reference).unwrap_or(reference);
        let length = self.labels.machine().opcode_bytes(encoded).len();
        match self.value_if(length <= longest, encoded)? {
            Value::Leaf(Leaf::Bytes(bytes)) => Some(bytes.to_vec()),
            _ => self.short_text(encoded, longest).map(String::into_bytes),
        }
    }

    fn value_if(&self, is_short: bool, reference: Ref) -> Option<Value<'m, 'a>> {
        is_short.then(|| self.value(reference))
    }
}

/// The bytes of an array or a scalar.
pub(super) fn contents<'a>(context: &PlanContext<'_, 'a>, contents: Ref) -> Result<Cow<'a, [u8]>, Refused> {
    let unusual = || "has contents that are no bytes".to_owned();
    if is_empty_bytes(context, contents) {
        return Ok(Cow::Borrowed(&[]));
    }
    let literal = encoded_string(context, contents).unwrap_or(contents);
    // What is decoded is not longer than its opcode.
    context.copy(context.labels.machine().opcode_bytes(literal).len())?;
    match context.value(literal) {
        Value::Leaf(Leaf::Bytes(bytes)) if literal == contents => Ok(Cow::Borrowed(bytes)),
        // A string stands for the bytes of its characters in Latin-1, also in pickles of Python 2.
        Value::Leaf(Leaf::Str(text)) => {
            let bytes = text.as_str().and_then(|text| text.chars().map(|code| u8::try_from(code).ok()).collect());
            bytes.map(Cow::Owned).ok_or_else(unusual)
        }
        Value::Leaf(Leaf::OldStr(bytes)) if bytes.is_ascii() => Ok(Cow::Owned(bytes.into_owned())),
        _ => Err(unusual()),
    }
}

/// Whether this is `bytes`, in any protocol.
pub(super) fn is_bytes(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let encoded = encoded_string(context, reference).unwrap_or(reference);
    match context.value(encoded) {
        Value::Leaf(Leaf::Bytes(_)) => true,
        Value::Leaf(Leaf::Str(_)) => encoded != reference,
        _ => is_empty_bytes(context, reference),
    }
}

/// The string in `_codecs.encode(string, 'latin1')`, as which protocols before 3 write bytes.
fn encoded_string(context: &PlanContext<'_, '_>, reference: Ref) -> Option<Ref> {
    let (callee, arguments) = plain_call(context, reference)?;
    let &[string, codec] = arguments else { return None };
    let is_encode = context.global(callee).is_some_and(|(module, name)| (&*module, &*name) == ("_codecs", "encode"));
    let is_written = is_encode && context.short_text(codec, 64)? == "latin1";
    is_written.then(|| context.consume(reference));
    is_written.then_some(string)
}

/// Whether this is `bytes()`, as which protocols before 3 write no bytes.
fn is_empty_bytes(context: &PlanContext<'_, '_>, reference: Ref) -> bool {
    let Some((callee, [])) = plain_call(context, reference) else { return false };
    let global = context.global(callee);
    let is_bytes = match (global, context.recipe(callee).map(|recipe| &recipe.make)) {
        (Some((module, name)), _) => (&*module, &*name) == ("builtins", "bytes"),
        // dill looks the type up by a call of its own.
        (None, Some(Make::Global(module, name))) => (module.as_str(), name.as_str()) == ("builtins", "bytes"),
        _ => false,
    };
    is_bytes.then(|| context.consume(reference)).is_some()
}

/// The callee and the arguments of a call that nothing was added to.
fn plain_call<'m>(context: &PlanContext<'m, '_>, reference: Ref) -> Option<(Ref, &'m [Ref])> {
    let node = context.node(reference)?;
    let is_plain = node.kind == NodeKind::Call(CallKind::Reduce) && node.state.is_none() && node.added.is_none();
    let &[callee, arguments] = node.items.as_slice().get(..2).filter(|_| is_plain)? else { return None };
    Some((callee, context.items(arguments, NodeKind::Tuple)?))
}
