//! Files that nobody vouches for: what they want is looked at before they are loaded, and while they are loaded the
//! unpickler finds nothing but what makes plain data ([`Names`](super::names::Names)).

use std::fmt;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyModule};

use crate::exit::{self, OrExit};
use crate::pickle::rules::plain as rules;
use crate::report::plain;
use crate::snapshot::index::Variable;
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::trust::Key;
use crate::snapshot::wants::{Want, of_pickle, of_variables};

/// How the error of a load begins that wants what it does not get.
pub(super) const REFUSED: &str = "not trusted, and it wants";
/// How many variables, and how much of each, an error names.
const SHOWN: usize = 8;
const SHOWN_OF_EACH: usize = 3;

/// A file that is not loaded, as nobody vouches for it and it wants more than plain data. In an error chain, it gives
/// the exit code, too.
#[derive(Debug, thiserror::Error)]
pub struct Untrusted {
    /// The file.
    pub name: String,
    /// Whose it is.
    pub whose: Whose,
    /// What it wants.
    pub wants: Vec<Want>,
}

/// Who vouches for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// This user, who signed it.
    Own,
    /// Someone with another key.
    Others,
    /// Nobody.
    Nobodys,
    /// Whatever snapcli saves can be signed; this is another program's.
    Foreign,
}

impl Whose {
    /// Of this file.
    pub fn of(snapshot: &Snapshot) -> Self {
        if matches!(snapshot.contents(), Contents::Foreign { .. }) {
            return Self::Foreign;
        }
        match Key::existing() {
            Ok(Some(key)) if snapshot.is_signed_by(&key) => Self::Own,
            _ if snapshot.is_signed() => Self::Others,
            _ => Self::Nobodys,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Own => "signed with your key",
            Self::Others => "signed with a key that is not yours",
            Self::Nobodys => "not signed",
            Self::Foreign => "not saved by snapcli",
        }
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = plain(&self.name);
        write!(
            out,
            "{name} is not trusted ({}), and loading it would do more than build plain data",
            self.whose.words()
        )?;
        for Want { variable, what } in self.wants.iter().take(SHOWN) {
            let variable = variable.as_deref().unwrap_or("it");
            let more = what.len().saturating_sub(SHOWN_OF_EACH);
            let shown = what.iter().take(SHOWN_OF_EACH).map(|what| plain(what)).collect::<Vec<_>>().join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            write!(out, "\n  {} wants {shown}{more}", plain(variable))?;
        }
        if self.wants.len() > SHOWN {
            write!(out, "\n  and so do {} more", self.wants.len() - SHOWN)?;
        }
        if let Some(package) =
            self.wants.iter().flat_map(|want| &want.what).find_map(|what| rules::trusts_numbers(what))
        {
            write!(
                out,
                "\n  of {package} only what is known to compute in safe code is plain: the rest may read memory where the \
                 numbers of a file say"
            )?;
        }
        let only = if self.whose == Whose::Foreign { "" } else { "bring back what is plain with --only, or " };
        write!(out, "\n  look at it with `snapcli inspect --verdict`; {only}load all of it with --trust")
    }
}

impl Untrusted {
    /// As an error that ends the program.
    fn into_error(self) -> anyhow::Error {
        let text = self.to_string();
        anyhow::Error::new(self).context(exit::coded(exit::UNTRUSTED, text))
    }
}

/// Refuses a file of our own whose chosen variables want more than plain data.
pub(super) fn check_variables(snapshot: &Snapshot, name: &str, variables: &[(&Variable, bool)]) -> anyhow::Result<()> {
    refuse(snapshot, name, of_variables(snapshot, variables))
}

/// Refuses any other pickle that wants more than plain data.
pub(super) fn check_pickle(snapshot: &Snapshot, name: &str) -> anyhow::Result<()> {
    refuse(snapshot, name, snapshot.bytes().map(of_pickle))
}

fn refuse(snapshot: &Snapshot, name: &str, wants: Result<Vec<Want>, ReadError>) -> anyhow::Result<()> {
    let wants = wants.or_exit(exit::DAMAGED, || format!("cannot restore {}", plain(name)))?;
    if wants.is_empty() {
        return Ok(());
    }
    Err(Untrusted { name: name.to_owned(), whose: Whose::of(snapshot), wants }.into_error())
}

/// What a load raises where it wants what it does not get.
pub(super) fn refusal(py: Python<'_>, what: &str) -> PyErr {
    let text = format!("{REFUSED} {what}, which is not on the list of what makes plain data");
    match py.import("pickle").and_then(|pickle| pickle.getattr("UnpicklingError")?.call1((text,))) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

/// The module that a file's variables are to become names of.
pub(super) fn home<'py>(py: Python<'py>, module: &str, name: &str) -> anyhow::Result<Bound<'py, PyModule>> {
    if module == "__main__" {
        return Ok(py.import(module)?);
    }
    let wants = vec![Want { variable: None, what: vec![format!("the module {module}, to put its variables there")] }];
    Err(Untrusted { name: name.to_owned(), whose: Whose::Nobodys, wants }.into_error())
}

/// Imports a module that is installed: one that lies in the working folder may have come with the file.
pub(super) fn import<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyModule>> {
    let sys = py.import("sys")?;
    if let Ok(found) = sys.getattr("modules")?.get_item(name).and_then(|found| Ok(found.cast_into::<PyModule>()?)) {
        return Ok(found);
    }
    let path = sys.getattr("path")?;
    let here = std::env::current_dir().unwrap_or_default();
    let installed = PyList::empty(py);
    for folder in path.try_iter()? {
        let folder = folder?;
        let text: String = folder.extract().unwrap_or_default();
        if !text.is_empty() && std::path::Path::new(&text) != here {
            installed.append(folder)?;
        }
    }
    sys.setattr("path", installed)?;
    let imported = py.import(name);
    sys.setattr("path", path)?;
    imported
}
