//! The trust decision: who signed a file, and what a file must not do unless this user signed it.
//!
//! An untrusted file is judged before it is loaded ([`check_loads`], [`check_pickle`]). While it is loaded,
//! [`ClassFinder`](super::class_finder::ClassFinder) finds only globals that build plain data, and modules are imported
//! only from the directories where packages are installed ([`import_installed`]).

use std::fmt;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyModule};

use crate::exit::{self, OrExit};
use crate::pickle::known::untrusted as allow_list;
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::requirements::{self, Requirement};
use crate::snapshot::segment::{Load, VariableSegment};
use crate::snapshot::signature::SigningKey;
use crate::ui::escape;

/// The prefix of the message with which a guarded load refuses a global. `explain_error` searches for it.
pub(super) const REFUSED: &str = "not trusted, and needs";
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

/// Who signed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signer {
    /// This user.
    User,
    /// Someone with another key.
    Other,
    /// The file is a snapshot without a signature.
    None,
    /// Another program wrote the file. Only snapshots can be signed.
    NotSnapcli,
}

impl Signer {
    /// The signer of a file. If the user has no readable key, every signed file counts as signed by someone else.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        if matches!(snapshot.contents(), Contents::Foreign { .. }) {
            return Self::NotSnapcli;
        }
        match SigningKey::existing() {
            Ok(Some(key)) if snapshot.is_signed_by(&key) => Self::User,
            _ if snapshot.is_signed() => Self::Other,
            _ => Self::None,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::User => "signed with your key",
            Self::Other => "signed with a key that is not yours",
            Self::None => "not signed",
            Self::NotSnapcli => "not saved by snapcli",
        }
    }
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

/// Refuses a snapshot of our own if what is loaded of it needs more than plain data.
pub(super) fn check_loads(
    snapshot: &Snapshot,
    name: &str,
    loads: &[(&VariableSegment<'_>, &Load)],
) -> anyhow::Result<()> {
    refuse(snapshot, name, requirements::of_loads(snapshot, loads))
}

/// Refuses any other pickle that needs more than plain data.
pub(super) fn check_pickle(snapshot: &Snapshot, name: &str) -> anyhow::Result<()> {
    refuse(snapshot, name, snapshot.bytes().map(requirements::of_pickle))
}

fn refuse(snapshot: &Snapshot, name: &str, found: Result<Vec<Requirement>, ReadError>) -> anyhow::Result<()> {
    let requirements = found.or_exit(exit::DAMAGED, || format!("cannot restore {}", escape(name)))?;
    if requirements.is_empty() {
        return Ok(());
    }
    Err(Untrusted { name: name.to_owned(), signer: Signer::of(snapshot), requirements }.into_error())
}

/// The exception with which a guarded load refuses a global.
pub(super) fn refusal(py: Python<'_>, what: &str) -> PyErr {
    let text = format!("{REFUSED} {what}, which is not on the allow-list for plain data");
    match py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError")?.call1((text,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
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

/// Imports a module from the directories where packages are installed, but not from the working directory: a module
/// there may have come with the file.
pub(super) fn import_installed<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    let sys = py.import("sys")?;
    if let Ok(found) = sys.getattr("modules")?.get_item(name).and_then(|found| Ok(found.cast_into::<PyModule>()?)) {
        return Ok(found);
    }
    let path = sys.getattr("path")?;
    let working_directory = std::env::current_dir().unwrap_or_default();
    let installed = PyList::empty(py);
    for directory in path.try_iter()? {
        let directory = directory?;
        // An entry that is not a string, such as a Path, is ignored by the import system as well.
        let text: String = directory.extract().unwrap_or_default();
        // An empty string also stands for the working directory.
        if !text.is_empty() && std::path::Path::new(&text) != working_directory {
            installed.append(directory)?;
        }
    }
    // `sys.path` is restored below even if the import fails.
    sys.setattr("path", installed)?;
    let imported = py.import(name);
    sys.setattr("path", path)?;
    imported
}
