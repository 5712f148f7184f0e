//! Harmless objects that people save: they load from untrusted files and are not called dangerous; a refusal names only
//! what is refused; and the advice for what cannot be signed works.

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

fn stranger(sandbox: &Sandbox, arguments: &[&str]) -> Run {
    sandbox.call_snapcli(arguments).env("SNAPCLI_KEY", "the passphrase of a stranger").run()
}

/// Records that functions of the standard library return, and members of enumerations.
const RECORDS: &str = "
import os, pickle, pwd, resource, ssl, sys, time
values = {
    'size': os.terminal_size((80, 24)), 'stat': os.stat('.'), 'space': os.statvfs('.'), 'system': os.uname(),
    'spent': os.times(), 'now': time.gmtime(), 'local': time.localtime(), 'usage': resource.getrusage(0),
    'user': pwd.getpwuid(os.getuid()), 'version': ssl.TLSVersion.TLSv1_3, 'least': ssl.TLSVersion.MINIMUM_SUPPORTED,
    'mode': ssl.CERT_REQUIRED,
}
for protocol in range(6):
    with open(f'{protocol}.pkl', 'wb') as file:
        pickle.dump(values, file, protocol)
";
const SAME: &str = "import pickle\nwith open(FILE, 'rb') as file: wanted = pickle.load(file)\n\
                    print([name for name, value in wanted.items() if globals()[name] != value\n\
                    or type(globals()[name]) is not type(value) or repr(globals()[name]) != repr(value)\n\
                    or getattr(value, '__reduce__')() != globals()[name].__reduce__()])\n";

#[test]
fn records_of_the_standard_library_are_built() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        sandbox.write("values.py", RECORDS);
        sandbox.python(&["values.py"]).assert_code(0);
        for protocol in 0..6 {
            let file = format!("{protocol}.pkl");
            sandbox.snapcli(&["inspect", "--strict", &file]).assert_code(0);
            let code = SAME.replace("FILE", &format!("'{file}'"));
            sandbox.snapcli(&["restore", &file, "-c", &code]).assert_code(0).assert_stdout("[]\n");
        }
        sandbox.snapcli(&["save", "-q", "-o", "session.pkl", "values.py"]).assert_code(0);
        stranger(&sandbox, &["restore", "--only", "values", "-c", "len(values)"]).assert_code(0).assert_stdout("12\n");
    }
}

#[test]
fn records_with_other_contents_are_refused() {
    let sandbox = Sandbox::new();
    let call = |arguments: &[u8]| [b"\x80\x04\x8c\x02os\x8c\x0dterminal_size\x93", arguments, b"R."].concat();
    let wrong: [&[u8]; 6] = [
        b"]K\x50aK\x18a\x85",
        b"K\x50cos\nsystem\n\x86\x85",
        b"K\x50K\x18\x86]\x86",
        b"K\x50K\x18\x86}K\x01K\x02s\x86",
        b"K\x50K\x18\x86}\x8c\x01acos\nsystem\ns\x86",
        b")\x94K\x50K\x18\x86}N\x87",
    ];
    for arguments in wrong {
        sandbox.write("file.pkl", call(arguments));
        sandbox.snapcli(&["inspect", "--strict", "file.pkl"]).assert_code(5);
        sandbox.snapcli(&["restore", "file.pkl", "-c", "obj"]).assert_code(5);
    }
}

const FUNCTIONS: &str = "
import numpy as np, pickle
ufuncs = [getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)]
values = {'log': np.log1p, 'table': {'add': np.add, 'or': np.logical_or}, 'all': ufuncs}
for protocol in range(6):
    with open(f'{protocol}.pkl', 'wb') as file:
        pickle.dump(values, file, protocol)
";

#[test]
fn functions_of_numpy_are_built_by_reference_and_never_called() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("values.py", FUNCTIONS);
    sandbox.python(&["values.py"]).assert_code(0);
    for protocol in 0..6 {
        let file = format!("{protocol}.pkl");
        sandbox.snapcli(&["inspect", "--strict", &file]).assert_code(0);
        let code = "import numpy as np; print(log is np.log1p, table['or'] is np.logical_or, \
                    all == [getattr(np, n) for n in dir(np) if isinstance(getattr(np, n), np.ufunc)])";
        // `all` is the name of a built-in: it is left out.
        let code = code.replace("all ==", "len(table) == 2 or");
        sandbox.snapcli(&["restore", &file, "-c", &code]).assert_code(0).assert_stdout("True True True\n");
    }
    let shown = sandbox.snapcli(&["inspect", "4.pkl"]).out();
    assert!(shown.contains("numpy.ufunc"), "{shown}");
    for call in [&b"\x80\x04\x8c\x05numpy\x8c\x05log1p\x93K\x01\x85R."[..], b"\x80\x04\x8c\x05numpy\x8c\x04load\x93."] {
        sandbox.write("call.pkl", call);
        let run = sandbox.snapcli(&["restore", "call.pkl", "-c", "obj"]);
        run.assert_code(5);
        assert_eq!(run.err().matches("numpy.l").count(), 1, "{}", run.whole());
    }
}

const MIXED: &str = "
import numpy as np, pandas as pd, datetime
offs = [pd.DateOffset(years=1), pd.offsets.BusinessDay(2)]
columns = pd.DataFrame({'a': [1]}).columns.names
months = [pd.offsets.MonthEnd(), datetime.date(2024, 1, 2)]
nested = np.zeros(2, dtype=[('a', 'i4'), ('b', [('c', 'f8')])])
names = {'x': pd.Timestamp('2024-01-02')}
def st(): return 1
class Own: pass
own = Own()
";

#[test]
fn a_refusal_names_only_what_is_refused() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("script.py", MIXED);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let run = stranger(&sandbox, &["restore", "-c", "offs"]);
    run.assert_code(5);
    let named: Vec<String> =
        run.err().lines().filter_map(|line| Some(line.trim().split_once(" needs ")?.0.to_owned())).collect();
    assert_eq!(named, ["st", "Own", "own"], "{}", run.whole());
    let plain = ["--only", "offs", "--only", "months", "--only", "nested", "--only", "names", "--only", "columns"];
    let rest = stranger(&sandbox, &[&["restore"], &plain[..], &["-c", "print(offs, len(months), names)"]].concat());
    rest.assert_code(0);
}

#[test]
fn the_advice_for_a_file_that_cannot_be_signed_works() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    let script = "import pickle, fractions, functools\n\
                  pickle.dump([1, 2], open('a list.pkl', 'wb'))\n\
                  pickle.dump(functools.partial(print, 'x'), open('call.pkl', 'wb'))\n";
    sandbox.write("dump.py", script);
    sandbox.python(&["dump.py"]).assert_code(0);
    for (file, is_plain) in [("a list.pkl", true), ("call.pkl", false)] {
        let run = sandbox.snapcli(&["trust", file]);
        run.assert_code(2);
        let advice = run.err();
        assert_eq!(advice.contains("plain data"), is_plain, "{advice}");
        assert_eq!(advice.contains("runs all code in it"), !is_plain, "{advice}");
        assert_eq!(advice.contains("--trust"), !is_plain, "{advice}");
        let command = advice.lines().filter_map(|line| line.split_once(": snapcli restore ")).next_back().unwrap().1;
        let (options, code) = command.split_once(" -c ").unwrap();
        let code = code.trim_matches('\'');
        let words = match options.strip_prefix("--trust ") {
            Some(file) => vec!["restore", "--trust", file, "-c", code],
            None => vec!["restore", options.trim_matches('\''), "-c", code],
        };
        sandbox.snapcli(&words).assert_code(0);
        let opened = sandbox.snapcli(&["restore", "snapshot.pkl", "-c", "obj"]);
        opened.assert_code(0);
        assert!(opened.out().starts_with(if is_plain { "[1, 2]" } else { "functools.partial" }), "{}", opened.whole());
    }
}

#[test]
fn generators_and_masks_are_what_a_trusted_load_makes() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let script = "import numpy as np\nkeyed = np.random.Philox(key=5)\nseeded = np.random.Philox(5)\n\
                  generator = np.random.Generator(np.random.Philox(key=7))\n\
                  fields = np.ma.array([(1, 2.0)], mask=[(0, 1)], dtype='i4,f8')\n\
                  plain = np.ma.array([1, 2], mask=[0, 1])\n";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let code = "seed = lambda one: type(getattr(one, 'seed_seq', getattr(one, '_seed_seq', None))).__name__\n\
                print(seed(keyed), seed(seeded), seed(generator.bit_generator), fields._sharedmask,\n\
                plain._sharedmask, keyed.random_raw(2), generator.random(2))\n";
    let trusted = sandbox.snapcli(&["restore", "-c", code]);
    trusted.assert_code(0);
    assert!(trusted.out().starts_with("NoneType SeedSequence NoneType True True"), "{}", trusted.whole());
    stranger(&sandbox, &["restore", "-c", code]).assert_code(0).assert_stdout(&trusted.out());
}

#[test]
fn allow_may_be_given_for_each_verdict() {
    let sandbox = Sandbox::new();
    sandbox.write("calls.pkl", b"\x80\x04\x8c\x05thing\x8c\x04make\x93)R.");
    let strict = |options: &[&str]| sandbox.snapcli(&[&["inspect", "--strict"], options, &["calls.pkl"]].concat());
    strict(&["--allow", "code", "--allow", "calls"]).assert_code(0);
    strict(&["--allow", "calls", "--allow", "code"]).assert_code(0);
    strict(&["--allow", "code", "--allow", "code"]).assert_code(5);
}
