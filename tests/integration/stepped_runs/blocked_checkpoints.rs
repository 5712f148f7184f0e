//! What once kept a run from making checkpoints: idle workers of a pool, handlers of loggers that cannot be pickled,
//! and variables that were assigned within `try`, `with` and `if`.

use super::lost_variables::{END, first_process};
use super::{STEPS, assert_same, run_to_the_end};
use crate::env::{Run, Sandbox};

#[test]
fn idle_workers_of_a_pool_are_no_obstacle() {
    let script = "
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(3, thread_name_prefix='own')
log = []
def square(n):
    return n * n
def main():
    for n in range(5):
        log.extend(pool.map(square, range(n)))
        if n == 2:
            checkpoint()
        if n == 3:
            kill(1)
    done = [pool.submit(square, n) for n in range(3)]
    log.extend(future.result() for future in done)
main()
pool.shutdown()
print(log)
";
    let runs = assert_same(script, 2);
    assert!(runs[0].err().contains("pool cannot be saved"), "{}", runs[0].err());
    assert!(runs[1].err().contains("again: pool could not be saved"), "{}", runs[1].err());
}

#[test]
fn a_worker_that_works_is_named() {
    let script = "
import threading
from concurrent.futures import ThreadPoolExecutor
go = threading.Event()
pool = ThreadPoolExecutor(1, thread_name_prefix='busy')
work = pool.submit(go.wait)
for n in range(3):
    checkpoint()
go.set()
";
    let run = first_process(script);
    run.assert_code(0);
    let err = run.err();
    assert!(err.contains("no checkpoint for now: the thread \"busy_0\" of the script is running"), "{err}");
}

/// Runs a script whose log is standard output. Returns what both processes have printed together.
fn logged(script: &str) -> (Vec<Run>, String) {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &["--reopen"], 2);
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[0].whole() + &runs[1].whole());
    let written = std::fs::read_to_string(sandbox.work().join("job.log")).unwrap_or_default();
    (runs, written)
}

const STEPS_OF_LOG: &str = "
for n in range(5):
    log.info('step %d', n)
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
";

#[test]
fn handlers_of_loggers_come_back_with_their_streams() {
    for (made, is_again) in [
        ("stream = open('job.log', 'w')\nlog.addHandler(logging.StreamHandler(stream))", false),
        ("log.addHandler(logging.StreamHandler(open('job.log', 'w')))", false),
        ("handler = logging.handlers.RotatingFileHandler('job.log', maxBytes=10**6)\nlog.addHandler(handler)", false),
        (
            "class Tee:\n    def __init__(self, path):\n        self.path, self.lock = path, threading.Lock()\n    \
             def write(self, text):\n        with self.lock, open(self.path, 'a') as file:\n            \
             file.write(text)\n    def flush(self):\n        pass\n\
             log.addHandler(logging.StreamHandler(Tee('job.log')))",
            false,
        ),
        (
            "class Lost(logging.Handler):\n    def __init__(self, path):\n        super().__init__()\n        \
             self.path, self.conn = path, sqlite3.connect(':memory:')\n    def emit(self, record):\n        \
             with open(self.path, 'a') as file:\n            file.write(self.format(record) + chr(10))\n\
             handler = Lost('job.log')\nhandler.setLevel(logging.INFO)\nlog.addHandler(handler)\n\
             handler.setFormatter(logging.Formatter('%(message)s'))",
            true,
        ),
    ] {
        let script = format!(
            "
import logging, logging.handlers, sqlite3, threading
log = logging.getLogger('job')
log.setLevel(logging.DEBUG)
{made}
{STEPS_OF_LOG}
print(len(log.handlers), log.handlers[0].level)
"
        );
        let (runs, written) = logged(&script);
        runs[1].assert_stdout(if is_again { "1 20\n" } else { "1 0\n" });
        assert_eq!(runs[1].err().contains("again: handler could not be saved"), is_again, "{}", runs[1].err());
        let steps = written.replacen("step 3\nstep 3\n", "step 3\n", 1);
        assert_eq!(steps, "step 0\nstep 1\nstep 2\nstep 3\nstep 4\n", "{made}");
    }
}

#[test]
fn a_handler_that_no_variable_has_is_named() {
    let script = format!(
        "
import logging, sqlite3
class Lost(logging.Handler):
    def __init__(self):
        super().__init__()
        self.conn = sqlite3.connect(':memory:')
    def emit(self, record):
        pass
log = logging.getLogger('job')
log.addHandler(Lost())
{STEPS_OF_LOG}"
    );
    let err = first_process(&script).err();
    assert!(err.contains("no checkpoint for now") && err.contains("of the logger \"job\" cannot be saved"), "{err}");
}

#[test]
fn statements_in_blocks_run_again() {
    for made in [
        "try:\n    what = connect(':memory:')\nexcept OSError as error:\n    print(error)\n",
        "what = None\ntry:\n    name = ':memory:'\n    if name:\n        what = connect(name)\n\
         finally:\n    name = ':memory:'\n",
        "try:\n    import no_such\nexcept ImportError:\n    what = connect(':memory:')\nelse:\n    what = None\n",
        "import contextlib\nwith contextlib.suppress(OSError):\n    what = connect(':memory:')\n",
        "if len('x'):\n    what: object = connect(':memory:')\nelse:\n    what = 5\n",
    ] {
        let script = format!("from sqlite3 import connect\n{made}{END}");
        let runs = assert_same(&script, 2);
        assert!(runs[1].err().contains("again: what could not be saved"), "{made}\n{}", runs[1].err());
    }
}

#[test]
fn statements_in_blocks_do_not_run_again_where_they_would_do_something_else() {
    for (made, why) in [
        (
            "try:\n    name = ':memory:'\n    what = connect(name)\nfinally:\n    name = 'other.db'\n",
            "name has changed since",
        ),
        ("try:\n    what = connect('a.db')\nexcept OSError:\n    what = connect(':memory:')\n", "no simple statement"),
        (
            "import contextlib\nwith contextlib.nullcontext(':memory:') as name:\n    what = connect(name)\n",
            "no simple statement",
        ),
        ("for name in ['a.db', ':memory:']:\n    what = connect(name)\n", "no simple statement"),
        ("with open('processes') as file:\n    what = connect(file.name)\n", "no simple statement"),
    ] {
        let err = first_process(&format!("from sqlite3 import connect\n{made}{END}")).err();
        assert!(err.contains("no checkpoint for now: what") && err.contains(why), "{made}\n{err}");
    }
}

#[test]
fn statements_in_blocks_of_a_function_under_way_run_again() {
    let script = "
from sqlite3 import connect
def main():
    try:
        what = connect(':memory:')
    except OSError:
        raise
    for n in range(4):
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
    print(what.execute('select 2').fetchone())
main()
";
    let runs = assert_same(script, 2);
    assert!(runs[1].err().contains("again: what could not be saved"), "{}", runs[1].err());
}

#[test]
fn a_queue_of_log_records_is_listened_to_again() {
    let script = "
import logging, logging.handlers, queue
records = queue.Queue()
handler = logging.handlers.QueueHandler(records)
log = logging.getLogger('job')
log.setLevel(logging.INFO)
log.addHandler(handler)
listener = logging.handlers.QueueListener(records, logging.FileHandler('job.log', mode='a'))
listener.start()
for n in range(5):
    log.info('step %d', n)
    records.join()
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
listener.stop()
print(n, len(log.handlers))
";
    let (runs, written) = logged(script);
    runs[1].assert_stdout("4 1\n");
    assert_eq!(written, "step 0\nstep 1\nstep 2\nstep 3\nstep 3\nstep 4\n");
}

#[test]
fn an_object_whose_thread_would_not_run_is_named() {
    let script = "
import threading
class Beat:
    def __init__(self):
        self.go = threading.Event()
        self.thread = threading.Thread(target=self.go.wait, name='beat', daemon=True)
    def begin(self):
        self.thread.start()
beat = Beat()
beat.begin()
for n in range(3):
    checkpoint()
print(beat.go.set())
";
    let err = first_process(script).err();
    assert!(err.contains("no checkpoint for now: beat") && err.contains("its thread \"beat\" would not run"), "{err}");
}
