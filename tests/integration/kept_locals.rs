//! `save --locals` keeps the local variables of functions, as they are when a call ends, and changes nothing that a
//! script can see.

use crate::env::{Sandbox, Stack, main_python, pythons, venv};

fn saved(sandbox: &Sandbox, script: &str, locals: &str) -> crate::env::Run {
    sandbox.write("job.py", script);
    sandbox.snapcli(&["save", "--locals", locals, "job.py"])
}

#[test]
fn locals_become_variables_in_every_python() {
    let script = "
import sys
data = 'global'
class Trainer:
    def fit(self, rounds):
        losses = [1 / (n + 1) for n in range(rounds)]
        return losses
def main(argv):
    data = [1, 2]
    max = 7
    model = Trainer()
    scale = 2
    times = lambda x: x * scale
    model.fit(3)
    return 0
if __name__ == '__main__':
    sys.exit(main(sys.argv))
";
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let run = saved(&sandbox, script, "main,Trainer.fit");
        run.assert_code(0);
        assert!(run.err().contains("the local variable data of main is saved as main_data"), "{}", run.whole());
        let code = "data, main_data, main_max, times(4), losses, rounds, type(model).__name__, max(1, 2)";
        let read = sandbox.snapcli(&["restore", "-q", "-c", code]);
        read.assert_stdout("('global', [1, 2], 7, 8, [1.0, 0.5, 0.3333333333333333], 3, 'Trainer', 2)\n");
        let verified = sandbox.snapcli(&["save", "--verify", "--strict", "--locals", "main", "job.py"]);
        verified.assert_code(0);
    }
}

#[test]
fn every_kind_of_call_is_seen() {
    let script = "
import asyncio, sys, threading
def gen(n):
    for step in range(n): yield step
def rec(n):
    before = n
    if n: rec(n - 1)
    after = n
def fails(n):
    value = n
    raise ValueError(n)
def in_thread():
    inside = 42
async def co():
    await asyncio.sleep(0)
    late = 5
def outer():
    def inner(q): seen = q; return seen
    return [inner(i) for i in range(3)]
def quits():
    end = 26
    sys.exit(0)
list(gen(3)); rec(3)
for i in range(3):
    try: fails(i)
    except ValueError: pass
t = threading.Thread(target=in_thread); t.start(); t.join(); del t
asyncio.run(co()); outer(); quits()
";
    let functions = "gen,rec,fails,in_thread,co,outer.<locals>.inner,quits";
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        saved(&sandbox, script, functions).assert_code(0);
        let read = sandbox.snapcli(&["restore", "-q", "-c", "step, before, after, value, inside, late, seen, end"]);
        read.assert_stdout("(2, 3, 3, 2, 42, 5, 2, 26)\n");
        // Alone, too: another mechanism sees the calls then.
        for (one, name) in [("rec", "before"), ("fails", "value"), ("quits", "end"), ("gen", "step")] {
            saved(&sandbox, script, one).assert_code(0);
            sandbox.snapcli(&["restore", "-q", "-c", name]).assert_code(0);
        }
    }
}

#[test]
fn functions_of_local_modules_and_of_m_are_found() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        sandbox.write("tools.py", "class T:\n    def go(self, n):\n        inside = n + 1\n        return inside\n");
        saved(&sandbox, "import tools\ntools.T().go(5)\n", "tools:T.go").assert_code(0);
        sandbox.snapcli(&["restore", "-q", "-c", "inside"]).assert_stdout("6\n");
        sandbox.write("prog.py", "def main():\n    part = 9\nmain()\n");
        sandbox.snapcli(&["save", "--locals", "main", "-m", "prog"]).assert_code(0);
        sandbox.snapcli(&["restore", "-q", "-c", "part"]).assert_stdout("9\n");
        sandbox.snapcli(&["save", "--locals", "f", "-c", "def f():\n    z = 4\nf()"]).assert_code(0);
        sandbox.snapcli(&["restore", "-q", "-c", "z"]).assert_stdout("4\n");
    }
}

#[test]
fn an_unknown_function_stops_the_save_before_the_script_runs() {
    let sandbox = Sandbox::new();
    let run = saved(&sandbox, "print('ran')\ndef main():\n    pass\n", "mian");
    run.assert_code(2).assert_stdout("");
    assert!(run.err().contains("has no function 'mian': its functions are main"), "{}", run.whole());
}

#[test]
fn a_function_that_is_never_called_is_an_error_and_the_session_goes_beside_the_file() {
    let sandbox = Sandbox::new();
    saved(&sandbox, "x = 0\ndef main():\n    y = 2\nmain()\n", "main").assert_code(0);
    let before = std::fs::read(sandbox.work().join("session.pkl")).unwrap();
    let run = saved(&sandbox, "x = 1\ndef main():\n    y = 2\n", "main");
    assert!(run.assert_code(2).err().contains("--locals main: the function was never called"), "{}", run.whole());
    assert_eq!(run.err().matches("never called").count(), 1, "{}", run.whole());
    assert_eq!(std::fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
    sandbox.snapcli(&["restore", "-q", "session.unmatched.pkl", "-c", "x"]).assert_stdout("1\n");
    let run = saved(&sandbox, "x = 2\n", "nowhere:main");
    assert!(run.assert_code(2).err().contains("was not found in any module that ran"), "{}", run.whole());
    assert_eq!(std::fs::read(sandbox.work().join("session.pkl")).unwrap(), before);
}

#[test]
fn plain_dill_has_the_locals() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    saved(&sandbox, "def main():\n    data = [1, 2]\nmain()\n", "main").assert_code(0);
    let code = "import dill; print(dill.load_module_asdict('session.pkl')['data'])";
    sandbox.python(&["-c", code]).assert_stdout("[1, 2]\n");
}

#[test]
fn a_session_without_data_names_the_function_that_did_the_work() {
    let sandbox = Sandbox::new();
    let script = "import sys\ndef helper(): pass\ndef main():\n    data = [1]\nif __name__ == '__main__':\n    \
                  sys.exit(main())\n";
    sandbox.write("job.py", script);
    let run = sandbox.snapcli(&["save", "job.py"]);
    assert!(run.assert_code(0).err().contains(" --locals main job.py\n"), "{}", run.whole());
    for other in [format!("{script}x = 1\n"), "def main():\n    data = 1\n".to_owned(), "x = 1\n".to_owned()] {
        sandbox.write("job.py", other.replace("sys.exit(main())", "main()"));
        let run = sandbox.snapcli(&["save", "job.py"]);
        assert!(!run.assert_code(0).err().contains("--locals"), "{}", run.whole());
    }
}

#[test]
fn debuggers_profilers_and_tracebacks_work_as_without_it() {
    let script = "
import sys, traceback, cProfile
def main():
    events = []
    print(sys.getprofile(), sys.gettrace())
    def trace(frame, event, arg):
        events.append((frame.f_code.co_name, event)); return trace
    def helper(): return 1
    sys.settrace(trace); helper(); sys.settrace(None)
    print(events)
    calls = []
    sys.setprofile(lambda frame, event, arg: calls.append(event)); helper(); sys.setprofile(None)
    print(calls)
    profile = cProfile.Profile(); profile.enable(); helper(); profile.disable()
    print(len(profile.getstats()))
    print([frame.name for frame in traceback.extract_stack()])
    try: 1 / 0
    except ZeroDivisionError: print(traceback.format_exc())
main()
main()
";
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let run = saved(&sandbox, script, "main");
        let plain = sandbox.python(&["job.py"]);
        run.assert_code(0).assert_stdout(&plain.out());
        sandbox.snapcli(&["restore", "-q", "-c", "len(events) > 2"]).assert_stdout("True\n");
    }
}

#[test]
fn a_crash_has_the_locals_as_variables_and_in_its_frames() {
    let sandbox = Sandbox::new();
    let run = saved(&sandbox, "def main():\n    data = [1]\n    raise ValueError(data)\nmain()\n", "main");
    run.assert_code(1);
    sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "-c", "data"]).assert_stdout("[1]\n");
    sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "--frame", "1", "-c", "data"]).assert_stdout("[1]\n");
}
