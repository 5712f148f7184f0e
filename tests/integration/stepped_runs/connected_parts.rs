//! Objects that refer to each other, of which one can be saved and the other is made again: they would not be connected
//! any more, so no checkpoint is made.

use super::{LOOP, assert_same};

const IMPORTS: &str = "import csv, functools, io, sqlite3, types\n";

fn assert_refused(made: &str, end: &str, reason: &str) {
    let runs = assert_same(&format!("{IMPORTS}{made}\n{LOOP}print({end})\n"), 2);
    let err = runs[0].err();
    assert!(err.contains("no checkpoint for now") && err.contains(reason), "{made}\n{err}");
}

fn assert_resumes(made: &str, end: &str) {
    let runs = assert_same(&format!("{IMPORTS}{made}\n{LOOP}print({end})\n"), 2);
    assert!(runs[1].err().contains("resuming at line"), "{made}\n{}", runs[0].err() + &runs[1].err());
}

/// A class whose `__init__` has these statements, an object of it, and what each step does.
fn with_class(init: &str, step: &str) -> String {
    format!("class It:\n    def __init__(self):\n        {init}\nit = It()\ndef step(n):\n    {step}")
}

#[test]
fn an_attribute_that_refers_to_another_one_is_not_made_again_without_it() {
    for (init, step, end) in [
        ("self.buf = io.StringIO(); self.rows = csv.writer(self.buf)", "it.rows.writerow([n])", "it.buf.getvalue()"),
        (
            "self.bufs = {'a': io.StringIO()}; self.rows = csv.writer(self.bufs['a'])",
            "it.rows.writerow([n])",
            "it.bufs['a'].getvalue()",
        ),
        (
            "self.log = []; self.conn = sqlite3.connect('a.db'); self.conn.set_trace_callback(self.log.append)",
            "it.conn.execute(f'select {n}')",
            "it.log",
        ),
        ("self.buf = bytearray(6); self.view = memoryview(self.buf)", "it.view[n] = n", "it.buf"),
    ] {
        assert_refused(&with_class(init, step), end, "its reference to ");
    }
}

#[test]
fn a_function_of_sqlite_that_uses_an_attribute_is_a_reason() {
    let step = "it.items[n] = n; it.conn.execute('select own(1)').fetchone()";
    for given in ["self.items.get", "lambda key: items.get(key)", "functools.partial(self.items.get)", "own"] {
        let init = format!(
            "self.items = {{}}; self.conn = sqlite3.connect('a.db'); items = self.items\n        \
             def own(key): return items.get(key)\n        self.conn.create_function('own', 1, {given})"
        );
        let end = "it.conn.execute('select own(4)').fetchone()";
        assert_refused(&with_class(&init, step), end, "its reference to what");
    }
}

#[test]
fn a_function_of_sqlite_that_finds_the_object_itself_is_no_reason() {
    let step = "it.items[n] = n";
    for given in ["self.get", "lambda key: self.items.get(key)", "abs", "ALL.get"] {
        let init = format!(
            "self.items = {{}}; self.conn = sqlite3.connect('a.db'); self.conn.create_function('own', 1, {given})\n    \
             def get(self, key): return self.items.get(key)"
        );
        let made = format!("ALL = {{4: 5}}\n{}", with_class(&init, step));
        assert_resumes(&made, "it.conn.execute('select own(4)').fetchone()");
    }
}

#[test]
fn a_value_that_binds_another_variable_does_not_run_again() {
    let step = "def step(n):\n    rows.writerow([n])";
    for made in [
        "rows = csv.writer(buf := io.StringIO())",
        "def make():\n    global buf\n    buf = io.StringIO()\n    return csv.writer(buf)\nrows = make()",
    ] {
        assert_refused(&format!("{made}\n{step}"), "buf.getvalue()", "its reference to buf would be lost");
    }
}

#[test]
fn parts_that_a_statement_reads_stay_connected() {
    assert_resumes(
        "buf = io.StringIO()\nrows = csv.writer(buf)\ndef step(n):\n    rows.writerow([n])",
        "buf.getvalue()",
    );
    assert_resumes("buf = bytearray(9)\nview = memoryview(buf)[2:]\ndef step(n):\n    view[n] = n", "buf, bytes(view)");
    assert_resumes(
        "class It:\n    def __init__(self, buf):\n        self.buf, self.rows = buf, csv.writer(buf)\n\
         buf = io.StringIO()\nit = It(buf)\ndef step(n):\n    it.rows.writerow([n])",
        "buf.getvalue(), it.buf is buf",
    );
}

#[test]
fn contents_that_are_lost_with_a_view_or_a_namespace_are_a_reason() {
    assert_refused(
        "view = memoryview(bytearray(6))\ndef step(n):\n    view[n] = n",
        "bytes(view)",
        "its contents would be lost",
    );
    assert_refused(
        "it = types.SimpleNamespace(buf=io.StringIO())\nit.rows = csv.writer(it.buf)\ndef step(n):\n    \
         it.rows.writerow([n])",
        "it.buf.getvalue()",
        "its reference to buf",
    );
}

#[test]
fn callbacks_of_a_connection_see_no_statements_of_snapcli() {
    let made = "conn = sqlite3.connect('a.db')\nseen = 0\ndef see(text):\n    global seen\n    seen += 1\n\
                conn.set_trace_callback(see)\ndef step(n):\n    conn.execute('select 1')\n    checkpoint()";
    let script = format!("{IMPORTS}{made}\nfor n in range(6):\n    step(n)\nprint(seen)\n");
    let runs = assert_same(&script, 1);
    assert!(!runs[0].out().is_empty(), "{}", runs[0].whole());
    // A replaced `open` sees none of its files.
    let made = "import builtins\nseen, old = [], open\ndef own(*words, **more):\n    seen.append(words[0])\n    \
                return old(*words, **more)\nbuiltins.open = own\nimport os\nfd = os.open('x', os.O_CREAT)\n\
                for n in range(3):\n    _os.kill(_os.getpid(), _signal.SIGUSR1) if own_run() else None\n\
                print([path for path in seen if str(path).startswith('/proc')])\n";
    let made = format!("def own_run():\n    return _process()\n{made}");
    let runs = assert_same(&made, 1);
    runs[0].assert_stdout("[]\n");
}

#[test]
fn the_context_of_decimal_is_still_the_variable() {
    let script = format!(
        "import decimal\nctx = decimal.getcontext()\nctx.prec = 6\ndef step(n):\n    pass\n{LOOP}ctx.prec = 3\n\
         print(decimal.Decimal(1) / 3, ctx is decimal.getcontext())\n"
    );
    assert_same(&script, 2);
}
