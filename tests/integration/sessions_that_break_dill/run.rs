//! Runs rows through snapcli. All rows of a family run in one process, so that each shares its session with many others
//! and the table takes seconds. If that process fails, each row runs again alone, to find the one at fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::peer;
use super::table::Row;
use crate::env::{Run, Sandbox};

/// The names that the script of each row defines.
pub(super) type Names = BTreeMap<String, Vec<String>>;

/// The result of running a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    left_out: BTreeMap<String, String>,
    lost: BTreeMap<String, String>,
    /// The variables that `--verify` reports as different.
    differs: BTreeSet<String>,
    here: BTreeSet<String>,
    /// The result of the check, or the output of a process that failed.
    check: String,
    /// The result of the check after plain dill loaded the file; empty if a variable cannot be loaded.
    dill: String,
}

impl Outcome {
    /// The outcome that the table requires.
    pub(super) fn expected(row: &Row, names: &[String]) -> Self {
        let named: BTreeMap<_, _> = row.left_out.iter().chain(&row.lost).cloned().collect();
        let here = names.iter().filter(|name| !named.contains_key(*name)).cloned().collect();
        let dill = if row.lost.is_empty() { "True".to_owned() } else { String::new() };
        let (left_out, lost) = (row.left_out.iter().cloned().collect(), row.lost.iter().cloned().collect());
        let differs = row.differs.iter().cloned().collect();
        Self { left_out, lost, differs, here, check: "True".to_owned(), dill }
    }

    /// Replaces each reason that contains the words in the table by these words.
    pub(super) fn matched(mut self, row: &Row) -> Self {
        for (said, found) in [(&row.left_out, &mut self.left_out), (&row.lost, &mut self.lost)] {
            for (name, words) in said {
                if let Some(reason) = found.get_mut(name).filter(|reason| reason.contains(words)) {
                    reason.clone_from(words);
                }
            }
        }
        self
    }

    /// One line for each entry, for a diff.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (title, named) in [("left out", &self.left_out), ("lost", &self.lost)] {
            named.iter().for_each(|(name, reason)| writeln!(text, "{title}: {name}: {reason}").unwrap());
        }
        self.differs.iter().for_each(|name| writeln!(text, "differs: {name}").unwrap());
        self.here.iter().for_each(|name| writeln!(text, "here: {name}").unwrap());
        writeln!(text, "check: {}\ncheck with dill: {}", self.check, self.dill).unwrap();
        text
    }
}

/// Runs the rows of each family together, but those that plain dill cannot load separately.
pub(super) fn run(interpreter: &Path, rows: &[Row], names: &Names) -> Vec<(Row, Outcome)> {
    let mut groups: BTreeMap<(&str, bool), Vec<Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((&row.family, row.lost.is_empty())).or_default().push(row.clone());
    }
    let groups: Vec<Vec<Row>> = groups.into_values().collect();
    // Two at a time, because most of the time goes into starting Pythons.
    let (left, right) = groups.split_at(groups.len() / 2);
    let run_all =
        |groups: &[Vec<Row>]| groups.iter().flat_map(|group| run_group(interpreter, group, names)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let left = scope.spawn(|| run_all(left));
        let right = run_all(right);
        left.join().unwrap().into_iter().chain(right).collect()
    })
}

fn run_group(interpreter: &Path, rows: &[Row], names: &Names) -> Vec<(Row, Outcome)> {
    match run_together(interpreter, rows, names) {
        Ok(outcomes) => rows.iter().cloned().zip(outcomes).collect(),
        Err(failure) if rows.len() == 1 => {
            vec![(rows[0].clone(), Outcome { check: failure, ..Outcome::default() })]
        }
        Err(_) => rows.iter().flat_map(|row| run_group(interpreter, std::slice::from_ref(row), names)).collect(),
    }
}

fn run_together(interpreter: &Path, rows: &[Row], names: &Names) -> Result<Vec<Outcome>, String> {
    let sandbox = Sandbox::with(interpreter.to_path_buf());
    rows.iter().flat_map(|row| &row.files).for_each(|(name, text)| drop(sandbox.write(name, text)));
    sandbox.write("script.py", rows.iter().map(|row| row.script.as_str()).collect::<String>());
    // `--verify` does not put a snapshot in place if a variable does not load.
    let verify: &[&str] =
        if rows.iter().all(|row| row.lost.is_empty()) { &["--verify", "--report", "report.json"] } else { &[] };
    require_success(&sandbox.snapcli(&[&["save", "-q"], verify, &["script.py"]].concat()))?;
    let index = sandbox.snapcli(&["inspect", "--json"]);
    require_success(&index)?;
    for row in rows.iter().filter(|row| !row.between.is_empty()) {
        sandbox.python(&["-c", &row.between]).assert_code(0);
    }
    let restored = sandbox.snapcli(&["restore", "session.pkl", "-c", &check_code(rows)]);
    require_success(&restored)?;
    let mut found = Found::new(&index.json(), &restored);
    if !verify.is_empty() {
        let report = fs::read(sandbox.work().join("report.json")).unwrap();
        let report: Value = serde_json::from_slice(&report).unwrap();
        let changes = report["verified"]["changes"].as_array().unwrap().iter();
        found.differs = changes.map(|change| change["name"].as_str().unwrap().to_owned()).collect();
    }
    if rows.iter().all(|row| row.lost.is_empty()) {
        found.dill = peer::load(&sandbox, rows);
        if rows.len() > 1 && found.dill.contains_key("raised") {
            return Err("plain dill cannot load the file".to_owned());
        }
    }
    Ok(rows.iter().map(|row| found.outcome(row, &names[&row.name])).collect())
}

fn require_success(run: &Run) -> Result<(), String> {
    if run.status.success() { Ok(()) } else { Err(run.whole()) }
}

/// Code whose last line of output lists the restored names and the result of each check. It uses no builtin that a row
/// may shadow, and interrupts a check that waits for a lock.
fn check_code(rows: &[Row]) -> String {
    let checks: BTreeMap<&str, &str> = rows.iter().map(|row| (row.name.as_str(), row.check.as_str())).collect();
    let checks = serde_json::to_string(&serde_json::to_string(&checks).unwrap()).unwrap();
    format!(
        "import builtins as _b, json as _json, signal as _signal, sys as _sys
def _too_long(number, frame):
    raise _b.TimeoutError('never ends')
_signal.signal(_signal.SIGALRM, _too_long)
def _check(code):
    _signal.alarm(2)
    try:
        return _b.repr(_b.bool(_b.eval(code, _b.globals())))
    except _b.BaseException as error:
        return _b.type(error).__name__ + ': ' + _b.str(error)
    finally:
        _signal.alarm(0)
_names = [*_b.globals()]
_checks = {{name: _check(code) for name, code in _json.loads({checks}).items()}}
_sys.stdout.write('\\nANSWER' + _json.dumps([_names, _checks]))
"
    )
}

/// The output of a save and a restore of all rows.
struct Found {
    left_out: BTreeMap<String, String>,
    lost: BTreeMap<String, String>,
    differs: BTreeSet<String>,
    names: BTreeSet<String>,
    checks: BTreeMap<String, String>,
    dill: BTreeMap<String, String>,
}

impl Found {
    fn new(index: &Value, restored: &Run) -> Self {
        let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_default().to_owned();
        let reason = |item: &Value| {
            let said = ["type", "path", "fault_type", "error", "hint"].map(|key| text(item, key));
            said.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" | ")
        };
        let left_out = index["left_out"].as_array().unwrap().iter();
        let left_out = left_out.map(|item| (text(item, "name"), reason(item))).collect();
        let (names, checks) = serde_json::from_str(restored.out().rsplit("ANSWER").next().unwrap()).unwrap();
        let said = restored.err();
        // One line names all variables with the same reason: `first (list), second (dict): reason`.
        let lost = said.lines().filter_map(|line| {
            let (what, why) = line.strip_prefix("snapcli: cannot restore ")?.split_once("): ")?;
            let names = what.split("), ").filter_map(|one| one.split(" (").next());
            Some(names.map(|name| (name.to_owned(), why.to_owned())).collect::<Vec<_>>())
        });
        let lost = lost.flatten();
        Self { left_out, lost: lost.collect(), differs: BTreeSet::new(), names, checks, dill: BTreeMap::new() }
    }

    /// The part about the names of one row.
    fn outcome(&self, row: &Row, names: &[String]) -> Outcome {
        let named = |all: &BTreeMap<String, String>| {
            names.iter().filter_map(|name| Some((name.clone(), all.get(name)?.clone()))).collect()
        };
        let of_dill = self.dill.get(&row.name).or_else(|| self.dill.get("raised"));
        Outcome {
            left_out: named(&self.left_out),
            lost: named(&self.lost),
            differs: names.iter().filter(|name| self.differs.contains(*name)).cloned().collect(),
            here: names.iter().filter(|name| self.names.contains(*name)).cloned().collect(),
            check: self.checks[&row.name].clone(),
            dill: of_dill.cloned().unwrap_or_default(),
        }
    }
}
