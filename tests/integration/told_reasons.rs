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
