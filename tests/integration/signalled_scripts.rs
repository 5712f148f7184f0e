//! A signal that ends a script saves it first, and a script is saved while it runs: from time to time, and on demand.
//!
//! A driver in Python starts snapcli, waits for the file `ready` that the script makes, and sends signals.

use crate::env::{Run, Sandbox, program, pythons};

const DRIVER: &str = r"
import json, os, signal, subprocess, sys, time
signals, command = sys.argv[1].split(), sys.argv[2:]
started = subprocess.Popen(command, stdin=subprocess.PIPE)
while not os.path.exists('ready') and started.poll() is None:
    time.sleep(0.01)
for name in signals:
    if name.startswith('file:'):
        while not os.path.exists(name[5:]) and started.poll() is None:
            time.sleep(0.01)
    elif name[0].isdigit():
        time.sleep(float(name))
    else:
        started.send_signal(getattr(signal, name))
code = started.wait(240)
print(json.dumps(code), file=sys.stderr)
sys.exit(0)
";

const READY: &str = "open('ready', 'w').close()\n";

/// Runs a script and sends it signals. Returns the run, and how the process ended: an exit code, or minus a signal.
fn signalled(sandbox: &Sandbox, script: &str, options: &[&str], signals: &str) -> (Run, i64) {
    sandbox.clear();
    sandbox.write("job.py", script);
    let program = program().into_string().unwrap();
    let python = sandbox.interpreter().to_str().unwrap().to_owned();
    let words = [&["-c", DRIVER, signals, &program, "--python", &python, "save"], options, &["job.py"]].concat();
    let run = sandbox.python(&words);
    let code = run.err().lines().last().unwrap_or_default().parse().unwrap_or(-99);
    (run, code)
}

fn read(sandbox: &Sandbox, file: &str, options: &[&str], code: &str) -> String {
    let words = [&["restore", "-q", file], options, &["-c", code]].concat();
    sandbox.snapcli(&words).assert_code(0).out()
}

#[test]
fn sigterm_and_sighup_save_what_the_script_has_and_end_it() {
    let busy = format!("def main():\n    n = 7\n    {READY}    while True: n += 0\nx = 5\nmain()\n");
    let waiting = [
        "import time\n    time.sleep(300)",
        "import threading\n    lock = threading.Lock(); lock.acquire(); lock.acquire()",
        "input()",
        "import subprocess\n    subprocess.run(['sleep', '300'], stdout=-3, stderr=-3)",
        "import threading\n    def spin():\n        while True: pass\n    \
         t = threading.Thread(target=spin, daemon=True)\n    t.start(); t.join()",
        "import select\n    select.select([], [], [], 300)",
    ];
    let waits = |code: &str| format!("x = 5\ndef main():\n    n = 7\n    {READY}    {code}\nmain()\n");
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for (name, number) in [("SIGTERM", 15), ("SIGHUP", 1)] {
            let (run, code) = signalled(&sandbox, &busy, &[], name);
            assert_eq!(code, -number, "{}", run.whole());
            assert!(run.err().contains(&format!("snapcli: {name} ended the script; saved")), "{}", run.whole());
            assert_eq!(read(&sandbox, "session.crash.pkl", &["--frame", "1"], "x, n"), "(5, 7)\n");
        }
        for code in waiting {
            let (run, end) = signalled(&sandbox, &waits(code), &[], "0.3 SIGTERM");
            assert_eq!(end, -15, "{}", run.whole());
            assert_eq!(read(&sandbox, "session.crash.pkl", &["--frame", "1"], "x, n"), "(5, 7)\n");
            let json = sandbox.snapcli(&["inspect", "--json", "session.crash.pkl"]).json();
            assert_eq!(
                (json["script"]["ended"]["how"].as_str(), &json["script"]["ended"]["exit"]),
                (Some("signal"), &143.into())
            );
        }
    }
}

#[test]
fn a_handler_of_the_script_that_keeps_a_signal_from_saving_is_noted() {
    let sandbox = Sandbox::new();
    let note = "snapcli: note: --on-signal USR1: the script handles SIGUSR1 itself, so it saves nothing";
    let of_term = "the script handles SIGTERM itself";
    for (code, options, notes) in [
        ("import signal\nsignal.signal(signal.SIGUSR1, print)", &["--on-signal", "USR1"][..], 1),
        ("import signal\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)", &["--on-signal", "USR1,USR2"], 1),
        ("import faulthandler, sys\nfaulthandler.register(10, file=sys.__stderr__)", &["--on-signal", "USR1"], 1),
        ("import signal\nsignal.signal(signal.SIGUSR1, print)", &["--on-signal", "USR2"], 0),
        ("import signal\nsignal.signal(signal.SIGTERM, print)", &[], 0),
        ("import signal\nsignal.getsignal(signal.SIGUSR1)", &["--on-signal", "USR1"], 0),
    ] {
        sandbox.write("job.py", format!("{code}\nx = 1\n"));
        let run = sandbox.snapcli(&[&["save"], options, &["job.py"]].concat());
        assert_eq!(run.assert_code(0).err().matches(note).count(), notes, "{code} {options:?}\n{}", run.whole());
        assert!(!run.err().contains(of_term), "{}", run.whole());
    }
    sandbox.write("job.py", "import signal\nsignal.signal(signal.SIGTERM, print)\nx = 1\n");
    let run = sandbox.snapcli(&["save", "-v", "job.py"]);
    assert!(run.err().contains(of_term), "{}", run.whole());
}

#[test]
fn the_same_signal_twice_in_a_moment_is_one_request() {
    // `timeout` sends it to the process and to its group.
    let sandbox = Sandbox::new();
    let script = format!("x = [str(n) for n in range(300_000)]\n{READY}while True: pass\n");
    let (run, code) = signalled(&sandbox, &script, &[], "SIGTERM SIGTERM");
    assert_eq!(code, -15, "{}", run.whole());
    assert_eq!(read(&sandbox, "session.crash.pkl", &[], "len(x)"), "300000\n");
}

#[test]
fn a_second_signal_ends_the_script_at_once() {
    let sandbox = Sandbox::new();
    // A call of C that holds the GIL, which no signal interrupts.
    let script = format!("{READY}sum(range(10 ** 13))\n");
    let (run, code) = signalled(&sandbox, &script, &[], "SIGTERM 0.6 SIGTERM");
    assert_eq!(code, -15, "{}", run.whole());
    assert!(!sandbox.work().join("session.crash.pkl").exists());
    assert_eq!(std::fs::read_dir(sandbox.work()).unwrap().count(), 2, "job.py and ready");
}

#[test]
fn a_script_in_a_call_of_c_ends_after_the_time_of_grace() {
    let sandbox = Sandbox::new();
    let script = format!("{READY}sum(range(10 ** 13))\n");
    // The file is there some time before the call.
    let (run, code) = signalled(&sandbox, &script, &[], "1 SIGTERM");
    assert_eq!(code, -15, "{}", run.whole());
    assert!(run.err().contains("nothing was saved: the script is in a call of C code"), "{}", run.whole());
}

#[test]
fn scripts_see_and_keep_their_own_handlers() {
    let script = "
import os, signal, subprocess, sys, time
print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGUSR1))
look = \"import signal; print(open('/proc/self/status').read().split('SigCgt:')[1].split()[0])\"
subprocess.run([sys.executable, '-c', look])
sys.stdout.flush()
child = os.fork()
if not child:
    open('child', 'w').close()
    time.sleep(300)
    os._exit(0)
while not os.path.exists('child'): time.sleep(0.01)
os.kill(child, signal.SIGTERM)
print(os.waitpid(child, 0)[1], os.path.exists('session.crash.pkl'))
got = []
print(signal.signal(signal.SIGTERM, lambda number, frame: got.append(number)))
os.kill(os.getpid(), signal.SIGTERM)
print(got)
";
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        sandbox.write("job.py", script);
        let plain = sandbox.python(&["job.py"]);
        plain.assert_code(0);
        std::fs::remove_file(sandbox.work().join("child")).unwrap();
        sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(0).assert_stdout(&plain.out());
    }
}

#[test]
fn an_ignored_sighup_stays_ignored() {
    let sandbox = Sandbox::new();
    let script = format!("import os, time\n{READY}while not os.path.exists('go'): time.sleep(0.01)\nx = 1\n");
    sandbox.write("job.py", script);
    let program = env!("CARGO_BIN_EXE_snapcli");
    let code = format!(
        "import os, signal, subprocess, time\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
         p = subprocess.Popen([{program:?}, '--python', {:?}, 'save', 'job.py'])\n\
         while not os.path.exists('ready'): time.sleep(0.01)\n\
         p.send_signal(signal.SIGHUP)\nopen('go', 'w').close()\nprint(p.wait())\n",
        sandbox.interpreter().display()
    );
    sandbox.python(&["-c", &code]).assert_stdout("0\n");
    assert_eq!(read(&sandbox, "session.pkl", &[], "x"), "1\n");
}

#[test]
fn a_running_script_is_saved_on_demand_and_goes_on() {
    let script = format!(
        "import os, time\nstate = {{'step': 1}}\ndef main():\n    inner = 3\n    {READY}\
         \x20   while not os.path.exists('go'): time.sleep(0.01)\nmain()\nstate['step'] = 2\n"
    );
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        // The snapshot is copied away before the script may end.
        let copy = "import os, shutil, time\nwhile not os.path.exists('session.running.pkl'): time.sleep(0.01)\n\
                    shutil.copy('session.running.pkl', 'kept.pkl')\nopen('go', 'w').close()\n";
        let script = script.replace(
            READY,
            &format!("import subprocess, sys; subprocess.Popen([sys.executable, '-c', {copy:?}])\n    {READY}"),
        );
        let (run, code) = signalled(&sandbox, &script, &["--on-signal", "USR1"], "SIGUSR1");
        assert_eq!(code, 0, "{}", run.whole());
        assert!(run.err().contains("to session.running.pkl"), "{}", run.whole());
        assert_eq!(read(&sandbox, "kept.pkl", &["--frame", "1"], "state, inner"), "({'step': 1}, 3)\n");
        assert_eq!(read(&sandbox, "session.pkl", &[], "state"), "{'step': 2}\n");
        assert!(!sandbox.work().join("session.running.pkl").exists());
    }
}

#[test]
fn a_script_that_is_killed_leaves_its_last_running_snapshot() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        let script = format!("import time\nn = 0\n{READY}while True:\n    n += 1\n    time.sleep(0.001)\n");
        let (run, code) = signalled(&sandbox, &script, &["--every", "0.2s"], "file:session.running.pkl SIGKILL");
        assert_eq!(code, -9, "{}", run.whole());
        assert_eq!(read(&sandbox, "session.running.pkl", &[], "n > 1"), "True\n");
    }
}

#[test]
fn a_script_that_waits_is_saved_as_well() {
    let sandbox = Sandbox::new();
    let script = format!("import time\nx = 3\n{READY}time.sleep(300)\n");
    let (run, code) = signalled(&sandbox, &script, &["--every", "0.2s"], "file:session.running.pkl SIGKILL");
    assert_eq!(code, -9, "{}", run.whole());
    assert_eq!(read(&sandbox, "session.running.pkl", &[], "x"), "3\n");
}

#[test]
fn wrong_times_and_signals_are_usage_errors() {
    let sandbox = Sandbox::new();
    for options in [
        ["--every", "10"],
        ["--every", "0s"],
        ["--every", "5x"],
        ["--on-signal", "KILL"],
        ["--on-signal", "FOO"],
        ["--on-signal", "9"],
    ] {
        let run = sandbox.snapcli(&[&["save"], &options[..], &["-c", "print(1)"]].concat());
        run.assert_code(2).assert_stdout("");
    }
    let run = sandbox.snapcli(&["save", "-o", "-", "--every", "1s", "-c", "x = 1"]);
    assert!(run.assert_code(2).err().contains("need a file"), "{}", run.whole());
}

/// A session that sends signals once to its own process when it is pickled.
fn signals_while_saved(body: &str) -> String {
    format!(
        "import os, signal, time\nsent = []\nclass Asks:\n    def __reduce__(self):\n        if not sent:\n            \
         sent.append(1)\n            {body}\n        return int, ()\nasks = Asks()\nlast = 7\n"
    )
}

#[test]
fn a_signal_during_the_last_save_ends_the_process_after_it() {
    for python in pythons() {
        let sandbox = Sandbox::with(python.executable.clone());
        for (name, number) in [("SIGTERM", 15), ("SIGHUP", 1)] {
            let kill = format!("os.kill(os.getpid(), signal.{name})");
            for body in [kill.clone(), format!("{kill}; {kill}")] {
                let (run, code) = signalled(&sandbox, &signals_while_saved(&body), &[], "");
                assert_eq!(code, -number, "{}", run.whole());
                assert_eq!(read(&sandbox, "session.pkl", &[], "last"), "7\n", "{}", run.whole());
            }
        }
    }
}

#[test]
fn a_second_signal_during_the_last_save_ends_it_with_a_message() {
    let sandbox = Sandbox::new();
    let body = "os.kill(os.getpid(), signal.SIGTERM); time.sleep(0.6); os.kill(os.getpid(), signal.SIGTERM)";
    let (run, code) = signalled(&sandbox, &signals_while_saved(body), &[], "");
    assert_eq!(code, -15, "{}", run.whole());
    assert!(run.err().contains("interrupted while saving: nothing was written"), "{}", run.whole());
    assert!(!sandbox.work().join("session.pkl").exists());
}
