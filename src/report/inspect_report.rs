//! The result of `inspect` and of `save`: an index, and the file or script it belongs to.
//!
//! A snapshot brings its index. For any other pickle, one is made from the outline of the pickle.

use schemars::JsonSchema;
use serde::Serialize;

use crate::pickle::explain::outline::{self, Outline};
use crate::pickle::verdict::Verdict;
use crate::snapshot::OBJECT_NAME;
use crate::snapshot::index::{
    Index, LeftOutReason, PREVIEW, SCHEMA, Variable, VariableKind, hide_in_index_of_others, is_run_state,
};
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::roundtrip_target::Compared;

/// What is in a file, or in the session of a script. Its serialization is the data of the HTML page; the JSON of
/// `inspect --json` and `save --report` is [`SessionAnswer`](super::answers::SessionAnswer).
#[derive(Debug, Serialize)]
pub struct SessionReport {
    /// The path of the file or script.
    pub file: String,
    /// The kind of file.
    pub format: FileFormat,
    /// The size of the file in bytes; for a script, the size that its variables would take.
    pub bytes: u64,
    /// The variables, and where they come from.
    #[serde(flatten)]
    pub index: Index,
    /// Whether the index may be believed: it is signed by this user, or was made just now. Otherwise the opcodes show
    /// what is said of values, and nothing shows the rest.
    #[serde(skip)]
    pub is_believed: bool,
    /// Its place in a store, such as `@2, the newest of 2 snapshots`.
    #[serde(skip)]
    pub in_store: Option<String>,
    /// What loading the file would do; `None` for a script, and for a large file unless the verdict was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The result of `save --verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Compared>,
}

/// The kind of file that a session was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// A snapshot with an index.
    Snapcli,
    /// A snapshot without its index, which is at its end.
    TruncatedSnapshot,
    /// The output of `dill.dump_module`.
    DillSession,
    /// A pickled dict with string keys.
    PickledDict,
    /// Any other pickle.
    Pickle,
    /// No file: a script that was run.
    Script,
}

impl FileFormat {
    /// The format of a file.
    pub fn of(snapshot: &Snapshot) -> Result<Self, ReadError> {
        Ok(match snapshot.contents() {
            Contents::Own { .. } => Self::Snapcli,
            Contents::Foreign { lost_index } => Self::of_outline(snapshot.outline()?, *lost_index),
        })
    }

    fn of_outline(outline: &Outline, lost_index: bool) -> Self {
        match outline {
            Outline::Session { .. } if lost_index => Self::TruncatedSnapshot,
            Outline::Session { .. } => Self::DillSession,
            Outline::Dict { .. } => Self::PickledDict,
            Outline::Object { .. } => Self::Pickle,
        }
    }

    /// The noun for it, without an article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Snapcli => "snapshot",
            Self::TruncatedSnapshot => "truncated snapshot",
            Self::DillSession => "dill session",
            Self::PickledDict => "pickled dict",
            Self::Pickle => "pickle",
            Self::Script => "script",
        }
    }
}

impl SessionReport {
    /// The report of an index that this process has just made: that of a save, or of a script that was run.
    pub fn of_own_index(file: String, format: FileFormat, bytes: u64, index: Index) -> Self {
        Self { file, format, bytes, index, is_believed: true, in_store: None, verdict: None, verified: None }
    }

    /// The report of a file, without a verdict.
    pub fn of(file: String, snapshot: &Snapshot) -> Result<Self, ReadError> {
        Ok(match snapshot.contents() {
            Contents::Own { index } => {
                let (format, bytes) = (FileFormat::Snapcli, snapshot.file_len());
                let mut index = snapshot.shown_index(index)?.into_owned();
                if index.run.is_some() {
                    index.variables.retain(|variable| !is_run_state(&variable.name));
                }
                let is_believed = snapshot.is_signed_by_user();
                // This user's own save has hidden them already.
                if !is_believed {
                    hide_in_index_of_others(&mut index);
                }
                Self { file, format, bytes, index, is_believed, in_store: None, verdict: None, verified: None }
            }
            Contents::Foreign { lost_index } => {
                Self::foreign(file, snapshot.file_len(), snapshot.outline()?.clone(), *lost_index)
            }
        })
    }

    /// The same for a caller that asks nothing more about the variables of the snapshot: they are in memory once.
    pub(crate) fn of_last(file: String, snapshot: &mut Snapshot) -> Result<Self, ReadError> {
        match *snapshot.contents() {
            Contents::Own { .. } => Self::of(file, snapshot),
            Contents::Foreign { lost_index } => {
                Ok(Self::foreign(file, snapshot.file_len(), snapshot.take_outline()?, lost_index))
            }
        }
    }

    /// The report of a pickle without an index, or of a snapshot that has lost it.
    fn foreign(file: String, bytes: u64, shape: Outline, lost_index: bool) -> Self {
        let format = FileFormat::of_outline(&shape, lost_index);
        let (module, variables) = match shape {
            // dill also saves names such as `__doc__`, which are not variables of the session.
            Outline::Session { module, variables } => {
                let variables = variables.into_iter().filter(|found| !is_dunder(&found.name)).map(index_entry);
                (module, variables.collect())
            }
            Outline::Dict { variables } => (String::new(), variables.into_iter().map(index_entry).collect()),
            // A single object has no name, so it gets the one under which `restore` binds it.
            Outline::Object { value } => {
                let value = outline::OutlineRow { name: OBJECT_NAME.to_owned(), ..value };
                (String::new(), vec![index_entry(value)])
            }
        };
        let index = Index { schema: SCHEMA, module, variables, ..Index::default() };
        Self { file, format, bytes, index, is_believed: true, in_store: None, verdict: None, verified: None }
    }

    /// Removes everything but the variables that failed to be saved, as a whole or in part.
    pub fn keep_failures_only(&mut self) {
        // Names left out by a rule were excluded by the user and are no failures.
        self.index.variables.retain(|variable| !variable.lost.is_empty());
        self.index.module_state.clear();
        self.index.ambient.clear();
        self.index.frame_locals.retain(|local| !local.lost.is_empty());
        self.index.left_out.retain(|item| item.reason == LeftOutReason::Failed);
    }

    /// Whether `save --verify` found a variable that comes back different.
    pub fn has_changes(&self) -> bool {
        self.verified.as_ref().is_some_and(|verified| !verified.changes.is_empty())
    }

    /// Whether a variable, or an object in one, failed to be saved.
    pub fn has_failures(&self) -> bool {
        self.index.has_failures()
    }

    /// Whether a variable was saved without an object in it.
    pub fn has_lost(&self) -> bool {
        self.index.variables.iter().any(|variable| !variable.lost.is_empty())
    }
}

fn is_dunder(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}

fn index_entry(found: outline::OutlineRow) -> Variable {
    let facts = found.facts;
    Variable {
        name: found.name,
        type_name: found.type_name,
        kind: VariableKind::of_role(facts.role),
        offset: found.start,
        length: found.end - found.start,
        len: found.len,
        shape: facts.shape,
        dtype: facts.dtype,
        columns: facts.columns,
        attributes: facts.attributes,
        source: facts.source,
        preview: shorten(facts.preview),
        ..Variable::default()
    }
}

/// Cuts a preview to the length that the index of a snapshot has.
fn shorten(preview: String) -> String {
    // The ellipsis takes the place of the last character.
    match preview.char_indices().nth(PREVIEW - 1) {
        Some((end, _)) if preview.chars().count() > PREVIEW => format!("{}…", preview.get(..end).unwrap_or(&preview)),
        _ => preview,
    }
}
