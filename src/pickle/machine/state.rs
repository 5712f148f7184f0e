//! The machine's state: the stack, the memo, and every value that it has made.
//!
//! The other files of this folder add methods to [`Machine`]; this one has the data, and methods that read it without
//! decoding.

use std::collections::HashSet;
use std::rc::Rc;

use super::build_notes::BuildNotes;
use super::items::{NodeItems, SpareItems};
use super::limits::MachineError;
use super::memo_slots::{Filled, MemoSlots};
use super::value::{Node, NodeKind, Ref, RefTarget};
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::OpStep;
use crate::pickle::work_budget::WorkBudget;

/// The result of a step that makes no value.
pub(super) type Done = Result<(), MachineError>;

/// The effect of an opcode that changed a value without a [`Node`] (an imported object, or one of an earlier
/// segment), or gave a node a second state.
#[derive(Debug)]
pub struct ObjectChange {
    /// The offset of the opcode.
    pub at: u64,
    /// The opcode: BUILD, or one that adds items.
    pub opcode: Opcode,
    /// The value that it changed.
    pub target: Ref,
    /// The state or the items.
    pub items: NodeItems,
}

/// The range of a segment of snapcli's own stream, and how many memo slots are filled before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRange {
    /// The offset of its first byte.
    pub start: u64,
    /// The offset after its last byte.
    pub end: u64,
    /// The first slot that it fills.
    pub memo: u64,
}

/// The bytes of an array that joblib writes between two opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawArray {
    /// The offset of the BUILD before them.
    pub opcode: u64,
    /// The end of that BUILD.
    pub from: u64,
    /// The offset of the contents, after any padding.
    pub start: u64,
    /// The end of the contents, where the next opcode begins.
    pub end: u64,
    /// Whether the contents are a pickle.
    pub is_pickle: bool,
}

/// The state of the machine, and all values that it has made.
#[derive(Debug)]
pub struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    /// The offset of the first byte in its file.
    pub(super) base: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) changes: Vec<ObjectChange>,
    pub(super) effects: Vec<Ref>,
    pub(super) looked_up: Vec<u64>,
    pub(super) memo: MemoSlots,
    /// Whether anything was read from the memo.
    pub(super) has_gets: bool,
    pub(super) stack: Vec<Ref>,
    pub(super) marks: Vec<Mark>,
    /// The end of the opcode that was followed last.
    pub(super) end: u64,
    /// The last empty tuple, and the end of its opcode.
    pub(super) empty_tuple: Option<(usize, u64)>,
    /// Values that may be pruned after this step.
    pub(super) batch: Option<Batch>,
    pub(super) arrays: ArrayNotes,
    pub(super) spare: SpareItems,
    pub(super) notes: BuildNotes,
    /// Pays for all of the above.
    pub(super) budget: Rc<WorkBudget>,
    /// The bytes of the opcodes that were decoded to show a value, counted by the tests of complexity.
    #[cfg(test)]
    pub(super) decoded: std::cell::Cell<u64>,
}

/// A mark on the stack, and the state at the time when it was set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    pub(super) height: usize,
    pub(super) start: u64,
    pub(super) nodes: usize,
    pub(super) changes: usize,
    pub(super) effects: usize,
    pub(super) looked_up: usize,
    pub(super) filled: Filled,
    /// The lowest index of a node that was changed since.
    pub(super) lowest: usize,
}

/// The values that were made for one batch of items of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    /// The first node that was made for it.
    pub(super) first: usize,
    pub(super) filled: Filled,
    /// The index of the container.
    pub(super) target: usize,
    /// The number of items in the batch.
    pub(super) items: usize,
}

/// The reader of a pickle, which decides where it continues after the BUILD of an array's wrapper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ArrayReader {
    /// joblib since 1.2, and we: after padding and the bytes of the array.
    #[default]
    Joblib,
    /// joblib before 1.2, which knows no padding: after as many bytes as the array has.
    OldJoblib,
    /// Any other unpickler: right after the BUILD.
    Plain,
}

/// The facts that the machine knows about joblib's arrays.
#[derive(Debug, Default)]
pub(super) struct ArrayNotes {
    /// The reader of the pickle.
    pub(super) reader: ArrayReader,
    pub(super) raw: Vec<RawArray>,
    /// The class that was last found not to be a wrapper: most instances are of the same class as the one before.
    pub(super) other_class: Option<Ref>,
    /// The values that were given a state a second time.
    pub(super) second_states: HashSet<Ref>,
}

impl<'a> Machine<'a> {
    /// A machine that has followed nothing yet. `memo` slots are filled before `bytes`, which begin at `base` in
    /// their file.
    pub(super) fn new(bytes: &'a [u8], base: u64, memo: u64, budget: &Rc<WorkBudget>) -> Self {
        Self {
            bytes,
            base,
            nodes: Vec::new(),
            changes: Vec::new(),
            effects: Vec::new(),
            looked_up: Vec::new(),
            memo: MemoSlots::starting_at(memo),
            has_gets: false,
            stack: Vec::new(),
            marks: Vec::new(),
            end: base,
            empty_tuple: None,
            batch: None,
            arrays: ArrayNotes::default(),
            spare: SpareItems::default(),
            notes: BuildNotes::default(),
            budget: Rc::clone(budget),
            #[cfg(test)]
            decoded: std::cell::Cell::default(),
        }
    }

    /// The budget for the values, and for everything that is remembered about them.
    pub(crate) fn budget(&self) -> &WorkBudget {
        &self.budget
    }

    /// The same, for a machine or a judge of another pickle.
    pub(crate) fn shared_budget(&self) -> &Rc<WorkBudget> {
        &self.budget
    }

    /// The end of the opcodes: after STOP, or at the end of the segment.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// All values with parts: containers in the order in which they were begun, tuples and calls in the order in
    /// which they were finished.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Changes that are not part of any node.
    pub fn changes(&self) -> &[ObjectChange] {
        &self.changes
    }

    /// Calls whose result was popped: they matter for their effect on their arguments. dill and cloudpickle fill
    /// functions, classes and cells that refer to themselves this way.
    pub fn effects(&self) -> &[Ref] {
        &self.effects
    }

    /// The offsets of the opcodes that look something up outside of the pickle and carry its name themselves: GLOBAL,
    /// INST, EXT1, EXT2, EXT4 and PERSID. Opcodes that take the name from the stack make nodes.
    pub fn looked_up(&self) -> &[u64] {
        &self.looked_up
    }

    /// The array bytes between the opcodes, in order.
    pub fn raw(&self) -> &[RawArray] {
        &self.arrays.raw
    }

    /// How many bytes were decoded to show values.
    #[cfg(test)]
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.decoded.get()
    }

    #[inline(always)]
    pub(super) fn top(&self, op: OpStep) -> Result<Ref, MachineError> {
        self.stack.last().copied().ok_or(MachineError::Underflow { at: op.start, opcode: op.opcode })
    }

    #[inline]
    pub(super) fn make(&mut self, kind: NodeKind, start: u64, end: u64, items: NodeItems) -> Result<Ref, MachineError> {
        self.budget.push(&mut self.nodes, Node::new(kind, start, end, items))?;
        Ok(Ref::node(self.nodes.len() - 1))
    }

    /// Gives back the memory that only a run needs.
    pub(super) fn end_run(&mut self) {
        self.budget.release_list(std::mem::take(&mut self.stack));
        self.budget.release_list(std::mem::take(&mut self.marks));
        if !self.has_gets {
            // No value refers to the memo.
            self.memo.free(&self.budget);
        }
        // These stay paid for: they are few.
        self.spare = SpareItems::default();
    }

    /// The offset of the first opcode that made a value.
    pub fn start(&self, reference: Ref) -> u64 {
        match reference.target() {
            RefTarget::Node(index) => self.nodes.get(index).map_or(0, Node::start),
            RefTarget::Leaf(at) | RefTarget::Get(at) => at,
            RefTarget::Inner(_) => 0,
        }
    }
}
