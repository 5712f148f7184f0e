//! Credentials that a session sets on classes and functions of its modules, and those that classes and functions carry
//! into every variable that is saved with them.

use std::fs;

use crate::env::{Sandbox, main_python, venv};
use crate::env::{Stack, pythons};

const MODULE: &str = "
import os
class Client:
    PASSWORD = None
    timeout = 3
    api_key = os.environ.get('API_KEY', 'computed') + '-hunter2'
    class Inner:
        secret = None
def connect(): pass
class Meta(type):
    def __setattr__(cls, name, value): super().__setattr__(name, value)
class Managed(metaclass=Meta):
    token = ''
";

const CHANGES: &str = "
import client
client.Client.PASSWORD = 'class-hunter2'
client.Client.timeout = 4
client.Client.Inner.secret = 'inner-hunter2'
client.connect.token = 'function-hunter2'
client.Managed.token = 'managed-hunter2'
client.Client.hosts = ('a', 'https://bob:url-hunter2@host/')
";

fn assert_without(bytes: &[u8], secret: &[u8], what: &str) {
    assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{what}");
}

/// All that shows the file.
fn shown(sandbox: &Sandbox) -> String {
    let ways = [&["inspect"][..], &["inspect", "--verdict"], &["inspect", "--json"], &["inspect", "--html", "-"]];
    ways.iter().map(|way| sandbox.snapcli(&[way, &["session.pkl"][..]].concat()).out()).collect()
}

#[test]
fn attributes_of_modules_that_are_credentials_are_named_and_never_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("client.py", MODULE);
    sandbox.write("script.py", CHANGES);
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0);
    for what in
        ["client.Client looks like a credential", ".PASSWORD", ".Inner.secret", "client.connect", "client.Managed"]
    {
        assert!(run.err().contains(what), "{what}: {}", run.err());
    }
    let all = shown(&sandbox) + &run.err();
    assert!(!all.contains("hunter2"), "{all}");
    assert!(all.contains("type.__setattr__(") && all.contains("class client.Client with PASSWORD"), "{all}");
    let code = "client.Client.PASSWORD, client.Client.Inner.secret, client.connect.token, client.Managed.token";
    let expected = "('class-hunter2', 'inner-hunter2', 'function-hunter2', 'managed-hunter2')\n";
    sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout(expected);
}

#[test]
fn redacted_attributes_of_modules_are_not_in_the_file_and_the_others_are() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        sandbox.write("client.py", MODULE);
        sandbox.write("script.py", CHANGES);
        let run = sandbox.snapcli(&["save", "--redact", "--report", "report.json", "script.py"]);
        run.assert_code(0);
        for name in
            ["client.Client.PASSWORD", "client.Client.Inner.secret", "client.connect.token", "client.Managed.token"]
        {
            assert!(run.err().contains(&format!("left out {name}: looks like a credential")), "{}", run.err());
        }
        let file = fs::read(sandbox.work().join("session.pkl")).unwrap();
        assert_without(&file, b"hunter2", &run.whole());
        assert_without(&fs::read(sandbox.work().join("report.json")).unwrap(), b"hunter2", "the report");
        let code = "client.Client.PASSWORD, client.Client.timeout, hasattr(client.connect, 'token')";
        sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout("(None, 4, False)\n");
    }
}

/// Each line ends in a variable that takes its credential from somewhere else.
const CARRIED: &str = r#"
import dataclasses, enum, functools, types
class Outer:
    class Inner:
        password = "nested-hunter2"
class Config:
    secret_key = "class-hunter2"
instance = Config()
class Child(Config): pass
children = [Child()]
registry = {"config": Config}
def attributed(): pass
attributed.token = "attribute-hunter2"
def local():
    class Local:
        password = "local-hunter2"
    return Local()
made = local()
class Static:
    @staticmethod
    def connect(password="static-hunter2"): pass
class Managed:
    @property
    def password(self, api_key="property-hunter2"): return 1
class Client:
    def connect(self, password="method-hunter2"): pass
bound = Client().connect
class Keys(enum.Enum):
    API_KEY = "member-hunter2"
key = Keys.API_KEY
def decorate(function):
    @functools.wraps(function)
    def wrapper(): return function()
    wrapper.api_key = "wrapper-hunter2"
    return wrapper
@decorate
def decorated(): pass
"#;

#[test]
fn classes_and_functions_carry_no_credential_past_redact() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    sandbox.write("script.py", CARRIED);
    let run = sandbox.snapcli(&["save", "--redact", "script.py"]);
    run.assert_code(0);
    let file = fs::read(sandbox.work().join("session.pkl")).unwrap();
    // These two functions are code, and the strings are constants in it.
    let file = String::from_utf8_lossy(&file).replace("local-hunter2", "").replace("wrapper-hunter2", "").into_bytes();
    assert_without(&file, b"hunter2", &run.whole());
    for name in
        ["Outer", "instance", "children", "registry", "attributed", "made", "Static", "Managed", "bound", "Keys"]
    {
        assert!(run.err().contains(&format!("left out {name}: looks like a credential")), "{name}: {}", run.err());
    }
}
