//! A pickle machine that works on symbols: it follows stack, marks and memo, and executes nothing.
//!
//! It refuses what CPython's C unpickler refuses (`Modules/_pickle.c`): stack underflow, a missing mark, an empty
//! memo slot. Values are shared by reference as in the pickle, so a pickle that would unfold to gigabytes stays
//! as small as it is; everything that grows has a limit, and nothing recurses.

pub(crate) mod joblib_arrays;
#[cfg(test)]
mod joblib_tests;
mod limits;
#[cfg(test)]
mod machine_tests;
mod memo_slots;
mod prune;
mod spare;
pub mod value;
mod view;

pub use self::RawArray as Raw; // compat
pub use self::SegmentRange as Segment; // compat
use self::joblib_arrays::Arrays;
pub use self::joblib_arrays::{RawArray, opcodes_around};
use self::limits::limit;
pub use self::limits::{MAX_ITEMS, MAX_MARKS, MAX_MEMO, MAX_NODES, MAX_STACK, MachineError};
use self::memo_slots::{Filled, MemoSlots};
use self::prune::Batch;
pub use self::prune::Watch;
use self::spare::Spare;
use self::value::{Added, CallKind, Node, NodeKind, Ref, RefTarget};
use crate::pickle::format::emit::PRELUDE_MEMO;
use crate::pickle::format::opcode::{Opcode, Takes};
use crate::pickle::format::parse::{OpStep, ParseError, Parser};

/// An opcode that changed what is no [`Node`] (an imported object, or one of an earlier segment), or that gave a
/// node a second state.
#[derive(Debug)]
pub struct Change {
    /// The opcode's place.
    pub at: u64,
    /// Which one: BUILD, or one that adds items.
    pub opcode: Opcode,
    /// What it changed.
    pub target: Ref,
    /// With what.
    pub items: Vec<Ref>,
}

/// Where a segment of our own stream lies, and how many memo slots are filled before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRange {
    /// Where it begins.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// The first slot that it fills.
    pub memo: u64,
}

/// The state of the machine, and all that it made.
#[derive(Debug)]
pub struct Machine<'a> {
    bytes: &'a [u8],
    base: u64,
    nodes: Vec<Node>,
    changes: Vec<Change>,
    effects: Vec<Ref>,
    looked_up: Vec<u64>,
    memo: MemoSlots,
    stack: Vec<Ref>,
    marks: Vec<Mark>,
    items: usize,
    end: u64,
    batch: Option<Batch>,
    arrays: Arrays,
    spare: Spare,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    height: usize,
    start: u64,
    /// What there was when it was set: nodes, changes, memo slots.
    nodes: usize,
    changes: usize,
    effects: usize,
    looked_up: usize,
    filled: Filled,
    /// The oldest node that was changed since.
    lowest: usize,
}

type Done = Result<(), MachineError>;

impl<'a> Machine<'a> {
    /// Follows a whole pickle, or what `joblib.dump` writes. Returns the value that it makes, too.
    pub fn run(bytes: &'a [u8]) -> Result<(Self, Ref), MachineError> {
        Self::new(bytes, 0, 0).follow(None)
    }

    /// Follows a whole pickle as [`Self::run`] does, and forgets what `watch` has seen and nobody will ask for.
    pub fn run_watched(bytes: &'a [u8], watch: &mut dyn Watch) -> Result<(Self, Ref), MachineError> {
        Self::new(bytes, 0, 0).follow(Some(watch))
    }

    /// As [`Self::run_watched`], of a pickle that is not read by joblib.
    pub fn run_nested(bytes: &'a [u8], watch: &mut dyn Watch) -> Result<(Self, Ref), MachineError> {
        let mut machine = Self::new(bytes, 0, 0);
        machine.arrays = Arrays::unexpected();
        machine.follow(Some(watch))
    }

    fn follow(mut self, mut watch: Option<&mut dyn Watch>) -> Result<(Self, Ref), MachineError> {
        let mut parser = Parser::new(self.bytes);
        let mut stop = 0;
        self.steps(&mut parser, |machine, parser, op| {
            stop = op.start;
            match op.opcode {
                Opcode::Build => machine.array_behind(op, parser)?,
                Opcode::Appends | Opcode::SetItems | Opcode::AddItems => {
                    if let (Some(batch), Some(watch)) = (machine.batch.take(), watch.as_deref_mut()) {
                        machine.forget(batch, watch);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let value = self.stack.pop().ok_or(MachineError::Underflow { at: stop, opcode: Opcode::Stop })?;
        Ok((self, value))
    }

    /// Follows all opcodes, with a look at each of them.
    #[inline(always)]
    fn steps(
        &mut self,
        parser: &mut Parser<'a>,
        mut look: impl FnMut(&mut Self, &mut Parser<'a>, OpStep) -> Done,
    ) -> Done {
        loop {
            // Where a step is never in memory, no step has to wait for it.
            let op = match parser.short_step() {
                Some(op) => op,
                None => match parser.long_step()? {
                    Some(op) => op,
                    None => return Ok(()),
                },
            };
            self.step(op)?;
            look(self, parser, op)?;
        }
    }

    /// Follows a segment of our own stream (name, value, SETITEM) that begins at `base` in its file, where
    /// `memo` slots are filled. Returns the name and the value, too.
    pub fn run_segment(bytes: &'a [u8], base: u64, memo: u64) -> Result<(Self, Ref, Ref), MachineError> {
        let mut machine = Self::new(bytes, base, memo);
        let session = machine.make(NodeKind::Dict, base, base, Vec::new())?;
        machine.stack.push(session);
        let mut parser = Parser::segment(bytes, base);
        machine.steps(&mut parser, |_, _, _| Ok(()))?;
        let (name, value) = match machine.nodes.first().map(|session| session.items.as_slice()) {
            Some(&[name, value]) if machine.stack == [session] => (name, value),
            _ => return Err(MachineError::Underflow { at: machine.end, opcode: Opcode::SetItem }),
        };
        Ok((machine, name, value))
    }

    /// Follows some segments of our own stream, of which `bytes` is the whole. Returns name and value of each. What a
    /// segment takes from the memo must come from the prelude or from another one of them.
    pub fn run_segments(bytes: &'a [u8], segments: &[SegmentRange]) -> Result<(Self, Vec<(Ref, Ref)>), MachineError> {
        let mut machine = Self::new(bytes, 0, PRELUDE_MEMO);
        let session = machine.make(NodeKind::Dict, 0, 0, Vec::new())?;
        machine.stack.push(session);
        for segment in segments {
            machine.memo.go_on_at(segment.memo);
            let range = usize::try_from(segment.start).ok().zip(usize::try_from(segment.end).ok());
            let opcodes = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            let mut parser = Parser::segment(opcodes, segment.start);
            machine.steps(&mut parser, |_, _, _| Ok(()))?;
            if machine.stack != [session] || !machine.marks.is_empty() {
                return Err(MachineError::Underflow { at: machine.end, opcode: Opcode::SetItem });
            }
        }
        let items = machine.nodes.first().map_or(&[][..], |session| session.items.as_slice());
        let pairs = items.as_chunks::<2>().0.iter().map(|[name, value]| (*name, *value)).collect();
        Ok((machine, pairs))
    }

    fn new(bytes: &'a [u8], base: u64, memo: u64) -> Self {
        Self {
            bytes,
            base,
            nodes: Vec::new(),
            changes: Vec::new(),
            effects: Vec::new(),
            looked_up: Vec::new(),
            memo: MemoSlots::starting_at(memo),
            stack: Vec::new(),
            marks: Vec::new(),
            items: 0,
            end: base,
            batch: None,
            arrays: Arrays::default(),
            spare: Spare::default(),
        }
    }

    /// Where the opcodes end: behind STOP, or at the end of the segment.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// All values that were put together, in the order in which they were begun or, for tuples and calls, finished.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// What the nodes do not tell.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Calls whose outcome was thrown away: what they did is in what they were given. That is how dill and cloudpickle
    /// fill functions, classes and cells that refer to themselves.
    pub fn effects(&self) -> &[Ref] {
        &self.effects
    }

    /// The places of the single opcodes that look something up outside the pickle: GLOBAL, INST, EXT1 and its like,
    /// PERSID. Those that take what they look up from the stack are nodes.
    pub fn looked_up(&self) -> &[u64] {
        &self.looked_up
    }

    /// Follows an opcode: those that most of any pickle consists of here, so that they cost little, the others in
    /// [`Self::other`].
    #[inline(always)]
    fn step(&mut self, op: OpStep) -> Done {
        self.end = op.end;
        self.check_stack(op)?;
        match op.opcode {
            Opcode::BinInt | Opcode::BinInt1 | Opcode::BinInt2 | Opcode::BinFloat => self.push(Ref::leaf(op.start), op),
            Opcode::ShortBinUnicode | Opcode::BinUnicode => self.push(Ref::leaf(op.start), op),
            Opcode::None | Opcode::NewTrue | Opcode::NewFalse => self.push(Ref::leaf(op.start), op),
            Opcode::BinGet | Opcode::LongBinGet => self.get(op),
            Opcode::Memoize | Opcode::BinPut | Opcode::LongBinPut => self.put(op),
            Opcode::EmptyTuple => self.empty(NodeKind::Tuple, op),
            Opcode::EmptyList => self.empty(NodeKind::List, op),
            Opcode::EmptyDict => self.empty(NodeKind::Dict, op),
            Opcode::Mark => self.mark(op),
            Opcode::Appends | Opcode::SetItems | Opcode::AddItems => self.add_marked(op),
            _ => self.other(op),
        }
    }

    #[inline(never)]
    fn other(&mut self, op: OpStep) -> Done {
        match op.opcode {
            Opcode::Proto | Opcode::Frame | Opcode::Stop | Opcode::ReadonlyBuffer => Ok(()),
            Opcode::Pop => self.pop(op),
            Opcode::PopMark => self.above_mark(op).map(drop),
            Opcode::Dup => self.top(op).and_then(|top| self.push(top, op)),
            Opcode::Get => self.get(op),
            Opcode::Put => self.put(op),
            Opcode::EmptySet => self.empty(NodeKind::Set, op),
            Opcode::Tuple => self.marked(NodeKind::Tuple, op),
            Opcode::List => self.marked(NodeKind::List, op),
            Opcode::Dict => self.marked(NodeKind::Dict, op),
            Opcode::FrozenSet => self.marked(NodeKind::FrozenSet, op),
            Opcode::Tuple1 => self.fixed(NodeKind::Tuple, 1, op),
            Opcode::Tuple2 => self.fixed(NodeKind::Tuple, 2, op),
            Opcode::Tuple3 => self.fixed(NodeKind::Tuple, 3, op),
            Opcode::StackGlobal => self.fixed(NodeKind::Global, 2, op),
            Opcode::BinPersId => self.fixed(NodeKind::Persistent, 1, op),
            Opcode::Reduce => self.fixed(NodeKind::Call(CallKind::Reduce), 2, op),
            Opcode::NewObj => self.fixed(NodeKind::Call(CallKind::NewObj), 2, op),
            Opcode::NewObjEx => self.fixed(NodeKind::Call(CallKind::NewObjEx), 3, op),
            Opcode::Inst | Opcode::Obj => self.instance(op),
            Opcode::Global | Opcode::Ext1 | Opcode::Ext2 | Opcode::Ext4 | Opcode::PersId => {
                self.look_up(op)?;
                self.push(Ref::leaf(op.start), op)
            }
            Opcode::Append => self.add_last(1, op),
            Opcode::SetItem => self.add_last(2, op),
            Opcode::Build => self.build(op),
            // All others push what they hold.
            _ => self.push(Ref::leaf(op.start), op),
        }
    }

    /// The height of the stack that opcodes may not go below.
    #[inline(always)]
    fn fence(&self) -> usize {
        self.marks.last().map_or(0, |mark| mark.height)
    }

    #[inline(always)]
    fn check_stack(&self, op: OpStep) -> Done {
        let (at, opcode) = (op.start, op.opcode);
        let there = match opcode.takes() {
            Takes::Items(0) => true,
            Takes::Items(needed) => self.stack.len() - self.fence() >= usize::from(needed),
            Takes::ToMark(needed) => {
                let Some((mark, outer)) = self.marks.split_last() else {
                    return Err(MachineError::NoMark { at, opcode });
                };
                mark.height - outer.last().map_or(0, |mark| mark.height) >= usize::from(needed)
            }
        };
        if there { Ok(()) } else { Err(MachineError::Underflow { at, opcode }) }
    }

    #[inline(always)]
    fn push(&mut self, value: Ref, op: OpStep) -> Done {
        limit(self.stack.len(), MAX_STACK, "values on the stack", op.start)?;
        self.stack.push(value);
        Ok(())
    }

    #[inline(always)]
    fn top(&self, op: OpStep) -> Result<Ref, MachineError> {
        self.stack.last().copied().ok_or(MachineError::Underflow { at: op.start, opcode: op.opcode })
    }

    #[inline(always)]
    fn mark(&mut self, op: OpStep) -> Done {
        limit(self.marks.len(), MAX_MARKS, "marks", op.start)?;
        self.marks.push(Mark {
            height: self.stack.len(),
            start: op.start,
            nodes: self.nodes.len(),
            changes: self.changes.len(),
            effects: self.effects.len(),
            looked_up: self.looked_up.len(),
            filled: self.memo.filled(),
            lowest: usize::MAX,
        });
        Ok(())
    }

    /// POP takes a mark, too, where that is on top.
    fn pop(&mut self, op: OpStep) -> Done {
        let taken = match self.stack.len() > self.fence() {
            true => self.stack.pop().map(|value| self.note_effect(value)).transpose()?.is_some(),
            false => self.take_mark().is_some(),
        };
        if taken { Ok(()) } else { Err(MachineError::Underflow { at: op.start, opcode: op.opcode }) }
    }

    fn note_effect(&mut self, value: Ref) -> Done {
        if let RefTarget::Node(index) = value.target()
            && matches!(self.nodes.get(index), Some(Node { kind: NodeKind::Call(_), .. }))
        {
            limit(self.effects.len(), MAX_NODES, "calls", self.end)?;
            self.effects.push(value);
        }
        Ok(())
    }

    /// Takes the topmost mark and what is above it.
    #[inline(always)]
    fn above_mark(&mut self, op: OpStep) -> Result<(Vec<Ref>, Mark), MachineError> {
        let mark = self.take_mark().ok_or(MachineError::NoMark { at: op.start, opcode: op.opcode })?;
        Ok((self.take_from(mark.height), mark))
    }

    /// Takes the values of the stack from this height on.
    fn take_from(&mut self, height: usize) -> Vec<Ref> {
        if height == 0 {
            return std::mem::take(&mut self.stack);
        }
        let values = self.spare.filled(self.stack.get(height..).unwrap_or_default());
        self.stack.truncate(height);
        values
    }

    #[inline(always)]
    fn take_mark(&mut self) -> Option<Mark> {
        let mark = self.marks.pop()?;
        if let Some(outer) = self.marks.last_mut() {
            outer.lowest = outer.lowest.min(mark.lowest);
        }
        Some(mark)
    }

    #[inline(always)]
    fn get(&mut self, op: OpStep) -> Done {
        let index = op.index;
        if self.memo.get(index, op.start).is_none() && !self.memo.is_earlier(index) {
            return Err(ParseError::EmptyMemo { at: op.start, index }.into());
        }
        self.push(Ref::get(op.start), op)
    }

    #[inline(always)]
    fn put(&mut self, op: OpStep) -> Done {
        limit(self.memo.len(), MAX_MEMO, "memo slots", op.start)?;
        let top = self.top(op)?;
        self.extend_span(top, op);
        // No slot refers to another one: a GET is followed in one step.
        let value = self.resolve(top);
        match op.opcode {
            Opcode::Memoize => self.memo.memoize(value, op.start),
            _ => self.memo.put(op.index, value, op.start),
        }
        Ok(())
    }

    /// What is made here and now goes on up to this opcode.
    #[inline(always)]
    fn extend_span(&mut self, value: Ref, op: OpStep) {
        if let RefTarget::Node(index) = value.target()
            && let Some(node) = self.nodes.get_mut(index)
        {
            node.end = op.end;
        }
    }

    fn make(&mut self, kind: NodeKind, start: u64, end: u64, items: Vec<Ref>) -> Result<Ref, MachineError> {
        limit(self.nodes.len(), MAX_NODES, "objects", start)?;
        self.count(items.len(), start)?;
        self.nodes.push(Node { kind, start, end, items, state: None, added: None });
        Ok(Ref::node(self.nodes.len() - 1))
    }

    fn count(&mut self, items: usize, at: u64) -> Done {
        self.items = self.items.saturating_add(items);
        limit(self.items, MAX_ITEMS, "items", at)
    }

    #[inline(always)]
    fn empty(&mut self, kind: NodeKind, op: OpStep) -> Done {
        let node = self.make(kind, op.start, op.end, Vec::new())?;
        self.push(node, op)
    }

    fn marked(&mut self, kind: NodeKind, op: OpStep) -> Done {
        let (items, mark) = self.above_mark(op)?;
        if kind == NodeKind::Dict {
            check_pairs(&items, op)?;
        }
        let node = self.make(kind, mark.start, op.end, items)?;
        self.push(node, op)
    }

    fn fixed(&mut self, kind: NodeKind, count: usize, op: OpStep) -> Done {
        let items = self.take_from(self.stack.len().saturating_sub(count));
        let start = items.first().map_or(op.start, |first| self.start(*first));
        let node = self.make(kind, start, op.end, items)?;
        self.push(node, op)
    }

    fn look_up(&mut self, op: OpStep) -> Done {
        limit(self.looked_up.len(), MAX_NODES, "imports", op.start)?;
        self.looked_up.push(op.start);
        Ok(())
    }

    /// INST names its class, OBJ has it first above the mark.
    fn instance(&mut self, op: OpStep) -> Done {
        let (mut arguments, Mark { start, .. }) = self.above_mark(op)?;
        let class = match op.opcode {
            Opcode::Obj if arguments.is_empty() => {
                return Err(MachineError::Underflow { at: op.start, opcode: op.opcode });
            }
            Opcode::Obj => arguments.remove(0),
            _ => {
                self.look_up(op)?;
                Ref::leaf(op.start)
            }
        };
        let arguments = self.make(NodeKind::Tuple, start, op.start, arguments)?;
        let node = self.make(NodeKind::Call(CallKind::Instance), start, op.end, vec![class, arguments])?;
        self.push(node, op)
    }

    fn add_last(&mut self, count: usize, op: OpStep) -> Done {
        let items = self.take_from(self.stack.len().saturating_sub(count));
        self.add(items, op)
    }

    fn add_marked(&mut self, op: OpStep) -> Done {
        let (items, mark) = self.above_mark(op)?;
        if op.opcode == Opcode::SetItems {
            check_pairs(&items, op)?;
        }
        let count = items.len();
        self.add(items, op)?;
        self.batch = self.batch_of(&mark, count);
        Ok(())
    }

    /// Adds items to the value on top.
    fn add(&mut self, items: Vec<Ref>, op: OpStep) -> Done {
        let target = self.changed(items.len(), op)?;
        match self.node_mut(target) {
            Some(node) => node.add(op.opcode, items),
            None => self.changes.push(Change { at: op.start, opcode: op.opcode, target, items }),
        }
        Ok(())
    }

    /// Gives a state to the value below it.
    fn build(&mut self, op: OpStep) -> Done {
        let state = self.stack.pop().ok_or(MachineError::Underflow { at: op.start, opcode: op.opcode })?;
        let target = self.changed(1, op)?;
        match self.node_mut(target) {
            Some(node) if node.state.is_none() => {
                node.state = Some(state);
                return Ok(());
            }
            Some(_) => self.arrays.note_second_state(target),
            None => {}
        }
        self.changes.push(Change { at: op.start, opcode: op.opcode, target, items: vec![state] });
        Ok(())
    }

    /// The value on top, which gets so many items.
    #[inline]
    fn changed(&mut self, items: usize, op: OpStep) -> Result<Ref, MachineError> {
        self.count(items, op.start)?;
        let top = self.top(op)?;
        self.extend_span(top, op);
        let target = self.resolve(top);
        if let (RefTarget::Node(index), Some(mark)) = (target.target(), self.marks.last_mut()) {
            mark.lowest = mark.lowest.min(index);
        }
        Ok(target)
    }

    fn node_mut(&mut self, target: Ref) -> Option<&mut Node> {
        target.node_index().and_then(|index| self.nodes.get_mut(index))
    }
}

impl Node {
    fn add(&mut self, opcode: Opcode, mut items: Vec<Ref>) {
        let pairs = matches!(opcode, Opcode::SetItem | Opcode::SetItems);
        let own = match opcode {
            Opcode::AddItems => self.kind == NodeKind::Set,
            _ if pairs => self.kind == NodeKind::Dict,
            _ => self.kind == NodeKind::List,
        };
        let added = match own {
            true => &mut self.items,
            false if pairs => &mut self.added.get_or_insert_with(Box::<Added>::default).pairs,
            false => &mut self.added.get_or_insert_with(Box::<Added>::default).items,
        };
        if added.is_empty() { *added = items } else { added.append(&mut items) }
    }
}

fn check_pairs(items: &[Ref], op: OpStep) -> Done {
    if items.len().is_multiple_of(2) { Ok(()) } else { Err(MachineError::OddItems { at: op.start, opcode: op.opcode }) }
}
