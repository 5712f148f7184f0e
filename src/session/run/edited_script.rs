//! What has changed in a script since a checkpoint of it was made.

use pyo3::prelude::*;

use super::step_program::StepProgram;
use crate::snapshot::index::RunProgress;

/// How many changes are shown.
const MOST_SHOWN: usize = 10;

/// What has happened to a statement that has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EditKind {
    Added,
    Removed,
    Changed,
}

/// A statement under way, of which something has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnderWay {
    /// The head of a `for` loop: the items of the old one are left.
    Loop,
    /// The condition of an `if` statement, one of whose branches is under way.
    Branch,
    /// A statement whose call is under way.
    Call,
    /// The run cannot resume in it.
    Lost,
}

/// A statement that has run and is another one now.
#[derive(Debug)]
struct ChangedStatement {
    kind: EditKind,
    /// The line and the text before.
    before: (u32, String),
    /// The line and the text now.
    after: (u32, String),
    /// The definition that it is in, such as `class T` or `T.step()`; empty if it is in none, or if that is under way.
    inside: String,
    under_way: Option<UnderWay>,
}

/// The changes of a script that a run does not resume with unless they are accepted. There is at least one.
#[derive(Debug)]
pub(crate) struct ScriptChanges {
    changes: Vec<ChangedStatement>,
    /// Why the first one leaves no place where the run could resume.
    why_lost: Option<String>,
}

impl ChangedStatement {
    fn extract(change: &Bound<'_, PyAny>) -> PyResult<Self> {
        let text = |name: &str| change.get_item(name)?.extract::<String>();
        let kind = match text("kind")?.as_str() {
            "added" => EditKind::Added,
            "removed" => EditKind::Removed,
            _ => EditKind::Changed,
        };
        let under_way = match text("how")?.as_str() {
            "loop" => Some(UnderWay::Loop),
            "branch" => Some(UnderWay::Branch),
            "call" => Some(UnderWay::Call),
            "lost" => Some(UnderWay::Lost),
            _ => None,
        };
        let before = change.get_item("before")?.extract()?;
        let after = change.get_item("after")?.extract()?;
        Ok(Self { kind, before, after, inside: text("inside")?, under_way })
    }

    /// The line, in the script as it is now if the statement still exists.
    fn line(&self) -> u32 {
        if self.kind == EditKind::Removed { self.before.0 } else { self.after.0 }
    }

    /// What has changed, as a sentence.
    fn message(&self) -> String {
        let (line, inside) = (self.line(), &self.inside);
        match (self.under_way, self.kind) {
            (Some(UnderWay::Lost), EditKind::Removed) => {
                format!("line {line} as it was, where the run would resume, was removed since")
            }
            (Some(UnderWay::Lost), _) => format!("line {line}, where the run would resume, has changed since"),
            (Some(UnderWay::Loop), _) => format!("line {line} has changed since the loop began"),
            (Some(UnderWay::Branch), _) => format!("line {line} has changed since its condition was evaluated"),
            (Some(UnderWay::Call), _) => format!("line {line} has changed since its call began"),
            (None, EditKind::Removed) if inside.is_empty() => {
                format!("line {line} as it was has already run, and was removed since")
            }
            (None, EditKind::Removed) => {
                format!("line {line} as it was, in {inside}, was removed since {inside} was defined")
            }
            (None, EditKind::Added) if inside.is_empty() => {
                format!("line {line} is new, above the place where the run resumes: it would not run")
            }
            (None, EditKind::Added) => format!("line {line}, in {inside}, was added since {inside} was defined"),
            (None, EditKind::Changed) if inside.is_empty() => {
                format!("line {line} has already run, but has changed since")
            }
            (None, EditKind::Changed) => format!("line {line}, in {inside}, has changed since {inside} was defined"),
        }
    }

    /// The text before and after, with the lines where they differ.
    fn texts(&self) -> [String; 2] {
        let has_both = !self.before.1.is_empty() && !self.after.1.is_empty();
        let differ = has_both && self.before.0 != self.after.0;
        let shown = |(line, text): &(u32, String), verb: &str, space: &str| match text.as_str() {
            "" => format!("{verb}:{space} (nothing)"),
            _ if differ => format!("{verb} (line {line}):{space} {text}"),
            _ => format!("{verb}:{space} {text}"),
        };
        [shown(&self.before, "it was", ""), shown(&self.after, "it is", " ")]
    }

    /// What resuming anyway would do.
    fn consequence(&self) -> String {
        let inside = &self.inside;
        match (self.under_way, self.kind) {
            (Some(UnderWay::Loop), _) => "to resume with the items of the old loop".to_owned(),
            (Some(UnderWay::Branch), _) => "to resume in the branch that was taken".to_owned(),
            (Some(UnderWay::Call), _) => "to resume in the call that was made".to_owned(),
            _ if inside.ends_with("()") => format!("to resume with the new {inside} from its next call"),
            (_, EditKind::Removed) => "to resume anyway".to_owned(),
            _ if !inside.is_empty() => format!("to resume with the new {inside}"),
            _ => "to resume without running it".to_owned(),
        }
    }
}

impl ScriptChanges {
    fn extract(arguments: &Bound<'_, PyAny>) -> PyResult<Self> {
        let found = arguments.get_item(0)?.try_iter()?.map(|change| ChangedStatement::extract(&change?));
        Ok(Self { changes: found.collect::<PyResult<_>>()?, why_lost: arguments.get_item(1)?.extract()? })
    }

    /// What is said when a run cannot resume because of them.
    pub(crate) fn message(&self) -> String {
        match self.changes.as_slice() {
            [only] => only.message(),
            changes => format!("{} changes in the script concern what has already run", changes.len()),
        }
    }

    /// What is said when the script has finished.
    pub(crate) fn message_after_end(&self) -> String {
        match self.changes.as_slice() {
            [only] => format!("line {} has changed since", only.line()),
            changes => format!("there are {} changes since", changes.len()),
        }
    }

    /// The changes, each with its text before and after. `is_after_end` says that all of the script has run.
    pub(crate) fn details(&self, is_after_end: bool) -> Vec<String> {
        if let [only] = self.changes.as_slice() {
            return only.texts().into();
        }
        let mut details = Vec::new();
        for change in self.changes.iter().take(MOST_SHOWN) {
            details.push(if is_after_end { format!("line {}", change.line()) } else { change.message() });
            details.extend(change.texts().map(|text| format!("  {text}")));
        }
        if let Some(more) = self.changes.len().checked_sub(MOST_SHOWN).filter(|more| *more > 0) {
            details.push(format!("and {more} more"));
        }
        details
    }

    /// What to type to resume anyway, or to start over. `command` is the command line with an option.
    pub(crate) fn advice(&self, command: impl Fn(&str) -> String) -> Vec<String> {
        let fresh = format!("to start over: {}", command("--fresh"));
        if let Some(why) = &self.why_lost {
            return vec![why.clone(), fresh];
        }
        let mut consequences: Vec<String> = self.changes.iter().map(ChangedStatement::consequence).collect();
        consequences.dedup();
        let how = match consequences.as_slice() {
            [only] if self.changes.len() > 1 => only.replace("without running it", "without running them"),
            [only] => only.clone(),
            _ => "to resume anyway".to_owned(),
        };
        vec![format!("{how}: {}", command("--accept-changes")), fresh]
    }
}

impl StepProgram {
    /// The script as it was at a checkpoint.
    pub(super) fn as_it_was(&self, py: Python<'_>, progress: &RunProgress) -> PyResult<std::sync::Arc<Self>> {
        let filename = self.object(py).getattr("filename")?.extract::<std::ffi::OsString>()?;
        Self::old(py, progress.source.as_bytes(), &filename)
    }

    /// The changes of a script that has finished; `None` if there is none.
    ///
    /// # Errors
    /// If the old source cannot be parsed.
    pub(crate) fn changes_since(&self, py: Python<'_>, progress: &RunProgress) -> PyResult<Option<ScriptChanges>> {
        let old = self.as_it_was(py, progress)?;
        let checked = self.function(py, "check_unchanged")?.call1((old.object(py), self.object(py)));
        Ok(self.unless_changed(py, checked)?.err())
    }

    /// Tells the exception for changes from other ones.
    pub(super) fn unless_changed<T>(&self, py: Python<'_>, result: PyResult<T>) -> PyResult<Result<T, ScriptChanges>> {
        let error = match result {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => error,
        };
        if !error.is_instance(py, &self.function(py, "Changed")?) {
            return Err(error);
        }
        ScriptChanges::extract(&error.value(py).getattr("args")?).map(Err)
    }
}
