//! What changed between two files: snapshots, dill sessions, pickled dicts or other pickles, in any mixture.
//!
//! Of two snapshots, variables whose segments have the same hash and the same surroundings are the same, and not
//! read. All others, with the segments that they take objects from, are checked against their hashes, followed by the
//! symbolic machine and compared value by value. Nothing is executed.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::OBJECT_NAME as OBJECT;
use super::index::{Index, Variable};
use super::reader::{Contents, Progress, ReadError, Snapshot};
use crate::pickle::compare::{Comparer, Difference, Side};
use crate::pickle::machine::{Machine, MachineError, Segment};
use crate::pickle::naming::Naming;
use crate::pickle::node::Ref;
use crate::pickle::outline;

/// What changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Changes {
    /// Each variable that is not the same: in the order of the first file, then what was added.
    pub changes: Vec<Change>,
    /// How many are the same.
    pub unchanged: usize,
}

/// A variable that is not the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Its name.
    pub name: String,
    /// What happened to it.
    pub change: Kind,
    /// What of it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub what: Vec<What>,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Facts>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Facts>,
    /// Where its value first differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Why it is not there, or why no place is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What happened to a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// It is in the second file only.
    Added,
    /// It is in the first file only.
    Removed,
    /// It is in both, and differs.
    Changed,
}

/// What of a variable changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// Its type.
    Type,
    /// Its `len()`.
    Length,
    /// An array's shape.
    Shape,
    /// An array's dtype.
    Dtype,
    /// None of these, but what is in it.
    Value,
}

/// What is known of a variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its `len()`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
    /// An array's shape.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<u64>>,
    /// An array's dtype.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// A short text of it.
    pub preview: String,
}

/// Where two values first differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// As Python would write it, as far as it has words: `config['lr']`.
    pub path: String,
    /// What was there; `None` where nothing was, or where there are no words for the place.
    pub before: Option<String>,
    /// What is there.
    pub after: Option<String>,
}

/// A file that cannot be compared: 0 for the first, 1 for the second, and why.
pub type Failed = (usize, ReadError);

/// Compares two files. `progress` is told of the bytes that are read.
pub fn changes(a: &Snapshot, b: &Snapshot, progress: Progress<'_>) -> Result<Changes, Failed> {
    let foreign = [Loaded::foreign(a).map_err(|error| (0, error))?, Loaded::foreign(b).map_err(|error| (1, error))?];
    let [before, after] = [list(a, foreign[0].as_ref()), list(b, foreign[1].as_ref())];
    let (was, is) = (by_name(&before), by_name(&after));
    let same = same_by_hash(a, b);
    let in_both = before.iter().filter(|(name, _)| is.contains_key(name.as_str()));
    let doubtful: Vec<&str> = in_both.map(|(name, _)| name.as_str()).filter(|name| !same.contains(name)).collect();
    let differing = Comparison { snapshots: [a, b], foreign: &foreign, progress }.all(&doubtful)?;
    let mut all = Changes::default();
    for (name, facts) in &before {
        match (is.get(name.as_str()), differing.get(name.as_str())) {
            (None, _) => all.changes.push(gone(name, Kind::Removed, facts, b)),
            (Some(now), Some(found)) => all.changes.push(changed(name, facts, now, found)),
            (Some(_), None) => all.unchanged += 1,
        }
    }
    let added = after.iter().filter(|(name, _)| !was.contains_key(name.as_str()));
    all.changes.extend(added.map(|(name, facts)| gone(name, Kind::Added, facts, a)));
    Ok(all)
}

/// A variable that is in one file only, and not in `other`.
fn gone(name: &str, change: Kind, facts: &Facts, other: &Snapshot) -> Change {
    let left_out = match other.contents() {
        Contents::Own { index } => index.left_out.iter().find(|item| item.name == name),
        Contents::Foreign { .. } => None,
    };
    let note = left_out.map(|item| format!("left out of the other file: {}", item.error));
    let (before, after) = if change == Kind::Added { (None, Some(facts)) } else { (Some(facts), None) };
    let (before, after) = (before.cloned(), after.cloned());
    Change { name: name.to_owned(), change, what: Vec::new(), before, after, place: None, note }
}

pub(super) fn changed(name: &str, before: &Facts, after: &Facts, found: &Found) -> Change {
    let (before, after) = found.facts.as_ref().map_or((before, after), |[before, after]| (before, after));
    let differs = [
        (before.type_name != after.type_name, What::Type),
        (before.len != after.len && before.shape.is_none(), What::Length),
        (before.shape != after.shape, What::Shape),
        (before.dtype != after.dtype, What::Dtype),
    ];
    let mut what: Vec<What> = differs.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect();
    if what.is_empty() {
        what.push(What::Value);
    }
    let place = found.difference.clone().map(|Difference { path, left, right }| Place {
        path: format!("{name}{path}"),
        before: left,
        after: right,
    });
    let note = found.difference.is_none().then(|| "its bytes differ, and it is too large to be looked into".to_owned());
    let (before, after) = (Some(before.clone()), Some(after.clone()));
    Change { name: name.to_owned(), change: Kind::Changed, what, before, after, place, note }
}

type Listing = Vec<(String, Facts)>;

fn by_name(listing: &Listing) -> HashMap<&str, &Facts> {
    listing.iter().map(|(name, facts)| (name.as_str(), facts)).collect()
}

/// The variables of a file. Where a name appears twice, the last one counts, as in a dict.
fn list(snapshot: &Snapshot, foreign: Option<&Loaded<'_>>) -> Listing {
    let all: Listing = match (snapshot.contents(), foreign) {
        (Contents::Own { index }, _) => {
            index.variables.iter().map(|variable| (variable.name.clone(), of_index(variable))).collect()
        }
        (Contents::Foreign { .. }, Some(loaded)) => {
            let side = loaded.side();
            loaded.values.iter().map(|(name, value)| (name.clone(), of_value(&side, *value))).collect()
        }
        (Contents::Foreign { .. }, None) => Vec::new(),
    };
    let mut seen = HashSet::new();
    let mut last: Listing = all.into_iter().rev().filter(|(name, _)| seen.insert(name.clone())).collect();
    last.reverse();
    last
}

pub(super) fn of_index(variable: &Variable) -> Facts {
    let Variable { type_name, len, shape, dtype, preview, .. } = variable.clone();
    Facts { type_name, len, shape, dtype, preview }
}

fn of_value(side: &Side<'_, '_>, value: Ref) -> Facts {
    let naming = side.naming();
    let (dtype, shape) = side.array(value).unzip();
    let (type_name, preview) = (naming.type_name(value).as_ref().to_owned(), naming.preview(value).as_ref().to_owned());
    Facts { type_name, len: naming.length(value), shape, dtype, preview }
}

/// The variables of two snapshots that have the same bytes, which mean the same: they refer to memo slots by number,
/// so these have to be filled alike, unless there are none.
fn same_by_hash<'a>(a: &'a Snapshot, b: &Snapshot) -> HashSet<&'a str> {
    let (Contents::Own { index: a }, Contents::Own { index: b }) = (a.contents(), b.contents()) else {
        return HashSet::new();
    };
    if a.module != b.module {
        return HashSet::new();
    }
    let others: HashMap<&str, &Variable> =
        b.variables.iter().map(|variable| (variable.name.as_str(), variable)).collect();
    let mut same: HashSet<&str> = HashSet::new();
    for variable in &a.variables {
        let Some(other) = others.get(variable.name.as_str()) else { continue };
        if has_same_bytes(variable, other, &|name| same.contains(name)) {
            same.insert(&variable.name);
        } else {
            same.remove(variable.name.as_str());
        }
    }
    same
}

/// Whether two variables have the same bytes, which mean the same, where it is known of those in front of them.
pub(super) fn has_same_bytes(variable: &Variable, other: &Variable, is_same: &dyn Fn(&str) -> bool) -> bool {
    let alone = variable.memo.0 == variable.memo.1 && variable.uses.is_empty();
    let surroundings = || variable.memo == other.memo && variable.uses.iter().all(|name| is_same(name));
    variable.blake3 == other.blake3
        && variable.length == other.length
        && variable.uses == other.uses
        && (alone || surroundings())
}

/// Values that the symbolic machine has made.
pub(super) struct Loaded<'s> {
    machine: Machine<'s>,
    values: Vec<(String, Ref)>,
}

impl<'s> Loaded<'s> {
    /// All of a pickle without an index; `None` for our own file.
    fn foreign(snapshot: &'s Snapshot) -> Result<Option<Self>, ReadError> {
        if let Contents::Own { .. } = snapshot.contents() {
            return Ok(None);
        }
        let (machine, value) = Machine::run(snapshot.bytes()?).map_err(ReadError::BadPickle)?;
        let named = outline::named(&Naming::new(&machine), value);
        let values = match named {
            Some(named) => named.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect(),
            None => vec![(OBJECT.to_owned(), value)],
        };
        Ok(Some(Self { machine, values }))
    }

    /// Some variables of our own file, and what they take objects from.
    fn own(snapshot: &'s Snapshot, index: &Index, names: &[&str], progress: Progress<'_>) -> Result<Self, ReadError> {
        let needed: Vec<&Variable> = with_sources(index, names);
        snapshot.check_segments(needed.iter().copied(), progress)?;
        let segments: Vec<Segment> = needed.iter().map(|variable| segment(variable)).collect();
        let names = needed.iter().map(|variable| variable.name.as_str());
        Self::of_segments(snapshot.bytes()?, names, &segments)
    }

    /// Variables with these names, whose segments lie in `bytes`.
    pub(super) fn of_segments<'n>(
        bytes: &'s [u8],
        names: impl Iterator<Item = &'n str>,
        segments: &[Segment],
    ) -> Result<Self, ReadError> {
        let (machine, pairs) = Machine::run_segments(bytes, segments).map_err(ReadError::BadPickle)?;
        let values = names.zip(pairs).map(|(name, (_, value))| (name.to_owned(), value));
        Ok(Self { values: values.collect(), machine })
    }

    fn side(&self) -> Side<'_, 's> {
        Side::new(&self.machine, self.values.iter().cloned())
    }
}

fn segment(variable: &Variable) -> Segment {
    let end = variable.offset.saturating_add(variable.length);
    Segment { start: variable.offset, end, memo: variable.memo.0 }
}

/// Variables and those whose objects they take, directly or not, in the order of the file.
pub(super) fn with_sources<'i>(index: &'i Index, names: &[&str]) -> Vec<&'i Variable> {
    let places: HashMap<&str, usize> =
        index.variables.iter().enumerate().map(|(place, variable)| (variable.name.as_str(), place)).collect();
    let mut needed = BTreeSet::new();
    let mut waiting: Vec<usize> = names.iter().filter_map(|name| places.get(name).copied()).collect();
    while let Some(place) = waiting.pop() {
        if let (true, Some(variable)) = (needed.insert(place), index.variables.get(place)) {
            waiting.extend(variable.uses.iter().filter_map(|name| places.get(name.as_str()).copied()));
        }
    }
    needed.into_iter().filter_map(|place| index.variables.get(place)).collect()
}

/// How a variable differs.
pub(super) struct Found {
    /// What the values tell; `None` where both files' indexes tell more.
    facts: Option<[Facts; 2]>,
    /// `None` where it is too large to be looked into.
    difference: Option<Difference>,
    /// Whether it may be that nothing differs: see [`Comparer::has_doubts`].
    pub(super) is_unsure: bool,
}

impl Found {
    /// Of a variable that is too large to be looked into.
    pub(super) fn unknown() -> Self {
        Self { facts: None, difference: None, is_unsure: false }
    }

    /// Whether it was looked into.
    pub(super) fn is_known(&self) -> bool {
        self.difference.is_some()
    }
}

/// Compares variables that two files have.
struct Comparison<'c, 's> {
    snapshots: [&'s Snapshot; 2],
    foreign: &'c [Option<Loaded<'s>>; 2],
    progress: Progress<'c>,
}

impl<'s> Comparison<'_, 's> {
    /// How these variables differ, by name. What is too large together is compared one by one.
    fn all<'n>(&self, names: &[&'n str]) -> Result<HashMap<&'n str, Found>, Failed> {
        if names.is_empty() {
            return Ok(HashMap::new());
        }
        match (self.together(names), names) {
            (Err((place, ReadError::BadPickle(MachineError::TooLarge { .. }))), [name])
                if self.foreign.get(place).is_some_and(Option::is_none) =>
            {
                Ok(HashMap::from([(*name, Found::unknown())]))
            }
            (Err((place, ReadError::BadPickle(MachineError::TooLarge { .. }))), _)
                if self.foreign.get(place).is_some_and(Option::is_none) =>
            {
                let mut found = HashMap::new();
                for name in names {
                    found.extend(self.all(&[*name])?);
                }
                Ok(found)
            }
            (found, _) => found,
        }
    }

    fn together<'n>(&self, names: &[&'n str]) -> Result<HashMap<&'n str, Found>, Failed> {
        let own = [self.load(0, names)?, self.load(1, names)?];
        let [Some(left), Some(right)] = [0, 1].map(|place| self.foreign[place].as_ref().or(own[place].as_ref())) else {
            return Ok(HashMap::new());
        };
        Ok(differing(left, right, names, !own.iter().all(Option::is_some)))
    }

    fn load(&self, place: usize, names: &[&str]) -> Result<Option<Loaded<'s>>, Failed> {
        let snapshot = self.snapshots[place];
        match snapshot.contents() {
            Contents::Own { index } => {
                Loaded::own(snapshot, index, names, self.progress).map(Some).map_err(|error| (place, error))
            }
            Contents::Foreign { .. } => Ok(None),
        }
    }
}

/// Those of these variables that differ. Their facts are told where the caller does not know better.
pub(super) fn differing<'n>(
    left: &Loaded<'_>,
    right: &Loaded<'_>,
    names: &[&'n str],
    with_facts: bool,
) -> HashMap<&'n str, Found> {
    let (left_side, right_side) = (left.side(), right.side());
    let [left, right] = [left, right]
        .map(|loaded| loaded.values.iter().map(|(name, value)| (name.as_str(), *value)).collect::<HashMap<_, _>>());
    let mut comparer = Comparer::new(&left_side, &right_side);
    let mut found = HashMap::new();
    for name in names {
        let (Some(before), Some(after)) = (left.get(name).copied(), right.get(name).copied()) else { continue };
        if let Some(difference) = comparer.compare(before, after) {
            let facts = with_facts.then(|| [of_value(&left_side, before), of_value(&right_side, after)]);
            let is_unsure = comparer.has_doubts();
            found.insert(*name, Found { facts, difference: Some(difference), is_unsure });
        }
    }
    found
}
