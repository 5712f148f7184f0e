//! Why a file is not read, and which parts of it are damaged.
//!
//! Messages follow the name of the file: `cannot inspect FILE`, then the cause. Each ends with advice.

use std::{fmt, io};

use thiserror::Error;

use super::file_kind::FileKind;
use crate::pickle::format::parse::{NEWEST_PROTOCOL, ParseError, Parser};
use crate::pickle::machine::MachineError;
use crate::snapshot::index::{SCHEMA, Variable};
use crate::snapshot::layout::LayoutError;
use crate::snapshot::load_plan::Usable;
use crate::snapshot::remote::RemoteError;
use crate::snapshot::segment::SegmentError;
use crate::snapshot::store::StoreError;

/// How many opcodes show that a stream without a protocol is a pickle.
const FIRST_OPCODES: usize = 64;

/// What to do about an error of the system.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::OutOfMemory => "there is not enough memory for it (see `ulimit -v`)",
        _ => "check the disk and the permissions",
    }
}

/// Why a file is not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot open the file: check its name and permissions")]
    Open(#[source] io::Error),
    /// The file cannot be read to its end.
    #[error("cannot read the file: {}", advice(.0))]
    Io(#[source] io::Error),
    /// It is a directory.
    #[error("this is a directory: pass a file")]
    Folder,
    /// It is a device, which may have no end.
    #[error("this is a device: pass a file")]
    Device,
    /// A store, or a snapshot in one, cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An address in object storage cannot be read.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// It has no bytes.
    #[error("the file is empty: save the session again")]
    Empty,
    /// It is another kind of file.
    #[error("this is {kind}, not a pickle: {}", kind.advice())]
    NotAPickle {
        /// The kind.
        kind: FileKind,
    },
    /// Standard input is longer than it may be.
    #[error("standard input has more than the {most} bytes of --max-memory: allow more, or pass a file")]
    LongPipe {
        /// How long it may be.
        most: u64,
    },
    /// The compressed file is damaged.
    #[error(
        "the compressed file cannot be decompressed ({problem}): copy it again, or restore what is intact with \
         --partial"
    )]
    BadCompression {
        /// The fault.
        problem: String,
    },
    /// The compressed file is damaged, and `--partial` finds nothing in it.
    #[error("the compressed file cannot be decompressed ({problem}), and nothing in it is intact: copy it again")]
    NothingIntact {
        /// The fault.
        problem: String,
    },
    /// It decompresses to more than is reasonable.
    #[error("the compressed file decompresses to more than {most} bytes: if that is intended, decompress it yourself")]
    Bomb {
        /// The limit.
        most: u64,
    },
    /// The pickle ends too early.
    #[error("the pickle is truncated at byte {at}: copy the file again, or restore what is intact with --partial")]
    CutShort {
        /// The offset at which it ends.
        at: u64,
    },
    /// Bytes within the pickle are wrong.
    #[error(transparent)]
    BadPickle(MachineError),
    /// The trailer does not fit the file.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The index does not have the hash that the trailer gives.
    #[error(
        "the index at byte {at} is damaged: copy the file again, or restore the pickle before it unchecked with \
         restore --partial"
    )]
    IndexDamaged {
        /// The offset at which it begins.
        at: u64,
    },
    /// The index has the right hash, but this version cannot parse it.
    #[error("the index cannot be parsed ({problem}): update snapcli")]
    IndexUnreadable {
        /// The fault.
        problem: String,
    },
    /// The index is of another version.
    #[error("the index has schema {schema}, but this snapcli reads schema {SCHEMA}: update snapcli")]
    OtherSchema {
        /// Its version.
        schema: u32,
    },
    /// The index gives ranges of bytes or memo slots that cannot be right.
    #[error("the index gives {what} an impossible range at byte {at}: save the session again")]
    BadRange {
        /// `variable NAME` or `the pickle`.
        what: String,
        /// Where the range begins.
        at: u64,
    },
    /// The index and the pickle name different variables.
    #[error("{what}: run `snapcli verify` for details")]
    WrongIndex {
        /// The fault.
        what: String,
        /// Where the variable begins.
        at: u64,
    },
    /// Bytes of our own pickle do not have their hashes.
    #[error("{0}; copy the file again, or restore what needs no damaged bytes with --partial")]
    Damaged(Damage),
}

impl From<io::Error> for ReadError {
    /// The reader of ranges gives its own reason.
    fn from(error: io::Error) -> Self {
        match error.downcast::<RemoteError>() {
            Ok(error) => Self::Remote(error),
            Err(error) => error.downcast::<Self>().unwrap_or_else(Self::Io),
        }
    }
}

impl From<SegmentError> for ReadError {
    fn from(SegmentError { name, at }: SegmentError) -> Self {
        Self::BadRange { what: format!("variable {name}"), at }
    }
}

impl ReadError {
    /// The fault, for users who restore with `--partial`: most messages advise it.
    pub(crate) fn without_advice(&self) -> String {
        match self {
            Self::CutShort { at } => format!("the pickle is truncated at byte {at}"),
            Self::BadCompression { problem } => format!("the compressed file is damaged ({problem})"),
            damage => damage.to_string(),
        }
    }

    /// The same error, if nothing can be salvaged: without the advice to do so.
    pub(super) fn of_salvage(self) -> Self {
        if let Self::BadCompression { problem } = self { Self::NothingIntact { problem } } else { self }
    }

    /// Why the symbolic machine cannot follow these bytes: they are another kind of file, or a pickle that was cut
    /// short or damaged, or that is too large for it.
    pub(crate) fn of_pickle(bytes: &[u8], error: MachineError) -> Self {
        if error.is_limit() {
            return Self::BadPickle(error);
        }
        if let Some(kind) = FileKind::by_signature(bytes) {
            return Self::NotAPickle { kind };
        }
        // Pickles of protocol 2 and up begin with PROTO; older ones can begin with anything, as text can.
        let has_proto = matches!(bytes, [0x80] | [0x80, 0..=NEWEST_PROTOCOL, ..]);
        // Text that happens to begin with an opcode also ends too early, but at its very first one.
        let cut = match error {
            MachineError::Parse(ParseError::Truncated { at, end, .. }) if has_proto || at > 0 => Some(end),
            MachineError::Parse(ParseError::FrameBeyondEnd { end, .. } | ParseError::NoStop { end }) => Some(end),
            _ => None,
        };
        match cut {
            Some(at) => Self::CutShort { at },
            None if has_proto => Self::BadPickle(error),
            None => Self::NotAPickle { kind: FileKind::by_contents(bytes) },
        }
    }

    /// Fails if these bytes cannot be the beginning of a pickle, nor of a compressed one.
    pub(crate) fn check_beginning(bytes: &[u8]) -> Result<(), Self> {
        if bytes.first() == Some(&0x80) || FileKind::by_signature(bytes).is_some() {
            return Ok(());
        }
        match Parser::new(bytes).take(FIRST_OPCODES).find_map(Result::err) {
            None | Some(ParseError::Truncated { .. } | ParseError::NoStop { .. }) => Ok(()),
            Some(error) => Err(Self::of_pickle(bytes, error.into())),
        }
    }

    /// Whether the file may be sound, and is only too large to be examined.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::BadPickle(error) if error.is_limit())
    }

    /// Whether the file is of another kind that is known: nothing in it is damaged.
    pub(crate) fn is_other_kind(&self) -> bool {
        matches!(self, Self::NotAPickle { kind } if *kind != FileKind::Unknown)
    }

    /// Whether the path does not lead to a file, so that the user probably meant another one.
    pub fn is_wrong_name(&self) -> bool {
        match self {
            Self::Open(_) | Self::Folder | Self::Device => true,
            Self::Store(error) => error.is_wrong_name(),
            Self::Remote(error) => error.is_wrong_name(),
            _ => false,
        }
    }

    /// Whether object storage failed, so that nothing is known of the file.
    pub(crate) fn is_unreachable(&self) -> bool {
        !self.is_wrong_name() && matches!(self, Self::Remote(_) | Self::Store(StoreError::Remote(_)))
    }

    /// Whether the file may still hold intact variables.
    pub(crate) fn leaves_something(&self) -> bool {
        !self.is_limit()
            && matches!(
                self,
                Self::CutShort { .. }
                    | Self::BadPickle(_)
                    | Self::Layout(_)
                    | Self::IndexDamaged { .. }
                    | Self::BadCompression { .. }
            )
    }
}

/// Which parts of our own file are damaged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The damaged variables in the order of the file, each with the offset of its segment.
    pub damaged: Vec<(String, u64)>,
    /// The intact variables.
    pub whole: Vec<String>,
    /// Whether bytes outside the segments are damaged.
    pub outside: bool,
    /// The offsets of the damaged segments whose opcodes are intact: the damage is in the contents of raw buffers.
    pub(super) opcodes_intact: Vec<u64>,
}

impl Damage {
    /// An error if anything is damaged.
    pub(super) fn into_result(self) -> Result<(), ReadError> {
        if self.is_none() { Ok(()) } else { Err(ReadError::Damaged(self)) }
    }

    /// Notes whether a variable's hash is right.
    pub(super) fn note(&mut self, variable: &Variable, is_intact: bool) {
        if is_intact {
            self.whole.push(variable.name.clone());
        } else {
            self.damaged.push((variable.name.clone(), variable.offset));
        }
    }

    /// Which part of a variable may be loaded, as far as its bytes are concerned. `wanted` is the part that would be
    /// loaded if they are intact.
    pub(crate) fn usable(&self, variable: &Variable, wanted: Usable) -> Usable {
        if self.damaged.binary_search_by_key(&variable.offset, |(_, at)| *at).is_err() {
            return wanted;
        }
        let objects = wanted.objects && self.opcodes_intact.contains(&variable.offset);
        if objects { Usable { whole: false, buffers: false, ..wanted } } else { Usable::NOTHING }
    }

    /// Whether nothing is damaged.
    pub fn is_none(&self) -> bool {
        self.damaged.is_empty() && !self.outside
    }

    /// Why a variable cannot be loaded, if it is damaged.
    pub fn reason(&self, variable: &Variable) -> Option<String> {
        let damaged = self.damaged.binary_search_by_key(&variable.offset, |(_, at)| *at).is_ok();
        let Variable { offset, length, .. } = variable;
        let end = offset.saturating_add(*length);
        damaged.then(|| format!("it is damaged: bytes {offset} to {end} do not match their checksum"))
    }
}

const MAX_NAMES: usize = 10;

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.outside {
            parts.push("bytes before or after the variables do not match their checksum".to_owned());
        }
        if !self.damaged.is_empty() {
            let names = self.damaged.iter().map(|(name, at)| format!("{name} (at byte {at})"));
            parts.push(format!("damaged: {}", some(names)));
        }
        if !self.whole.is_empty() {
            // They may need objects of damaged ones: which of them can be restored is known only to a plan.
            parts.push(format!("undamaged: {}", some(self.whole.iter().cloned())));
        }
        f.write_str(&parts.join("; "))
    }
}

/// The first names, and how many more there are.
fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(MAX_NAMES);
    let mut text = names.take(MAX_NAMES).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
