//! A failing object loses only the variables that hold it. Each object of a session fails in turn, in many ways, and
//! the snapshot is compared with the session without those variables. See `suites/faults.py`.

use crate::env::{Python, Run, Sandbox, Stack, main_python, pythons, venv};

const SUITE: [(&str, &str); 5] = [
    ("canonical.py", include_str!("suites/canonical.py")),
    ("fuses.py", include_str!("suites/fuses.py")),
    ("faults_session.py", include_str!("suites/faults_session.py")),
    ("faults.py", include_str!("suites/faults.py")),
    ("faults_check.py", include_str!("suites/faults_check.py")),
];

fn save(sandbox: &Sandbox, number: usize, mode: &str) -> Run {
    let file = format!("{number}-{mode}.pkl");
    let run = sandbox.snapcli(&["save", "-q", "--whole", "-o", &file, "faults.py", &number.to_string(), mode]);
    run.assert_code(0);
    run
}

/// Saves the session once for every `step`-th call that can fail. Returns the output of faults.py for each file.
fn save_each(sandbox: &Sandbox, step: usize) -> Vec<String> {
    let calls = save(sandbox, 0, "persistent").json()["calls"].as_u64().unwrap();
    assert!(calls > 20, "only {calls} calls");
    let saves = (1..=calls as usize).step_by(step).enumerate();
    // The modes alternate.
    saves.map(|(turn, number)| save(sandbox, number, ["persistent", "once"][turn % 2]).out()).collect()
}

/// Lets the script save all of them by itself, if this build has `snapcli.save`.
fn save_all(sandbox: &Sandbox) -> Option<Vec<String>> {
    let probe = "import snapcli; print(hasattr(snapcli, 'save'))";
    if sandbox.snapcli(&["save", "-q", "-c", probe]).assert_code(0).out() != "True\n" {
        return None;
    }
    let run = sandbox.snapcli(&["save", "-q", "faults.py", "0", "all"]);
    Some(run.assert_code(0).out().lines().map(|line| format!("{line}\n")).collect())
}

#[test]
fn whichever_object_fails_the_rest_is_saved_unchanged() {
    let is_main = |python: &Python| python.executable == main_python().executable;
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        SUITE.iter().for_each(|(name, text)| drop(sandbox.write(name, text)));
        let saved = save_all(&sandbox).unwrap_or_else(|| save_each(&sandbox, if is_main(python) { 1 } else { 5 }));
        let count = format!("{} sessions are what they should be\n", saved.len());
        sandbox.call_python(&["faults_check.py"]).stdin(saved.concat()).run().assert_stdout(&count);
        for line in saved.iter().step_by(saved.len().div_ceil(if is_main(python) { 25 } else { 5 })) {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let restore = ["restore", case["file"].as_str().unwrap(), "faults_check.py", "restored"];
            let run = sandbox.call_snapcli(&restore).stdin(line.as_str()).run();
            run.assert_stdout("1 sessions are what they should be\n");
        }
    }
}
