//! The trust decision: who signed a file, and what a file must not do unless this user signed it.
//!
//! An untrusted file is planned before anything of it is built; [`built_load`](super::built_load) does both.

use std::fmt;

use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::restore_context::RestoreRequest;
use crate::exit::{self, OrExit};
use crate::pickle::known::untrusted as allow_list;
use crate::snapshot::index::Index;
use crate::snapshot::reader::{Damage, Snapshot};
use crate::snapshot::requirements::{NotPlanned, Requirement};
use crate::snapshot::segment::{Load, VariableSegment};
pub(crate) use crate::snapshot::signer::Signer;
use crate::snapshot::verification;
use crate::ui::escape;

/// How many variables an error names, and how many requirements of each.
const MAX_VARIABLES: usize = 8;
const MAX_OF_EACH: usize = 3;

/// The refusal to load an untrusted file that needs more than plain data. It is in the chain of an [`anyhow::Error`]
/// that carries the exit code.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Untrusted {
    /// The file.
    pub name: String,
    /// Who signed it.
    pub signer: Signer,
    /// What it needs.
    pub requirements: Vec<Requirement>,
}

impl fmt::Display for Untrusted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, signer) = (escape(&self.name), self.signer.words());
        write!(out, "{name} is not trusted ({signer}), and loading it would do more than build plain data")?;
        for Requirement { variable, what } in self.requirements.iter().take(MAX_VARIABLES) {
            let variable = variable.as_deref().unwrap_or("it");
            let shown: Vec<String> = what.iter().take(MAX_OF_EACH).map(|what| escape(what).to_string()).collect();
            write!(out, "\n  {} needs {}", escape(variable), shown.join(", "))?;
            if what.len() > MAX_OF_EACH {
                write!(out, " and {} more", what.len() - MAX_OF_EACH)?;
            }
        }
        if self.requirements.len() > MAX_VARIABLES {
            write!(out, "\n  … and {} more", self.requirements.len() - MAX_VARIABLES)?;
        }
        let all = self.requirements.iter().flat_map(|requirement| &requirement.what);
        if let Some(package) = all.map(String::as_str).find_map(allow_list::trusts_numbers) {
            write!(
                out,
                "\n  only an allow-list of {package} classes is loaded without --trust: others use values from the \
                 file as memory offsets"
            )?;
        }
        let only = if self.signer == Signer::NotSnapcli { "" } else { "restore the plain variables with --only, or " };
        write!(out, "\n  see `snapcli inspect --verdict`; {only}load all of it with --trust")
    }
}

impl Untrusted {
    fn into_error(self) -> anyhow::Error {
        // The strings of the file are escaped in the text, so its line breaks are ours.
        let text = self.to_string();
        let mut lines = text.lines().map(|line| line.trim_start().to_owned());
        let first = lines.next().unwrap_or_default();
        anyhow::Error::new(self).context(exit::coded(exit::UNTRUSTED, first).with_details(lines.collect()))
    }
}

/// Refuses a file that needs more than plain data.
pub(super) fn refuse<T>(snapshot: &Snapshot, name: &str, requirements: Vec<Requirement>) -> anyhow::Result<T> {
    Err(Untrusted { name: name.to_owned(), signer: Signer::of(snapshot), requirements }.into_error())
}

/// Refuses a file that cannot be built.
pub(super) fn refuse_plan<T>(snapshot: &Snapshot, name: &str, why: NotPlanned) -> anyhow::Result<T> {
    match why {
        NotPlanned::Needs(needs) => refuse(snapshot, name, needs),
        NotPlanned::TooLarge(error) => Err(error).or_exit(exit::DAMAGED, || format!("cannot restore {name}")),
    }
}

/// Checks all that the index says of what is loaded, as `verify` does: what it says decides what is loaded.
pub(super) fn check_index(
    snapshot: &Snapshot,
    index: &Index,
    segments: &[VariableSegment<'_>],
    loads: &[Load],
    damage: &Damage,
    request: &RestoreRequest<'_, '_>,
) -> anyhow::Result<()> {
    let cannot_restore = || format!("cannot restore {}", escape(request.name));
    let skip = |(segment, load): (&VariableSegment<'_>, &Load)| {
        matches!(load, Load::Nothing) || damage.reason(segment.variable()).is_some()
    };
    let skip: Vec<bool> = segments.iter().zip(loads).map(skip).collect();
    let read = segments.iter().zip(&skip).filter(|(_, skip)| !**skip).map(|(segment, _)| segment);
    let file = snapshot.bytes_with(read).or_exit(exit::DAMAGED, cannot_restore)?;
    let budget = snapshot.budget();
    match verification::problem_of_index(index, segments, file, &skip, !request.partial, &budget) {
        None => Ok(()),
        Some(problem) => Err(exit::error(exit::DAMAGED, format!("{}: {}", cannot_restore(), escape(&problem.what)))),
    }
}

/// The module that an untrusted session belongs to: only `__main__` is allowed, because it exists already and nothing
/// has to be imported.
pub(super) fn module_of_session<'py>(
    py: Python<'py>,
    module: &str,
    name: &str,
) -> anyhow::Result<Bound<'py, PyModule>> {
    if module == "__main__" {
        return Ok(py.import(module)?);
    }
    let what = vec![format!("the module {module}, which its variables belong to")];
    let requirements = vec![Requirement { variable: None, what }];
    Err(Untrusted { name: name.to_owned(), signer: Signer::None, requirements }.into_error())
}

/// Imports a module. [`InstalledImports`](super::installed_imports::InstalledImports) limits where it is searched for.
pub(super) fn import_installed<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    py.import(name)
}
