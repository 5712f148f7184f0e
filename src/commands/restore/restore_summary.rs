//! What `restore` says when the variables are there: the data by name, imports by their number, and, for each module
//! that is missing, one line with all that it costs.
//!
//! What the file recommends (packages with versions, a Python) is only repeated if the file is trusted: otherwise it
//! could name anything.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use crate::report::imports::{count_apart, is_import};
use crate::report::inspect_report::SessionReport;
use crate::session::{FailedImport, LostVariable, Restored, requirement, well_known};
use crate::snapshot::index::{Index, Variable, VariableKind};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::ui::count;

/// How many variables are named.
const MOST_NAMES: usize = 12;
/// How many lost variables are named for one reason.
const MOST_LOST: usize = 12;
/// How many missing names of a module are named.
const MOST_ATTRIBUTES: usize = 3;

/// A restore that has ended.
pub(super) struct RestoreSummary<'a> {
    restored: &'a Restored,
    index: Cow<'a, Index>,
    /// The name of the file in messages.
    file: &'a str,
    trusted: bool,
}

/// Why variables are lost. Those with the same cause are named together.
#[derive(PartialEq, Eq, Hash)]
enum LossCause<'a> {
    /// The module was not found.
    Module(&'a str),
    /// The module has not all names that it had.
    Names(&'a str),
    /// Anything else, in words.
    Text(&'a str),
}

impl<'a> LossCause<'a> {
    fn of(lost: &'a LostVariable) -> Self {
        match &lost.import {
            Some(FailedImport { module, name: None }) => Self::Module(module),
            Some(FailedImport { module, name: Some(_) }) => Self::Names(module),
            None => Self::Text(&lost.why),
        }
    }
}

impl<'a> RestoreSummary<'a> {
    pub(super) fn new(restored: &'a Restored, snapshot: &'a Snapshot, file: &'a str, trusted: bool) -> Self {
        let index = match snapshot.contents() {
            Contents::Own { index } if trusted => Cow::Borrowed(index),
            // It was followed before it was built, so this is possible.
            Contents::Own { index } => snapshot.shown_index(index).unwrap_or_default(),
            Contents::Foreign { .. } => {
                let report = SessionReport::of(String::new(), snapshot);
                Cow::Owned(report.map(|report| report.index).unwrap_or_default())
            }
        };
        Self { restored, index, file, trusted }
    }

    /// What was restored, with the largest data first: `restored 20 variables and 24 imports from session.pkl: models,
    /// df, … 8 more`.
    pub(super) fn banner(&self, all: bool) -> String {
        let Restored { names, module, .. } = self.restored;
        let known = self.by_name();
        let mut data: Vec<(&String, Option<&Variable>)> =
            names.iter().map(|name| (name, known.get(name.as_str()).copied())).collect();
        let imports = data.iter().filter(|(_, variable)| variable.is_some_and(is_import)).count();
        let restored = count_apart(names.len() - imports, imports);
        let module = if module == "__main__" { String::new() } else { format!(" of {module}") };
        let text = format!("restored {restored}{module} from {}", self.file);
        data.retain(|(_, variable)| all || !variable.is_some_and(is_import));
        data.sort_by_key(|(_, variable)| {
            let rank = variable.map_or(0, |variable| match variable.kind {
                VariableKind::Value => 0,
                VariableKind::Function | VariableKind::Class => 1,
                VariableKind::Import => 2,
            });
            (rank, Reverse(variable.map_or(0, |variable| variable.length)))
        });
        let shown = if all { data.len() } else { MOST_NAMES };
        let mut parts = data.iter().take(shown).map(|(name, _)| (*name).clone()).collect::<Vec<_>>().join(", ");
        let more = data.len().saturating_sub(shown);
        if more > 0 {
            parts = format!("{parts}, … {more} more");
        }
        if parts.is_empty() { text } else { format!("{text}: {parts}") }
    }

    /// A line for each reason why variables are lost, in the order of the file, and how to get them.
    pub(super) fn losses(&self, running: &Path) -> Vec<String> {
        let mut lines = Vec::new();
        let mut has_failed_import = false;
        for (cause, lost) in by_cause(&self.restored.lost) {
            let why = match cause {
                LossCause::Text(text) => text.to_owned(),
                LossCause::Module(module) => self.about_module(module),
                LossCause::Names(module) => self.about_names(module, &lost),
            };
            has_failed_import |= !matches!(cause, LossCause::Text(_));
            lines.push(format!("cannot restore {}: {why}", self.named(&lost)));
        }
        if let Some(about) = self.about_python(running).filter(|_| has_failed_import) {
            // It names the Python that has the modules as well; any other of the same version may lack these.
            for line in &mut lines {
                let end = line.find(": restore it with --python").unwrap_or(line.len());
                line.truncate(end);
            }
            lines.push(about);
        }
        lines
    }

    /// Why one variable is lost, in the words of [`losses`](Self::losses).
    pub(super) fn reason(&self, lost: &LostVariable) -> String {
        match LossCause::of(lost) {
            LossCause::Text(text) => text.to_owned(),
            LossCause::Module(module) => self.about_module(module),
            LossCause::Names(module) => self.about_names(module, &[lost]),
        }
    }

    /// What to do about a module that was not found.
    fn about_module(&self, module: &str) -> String {
        let map = format!("pass --map {module}=NEW if it was renamed");
        if let Some(script) = self.script_beside(module) {
            let added = self.index.whole_ambient().find(|state| state.name == "sys.path").map(|state| &state.preview);
            let or_in = added.filter(|added| !added.is_empty()).map(|added| format!(" or in {added}"));
            return format!(
                "needs the module {module}, which was beside {script}{}: put its directory on PYTHONPATH, or {map}",
                or_in.unwrap_or_default()
            );
        }
        format!("needs the module {module}: install {}, or {map}", self.requirement(module))
    }

    /// What to do about names that a module does not have any more.
    fn about_names(&self, module: &str, lost: &[&LostVariable]) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in lost.iter().filter_map(|lost| lost.import.as_ref()?.name.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let more = names.len().saturating_sub(MOST_ATTRIBUTES);
        names.truncate(MOST_ATTRIBUTES);
        let mut what = format!("{module} has no attribute {}", names.join(", "));
        if more > 0 {
            what = format!("{what} and {more} more");
        }
        if let Some(script) = self.script_beside(module) {
            return format!("{what}: the module beside {script} has changed since the save");
        }
        match self.trusted && self.package_version(module).is_some() {
            true => format!("{what}: the session was saved with {}, so install that", self.requirement(module)),
            false => what,
        }
    }

    /// Which Python has what is missing, as far as it is known.
    fn about_python(&self, running: &Path) -> Option<String> {
        let saved = &self.index.python;
        if !self.trusted || saved.executable.is_empty() || is_same_python(Path::new(&saved.executable), running) {
            return None;
        }
        let (file, version, path) = (self.file, &saved.version, &saved.executable);
        Some(match Path::new(path).is_file() {
            true => {
                format!("{file} was saved by Python {version}, which is still there: restore it with --python {path}")
            }
            false => format!("{file} was saved by Python {version} ({path}), which is not on this machine"),
        })
    }

    /// What to install for a module.
    fn requirement(&self, module: &str) -> String {
        let package = package_of(module);
        let known = well_known(module);
        if !self.trusted {
            return known.to_owned();
        }
        let recorded = self.index.distributions.get(package).cloned();
        let version = self.index.packages.get(package).filter(|_| known == package);
        recorded.unwrap_or_else(|| version.map_or_else(|| known.to_owned(), |version| requirement(known, version)))
    }

    fn package_version(&self, module: &str) -> Option<&String> {
        let package = package_of(module);
        self.index.distributions.get(package).or_else(|| self.index.packages.get(package))
    }

    /// The script, if a module is one of its own project.
    fn script_beside(&self, module: &str) -> Option<&str> {
        let package = package_of(module);
        let mut modules = self.index.segments().flat_map(|(_, variable)| &variable.modules);
        let is_project = self.trusted && modules.any(|known| package_of(known) == package);
        let script = &self.index.script;
        (is_project && script.kind == "script").then_some(script.path.as_str())
    }

    /// Names and types of lost variables, and the number of the imports among them.
    fn named(&self, lost: &[&LostVariable]) -> String {
        let known = self.by_name();
        let is_lost_import = |lost: &&LostVariable| known.get(lost.name.as_str()).copied().is_some_and(is_import);
        let mut imports: Vec<&LostVariable> = lost.iter().copied().filter(is_lost_import).collect();
        let mut data: Vec<&LostVariable> = lost.iter().copied().filter(|lost| !is_lost_import(lost)).collect();
        // One or two imports, or nothing but imports, are named like others.
        if imports.len() < 3 || data.is_empty() {
            data = lost.to_vec();
            imports.clear();
        }
        let shown = data.iter().take(MOST_LOST).map(|lost| format!("{} ({})", lost.name, lost.type_name));
        let mut text = shown.collect::<Vec<_>>().join(", ");
        let more = data.len().saturating_sub(MOST_LOST);
        if more > 0 {
            text = format!("{text} and {more} more");
        }
        if imports.is_empty() { text } else { format!("{text} and {}", count(imports.len(), "import")) }
    }

    fn by_name(&self) -> HashMap<&str, &Variable> {
        self.index.variables.iter().map(|variable| (variable.name.as_str(), variable)).collect()
    }
}

/// `sklearn` of `sklearn.svm`.
fn package_of(module: &str) -> &str {
    module.split('.').next().unwrap_or(module)
}

/// Whether two paths are the same program. Symlinks of the file itself count: that is what an environment is.
fn is_same_python(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| {
        let directory = path.parent().and_then(|directory| directory.canonicalize().ok());
        directory.unwrap_or_default().join(path.file_name().unwrap_or_default())
    };
    one == other || place(one) == place(other) || place(one).parent() == place(other).parent()
}

/// Lost variables by their causes, both in the order of the file.
fn by_cause(lost: &[LostVariable]) -> Vec<(LossCause<'_>, Vec<&LostVariable>)> {
    let mut causes: Vec<(LossCause<'_>, Vec<&LostVariable>)> = Vec::new();
    for variable in lost {
        let cause = LossCause::of(variable);
        match causes.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, same)) => same.push(variable),
            None => causes.push((cause, vec![variable])),
        }
    }
    causes
}
