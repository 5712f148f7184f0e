//! Why a file is not read. Every text makes sense behind the name of the file.

use std::fmt;
use std::io;

use thiserror::Error;

use super::kind::FileKind;
use crate::pickle::machine::MachineError;
use crate::snapshot::index::SCHEMA;
use crate::snapshot::layout::LayoutError;

/// Why a file is not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read the file: check its name and who may read it")]
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
    #[error("the pickle is cut short at byte {at}: copy the file again")]
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
    #[error("the index at byte {at} is damaged: copy the file again, or load its pickle with dill.load_module")]
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
    #[error("{0}: copy the file again, or save the session again")]
    Damaged(Damage),
}

/// Which parts of a pickle are damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The variables whose segments are damaged: the name and the byte where it begins.
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
}

/// How many names an error lists.
const NAMED: usize = 10;

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.outside {
            parts.push("the frame of the pickle is damaged".to_owned());
        }
        if !self.damaged.is_empty() {
            let names = self.damaged.iter().map(|(name, at)| format!("{name} (at byte {at})"));
            parts.push(format!("damaged: {}", some(names)));
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
