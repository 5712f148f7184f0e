//! Estimators of scikit-learn in files of others: those that compute with numpy alone come back as a trusted load gives
//! them, and anything that scikit-learn would not write is refused with its reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::env::{Sandbox, Stack, main_python, venv};

fn sandbox() -> Sandbox {
    Sandbox::with(venv(main_python(), Stack::Full))
}

fn path(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name).to_str().unwrap().to_owned()
}

/// Runs a script of `untrusted_estimators/` that writes files into a directory.
fn written(sandbox: &Sandbox, script: &str, arguments: &[&str]) -> PathBuf {
    let folder = sandbox.out().join(script);
    let script = path(&format!("tests/integration/untrusted_estimators/{script}.py"));
    sandbox.python(&[&[script.as_str(), folder.to_str().unwrap()], arguments].concat()).assert_code(0);
    folder
}

#[test]
fn estimators_equal_those_of_a_trusted_load() {
    let sandbox = sandbox();
    let folder = written(&sandbox, "write", &[&path("benches/untrusted/values_sklearn.py")]);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let list: Vec<&str> = files.iter().map(|file| file.to_str().unwrap()).collect();
    let (list, out) = (sandbox.write("list", list.join("\n")), sandbox.out().join("answers"));
    sandbox.write("empty.pkl", b"\x80\x04}.");
    let worker = path("benches/untrusted/worker.py");
    let arguments = ["restore", "empty.pkl", &worker, out.to_str().unwrap(), list.to_str().unwrap()];
    sandbox.call_snapcli(&arguments).timeout(std::time::Duration::from_secs(300)).run().assert_code(0);
    let (mut built, mut refused) = (0, BTreeMap::new());
    for line in fs::read_to_string(out).unwrap().lines() {
        let answer: serde_json::Value = serde_json::from_str(line).unwrap();
        let file = Path::new(answer["file"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
        assert!(answer["differs"].is_null(), "{answer}");
        if answer["loaded"] == true {
            built += 1;
        } else {
            refused.insert(file.split(['_', '.']).next().unwrap().to_owned(), answer["why"].clone());
        }
    }
    // Each of these has compiled code that trusts its state, calls a function from it, or is made of those that do.
    let expected = [
        "DecisionTreeClassifier",
        "GradientBoostingClassifier",
        "HistGradientBoostingRegressor",
        "IsolationForest",
        "KBinsDiscretizer",
        "KNNImputer",
        "KNeighborsClassifier",
        "LatentDirichletAllocation",
        "NMF",
        "OneHotEncoder",
        "RandomForestClassifier",
        "RandomForestRegressor",
        "SVC",
        "SplineTransformer",
        "TargetEncoder",
        "counted",
        "dicts",
        "grid",
        "hashed",
        "voting",
        "weighted",
    ];
    assert_eq!(refused.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{refused:#?}");
    assert!(built > 400, "{built}");
}

#[test]
fn attributes_that_scikit_learn_does_not_write_are_refused() {
    let sandbox = sandbox();
    let folder = written(&sandbox, "hostile", &[]);
    let expected = fs::read(folder.join("expected.json")).unwrap();
    let expected: BTreeMap<String, String> = serde_json::from_slice(&expected).unwrap();
    assert!(expected.len() > 40);
    for (file, why) in expected {
        let file = folder.join(file);
        let run = sandbox.snapcli(&["restore", file.to_str().unwrap(), "-c", "print('ran')"]);
        run.assert_code(5).assert_stdout("");
        assert!(run.err().contains(&why), "{why}: {}", run.err());
        let run = sandbox.snapcli(&["inspect", "--strict", "--json", file.to_str().unwrap()]);
        run.assert_code(5);
        assert_ne!(run.json()["verdict"]["class"], "plain", "{why}");
    }
}

#[test]
fn an_estimator_of_another_version_is_loaded_with_the_warning_of_scikit_learn() {
    let sandbox = sandbox();
    let script = "import pickle, sklearn\nfrom sklearn.preprocessing import StandardScaler\n\
                  file = pickle.dumps(StandardScaler().fit([[1.0], [2.0]]))\nversion = sklearn.__version__.encode()\n\
                  assert file.count(version) == 1\nopen('same.pkl', 'wb').write(file)\n\
                  open('other.pkl', 'wb').write(file.replace(version, b'9' * len(version)))\n";
    sandbox.write("dump.py", script);
    sandbox.python(&["dump.py"]).assert_code(0);
    let check = "print(obj.mean_, sorted(set(vars(obj)) - set(obj.get_params())))";
    let expected = "[1.5] ['mean_', 'n_features_in_', 'n_samples_seen_', 'scale_', 'var_']\n";
    sandbox.snapcli(&["restore", "-q", "same.pkl", "-c", check]).assert_stdout(expected).assert_stderr("");
    let run = sandbox.snapcli(&["restore", "-q", "other.pkl", "-c", check]);
    run.assert_code(0).assert_stdout(expected);
    let trusted = sandbox.snapcli(&["restore", "-q", "--trust", "other.pkl", "-c", check]);
    let warning = "InconsistentVersionWarning: Trying to unpickle estimator StandardScaler from version 9";
    assert!(run.err().contains(warning) && trusted.err().contains(warning), "{}", run.err());
}
