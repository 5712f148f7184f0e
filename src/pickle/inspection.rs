//! One run of the symbolic machine over a pickle, and everything that can be asked about it afterwards.
//!
//! A reader makes one `Inspection` of a pickle without an index, and a command asks it for outline and verdict. Both
//! are computed once, when they are first needed. It borrows the bytes of the file and owns the machine, which can take
//! several times the memory of a small file: drop it as soon as the answers are there.

use std::cell::OnceCell;
use std::rc::Rc;

use super::credentials::is_environment;
use super::explain::label_cache::LabelCache;
use super::explain::labels::Labels;
use super::explain::named_previews::PlaceName;
use super::explain::outline::{self, Outline};
use super::explain::trace_tree::{TraceTree, trace_value};
use super::machine::value::Ref;
use super::machine::{Machine, MachineError, RawArray, Watch};
use super::verdict::Verdict;
use super::work_budget::WorkBudget;

/// A pickle that was followed to its STOP.
#[derive(Debug)]
pub(crate) struct Inspection<'a> {
    bytes: &'a [u8],
    budget: Rc<WorkBudget>,
    machine: Box<Machine<'a>>,
    value: Ref,
    /// Whether the machine has dropped values that no verdict has seen.
    is_outline_only: bool,
    labels: Rc<LabelCache>,
    outline: OnceCell<Outline>,
    verdict: OnceCell<Verdict>,
}

/// Lets the machine drop everything that an outline does not show.
struct OutlineOnly;

impl Watch for OutlineOnly {
    fn before_pruning(&mut self, _: &Machine<'_>) {}

    fn is_data(&mut self, _: &Machine<'_>, _: Ref) -> bool {
        true
    }

    fn after_pruning(&mut self, _: usize) {}
}

impl<'a> Inspection<'a> {
    /// Follows a pickle and keeps every value of it, as [`trace`](Self::trace) and a comparison need.
    ///
    /// # Errors
    /// If the bytes are not a sound pickle. A pickle that exceeds the machine's limits is no error here.
    pub(crate) fn run(bytes: &'a [u8], budget: &Rc<WorkBudget>) -> Result<Self, MachineError> {
        Self::new(bytes, Machine::run_with(bytes, budget), OnceCell::new())
    }

    /// Follows a pickle for its outline and verdict only, as `inspect` does. If the budget does not pay for all of its
    /// values, the verdict is formed during a second run, in which the machine drops the parts of long lists as it
    /// goes: a list of a million records then takes no more memory than a list of a million numbers. Such a verdict is
    /// never plain, and a trace does not show the parts that were dropped.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub(crate) fn run_pruned(bytes: &'a [u8], budget: &Rc<WorkBudget>) -> Result<Self, MachineError> {
        let error = match Machine::run_with(bytes, &budget.rest()) {
            Err(error) if error.is_limit() => error,
            followed => return Self::new(bytes, followed, OnceCell::new()),
        };
        match Verdict::follow(bytes, budget) {
            Ok((verdict, machine, value)) => {
                let verdict = OnceCell::from(verdict.of_large(&error));
                Self::new(bytes, Ok((machine, value)), verdict)
            }
            Err(error) => Self::new(bytes, Err(error), OnceCell::new()),
        }
    }

    /// Follows a pickle for its outline and the ranges of array bytes only. The machine drops the parts of long lists
    /// as [`run_pruned`](Self::run_pruned) does, but nothing is judged; a verdict would take a second run.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub(crate) fn run_outline(bytes: &'a [u8], budget: &Rc<WorkBudget>) -> Result<Self, MachineError> {
        let followed = Machine::run_watched(bytes, budget, &mut OutlineOnly);
        let inspection = Self::new(bytes, followed, OnceCell::new())?;
        Ok(Self { is_outline_only: true, ..inspection })
    }

    fn new(
        bytes: &'a [u8],
        followed: Result<(Machine<'a>, Ref), MachineError>,
        verdict: OnceCell<Verdict>,
    ) -> Result<Self, MachineError> {
        let (machine, value) = followed?;
        // The run may have had a budget of its own.
        let (budget, machine) = (Rc::clone(machine.shared_budget()), Box::new(machine));
        let (labels, outline) = (Rc::default(), OnceCell::new());
        Ok(Self { bytes, budget, machine, value, is_outline_only: false, labels, outline, verdict })
    }

    /// The kind of pickle, and its variables.
    pub(crate) fn outline(&self) -> &Outline {
        self.outline.get_or_init(|| outline::outline_of(&self.labels(), self.value))
    }

    /// The effects that loading it would have.
    pub(crate) fn verdict(&self) -> &Verdict {
        self.verdict.get_or_init(|| match self.is_outline_only {
            // The machine has dropped values that no verdict has seen, so this takes a run of its own.
            true => Verdict::of_bytes(self.bytes, &self.budget),
            false => Verdict::of_run(self.bytes, &self.labels(), self.value),
        })
    }

    /// The tree of the variable with this name; `None` if there is none. A pickle that is one object without a name
    /// gives the tree of that object, for any name.
    ///
    /// # Errors
    /// If the pickle is too large to follow.
    pub(crate) fn trace(&self, name: &str) -> Result<Option<TraceTree>, MachineError> {
        let labels = self.labels();
        let unnamed = || matches!(self.outline(), Outline::Object { .. }).then_some(self.value);
        // An object without a name is the only value to trace, so any name means it.
        let found = outline::find(&labels, self.value, name).or_else(unnamed);
        let keys = match self.outline() {
            Outline::Dict { variables } => variables.as_slice(),
            _ => &[],
        };
        let of_environment = is_environment(keys.iter().map(|variable| variable.name.as_str()));
        let place = PlaceName::of_variable(name, of_environment);
        let tree = found.map(|found| trace_value(&labels, found, name, place));
        self.check()?;
        Ok(tree)
    }

    /// Outline, ranges of array bytes and, `with_verdict`, the verdict. The machine is dropped.
    ///
    /// # Errors
    /// If the pickle is too large for these answers: they are incomplete then.
    pub(crate) fn into_answers(
        self,
        with_verdict: bool,
    ) -> Result<(Outline, Vec<RawArray>, Option<Verdict>), MachineError> {
        let verdict = with_verdict.then(|| self.verdict().clone());
        self.outline();
        self.check()?;
        let raw_arrays = self.raw_arrays().to_vec();
        // It was made just now.
        let outline = self.outline.into_inner().unwrap_or(Outline::Dict { variables: Vec::new() });
        Ok((outline, raw_arrays, verdict))
    }

    /// An error if the pickle is too large for the answers that were given so far: they are incomplete then.
    ///
    /// # Errors
    /// In that case.
    pub(crate) fn check(&self) -> Result<(), MachineError> {
        Ok(self.budget.check()?)
    }

    /// The ranges of array bytes that joblib writes between the opcodes, in order.
    pub(crate) fn raw_arrays(&self) -> &[RawArray] {
        self.machine.raw()
    }

    /// How many bytes were decoded to show values.
    #[cfg(test)]
    pub(crate) fn decoded_bytes(&self) -> u64 {
        self.machine.decoded_bytes()
    }

    /// Labels of the machine's values. All `Labels` that this returns share one cache.
    fn labels(&self) -> Labels<'_, 'a> {
        Labels::with_cache(&self.machine, Rc::clone(&self.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::samples::{self, joblib_dumps};
    use crate::pickle::verdict::VerdictClass;

    fn assert_same(pickle: &[u8]) {
        let budget = || WorkBudget::new(pickle.len() as u64, None);
        for other in [Inspection::run_pruned(pickle, &budget()), Inspection::run_outline(pickle, &budget())] {
            match (Inspection::run(pickle, &budget()), other) {
                (Ok(run), Ok(pruned)) => {
                    assert_eq!(run.outline(), pruned.outline());
                    assert_eq!(run.verdict(), pruned.verdict());
                    assert_eq!(run.raw_arrays(), pruned.raw_arrays());
                }
                (run, pruned) => assert_eq!(run.map(drop), pruned.map(drop)),
            }
        }
    }

    #[test]
    fn a_pruned_run_gives_the_same_outline_and_verdict() {
        for pickle in samples::all().chain(joblib_dumps::ALL) {
            assert_same(pickle);
            for damaged in samples::flipped(pickle, 100) {
                assert_same(&damaged);
            }
        }
    }

    #[test]
    fn a_pruned_run_drops_the_parts_of_a_long_list() {
        let batch = [&b"("[..], &b"}\x8c\x01aK\x01s".repeat(1000), b"e"].concat();
        let pickle = [b"]", batch.repeat(100).as_slice(), b"."].concat();
        assert_same(&pickle);
        let nodes = |inspection: Inspection<'_>| inspection.machine.nodes().len();
        let enough = WorkBudget::new(pickle.len() as u64, None);
        assert_eq!(Inspection::run(&pickle, &enough).map(nodes), Ok(100_001));
        assert_eq!(Inspection::run_pruned(&pickle, &enough).map(nodes), Ok(100_001));
        // Too little for all values at once. Then it is unknown whether the pickle is plain.
        let little = || WorkBudget::new(0, Some(12_000_000));
        assert!(Inspection::run(&pickle, &little()).map(nodes).is_err_and(|error| error.is_limit()));
        assert_eq!(Inspection::run_pruned(&pickle, &little()).map(nodes), Ok(1));
        let verdict = |budget| Inspection::run_pruned(&pickle, budget).map(|inspection| inspection.verdict().class);
        assert_eq!(verdict(&enough), Ok(VerdictClass::Plain));
        assert_eq!(verdict(&little()), Ok(VerdictClass::NotJudged));
    }

    #[test]
    fn a_trace_finds_variables_and_the_object_without_a_name() -> Result<(), MachineError> {
        let budget = WorkBudget::new(0, None);
        let session = Inspection::run(samples::SESSION, &budget)?;
        assert_eq!(session.trace("d")?.map(|tree| tree.label).as_deref(), Some("d: dict (2)"));
        assert_eq!(session.trace("missing")?, None);
        let list = Inspection::run(samples::CYCLE, &budget)?;
        assert_eq!(list.trace("obj")?.map(|tree| tree.label).as_deref(), Some("obj: list (1)"));
        Ok(())
    }

    #[test]
    fn a_pickle_that_is_too_large_is_an_error_and_not_half_an_answer() {
        // Few values, but each has a name that is remembered.
        let names: String = (0..100_000).map(|number| format!("cmodule{number}\nname\n")).collect();
        let pickle = [b"(", names.as_bytes(), b"l."].concat();
        let budget = || WorkBudget::new(0, Some(30_000_000));
        for inspection in [Inspection::run(&pickle, &budget()), Inspection::run_pruned(&pickle, &budget())] {
            let inspection = inspection.expect("few values");
            assert_ne!(inspection.verdict().class, crate::pickle::verdict::VerdictClass::Plain);
            assert!(inspection.check().is_err_and(|error| error.is_limit()));
        }
    }
}
