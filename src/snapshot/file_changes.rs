//! `snapcli diff`: what changed between two files, each a snapshot, a dill session, a pickled dict or another pickle.
//!
//! Variables of two snapshots are the same, and not read, if their segments have the same hash and take the same
//! objects from earlier segments. All others, with the segments that they take objects from, are checked against their
//! hashes, followed by the symbolic machine and compared value by value. Nothing is executed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::OBJECT_NAME;
pub use super::change_list::Changes;
pub(crate) use super::change_list::{Change, ChangeKind, ChangedAspect, FirstDifference, ValueSummary};
use super::index::{Index, SegmentRole, Variable, VariableKind, is_run_state};
use super::reader::{Contents, Progress, ReadError, Snapshot};
use super::segment::VariableSegment;
use crate::pickle::compare::{Comparer, Difference, Side};
use crate::pickle::credentials::is_environment;
use crate::pickle::explain::labels::Labels;
use crate::pickle::explain::named_previews::PlaceName;
use crate::pickle::explain::outline;
use crate::pickle::machine::value::Ref;
use crate::pickle::machine::{Machine, SegmentRange};
use crate::pickle::work_budget::{OverBudget, WorkBudget};

/// An error of one of the files: 0 for the first, 1 for the second.
pub(crate) type Failed = (usize, ReadError);

/// Compares two files. `progress` is called with the numbers of bytes that were read.
///
/// # Errors
/// If a file cannot be read, is damaged, or is a pickle that is too large for the symbolic machine.
pub fn changes(a: &Snapshot, b: &Snapshot, progress: Progress<'_>) -> Result<Changes, Failed> {
    let budget = a.budget_with(b);
    let foreign = [
        LoadedValues::foreign(a, &budget).map_err(|error| (0, error))?,
        LoadedValues::foreign(b, &budget).map_err(|error| (1, error))?,
    ];
    let before = list(a, foreign[0].as_ref()).map_err(|error| (0, error))?;
    let after = list(b, foreign[1].as_ref()).map_err(|error| (1, error))?;
    let (was, is) = (by_name(&before), by_name(&after));
    // These need not be read at all.
    let same = same_by_hash(a, b);
    let in_both = before.iter().filter(|(name, _)| is.contains_key(name.as_str()));
    let doubtful: Vec<&str> = in_both.map(|(name, _)| name.as_str()).filter(|name| !same.contains(name)).collect();
    for (file, snapshot) in [a, b].into_iter().enumerate() {
        if let Contents::Own { index } = snapshot.contents() {
            let needed = with_sources(index, &doubtful).into_iter().map(|(_, variable)| variable);
            snapshot.load_contents(needed).map_err(|error| (file, error))?;
        }
    }
    let differing = Comparison { snapshots: [a, b], foreign: &foreign, progress, budget: &budget }.all(&doubtful)?;
    let mut all = Changes::default();
    for (name, facts) in &before {
        match (is.get(name.as_str()), differing.get(name.as_str())) {
            (None, _) => all.changes.push(one_sided(name, ChangeKind::Removed, facts, b)),
            (Some(now), Some(found)) => all.changes.push(changed(name, facts, now, found)),
            (Some(_), None) => all.unchanged += 1,
        }
    }
    let added = after.iter().filter(|(name, _)| !was.contains_key(name.as_str()));
    all.changes.extend(added.map(|(name, facts)| one_sided(name, ChangeKind::Added, facts, a)));
    Ok(all)
}

/// A variable that is in one file only, and not in `other`.
fn one_sided(name: &str, change: ChangeKind, facts: &ValueSummary, other: &Snapshot) -> Change {
    let left_out = match other.contents() {
        Contents::Own { index } => index.left_out.iter().find(|item| item.name == name),
        Contents::Foreign { .. } => None,
    };
    let note = left_out.map(|item| format!("left out of the other file: {}", item.error));
    let (before, after) = if change == ChangeKind::Added { (None, Some(facts)) } else { (Some(facts), None) };
    let (before, after) = (before.cloned(), after.cloned());
    Change { name: name.to_owned(), change, what: Vec::new(), before, after, place: None, note }
}

pub(super) fn changed(name: &str, before: &ValueSummary, after: &ValueSummary, found: &FoundDifference) -> Change {
    let (before, after) = found.facts.as_ref().map_or((before, after), |[before, after]| (before, after));
    let differs = [
        (before.type_name != after.type_name, ChangedAspect::Type),
        (before.len != after.len && before.shape.is_none(), ChangedAspect::Length),
        (before.shape != after.shape, ChangedAspect::Shape),
        (before.dtype != after.dtype, ChangedAspect::Dtype),
    ];
    // If everything that is described is the same, the difference is in the value itself.
    let mut what: Vec<ChangedAspect> =
        differs.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect();
    if what.is_empty() {
        what.push(ChangedAspect::Value);
    }
    let place = found.difference.clone().map(|Difference { path, left, right }| FirstDifference {
        path: format!("{name}{path}"),
        before: left,
        after: right,
    });
    let note = found
        .difference
        .is_none()
        .then(|| "its bytes differ, but it is too large to be compared by value (--max-memory allows more)".to_owned());
    let (before, after) = (Some(before.clone()), Some(after.clone()));
    Change { name: name.to_owned(), change: ChangeKind::Changed, what, before, after, place, note }
}

type Listing = Vec<(String, ValueSummary)>;

fn by_name(listing: &Listing) -> HashMap<&str, &ValueSummary> {
    listing.iter().map(|(name, facts)| (name.as_str(), facts)).collect()
}

/// The variables of a file. If a name appears twice, the last one counts, as in a dict.
fn list(snapshot: &Snapshot, foreign: Option<&LoadedValues<'_>>) -> Result<Listing, ReadError> {
    let all: Listing = match (snapshot.contents(), foreign) {
        (Contents::Own { index }, _) => {
            let shown = snapshot.shown_index(index)?;
            let compared = shown.compared().filter(|(_, variable)| !is_run_state(&variable.name));
            compared.map(|(_, variable)| (variable.name.clone(), of_index(variable))).collect()
        }
        (Contents::Foreign { .. }, Some(loaded)) => {
            let side = loaded.side(loaded.machine.shared_budget());
            let of_environment = is_environment(loaded.values.iter().map(|(name, _)| name.as_str()));
            let summary = |name: &str, value| of_value(&side, &PlaceName::of_variable(name, of_environment), value);
            loaded.values.iter().map(|(name, value)| (name.clone(), summary(name, *value))).collect()
        }
        (Contents::Foreign { .. }, None) => Vec::new(),
    };
    let mut seen = HashSet::new();
    let mut last: Listing = all.into_iter().rev().filter(|(name, _)| seen.insert(name.clone())).collect();
    // It was filtered from the end, so that the last of equal names stays.
    last.reverse();
    Ok(last)
}

pub(crate) fn of_index(variable: &Variable) -> ValueSummary {
    let is_import = variable.kind == VariableKind::Import;
    let Variable { type_name, len, shape, dtype, preview, .. } = variable.clone();
    ValueSummary { type_name, len, shape, dtype, preview, is_import }
}

fn of_value(side: &Side<'_, '_>, name: &PlaceName, value: Ref) -> ValueSummary {
    let labels = side.labels();
    let (dtype, shape) = side.array(value).unzip();
    let preview = labels.named_preview(Some(name), value).as_ref().to_owned();
    let type_name = labels.type_name(value).as_ref().to_owned();
    let is_import = type_name == "module" || type_name.starts_with("import ");
    ValueSummary { type_name, len: labels.length(value), shape, dtype, preview, is_import }
}

/// The variables that have the same bytes in two snapshots, and therefore the same value. The bytes refer to memo slots
/// by number, so those slots must hold the same objects, too.
fn same_by_hash<'a>(a: &'a Snapshot, b: &Snapshot) -> HashSet<&'a str> {
    // The hashes of a store are of values, wherever they are in the file.
    let is_stored = a.is_stored() && b.is_stored();
    let (Contents::Own { index: a }, Contents::Own { index: b }) = (a.contents(), b.contents()) else {
        return HashSet::new();
    };
    // Slot 0 of the memo is the module, which any segment may refer to.
    if a.module != b.module {
        return HashSet::new();
    }
    let others: HashMap<&str, &Variable> =
        b.compared().map(|(_, variable)| (variable.name.as_str(), variable)).collect();
    let mut same: HashSet<&str> = HashSet::new();
    for (_, variable) in a.compared() {
        let Some(other) = others.get(variable.name.as_str()) else { continue };
        let uses_same = || variable.uses == other.uses && variable.uses.iter().all(|name| same.contains(name.as_str()));
        let is_same = match is_stored {
            true => variable.blake3 == other.blake3 && uses_same(),
            false => has_same_bytes(variable, other, &|name| same.contains(name)),
        };
        if is_same {
            same.insert(&variable.name);
        } else {
            // The name may appear twice, and the last one counts.
            same.remove(variable.name.as_str());
        }
    }
    same
}

/// Whether two variables have the same bytes, and therefore the same value; `is_same` says so of a variable before
/// them.
pub(super) fn has_same_bytes(variable: &Variable, other: &Variable, is_same: &dyn Fn(&str) -> bool) -> bool {
    // A variable that fills and reads no memo slots means the same at any position in a file.
    let alone = variable.memo.0 == variable.memo.1 && variable.uses.is_empty();
    let surroundings = || variable.memo == other.memo && variable.uses.iter().all(|name| is_same(name));
    variable.blake3 == other.blake3
        && variable.length == other.length
        && variable.uses == other.uses
        && (alone || surroundings())
}

/// The values of a file, or of some variables of it, as the symbolic machine sees them.
pub(super) struct LoadedValues<'s> {
    machine: Machine<'s>,
    values: Vec<(String, Ref)>,
}

impl<'s> LoadedValues<'s> {
    /// All values of a pickle without an index; `None` for our own file.
    fn foreign(snapshot: &'s Snapshot, budget: &Rc<WorkBudget>) -> Result<Option<Self>, ReadError> {
        if let Contents::Own { .. } = snapshot.contents() {
            return Ok(None);
        }
        let bytes = snapshot.bytes()?;
        let (machine, value) = Machine::run_with(bytes, budget).map_err(|error| ReadError::of_pickle(bytes, error))?;
        let named = outline::named(&Labels::new(&machine), value);
        let values = match named {
            Some(named) => named.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect(),
            None => vec![(OBJECT_NAME.to_owned(), value)],
        };
        budget.check().map_err(over_budget)?;
        Ok(Some(Self { machine, values }))
    }

    /// Some variables of our own file, and those that they take objects from.
    fn own(
        snapshot: &'s Snapshot,
        index: &Index,
        names: &[&str],
        progress: Progress<'_>,
        budget: &Rc<WorkBudget>,
    ) -> Result<Self, ReadError> {
        // The machine can follow a segment only with all segments whose memo slots it reads.
        let needed = with_sources(index, names).into_iter();
        let needed: Vec<VariableSegment<'_>> =
            needed.map(|(role, variable)| VariableSegment::of(role, variable)).collect::<Result<_, _>>()?;
        snapshot.check_segments(needed.iter(), progress)?;
        let segments: Vec<SegmentRange> = needed.iter().map(VariableSegment::for_machine).collect();
        let names = needed.iter().map(|segment| segment.variable().name.as_str());
        Self::of_segments(snapshot.bytes_with(needed.iter())?, names, &segments, budget)
    }

    /// The variables with these names, whose segments are in `bytes`.
    pub(super) fn of_segments<'n>(
        bytes: &'s [u8],
        names: impl Iterator<Item = &'n str>,
        segments: &[SegmentRange],
        budget: &Rc<WorkBudget>,
    ) -> Result<Self, ReadError> {
        let (machine, pairs) = Machine::run_segments(bytes, segments, budget).map_err(ReadError::BadPickle)?;
        let values = names.zip(pairs).map(|(name, (_, value))| (name.to_owned(), value));
        Ok(Self { values: values.collect(), machine })
    }

    fn side(&self, budget: &Rc<WorkBudget>) -> Side<'_, 's> {
        Side::new(&self.machine, self.values.iter().cloned(), budget)
    }
}

/// Some variables, and those from which they take objects, directly or not, in the order of the file.
pub(super) fn with_sources<'i>(index: &'i Index, names: &[&str]) -> Vec<(SegmentRole, &'i Variable)> {
    let all: Vec<(SegmentRole, &Variable)> = index.compared().collect();
    let positions: HashMap<&str, usize> =
        all.iter().enumerate().map(|(position, (_, variable))| (variable.name.as_str(), position)).collect();
    let mut needed = BTreeSet::new();
    let mut waiting: Vec<usize> = names.iter().filter_map(|name| positions.get(name).copied()).collect();
    while let Some(position) = waiting.pop() {
        if let (true, Some(variable)) = (needed.insert(position), all.get(position)) {
            let (_, variable) = variable;
            waiting.extend(variable.uses.iter().filter_map(|name| positions.get(name.as_str()).copied()));
        }
    }
    needed.into_iter().filter_map(|position| all.get(position).copied()).collect()
}

/// How a variable differs.
pub(super) struct FoundDifference {
    /// The two values; `None` if the indexes of both files describe them better.
    facts: Option<[ValueSummary; 2]>,
    /// `None` if the variable is too large for the symbolic machine.
    difference: Option<Difference>,
    /// Whether it is possible that nothing differs: see [`Comparer::has_doubts`].
    pub(super) is_unsure: bool,
}

impl FoundDifference {
    /// For a variable that is too large for the symbolic machine.
    pub(super) fn unknown() -> Self {
        Self { facts: None, difference: None, is_unsure: false }
    }

    /// Whether the values were compared.
    pub(super) fn is_known(&self) -> bool {
        self.difference.is_some()
    }
}

/// Compares variables that two files have.
struct Comparison<'c, 's> {
    snapshots: [&'s Snapshot; 2],
    foreign: &'c [Option<LoadedValues<'s>>; 2],
    progress: Progress<'c>,
    budget: &'c Rc<WorkBudget>,
}

impl<'s> Comparison<'_, 's> {
    /// How these variables differ, by name. If they are too large together, they are compared one by one.
    fn all<'n>(&self, names: &[&'n str]) -> Result<HashMap<&'n str, FoundDifference>, Failed> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        // Only our own files can be compared in parts: any other pickle is followed as a whole.
        match (self.together(names), names) {
            (Err((file, error)), [name]) if error.is_limit() && self.foreign.get(file).is_some_and(Option::is_none) => {
                Ok(HashMap::from([(*name, FoundDifference::unknown())]))
            }
            (Err((file, error)), _) if error.is_limit() && self.foreign.get(file).is_some_and(Option::is_none) => {
                let mut found = HashMap::new();
                for name in names {
                    found.extend(self.all(&[*name])?);
                }
                Ok(found)
            }
            (found, _) => found,
        }
    }

    fn together<'n>(&self, names: &[&'n str]) -> Result<HashMap<&'n str, FoundDifference>, Failed> {
        // If these variables are too large together, each of them has what is left now.
        let budget = self.budget.rest();
        let own = [self.load(0, names, &budget)?, self.load(1, names, &budget)?];
        let [Some(left), Some(right)] = [0, 1].map(|file| self.foreign[file].as_ref().or(own[file].as_ref())) else {
            return Ok(HashMap::new());
        };
        // Which file is too large is not known: the own one, if there is one, can be compared in parts.
        let file = own.iter().position(Option::is_some).unwrap_or(0);
        let with_facts = !own.iter().all(Option::is_some);
        differing(left, right, names, with_facts, &budget).map_err(|error| (file, error))
    }

    fn load(&self, file: usize, names: &[&str], budget: &Rc<WorkBudget>) -> Result<Option<LoadedValues<'s>>, Failed> {
        let snapshot = self.snapshots[file];
        match snapshot.contents() {
            Contents::Own { index } => {
                let own = LoadedValues::own(snapshot, index, names, self.progress, budget);
                own.map(Some).map_err(|error| (file, error))
            }
            Contents::Foreign { .. } => Ok(None),
        }
    }
}

/// Which of these variables differ, and how; with both values if `with_facts`.
pub(super) fn differing<'n>(
    left: &LoadedValues<'_>,
    right: &LoadedValues<'_>,
    names: &[&'n str],
    with_facts: bool,
    budget: &Rc<WorkBudget>,
) -> Result<HashMap<&'n str, FoundDifference>, ReadError> {
    let (left_side, right_side) = (left.side(budget), right.side(budget));
    let [left, right] = [left, right]
        .map(|loaded| loaded.values.iter().map(|(name, value)| (name.as_str(), *value)).collect::<HashMap<_, _>>());
    let of_environment = is_environment(left.keys().copied()) || is_environment(right.keys().copied());
    // One comparer for all variables: a value that several of them share is compared once.
    let mut comparer = Comparer::new(&left_side, &right_side, budget);
    let mut found = HashMap::new();
    for name in names {
        let (Some(before), Some(after)) = (left.get(name).copied(), right.get(name).copied()) else { continue };
        let place = PlaceName::of_variable(name, of_environment);
        if let Some(difference) = comparer.compare_variable(place.clone(), before, after).map_err(over_budget)? {
            let facts =
                with_facts.then(|| [of_value(&left_side, &place, before), of_value(&right_side, &place, after)]);
            let is_unsure = comparer.has_doubts();
            found.insert(*name, FoundDifference { facts, difference: Some(difference), is_unsure });
        }
    }
    budget.check().map_err(over_budget)?;
    Ok(found)
}

fn over_budget(error: OverBudget) -> ReadError {
    ReadError::BadPickle(error.into())
}
