//! Which files are loaded: the user's own are restored; files of others are refused unless they hold plain data, and
//! nothing in a refused file runs.

use std::fs;
use std::path::{Path, PathBuf};

use snapcli::internals::{Index, SCHEMA, SnapshotWriter, Variable};

use crate::env::{Sandbox, Stack, main_python, venv};
use crate::forged_names::forged_session;

const SESSION: &str = "import collections, datetime\nx = [1, 2.5, 'three']\nwhen = datetime.date(2026, 11, 24)\n\
                       counts = collections.Counter('hello')\ndef double(n):\n    return 2 * n\n";

fn saved(sandbox: &Sandbox) {
    sandbox.write("script.py", SESSION);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
}

/// Runs snapcli as another user, with a separate configuration directory.
fn as_another_user(sandbox: &Sandbox, arguments: &[&str]) -> crate::env::Run {
    sandbox.call_snapcli(arguments).env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run()
}

#[test]
fn a_users_own_files_are_loaded_and_those_of_others_refused() {
    let sandbox = Sandbox::new();
    saved(&sandbox);
    sandbox.snapcli(&["restore", "-c", "double(21)"]).assert_code(0).assert_stdout("42\n");
    let run = as_another_user(&sandbox, &["restore", "-c", "double(21)"]);
    run.assert_code(5).assert_stdout("");
    let expected = "snapcli: session.pkl is not trusted (signed with a key that is not yours), and loading it would do \
                    more than build plain data\n  double needs ";
    assert!(run.err().starts_with(expected), "{}", run.err());
    assert!(run.err().contains("--only") && run.err().contains("--trust"), "{}", run.err());
    as_another_user(&sandbox, &["restore", "--trust", "-c", "double(21)"]).assert_code(0).assert_stdout("42\n");
    let plain = ["restore", "--only", "x", "--only", "when", "--only", "counts", "-c", "x, when.year, counts['l']"];
    as_another_user(&sandbox, &plain).assert_code(0).assert_stdout("([1, 2.5, 'three'], 2026, 2)\n");
}

#[test]
fn a_key_in_the_environment_is_accepted_everywhere() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SESSION);
    let key = "correct horse battery staple";
    sandbox.call_snapcli(&["save", "-q", "script.py"]).env("SNAPCLI_KEY", key).run().assert_code(0);
    let there = || sandbox.call_snapcli(&["restore", "-c", "double(21)"]);
    let elsewhere = sandbox.out().join("stranger");
    there().env("XDG_CONFIG_HOME", &elsewhere).env("SNAPCLI_KEY", key).run().assert_code(0).assert_stdout("42\n");
    there().env("XDG_CONFIG_HOME", &elsewhere).env("SNAPCLI_KEY", "another horse battery").run().assert_code(5);
    there().env("SNAPCLI_KEY", "short").run().assert_code(5);
}

#[test]
fn saving_works_without_a_key() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SESSION);
    sandbox.write("config", "a file where a folder should be");
    let run = sandbox.call_snapcli(&["save", "script.py"]).env("XDG_CONFIG_HOME", sandbox.work().join("config")).run();
    run.assert_code(0);
    assert!(run.err().contains("the snapshot will not be signed"), "{}", run.err());
    let run = sandbox.snapcli(&["restore", "-c", "double(21)"]);
    run.assert_code(5);
    assert!(run.err().contains("not trusted (not signed)"), "{}", run.err());
}

#[test]
fn a_script_that_saves_without_a_key_is_warned_once() {
    let sandbox = Sandbox::new();
    saved(&sandbox);
    sandbox.write("config", "a file where a folder should be");
    let script = "import snapcli\nfor turn in range(2): snapcli.save('own.pkl')\n";
    sandbox.write("saves.py", script);
    let warnings = |arguments: &[&str]| {
        let call = sandbox.call_snapcli(arguments).env("XDG_CONFIG_HOME", sandbox.work().join("config"));
        let run = call.run();
        run.assert_code(0);
        run.err().matches("will not be signed: cannot read or create the key").count()
    };
    assert_eq!(warnings(&["restore", "--only", "x", "session.pkl", "saves.py"]), 1);
    assert_eq!(warnings(&["restore", "--only", "x", "-q", "session.pkl", "saves.py"]), 0);
    assert_eq!(warnings(&["save", "saves.py"]), 1);
}

#[test]
fn trust_shows_the_verdict_and_signs_the_file() {
    let sandbox = Sandbox::new();
    saved(&sandbox);
    as_another_user(&sandbox, &["trust"]).assert_code(2);
    as_another_user(&sandbox, &["restore", "-c", "1"]).assert_code(5);
    let run = as_another_user(&sandbox, &["trust", "--yes", "session.pkl"]);
    run.assert_code(0).assert_stderr("snapcli: signed session.pkl with your key\n");
    assert!(run.out().contains("verdict: "), "{}", run.out());
    as_another_user(&sandbox, &["restore", "-c", "double(21)"]).assert_code(0).assert_stdout("42\n");
    sandbox.snapcli(&["verify", "-q"]).assert_code(0);
    let load = "import dill; print(sorted(dill.load_module_asdict('session.pkl'))[-1])";
    sandbox.python(&["-c", load]).assert_code(0).assert_stdout("x\n");
    sandbox.write("foreign.pkl", b"\x80\x02K\x01.");
    sandbox.snapcli(&["trust", "--yes", "foreign.pkl"]).assert_code(2);
}

#[test]
fn plain_dill_sessions_and_plain_pickles_need_no_trust() {
    let sandbox = Sandbox::new();
    let script = "import dill, pickle, numpy as np, decimal, uuid\nx = np.arange(3)\n\
                  price = decimal.Decimal('1.5')\nmixed = np.array([None, 'a'], dtype=object)\n\
                  fields = np.zeros(2, dtype=[('a', 'f8'), ('b', 'U3')])\n\
                  seed = np.random.default_rng(1)\n\
                  data = {'x': x, 'price': price, 'mixed': mixed, 'fields': fields, 'seed': seed}\n\
                  pickle.dump(data, open('plain.pkl', 'wb'))\n\
                  del dill, pickle, uuid, seed, data\nimport dill\ndill.dump_module('dill.pkl')\n";
    sandbox.write("make.py", script);
    sandbox.python(&["make.py"]).assert_code(0);
    let code = "x.sum().item(), price, mixed[1], fields.dtype.names";
    for file in ["plain.pkl", "dill.pkl"] {
        sandbox
            .snapcli(&["restore", file, "-c", code])
            .assert_code(0)
            .assert_stdout("(3, Decimal('1.5'), 'a', ('a', 'b'))\n");
    }
}

#[test]
fn scripts_get_an_unpickling_error_for_an_untrusted_file() {
    let sandbox = Sandbox::new();
    saved(&sandbox);
    let script = "import pickle, snapcli\n\
                  try: snapcli.load_dict('session.pkl')\n\
                  except pickle.UnpicklingError as error:\n    \
                  print('double needs' in str(error), 'trust=True' in str(error))\n\
                  load = snapcli.load_dict\n\
                  print(load('session.pkl', only='x')['x'][2], load('session.pkl', trust=True)['double'](4))\n";
    sandbox.write("use.py", script);
    let run = as_another_user(&sandbox, &["save", "-q", "-o", "out.pkl", "use.py"]);
    run.assert_code(0).assert_stdout("True True\nthree 8\n");
}

#[test]
fn plain_scikit_learn_estimators_need_no_trust_but_compiled_ones_do() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    sandbox.write("script.py", ESTIMATORS);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let check = "print([name for name, made in models.items() if not (made.predict(X) == right[name]).all()], \
                 scaled.transform(X).shape, codes.inverse_transform([1])[0])";
    let kept = ["models", "right", "X", "scaled", "codes"];
    let only: Vec<&str> = kept.iter().flat_map(|name| ["--only", *name]).collect();
    let run = as_another_user(&sandbox, &[&["restore"], &only[..], &["-c", check]].concat());
    run.assert_code(0).assert_stdout("[] (40, 4) b\n");
    for (name, wanted) in [
        ("tree", "sklearn.tree._classes.DecisionTreeClassifier"),
        ("near", "sklearn.neighbors._classification.KNeighborsClassifier"),
        ("calls", "sklearn.preprocessing._function_transformer.FunctionTransformer"),
    ] {
        let run = as_another_user(&sandbox, &["restore", "--only", name, "-c", "1"]);
        run.assert_code(5).assert_stdout("");
        let why = "only an allow-list of sklearn classes is loaded without --trust";
        assert!(run.err().contains(wanted) && run.err().contains(why), "{}", run.err());
    }
    // The verdict of inspect predicts what restore does.
    sandbox.write("dump.py", format!("{ESTIMATORS}\n{DUMP}"));
    sandbox.python(&["dump.py"]).assert_code(0);
    for (file, class, code) in [("plain.pkl", "plain", 0), ("tree.pkl", "calls", 5), ("near.pkl", "calls", 5)] {
        assert_eq!(sandbox.snapcli(&["inspect", "--json", file]).json()["verdict"]["class"], class, "{file}");
        as_another_user(&sandbox, &["restore", file, "-c", "1"]).assert_code(code);
    }
}

const DUMP: &str = "
import pickle
for name, values in ('plain', models), ('tree', {'tree': tree}), ('near', {'near': near}):
    with open(name + '.pkl', 'wb') as file: pickle.dump(values, file)
";

/// Fitted estimators with their predictions.
const ESTIMATORS: &str = "
import warnings
warnings.simplefilter('ignore')
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (ARDRegression, BayesianRidge, ElasticNet, ElasticNetCV, HuberRegressor, Lasso,
    LassoCV,
    LinearRegression, LogisticRegression, LogisticRegressionCV, Ridge, RidgeCV)
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (Binarizer, FunctionTransformer, LabelEncoder, MaxAbsScaler, MinMaxScaler, Normalizer,
    OrdinalEncoder, PowerTransformer, QuantileTransformer, RobustScaler, StandardScaler)
from sklearn.tree import DecisionTreeClassifier
X = np.abs(np.random.default_rng(0).normal(size=(40, 4))) + 0.1
y = (X[:, 0] > X[:, 1]).astype(int)
steps = [StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler(), Normalizer(), Binarizer(),
    PowerTransformer(),
    QuantileTransformer(n_quantiles=9), SimpleImputer(), VarianceThreshold(), PCA(2), TruncatedSVD(2),
    ColumnTransformer([('some', StandardScaler(), [0, 2])]), FeatureUnion([('all', PCA()), ('two', PCA(2))])]
ends = [LinearRegression(), Ridge(), RidgeCV(), Lasso(), LassoCV(), ElasticNet(), ElasticNetCV(), LogisticRegression(),
    LogisticRegressionCV(), BayesianRidge(), ARDRegression(), HuberRegressor(), GaussianNB(), MultinomialNB(),
    BernoulliNB(), ComplementNB(), DummyClassifier(), DummyRegressor(), LinearDiscriminantAnalysis(),
    QuadraticDiscriminantAnalysis()]
models = {type(end).__name__: end for end in ends}
models.update({type(step).__name__: make_pipeline(step, Ridge()) for step in steps})
right = {name: model.fit(X, y).predict(X) for name, model in models.items()}
scaled, codes, ordinal = StandardScaler().fit(X), LabelEncoder().fit(['a', 'b']), OrdinalEncoder().fit([['a'], ['b']])
tree, near = DecisionTreeClassifier().fit(X, y), KNeighborsClassifier(algorithm='kd_tree').fit(X, y)
calls = FunctionTransformer(np.log1p).fit(X)
";

/// An unsigned snapshot with one variable of these opcodes.
fn snapshot_of(value: &[u8]) -> Vec<u8> {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    writer.segment(Variable { name: "v".into(), ..Variable::default() }, value).unwrap();
    writer.finish(Index { schema: SCHEMA, module: "__main__".into(), ..Index::default() }, None).unwrap().0
}

#[test]
fn no_hostile_variable_in_a_snapshot_runs_or_changes_anything() {
    let sandbox = Sandbox::new();
    let canary = sandbox.out().join("canary");
    let command = format!("cposix\nsystem\n(S'touch {}'\ntR", canary.display());
    let values: [&[u8]; 11] = [
        command.as_bytes(),
        // Changes to allowed classes and modules, for the whole process.
        b"ccollections\nOrderedDict\n}X\x04\0\0\0evilK\x01sb",
        b"cdill._dill\n_import_module\n(S'json'\ntR}X\x04\0\0\0evilK\x01sb",
        // An extension, a persistent id, and an attribute of a module that the pickle imports.
        b"\x82\x01",
        b"Pposix.system\n",
        b"cbuiltins\ngetattr\n(cdill._dill\n_import_module\n(S'os'\ntRS'system'\ntR",
        // An object array whose addresses are forged numbers.
        b"cnumpy\nndarray\n((K\x01tS'O'\nC\x08AAAAAAAAtR",
        // A changed estimator class, other names in its module, and compiled code that reads memory at forged offsets.
        b"csklearn.pipeline\nPipeline\n}X\x04\0\0\0evilK\x01sb",
        b"csklearn.pipeline\nPipeline\n)\x81}X\x07\0\0\0predictcsklearn.pipeline\njoblib.os.system\nsb",
        b"\x8c\x10sklearn.pipeline\x8c\x11Pipeline.__dict__\x93",
        b"csklearn.tree._tree\nTree\n(K\x01tR",
    ];
    for value in values {
        sandbox.write("v.pkl", snapshot_of(value));
        let run = sandbox.snapcli(&["restore", "v.pkl", "-c", "1"]);
        run.assert_code(5).assert_stdout("");
        assert!(run.err().contains("v needs "), "{}", run.err());
    }
    assert!(!canary.exists());
    sandbox.write("v.pkl", snapshot_of(command.as_bytes()));
    sandbox.snapcli(&["restore", "--trust", "v.pkl", "-c", "1"]).assert_code(0);
    assert!(canary.exists());
}

/// Changes an index.
type Forge = fn(&mut Index);

/// A snapshot of variables `a` and `b` whose index was changed afterwards, with the hashes that make it sound again.
fn forged_pair(a: &[u8], b: &[u8], forge: Forge) -> Vec<u8> {
    forged_session(&[("a", a), ("b", b)], forge)
}

/// A check of opcodes could get the memo wrong. Whatever the index says about slots, about the variables that own them
/// and about code, an object that the check has seen as a harmless string must not be another one when it is loaded.
#[test]
fn no_index_makes_the_check_see_other_objects_than_the_load() {
    let sandbox = Sandbox::new();
    // `b` memoizes "O8", the code of an array of objects, and takes the code of its dtype from slot 1. The check finds
    // "V8" there, 8 bytes without a meaning, as long as it believes that `a` has filled that slot.
    let memoized = b"\x8c\x02V8\x94";
    let failing = b"\x8c\x02V8\x940\x8c\x05numpy\x8c\x05dtype\x93\x8c\x02zz\x89\x88\x87R";
    let state = b"(K\x03\x8c\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t";
    let dtype = [b"\x8c\x02O8\x940\x8c\x05numpy\x8c\x05dtype\x93h\x01\x89\x88\x87R", &state[..], b"b"].concat();
    let takes = b"\x8c\x05numpy\x8c\x05dtype\x93h\x01\x89\x88\x87R";
    let put = b"\x8c\x02V8q\x01";
    let foreign: Forge = |index| {
        index.python.version = "3.0.0".into();
        index.variables[0].has_code = true;
    };
    let fewer: Forge = |index| {
        index.python.version = "3.0.0".into();
        (index.variables[0].has_code, index.variables[0].memo) = (true, (1, 1));
        index.variables[1].memo = (1, 2);
    };
    let shifted: Forge = |index| {
        (index.variables[0].memo, index.variables[1].memo) = ((1, 1), (1, 2));
    };
    let more: Forge = |index| {
        (index.variables[0].memo, index.variables[1].memo) = ((1, 9), (9, 10));
    };
    let unused: Forge = |index| index.variables[1].uses.clear();
    let foreign_unused: Forge = |index| {
        index.python.version = "3.0.0".into();
        index.variables[0].has_code = true;
        index.variables[1].uses.clear();
    };
    let honest: Forge = |_| {};
    let cases: [(&str, &[u8], &[u8], Forge); 9] = [
        ("code of another Python, one slot fewer", memoized, &dtype, fewer),
        ("a load that fails, one slot fewer", failing, &dtype, shifted),
        ("more slots than there are", memoized, takes, more),
        ("a load that fails, and an index without its user", failing, takes, unused),
        ("code of another Python, and an index without its user", memoized, takes, foreign_unused),
        ("code of another Python", memoized, takes, foreign),
        ("a load that fails", failing, takes, honest),
        ("a slot by its number", put, takes, honest),
        ("a slot by its number, in code of another Python", put, takes, foreign),
    ];
    for (case, a, b, forge) in cases {
        sandbox.write("forged.pkl", forged_pair(a, b, forge));
        let run = sandbox.snapcli(&["restore", "forged.pkl", "-c", "print('b' in globals() and b)"]);
        let refused = [Some(4), Some(5)].contains(&run.status.code()) && run.out().is_empty();
        assert!(refused || run.out() == "False\n", "{case}: {}", run.whole());
    }
    // What is refused above is loaded if the index is honest and nothing fails.
    sandbox.write("honest.pkl", forged_pair(memoized, takes, honest));
    sandbox.snapcli(&["restore", "honest.pkl", "-c", "print(a, b)"]).assert_stdout("V8 |V8\n").assert_code(0);
}

#[test]
fn nothing_in_the_attack_corpus_runs() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let (folder, canary) = (sandbox.out().join("corpus"), sandbox.out().join("canary"));
    fs::create_dir_all(&folder).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/verdicts/attacks.py");
    let arguments = [script.to_str().unwrap(), folder.to_str().unwrap(), canary.to_str().unwrap()];
    sandbox.python(&arguments).assert_code(0);
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 60, "{}", files.len());
    for file in files {
        let run = sandbox.snapcli(&["restore", file.to_str().unwrap(), "-c", "1"]);
        assert!(run.err().contains("snapcli: "), "{}: {}", file.display(), run.whole());
        assert!(!canary.exists(), "{}", file.display());
        assert!(["exit 4", "exit 5"].contains(&run.ending().as_str()), "{}: {}", file.display(), run.whole());
    }
}

#[test]
fn credentials_are_named_but_not_shown_and_left_out_on_request() {
    let sandbox = Sandbox::new();
    let script = "import os\ndb_password = 'hunter2'\nconfig = {'api_key': 'abcdef', 'host': 'here'}\n\
                  header = 'Bearer ghp_' + 'a1B2' * 9\ntokens = ['a', 'b']\nsecret_santa = 'Ann'\ntoken = 'the'\n\
                  settings = dict(os.environ)\n";
    sandbox.write("script.py", script);
    let call = |arguments: &[&str]| {
        let mut call = sandbox.call_snapcli(arguments);
        for number in 0..9 {
            call = call.env(&format!("SETTING_{number}"), "value");
        }
        call.run()
    };
    let run = call(&["save", "--report", "report.json", "script.py"]);
    run.assert_code(0);
    let warned: Vec<String> = run.err().lines().filter(|line| line.contains("warning: ")).map(str::to_owned).collect();
    let names: Vec<&str> = warned.iter().filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(names, ["db_password", "config", "header", "settings"], "{warned:#?}");
    let report = fs::read_to_string(sandbox.work().join("report.json")).unwrap();
    assert!(report.contains("\"secrets\"") && !report.contains("hunter2") && !report.contains("a1B2"), "{report}");
    let inspected = sandbox.snapcli(&["inspect", "--json"]).out();
    assert!(inspected.contains("\"secrets\"") && !inspected.contains("hunter2"), "{inspected}");
    let run = call(&["save", "--redact", "-o", "clean.pkl", "script.py"]);
    run.assert_code(0);
    assert!(run.err().contains("left out db_password: looks like a credential: its name"), "{}", run.err());
    sandbox.snapcli(&["restore", "--list", "--all", "clean.pkl"]).assert_stdout("os\ntokens\nsecret_santa\ntoken\n");
    let bytes = fs::read(sandbox.work().join("clean.pkl")).unwrap();
    assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
}
