//! What the index says about a run in steps, so that `snapcli status` and the next start need no Python for it. The
//! position itself is a variable of the snapshot.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The variable that holds the position of a run.
pub(crate) const RUN_POSITION: &str = "__snapcli_run__";

/// Whether a variable holds what a run needs to resume, and is none of the script: not the local variables either.
pub(crate) fn is_run_state(name: &str) -> bool {
    name.strip_prefix(RUN_POSITION).is_some_and(|rest| rest.is_empty() || rest.starts_with("0_"))
}

/// How far a run in steps has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RunProgress {
    /// The ID of the run: that of `run.json` in the store, unless another run has begun since.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub run: String,
    /// Whether the script has come to its end.
    pub finished: bool,
    /// Where it is: in the script, then in each function that is under way.
    pub places: Vec<RunPlace>,
    /// How many of the script's top-level statements have been completed.
    pub steps_done: u32,
    /// How many it has.
    pub steps: u32,
    /// The source of the script.
    pub source: String,
    /// BLAKE3 of its arguments, each with a NUL byte after it, in hex.
    pub arguments: String,
    /// The variables that could not be saved, and that a resume makes again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rerun: Vec<RerunStatement>,
    /// The files that the script has open for writing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<WrittenFile>,
    /// How long the script has run in all processes up to here, in seconds.
    pub seconds: f64,
}

/// A line of the script, or of a function of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RunPlace {
    /// The function, as in `Trainer.fit`; empty for the script itself.
    pub function: String,
    /// The line that runs next.
    pub line: u32,
    /// The way to it in the syntax tree: blocks and the numbers of statements in them.
    #[serde(rename = "position", alias = "path")]
    pub path: Vec<(String, u32)>,
    /// What is next there: `before` a statement, the `next` iteration of a loop, or the end of a `call`.
    pub next: String,
}

/// A statement that a resume runs again, because its variable could not be saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RerunStatement {
    /// The variable.
    pub name: String,
    /// The number of the function under way whose local variable it is: 1 for the outermost. 0 for a global variable.
    pub depth: usize,
    /// The line of the statement.
    pub line: u32,
    /// Why it could not be saved.
    pub why: String,
}

/// A file that the script has open for writing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct WrittenFile {
    /// Its name, as the script has given it.
    pub name: String,
    /// Its absolute path.
    pub path: String,
    /// How long it was at the checkpoint, in bytes.
    pub length: u64,
}

impl RunProgress {
    /// `line 12`, or `line 30, in main()`.
    pub(crate) fn place(&self) -> String {
        match self.places.as_slice() {
            [] => "the beginning".to_owned(),
            [place] => format!("line {}", place.line),
            [.., place] => format!("line {}, in {}()", place.line, place.function),
        }
    }
}
