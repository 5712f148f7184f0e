//! The answer of `inspect --json`, and the report of `save`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::raised_answer::RaisedAnswer;
use super::variable_answer::{EachVariable, LeftOutAnswer, VariableAnswer};
use super::{FailureAnswer, SchemaVersion, VerdictAnswer};
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::snapshot::file_changes::Change;
use crate::snapshot::index::{PickleStream, PythonInfo, ScriptEnd, ScriptInfo};
use crate::snapshot::roundtrip_target::{Compared, NotCompared};

/// What an index says and no opcode shows.
const UNPROVEN: [&str; 16] = [
    "snapcli",
    "created",
    "script",
    "python",
    "packages",
    "distributions",
    "ambient",
    "raised",
    "left_out",
    "line",
    "local_of",
    "globals",
    "modules",
    "secrets",
    "notes",
    "lost",
];

/// What is in a file, or in the session of a script.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Session")]
pub struct SessionAnswer<'a> {
    /// The version of the JSON format.
    schema: SchemaVersion,
    /// The file, or the script that was inspected; `-` for a standard stream. Absent if there is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The kind of file.
    format: FileFormat,
    /// The size of the file; for a script, the size that its variables would take.
    bytes: u64,
    /// The version of snapcli that wrote the file.
    #[serde(skip_serializing_if = "str::is_empty")]
    snapcli: &'a str,
    /// When the save began, UTC, as RFC 3339.
    #[serde(skip_serializing_if = "str::is_empty")]
    created: &'a str,
    /// The module whose variables these are, usually `__main__`.
    #[serde(skip_serializing_if = "str::is_empty")]
    module: &'a str,
    /// The program that made the session. Absent if the file was not saved by snapcli.
    #[serde(skip_serializing_if = "Option::is_none")]
    script: Option<ScriptAnswer<'a>>,
    /// The Python that ran it.
    #[serde(skip_serializing_if = "Option::is_none")]
    python: Option<SessionPython<'a>>,
    /// The versions of the packages that the variables import.
    packages: &'a BTreeMap<String, String>,
    /// What to install for those of them whose distributions have other names: `sklearn` needs `scikit-learn==1.5.2`.
    distributions: &'a BTreeMap<String, String>,
    /// The variables, in the order of their definition unless another one was asked for.
    #[schemars(with = "Vec<VariableAnswer<'_>>")]
    variables: EachVariable<'a>,
    /// The variables of other modules that the session changed, by names such as `settings.MODE`.
    module_state: Vec<VariableAnswer<'a>>,
    /// The state of the interpreter and of libraries that the session changed: `random`, `environ`.
    ambient: Vec<VariableAnswer<'a>>,
    /// The exceptions that ended the script, in the order in which Python prints them, with the frames of each.
    raised: Vec<RaisedAnswer<'a>>,
    /// The names that were not saved, and why.
    left_out: Vec<LeftOutAnswer<'a>>,
    /// The pickle within the file. Absent if the file was not saved by snapcli.
    #[serde(skip_serializing_if = "Option::is_none")]
    pickle: Option<PickleAnswer<'a>>,
    /// The keys, of this object and of variables, whose values are only what the file says. Everything else is read
    /// from the pickle. Empty if the file is signed with your key, has no index, or was made just now.
    unproven: &'static [&'static str],
    /// What loading the file would do. Absent for a script, and for a large file unless it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<VerdictAnswer<'a>>,
    /// The result of `save --verify`.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<VerifiedAnswer<'a>>,
    /// Why the command failed, if it did.
    #[serde(flatten)]
    failure: Option<FailureAnswer>,
}

impl<'a> SessionAnswer<'a> {
    /// The answer for a report. `path` is the absolute path of its file, if it has one.
    pub fn of(report: &'a SessionReport, path: Option<String>) -> Self {
        let SessionReport { format, bytes, index, verdict, verified, .. } = report;
        let is_recorded = !index.script.kind.is_empty();
        let each = |variables: &'a [_]| variables.iter().map(VariableAnswer::of).collect();
        Self {
            schema: SchemaVersion,
            path,
            format: *format,
            bytes: *bytes,
            snapcli: &index.snapcli,
            created: &index.created,
            module: &index.module,
            script: is_recorded.then(|| ScriptAnswer::of(&index.script)),
            python: (!index.python.version.is_empty()).then(|| SessionPython::of(&index.python)),
            packages: &index.packages,
            distributions: &index.distributions,
            variables: EachVariable(&index.variables),
            module_state: each(&index.module_state),
            ambient: index.whole_ambient().map(VariableAnswer::of).collect(),
            raised: RaisedAnswer::all(index),
            left_out: index.left_out.iter().map(LeftOutAnswer::of).collect(),
            pickle: (index.stream.length > 0).then(|| PickleAnswer::of(&index.stream)),
            unproven: if report.is_believed { &[] } else { &UNPROVEN },
            verdict: verdict.as_ref().map(VerdictAnswer::of),
            verified: verified.as_ref().map(VerifiedAnswer::of),
            failure: None,
        }
    }

    /// The same answer of a command that failed.
    #[must_use]
    pub(crate) fn with_failure(self, failure: Option<FailureAnswer>) -> Self {
        Self { failure, ..self }
    }
}

/// The program that made a session.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Script")]
struct ScriptAnswer<'a> {
    /// `script`, `module` (`-m`), `code` (`-c`), `prompt`, or another place where `import snapcli` saved.
    kind: &'a str,
    /// The file of a script.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    /// The name of a module that was run with `-m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    module: Option<&'a str>,
    /// BLAKE3 of the source, in hex. Absent if there was no single source file.
    #[serde(skip_serializing_if = "str::is_empty")]
    blake3: &'a str,
    /// `sys.argv` at its start, without what looks like a credential.
    argv: &'a [String],
    /// What in the arguments or the traceback looked like a credential, and whether it was kept.
    secrets: &'a [String],
    /// How it ended.
    ended: EndAnswer<'a>,
    /// How long it ran.
    seconds: f64,
}

impl<'a> ScriptAnswer<'a> {
    fn of(script: &'a ScriptInfo) -> Self {
        let ScriptInfo { kind, path, blake3, argv, secrets, ended, seconds } = script;
        let is_path = std::path::Path::new(path).is_absolute();
        Self {
            kind,
            path: is_path.then_some(path),
            module: (kind == "module").then_some(path),
            blake3,
            argv,
            secrets,
            ended: EndAnswer::of(ended),
            seconds: *seconds,
        }
    }
}

/// How a program ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ScriptEnd")]
struct EndAnswer<'a> {
    /// `finished`, `exit` (SystemExit), `exception`, `interrupted` (KeyboardInterrupt), `signal`, or `running` for a
    /// save from within the program.
    how: &'a str,
    /// The exit code that Python would end with.
    exit: i32,
    /// The traceback as Python prints it, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    traceback: Option<&'a str>,
}

impl<'a> EndAnswer<'a> {
    fn of(ended: &'a ScriptEnd) -> Self {
        Self { how: &ended.how, exit: ended.code, traceback: ended.traceback.as_deref() }
    }
}

/// The Python that ran a program.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SessionPython")]
struct SessionPython<'a> {
    /// `sys.executable`.
    path: &'a str,
    /// Such as `3.12.1`.
    version: &'a str,
    /// `cpython`.
    implementation: &'a str,
    /// `sys.platform`: `linux`, `darwin`.
    platform: &'a str,
    /// `x86_64`, `arm64`.
    machine: &'a str,
    /// The version of dill that pickled objects of the session. Absent if none was needed.
    #[serde(skip_serializing_if = "str::is_empty")]
    dill: &'a str,
}

impl<'a> SessionPython<'a> {
    fn of(python: &'a PythonInfo) -> Self {
        let (platform, machine) = python.platform.split_once(' ').unwrap_or((&python.platform, ""));
        let PythonInfo { version, implementation, executable, dill, .. } = python;
        Self { path: executable, version, implementation, platform, machine, dill }
    }
}

/// The pickle within a snapshot.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Pickle")]
struct PickleAnswer<'a> {
    /// Its size, from the start of the file. The index follows.
    bytes: u64,
    /// The size of what comes before the first variable.
    prelude_bytes: u64,
    /// BLAKE3 of the bytes outside the variables, in hex. Each variable has its own.
    blake3: &'a str,
    /// BLAKE3 of the bytes outside the variables and the state, in hex. Absent if there is no state.
    #[serde(skip_serializing_if = "str::is_empty")]
    frame_blake3: &'a str,
}

impl<'a> PickleAnswer<'a> {
    fn of(stream: &'a PickleStream) -> Self {
        let PickleStream { length, prelude, blake3, frame } = stream;
        Self { bytes: *length, prelude_bytes: *prelude, blake3, frame_blake3: frame }
    }
}

/// What `save --verify` found in a fresh process.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Verified")]
struct VerifiedAnswer<'a> {
    /// The variables that come back different.
    changes: &'a [Change],
    /// The variables that come back, but could not be compared.
    not_compared: &'a [NotCompared],
    /// How many variables are the same.
    unchanged_count: usize,
}

impl<'a> VerifiedAnswer<'a> {
    fn of(compared: &'a Compared) -> Self {
        let Compared { same, changes, not_compared } = compared;
        Self { changes, not_compared, unchanged_count: *same }
    }
}
