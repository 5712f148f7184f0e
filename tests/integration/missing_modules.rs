//! What a restore says of modules that are missing or have changed: one line for each, with all that it costs.

use std::fs;

use crate::env::{Sandbox, Stack, main_python, venv};

const WORK: &str = "
import numpy as np, pandas as pd, sklearn
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.preprocessing import StandardScaler
frame = pd.DataFrame({'x': [1, 2]})
models = {'a': LinearRegression().fit([[1], [2]], [1, 2])}
best = models['a']
ridge = Ridge()
numbers = [1, 2]
";

#[test]
fn a_missing_package_is_one_line_with_what_to_install_and_the_python_that_has_it() {
    let full = Sandbox::with(venv(main_python(), Stack::Full));
    full.write("work.py", WORK);
    full.snapcli(&["save", "-q", "work.py"]).assert_code(0);
    let version = |package: &str| {
        let code = format!("import importlib.metadata as m; print(m.version('{package}'), end='')");
        full.python(&["-c", &code]).out()
    };
    let (sklearn, pandas) = (version("scikit-learn"), version("pandas"));
    let index = full.snapcli(&["inspect", "--json"]).json();
    assert_eq!(index["packages"]["sklearn"], sklearn.as_str());
    // Another environment, whose user has the same key.
    let bare = Sandbox::with(venv(main_python(), Stack::Dill));
    bare.write("session.pkl", fs::read(full.work().join("session.pkl")).unwrap());
    let key = "ab".repeat(32);
    full.call_snapcli(&["save", "-q", "-o", "signed.pkl", "work.py"]).env("SNAPCLI_KEY", &key).run().assert_code(0);
    bare.write("signed.pkl", fs::read(full.work().join("signed.pkl")).unwrap());
    let restore = |arguments: &[&str]| bare.call_snapcli(arguments).env("SNAPCLI_KEY", &key).run();
    let run = restore(&["restore", "signed.pkl", "-c", "numbers"]);
    run.assert_code(0).assert_stdout("[1, 2]\n");
    let python = full.interpreter().display();
    let expected = format!(
        "snapcli: cannot restore pd (module), frame (pandas.DataFrame): needs the module pandas: \
         install pandas=={pandas}, or pass --map pandas=NEW if it was renamed\n\
         snapcli: cannot restore models (dict), best (sklearn.linear_model._base.LinearRegression), \
         ridge (sklearn.linear_model._ridge.Ridge) and 4 imports: needs the module sklearn: \
         install scikit-learn=={sklearn}, or pass --map sklearn=NEW if it was renamed\n"
    );
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (last, losses) = (run.err().lines().last().unwrap().to_owned(), run.err());
    let losses = losses.strip_suffix(&format!("{last}\n")).unwrap();
    assert_eq!(sorted(losses), sorted(&expected), "{}", run.whole());
    assert!(last.ends_with(&format!(" is still there: restore it with --python {python}")), "{last}");
    // It does as it says.
    let signed = bare.work().join("signed.pkl");
    let again = full.call_snapcli(&["restore", signed.to_str().unwrap(), "-c", "best.coef_"]);
    let again = again.env("SNAPCLI_KEY", &key).run();
    assert!(again.out().contains("1."), "{}", again.whole());
    // Versions and paths of a file that is not trusted are not repeated.
    let run = bare.snapcli(&["restore", "--only", "numbers", "--only", "frame", "session.pkl", "-c", "numbers"]);
    assert!(!run.err().contains("==") && !run.err().contains("--python /"), "{}", run.whole());
}

#[test]
fn a_module_of_the_project_is_not_to_be_installed() {
    let sandbox = Sandbox::new();
    sandbox.write("project/helper.py", "class Thing: pass\nclass Other: pass\n");
    sandbox.write("project/script.py", "import helper\na, b = helper.Thing(), [helper.Other()]\nx = 1\n");
    sandbox.snapcli(&["save", "-q", "project/script.py"]).assert_code(0);
    let script = sandbox.work().join("project/script.py").display().to_string();
    // Names that it no longer has.
    sandbox.write("project/helper.py", "");
    sandbox.snapcli(&["restore", "session.pkl", "-c", "x"]).assert_stdout("1\n").assert_stderr(&format!(
        "snapcli: cannot restore a (helper.Thing), b (list): helper has no attribute Thing, Other: \
         the module beside {script} has changed since the save\n"
    ));
    fs::remove_file(sandbox.work().join("project/helper.py")).unwrap();
    sandbox.snapcli(&["restore", "session.pkl", "-c", "x"]).assert_stdout("1\n").assert_stderr(&format!(
        "snapcli: cannot restore helper (module), a (helper.Thing), b (list): needs the module helper, \
         which was beside {script}: put its directory on PYTHONPATH, or pass --map helper=NEW if it was renamed\n"
    ));
}

#[test]
fn a_directory_that_the_script_has_added_to_the_path_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("pk/mymod.py", "class A: pass\n");
    sandbox.write("um.py", "import sys; sys.path.insert(0, 'pk')\nimport mymod\none = mymod.A()\nok = 5\n");
    sandbox.snapcli(&["save", "-q", "um.py"]).assert_code(0);
    fs::rename(sandbox.work().join("pk"), sandbox.work().join("old")).unwrap();
    let work = sandbox.work().display().to_string();
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "ok"]);
    let place = format!("needs the module mymod, which was beside {work}/um.py or in {work}/pk: put its directory");
    assert!(run.assert_stdout("5\n").err().contains(&place), "{}", run.whole());
}

#[test]
fn what_an_installed_package_no_longer_has_is_named_with_its_version() {
    let sandbox = Sandbox::new();
    // An installed package, as far as Python and its metadata are concerned.
    let packages = sandbox.out().join("lib/site-packages");
    let write = |name: &str, text: &str| {
        let path = packages.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("oddly/__init__.py", "class Old: pass\nclass Older: pass\n");
    write("Strange_Name-1.4.dist-info/METADATA", "Metadata-Version: 2.1\nName: Strange-Name\nVersion: 1.4\n");
    write("Strange_Name-1.4.dist-info/RECORD", "oddly/__init__.py,sha256=x,40\n");
    sandbox.write("script.py", "import oddly\na = oddly.Old()\nb = {1: oddly.Older()}\nx = 1\n");
    let call = |arguments: &[&str]| sandbox.call_snapcli(arguments).env("PYTHONPATH", &packages).run();
    call(&["save", "-q", "script.py"]).assert_code(0);
    write("oddly/__init__.py", "class New: pass\n");
    call(&["restore", "session.pkl", "-c", "x"]).assert_stdout("1\n").assert_stderr(
        "snapcli: cannot restore a (oddly.Old), b (dict): oddly has no attribute Old, Older: \
         the session was saved with Strange-Name==1.4, so install that\n",
    );
    fs::remove_dir_all(&packages).unwrap();
    call(&["restore", "session.pkl", "-c", "x"]).assert_stdout("1\n").assert_stderr(
        "snapcli: cannot restore oddly (module), a (oddly.Old), b (dict): needs the module oddly: \
         install Strange-Name==1.4, or pass --map oddly=NEW if it was renamed\n",
    );
}

#[test]
fn a_new_name_that_is_no_module_is_named_with_its_option() {
    let sandbox = Sandbox::new();
    sandbox.write("old.py", "class C: pass\nclass D: pass\n");
    sandbox.write("script.py", "import old\nc = old.C()\nlist_of_d = [old.D()]\nn = [1]\n");
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let dump = "import old, pickle; pickle.dump(old.C(), open('foreign.pkl', 'wb'))";
    sandbox.python(&["-c", dump]).assert_code(0);
    fs::rename(sandbox.work().join("old.py"), sandbox.work().join("other.py")).unwrap();
    let advice = |new: &str, missing: &str| {
        format!(
            "--map old={new} names the module {missing}, which was not found: correct the name, install it, or put its \
             directory on PYTHONPATH"
        )
    };
    for (new, missing) in [("nopkg", "nopkg"), ("nopkg.sub", "nopkg"), ("json.nosub", "json.nosub")] {
        let run = sandbox.snapcli(&["restore", "--map", &format!("old={new}"), "-c", "n"]);
        run.assert_code(0).assert_stdout("[1]\n");
        let lost = "cannot restore old (module), c (old.C), list_of_d (list)";
        run.assert_stderr(&format!("snapcli: {lost}: {}\n", advice(new, missing)));
    }
    let answer = sandbox.snapcli(&["restore", "--map", "old=nopkg", "--json", "-c", "n"]).json();
    assert!(answer.to_string().contains(&advice("nopkg", "nopkg")), "{answer}");
    // Another pickle is loaded as a whole.
    let run = sandbox.snapcli(&["restore", "--trust", "--map", "old=nopkg", "foreign.pkl", "-c", "1"]);
    run.assert_code(1).assert_stdout("");
    assert!(run.err().contains(&advice("nopkg", "nopkg")) && !run.err().contains("install nopkg"), "{}", run.whole());
    // A module that is missing for itself keeps its advice.
    let run = sandbox.snapcli(&["restore", "--map", "unused=nopkg", "-c", "n"]);
    assert!(run.err().contains("or pass --map old=NEW if it was renamed"), "{}", run.whole());
    sandbox.snapcli(&["restore", "--map", "old=other", "-c", "type(c).__module__"]).assert_stdout("'other'\n");
}
