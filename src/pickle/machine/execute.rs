//! The effect of each opcode on the machine: the counterpart of the `load_*` functions in CPython's
//! `Modules/_pickle.c`.

use super::items::NodeItems;
use super::limits::{MAX_MARKS, MAX_MEMO, MAX_STACK, MachineError, limit};
use super::state::{Done, Machine, Mark, ObjectChange};
use super::value::{Added, CallKind, Node, NodeKind, Ref, RefTarget};
use crate::pickle::format::opcode::{CodeRun, MemoUse, Opcode, Takes};
use crate::pickle::format::parse::{OpStep, ParseError};
use crate::pickle::work_budget::{ALLOCATION, OverBudget, WorkBudget, table_entry};

/// A stack of at most this length is copied: its memory is used again.
const MIN_TAKEN: usize = 64;

impl Machine<'_> {
    /// Follows an opcode. The most frequent opcodes are inlined here; [`Self::rare`] has the others.
    #[inline(always)]
    pub(super) fn step(&mut self, op: OpStep) -> Done {
        self.end = op.end;
        self.check_stack(op)?;
        match op.opcode {
            Opcode::BinInt | Opcode::BinInt1 | Opcode::BinInt2 | Opcode::BinFloat => self.push_leaf(op),
            Opcode::ShortBinUnicode | Opcode::BinUnicode => self.push_leaf(op),
            Opcode::None | Opcode::NewTrue | Opcode::NewFalse => self.push_leaf(op),
            Opcode::EmptyTuple => self.empty_tuple(op),
            Opcode::EmptyList => self.empty(NodeKind::List, op),
            Opcode::EmptyDict => self.empty(NodeKind::Dict, op),
            Opcode::Mark => self.mark(op),
            Opcode::Appends | Opcode::SetItems | Opcode::AddItems => self.add_marked(op),
            _ => match op.opcode.memo() {
                MemoUse::Reads => self.get(op),
                MemoUse::Writes => self.put(op),
                MemoUse::Unused => self.rare(op),
            },
        }
    }

    #[inline(never)]
    fn rare(&mut self, op: OpStep) -> Done {
        match op.opcode {
            Opcode::Stop => Ok(()),
            Opcode::Proto => self.notes.protocol(op, &self.budget),
            Opcode::Frame => {
                self.notes.frame(op);
                Ok(())
            }
            Opcode::ReadonlyBuffer => self.notes.buffer(op, &self.budget),
            Opcode::NextBuffer => {
                self.notes.buffer(op, &self.budget)?;
                self.push_leaf(op)
            }
            Opcode::Pop => self.pop(op),
            Opcode::PopMark => self.above_mark(op).map(drop),
            Opcode::Dup => self.top(op).and_then(|top| self.push(top, op)),
            Opcode::EmptySet => self.empty(NodeKind::Set, op),
            Opcode::Tuple => self.marked(NodeKind::Tuple, op),
            Opcode::List => self.marked(NodeKind::List, op),
            Opcode::Dict => self.marked(NodeKind::Dict, op),
            Opcode::FrozenSet => self.marked(NodeKind::FrozenSet, op),
            Opcode::Tuple1 | Opcode::Tuple2 | Opcode::Tuple3 => self.fixed(NodeKind::Tuple, op),
            Opcode::StackGlobal => self.fixed(NodeKind::Global, op),
            Opcode::BinPersId => self.fixed(NodeKind::Persistent, op),
            Opcode::Reduce => self.fixed(NodeKind::Call(CallKind::Reduce), op),
            Opcode::NewObj => self.fixed(NodeKind::Call(CallKind::NewObj), op),
            Opcode::NewObjEx => self.fixed(NodeKind::Call(CallKind::NewObjEx), op),
            Opcode::Inst | Opcode::Obj => self.instance(op),
            Opcode::Append | Opcode::SetItem => self.add_taken(op),
            Opcode::Build => self.build(op),
            // All others push one value: their argument, or an object outside of the pickle that it names.
            _ => {
                if op.opcode.runs() == CodeRun::Lookup {
                    self.note_lookup(op)?;
                }
                self.check_digits(op);
                self.check_old_string(op)?;
                self.push_leaf(op)
            }
        }
    }

    /// The height below which opcodes may not take values from the stack.
    #[inline(always)]
    pub(super) fn fence(&self) -> usize {
        self.marks.last().map_or(0, |mark| mark.height)
    }

    #[inline(always)]
    fn check_stack(&self, op: OpStep) -> Done {
        let (at, opcode) = (op.start, op.opcode);
        // As in CPython, an opcode cannot take values from below the topmost mark: its height is the fence.
        let enough = match opcode.takes() {
            Takes::Items(0) => true,
            Takes::Items(needed) => self.stack.len() - self.fence() >= usize::from(needed),
            Takes::ToMark(needed) => {
                let Some((mark, outer)) = self.marks.split_last() else {
                    return Err(MachineError::NoMark { at, opcode });
                };
                mark.height - outer.last().map_or(0, |mark| mark.height) >= usize::from(needed)
            }
        };
        if enough { Ok(()) } else { Err(MachineError::Underflow { at, opcode }) }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, value: Ref, op: OpStep) -> Done {
        limit(self.stack.len(), MAX_STACK, "values on the stack", op.start)?;
        Ok(self.budget.push(&mut self.stack, value)?)
    }

    /// Pushes the value that this opcode makes alone.
    #[inline(always)]
    fn push_leaf(&mut self, op: OpStep) -> Done {
        self.push(Ref::leaf(op.start), op)
    }

    #[inline(always)]
    fn mark(&mut self, op: OpStep) -> Done {
        limit(self.marks.len(), MAX_MARKS, "marks", op.start)?;
        let mark = Mark {
            height: self.stack.len(),
            start: op.start,
            nodes: self.nodes.len(),
            changes: self.changes.len(),
            effects: self.effects.len(),
            looked_up: self.looked_up.len(),
            filled: self.memo.filled(),
            lowest: usize::MAX, // No node was changed yet.
        };
        Ok(self.budget.push(&mut self.marks, mark)?)
    }

    /// POP removes a mark if that is on top.
    fn pop(&mut self, op: OpStep) -> Done {
        if self.stack.len() > self.fence() {
            self.stack.pop().map_or(Ok(()), |value| self.note_effect(value))
        } else {
            self.take_mark().map(drop).ok_or(MachineError::Underflow { at: op.start, opcode: op.opcode })
        }
    }

    /// A call whose result is popped was made for its effect.
    fn note_effect(&mut self, value: Ref) -> Done {
        if let RefTarget::Node(index) = value.target()
            && matches!(self.nodes.get(index), Some(Node { kind: NodeKind::Call(_), .. }))
        {
            self.budget.push(&mut self.effects, value)?;
        }
        Ok(())
    }

    /// Takes the topmost mark, and the values above it.
    #[inline(always)]
    fn above_mark(&mut self, op: OpStep) -> Result<(NodeItems, Mark), MachineError> {
        let mark = self.take_mark().ok_or(MachineError::NoMark { at: op.start, opcode: op.opcode })?;
        Ok((self.take_from(mark.height)?, mark))
    }

    /// Takes the values of the stack from this height on.
    fn take_from(&mut self, height: usize) -> Result<NodeItems, MachineError> {
        // A long stack is taken as a whole, without a copy.
        if height == 0 && self.stack.len() > MIN_TAKEN {
            return Ok(NodeItems::many(std::mem::take(&mut self.stack)));
        }
        let values = self.stack.get(height..).unwrap_or_default();
        let values = NodeItems::copy_of(values, &mut self.spare, &self.budget)?;
        self.stack.truncate(height);
        Ok(values)
    }

    /// Takes the values that, by the table, an opcode takes from the top of the stack, except for the lowest `left`
    /// ones.
    fn take_operands(&mut self, op: OpStep, left: usize) -> Result<NodeItems, MachineError> {
        let count = if let Takes::Items(count) = op.opcode.takes() { usize::from(count) } else { 0 };
        self.take_from(self.stack.len().saturating_sub(count.saturating_sub(left)))
    }

    #[inline(always)]
    fn take_mark(&mut self) -> Option<Mark> {
        let mark = self.marks.pop()?;
        // Everything that was changed since this mark was also changed since the one below.
        if let Some(outer) = self.marks.last_mut() {
            outer.lowest = outer.lowest.min(mark.lowest);
        }
        Some(mark)
    }

    #[inline(always)]
    fn get(&mut self, op: OpStep) -> Done {
        let index = op.index;
        // A slot of an earlier segment is not known here, but may be read.
        if self.memo.get(index, op.start).is_none() && !self.memo.is_earlier(index) {
            return Err(ParseError::EmptyMemo { at: op.start, index }.into());
        }
        self.has_gets = true;
        self.push(Ref::get(op.start), op)
    }

    #[inline(always)]
    fn put(&mut self, op: OpStep) -> Done {
        limit(self.memo.len(), MAX_MEMO, "memo slots", op.start)?;
        let top = self.top(op)?;
        self.extend_span(top, op);
        // A slot never holds a GET, so that a GET is resolved in one step.
        let value = self.resolve(top);
        match op.opcode {
            Opcode::Memoize => self.memo.memoize(value, op.start, &self.budget)?,
            _ => self.memo.put(op.index, value, op.start, &self.budget)?,
        }
        Ok(())
    }

    /// The span of a value that is being made extends to this opcode.
    #[inline(always)]
    fn extend_span(&mut self, value: Ref, op: OpStep) {
        if let RefTarget::Node(index) = value.target()
            && let Some(node) = self.nodes.get_mut(index)
        {
            node.extend_to(op.end);
        }
    }

    /// Makes an empty tuple. Consecutive ones are one object, as in CPython: they cannot be changed.
    fn empty_tuple(&mut self, op: OpStep) -> Done {
        let is_empty =
            |node: &&Node| node.kind == NodeKind::Tuple && node.items.is_empty() && node.items.extras().is_none();
        if let Some((index, end)) = self.empty_tuple
            && end == op.start
            && self.nodes.get(index).filter(is_empty).is_some()
        {
            self.empty_tuple = Some((index, op.end));
            return self.push(Ref::node(index), op);
        }
        self.empty(NodeKind::Tuple, op)?;
        self.empty_tuple = self.nodes.len().checked_sub(1).map(|index| (index, op.end));
        Ok(())
    }

    #[inline(always)]
    fn empty(&mut self, kind: NodeKind, op: OpStep) -> Done {
        let node = self.make(kind, op.start, op.end, NodeItems::default())?;
        self.push(node, op)
    }

    /// Makes a container of the values above the topmost mark.
    fn marked(&mut self, kind: NodeKind, op: OpStep) -> Done {
        let (items, mark) = self.above_mark(op)?;
        if kind == NodeKind::Dict {
            check_pairs(&items, op)?;
        }
        let node = self.make(kind, mark.start, op.end, items)?;
        self.push(node, op)
    }

    /// Makes a value of a fixed number of parts.
    fn fixed(&mut self, kind: NodeKind, op: OpStep) -> Done {
        let items = self.take_operands(op, 0)?;
        let start = items.first().map_or(op.start, |first| self.start(*first));
        let node = self.make(kind, start, op.end, items)?;
        self.push(node, op)
    }

    fn note_lookup(&mut self, op: OpStep) -> Done {
        Ok(self.budget.push(&mut self.looked_up, op.start)?)
    }

    /// INST names its class; OBJ has it as the first value above the mark.
    fn instance(&mut self, op: OpStep) -> Done {
        let (mut arguments, Mark { start, .. }) = self.above_mark(op)?;
        let class = match op.opcode {
            Opcode::Obj => arguments.take_first().ok_or(MachineError::Underflow { at: op.start, opcode: op.opcode })?,
            _ => {
                self.note_lookup(op)?;
                Ref::leaf(op.start)
            }
        };
        // Like the other calls, it gets its arguments as a tuple, although the pickle has none.
        let arguments = self.make(NodeKind::Tuple, start, op.start, arguments)?;
        // The span begins at the mark, which comes before the arguments.
        let node = self.make(NodeKind::Call(CallKind::Instance), start, op.end, NodeItems::two(class, arguments))?;
        self.push(node, op)
    }

    /// APPEND and SETITEM: the target is the lowest value that they take, and stays.
    fn add_taken(&mut self, op: OpStep) -> Done {
        let items = self.take_operands(op, 1)?;
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

    /// Adds items to the value on top of the stack.
    fn add(&mut self, items: NodeItems, op: OpStep) -> Done {
        let target = self.changed(op)?;
        // An import, or a value of an earlier segment, has no node to keep the items in.
        if let Some(node) = target.node_index().and_then(|index| self.nodes.get_mut(index)) {
            return Ok(node.add(op.opcode, items, &self.budget)?);
        }
        let change = ObjectChange { at: op.start, opcode: op.opcode, target, items };
        Ok(self.budget.push(&mut self.changes, change)?)
    }

    /// Gives the state on top of the stack to the value below it.
    fn build(&mut self, op: OpStep) -> Done {
        let state = self.stack.pop().ok_or(MachineError::Underflow { at: op.start, opcode: op.opcode })?;
        let target = self.changed(op)?;
        let has_state = match target.node_index().and_then(|index| self.nodes.get_mut(index)) {
            Some(node) if node.state().is_none() => {
                node.items.extras_mut(&self.budget)?.state = Some(state);
                return Ok(());
            }
            found => found.is_some(),
        };
        // A second BUILD is kept as a change.
        if has_state && self.arrays.second_states.insert(target) {
            self.budget.charge(table_entry::<Ref, ()>())?;
        }
        let change = ObjectChange { at: op.start, opcode: op.opcode, target, items: NodeItems::one(state) };
        Ok(self.budget.push(&mut self.changes, change)?)
    }

    /// The value on top of the stack, which is about to change.
    #[inline]
    fn changed(&mut self, op: OpStep) -> Result<Ref, MachineError> {
        let top = self.top(op)?;
        self.extend_span(top, op);
        let target = self.resolve(top);
        self.note_late(top, target, op)?;
        // For pruning: the oldest node that was changed since each mark.
        if let (RefTarget::Node(index), Some(mark)) = (target.target(), self.marks.last_mut()) {
            mark.lowest = mark.lowest.min(index);
        }
        Ok(target)
    }
}

impl Node {
    fn add(&mut self, opcode: Opcode, items: NodeItems, budget: &WorkBudget) -> Result<(), OverBudget> {
        // NodeItems of the container's own kind are its items; others go to methods of the object when it is loaded.
        let pairs = matches!(opcode, Opcode::SetItem | Opcode::SetItems);
        let own = match opcode {
            Opcode::AddItems => self.kind == NodeKind::Set,
            _ if pairs => self.kind == NodeKind::Dict,
            _ => self.kind == NodeKind::List,
        };
        if own {
            return self.items.append(items, budget);
        }
        let extras = self.items.extras_mut(budget)?;
        if extras.added.is_none() {
            budget.charge(size_of::<Added>() + ALLOCATION)?;
        }
        let added = extras.added.get_or_insert_with(Box::<Added>::default);
        if opcode == Opcode::AddItems {
            added.by_add_items += items.len();
        }
        let list = if pairs { &mut added.pairs } else { &mut added.items };
        list.append(items, budget)
    }
}

fn check_pairs(items: &[Ref], op: OpStep) -> Done {
    if items.len().is_multiple_of(2) { Ok(()) } else { Err(MachineError::OddItems { at: op.start, opcode: op.opcode }) }
}
