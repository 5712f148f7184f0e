//! Starts the machine: on a whole pickle, on one segment of snapcli's own stream, or on several of them.

use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::items::NodeItems;
use super::limits::MachineError;
use super::prune::Watch;
use super::state::{ArrayNotes, ArrayReader, Done, Machine, SegmentRange};
use super::value::{NodeKind, Ref};
use crate::pickle::format::emit::PRELUDE_MEMO;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{OpStep, Parser};
use crate::pickle::work_budget::WorkBudget;

/// The offset that the last run has come to. There is one command in a process, whose progress bar reads it.
static FOLLOWED: AtomicU64 = AtomicU64::new(0);

/// How many bytes of a pickle have been followed, to about a thousand objects.
pub(crate) fn followed() -> u64 {
    FOLLOWED.load(Ordering::Relaxed)
}

/// Begins to count at the beginning of a pickle.
pub(crate) fn begin_following() {
    FOLLOWED.store(0, Ordering::Relaxed);
}

impl<'a> Machine<'a> {
    /// Follows a whole pickle, or a file of `joblib.dump`. Also returns the value that it makes.
    ///
    /// # Errors
    /// If CPython could not load the pickle, or if it exceeds a limit.
    pub fn run(bytes: &'a [u8]) -> Result<(Self, Ref), MachineError> {
        Self::run_with(bytes, &WorkBudget::new(bytes.len() as u64, None))
    }

    /// As [`Self::run`], with a budget that may pay for other things, too.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn run_with(bytes: &'a [u8], budget: &Rc<WorkBudget>) -> Result<(Self, Ref), MachineError> {
        Self::new(bytes, 0, 0, budget).follow(None)
    }

    /// Follows a whole pickle as [`Self::run`] does, and prunes values that `watch` has seen and that are not needed
    /// any more.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn run_watched(
        bytes: &'a [u8],
        budget: &Rc<WorkBudget>,
        watch: &mut dyn Watch,
    ) -> Result<(Self, Ref), MachineError> {
        Self::new(bytes, 0, 0, budget).follow(Some(watch))
    }

    /// As [`Self::run_watched`], for a pickle that is not read by joblib.
    ///
    /// # Errors
    /// As for [`Self::run`].
    pub fn run_nested(
        bytes: &'a [u8],
        budget: &Rc<WorkBudget>,
        watch: &mut dyn Watch,
    ) -> Result<(Self, Ref), MachineError> {
        let mut machine = Self::new(bytes, 0, 0, budget);
        // Only joblib's unpickler skips array bytes after a BUILD.
        machine.arrays = ArrayNotes { reader: ArrayReader::Plain, ..ArrayNotes::default() };
        machine.follow(Some(watch))
    }

    /// Follows a pickle as another reader would, as far as that gets. Also returns why it ends before a STOP.
    pub(crate) fn run_as(
        reader: ArrayReader,
        bytes: &'a [u8],
        budget: &Rc<WorkBudget>,
    ) -> (Self, Option<MachineError>) {
        let mut machine = Self::new(bytes, 0, 0, budget);
        machine.arrays = ArrayNotes { reader, ..ArrayNotes::default() };
        let ended = machine.follow_all(None).err();
        (machine, ended)
    }

    pub(super) fn follow(mut self, watch: Option<&mut dyn Watch>) -> Result<(Self, Ref), MachineError> {
        let value = self.follow_all(watch)?;
        self.end_run();
        Ok((self, value))
    }

    fn follow_all(&mut self, mut watch: Option<&mut dyn Watch>) -> Result<Ref, MachineError> {
        let mut parser = Parser::new(self.bytes);
        self.notes.begin_pickle();
        let mut stop = 0;
        self.steps(&mut parser, |machine, parser, op| {
            stop = op.start;
            match op.opcode {
                Opcode::Build => machine.array_after(op, parser)?,
                // The opcodes that end a batch.
                Opcode::Appends | Opcode::SetItems | Opcode::AddItems => {
                    FOLLOWED.store(op.start, Ordering::Relaxed);
                    if let (Some(batch), Some(watch)) = (machine.batch.take(), watch.as_deref_mut()) {
                        machine.prune(batch, watch);
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        self.stack.pop().ok_or(MachineError::Underflow { at: stop, opcode: Opcode::Stop })
    }

    /// Follows a segment of snapcli's own stream (name, value, SETITEM) that begins at offset `base` of its file, where
    /// `memo` slots are filled. Also returns the name and the value.
    ///
    /// # Errors
    /// As for [`Self::run`], or if the opcodes are not one name with one value.
    pub fn run_segment(
        bytes: &'a [u8],
        base: u64,
        memo: u64,
        budget: &Rc<WorkBudget>,
    ) -> Result<(Self, Ref, Ref), MachineError> {
        let mut machine = Self::new(bytes, base, memo, budget);
        let session = machine.push_session(base)?;
        machine.steps(&mut Parser::segment(bytes, base), |_, _, _| Ok(()))?;
        // The dict must hold one pair, and must be alone on the stack.
        let (name, value) = match machine.nodes.first().map(|session| session.items.as_slice()) {
            Some(&[name, value]) if machine.stack == [session] => (name, value),
            _ => return Err(MachineError::Underflow { at: machine.end, opcode: Opcode::SetItem }),
        };
        Ok((machine, name, value))
    }

    /// Follows some segments of snapcli's own stream, which is `bytes`. Also returns the name and the
    /// value of each. The memo slots that a segment reads must be filled by the prelude or by another one of them.
    ///
    /// # Errors
    /// As for [`Self::run`], or if a segment leaves more or less than the session's dict on the stack.
    pub fn run_segments(
        bytes: &'a [u8],
        segments: &[SegmentRange],
        budget: &Rc<WorkBudget>,
    ) -> Result<(Self, Vec<(Ref, Ref)>), MachineError> {
        let mut machine = Self::new(bytes, 0, PRELUDE_MEMO, budget);
        let session = machine.push_session(0)?;
        for segment in segments {
            // Segments between two chosen ones would have filled these slots.
            machine.memo.skip_to(segment.memo);
            FOLLOWED.store(segment.start, Ordering::Relaxed);
            let range = usize::try_from(segment.start).ok().zip(usize::try_from(segment.end).ok());
            let opcodes = range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default();
            machine.steps(&mut Parser::segment(opcodes, segment.start), |_, _, _| Ok(()))?;
            if machine.stack != [session] || !machine.marks.is_empty() {
                return Err(MachineError::Underflow { at: machine.end, opcode: Opcode::SetItem });
            }
        }
        // Each segment has added its name and its value to the dict.
        let items = machine.nodes.first().map_or(&[][..], |session| session.items.as_slice());
        let pairs = items.as_chunks::<2>().0.iter().map(|[name, value]| (*name, *value)).collect();
        Ok((machine, pairs))
    }

    /// Pushes the dict that the variables of a session are put into: it is the first node.
    fn push_session(&mut self, start: u64) -> Result<Ref, MachineError> {
        let session = self.make(NodeKind::Dict, start, start, NodeItems::default())?;
        self.stack.push(session);
        Ok(session)
    }

    /// Follows all opcodes, and calls `after` after each of them.
    #[inline(always)]
    pub(super) fn steps(
        &mut self,
        parser: &mut Parser<'a>,
        mut after: impl FnMut(&mut Self, &mut Parser<'a>, OpStep) -> Done,
    ) -> Done {
        loop {
            // `Parser::step`, written out: this way the fast path keeps the step in registers.
            let op = match parser.step_fast() {
                Some(op) => op,
                None => match parser.step_slow()? {
                    Some(op) => op,
                    None => return Ok(()),
                },
            };
            self.check_frame(op);
            self.step(op)?;
            after(self, parser, op)?;
        }
    }
}
