//! A comparison for `save --verify` that does not pickle. The pickles of a session before and after a load lack the
//! same things, because pickling leaves them out twice: the cause of an exception, the results in a cache, an attribute
//! that `__getstate__` drops. So both processes walk through the objects of each variable and compare the objects:
//! types, attributes, slots, the parts of functions and classes, and which parts are shared.
//!
//! The values of numbers, strings and arrays are not compared here: the pickles show these.

mod definition_parts;
mod instance_parts;
mod object_parts;
mod type_facts;
mod walk;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use pyo3::prelude::*;
use pyo3::types::PyModule;
use serde::{Deserialize, Serialize};

use self::walk::{StructureWalk, WalkedVariable};
use crate::snapshot::file_changes::{Change, ChangeKind, ChangedAspect, FirstDifference, of_index};
use crate::snapshot::index::{Index, Variable};
use crate::snapshot::roundtrip_target::{Compared, NotCompared};

/// The objects of each variable, as hashes of their descriptions in the order of the walk.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct SessionStructure {
    /// The name of each variable, and its hashes; no hashes if it has too many objects or is an import.
    variables: Vec<(String, Option<Vec<u32>>)>,
}

/// Where the objects of a variable first differ from the ones that another process described.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StructureDifference {
    name: String,
    /// The position in the walk.
    position: usize,
    /// The path to the object, as a Python expression as far as there is one.
    path: String,
    /// The object there; `None` if there is none.
    found: Option<String>,
    /// The other variable that it is a part of.
    of_variable: Option<String>,
}

impl SessionStructure {
    /// Describes the variables that an index names, with their values in a namespace.
    pub(crate) fn of(index: &Index, module: &Bound<'_, PyModule>) -> PyResult<Self> {
        let variables = walk_all(index, module)?;
        // An import is the same object by its name. Its contents belong to the process: the list of loaded modules.
        let imported: HashSet<&str> =
            index.variables.iter().filter(|variable| is_import(variable)).map(|variable| &*variable.name).collect();
        let hashes = |walked: &WalkedVariable<'_>| {
            (walked.is_whole && !imported.contains(&*walked.name))
                .then(|| (0..walked.len()).map(|position| hash(walked.facts(position))).collect())
        };
        Ok(Self { variables: variables.iter().map(|walked| (walked.name.clone(), hashes(walked))).collect() })
    }

    /// How the variables of this process differ from the description by another one.
    pub(crate) fn differences(
        &self,
        index: &Index,
        module: &Bound<'_, PyModule>,
    ) -> PyResult<Vec<StructureDifference>> {
        let variables = walk_all(index, module)?;
        let mut found = Vec::new();
        for (walked, (name, hashes)) in variables.iter().zip(&self.variables) {
            let Some(hashes) = hashes.as_ref().filter(|_| walked.is_whole && walked.name == *name) else { continue };
            let differs = |position: &usize| {
                let own = (*position < walked.len()).then(|| hash(walked.facts(*position)));
                own.as_ref() != hashes.get(*position)
            };
            if let Some(position) = (0..walked.len().max(hashes.len())).find(differs) {
                found.push(StructureDifference {
                    name: name.clone(),
                    position,
                    path: walked.path(position),
                    found: walked.shown(position),
                    of_variable: walked.of_variable(position).map(str::to_owned),
                });
            }
        }
        Ok(found)
    }
}

/// Whether a variable is a global and nothing else.
fn is_import(variable: &Variable) -> bool {
    variable.memo.0 == variable.memo.1 && variable.imports.len() == 1
}

/// Adds to a comparison of pickles the variables that have the same pickle, but differ in their objects. A variable
/// that carries a note is left as it is: the save has already reported the difference.
pub(crate) fn add_differences(
    compared: &mut Compared,
    differences: &[StructureDifference],
    index: &Index,
    module: &Bound<'_, PyModule>,
) -> PyResult<()> {
    let imported: HashSet<&str> =
        index.variables.iter().filter(|variable| is_import(variable)).map(|variable| &*variable.name).collect();
    let changes = compared.changes.len();
    compared.changes.retain(|change| change.change != ChangeKind::Changed || !imported.contains(&*change.name));
    compared.same += changes - compared.changes.len();
    let known = known_to_differ(compared, index);
    let new: Vec<_> = differences.iter().filter(|difference| !known.contains(&difference.name)).collect();
    if new.is_empty() {
        return Ok(());
    }
    let mut doubted = known.clone();
    doubted.extend(new.iter().map(|difference| difference.name.clone()));
    let variables = walk_all(index, module)?;
    for difference in new {
        let walked = variables.iter().zip(&index.variables).find(|(walked, _)| walked.name == difference.name);
        let Some((walked, variable)) = walked else { continue };
        compared.same = compared.same.saturating_sub(1);
        let place = place_of(difference, walked);
        let others = [walked.of_variable(difference.position), difference.of_variable.as_deref()];
        let is_of_doubted = others.iter().flatten().any(|other| doubted.contains(*other));
        let why = if let Some(method) = walked.class_that_decides(difference.position) {
            Some(format!("{method} says what is kept, and {} differs", place.path))
        } else {
            is_of_doubted.then(|| "it shares objects with a variable that differs".to_owned())
        };
        match why {
            Some(why) => compared.not_compared.push(NotCompared { name: difference.name.clone(), why }),
            None => compared.changes.push(changed_in(place, variable)),
        }
    }
    Ok(())
}

fn place_of(difference: &StructureDifference, walked: &WalkedVariable<'_>) -> FirstDifference {
    let before = walked.shown(difference.position);
    let path = if before.is_some() { walked.path(difference.position) } else { difference.path.clone() };
    FirstDifference { path, before, after: difference.found.clone() }
}

/// A change of an object in a variable, whose type and size are the same.
fn changed_in(place: FirstDifference, variable: &Variable) -> Change {
    Change {
        name: variable.name.clone(),
        change: ChangeKind::Changed,
        what: vec![ChangedAspect::Value],
        before: Some(of_index(variable)),
        after: Some(of_index(variable)),
        place: Some(place),
        note: None,
    }
}

/// The variables about which something else is reported already, and the variables that take objects from them.
fn known_to_differ(compared: &Compared, index: &Index) -> HashSet<String> {
    let changes = compared.changes.iter().map(|change| change.name.clone());
    let mut known: HashSet<String> =
        changes.chain(compared.not_compared.iter().map(|item| item.name.clone())).collect();
    for variable in &index.variables {
        // In the order of the file: if a variable takes objects from another one, that comes before it.
        if !variable.notes.is_empty()
            || !variable.lost.is_empty()
            || variable.uses.iter().any(|used| known.contains(used))
        {
            known.insert(variable.name.clone());
        }
    }
    known
}

fn walk_all<'py>(index: &Index, module: &Bound<'py, PyModule>) -> PyResult<Vec<WalkedVariable<'py>>> {
    let namespace = module.dict();
    let mut walk = StructureWalk::new(module)?;
    let mut variables = Vec::new();
    for variable in &index.variables {
        if let Some(value) = namespace.get_item(&variable.name)? {
            variables.push(walk.walk(&variable.name, value)?);
        }
    }
    Ok(variables)
}

/// The same in every process of this program.
fn hash(facts: Option<(&str, Option<usize>)>) -> u32 {
    let mut hasher = DefaultHasher::new();
    facts.hash(&mut hasher);
    hasher.finish() as u32
}
