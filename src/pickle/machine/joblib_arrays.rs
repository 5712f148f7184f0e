//! Arrays as `joblib.dump` writes them (joblib/numpy_pickle.py): a `NumpyArrayWrapper` stands for each of them, and right
//! behind the BUILD that gives it its state stand the array's bytes, which are no opcodes. For an array of objects, a
//! whole pickle stands there.
//!
//! CallKind many bytes they are is told by the state. Where it is not written as joblib writes it, the pickle is refused:
//! whoever reads on at another place reads another pickle.

use std::collections::HashSet;
use std::slice;

use super::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};
use super::{Done, Machine, MachineError};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Op, OpStep, ParseError, Parser};
use crate::pickle::rules;

/// The most items that are looked at of a wrapper's state, which has seven.
const MAX_STATE: usize = 32;
/// The most dimensions that an array can have.
const MAX_DIMENSIONS: usize = 64;
/// The most bytes of a name or a code that tells something here.
const MAX_TEXT: usize = 64;
/// The longest padding. From the next number on a byte is an opcode: what is not joblib stops at a smaller one, and
/// cannot be led to take the bytes behind it for opcodes.
const MAX_PADDING: u8 = b'(' - 1;
/// The flag of a dtype whose items hold objects (`NPY_ITEM_REFCOUNT`).
const HOLDS_OBJECTS: i64 = 1;

/// The bytes of an array that stand between two opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawArray {
    /// The place of the BUILD in front of them.
    pub opcode: u64,
    /// Where that ends.
    pub from: u64,
    /// Where the contents begin, behind a padding.
    pub start: u64,
    /// Where they end, and the next opcode begins.
    pub end: u64,
    /// Whether they are a pickle.
    pub is_pickle: bool,
}

/// What a machine knows of such arrays.
#[derive(Debug, Default)]
pub(crate) struct Arrays {
    unexpected: bool,
    raw: Vec<RawArray>,
    /// The class that was last found to be no wrapper: most instances are of the same one.
    other_class: Option<Ref>,
    /// What was given a state for a second time.
    changed: HashSet<Ref>,
}

impl Arrays {
    /// For what joblib does not read.
    pub(crate) fn unexpected() -> Self {
        Self { unexpected: true, ..Self::default() }
    }

    pub(crate) fn note_second_state(&mut self, target: Ref) {
        self.changed.insert(target);
    }
}

/// What is behind a BUILD.
enum Behind {
    Bytes { count: u64, padded: bool },
    Pickle,
}

/// The opcodes of bytes of which a machine has told where others stand between them.
pub fn opcodes_around<'a>(bytes: &'a [u8], raw: &'a [RawArray]) -> impl Iterator<Item = Result<Op<'a>, ParseError>> {
    Around { parser: Parser::new(bytes), raw: raw.iter() }
}

struct Around<'a> {
    parser: Parser<'a>,
    raw: slice::Iter<'a, RawArray>,
}

impl<'a> Iterator for Around<'a> {
    type Item = Result<Op<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let op = self.parser.next()?;
        if let (Ok(op), Some(raw)) = (&op, self.raw.as_slice().first())
            && op.start == raw.opcode
        {
            self.raw.next();
            let count = usize::try_from(raw.end.saturating_sub(op.end)).unwrap_or(usize::MAX);
            if let Err(error) = self.parser.jump(count, op.opcode, op.start) {
                return Some(Err(error));
            }
        }
        Some(op)
    }
}

impl<'a> Machine<'a> {
    /// Where bytes stand between the opcodes, in order.
    pub fn raw(&self) -> &[RawArray] {
        &self.arrays.raw
    }

    /// Goes over the bytes of an array that stand behind a BUILD, and puts the array in the wrapper's place.
    pub(crate) fn array_behind(&mut self, op: OpStep, parser: &mut Parser<'a>) -> Done {
        let top = self.top(op)?;
        if self.arrays.unexpected || !self.is_new_wrapper(top) {
            return Ok(());
        }
        let untold = |problem| MachineError::UntoldArray { at: op.start, problem };
        let raw = match self.behind(top).map_err(untold)? {
            Behind::Bytes { count, padded } => {
                let padding =
                    if padded { parser.jump(1, op.opcode, op.start)?.first().copied().unwrap_or_default() } else { 0 };
                if padding > MAX_PADDING {
                    return Err(untold("has a padding that joblib does not write"));
                }
                parser.jump(usize::from(padding), op.opcode, op.start)?;
                let start = op.end.saturating_add(u64::from(padded)).saturating_add(u64::from(padding));
                // Where it does not fit into a usize, so many bytes cannot be there.
                parser.jump(usize::try_from(count).unwrap_or(usize::MAX), op.opcode, op.start)?;
                RawArray { opcode: op.start, from: op.end, start, end: start.saturating_add(count), is_pickle: false }
            }
            Behind::Pickle => {
                let mut end = op.end;
                for inner in Parser::nested(parser.rest(), op.end) {
                    end = inner?.end;
                }
                parser.jump(usize::try_from(end.saturating_sub(op.end)).unwrap_or(usize::MAX), op.opcode, op.start)?;
                RawArray { opcode: op.start, from: op.end, start: op.end, end, is_pickle: true }
            }
        };
        self.arrays.raw.push(raw);
        self.end = raw.end;
        let start = self.start(top);
        let wrapper = self.resolve(top);
        self.stack.pop();
        let array = self.make(NodeKind::Array, start, raw.end, vec![wrapper, Ref::leaf(op.start)])?;
        self.push(array, op)
    }

    /// What joblib says of an array under a key.
    pub(crate) fn described(&self, array: &Node, key: &str) -> Option<Ref> {
        let state = self.node(*array.items.first()?)?.state?;
        let Node { kind: NodeKind::Dict, items, .. } = self.node(state)? else { return None };
        self.item(items, key)
    }

    fn is_new_wrapper(&mut self, top: Ref) -> bool {
        let Some(node) = self.node(top) else { return false };
        let class = node.items.first().map(|class| self.resolve(*class));
        if class.is_none() || class == self.arrays.other_class {
            return false;
        }
        if self.is_wrapper(node) {
            return true;
        }
        // What makes instances of any class says nothing of the next one.
        if matches!(node.kind, NodeKind::Call(CallKind::NewObj)) {
            self.arrays.other_class = class;
        }
        false
    }

    /// Whether this call makes what joblib writes in place of an array.
    pub(crate) fn is_wrapper(&self, node: &Node) -> bool {
        let NodeKind::Call(how) = node.kind else { return false };
        let class = || node.items.first().map(|class| self.resolve(*class));
        if how == CallKind::NewObj && self.arrays.other_class.is_some() && self.arrays.other_class == class() {
            return false;
        }
        let Some((module, name)) = node.items.first().and_then(|callee| self.global(*callee)) else { return false };
        let makes_any = matches!(module.as_str(), "copyreg" | "copy_reg")
            && matches!(name.as_str(), "_reconstructor" | "__newobj__" | "__newobj_ex__");
        if makes_any {
            let class = self.argument(node, 0).and_then(|class| self.global(class));
            return class.is_some_and(|(module, name)| rules::is_array_wrapper(&module, &name));
        }
        rules::is_array_wrapper(&module, &name)
    }

    /// Whether this call makes what tells how many bytes an array has.
    pub(crate) fn describes_arrays(&self, node: &Node) -> bool {
        self.is_wrapper(node) || self.holds_objects_or_size(node).is_some()
    }

    /// What stands behind the BUILD that gave this wrapper its state; or what is odd about it.
    fn behind(&self, wrapper: Ref) -> Result<Behind, &'static str> {
        let wrapper = self.resolve(wrapper);
        let node = self.node(wrapper).ok_or("is described by nothing")?;
        let odd = matches!(node.kind, NodeKind::Call(CallKind::Instance | CallKind::NewObjEx)) || node.added.is_some();
        let by_init = matches!(node.kind, NodeKind::Call(CallKind::Reduce))
            && self.global_of_call(node).is_some_and(|(module, name)| rules::is_array_wrapper(&module, &name));
        if odd || by_init || self.arrays.changed.contains(&wrapper) {
            return Err("is described in another way than joblib does it");
        }
        let state = node.state.and_then(|state| self.node(state)).filter(|state| state.kind == NodeKind::Dict);
        let items = state.map_or(&[][..], |state| state.items.as_slice());
        if items.len() > 2 * MAX_STATE {
            return Err("is described in another way than joblib does it");
        }
        let dtype = self.item(items, "dtype").map(|dtype| self.resolve(dtype)).ok_or("has no dtype")?;
        let shape = self.item(items, "shape").and_then(|shape| self.count_in(shape)).ok_or("has no shape")?;
        if self.arrays.changed.contains(&dtype) {
            return Err("has a dtype that changes");
        }
        let dtype = self.node(dtype).and_then(|dtype| self.holds_objects_or_size(dtype));
        let Some(size) = dtype.ok_or("has a dtype that is not known")? else { return Ok(Behind::Pickle) };
        let alignment = self.item(items, "numpy_array_alignment_bytes");
        let padded = alignment.is_some_and(|bytes| !matches!(self.value(bytes), Value::Leaf(Leaf::None)));
        let count = shape.checked_mul(size).ok_or("has more bytes than can be")?;
        Ok(Behind::Bytes { count, padded })
    }

    /// What a dict has under a key: the last one, as it replaces those before.
    fn item(&self, items: &[Ref], key: &str) -> Option<Ref> {
        let pairs = items.as_chunks::<2>().0.iter().rev();
        pairs.clone().find(|[found, _]| self.short_text(*found).as_deref() == Some(key)).map(|[_, value]| *value)
    }

    /// The number of items of an array of this shape.
    fn count_in(&self, shape: Ref) -> Option<u64> {
        let Node { kind: NodeKind::Tuple, items, .. } = self.node(shape)? else { return None };
        if items.len() > MAX_DIMENSIONS {
            return None;
        }
        items.iter().try_fold(1, |count: u64, length| count.checked_mul(u64::try_from(self.int(*length)?).ok()?))
    }

    /// The size of the items of a dtype, by the call that makes it: `Some(None)` where they hold objects, `None` where
    /// this is no dtype, or one that is not known.
    fn holds_objects_or_size(&self, dtype: &Node) -> Option<Option<u64>> {
        let NodeKind::Call(CallKind::Reduce) = dtype.kind else { return None };
        let (module, name) = self.global_of_call(dtype)?;
        if rules::is_string_dtype(&module, &name) {
            return Some(None);
        }
        if (module.as_str(), name.as_str()) != ("numpy", "dtype") {
            return None;
        }
        let code = self.short_text(self.argument(dtype, 0)?)?;
        // (version, byte order, subtype, names, fields, size, alignment, flags): what tells has the last word.
        let state = match dtype.state.map(|state| self.node(state)) {
            None => &[][..],
            Some(Some(Node { kind: NodeKind::Tuple, items, .. })) => items,
            Some(_) => return None,
        };
        let flags = state.get(7).map_or(Some(0), |flags| self.int(*flags))?;
        let size = rules::item_size(&code)?;
        let told = state.is_empty() || flags & HOLDS_OBJECTS != 0;
        if code.starts_with('O') || flags & HOLDS_OBJECTS != 0 {
            return told.then_some(None);
        }
        match state.get(5).map(|size| self.int(*size)) {
            // Only dtypes of any length tell it.
            None | Some(Some(-1)) => Some(Some(size)),
            Some(told) => (u64::try_from(told?).ok()? == size).then_some(Some(size)),
        }
    }

    /// The bytes of an array, by the BUILD in front of them.
    pub(crate) fn contents(&self, op: &Op<'_>) -> Option<Leaf<'a>> {
        let raw = self.raw_behind(op)?;
        let range = usize::try_from(raw.start.checked_sub(self.base)?).ok()?..usize::try_from(raw.end).ok()?;
        self.bytes.get(range).map(Leaf::Bytes)
    }

    /// The stretch behind this BUILD.
    pub(crate) fn raw_behind(&self, op: &Op<'_>) -> Option<&RawArray> {
        if op.opcode != Opcode::Build {
            return None;
        }
        let index = self.arrays.raw.binary_search_by_key(&op.start, |raw| raw.opcode).ok()?;
        self.arrays.raw.get(index)
    }

    fn int(&self, reference: Ref) -> Option<i64> {
        match self.value(reference) {
            Value::Leaf(Leaf::Int(value)) => Some(value),
            _ => None,
        }
    }

    /// A text of the length of names.
    fn short_text(&self, reference: Ref) -> Option<String> {
        match self.value(reference) {
            Value::Leaf(Leaf::Text(text)) => text.as_str().filter(|text| text.len() <= MAX_TEXT).map(str::to_owned),
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

    /// Module and name of what is imported, where they are short.
    fn global(&self, reference: Ref) -> Option<(String, String)> {
        let short = |text: &str| (text.len() <= MAX_TEXT).then(|| text.to_owned());
        match self.value(reference) {
            Value::Leaf(Leaf::Global(module, name)) => Some((short(module.as_str()?)?, short(name.as_str()?)?)),
            Value::Node(Node { kind: NodeKind::Global, items, .. }) => {
                Some((self.short_text(*items.first()?)?, self.short_text(*items.get(1)?)?))
            }
            _ => None,
        }
    }
}
