//! The index: the description of a session that `inspect` shows, stored after the pickle as JSON.
//!
//! The save fills these structs, the file stores them, and the text and JSON reports print them. A reader ignores
//! fields that it does not know, and absent fields have their default values, so a later version can add some.

mod memory_limit;
mod raised;
mod run_progress;
mod script_credentials;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use self::memory_limit::{encode, parse};
#[cfg(feature = "python")]
pub(crate) use self::raised::local_name;
pub(crate) use self::raised::{FrameKind, split_local_name};
#[allow(unreachable_pub, reason = "fields of the public `Index`")]
pub use self::raised::{RaisedError, StackFrame};
#[cfg(feature = "python")]
#[allow(unreachable_pub, reason = "a field of the public `Index`")]
pub use self::run_progress::WrittenFile;
pub(crate) use self::run_progress::{RUN_POSITION, is_run_state};
#[allow(unreachable_pub, reason = "fields of the public `Index`")]
pub use self::run_progress::{RerunStatement, RunPlace, RunProgress};
#[cfg(feature = "python")]
pub(crate) use self::script_credentials::hide_in_index;
pub(crate) use self::script_credentials::{hide_in_index_of_others, hide_in_preview};
pub(crate) use crate::pickle::credentials::NOT_SHOWN;
use crate::pickle::explain::describe_value::ValueRole;

/// The version of the index. The JSON that commands print has a version of its own.
pub const SCHEMA: u32 = 1;

/// A session: where it comes from, its variables, and what was left out.
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
    pub script: ScriptInfo,
    /// The interpreter that ran it.
    pub python: PythonInfo,
    /// The versions of the packages that the variables import.
    pub packages: BTreeMap<String, String>,
    /// What to install for those of them whose distributions have other names: `sklearn` needs `scikit-learn==1.5.2`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub distributions: BTreeMap<String, String>,
    /// The variables in the file, in the order of their definition.
    pub variables: Vec<Variable>,
    /// The variables of other modules that the session changed, by names such as `settings.MODE`. They follow the
    /// variables in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub module_state: Vec<Variable>,
    /// The state of the interpreter and of libraries that the session changed: `random`, `environ`. It follows the
    /// state of modules in the file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ambient: Vec<Variable>,
    /// What ended the script, or where it was when it was saved: exceptions in the order in which Python prints them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub raised: Vec<RaisedError>,
    /// The frames of their tracebacks, one after the other. The number of a frame is its position here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<StackFrame>,
    /// The local variables of the frames, by names such as `frame[3].batch`. They follow the state of modules in the
    /// file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub frame_locals: Vec<Variable>,
    /// How far the script has come, for a checkpoint of `snapcli run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunProgress>,
    /// The names that are not in the file, and why.
    pub left_out: Vec<LeftOut>,
    /// The pickle, which precedes the index.
    pub stream: PickleStream,
}

/// How the names of entries end that are a part of another entry of the ambient state.
const AMBIENT_PART: &str = ".words";

impl Index {
    /// All segments of the pickle, in the order of the file.
    pub fn segments(&self) -> impl Iterator<Item = (SegmentRole, &Variable)> {
        let variables = self.variables.iter().map(|variable| (SegmentRole::Variable, variable));
        let items = self.module_state.iter().map(|item| (SegmentRole::ModuleItem, item));
        let locals = self.frame_locals.iter().map(|local| (SegmentRole::FrameLocal, local));
        let ambient = self.ambient.iter().map(|entry| (SegmentRole::Ambient, entry));
        variables.chain(items).chain(locals).chain(ambient)
    }

    /// The entries of the ambient state without those that are a part of another entry, such as `random.words`.
    pub(crate) fn whole_ambient(&self) -> impl Iterator<Item = &Variable> {
        self.ambient.iter().filter(|entry| !entry.name.ends_with(AMBIENT_PART))
    }

    /// As [`segments`](Self::segments), to change them.
    pub(super) fn segments_mut(&mut self) -> impl Iterator<Item = &mut Variable> {
        let Self { variables, module_state, frame_locals, ambient, .. } = self;
        variables.iter_mut().chain(module_state).chain(frame_locals).chain(ambient)
    }

    /// The frames of each exception, with their numbers; those that name no exception are left out.
    pub(crate) fn frames_of_raised(&self) -> Vec<Vec<(usize, &StackFrame)>> {
        let mut frames = vec![Vec::new(); self.raised.len()];
        for (number, frame) in self.frames.iter().enumerate() {
            if let Some(of_raised) = frames.get_mut(frame.raised as usize) {
                of_raised.push((number, frame));
            }
        }
        frames
    }

    /// The segment of another role than [`SegmentRole::Ambient`] that filled a memo slot; `None` for slot 0, the module
    /// itself.
    pub(super) fn owner(&self, slot: u64) -> Option<&str> {
        let lists = [&self.variables, &self.module_state, &self.frame_locals];
        lists.into_iter().find_map(|list| owner_among(list, slot))
    }

    /// The class that a variable defines, by a memo slot of that variable.
    pub(super) fn class_of_slot(&self, slot: u64) -> Option<String> {
        let variable = self.variables.get(self.variables.partition_point(|variable| variable.memo.1 <= slot))?;
        let is_class = variable.memo.0 <= slot && variable.kind == VariableKind::Class;
        is_class.then(|| format!("{}.{}", self.module, variable.name))
    }

    /// Whether a variable, or an object in one, failed to be saved.
    pub(crate) fn has_failures(&self) -> bool {
        self.variables.iter().any(|variable| !variable.lost.is_empty())
            || self.left_out.iter().any(|item| item.reason == LeftOutReason::Failed)
    }

    /// The segments whose values are compared: variables, then variables of other modules, then frames.
    pub(super) fn compared(&self) -> impl Iterator<Item = (SegmentRole, &Variable)> {
        self.segments().filter(|(role, _)| *role != SegmentRole::Ambient)
    }
}

/// What a segment of the pickle is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SegmentRole {
    /// A variable of the session.
    #[default]
    Variable,
    /// A variable of another module.
    ModuleItem,
    /// A local variable of a frame, which other readers ignore.
    FrameLocal,
    /// State of the interpreter or of a library, which other readers ignore.
    Ambient,
}

/// The name of the variable whose segment filled a memo slot. `variables` are in the order of the file.
pub(super) fn owner_among(variables: &[Variable], slot: u64) -> Option<&str> {
    let variable = variables.get(variables.partition_point(|variable| variable.memo.1 <= slot))?;
    (variable.memo.0 <= slot).then_some(variable.name.as_str())
}

/// The program that made the session.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptInfo {
    /// `script`, `module` (`-m`), `code` (`-c`) or `prompt`.
    pub kind: String,
    /// The script's absolute path, the module's name, or `-c`.
    pub path: String,
    /// BLAKE3 of the source, in hex; empty if there was no single source file.
    pub blake3: String,
    /// `sys.argv` at the start of the script, without what looks like a credential.
    pub argv: Vec<String>,
    /// What in the arguments or the traceback looked like a credential, and whether it was kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// How the script ended.
    pub ended: ScriptEnd,
    /// How long it ran, in seconds.
    pub seconds: f64,
}

impl ScriptInfo {
    /// The command, as it was typed: the script or `-m` and the module, then the arguments.
    pub(crate) fn command_words(&self) -> Vec<String> {
        let mut words = self.argv.clone();
        if self.kind == "module" && !words.is_empty() {
            words.insert(1, self.path.clone());
        }
        words
    }
}

/// How a script ended.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ScriptEnd {
    /// `finished`, `exit` (SystemExit), `exception`, `interrupted` (KeyboardInterrupt), `signal`, or `running` for a
    /// save from within the script.
    pub how: String,
    /// The exit code that Python would end with.
    pub code: i32,
    /// The traceback as Python prints it, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceback: Option<String>,
}

/// The interpreter that ran the script.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PythonInfo {
    /// `3.11.7`.
    pub version: String,
    /// `cpython`.
    pub implementation: String,
    /// `sys.platform` and the machine: `linux x86_64`.
    pub platform: String,
    /// `sys.executable`.
    pub executable: String,
    /// The version of dill that pickled the session; empty if dill was not needed.
    pub dill: String,
}

/// One variable: where its segment is, and a description of its value that needs no loading.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The type with its module, except for builtins: `numpy.ndarray`, `dict`, `__main__.Model`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether it is saved by value or by import.
    pub kind: VariableKind,
    /// The offset of the segment (name, value, SETITEM), in bytes from the start of the file.
    pub offset: u64,
    /// The segment's length in bytes.
    pub length: u64,
    /// The memo slots that the segment fills: the first, and the one after the last.
    pub memo: (u64, u64),
    /// The names of the variables whose memo slots this segment reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<String>,
    /// The raw buffers within the segment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub buffers: Vec<StoredBuffer>,
    /// BLAKE3 of the segment, in hex.
    pub blake3: String,
    /// BLAKE3 of the segment without the contents of its raw buffers, in hex: checked instead of `blake3` if the
    /// buffers are memory-mapped. Empty if there are none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub opcodes: String,
    /// The globals that loading the segment looks up, as `module name`, in order of appearance, without duplicates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub imports: Vec<String>,
    /// The session's names that its code looks up as globals when it runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub globals: Vec<String>,
    /// The modules of the project, beside the script, that it refers to: their state may belong to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
    /// Whether it contains code objects, which only the same minor version of Python can load.
    pub has_code: bool,
    /// `len()`, if that is cheap and runs no code of the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub len: Option<u64>,
    /// The shape of an array or a data frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<u64>>,
    /// The dtype of an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The column names of a data frame. Found by `inspect` in pickles of other programs only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The attribute names of an instance or a class. As `columns`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// The source file of a function. As `columns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The value in at most [`PREVIEW`] characters.
    pub preview: String,
    /// Why it looks like a credential; empty if it does not. The preview of a credential is not shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// What will differ after a load: a lock is released, a file is open for reading only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The objects in it that could not be saved: a marker is in the place of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<UnsavableObject>,
    /// The line of the script that assigned the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The function whose local variable it was: see `save --locals`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_of: Option<String>,
}

/// The most characters of a [`Variable::preview`].
pub(crate) const PREVIEW: usize = 80;

/// How a variable is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum VariableKind {
    /// By value.
    #[default]
    Value,
    /// By reference: a module, or a function or class that is imported again on restore.
    Import,
    /// A function of the session, by value.
    Function,
    /// A class of the session, by value.
    Class,
}

impl VariableKind {
    /// The kind of a value that a pickle shows.
    pub(crate) fn of_role(role: ValueRole) -> Self {
        match role {
            ValueRole::Value => Self::Value,
            ValueRole::Import => Self::Import,
            ValueRole::Function => Self::Function,
            ValueRole::Class => Self::Class,
        }
    }
}

/// A raw buffer: the memory of an array, stored as it is, so that it can be memory-mapped. It follows the opcode
/// BINBYTES8 or BYTEARRAY8 and a length of 8 bytes, and begins at a multiple of
/// [`ALIGNMENT`](crate::snapshot::layout::ALIGNMENT).
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct StoredBuffer {
    /// The offset of its first byte, in bytes from the start of the file.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Whether the object that owns it is writable.
    pub writable: bool,
}

/// A name of the session that was not saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// The name.
    pub name: String,
    /// The type, as [`Variable::type_name`].
    #[serde(rename = "type")]
    pub type_name: String,
    /// The kind of reason.
    pub reason: LeftOutReason,
    /// The exception (`TypeError: cannot pickle 'socket' object`), or the rule in words.
    pub error: String,
    /// The path to the object that cannot be saved: `cfg['db'].conn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The type of that object, if it is not the variable itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_type: Option<String>,
    /// The line of the script that assigned the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The saved functions and classes that use the name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
    /// What to do about it, for well-known types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// All objects that cannot be saved. Filled by `inspect SCRIPT` if there is more than one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<UnsavableObject>,
}

/// An object that cannot be saved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UnsavableObject {
    /// The path to it from the variable: `cfg['db'].conn`.
    pub path: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The exception that was raised.
    pub error: String,
    /// The path to the object at fault, if that is another one within this: `cfg['handlers']{member}.conn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What to do about it, for well-known types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The kind of reason why a name was left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LeftOutReason {
    /// It cannot be pickled, or cannot be loaded again.
    #[default]
    Failed,
    /// Its name begins with `_`, and no saved function or class uses it.
    Private,
    /// `--exclude`, `--include` or `--exclude-type` leaves it out.
    Filter,
    /// It is larger than `--max-size`.
    Size,
    /// It looks like a credential, and `--redact` was given.
    Secret,
}

/// The pickle as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PickleStream {
    /// Its length in bytes, including STOP: the index begins there.
    pub length: u64,
    /// The length of the prelude: the first variable begins there.
    pub prelude: u64,
    /// BLAKE3 of the bytes outside the segments of variables (prelude, module state, ambient state, BUILD and STOP), in
    /// hex. Each segment has its own.
    pub blake3: String,
    /// BLAKE3 of the prelude, BUILD and STOP alone, in hex. Empty if there is neither module state nor ambient state:
    /// it would be the same as `blake3`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub frame: String,
}
