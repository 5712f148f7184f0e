//! Why a file is not read. Every text makes sense behind the name of the file.

use std::fmt;
use std::io;

use thiserror::Error;

use super::kind::FileKind;
use crate::pickle::machine::MachineError;
use crate::snapshot::index::{SCHEMA, Variable};
use crate::snapshot::layout::LayoutError;

/// Why a file is not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot open the file: check its name and who may read it")]
    Open(#[source] io::Error),
    /// The file cannot be read to its end.
    #[error("cannot read the file: check its disk, and who may read it")]
    Io(#[from] io::Error),
    /// It is a folder.
    #[error("this is a folder: name a file in it")]
    Folder,
    /// It has no bytes.
    #[error("the file is empty: save the session again")]
    Empty,
    /// It is something else.
    #[error("this is {kind}, not a pickle: {}", kind.advice())]
    NotAPickle {
        /// What it is.
        kind: FileKind,
    },
    /// What it is packed in is damaged.
    #[error("the compressed file cannot be unpacked ({problem}): copy it again")]
    BadPacking {
        /// What is wrong.
        problem: String,
    },
    /// It unpacks to more than is reasonable.
    #[error("the compressed file unpacks to more than {most} bytes: decompress it yourself if that is meant")]
    Bomb {
        /// The limit.
        most: u64,
    },
    /// The pickle ends too early.
    #[error(
        "the pickle is cut short at byte {at}: copy the file again, or bring back what is whole with restore --partial"
    )]
    CutShort {
        /// Where it ends.
        at: u64,
    },
    /// Bytes within the pickle are wrong.
    #[error(transparent)]
    BadPickle(MachineError),
    /// The trailer does not fit the file.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The index is not what was written.
    #[error(
        "the index at byte {at} is damaged, its bytes are not those that were saved: copy the file again, or load the \
         pickle before it unchecked with restore --partial"
    )]
    IndexDamaged {
        /// Where it begins.
        at: u64,
    },
    /// The index is whole, but it is not what this version takes for one.
    #[error("the index cannot be understood ({problem}): update snapcli")]
    IndexUnreadable {
        /// What was not understood.
        problem: String,
    },
    /// The index is of another version.
    #[error("the index has schema {schema}, but this snapcli reads {SCHEMA}: update snapcli")]
    OtherSchema {
        /// Its version.
        schema: u32,
    },
    /// The index says what cannot be.
    #[error("the index gives {what} an impossible place at byte {at}: save the session again")]
    BadPlace {
        /// `variable NAME` or `the pickle`.
        what: String,
        /// The place.
        at: u64,
    },
    /// Bytes of our own pickle are not what was written.
    #[error("{0}: copy the file again, or bring back what is whole with restore --partial")]
    Damaged(Damage),
}

impl ReadError {
    /// Whether there is no file to be judged: another name was meant.
    pub fn is_wrong_name(&self) -> bool {
        matches!(self, Self::Open(_) | Self::Folder)
    }

    /// Whether there may be whole variables in a file that is not read for this.
    pub(super) fn leaves_something(&self) -> bool {
        matches!(self, Self::CutShort { .. } | Self::BadPickle(_) | Self::Layout(_) | Self::IndexDamaged { .. })
    }
}

/// Which parts of a pickle are damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The variables whose segments are damaged, in the order of the file: the name and the byte where it begins.
    pub damaged: Vec<(String, u64)>,
    /// The variables whose segments are whole.
    pub whole: Vec<String>,
    /// Whether bytes outside the segments are damaged.
    pub outside: bool,
}

impl Damage {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.damaged.is_empty() && !self.outside
    }

    /// What is wrong with a variable, if anything is.
    pub fn reason(&self, variable: &Variable) -> Option<String> {
        let damaged = self.damaged.binary_search_by_key(&variable.offset, |(_, at)| *at).is_ok();
        let Variable { offset, length, .. } = variable;
        let end = offset.saturating_add(*length);
        damaged.then(|| format!("it is damaged: bytes {offset} to {end} are not those that were saved"))
    }
}

/// How many names an error lists.
const NAMED: usize = 10;

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.outside {
            parts.push("bytes before or behind the variables are not those that were saved".to_owned());
        }
        if !self.damaged.is_empty() {
            let names = self.damaged.iter().map(|(name, at)| format!("{name} (at byte {at})"));
            parts.push(format!("bytes are not those that were saved in {}", some(names)));
        }
        if !self.whole.is_empty() {
            parts.push(format!("whole: {}", some(self.whole.iter().cloned())));
        }
        f.write_str(&parts.join("; "))
    }
}

/// The first names, and how many more there are.
fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
