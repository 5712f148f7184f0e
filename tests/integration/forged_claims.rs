//! Snapshots whose index describes variables falsely. Of a file that this user has not signed, every command shows what
//! the opcodes show, and all say that the index is wrong; what nothing shows is marked as what the file says.

use snapcli::internals::{Index, VariableKind};

use crate::env::Sandbox;
use crate::forged_names::{answers, forged_session};

const LIST: &[u8] = b"](K\x01K\x02K\x03e";

fn forged(forge: impl Fn(&mut Index)) -> Vec<u8> {
    let values: [(&str, &[u8]); 3] = [("a", LIST), ("b", b"\x8c\x03xyz"), ("c", b"K\x02")];
    forged_session(&values, |index| {
        for (variable, (type_name, len, preview)) in index.variables.iter_mut().zip([
            ("list", Some(3), "[1, 2, 3]"),
            ("str", Some(3), "'xyz'"),
            ("int", None, "2"),
        ]) {
            (variable.type_name, variable.len) = (type_name.into(), len);
            variable.preview = preview.into();
        }
        forge(index);
    })
}

#[test]
fn every_command_refuses_a_false_description() {
    let sandbox = Sandbox::new();
    let (codes, out) = answers(&sandbox, forged(|_| {}));
    // It differs from the file that it is compared with.
    assert_eq!(codes, [0, 0, 0, 1, 0, 0, 0, 0], "{out}");
    type Forge = fn(&mut Index);
    let cases: [(&str, Forge); 12] = [
        ("kind", |index| index.variables[0].kind = VariableKind::Import),
        ("kind and type", |index| {
            (index.variables[0].kind, index.variables[0].type_name) = (VariableKind::Import, "module".into());
        }),
        ("kind of a number", |index| index.variables[2].kind = VariableKind::Import),
        ("type", |index| index.variables[0].type_name = "dict".into()),
        ("type of a library", |index| index.variables[0].type_name = "numpy.ndarray".into()),
        ("length", |index| index.variables[0].len = Some(99)),
        ("length of a number", |index| index.variables[2].len = Some(1)),
        ("preview of a list", |index| index.variables[0].preview = "[]".into()),
        ("preview of a string", |index| index.variables[1].preview = "'harmless'".into()),
        ("preview of a number", |index| index.variables[2].preview = "3".into()),
        ("code", |index| index.variables[0].has_code = true),
        ("module", |index| index.module = "os".into()),
    ];
    for (case, forge) in cases {
        let (codes, out) = answers(&sandbox, forged(forge));
        assert!(codes.iter().all(|code| [4, 5].contains(code)) && !out.contains("went on"), "{case}: {codes:?}\n{out}");
        assert!([0, 2, 3, 4, 5, 7].iter().all(|at| codes[*at] == 4), "{case}: {codes:?}\n{out}");
    }
}

#[test]
fn what_is_shown_is_what_the_opcodes_show() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "forged.pkl",
        forged(|index| {
            for variable in &mut index.variables {
                (variable.kind, variable.type_name) = (VariableKind::Import, "module".into());
                (variable.preview, variable.len) = ("module os".into(), Some(7));
            }
        }),
    );
    let text = sandbox.snapcli(&["inspect", "forged.pkl"]).out();
    assert!(text.contains("[1, 2, 3]") && text.contains("'xyz'") && !text.contains("imports"), "{text}");
    assert!(text.contains("it is not signed with your key"), "{text}");
    // The answer to a program is the error, or that of the gate.
    let error = sandbox.snapcli(&["inspect", "--json", "forged.pkl"]);
    error.assert_code(4);
    assert!(error.json()["error"].is_object() || error.json()["error"].is_string(), "{}", error.whole());
    sandbox.snapcli(&["inspect", "--trace", "a", "forged.pkl"]).assert_code(4);
    let json = sandbox.snapcli(&["inspect", "--json", "--strict", "forged.pkl"]);
    json.assert_code(4);
    let first = &json.json()["variables"][0];
    assert_eq!((first["kind"].as_str(), first["type"].as_str()), (Some("value"), Some("list")));
    assert_eq!((first["items"].as_u64(), first["preview"].as_str()), (Some(3), Some("[1, 2, 3]")));
    let page = sandbox.snapcli(&["inspect", "--html", "-", "forged.pkl"]).out();
    assert!(page.contains("[1, 2, 3]") && !page.contains("module os"), "{page}");
}

#[test]
fn what_nothing_proves_is_marked_as_what_the_file_says() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import threading\nx = 1\nt = threading.current_thread()\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let own = sandbox.snapcli(&["inspect"]);
    assert!(!own.out().contains("says the file") && !own.out().contains("not signed"), "{}", own.whole());
    assert_eq!(sandbox.snapcli(&["inspect", "--json"]).json()["unproven"].as_array().map(Vec::len), Some(0));
    let call = |arguments: &[&str]| sandbox.call_snapcli(arguments).env("SNAPCLI_KEY", "the key of a stranger").run();
    let other = call(&["inspect"]);
    assert!(other.out().contains("could not be saved (says the file):"), "{}", other.whole());
    let json = call(&["inspect", "--json"]).json();
    let unproven: Vec<&str> = json["unproven"].as_array().unwrap().iter().filter_map(|key| key.as_str()).collect();
    assert!(["created", "script", "left_out", "line"].iter().all(|key| unproven.contains(key)), "{unproven:?}");
    // Each of them is a key of the answer, or of a variable.
    for key in unproven {
        assert!(!["type", "kind", "items", "preview", "shape", "dtype", "imports", "has_code"].contains(&key), "{key}");
    }
}

#[test]
fn honest_files_of_others_are_shown_as_they_are() {
    let sandbox = Sandbox::new();
    let script = "import collections, datetime, decimal, enum, math, os.path as p, re, sys\n\
                  numbers = [1, 2.5, 1e-7, 10 ** 30, -0.0, float('inf'), True, None]\n\
                  text = \"it's\\n\" * 40\nraw = b'\\0abc' * 50\nba = bytearray(b'abc')\n\
                  nested = {'a': {'b': {'c': [1]}}, 'k': (1,)}\nempty = [[], {}, (), set(), frozenset()]\n\
                  names = globals()\npath = sys.path\nenviron = p.os.environ\n\
                  one = [datetime.date]\nsine = math.sin\njoin = ''.join\nshared = one\nboth = (one, nested)\n\
                  cycle = []\ncycle.append(cycle)\nordered = collections.OrderedDict(a=1)\n\
                  class C(enum.Enum):\n    A = 1\nmember = C.A\nflag = re.I\n\
                  class D(dict): pass\nd = D(a=1)\n\
                  def f(a, *, b=1): return a\ng = lambda x: x\nday = datetime.date(2020, 1, 1)\n\
                  password = 'hunter2'\nsettings = {'password': 'hunter2', 'n': 3}\n";
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let call = |arguments: &[&str]| sandbox.call_snapcli(arguments).env("SNAPCLI_KEY", "the key of a stranger").run();
    call(&["verify", "session.pkl"]).assert_code(0);
    let shown = call(&["inspect", "--all", "session.pkl"]);
    shown.assert_code(0);
    assert!(!shown.out().contains("hunter2"), "{}", shown.whole());
    let (own, other) = (sandbox.snapcli(&["inspect", "--json"]).json(), call(&["inspect", "--json"]).json());
    for (own, other) in own["variables"].as_array().unwrap().iter().zip(other["variables"].as_array().unwrap()) {
        let name = own["name"].as_str().unwrap();
        if ["numbers", "text", "raw", "nested", "one", "shared", "both", "cycle", "day", "settings"].contains(&name) {
            for key in ["type", "kind", "items"] {
                assert_eq!(own[key], other[key], "{key} of {name}");
            }
        }
        if ["text", "raw", "nested", "shared", "day"].contains(&name) && name != "shared" {
            assert_eq!(own["preview"], other["preview"], "{name}");
        }
    }
    call(&["diff", "session.pkl", "session.pkl"]).assert_code(0);
}
