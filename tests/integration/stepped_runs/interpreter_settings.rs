//! What a script sets in the interpreter and in the standard library comes back, or is named at the checkpoint.

use super::{STEPS, assert_comes_back};
use crate::env::Sandbox;

#[test]
fn settings_of_the_interpreter_come_back() {
    for (set, end) in [
        ("import os\nos.umask(0o077)", "open('made', 'w').close()\nprint(os.stat('made').st_mode)"),
        ("import gc\ngc.disable()\ngc.set_threshold(50, 3, 4)", "print(gc.isenabled(), gc.get_threshold())"),
        (
            "import sys\nsys.setswitchinterval(0.5)\nsys.tracebacklimit = 3",
            "print(sys.getswitchinterval(), sys.tracebacklimit)",
        ),
        ("import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()", "print(time.tzname, time.localtime(0)[3])"),
        (
            "import os\nos.environ['PATH'] = '/own'\ndel os.environ['HOME']",
            "print(os.environ['PATH'], 'HOME' in os.environ)",
        ),
        ("import threading\nthreading.stack_size(1 << 20)", "print(threading.stack_size())"),
        (
            "import sys\nsys.stdout.reconfigure(encoding='latin-1', line_buffering=True)",
            "print(sys.stdout.encoding, sys.stdout.line_buffering)",
        ),
        (
            "import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_IGN)\nsignal.setitimer(signal.ITIMER_PROF, 900)",
            "print(signal.getsignal(signal.SIGUSR2), signal.getitimer(signal.ITIMER_PROF)[0] > 800)",
        ),
    ] {
        assert_comes_back(set, end);
    }
}

#[test]
fn hooks_and_streams_come_back() {
    for (set, end) in [
        (
            "import sys\nclass Tee:\n    def __init__(self, file):\n        self.file = file\n    \
             def write(self, text):\n        \
             return self.file.write('T:' + text)\n    def flush(self):\n        self.file.flush()\n\
             sys.stdout = Tee(sys.stdout)",
            "print('end')",
        ),
        (
            "import io, sys\nsys.stdout = io.StringIO()\nprint('first')",
            "print('last')\nsys.__stdout__.write(sys.stdout.getvalue())",
        ),
        (
            "import sys\ndef hook(*_):\n    pass\nsys.excepthook = sys.unraisablehook = hook",
            "print(sys.excepthook is hook)",
        ),
        ("import warnings\nwarnings.showwarning = lambda text, *_: print('shown', text)", "warnings.warn('this')"),
        ("import builtins\nbuiltins.own = [1]", "print(own)"),
        (
            "import signal\nclass Own:\n    seen = 0\n    def note(self, *_):\n        self.seen += 1\nit = Own()\n\
             signal.signal(signal.SIGUSR2, it.note)",
            "_os.kill(_os.getpid(), signal.SIGUSR2)\nprint(it.seen)",
        ),
        (
            "import logging, sys\nclass No(logging.Filter):\n    def filter(self, record):\n        \
             return 'no' not in record.getMessage()\n\
             logging.basicConfig(stream=sys.stdout, level=1, format='%(message)s')\n\
             logging.root.addFilter(No())\nlogging.captureWarnings(True)\nlogging.addLevelName(25, 'NOTICE')",
            "import warnings\nlogging.info('no')\nlogging.info('yes')\nprint(logging.getLevelName(25), \
             logging._warnings_showwarning is not None)",
        ),
    ] {
        assert_comes_back(set, end);
    }
}

#[test]
fn functions_of_atexit_are_registered_again() {
    assert_comes_back(
        "import atexit\ndef bye(n):\n    print('bye', n)\natexit.register(bye, 5)\natexit.register(print, 'first')",
        "",
    );
    assert_comes_back(
        "import atexit\nseen = []\n@atexit.register\ndef bye():\n    print(seen)\natexit.register(bye)",
        "seen.append(1)",
    );
}

#[test]
fn descriptors_of_files_are_opened_again() {
    assert_comes_back(
        "import os\nfd = os.open('own', os.O_RDWR | os.O_CREAT)\nos.write(fd, b'abc')",
        "os.write(fd, b'def')\nos.lseek(fd, 0, 0)\nprint(os.read(fd, 10))",
    );
}

#[test]
fn what_does_not_come_back_is_named() {
    for (set, said) in [
        ("import sys\nsys.setprofile(lambda *_: None)", "does not have the function of sys.setprofile"),
        (
            "import threading\nthreading.setprofile(lambda *_: None)",
            "does not have the function of threading.setprofile",
        ),
        (
            "import sqlite3, sys\nclass Hook:\n    def __init__(self):\n        \
             self.conn = sqlite3.connect('a.db')\n    \
             def __call__(self, *_):\n        pass\nsys.excepthook = Hook()",
            "sys.excepthook (__main__.Hook) cannot be saved",
        ),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("processes", "x");
        sandbox.write("script.py", format!("{STEPS}{set}\nfor n in range(3):\n    checkpoint()\n"));
        let err = sandbox.snapcli(&["run", "script.py"]).assert_code(0).err();
        assert!(err.contains(said), "{set}\n{err}");
    }
}

#[test]
fn arguments_that_the_script_has_set_come_back() {
    assert_comes_back("import sys\nsys.argv = ['prog', 'x']", "print(sys.argv)");
}
