//! Arrays as `joblib.dump` writes them (joblib/numpy_pickle.py).
//!
//! A `NumpyArrayWrapper` replaces each array, and right after the BUILD that gives the wrapper its state
//! come the bytes of the array, which are not opcodes; for an array of objects, a whole pickle. The state says how
//! many bytes there are. If joblib would not write such a state, the pickle is rejected: a reader that resumes at
//! another offset would read a different pickle.

use std::slice;

use super::items::NodeItems;
use super::limits::MachineError;
use super::state::{ArrayReader, Done, Machine, RawArray};
use super::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::format::parse::{Op, OpStep, ParseError, Parser};
use crate::pickle::known;
use crate::pickle::known::dtype::{DtypeState, REFERENCE_FLAG, item_size};

/// The most items that a wrapper's state may have; joblib writes seven.
const MAX_STATE: usize = 32;
const MAX_DIMENSIONS: usize = 64;
/// The most bytes of a name or a dtype code that is recognized here.
const MAX_NAME: usize = 64;
/// The longest padding. Its first byte holds its length, and bytes above this value can be opcodes. A reader
/// other than joblib stops at a smaller byte, so it cannot be led to execute the bytes of the array.
const MAX_PADDING: u8 = b'(' - 1;
/// The byte that padding consists of.
const PADDING: u8 = 0xff;
/// The fault of a wrapper that joblib would not write.
const NOT_JOBLIB: &str = "has a wrapper that joblib does not write";

/// The bytes after the BUILD of a wrapper.
enum ArrayBytes {
    /// `alignment` is the longest padding; `None` if not even a length of it comes first.
    Bytes {
        count: u64,
        alignment: Option<u8>,
    },
    Pickle,
}

/// The opcodes of a pickle around the array bytes between them, which a machine has found.
pub fn opcodes_around<'a>(bytes: &'a [u8], raw: &'a [RawArray]) -> impl Iterator<Item = Result<Op<'a>, ParseError>> {
    OpcodesAround { parser: Parser::new(bytes), raw: raw.iter() }
}

struct OpcodesAround<'a> {
    parser: Parser<'a>,
    raw: slice::Iter<'a, RawArray>,
}

impl<'a> Iterator for OpcodesAround<'a> {
    type Item = Result<Op<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let op = self.parser.next()?;
        // The ranges are in order, so only the next one can begin after this opcode.
        if let (Ok(op), Some(raw)) = (&op, self.raw.as_slice().first())
            && op.start == raw.opcode
        {
            self.raw.next();
            let count = usize::try_from(raw.end.saturating_sub(op.end)).unwrap_or(usize::MAX);
            if let Err(error) = self.parser.skip_raw(count, op.opcode, op.start) {
                return Some(Err(error));
            }
        }
        Some(op)
    }
}

/// Skips bytes after an opcode. A count that does not fit into a usize is beyond the end in any case.
fn skip_bytes(parser: &mut Parser<'_>, count: u64, op: OpStep) -> Result<(), ParseError> {
    parser.skip_raw(usize::try_from(count).unwrap_or(usize::MAX), op.opcode, op.start).map(drop)
}

impl<'a> Machine<'a> {
    /// Skips the bytes of an array after the BUILD of its wrapper, and replaces the wrapper by the array.
    pub(super) fn array_after(&mut self, op: OpStep, parser: &mut Parser<'a>) -> Done {
        let top = self.top(op)?;
        if self.arrays.reader == ArrayReader::Plain || !self.is_new_wrapper(top) {
            return Ok(());
        }
        let unknown_length = |problem| MachineError::UnknownArrayLength { at: op.start, problem };
        let raw = match self.bytes_after(top).map_err(unknown_length)? {
            ArrayBytes::Bytes { count, alignment } => {
                let alignment = alignment.filter(|_| self.arrays.reader == ArrayReader::Joblib);
                let padded = alignment.is_some();
                let length = if padded { parser.skip_raw(1, op.opcode, op.start)?.first().copied() } else { None };
                let padding = length.unwrap_or_default();
                let unusual = || unknown_length("has padding that joblib does not write");
                if padding > alignment.unwrap_or_default() {
                    return Err(unusual());
                }
                let bytes = parser.skip_raw(usize::from(padding), op.opcode, op.start)?;
                if bytes.iter().any(|byte| *byte != PADDING) {
                    return Err(unusual());
                }
                let start = op.end.saturating_add(u64::from(padded)).saturating_add(u64::from(padding));
                skip_bytes(parser, count, op)?;
                RawArray { opcode: op.start, from: op.end, start, end: start.saturating_add(count), is_pickle: false }
            }
            ArrayBytes::Pickle => {
                // Its length is known only at its STOP.
                let mut end = op.end;
                for inner in Parser::nested(parser.rest(), op.end) {
                    end = inner?.end;
                }
                skip_bytes(parser, end.saturating_sub(op.end), op)?;
                RawArray { opcode: op.start, from: op.end, start: op.end, end, is_pickle: true }
            }
        };
        self.budget.push(&mut self.arrays.raw, raw)?;
        // The array is a node of its own, of the wrapper and its contents.
        self.end = raw.end;
        let start = self.start(top);
        let wrapper = self.resolve(top);
        self.stack.pop();
        let array = self.make(NodeKind::Array, start, raw.end, NodeItems::two(wrapper, Ref::leaf(op.start)))?;
        self.push(array, op)
    }

    /// The value of a key in the state of an array's wrapper.
    pub(crate) fn described(&self, array: &Node, key: &str) -> Option<Ref> {
        let state = self.node(*array.items.first()?)?.state()?;
        self.keyed_dict(state, MAX_STATE).ok()?.get(key)
    }

    fn is_new_wrapper(&mut self, top: Ref) -> bool {
        let Some(node) = self.node(top) else { return false };
        let class = node.items.first().map(|class| self.resolve(*class));
        // BUILD is frequent, so a class that was looked up before is not looked up again.
        if class.is_none() || class == self.arrays.other_class {
            return false;
        }
        if self.is_wrapper(node) {
            return true;
        }
        // A callee that can make instances of any class says nothing about its next call.
        if matches!(node.kind, NodeKind::Call(CallKind::NewObj)) {
            self.arrays.other_class = class;
        }
        false
    }

    pub(crate) fn is_wrapper(&self, node: &Node) -> bool {
        let NodeKind::Call(how) = node.kind else { return false };
        let class = || node.items.first().map(|class| self.resolve(*class));
        if how == CallKind::NewObj && self.arrays.other_class.is_some() && self.arrays.other_class == class() {
            return false;
        }
        let Some((module, name)) = node.items.first().and_then(|callee| self.global(*callee)) else { return false };
        let makes_any = matches!(module.as_str(), "copyreg" | "copy_reg")
            && matches!(name.as_str(), "_reconstructor" | "__newobj__" | "__newobj_ex__");
        // Protocols 0 and 1 make instances by `copyreg._reconstructor(class, base, state)`.
        if makes_any {
            let class = self.argument(node, 0).and_then(|class| self.global(class));
            return class.is_some_and(|(module, name)| known::is_array_wrapper(&module, &name));
        }
        known::is_array_wrapper(&module, &name)
    }

    /// Whether this call makes a value that says how many bytes an array has: a wrapper or a dtype.
    pub(crate) fn describes_arrays(&self, node: &Node) -> bool {
        self.is_wrapper(node) || self.dtype_item_size(node).is_some()
    }

    /// The bytes after the BUILD that gave this wrapper its state, or the fault of the wrapper.
    fn bytes_after(&self, wrapper: Ref) -> Result<ArrayBytes, &'static str> {
        let wrapper = self.resolve(wrapper);
        let node = self.node(wrapper).ok_or("has no wrapper")?;
        // joblib makes a wrapper by NEWOBJ, or by `copyreg._reconstructor` in protocols 0 and 1, and by nothing else.
        let unusual =
            matches!(node.kind, NodeKind::Call(CallKind::Instance | CallKind::NewObjEx)) || node.added().is_some();
        let by_init = matches!(node.kind, NodeKind::Call(CallKind::Reduce))
            && self.global_of_call(node).is_some_and(|(module, name)| known::is_array_wrapper(&module, &name));
        if unusual || by_init || self.arrays.second_states.contains(&wrapper) {
            return Err(NOT_JOBLIB);
        }
        let state = node.state().ok_or(NOT_JOBLIB)?;
        let state = self.keyed_dict(state, MAX_STATE).map_err(|_| NOT_JOBLIB)?;
        // `second_states` holds resolved references.
        let dtype = state.get("dtype").map(|dtype| self.resolve(dtype)).ok_or("has no dtype")?;
        let shape = state.get("shape").and_then(|shape| self.count_in(shape)).ok_or("has no valid shape")?;
        if self.arrays.second_states.contains(&dtype) {
            return Err("has a dtype with a second state");
        }
        let dtype = self.node(dtype).and_then(|dtype| self.dtype_item_size(dtype));
        let Some(size) = dtype.ok_or("has an unknown dtype")? else { return Ok(ArrayBytes::Pickle) };
        // joblib aligns the contents since 1.2: then a byte with the length of the padding comes first.
        let alignment = match state.get("numpy_array_alignment_bytes").map(|bytes| self.value(bytes)) {
            None | Some(Value::Leaf(Leaf::None)) => None,
            Some(Value::Leaf(Leaf::Int(bytes))) => match u8::try_from(bytes) {
                Ok(bytes @ 1..=MAX_PADDING) => Some(bytes),
                _ => return Err(NOT_JOBLIB),
            },
            Some(_) => return Err(NOT_JOBLIB),
        };
        let count = shape.checked_mul(size).ok_or("has an impossible size")?;
        Ok(ArrayBytes::Bytes { count, alignment })
    }

    /// The number of items of an array of this shape.
    fn count_in(&self, shape: Ref) -> Option<u64> {
        let Node { kind: NodeKind::Tuple, items, .. } = self.node(shape)? else { return None };
        if items.len() > MAX_DIMENSIONS {
            return None;
        }
        items.iter().try_fold(1, |count: u64, length| count.checked_mul(u64::try_from(self.int(*length)?).ok()?))
    }

    /// The size of the items of a dtype, from the call that makes it: `Some(None)` if they hold objects, `None`
    /// if this is not a dtype that numpy writes.
    fn dtype_item_size(&self, dtype: &Node) -> Option<Option<u64>> {
        let NodeKind::Call(CallKind::Reduce) = dtype.kind else { return None };
        let (module, name) = self.global_of_call(dtype)?;
        if known::is_string_dtype(&module, &name) {
            return Some(None);
        }
        if !known::is_dtype(&module, &name) {
            return None;
        }
        let code = self.short_str(self.argument(dtype, 0)?)?;
        let state = match dtype.state().map(|state| self.node(state)) {
            None => None,
            Some(Some(Node { kind: NodeKind::Tuple, items, .. })) => Some(DtypeState::of(items)?),
            Some(_) => return None,
        };
        let flags = state.map_or(Some(0), |state| self.int(state.flags))?;
        let size = item_size(&code)?;
        // Without a state, the code decides; with one, the flags must agree with it.
        let consistent = state.is_none() || flags & REFERENCE_FLAG != 0;
        if code.starts_with('O') || flags & REFERENCE_FLAG != 0 {
            return consistent.then_some(None);
        }
        match state.map(|state| self.int(state.size)) {
            // Only dtypes of variable length, such as `U5`, state their size.
            None | Some(Some(-1)) => Some(Some(size)),
            Some(stated) => (u64::try_from(stated?).ok()? == size).then_some(Some(size)),
        }
    }

    fn int(&self, reference: Ref) -> Option<i64> {
        match self.value(reference) {
            Value::Leaf(Leaf::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// A string, also of Python 2, if it is short enough for a name.
    fn short_str(&self, reference: Ref) -> Option<String> {
        match self.value(reference) {
            Value::Leaf(Leaf::OldStr(bytes)) if bytes.is_ascii() && bytes.len() <= MAX_NAME => {
                String::from_utf8(bytes.into_owned()).ok()
            }
            Value::Leaf(Leaf::Str(string)) => {
                string.as_str().filter(|string| string.len() <= MAX_NAME).map(str::to_owned)
            }
            _ => None,
        }
    }

    fn argument(&self, node: &Node, index: usize) -> Option<Ref> {
        match self.node(*node.items.get(1)?)? {
            Node { kind: NodeKind::Tuple, items, .. } => items.get(index).copied(),
            _ => None,
        }
    }

    fn global_of_call(&self, node: &Node) -> Option<(String, String)> {
        self.global(*node.items.first()?)
    }

    /// Module and name of a global, if they are short.
    fn global(&self, reference: Ref) -> Option<(String, String)> {
        let short = |string: &str| (string.len() <= MAX_NAME).then(|| string.to_owned());
        match self.value(reference) {
            Value::Leaf(Leaf::Global(module, name)) => Some((short(module.as_str()?)?, short(name.as_str()?)?)),
            Value::Node(Node { kind: NodeKind::Global, items, .. }) => {
                Some((self.short_str(*items.first()?)?, self.short_str(*items.get(1)?)?))
            }
            _ => None,
        }
    }
}
