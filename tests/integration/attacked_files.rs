//! Files of a stranger whose verdict and whose figures must be those of a load, and files of one's own that must not
//! keep what was redacted: cases that an attacker has found, with others of their kinds.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, pythons, venv};
use crate::skipped::skipped;

const SECRET: &str = "hunter2-xyz";

/// Gives source to `linecache`, as a notebook does.
const CELL: &str = "
import linecache as _linecache
def _cell(source, name):
    _linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, 'exec'), globals())
";

fn saved_cell(source: &str, options: &[&str]) -> (Sandbox, Vec<u8>, String) {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{CELL}_cell({source:?}, '<cell-1>')\n"));
    let run = sandbox.snapcli(&[&["save"], options, &["script.py"]].concat());
    run.assert_code(0);
    let file = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let shown = sandbox.snapcli(&["inspect"]).out();
    (sandbox, file, shown)
}

fn has(file: &[u8], text: &str) -> bool {
    file.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_redacted_file_keeps_no_source_with_a_credential() {
    for statement in [
        "password = \"hunter2-xyz\"",
        "import os; os.environ[\"MYSQL_PWD\"]=\"hunter2-xyz\"",
        "client = dict(api_key=\"hunter2-xyz\")",
        "def connect(**given): pass\nconnect(password=\"hunter2-xyz\")",
        "user, password = \"bob\", \"hunter2-xyz\"",
        "import os\npassword = os.environ.get('NONE') or 'hunter2-xyz'",
        "x = 1  # the password is hunter2-xyz",
    ] {
        let source = format!("{statement}\ndef used():\n    return 'kept'\n");
        let (sandbox, file, shown) = saved_cell(&source, &["--redact"]);
        assert!(!has(&file, SECRET), "{statement}");
        assert!(shown.contains("it is not kept"), "{statement}: {shown}");
        let shown = "import inspect; print(inspect.getsource(used))";
        sandbox.snapcli(&["restore", "-q", "-c", shown]).assert_stdout("def used():\n    return 'kept'\n\n");
    }
    let (_, _, shown) = saved_cell("password = 'hunter2-xyz'\ndef used(): return 1\n", &[]);
    assert!(shown.contains("looks like a credential: it is not kept (password)"), "{shown}");
    let (_, file, shown) = saved_cell("token_count = 'a-1'\ndef used(): return 'x'\n", &["--redact"]);
    assert!(has(&file, "token_count = 'a-1'") && !shown.contains("credential"), "{shown}");
}

#[test]
fn views_files_in_memory_keys_and_short_tokens_are_searched() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write(
        "script.py",
        "import collections, io, types\nS = 'hunt' + 'er2-xyz'\n\
         view = types.MappingProxyType({'password': S})\n\
         counted = collections.Counter({'password=' + S: 1})\n\
         keyed = {'host=db password=' + S: None}\n\
         text = io.StringIO('password=' + S)\ndata = io.BytesIO(b'password=' + S.encode())\n\
         yaml = 'db:\\n  user: bob\\n  password: ' + S + '\\n'\n\
         token = 's3c' + 'r3t'\nfine = types.MappingProxyType({'token_count': 'a-1'})\n\
         calm = collections.Counter(['password', 'token'])\nnotes = io.StringIO('no password here')\ndel S\n",
    );
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0);
    let errors = run.err();
    for name in ["view", "counted", "keyed", "text", "data", "yaml", "token"] {
        assert!(errors.contains(&format!("warning: {name} looks like a credential")), "{name}: {errors}");
    }
    for name in ["fine", "calm", "notes"] {
        assert!(!errors.contains(&format!("warning: {name} ")), "{name}: {errors}");
    }
    assert!(!errors.contains(SECRET), "{errors}");
    sandbox.snapcli(&["save", "--redact", "script.py"]).assert_code(0);
    assert!(!has(&fs::read(sandbox.work().join("session.pkl")).unwrap(), SECRET));
}

#[test]
fn unions_of_many_classes_are_refused() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    for (count, code) in [(200, 0), (257, 5), (4000, 5)] {
        // As an int in an alias: few types are harmless.
        let dump = format!(
            "import pickle\naliases = [b'ctypes\\nGenericAlias\\ncbuiltins\\nlist\\nM' + n.to_bytes(2, 'little') + \
             b'\\x86R' for n in range({count})]\nopen('union.pkl', 'wb').write(b'\\x80\\x02}}X\\x01\\x00\\x00\\x00u\
             cfunctools\\nreduce\\nc_operator\\nor_\\n(' + b''.join(aliases) + b't\\x86Rs.')\n"
        );
        sandbox.write("dump.py", dump);
        sandbox.python(&["dump.py"]).assert_code(0);
        sandbox.snapcli(&["inspect", "--strict", "union.pkl"]).assert_code(code);
        let run = sandbox.snapcli(&["restore", "-q", "union.pkl", "-c", "print(len(u.__args__))"]);
        run.assert_code(code);
        assert_eq!(run.err().contains("of more than 256 members"), code == 5, "{}", run.err());
        assert_eq!(run.out(), if code == 0 { format!("{count}\n") } else { String::new() });
    }
}

#[test]
fn what_pandas_has_computed_of_a_dtype_is_ignored() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let has_arrow = sandbox.python(&["-c", "import pyarrow"]).status.success();
    let dump = "import pandas as pd, dill\n\
        frame = pd.DataFrame({'a': [1, 2], 'b': ['x', 'y'], 'c': [1.5, None]})\n\
        frame = frame.convert_dtypes(dtype_backend=BACKEND)\n\
        frame.describe(); frame.select_dtypes('number')\n\
        sparse = pd.Series(pd.arrays.SparseArray([0, 0, 1]))\nsparse.dtype.__dict__['_cache'] = {'kind': 'i'}\n\
        dill.dump([frame, sparse], open('frame.pkl', 'wb'))\n";
    for backend in ["numpy_nullable", "pyarrow"] {
        if backend == "pyarrow" && !has_arrow {
            return skipped("the full environment has no pyarrow");
        }
        sandbox.write("dump.py", dump.replace("BACKEND", &format!("{backend:?}")));
        sandbox.python(&["dump.py"]).assert_code(0);
        let run = sandbox.snapcli(&["inspect", "--strict", "frame.pkl"]);
        assert_eq!(run.status.code(), Some(0), "{}", run.out());
        let sum = "f, s = obj; print(f.a.sum(), f.describe().shape, s.sum())";
        sandbox.snapcli(&["restore", "-q", "frame.pkl", "-c", sum]).assert_stdout("3 (8, 2) 1\n");
    }
}

/// Members of enumerations of modules that are dangerous otherwise.
const MEMBERS: &str = "
import http, pickle, pstats, socket, ssl, sys
members = [
    getattr(http, 'HTTPMethod', http.HTTPStatus).__members__.get('GET', 1), socket.MsgFlag.MSG_PEEK,
    socket.MsgFlag(3 if sys.version_info > (3, 11) else 1), socket.AddressInfo.AI_PASSIVE, ssl.Options.OP_ALL,
    ssl.VerifyFlags.VERIFY_X509_STRICT, ssl.AlertDescription.ALERT_DESCRIPTION_CLOSE_NOTIFY, pstats.SortKey.TIME,
]
";

#[test]
fn members_of_enumerations_of_the_standard_library_are_plain() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        for protocol in [2, 4, 5] {
            let dump = format!("{MEMBERS}pickle.dump({{'m': members}}, open('m.pkl', 'wb'), {protocol})\n");
            sandbox.write("dump.py", dump);
            sandbox.python(&["dump.py"]).assert_code(0);
            let run = sandbox.snapcli(&["inspect", "--strict", "m.pkl"]);
            assert_eq!(run.status.code(), Some(0), "{protocol}: {}", run.out());
            let same = format!("{MEMBERS}print(members == m, [type(x) for x in members] == [type(x) for x in m])");
            sandbox.snapcli(&["restore", "-q", "m.pkl", "-c", &same]).assert_stdout("True True\n");
        }
        for pickle in [
            &b"\x80\x02chttp\nHTTPMethod\nX\x04\x00\x00\x00EVIL\x85R."[..],
            b"\x80\x02csocket\nsocket\n)R.",
            b"\x80\x02cssl\nSSLContext\n)R.",
            b"\x80\x02cpstats\nStats\nX\x01\x00\x00\x00x\x85R.",
        ] {
            sandbox.write("bad.pkl", pickle);
            sandbox.snapcli(&["inspect", "--strict", "bad.pkl"]).assert_code(5);
            sandbox.snapcli(&["restore", "bad.pkl", "-c", ""]).assert_code(5);
        }
    }
}

#[test]
fn strings_of_python_2_that_a_load_cannot_decode_are_not_plain() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    for pickle in [
        &b"(dp0\nS'a'\np1\nS'\\xe9'\np2\ns."[..],
        b"\x80\x02}U\x01a]U\x02\xc3\xa9as.",
        b"\x80\x02}U\x02\xc3\xa9K\x01s.",
        b"\x80\x02}U\x01aU\x02\xc3\xa9K\x01\x86s.",
        b"\x80\x02}U\x01accollections\nOrderedDict\n)RU\x01x]U\x02\xc3\xa9ass.",
        b"U\x02\xc3\xa9.",
    ] {
        sandbox.write("old.pkl", pickle);
        let run = sandbox.snapcli(&["inspect", "--strict", "old.pkl"]);
        run.assert_code(5);
        let run = sandbox.snapcli(&["restore", "old.pkl", "-c", ""]);
        run.assert_code(5);
        assert!(run.err().contains("pickle.load(file, encoding='latin1')"), "{}", run.err());
    }
    for pickle in [
        &b"\x80\x02}U\x01acdatetime\ndate\nU\x04\x07\xe8\x02\x1d\x85Rs."[..],
        b"(dp0\nS'a'\np1\nS'e'\np2\ns.",
        b"\x80\x02U\x02\xc3\xa90}U\x01aK\x01s.",
    ] {
        sandbox.write("old.pkl", pickle);
        sandbox.snapcli(&["inspect", "--strict", "old.pkl"]).assert_code(0);
        sandbox.snapcli(&["restore", "-q", "old.pkl", "-c", "print(bool(a))"]).assert_stdout("True\n");
    }
}

#[test]
fn lengths_are_those_that_a_load_gives() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    for pickle in [
        &b"\x80\x04}X\x01\x00\x00\x00d}(K\x01X\x01\x00\x00\x00a\x88X\x01\x00\x00\x00bus."[..],
        b"\x80\x04}X\x01\x00\x00\x00d\x8f(K\x01\x88G?\xf0\x00\x00\x00\x00\x00\x00K\x02\x90s.",
        b"\x80\x04}X\x01\x00\x00\x00d(X\x01\x00\x00\x00aX\x01\x00\x00\x00aC\x01a\x91s.",
        b"\x80\x04}X\x01\x00\x00\x00d}(K\x01\x85N\x88\x85NNNNNus.",
        b"\x80\x02}X\x01\x00\x00\x00dc__builtin__\nset\n](K\x01\x88K\x02e\x85Rs.",
        b"\x80\x02}X\x01\x00\x00\x00dccollections\ndeque\n](K\x01K\x02K\x03e\x85Rs.",
        b"\x80\x02}X\x01\x00\x00\x00dccollections\ndeque\n](K\x01K\x02K\x03eK\x02\x86Rs.",
        b"\x80\x02}X\x01\x00\x00\x00dccollections\ndeque\n](K\x01K\x02e\x85R(K\x03K\x04es.",
        b"\x80\x02}X\x01\x00\x00\x00dccollections\nOrderedDict\n)R(K\x01N\x88NK\x02Nus.",
    ] {
        sandbox.write("d.pkl", pickle);
        let expected = sandbox.python(&["-c", "import pickle; print(len(pickle.load(open('d.pkl', 'rb'))['d']))"]);
        expected.assert_code(0);
        let answer = sandbox.snapcli(&["inspect", "--json", "d.pkl"]).out();
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let length = &answer["variables"][0]["items"];
        assert_eq!(length.to_string(), expected.out().trim(), "{pickle:?}: {answer}");
    }
}
