//! Objects that have ended, such as a closed connection: they come back as ended, and are no obstacle.

use super::{LOOP, assert_same};

fn assert_ended(made: &str, end: &str) {
    let script = format!(
        "import asyncio, socket, sqlite3, subprocess, threading\nfrom concurrent.futures import ThreadPoolExecutor\n\
         {made}\ndef step(n):\n    pass\n{LOOP}\
         def result(call):\n    try:\n        return call()\n    except Exception as error:\n        return error\n\
         print({end})\n"
    );
    let runs = assert_same(&script, 2);
    assert!(runs[1].err().contains("resuming at line"), "{made}\n{}", runs[0].err() + &runs[1].err());
}

#[test]
fn objects_that_have_ended_come_back_as_ended() {
    for (made, end) in [
        ("it = sqlite3.connect('a.db')\nit.close()\nsame = it", "result(lambda: it.execute('select 1')), same is it"),
        ("it = socket.socket()\nit.close()", "it.fileno(), result(lambda: it.send(b'x'))"),
        ("it = asyncio.new_event_loop()\nit.close()", "it.is_closed()"),
        ("it = ThreadPoolExecutor(2)\nit.submit(abs, 1).result()\nit.shutdown()", "result(lambda: it.submit(abs, 1))"),
        ("it = subprocess.Popen(['false'])\nit.wait()", "it.returncode, it.poll(), it.args, it.stdout"),
        (
            "it = subprocess.Popen(['echo'], stdout=subprocess.PIPE)\nit.communicate()",
            "it.returncode, it.stdout.closed",
        ),
        ("it = threading.Thread(target=abs, args=(1,), name='own')\nit.start()\nit.join()", "it.is_alive(), it.name"),
        (
            "class Db:\n    def __init__(self):\n        self.conn, self.n = sqlite3.connect('a.db'), 0\n\
             it = Db()\nit.n = 5\nit.conn.close()",
            "it.n, result(lambda: it.conn.execute('select 1'))",
        ),
    ] {
        assert_ended(made, end);
    }
}

#[test]
fn objects_that_have_ended_in_a_function_come_back_as_ended() {
    for closure in ["names", "[it.total_changes if n > 9 else n for n in range(2)]"] {
        let script = format!(
            "
import sqlite3
def main():
    it = sqlite3.connect('a.db')
    names = [it.execute('select ?', (k,)).fetchone()[0] for k in range(3)]
    it.close()
    for n in range(6):
        if n == 1:
            checkpoint()
        if n == 3:
            kill(1)
    print(names, {closure})
    try:
        it.execute('select 1')
    except sqlite3.ProgrammingError as error:
        print(error)
main()
"
        );
        let runs = assert_same(&script, 2);
        assert!(runs[1].err().contains("resuming at line"), "{}", runs[0].err() + &runs[1].err());
    }
}

#[test]
fn a_pool_in_a_comprehension_is_no_obstacle_when_its_with_statement_has_ended() {
    for made in ["[pool.submit(abs, n) for n in range(4)]", "{pool.submit(abs, n): n for n in range(4)}"] {
        let script = format!(
            "
from concurrent.futures import ThreadPoolExecutor
def main():
    with ThreadPoolExecutor(2) as pool:
        futures = {made}
        values = sum(future.result() for future in futures)
    for n in range(6):
        if n == 1:
            checkpoint()
        if n == 3:
            kill(1)
    print(values)
main()
"
        );
        let runs = assert_same(&script, 2);
        assert!(runs[1].err().contains("resuming at line"), "{made}\n{}", runs[0].err() + &runs[1].err());
    }
}
