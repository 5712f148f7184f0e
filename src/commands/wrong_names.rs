//! Names on the command line that a snapshot does not have: the error says which ones it has that are like them.

use std::path::Path;

use glob::Pattern;

use super::operand_order::shell_word;
use crate::exit;
use crate::snapshot::OBJECT_NAME;
use crate::snapshot::index::{Index, SegmentRole, split_local_name};
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
    frames: WantedFrames,
    file: &str,
    path: &Path,
) -> anyhow::Result<()> {
    if only.is_empty() && exclude.is_empty() {
        return Ok(());
    }
    // A pickle that is too large to be followed has no names yet.
    let is_own = matches!(snapshot.contents(), Contents::Own { .. });
    let Some(mut names) = names_of(snapshot).filter(|names| is_own || !names.is_empty()) else { return Ok(()) };
    let (locals, frames) = (locals_of(snapshot), frames.resolved(snapshot));
    names.extend(locals.iter().filter(|(frame, _)| frames.has(*frame)).map(|(_, name)| name.clone()));
    let of = |patterns, option| unmatched(patterns, option, names.iter().map(String::as_str));
    let wrong: Vec<_> = of(only, "--only").into_iter().chain(of(exclude, "--exclude")).collect();
    let Some((first, others)) = wrong.split_first() else { return Ok(()) };
    let mut details: Vec<String> = first.advice().into_iter().collect();
    for other in others {
        details.push(other.message());
        details.extend(other.advice());
    }
    let word = shell_word(&path.to_string_lossy());
    if let Some((frame, name)) = locals.iter().find(|(_, name)| name == &first.pattern) {
        details.push(format!("{name} is a local variable of frame {frame}: snapcli restore --frame {frame} {word}"));
    }
    details.push(format!("for all names: snapcli restore {word} --list"));
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

/// Whose local variables a restore of a crash snapshot binds.
#[derive(Clone, Copy, Debug)]
pub(super) enum WantedFrames {
    None,
    /// That of `--frame`, which counts from the end if it is negative.
    One(i64),
    /// In a prompt, the user can go to any.
    All,
}

impl WantedFrames {
    /// The frame by its number from 0, if it is one.
    fn resolved(self, snapshot: &Snapshot) -> Self {
        match (self, snapshot.contents()) {
            (Self::One(number), Contents::Own { index }) => {
                let length = i64::try_from(index.frames.len()).unwrap_or(i64::MAX);
                let number = if number < 0 { number.saturating_add(length) } else { number };
                let frame = usize::try_from(number).ok().and_then(|number| index.frames.get(number));
                // It may share the variables of another one.
                Self::One(frame.and_then(|frame| frame.same_as).map_or(number, i64::from))
            }
            (wanted, _) => wanted,
        }
    }

    fn has(self, frame: usize) -> bool {
        match self {
            Self::None => false,
            Self::One(number) => usize::try_from(number) == Ok(frame),
            Self::All => true,
        }
    }
}

/// The local variables of the frames of a crash snapshot, each with the number of its frame.
fn locals_of(snapshot: &Snapshot) -> Vec<(usize, String)> {
    let Contents::Own { index } = snapshot.contents() else { return Vec::new() };
    let locals = index.frame_locals.iter().filter_map(|variable| split_local_name(&variable.name));
    locals.map(|(frame, name)| (frame, name.to_owned())).collect()
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
