//! The answer of `inspect` and the report of `save`: an index and what it is the index of.

use serde::Serialize;

use crate::pickle::facts::Role;
use crate::pickle::outline::{self, Shape};
use crate::pickle::verdict::{Class, Verdict};
use crate::snapshot::echo::Compared;
use crate::snapshot::index::{Index, Kind, PREVIEW, Reason, SCHEMA, Variable};
use crate::snapshot::reader::{Contents, Snapshot};

pub use crate::snapshot::OBJECT_NAME as OBJECT; // compat

/// What is in a file or in a script's session.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The file or the script.
    pub file: String,
    /// What it is.
    pub format: Format,
    /// The size of the file in bytes; of a script's session, what it would take.
    pub bytes: u64,
    /// The session.
    #[serde(flatten)]
    pub index: Index,
    /// What loading the file would do; `None` of a script, and where nobody asked and looking would take long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// How what a save can bring back differs from what it saved; `None` where that was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Compared>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// What the script made first.
    #[default]
    Order,
    /// The first name in the alphabet.
    Name,
    /// The largest.
    Size,
}

/// What a session was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// A snapshot with an index.
    Snapcli,
    /// A snapshot whose index is lost, or what `dill.dump_module` wrote.
    DillSession,
    /// A pickled dict.
    PickledDict,
    /// Any other pickle.
    Pickle,
    /// A script that was run.
    Script,
}

impl Format {
    /// Of a file with these contents.
    pub fn of(contents: &Contents) -> Self {
        match contents {
            Contents::Own { .. } => Self::Snapcli,
            Contents::Foreign { shape: Shape::Session { .. }, .. } => Self::DillSession,
            Contents::Foreign { shape: Shape::Dict { .. }, .. } => Self::PickledDict,
            Contents::Foreign { shape: Shape::Object { .. }, .. } => Self::Pickle,
        }
    }

    /// In words.
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

impl Answer {
    /// What a file tells of itself.
    pub fn of(file: String, snapshot: &Snapshot) -> Self {
        match snapshot.contents() {
            Contents::Own { index } => {
                let (format, bytes) = (Format::Snapcli, snapshot.file_len());
                Self { file, format, bytes, index: index.clone(), verdict: None, verified: None }
            }
            Contents::Foreign { shape, .. } => Self::foreign(file, snapshot.file_len(), shape),
        }
    }

    /// What a pickle that has no index tells of itself.
    pub fn foreign(file: String, bytes: u64, shape: &Shape) -> Self {
        let (format, module, variables) = match shape {
            Shape::Session { module, variables } => {
                let variables = variables.iter().filter(|found| is_kept(found)).cloned().collect();
                (Format::DillSession, module.clone(), variables)
            }
            Shape::Dict { variables } => (Format::PickledDict, String::new(), variables.clone()),
            Shape::Object { value } => {
                let value = outline::Variable { name: OBJECT.to_owned(), ..value.clone() };
                (Format::Pickle, String::new(), vec![value])
            }
        };
        let variables = variables.iter().map(variable).collect();
        Self {
            file,
            format,
            bytes,
            index: Index { schema: SCHEMA, module, variables, ..Index::default() },
            verdict: None,
            verified: None,
        }
    }

    /// Keeps only what was left out because it failed.
    pub fn only_bad(&mut self) {
        self.index.variables.clear();
        self.index.left_out.retain(|item| item.reason == Reason::Failed);
    }

    /// Whether loading the file is dangerous.
    pub fn is_dangerous(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.class == Class::Dangerous)
    }

    /// Puts variables and what was left out in an order.
    pub fn sort(&mut self, sort: Sort) {
        let Index { variables, left_out, .. } = &mut self.index;
        match sort {
            Sort::Order => {}
            Sort::Name => {
                variables.sort_by(|a, b| a.name.cmp(&b.name));
                left_out.sort_by(|a, b| a.name.cmp(&b.name));
            }
            Sort::Size => variables.sort_by_key(|variable| std::cmp::Reverse(variable.length)),
        }
    }

    /// Whether anything comes back different.
    pub fn has_changes(&self) -> bool {
        self.verified.as_ref().is_some_and(|verified| !verified.changes.is_empty())
    }

    /// Whether anything was left out because it failed.
    pub fn has_bad(&self) -> bool {
        self.index.left_out.iter().any(|item| item.reason == Reason::Failed)
    }
}

/// dill keeps a module's dunder names, too, which are no variables of its session.
fn is_kept(found: &outline::Variable) -> bool {
    !(found.name.starts_with("__") && found.name.ends_with("__"))
}

fn variable(found: &outline::Variable) -> Variable {
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
        preview: short(&facts.preview),
        ..Variable::default()
    }
}

/// A preview as the index has it.
fn short(text: &str) -> String {
    match text.char_indices().nth(PREVIEW - 1) {
        Some((end, _)) if text.chars().count() > PREVIEW => format!("{}…", text.get(..end).unwrap_or(text)),
        _ => text.to_owned(),
    }
}
