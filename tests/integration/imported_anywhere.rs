//! `import snapcli` in processes that snapcli has not started: prompts, threads, child processes and event loops.

use std::time::Duration;

use crate::env::{Sandbox, Stack, Tier, engine_package, main_python, pythons, venv};

/// A session of functions and data, and a check of it.
const SESSION: &str = "
import threading
factor = 2
def double(x): return x * factor
class Point:
    def __init__(self, x): self.x = x
    def grow(self): return double(self.x)
point = Point(20)
";
const CHECK: &str = "
import snapcli
names = snapcli.load_dict(FILE)
names['factor'] = 3
print(names['point'].grow(), names['double'].__globals__ is names)
";

/// Checks that the file has the session.
#[track_caller]
fn assert_session(sandbox: &Sandbox, file: &str) {
    let check = CHECK.replace("FILE", &format!("{file:?}"));
    sandbox.call_importing(&["-c", &check]).run().assert_stderr("").assert_stdout("60 True\n");
}

#[test]
fn a_plain_python_saves_and_restores() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        let saves = format!("import snapcli\n{SESSION}\nprint(snapcli.save('a.pkl').lost)\n");
        sandbox.call_importing(&["-c", &saves]).run().assert_stderr("").assert_stdout("{}\n");
        assert_session(&sandbox, "a.pkl");
        let restores = "import snapcli; snapcli.restore('a.pkl'); print(point.grow())";
        sandbox.call_importing(&["-c", restores]).run().assert_stderr("").assert_stdout("40\n");
        // The command reads the file as well.
        sandbox.snapcli(&["restore", "a.pkl", "-c", "point.grow()"]).assert_stdout("40\n");
    }
}

#[test]
fn a_script_keeps_the_lines_of_its_definitions() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        format!("import snapcli\n{SESSION}\nlock = memoryview(b'x')\nprint(snapcli.save('a.pkl'))"),
    );
    let run = sandbox.call_importing(&["script.py"]).run();
    assert!(run.out().contains("lock (memoryview, line 11)"), "{}", run.whole());
    let found = sandbox.snapcli(&["inspect", "--json", "a.pkl"]).json();
    assert_eq!(found["script"]["kind"], "script", "{found}");
    assert!(found["script"]["path"].as_str().unwrap().ends_with("work/script.py"), "{found}");
}

#[test]
fn a_prompt_saves_its_own_names() {
    let sandbox = Sandbox::new();
    let typed = "x = 1\nimport snapcli\ndef f(): return x\n\nr = snapcli.save('prompt.pkl')\n";
    let run = sandbox.call_importing(&["-i", "-q"]).stdin(typed).run();
    run.assert_code(0);
    let restores = "import snapcli; snapcli.restore('prompt.pkl'); print(f(), 'r' in globals())";
    sandbox.call_importing(&["-c", restores]).run().assert_stdout("1 False\n");
    // A console within a program has a namespace of its own, which is filled again.
    let script = "import code\nouter = 1\nconsole = code.InteractiveConsole({'__name__': '__console__'})\n\
                  for line in ('mine = 2', 'def f(): return mine', '', 'import snapcli',\n\
                  \x20            'snapcli.save(\"c.pkl\").saved',\n\
                  \x20            'mine = f = None', 'snapcli.restore(\"c.pkl\").restored', 'mine = 5', 'f()'):\n\
                  \x20   console.push(line)\nprint('mine' in globals())\n";
    sandbox
        .call_importing(&["-c", script])
        .run()
        .assert_stderr("")
        .assert_stdout("['mine', 'f', 'snapcli']\n['mine', 'f', 'snapcli']\n5\nFalse\n");
}

#[test]
fn code_that_exec_runs_is_a_session_of_its_own() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        for start in ["{}", "{'__name__': '__main__'}", "{'__name__': 'session_7'}"] {
            let script = format!(
                "import snapcli\nfactor = 100\nnames = {start}\nexec({SESSION:?}, names)\n\
                 print(snapcli.save('a.pkl', names).lost)\n\
                 back = snapcli.load_dict('a.pkl')\nback['factor'] = 5\n\
                 print(back['point'].grow(), type(back['point']) is back['Point'], names['point'].grow())\n\
                 print(snapcli.save('b.pkl', back).lost)\n\
                 exec('import snapcli; snapcli.save(\"c.pkl\")', names)\n"
            );
            let run = sandbox.call_importing(&["-c", &script]).run();
            run.assert_stderr("").assert_stdout("{}\n100 True 40\n{}\n");
            assert_session(&sandbox, "a.pkl");
            assert_session(&sandbox, "b.pkl");
            assert_session(&sandbox, "c.pkl");
        }
    }
}

#[test]
fn a_thread_saves_and_restores() {
    let sandbox = Sandbox::new();
    let script = format!(
        "import snapcli\n{SESSION}\n\
         class Odd:\n    def __reduce__(self): return Odd, ()\nodd = Odd()\n\
         def work():\n    report = snapcli.save('a.pkl')\n    print(report.complete, [n for n in report.notes])\n\
         \x20   print(snapcli.restore('a.pkl').complete)\n\
         def start():\n    thread = threading.Thread(target=work); thread.start(); thread.join()\nstart()\n"
    );
    let run = sandbox.call_importing(&["-c", &script]).run();
    run.assert_stderr("").assert_code(0);
    assert!(run.out().starts_with("True ["), "{}", run.whole());
    assert!(run.out().ends_with("]\nTrue\n"), "{}", run.whole());
    assert_session(&sandbox, "a.pkl");
}

#[test]
fn saves_of_many_threads_disturb_nothing() {
    let sandbox = Sandbox::new();
    let script = format!(
        "import snapcli, sys, warnings, gc, threading\nfrom concurrent.futures import ThreadPoolExecutor\n\
         before = (list(sys.path), sys.path, list(warnings.filters), gc.isenabled())\n\
         def one(number):\n    names = {{}}\n    exec({SESSION:?}, names)\n    names['number'] = number\n\
         \x20   names['view'] = {{1: 2}}.keys()\n\
         \x20   data = snapcli.save(None, names).data\n    back = snapcli.load_dict(data)\n\
         \x20   assert back['number'] == number and back['point'].grow() == 40\n    return len(data)\n\
         with ThreadPoolExecutor(16) as pool: print(len(list(pool.map(one, range(100)))))\n\
         after = (list(sys.path), sys.path, list(warnings.filters), gc.isenabled())\n\
         print(before[0] == after[0], before[1] is after[1], before[2] == after[2], after[3])\n"
    );
    let run = sandbox.call_importing(&["-c", &script]).run();
    run.assert_stderr("").assert_stdout("100\nTrue True True True\n");
}

#[test]
fn other_threads_run_while_a_large_array_is_written() {
    let sandbox = Sandbox::new();
    let script = "
import snapcli, threading, time, numpy
big = numpy.zeros(25_000_000)
longest, last, going = 0.0, time.perf_counter(), True
def tick():
    global longest, last
    while going:
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
        time.sleep(0.001)
thread = threading.Thread(target=tick); thread.start()
time.sleep(0.05)
longest = 0.0
started = time.perf_counter()
snapcli.save('big.pkl', {'big': big})
took = time.perf_counter() - started
pause = longest
going = False
thread.join()
print(pause < max(0.5 * took, 0.1), pause, took)
";
    let run = sandbox.call_importing(&["-c", script]).run();
    assert!(run.out().starts_with("True"), "{}", run.whole());
}

#[test]
fn child_processes_save_also_after_a_fork_of_one_that_has_saved() {
    let methods = match Tier::chosen() {
        Tier::Quick => ["fork", "spawn"].as_slice(),
        Tier::Full => ["fork", "spawn", "forkserver"].as_slice(),
    };
    let sandbox = Sandbox::new();
    for method in methods {
        let script = format!(
            "import multiprocessing, snapcli, numpy\n\
             def work(file):\n    names = {{}}\n    exec({SESSION:?}, names)\n\
             \x20   names['big'] = numpy.zeros(1_000_000)\n\
             \x20   report = snapcli.save(file, names)\n    names = snapcli.load_dict(file)\n\
             \x20   assert names['point'].grow() == 40, names\n    return report.complete\n\
             if __name__ == '__main__':\n    multiprocessing.set_start_method('{method}')\n    work('parent.pkl')\n\
             \x20   with multiprocessing.Pool(2) as pool:\n\
             \x20       print(pool.map(work, ['{method}1.pkl', '{method}2.pkl']))\n"
        );
        sandbox.write("script.py", script);
        let run = sandbox.call_importing(&["script.py"]).timeout(Duration::from_secs(120)).run();
        run.assert_stderr("").assert_stdout("[True, True]\n");
        assert_session(&sandbox, &format!("{method}2.pkl"));
    }
}

#[test]
fn a_worker_of_loky_saves() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = format!(
        "from joblib import Parallel, delayed\n\
         def work(file):\n    import snapcli\n    names = {{}}\n    exec({SESSION:?}, names)\n\
         \x20   return snapcli.save(file, names).complete\n\
         if __name__ == '__main__':\n\
         \x20   print(Parallel(n_jobs=2, backend='loky')(delayed(work)(file) for file in ('a.pkl', 'b.pkl')))\n"
    );
    sandbox.write("script.py", script);
    sandbox.call_importing(&["script.py"]).run().assert_stdout("[True, True]\n");
    assert_session(&sandbox, "b.pkl");
}

#[test]
fn an_event_loop_is_not_forked() {
    let sandbox = Sandbox::new();
    let script = "
import asyncio, os, snapcli
forks = []
os.register_at_fork(before=lambda: forks.append(1))
class Odd:
    def __getstate__(self): return 1
    def __setstate__(self, state): pass
odd = Odd()
async def main():
    return snapcli.save('a.pkl'), snapcli.save('b.pkl', check=False), snapcli.save('c.pkl', check=True)
for report in asyncio.run(main()):
    print(report.notes)
print(len(forks))
";
    sandbox.call_importing(&["-c", script]).run().assert_stderr("").assert_stdout(
        "['odd: not checked by loading it: an event loop is running (check=True checks it all the same)']\n[]\n[]\n1\n",
    );
}

#[test]
fn a_signal_handler_runs_while_a_thread_saves() {
    let sandbox = Sandbox::new();
    let script = "
import os, signal, snapcli, threading, time, numpy
big = numpy.zeros(10_000_000)
seen = []
signal.signal(signal.SIGTERM, lambda *_: seen.append('TERM'))
done = []
def work():
    done.append(snapcli.save('a.pkl', {'big': big}).complete)
thread = threading.Thread(target=work); thread.start()
os.kill(os.getpid(), signal.SIGTERM)
thread.join()
print(seen, done, snapcli.verify('a.pkl')['whole'], signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
try:
    signal.raise_signal(signal.SIGINT)
    time.sleep(1)
except KeyboardInterrupt:
    print('interrupted')
";
    sandbox
        .call_importing(&["-c", script])
        .run()
        .assert_stderr("")
        .assert_stdout("['TERM'] [True] True True\ninterrupted\n");
}

#[test]
fn other_interpreters_are_refused_by_name() {
    let sandbox = Sandbox::new();
    let script = "
import sys
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
other = interpreters.create()
code = 'try: import snapcli\\nexcept ImportError as error: print(error, flush=True)'
interpreters.run_string(other, 'import sys; sys.path = ' + repr(sys.path) + '\\n' + code)
import types
sys.implementation = types.SimpleNamespace(**{**vars(sys.implementation), 'name': 'pypy'})
try: import snapcli
except ImportError as error: print(error)
";
    sandbox.call_importing(&["-c", script]).run().assert_stderr("").assert_stdout(
        "snapcli does not run in a subinterpreter: import it in the main interpreter\n\
         snapcli needs CPython, and this is pypy\n",
    );
}

#[test]
fn the_import_changes_nothing_and_imports_nothing() {
    let sandbox = Sandbox::new();
    let script = "
import sys
before = set(sys.modules)
import snapcli
print(sorted(name for name in set(sys.modules) - before if 'interpreters' not in name))
print(snapcli.__version__, sorted(name for name in dir(snapcli) if not name.startswith('_')))
";
    let run = sandbox.call_importing(&["-c", script]).run();
    assert!(engine_package().join("snapcli/__init__.py").exists());
    let names = "['BackgroundSave', 'Lost', 'Report', 'RestoreReport', 'diff', 'dump', 'dumps', 'inspect', 'load', \
                 'load_dict', 'load_ipython_extension', 'loads', 'replay', 'restore', 'save', \
                 'unload_ipython_extension', 'verify']";
    run.assert_stdout(&format!("['snapcli', 'snapcli._engine']\n{} {names}\n", env!("CARGO_PKG_VERSION")));
}
