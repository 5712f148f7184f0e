//! Names on the command line that a snapshot does not have: the error says which ones it has that are like them.

use std::path::Path;

use glob::Pattern;

use super::operand_order::shell_word;
use crate::exit;
use crate::snapshot::OBJECT_NAME;
use crate::snapshot::index::{Index, SegmentRole};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::ui::nearest_names::{did_you_mean, nearest, unmatched};

/// Checks that each pattern of `restore` matches a variable of the snapshot. `file` is what the errors call it, and
/// `path` its name on the command line.
///
/// # Errors
/// With exit code 2, for the patterns that match none.
pub(super) fn check_patterns(
    snapshot: &Snapshot,
    only: &[Pattern],
    exclude: &[Pattern],
    file: &str,
    path: &Path,
) -> anyhow::Result<()> {
    if only.is_empty() && exclude.is_empty() {
        return Ok(());
    }
    // A pickle that is too large to be followed has no names yet.
    let is_own = matches!(snapshot.contents(), Contents::Own { .. });
    let Some(names) = names_of(snapshot).filter(|names| is_own || !names.is_empty()) else { return Ok(()) };
    let of = |patterns, option| unmatched(patterns, option, names.iter().map(String::as_str));
    let wrong: Vec<_> = of(only, "--only").into_iter().chain(of(exclude, "--exclude")).collect();
    let Some((first, others)) = wrong.split_first() else { return Ok(()) };
    let mut details: Vec<String> = first.advice().into_iter().collect();
    for other in others {
        details.push(other.message());
        details.extend(other.advice());
    }
    details.push(format!("for all names: snapcli restore {} --list", shell_word(&path.to_string_lossy())));
    Err(exit::coded(exit::USAGE, format!("{} in {file}", first.message())).with_details(details).into())
}

/// The error for a variable that `inspect --trace` does not find. `listed_by` is the command that shows all names.
pub(super) fn no_variable(name: &str, snapshot: &Snapshot, listed_by: &str) -> anyhow::Error {
    let names = names_of(snapshot).unwrap_or_default();
    let mut details: Vec<String> =
        did_you_mean(nearest(name, names.iter().map(String::as_str)).into_iter()).into_iter().collect();
    details.push(format!("for all names: {listed_by}"));
    exit::coded(exit::USAGE, format!("there is no variable {name}")).with_details(details).into()
}

fn names_of(snapshot: &Snapshot) -> Option<Vec<String>> {
    if let Contents::Own { index } = snapshot.contents() {
        return Some(names_in(index));
    }
    use crate::pickle::explain::outline::Outline;
    match snapshot.outline().ok()? {
        Outline::Session { variables, .. } | Outline::Dict { variables } => {
            Some(variables.iter().map(|variable| variable.name.as_str().to_owned()).collect())
        }
        Outline::Object { .. } => Some(vec![OBJECT_NAME.to_owned()]),
    }
}

fn names_in(index: &Index) -> Vec<String> {
    let variables = index.segments().filter(|(role, _)| *role != SegmentRole::Ambient);
    variables.map(|(_, variable)| variable.name.clone()).collect()
}
