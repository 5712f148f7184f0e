//! A script that sets a handler of SIGTERM and takes it away again is saved by SIGTERM as before, and sees no
//! difference from plain Python. A signal to all processes of a job ends a save after the session is in place.

use crate::env::{Run, Sandbox, program, pythons};

const PRELUDE: &str = "import os, signal, sys\ndef handle(*_): pass\ndata = [1, 2]\n";
const END: &str = "\nprint(signal.getsignal(signal.SIGTERM))\nos.kill(os.getpid(), signal.SIGTERM)\n";

/// Each takes its handler away again.
const SCRIPTS: [&str; 7] = [
    "old = signal.signal(signal.SIGTERM, handle); print(old); signal.signal(signal.SIGTERM, old)",
    "signal.signal(signal.SIGTERM, handle); print(signal.signal(signal.SIGTERM, signal.SIG_DFL) is handle)",
    "import asyncio\nasync def main():\n    loop = asyncio.get_running_loop()\n    \
     loop.add_signal_handler(signal.SIGTERM, handle)\n    print(loop.remove_signal_handler(signal.SIGTERM))\n\
     asyncio.run(main())",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.kill(os.getpid(), signal.SIGTERM)\n\
     print(signal.signal(signal.SIGTERM, signal.SIG_DFL))",
    "signal.siginterrupt(signal.SIGTERM, True); signal.siginterrupt(signal.SIGTERM, False)",
    // A library in C.
    "import ctypes\nlibc = ctypes.CDLL(None)\naction = ctypes.create_string_buffer(300)\n\
     libc.sigaction(15, None, action)\nprint(any(action.raw[:8]))\nsignal.signal(signal.SIGTERM, handle)\n\
     signal.signal(signal.SIGTERM, signal.SIG_DFL)\nlibc.sigaction(15, action, None)\n\
     libc.sigaction(15, None, action)\nprint(any(action.raw[:8]))\ndel libc, action",
    "import multiprocessing, subprocess\nif __name__ == '__main__':\n    \
     with multiprocessing.get_context('fork').Pool(1) as pool: print(pool.map(abs, [-1]))\n    \
     code = 'import signal; print(signal.getsignal(signal.SIGTERM))'\n    \
     print(subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout)",
];

#[test]
fn a_handler_that_was_taken_away_leaves_the_script_protected() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for script in SCRIPTS {
            sandbox.clear();
            sandbox.write("job.py", format!("{PRELUDE}{script}\nsys.stdout.flush(){END}"));
            let plain = sandbox.python(&["-u", "job.py"]);
            assert_eq!(plain.ending(), "signal 15", "{}", plain.whole());
            let run = sandbox.call_snapcli(&["save", "job.py"]).env("PYTHONUNBUFFERED", "1").run();
            assert_eq!(run.ending(), "signal 15", "{}", run.whole());
            run.assert_stdout(&plain.out());
            let data = sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "-c", "data"]);
            data.assert_code(0).assert_stdout("[1, 2]\n");
        }
    }
}

#[test]
fn a_handler_that_stays_is_the_one_that_counts() {
    let sandbox = Sandbox::new();
    let script = format!("{PRELUDE}signal.signal(signal.SIGTERM, lambda *_: sys.exit(3)){END}");
    sandbox.write("job.py", &script);
    sandbox.snapcli(&["save", "job.py"]).assert_code(3);
}

#[test]
fn a_script_whose_processor_time_is_up_is_saved() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let script = "import resource\nx = 5\nresource.setrlimit(resource.RLIMIT_CPU, (1, 100))\nwhile True: pass\n";
        sandbox.write("job.py", script);
        let run = sandbox.snapcli(&["save", "job.py"]);
        assert_eq!(run.ending(), "signal 24", "{}", run.whole());
        assert!(run.err().contains("SIGXCPU ended the script; saved"), "{}", run.whole());
        sandbox.snapcli(&["restore", "-q", "session.crash.pkl", "-c", "x"]).assert_stdout("5\n");
    }
}

/// Sends SIGTERM to the group of a save when its check in another process has made the file `loading`.
const DRIVER: &str = r"
import json, os, signal, subprocess, sys, time
started = subprocess.Popen(sys.argv[1:], start_new_session=True)
while not os.path.exists('loading') and started.poll() is None: time.sleep(0.01)
os.killpg(started.pid, signal.SIGTERM)
print(json.dumps(started.wait()), file=sys.stderr)
";

fn signalled_group(sandbox: &Sandbox, options: &[&str]) -> (Run, i64) {
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let run = sandbox.python(&[&["-c", DRIVER, &program, "--python", &python, "save"], options, &["job.py"]].concat());
    let code = run.err().lines().last().unwrap_or_default().parse().unwrap_or(-99);
    (run, code)
}

#[test]
fn sigterm_to_a_whole_job_during_the_check_of_a_save_leaves_the_session() {
    let slow = "import os, sys, time\n\
                if os.getpid() != int(os.environ.setdefault('FIRST_PROCESS', str(os.getpid()))):\n    \
                open('loading', 'w').close()\n    time.sleep(300)\nclass Item: pass\n";
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        sandbox.write("slow.py", slow);
        sandbox.write("job.py", "import slow\nitem = slow.Item()\nx = 7\n");
        let (run, code) = signalled_group(&sandbox, &["--verify"]);
        assert_eq!(code, -15, "{}", run.whole());
        assert!(sandbox.work().join("loading").exists(), "{}", run.whole());
        assert!(run.err().contains("not verified, because a signal ends the process"), "{}", run.whole());
        sandbox.snapcli(&["restore", "-q", "--only", "x", "session.pkl", "-c", "x"]).assert_stdout("7\n");
    }
}

/// The snapshots of a running script and of a crash keep those of another script, as `session.pkl` does.
#[test]
fn the_crash_of_another_script_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.write("one.py", "x = 1\n1 / 0\n");
    sandbox.write("two.py", "x = 2\n1 / 0\n");
    sandbox.snapcli(&["save", "one.py"]).assert_code(1);
    let run = sandbox.snapcli(&["save", "two.py"]);
    assert!(
        run.err().contains("session.crash.pkl was made by one.py: it is now session.crash.1.pkl"),
        "{}",
        run.whole()
    );
    for (file, value) in [("session.crash.1.pkl", "1\n"), ("session.crash.pkl", "2\n")] {
        sandbox.snapcli(&["restore", "-q", file, "-c", "x"]).assert_stdout(value);
    }
    // The same script again replaces its own.
    sandbox.snapcli(&["save", "two.py"]).assert_code(1);
    assert!(!sandbox.work().join("session.crash.2.pkl").exists());
}
