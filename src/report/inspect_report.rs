//! The result of `inspect`, and the `--report` of `save`: an index, and the file or script it belongs to.
//!
//! A snapshot brings its index. For any other pickle, one is made from the outline of the pickle.

use serde::Serialize;

use crate::pickle::facts::Role;
use crate::pickle::outline::{self, Shape};
use crate::pickle::verdict::{Class, Verdict};
use crate::snapshot::echo::Compared;
use crate::snapshot::index::{Index, Kind, PREVIEW, Reason, SCHEMA, Variable};
use crate::snapshot::reader::{Contents, ReadError, Snapshot};

pub use crate::snapshot::OBJECT_NAME as OBJECT; // compat

/// What is in a file, or in the session of a script. The JSON of `inspect --json` and `save --report`.
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
    /// What loading the file would do; `None` for a script, and for a large file unless the verdict was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The result of `save --verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Compared>,
}

pub use self::SessionReport as Answer; // compat

/// The kind of file that a session was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// A snapshot with an index.
    Snapcli,
    /// The output of `dill.dump_module`, or a snapshot without its index.
    DillSession,
    /// A pickled dict with string keys.
    PickledDict,
    /// Any other pickle.
    Pickle,
    /// No file: a script that was run.
    Script,
}

pub use self::FileFormat as Format; // compat

impl FileFormat {
    /// The format of a file.
    pub fn of(snapshot: &Snapshot) -> Result<Self, ReadError> {
        if let Contents::Own { .. } = snapshot.contents() {
            return Ok(Self::Snapcli);
        }
        Ok(match snapshot.outline()? {
            Shape::Session { .. } => Self::DillSession,
            Shape::Dict { .. } => Self::PickledDict,
            Shape::Object { .. } => Self::Pickle,
        })
    }

    /// The noun for it, without an article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Snapcli => "snapshot",
            Self::DillSession => "dill session",
            Self::PickledDict => "pickled dict",
            Self::Pickle => "pickle",
            Self::Script => "script",
        }
    }
}

impl SessionReport {
    /// The report of a file, without a verdict.
    pub fn of(file: String, snapshot: &Snapshot) -> Result<Self, ReadError> {
        Ok(match snapshot.contents() {
            Contents::Own { index } => {
                let (format, bytes) = (FileFormat::Snapcli, snapshot.file_len());
                Self { file, format, bytes, index: index.clone(), verdict: None, verified: None }
            }
            Contents::Foreign { .. } => Self::foreign(file, snapshot.file_len(), snapshot.outline()?),
        })
    }

    /// The report of a pickle without an index.
    pub fn foreign(file: String, bytes: u64, shape: &Shape) -> Self {
        let (format, module, variables) = match shape {
            Shape::Session { module, variables } => {
                let variables = variables.iter().filter(|found| !is_dunder(&found.name)).cloned().collect();
                (FileFormat::DillSession, module.clone(), variables)
            }
            Shape::Dict { variables } => (FileFormat::PickledDict, String::new(), variables.clone()),
            Shape::Object { value } => {
                let value = outline::Variable { name: OBJECT.to_owned(), ..value.clone() };
                (FileFormat::Pickle, String::new(), vec![value])
            }
        };
        let variables = variables.iter().map(index_entry).collect();
        let index = Index { schema: SCHEMA, module, variables, ..Index::default() };
        Self { file, format, bytes, index, verdict: None, verified: None }
    }

    /// Removes everything but the variables that failed to be saved.
    pub fn keep_failures_only(&mut self) {
        self.index.variables.clear();
        self.index.left_out.retain(|item| item.reason == Reason::Failed);
    }

    /// Whether loading the file is dangerous.
    pub fn is_dangerous(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.class == Class::Dangerous)
    }

    /// Whether `save --verify` found a variable that comes back different.
    pub fn has_changes(&self) -> bool {
        self.verified.as_ref().is_some_and(|verified| !verified.changes.is_empty())
    }

    /// Whether a variable failed to be saved.
    pub fn has_failures(&self) -> bool {
        self.index.left_out.iter().any(|item| item.reason == Reason::Failed)
    }
}

/// dill also saves names such as `__doc__`, which are not variables of the session.
fn is_dunder(name: &str) -> bool {
    name.starts_with("__") && name.ends_with("__")
}

fn index_entry(found: &outline::Variable) -> Variable {
    let facts = found.facts.clone();
    Variable {
        name: found.name.clone(),
        type_name: found.type_name.clone(),
        kind: match facts.role {
            Role::Value => Kind::Value,
            Role::Import => Kind::Import,
            Role::Function => Kind::Function,
            Role::Class => Kind::Class,
        },
        offset: found.start,
        length: found.end - found.start,
        len: found.len,
        shape: facts.shape,
        dtype: facts.dtype,
        columns: facts.columns,
        attributes: facts.attributes,
        source: facts.source,
        preview: shorten(&facts.preview),
        ..Variable::default()
    }
}

/// Cuts a preview to the length that the index of a snapshot has.
fn shorten(preview: &str) -> String {
    match preview.char_indices().nth(PREVIEW - 1) {
        Some((end, _)) if preview.chars().count() > PREVIEW => format!("{}…", preview.get(..end).unwrap_or(preview)),
        _ => preview.to_owned(),
    }
}
