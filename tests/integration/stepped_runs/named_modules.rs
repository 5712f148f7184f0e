//! Runs of `-m MODULE`: each module has a store of its own, and a store knows its module.

use crate::env::Sandbox;

fn jobs(sandbox: &Sandbox) {
    for job in ["daily", "weekly"] {
        sandbox.write(&format!("jobs/{job}/run.py"), "from .steps import main\nmain()\n");
        sandbox.write(&format!("jobs/{job}/steps.py"), format!("def main(): print('{job}')\n"));
    }
}

#[test]
fn modules_of_the_same_last_name_have_stores_of_their_own() {
    let sandbox = Sandbox::new();
    jobs(&sandbox);
    sandbox.snapcli(&["run", "-m", "jobs.daily.run"]).assert_code(0).assert_stdout("daily\n");
    sandbox.snapcli(&["run", "-m", "jobs.weekly.run"]).assert_code(0).assert_stdout("weekly\n");
    let again = sandbox.snapcli(&["run", "-m", "jobs.daily.run"]);
    again.assert_code(0).assert_stdout("");
    assert!(again.err().contains("-m jobs.daily.run has finished"), "{}", again.err());
    assert!(sandbox.work().join("jobs.weekly.run.snaps").is_dir());
    let status = sandbox.snapcli(&["status", "jobs.daily.run.snaps"]).assert_code(0).out();
    assert!(status.starts_with("-m jobs.daily.run: finished"), "{status}");
}

#[test]
fn a_store_refuses_another_module_or_a_script() {
    let sandbox = Sandbox::new();
    jobs(&sandbox);
    sandbox.write("pk/__init__.py", "");
    sandbox.write("pk/__main__.py", "print('pk')\n");
    sandbox.write("script.py", "print('script')\n");
    let run = |words: &[&str]| sandbox.snapcli(&[&["run", "-o", "a.snaps"], words].concat());
    let refused = |words: &[&str], text: &str| {
        let refused = run(words);
        refused.assert_code(2).assert_stdout("");
        assert!(refused.err().contains(text), "{}", refused.err());
    };
    run(&["-m", "jobs.daily.run", "20"]).assert_code(0).assert_stdout("daily\n");
    let command = sandbox.snapcli(&["status", "--json", "a.snaps"]).json()["command"].clone();
    assert_eq!(command, serde_json::json!(["-m", "jobs.daily.run", "20"]));
    refused(&["-m", "jobs.weekly.run", "20"], "the module was jobs.daily.run, and is jobs.weekly.run");
    refused(&["script.py", "20"], "it was the module jobs.daily.run, and is the script script.py");
    run(&["--fresh", "script.py"]).assert_code(0).assert_stdout("script\n");
    refused(&["-m", "jobs.daily.run"], "and is the module jobs.daily.run");
    // A package runs its `__main__`.
    run(&["--fresh", "-m", "pk"]).assert_code(0).assert_stdout("pk\n");
    run(&["-m", "pk.__main__"]).assert_code(0).assert_stdout("");
}
