//! A restored session goes on where the script stopped: random generators, environment, options. Only what the script
//! changed is in the file, never credentials, and nothing is put back from a file that is not trusted.

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

fn save(sandbox: &Sandbox, script: &str) -> Run {
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0);
    run
}

/// The names of the entries in the file.
fn entries(sandbox: &Sandbox) -> Vec<String> {
    let index = sandbox.snapcli(&["inspect", "--json"]).json();
    let names = index["ambient"].as_array().cloned().unwrap_or_default();
    names.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

const SCRIPT: &str = "
import random, os, sys, decimal, logging, warnings, locale, numpy as np
random.seed(1); np.random.seed(1); random.gauss(0, 1); np.random.randn(3)
os.environ['MODE'] = 'fast'; os.environ.pop('GONE', None); sys.path.append('/opt/mine'); sys.path.insert(0, 'lib')
decimal.getcontext().prec = 50; decimal.getcontext().traps[decimal.Inexact] = True
logging.getLogger('app').setLevel('DEBUG'); logging.getLogger().setLevel('ERROR'); logging.disable(5)
np.set_printoptions(precision=3); np.seterr(divide='raise')
warnings.simplefilter('error', UserWarning); warnings.filterwarnings('ignore', message='old thing')
locale.setlocale(locale.LC_ALL, 'C'); sys.setrecursionlimit(5000)
";
const CHECK: &str = "random.random(), random.gauss(0, 1), float(np.random.rand()), float(np.random.randn()), \
    os.environ.get('MODE'), os.environ.get('GONE'), '/opt/mine' in sys.path, \
    any(entry.endswith('/lib') for entry in sys.path), \
    decimal.getcontext().prec, decimal.getcontext().traps[decimal.Inexact], logging.getLogger('app').level, \
    logging.root.level, logging.root.manager.disable, np.get_printoptions()['precision'], np.geterr()['divide'], \
    warnings.filters[0][0], warnings.filters[0][1].pattern, warnings.filters[1][2].__name__, \
    locale.setlocale(locale.LC_ALL), sys.getrecursionlimit()";

#[test]
fn a_restored_session_goes_on_where_the_script_stopped() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", SCRIPT);
        sandbox.call_snapcli(&["save", "script.py"]).env("GONE", "1").run().assert_code(0);
        let code = format!("print(({CHECK}))");
        let direct =
            sandbox.call_python(&["-c", &format!("{SCRIPT}\nsys.path[0] += '/lib'\n{code}")]).env("GONE", "1").run();
        direct.assert_code(0);
        let restored = sandbox.call_snapcli(&["restore", "-c", &code]).env("GONE", "1").run();
        restored.assert_code(0).assert_stdout(&direct.out());
        // Plain dill reads the file, and leaves the interpreter alone.
        let load = "import dill, os; dill.load_module('session.pkl')\n\
                    print(os.environ.get('MODE'), decimal.getcontext().prec)";
        sandbox.python(&["-c", load]).assert_code(0).assert_stdout("None 28\n");
    }
}

#[test]
fn generators_that_were_seeded_in_unusual_ways_go_on() {
    let draw = "print(random.random(), float(np.random.rand()))";
    let ways = [
        "random.seed('a line of a configuration file\\n' * 30)",
        "random.seed(2**5000 - 1)",
        "random.seed(bytes(range(256)) * 9)",
        "np.random.set_state(np.random.RandomState(np.random.MT19937(np.random.SeedSequence(5))).get_state())",
        "random.seed(1); snapcli.save('first.pkl'); s = random.getstate()[1]
random.setstate((3, (*s[:5], 1, *s[6:]), None))",
    ];
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        for way in ways {
            let seeds = if way.contains("np.random") { "random.seed(2)" } else { "np.random.seed(2)" };
            let script =
                format!("import random, snapcli, numpy as np\n{seeds}; {way}\nsnapcli.save('inner.pkl')\n{draw}");
            let run = sandbox.snapcli(&["save", "-q", "-c", &script]);
            run.assert_code(0);
            sandbox.snapcli(&["restore", "-q", "inner.pkl", "-c", draw]).assert_stdout(&run.out());
        }
    }
    // What the operating system has seeded is not shared by two restores.
    let sandbox = Sandbox::new();
    sandbox.snapcli(&["save", "-q", "-c", "import random, numpy as np"]).assert_code(0);
    let drawn = || sandbox.snapcli(&["restore", "-q", "-c", draw]).out();
    assert_ne!(drawn(), drawn());
}

#[test]
fn a_filter_for_all_warnings_is_kept() {
    let sandbox = Sandbox::new();
    let show = "import warnings; print(warnings.filters[0][0], warnings.filters[0][2].__name__)";
    for filter in ["simplefilter('ignore')", "filterwarnings('ignore')", "simplefilter('ignore', Warning)"] {
        let code = format!("import warnings, snapcli; warnings.{filter}; snapcli.save('inner.pkl'); {show}");
        sandbox.snapcli(&["save", "-q", "-c", &code]).assert_code(0).assert_stdout("ignore Warning\n");
        for file in ["session.pkl", "inner.pkl"] {
            sandbox.snapcli(&["restore", file, "-c", show]).assert_code(0).assert_stdout("ignore Warning\n");
        }
    }
}

#[test]
fn nothing_is_restored_that_the_user_does_not_want() {
    let sandbox = Sandbox::new();
    save(
        &sandbox,
        "import os, sys, random\nrandom.seed(1); os.environ['MODE'] = 'fast'; sys.path.append('/opt/mine')\nn = 1",
    );
    let check = "import os, sys; print(os.environ.get('MODE'), '/opt/mine' in sys.path)";
    sandbox.snapcli(&["restore", "-c", check]).assert_stdout("fast True\n");
    sandbox.snapcli(&["restore", "--no-ambient", "-c", check]).assert_stdout("None False\n");
    // Neither with a part of the session.
    let environ = "import os; print(os.environ.get('MODE'))";
    sandbox.snapcli(&["restore", "--only", "n", "-c", environ]).assert_stdout("None\n");
    // Never from a file that someone else has signed.
    let other = sandbox.call_snapcli(&["restore", "--only", "n", "-c", check]).env("SNAPCLI_KEY", "another passphrase");
    other.run().assert_code(0).assert_stdout("None False\n");
    sandbox.write(
        "inside.py",
        "import snapcli, os\nsnapcli.restore('session.pkl', ambient=False)\nprint(os.environ.get('MODE'))\n\
         snapcli.load_dict('session.pkl')\nprint(os.environ.get('MODE'))\n\
         snapcli.restore('session.pkl')\nprint(os.environ.get('MODE'))\n",
    );
    sandbox.snapcli(&["save", "-o", "other.pkl", "inside.py"]).assert_code(0).assert_stdout("None\nNone\nfast\n");
    sandbox.snapcli(&["save", "--no-ambient", "script.py"]).assert_code(0);
    assert_eq!(entries(&sandbox), [""; 0]);
}

#[test]
fn a_script_that_changes_nothing_has_no_entries() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    save(
        &sandbox,
        "import random, os, sys, decimal, logging, warnings, locale, tempfile, numpy, numpy.random, pandas, sklearn\n\
         from sklearn.linear_model import LinearRegression\nlog = logging.getLogger('app')\n",
    );
    assert_eq!(entries(&sandbox), [""; 0]);
    // A generator of its own is a variable, and nothing else.
    save(
        &sandbox,
        "import random, numpy as np\nr, g = random.Random(3), np.random.default_rng(3)\nr.random(); g.random()\n",
    );
    assert_eq!(entries(&sandbox), [""; 0]);
}

#[test]
fn seeds_of_all_kinds_are_kept() {
    let sandbox = Sandbox::new();
    for seed in ["0", "12345678901234567890123", "'a text'", "b'bytes'", "2.5"] {
        save(&sandbox, &format!("import random\nrandom.seed({seed})\n"));
        assert_eq!(entries(&sandbox), ["random"], "{seed}");
    }
    for seed in ["0", "7", "[1, 2, 3]"] {
        save(&sandbox, &format!("import numpy as np\nnp.random.seed({seed})\n"));
        assert_eq!(entries(&sandbox), ["numpy.random"], "{seed}");
    }
    // Numbers that were drawn are used up, whatever the seed was.
    save(&sandbox, "import random\nx = random.random()\nstate = random.getstate()\n");
    sandbox.snapcli(&["restore", "-c", "random.getstate() == state"]).assert_stdout("True\n");
}

#[test]
fn credentials_in_the_environment_are_not_kept() {
    let sandbox = Sandbox::new();
    let run = save(
        &sandbox,
        "import os\nos.environ['API_KEY'] = 'a1b2c3d4e5f6g7h8i9'\n\
         os.environ['URL'] = 'x?k=ghp_a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8'\n\
         os.environ['MODE'] = 'fast'\n",
    );
    assert!(run.err().contains("the environment variable API_KEY is not kept"), "{}", run.whole());
    let bytes = std::fs::read(sandbox.work().join("session.pkl")).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(!holds("a1b2c3d4e5f6g7h8i9") && !holds("ghp_") && holds("fast"));
    let check = "import os; print(os.environ.get('API_KEY'), os.environ.get('MODE'))";
    sandbox.snapcli(&["restore", "-c", check]).assert_stdout("None fast\n");
}

#[test]
fn modules_in_directories_that_the_script_added_are_found() {
    let sandbox = Sandbox::new();
    sandbox.write("lib/helper.py", "class Thing:\n    n = 3\n");
    save(&sandbox, "import sys\nsys.path.insert(0, 'lib')\nfrom helper import Thing\nthing = Thing()\n");
    let elsewhere = sandbox.out();
    let script = elsewhere.join("other.py");
    std::fs::write(&script, "print(thing.n)").unwrap();
    let file = sandbox.work().join("session.pkl");
    let [file, script] = [&file, &script].map(|path| path.to_str().unwrap());
    sandbox.snapcli(&["restore", file, script]).assert_code(0).assert_stdout("3\n");
    sandbox.snapcli(&["restore", "--only", "thing", file, "-c", "thing.n"]).assert_code(0).assert_stdout("3\n");
}

#[test]
fn the_working_directory_comes_back_for_code_but_not_for_a_script() {
    let sandbox = Sandbox::new();
    sandbox.write("data/input.txt", "text");
    save(&sandbox, "import os\nos.chdir('data')\n");
    sandbox.snapcli(&["restore", "-c", "open('input.txt').read()"]).assert_code(0).assert_stdout("'text'\n");
    sandbox.write("show.py", "print(open('data/input.txt').read())");
    sandbox.snapcli(&["restore", "session.pkl", "show.py"]).assert_code(0).assert_stdout("text\n");
    std::fs::remove_dir_all(sandbox.work().join("data")).unwrap();
    let gone = sandbox.snapcli(&["restore", "-c", "print(1)"]);
    gone.assert_code(0).assert_stdout("1\n");
    assert!(gone.err().contains("does not exist"), "{}", gone.whole());
}

#[test]
fn state_is_listed_verified_and_no_difference() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", "import random, os\nrandom.seed(1); os.environ['MODE'] = 'fast'\nn = 1\n");
    sandbox.snapcli(&["save", "--verify", "--strict", "script.py"]).assert_code(0);
    sandbox.snapcli(&["verify"]).assert_code(0);
    let listed = sandbox.snapcli(&["inspect"]).out();
    assert!(listed.contains("environ") && listed.contains("MODE") && listed.contains("random"), "{listed}");
    std::fs::copy(sandbox.work().join("session.pkl"), sandbox.work().join("first.pkl")).unwrap();
    sandbox.write("script.py", "import random, os\nrandom.seed(2)\nn = 1\n");
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    sandbox.snapcli(&["diff", "first.pkl", "session.pkl"]).assert_code(0);
}

#[test]
fn options_of_pandas_come_back_without_a_warning() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    save(&sandbox, "import pandas as pd\npd.set_option('display.max_rows', 7); pd.options.display.precision = 2\n");
    let check = "pd.get_option('display.max_rows'), pd.get_option('display.precision')";
    let run = sandbox.call_snapcli(&["restore", "-c", check]).env("PYTHONWARNINGS", "error").run();
    run.assert_code(0).assert_stdout("(7, 2)\n");
}
