//! The index: what `inspect` tells of a snapshot, written behind its pickle as JSON.
//!
//! These structs are the one description of a session: the save fills them, the file carries them, the text
//! and JSON reports print them. Fields that a reader does not know are ignored; fields that are absent take
//! their defaults, so that a later version can add some.

mod bounds;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub(super) use self::bounds::{encode, parse};
use self::bounds::{list, map, optional_list};

/// The version of the index and of every JSON answer.
pub const SCHEMA: u32 = 1;

/// All that a snapshot tells of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Index {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of snapcli that wrote the file.
    pub snapcli: String,
    /// When the save began, UTC, as RFC 3339 (`2026-11-24T01:56:08Z`).
    pub created: String,
    /// The module whose namespace this is: `__main__`, or what `--module` named.
    pub module: String,
    /// The script that made the session, and how it ended.
    pub script: Script,
    /// The interpreter that ran it.
    pub python: Python,
    /// Versions of the packages that the session's variables come from.
    #[serde(deserialize_with = "map")]
    pub packages: BTreeMap<String, String>,
    /// What is in the file, in definition order.
    #[serde(deserialize_with = "list")]
    pub variables: Vec<Variable>,
    /// What is not, and why.
    #[serde(deserialize_with = "list")]
    pub left_out: Vec<LeftOut>,
    /// The pickle before the index.
    pub stream: Stream,
}

/// What ran.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// `script`, `module` (`-m`) or `code` (`-c`).
    pub kind: String,
    /// The script's absolute path, the module's name, or `-c`.
    pub path: String,
    /// BLAKE3 of the source, in hex; empty where there was no single source file.
    pub blake3: String,
    /// `sys.argv` as the script got it.
    #[serde(deserialize_with = "list")]
    pub argv: Vec<String>,
    /// How it ended.
    pub ended: Ended,
    /// How long it ran, in seconds.
    pub seconds: f64,
}

/// How a script ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ended {
    /// `finished`, `exit` (SystemExit), `exception` or `interrupted` (KeyboardInterrupt).
    pub how: String,
    /// The exit code that goes with it.
    pub code: i32,
    /// The traceback as Python prints it, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
}

/// An interpreter.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Python {
    /// `3.11.7`.
    pub version: String,
    /// `cpython`.
    pub implementation: String,
    /// `sys.platform` and the machine: `linux x86_64`.
    pub platform: String,
    /// `sys.executable`.
    pub executable: String,
    /// The version of dill that pickled the session; empty where none was needed.
    pub dill: String,
}

/// One variable: where it lies in the stream, and what can be said of it without loading it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The type with its module, but for builtins: `numpy.ndarray`, `dict`, `__main__.Model`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// How it is kept.
    pub kind: Kind,
    /// Where the segment (name, value, SETITEM) begins, in bytes from the start of the file.
    pub offset: u64,
    /// The segment's length in bytes.
    pub length: u64,
    /// The memo slots that the segment fills: the first, and the one after the last.
    pub memo: (u64, u64),
    /// The names of the variables whose segments this one takes objects from.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub uses: Vec<String>,
    /// Raw buffers within the segment.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub buffers: Vec<Buffer>,
    /// BLAKE3 of the segment, in hex.
    pub blake3: String,
    /// BLAKE3 of the segment without the contents of its raw buffers, in hex: what is checked where those are mapped.
    /// Empty where there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub opcodes: String,
    /// The globals that loading it looks up, as `module name`, in order of appearance, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub imports: Vec<String>,
    /// The names of the session that its code looks up when it runs.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub globals: Vec<String>,
    /// Whether it holds code objects, which only the same minor version of Python can load.
    pub has_code: bool,
    /// `len()`, where that is cheap and safe to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
    /// An array's or a frame's shape.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "optional_list")]
    pub shape: Option<Vec<u64>>,
    /// An array's dtype.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The names of a frame's columns, as far as a pickle tells them that another program wrote.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The names of an instance's or a class's attributes, as far as such a pickle tells them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// The file in which a function was written, as such a pickle tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// A short text of the value, at most [`PREVIEW`] characters.
    pub preview: String,
    /// Why it looks like a credential, where it does. Then the preview does not show it.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub secrets: Vec<String>,
    /// What will be otherwise after a load: a lock released, a file open for reading only.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub notes: Vec<String>,
    /// The line of the script that assigned the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// The most characters of a [`Variable::preview`].
pub const PREVIEW: usize = 80;

/// How a variable is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By value.
    #[default]
    Value,
    /// A module, or a function or class that is imported again at restore.
    Import,
    /// A function of the session, by value.
    Function,
    /// A class of the session, by value.
    Class,
}

/// A raw buffer: the memory of an array, which lies in the stream as it lay there, so that it can be mapped. Behind the
/// opcode BINBYTES8 or BYTEARRAY8 and its length of 8 bytes, at a multiple of
/// [`ALIGNMENT`](crate::snapshot::layout::ALIGNMENT).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Buffer {
    /// Where its first byte is, in bytes from the start of the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Whether the object that owns it may write to it.
    pub writable: bool,
}

/// A name of the session that is not in the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// The name.
    pub name: String,
    /// The type, as [`Variable::type_name`].
    #[serde(rename = "type")]
    pub type_name: String,
    /// Why.
    pub reason: Reason,
    /// What was raised (`TypeError: cannot pickle 'socket' object`), or the rule in words.
    pub error: String,
    /// The path to the object at fault: `cfg['db'].conn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The type of the object at fault, where it is not the variable itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_type: Option<String>,
    /// The line of the script that assigned the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The kept functions and classes that use the name.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub users: Vec<String>,
    /// What to do about it, for kinds that are well known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// All objects at fault, where a script was inspected and there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "list")]
    pub faults: Vec<Fault>,
}

/// An object that cannot be saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// The path to it: `cfg['db'].conn`.
    pub path: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What was raised.
    pub error: String,
}

/// Why a name was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// It cannot be pickled, or not be loaded again: a bad item.
    #[default]
    Failed,
    /// Begins with `_`, and no kept function or class uses it.
    Private,
    /// `--exclude`, `--include` or `--exclude-type` says so.
    Filter,
    /// Larger than `--max-size`.
    Size,
    /// Looks like a credential, and `--redact` was given.
    Secret,
}

/// The pickle as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Stream {
    /// Its length in bytes, STOP included: the index begins there.
    pub length: u64,
    /// The length of the prelude: the first variable begins there.
    pub prelude: u64,
    /// BLAKE3 of the bytes outside the segments (prelude, then BUILD and STOP), in hex. Each segment has its own.
    pub blake3: String,
}
