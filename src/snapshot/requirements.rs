//! What is loaded of a file that this user did not sign, as one input in memory, and what of it is more than plain
//! data.
//!
//! For our own file, the input has exactly the opcodes that a trusted load of the same variables would feed to the
//! unpickler ([`LoadSequence`]), and not the file as a whole: the index is no more trusted than the pickle, and may
//! point anywhere. The symbolic machine follows the input once. The [`BuildPlan`] that is made of its values either
//! refuses something, or a load carries it out: nothing else is read, so nothing else can happen.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::reader::{ReadError, Snapshot};
use super::segment::{JoinedInput, JoinedInputs, Load, LoadSequence, VariableSegment};
use crate::pickle::build_plan::{BufferFacts, BuildPlan, callee, each_once};
use crate::pickle::explain::labels::Labels;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::Parser;
use crate::pickle::machine::value::Ref;
use crate::pickle::machine::{MAX_MEMO, Machine, MachineError};
use crate::pickle::verdict;
use crate::pickle::work_budget::WorkBudget;

/// The longest pickle, in bytes, that is copied before it is followed, so that nobody can change it meanwhile. Of a
/// longer one nearly all are numbers, whose values are not checked anyway.
const MAX_COPIED: usize = 1 << 30;

/// Something that a load would have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The variable that needs it; `None` if there is one object only, or if it is unknown.
    pub variable: Option<String>,
    /// The globals that it would look up, call or change.
    pub what: Vec<String>,
}

/// Why an input cannot be built.
#[derive(Debug)]
pub(crate) enum NotPlanned {
    /// It needs more than plain data.
    Needs(Vec<Requirement>),
    /// It is too large to be looked at.
    TooLarge(ReadError),
}

/// What is loaded of a file.
#[derive(Debug)]
pub(crate) struct LoadInput<'f> {
    pickle: Cow<'f, [u8]>,
    /// For our own file: where the loads end, each of which leaves one object. `None` for a whole pickle.
    ends: Option<Vec<u64>>,
    /// The offset in `pickle` at which the value of each variable begins, with its name.
    starts: Vec<(u64, &'f str)>,
    /// By variable: the number of its value among those of the loads, if it is loaded as a whole.
    values: Vec<Option<usize>>,
    /// The NEXT_BUFFERs, by their offset.
    buffers: Vec<(u64, BufferFacts)>,
    /// By the number of a buffer: the number of its variable, and its number within the variable.
    sources: Vec<(usize, usize)>,
    /// What is wrong with the input itself.
    problem: Option<Requirement>,
    /// How many bytes of memory the user allows for following it.
    max_memory: Option<u64>,
}

/// An input that was followed, and that a load may build.
pub(crate) struct PlannedLoads<'i> {
    pub(crate) machine: Machine<'i>,
    /// The values that the loads leave; for a whole pickle, its value, or the namespace of its session.
    pub(crate) values: Vec<Ref>,
    /// Whether the value is such a namespace.
    pub(crate) is_session: bool,
    pub(crate) plan: BuildPlan<'i>,
}

impl<'f> LoadInput<'f> {
    /// The input of some loads from our own file.
    ///
    /// # Errors
    /// If the file is shorter than the index says.
    pub(crate) fn of_loads(snapshot: &Snapshot, loads: &[(&VariableSegment<'f>, &Load)]) -> Result<Self, ReadError> {
        let read = loads.iter().filter(|(_, load)| !matches!(load, Load::Nothing));
        let file = snapshot.bytes_with(read.map(|(segment, _)| *segment))?;
        let mut input = Self::default().with_max_memory(snapshot.max_memory());
        // The symbolic machine would refuse that many memo slots anyway, so do not build the opcodes that fill them.
        let is_too_large = |(segment, _): &&(&VariableSegment<'_>, &Load)| segment.variable().memo.1 > MAX_MEMO as u64;
        if let Some((segment, _)) = loads.iter().find(is_too_large) {
            let what = vec![format!("opcodes that cannot be followed (they fill more than {MAX_MEMO} memo slots)")];
            input.problem = Some(Requirement { variable: Some(segment.variable().name.clone()), what });
            return Ok(input);
        }
        let cut_short = || ReadError::CutShort { at: file.len() as u64 };
        // With None for the module: the file must not reach it.
        let (mut sequence, module_slot) = LoadSequence::start(true);
        let mut inputs = JoinedInputs::new(file);
        let mut ends = vec![inputs.push(&module_slot).ok_or_else(cut_short)?.range.end as u64];
        for (number, (segment, load)) in loads.iter().enumerate() {
            let mut joined = None;
            for part in sequence.inputs(segment, load) {
                let part = inputs.push(&part).ok_or_else(cut_short)?;
                ends.push(part.range.end as u64);
                joined = Some(part);
            }
            if matches!(load, Load::Whole) {
                sequence.filled_by(segment.variable());
            }
            let is_whole = matches!(load, Load::Whole) && joined.is_some();
            input.values.push(is_whole.then_some(ends.len() - 1));
            if let Some(joined) = joined {
                input.starts.push((joined.range.start as u64, segment.variable().name.as_str()));
                input.add_buffers(number, segment, load, &joined, inputs.opcodes());
            }
        }
        input.ends = Some(ends);
        input.pickle = Cow::Owned(inputs.finish());
        Ok(input)
    }

    /// A whole pickle of another program.
    pub(crate) fn of_pickle(bytes: &'f [u8]) -> Self {
        let is_copied = bytes.len() <= MAX_COPIED;
        let pickle = if is_copied { Cow::Owned(bytes.to_vec()) } else { Cow::Borrowed(bytes) };
        Self { pickle, ..Self::default() }
    }

    /// Notes the buffers that a load takes, in order.
    fn add_buffers(
        &mut self,
        variable: usize,
        segment: &VariableSegment<'_>,
        load: &Load,
        joined: &JoinedInput,
        opcodes: &[u8],
    ) {
        let facts: Vec<(u64, bool)> = segment.buffer_facts().collect();
        let within: Vec<(usize, usize)> = match load {
            Load::Objects(objects) => {
                let opcodes = opcodes.get(joined.range.clone()).unwrap_or_default();
                let ops = Parser::segment(opcodes, joined.range.start as u64).map_while(Result::ok);
                let buffers = ops.filter(|op| op.opcode == Opcode::NextBuffer).map(|op| op.start as usize);
                buffers.zip(objects.buffers.iter().copied()).collect()
            }
            _ => joined.buffers.iter().copied().zip(0..).collect(),
        };
        for (offset, number) in within {
            let Some((length, writable)) = facts.get(number).copied() else { continue };
            let facts = BufferFacts { number: self.sources.len(), length, writable };
            self.buffers.push((offset as u64, facts));
            self.sources.push((variable, number));
        }
    }

    /// The opcodes.
    #[cfg(test)]
    pub(crate) fn pickle(&self) -> &[u8] {
        &self.pickle
    }

    /// The length of the opcodes in bytes.
    #[cfg(feature = "python")]
    pub(crate) fn len(&self) -> usize {
        self.pickle.len()
    }

    /// The NEXT_BUFFERs, by their offset.
    #[cfg(feature = "python")]
    pub(crate) fn buffers(&self) -> &[(u64, BufferFacts)] {
        &self.buffers
    }

    /// By the number of a buffer: the number of its variable, and its number within the variable.
    #[cfg(feature = "python")]
    pub(crate) fn buffer_sources(&self) -> &[(usize, usize)] {
        &self.sources
    }

    /// By variable: the number of its value, if it is loaded as a whole.
    #[cfg(feature = "python")]
    pub(crate) fn values(&self) -> &[Option<usize>] {
        &self.values
    }

    /// Follows the input, and plans how it is built.
    ///
    /// # Errors
    /// What it needs besides plain data.
    pub(crate) fn plan(&self) -> Result<PlannedLoads<'_>, NotPlanned> {
        if let Some(problem) = &self.problem {
            return Err(NotPlanned::Needs(vec![problem.clone()]));
        }
        let budget = WorkBudget::new(self.pickle.len() as u64, self.max_memory);
        let followed = match &self.ends {
            Some(ends) => Machine::run_loads(&self.pickle, ends, &budget),
            None => Machine::run_with(&self.pickle, &budget).map(|(machine, value)| (machine, vec![value])),
        };
        let (machine, values) = followed.map_err(|error| self.not_followed(error))?;
        let labels = Labels::new(&machine);
        let (plan, values, is_session) = match (&self.ends, values.as_slice()) {
            (None, [value]) => {
                let (plan, built) = BuildPlan::of_file(&self.pickle, &labels, *value);
                (plan, vec![built], built != *value)
            }
            _ => (BuildPlan::of_loads(&labels, &values, &self.buffers), values, false),
        };
        // A plan that could not look at everything says nothing.
        budget.check().map_err(|over| self.not_followed(over.into()))?;
        if plan.refusals().is_empty() {
            drop(labels);
            return Ok(PlannedLoads { machine, values, is_session, plan });
        }
        budget.check().map_err(|error| NotPlanned::TooLarge(ReadError::BadPickle(error.into())))?;
        Err(NotPlanned::Needs(self.requirements(&labels, plan.refusals())))
    }

    fn not_followed(&self, error: MachineError) -> NotPlanned {
        if error.is_limit() {
            return NotPlanned::TooLarge(ReadError::BadPickle(error));
        }
        let what = vec![format!("opcodes that cannot be followed ({error})")];
        NotPlanned::Needs(vec![Requirement { variable: None, what }])
    }

    /// The same input, which may be followed with this many bytes of memory.
    #[must_use]
    pub(crate) fn with_max_memory(self, max_memory: Option<u64>) -> Self {
        Self { max_memory, ..self }
    }

    /// What the plan refuses. The verdict says more about what a load would do, so its words come first; but it also
    /// finds calls that the plan can do without.
    fn requirements(&self, labels: &Labels<'_, '_>, refusals: &[(u64, String)]) -> Vec<Requirement> {
        let refused: HashSet<(Option<&str>, &str)> =
            refusals.iter().map(|(offset, what)| (self.variable(*offset), callee(what))).collect();
        let mut found = verdict::words_of_run(&self.pickle, labels);
        found.retain(|(offset, what)| refused.contains(&(self.variable(*offset), callee(what))));
        let known: HashSet<Option<&str>> = found.iter().map(|(offset, _)| self.variable(*offset)).collect();
        let others = refusals.iter().filter(|(offset, _)| !known.contains(&self.variable(*offset))).cloned();
        // The same call can be refused at many offsets, and those that use its result name it without a reason.
        let found = found.iter().cloned().chain(others);
        let all = each_once(found.map(|(offset, what)| (self.variable(offset), what)));
        if self.ends.is_none() {
            return vec![Requirement { variable: None, what: all.into_iter().map(|(_, what)| what).collect() }];
        }
        let mut numbers = HashMap::new();
        let mut found: Vec<Requirement> = Vec::new();
        for (variable, what) in all {
            let number = *numbers.entry(variable).or_insert(found.len());
            match found.get_mut(number) {
                Some(known) => known.what.push(what),
                None => found.push(Requirement { variable: variable.map(str::to_owned), what: vec![what] }),
            }
        }
        found
    }

    /// The variable that an offset is in: the last one that begins at or before it.
    fn variable(&self, offset: u64) -> Option<&'f str> {
        let last = self.starts.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        self.starts.get(last).map(|(_, name)| *name)
    }
}

impl Default for LoadInput<'_> {
    fn default() -> Self {
        let (ends, starts, values, buffers, sources, problem, max_memory) = Default::default();
        Self { pickle: Cow::Borrowed(&[]), ends, starts, values, buffers, sources, problem, max_memory }
    }
}

/// What some loads from our own file need.
///
/// # Errors
/// If the file is shorter than the index says.
#[cfg(test)]
pub(crate) fn of_loads(
    snapshot: &Snapshot,
    loads: &[(&VariableSegment<'_>, &Load)],
) -> Result<Vec<Requirement>, ReadError> {
    match LoadInput::of_loads(snapshot, loads)?.plan() {
        Ok(_) => Ok(Vec::new()),
        Err(NotPlanned::Needs(needs)) => Ok(needs),
        Err(NotPlanned::TooLarge(error)) => Err(error),
    }
}
