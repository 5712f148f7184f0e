//! Runs rows under plain Python and dill, with the script `peer.py`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::table::Row;
use crate::env::Sandbox;

/// How a row behaves under plain Python and dill.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    /// The names that the script defines.
    pub(super) names: Vec<String>,
    /// The result of the check in the original session.
    pub(super) before: String,
    /// How dill handles the session, in the words of [`Row::dill`].
    pub(super) dill: String,
}

/// The facts of each row.
pub(super) fn facts(interpreter: &Path, rows: &[Row]) -> BTreeMap<String, Facts> {
    serde_json::from_value(ask(interpreter, rows, true)).unwrap()
}

/// The names that each row's script defines.
pub(super) fn names(interpreter: &Path, rows: &[Row]) -> BTreeMap<String, Vec<String>> {
    let facts: BTreeMap<String, Facts> = serde_json::from_value(ask(interpreter, rows, false)).unwrap();
    facts.into_iter().map(|(name, facts)| (name, facts.names)).collect()
}

fn ask(interpreter: &Path, rows: &[Row], with_dill: bool) -> Value {
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| {
            let Row { name, script, files, between, check, .. } = row;
            json!({
                "name": name, "script": script, "files": files, "between": between, "check": check, "dill": with_dill
            })
        })
        .collect();
    call(interpreter, &json!({"rows": rows}))
}

/// Loads a snapshot with plain dill. Returns the result of each row's check, or the error as `raised`.
pub(super) fn load(sandbox: &Sandbox, rows: &[Row]) -> BTreeMap<String, String> {
    let checks: BTreeMap<&str, &str> = rows.iter().map(|row| (row.name.as_str(), row.check.as_str())).collect();
    let file = json!({"path": "session.pkl", "checks": checks, "folder": sandbox.work()});
    let answer = call(sandbox.interpreter(), &json!({"files": [file]}));
    serde_json::from_value(answer["session.pkl"].clone()).unwrap()
}

fn call(interpreter: &Path, question: &Value) -> Value {
    let sandbox = Sandbox::with(PathBuf::from(interpreter));
    sandbox.write("peer.py", include_str!("peer.py"));
    let call = sandbox.call_python(&["-W", "ignore", "-c", "import peer; peer.main()"]);
    let run = call.stdin(question.to_string()).timeout(Duration::from_secs(300)).run();
    run.assert_code(0);
    run.json()
}
