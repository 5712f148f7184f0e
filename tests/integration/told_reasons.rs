//! What is left out is explained by what is wrong with it, and not by what its type or its error often means.

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};
use crate::skipped::skipped;

fn save(sandbox: &Sandbox, script: &str) -> Run {
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "script.py"])
}

#[test]
fn an_object_that_holds_itself_is_not_called_nested_too_deeply() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let run = save(&sandbox, "def again(x, seen=()): return x\nagain.__defaults__ = (again,)\n");
        assert!(run.err().contains("hint: it holds itself in a tuple or an argument"), "{}", run.err());
        let run = save(&sandbox, "def again(*, seen=None): pass\nagain.__kwdefaults__['seen'] = again\nlists = []\n");
        run.assert_code(0);
        assert!(!run.err().contains("nested too deeply"), "{}", run.err());
    }
}

#[test]
fn a_file_whose_path_is_gone_is_left_out() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let script = "import os\nopen('gone.txt', 'w').write('x')\nfile = open('gone.txt')\n\
                      files = [open('gone.txt', 'rb'), 1]\nos.remove('gone.txt')\n";
        let run = save(&sandbox, script);
        assert!(run.err().contains("gone.txt no longer exists"), "{}", run.err());
        let run = sandbox.snapcli(&["restore", "-c", "print('file' in globals(), files[1], files[0].lost)"]);
        run.assert_code(0).assert_stdout("False 1 _io.BufferedReader\n");
    }
}

#[test]
fn a_damaged_owner_is_told_in_the_same_words_by_restore_and_verify() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Dill));
    save(&sandbox, "owner = [[1, 2, 3], 'text of the owner']\nsharer = {'of': owner[0]}\nalone = 5\n").assert_code(0);
    let file = sandbox.work().join("session.pkl");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(17).position(|part| part == b"text of the owner").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let verified = sandbox.snapcli(&["verify"]);
    assert!(verified.out().contains("intact: alone") && verified.out().contains("sharer shares an object with owner"));
    let restored = sandbox.snapcli(&["restore", "-c", "1"]);
    restored.assert_code(4);
    assert!(restored.err().contains("undamaged: sharer, alone") && !restored.err().contains("intact: sharer"));
    let partial = sandbox.snapcli(&["restore", "--partial", "-c", "alone, 'sharer' in globals()"]);
    partial.assert_code(0).assert_stdout("(5, False)\n");
}

/// The tests do not install torch: it takes gigabytes. `SNAPCLI_TEST_TORCH` names a Python that has it, and dill.
#[test]
fn gradients_that_torch_does_not_pickle_are_noted() {
    let Some(python) = std::env::var_os("SNAPCLI_TEST_TORCH") else {
        return skipped("needs torch: set SNAPCLI_TEST_TORCH to a Python that has it");
    };
    let sandbox = Sandbox::with(python.into());
    let script = "import torch\nleaf = torch.ones(3, requires_grad=True)\ninner = leaf * 2\ninner.sum().backward()\n\
                  layer = torch.nn.Linear(2, 1)\nlayer(torch.ones(2)).sum().backward()\nplain = torch.ones(2)\n";
    save(&sandbox, script).assert_code(0);
    let report = sandbox.snapcli(&["inspect", "--json"]).json();
    let notes = |name: &str| {
        let variable = report["variables"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap();
        variable["notes"].to_string()
    };
    assert!(notes("leaf").contains("(grad)") && notes("layer").contains("(grad)"), "{report}");
    assert!(notes("inner").contains("(grad_fn)") && notes("plain") == "null", "{report}");
}

#[test]
fn an_instance_in_its_own_frozenset_is_not_lost_in_silence() {
    for sandbox in pythons().iter().map(|python| Sandbox::with(venv(python, Stack::Dill))) {
        let script = "class Node:\n    def __init__(self, key): self.key, self.peers = key, None\n    \
                      def __hash__(self): return hash(self.key)\n    def __eq__(self, other): return self is other\n\
                      first = Node('a'); first.peers = (first, {first}, {(first, 1): 2})\n\
                      second = Node('b'); second.peers = frozenset([second])\n\
                      third = Node('c'); third.peers = [frozenset([(third, 1)])]\n\
                      fourth = Node('d'); fourth.peers = frozenset([first])\n";
        let run = save(&sandbox, script);
        assert!(run.err().contains("left out 2 variables"), "{}", run.err());
        assert!(run.err().contains("second (__main__.Node") && run.err().contains("third (__main__.Node"));
        let code = "first.peers[0] is first, first in first.peers[1], first in fourth.peers";
        sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout("(True, True, True)\n");
    }
}

const GROUPS: &str = "
class Many(ExceptionGroup):
    def __new__(cls, errors, code):
        self = super().__new__(cls, 'many', errors)
        self.code = code
        return self
class Named(ExceptionGroup):
    def __new__(cls, name, *errors): return super().__new__(Named, name, errors)
    def __init__(self, name, *errors): self.name = name
class Base(BaseExceptionGroup):
    def __new__(cls, errors): return super().__new__(cls, 'base', errors)
many = Many([ValueError(1), TypeError('x')], 5)
named = Named('n', KeyError('k'))
base = Base([KeyboardInterrupt()])
plain = ExceptionGroup('plain', [many, ValueError(2)])
";

#[test]
fn groups_of_exceptions_with_their_own_new_come_back() {
    for python in pythons().iter().filter(|python| python.version >= (3, 11)) {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        save(&sandbox, GROUPS).assert_code(0);
        let code = "print(many.message, many.code, many.exceptions, len(many.args), named.message, named.name, \
                    named.exceptions, base.exceptions, plain.exceptions[0] is many)";
        let expected = "many 5 (ValueError(1), TypeError('x')) 2 n n (KeyError('k'),) (KeyboardInterrupt(),) True\n";
        sandbox.snapcli(&["restore", "-c", code]).assert_code(0).assert_stdout(expected);
        let loaded = sandbox.python(&["-c", &format!("import dill; dill.load_module('session.pkl'); {code}")]);
        loaded.assert_code(0).assert_stdout(expected);
    }
}
