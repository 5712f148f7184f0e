//! Variables in an answer: those that are in a file, and those that were left out.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::snapshot::index::{LeftOut, LeftOutReason, StoredBuffer, UnsavableObject, Variable, VariableKind};

/// A variable: what it is, and where it is in the file.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Variable")]
pub(crate) struct VariableAnswer<'a> {
    /// The name.
    name: &'a str,
    /// The type with its module, except for builtins: `numpy.ndarray`, `dict`, `__main__.Model`.
    #[serde(rename = "type")]
    type_name: &'a str,
    /// How it is saved.
    kind: VariableKind,
    /// Its size in the file.
    bytes: u64,
    /// Its `len()`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
    /// The shape of an array or a data frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    shape: Option<&'a [u64]>,
    /// The dtype of an array.
    #[serde(skip_serializing_if = "Option::is_none")]
    dtype: Option<&'a str>,
    /// The column names of a data frame, in pickles of other programs.
    columns: &'a [String],
    /// The attribute names of an instance or a class, in pickles of other programs.
    attributes: &'a [String],
    /// The value in at most 80 characters.
    preview: &'a str,
    /// The line of the script that assigned the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// The function whose local variable it was, if it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    local_of: Option<&'a str>,
    /// The file in which a function was written, as the pickle of another program names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_path: Option<&'a str>,
    /// Whether it contains code objects, which only the same minor version of Python can load.
    has_code: bool,
    /// The session's names that its code uses.
    globals: &'a [String],
    /// The modules of the project, beside the script, that it refers to.
    modules: &'a [String],
    /// What loading it imports, as `module name`.
    imports: &'a [String],
    /// The variables before it that share objects with it.
    uses: &'a [String],
    /// Why it looks like a credential; empty if it does not.
    secrets: &'a [String],
    /// What will differ after a load.
    notes: &'a [String],
    /// The objects in it that could not be saved: a marker is in the place of each.
    lost: Vec<MarkerAnswer<'a>>,
    /// Where it begins, from the start of the file.
    offset: u64,
    /// The raw buffers within it.
    buffers: Vec<BufferAnswer>,
    /// The memo slots that it fills: the first, and the one after the last.
    memo: [u64; 2],
    /// BLAKE3 of its bytes, in hex. Absent if the file was not saved by snapcli.
    #[serde(skip_serializing_if = "str::is_empty")]
    blake3: &'a str,
    /// BLAKE3 of its bytes without the contents of its raw buffers, in hex. Absent if there are none.
    #[serde(skip_serializing_if = "str::is_empty")]
    opcodes_blake3: &'a str,
}

impl<'a> VariableAnswer<'a> {
    pub(super) fn of(variable: &'a Variable) -> Self {
        Self {
            name: &variable.name,
            type_name: &variable.type_name,
            kind: variable.kind,
            bytes: variable.length,
            items: variable.len,
            shape: variable.shape.as_deref(),
            dtype: variable.dtype.as_deref(),
            columns: &variable.columns,
            attributes: &variable.attributes,
            preview: &variable.preview,
            line: variable.line,
            local_of: variable.local_of.as_deref(),
            source_path: variable.source.as_deref(),
            has_code: variable.has_code,
            globals: &variable.globals,
            modules: &variable.modules,
            imports: &variable.imports,
            uses: &variable.uses,
            secrets: &variable.secrets,
            notes: &variable.notes,
            lost: variable.lost.iter().map(MarkerAnswer::of).collect(),
            offset: variable.offset,
            buffers: variable.buffers.iter().map(BufferAnswer::of).collect(),
            memo: [variable.memo.0, variable.memo.1],
            blake3: &variable.blake3,
            opcodes_blake3: &variable.opcodes,
        }
    }
}

/// The answers for all variables of a file, of which there can be many: they are made one by one.
#[derive(Debug)]
pub(super) struct EachVariable<'a>(pub(super) &'a [Variable]);

impl Serialize for EachVariable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(VariableAnswer::of))
    }
}

/// A raw buffer: the memory of an array, stored as it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Buffer")]
struct BufferAnswer {
    /// Where it begins, from the start of the file.
    offset: u64,
    /// Its size.
    bytes: u64,
    /// Whether the object that owns it is writable.
    writable: bool,
}

impl BufferAnswer {
    fn of(buffer: &StoredBuffer) -> Self {
        let StoredBuffer { offset, length, writable } = *buffer;
        Self { offset, bytes: length, writable }
    }
}

/// A name that was not saved.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LeftOut")]
pub(super) struct LeftOutAnswer<'a> {
    /// The name.
    name: &'a str,
    /// The type with its module, except for builtins.
    #[serde(rename = "type")]
    type_name: &'a str,
    /// The kind of reason.
    reason: LeftOutReason,
    /// The exception, or the rule in words.
    error: &'a str,
    /// Where in it the object is that cannot be saved: `cfg['db'].conn`.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
    /// The type of that object, if it is not the variable itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_type: Option<&'a str>,
    /// The line of the script that assigned the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    /// The saved functions and classes that use the name.
    users: &'a [String],
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    /// All objects that cannot be saved, if there is more than one and a script was inspected.
    faults: Vec<MarkerAnswer<'a>>,
}

impl<'a> LeftOutAnswer<'a> {
    pub(super) fn of(item: &'a LeftOut) -> Self {
        Self {
            name: &item.name,
            type_name: &item.type_name,
            reason: item.reason,
            error: &item.error,
            place: item.path.as_deref(),
            fault_type: item.fault_type.as_deref(),
            line: item.line,
            users: &item.users,
            hint: item.hint.as_deref(),
            faults: item.faults.iter().map(MarkerAnswer::of).collect(),
        }
    }
}

/// An object that could not be saved.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LostObject")]
pub(crate) struct MarkerAnswer<'a> {
    /// Where it is: `cfg['db'].conn`.
    #[serde(rename = "where")]
    place: &'a str,
    /// Its type.
    #[serde(rename = "type")]
    type_name: &'a str,
    /// The exception that was raised.
    error: &'a str,
    /// Where the object at fault is, if that is another one within it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_where: Option<&'a str>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl<'a> MarkerAnswer<'a> {
    pub(crate) fn of(object: &'a UnsavableObject) -> Self {
        let UnsavableObject { path, type_name, error, fault, hint } = object;
        Self { place: path, type_name, error, fault_where: fault.as_deref(), hint: hint.as_deref() }
    }
}
