//! The request for a save: which objects are saved, by which rules, and how the result is checked.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::crash_frames::CapturedFrames;
use super::kept_locals::BoundLocal;
use super::select::SelectionRules;
use crate::python::dill::LazyDill;
use crate::snapshot::index::RunProgress;
use crate::snapshot::signature::SigningKey;

/// A request to save a session.
pub(crate) struct SaveRequest<'a> {
    /// The module whose namespace is saved: `__main__`, or an importable one.
    pub module: &'a str,
    /// Which names are saved.
    pub rules: &'a SelectionRules,
    /// Whether to load the file that was written, and to write it again without the objects that cannot be loaded.
    pub check: LoadCheckMode,
    /// Whether to search a variable that is left out for all objects at fault.
    pub all_faults: bool,
    /// Whether to save changes of the session besides its variables: see [`ambient`].
    pub ambient: bool,
    /// The frames of the script at this point, or where it ended. Their local variables are saved as well.
    pub frames: Option<&'a CapturedFrames>,
    /// The variables that are local variables of functions.
    pub locals: &'a [BoundLocal],
    /// The key that signs the file.
    pub key: Option<&'a SigningKey>,
    /// How far a run in steps has come.
    pub run: Option<&'a RunProgress>,
    /// Whether a user sees the progress: then the size of the session is estimated first.
    pub measured: bool,
}

/// Whether a save is checked by loading the file that it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoadCheckMode {
    /// In a child process.
    Forked,
    /// Not at all, for this reason: variables whose load may fail get a note.
    Refused(&'static str),
    /// Not at all, as the caller wishes.
    Off,
}

/// The objects that a save works on.
pub(super) struct SaveSource<'a, 'py> {
    /// The module that names are saved for.
    pub(super) module: &'a Bound<'py, PyModule>,
    /// The names to save: the namespace of the module, or another dict that is saved in its place.
    pub(super) namespace: &'a Bound<'py, PyDict>,
    /// Where the code of the session looks up names: the namespace of the module, or `namespace`.
    pub(super) globals: &'a Bound<'py, PyDict>,
    /// Whether the names are a part of a session, chosen by the script: the globals that they need are saved as well.
    pub(super) is_part: bool,
    /// Imports dill when it is needed.
    pub(super) dill: &'a LazyDill,
}

impl SaveSource<'_, '_> {
    /// Whether the globals that the selected names need are saved as well.
    pub(super) fn takes_needed(&self, rules: &SelectionRules) -> bool {
        self.is_part || !rules.only.is_empty()
    }
}
