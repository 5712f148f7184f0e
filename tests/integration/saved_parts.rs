//! `snapcli.save` of chosen objects: what they need comes along, and nothing is dropped in silence. And what a script
//! needs of snapcli and of its own module: dunder names, and `import snapcli` itself, which plain dill does not have.

use crate::env::{Run, Sandbox, Stack, main_python, pythons, venv};

fn run(sandbox: &Sandbox, script: &str) -> Run {
    sandbox.write("script.py", script);
    let run = sandbox.snapcli(&["save", "script.py"]);
    run.assert_code(0);
    run
}

/// Prints the value of an expression after snapcli has restored a file, and after dill has.
fn both(sandbox: &Sandbox, file: &str, check: &str) -> [String; 2] {
    let code = format!("print(({check}))");
    let restored = sandbox.snapcli(&["restore", file, "-c", &code]);
    let loaded = sandbox.python(&["-c", &format!("import dill; dill.load_module('{file}'); {code}")]);
    [restored.assert_code(0).out(), loaded.assert_code(0).out()]
}

#[test]
fn the_globals_that_a_kept_object_needs_come_along() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        run(
            &sandbox,
            "import math, snapcli\nfrom functools import partial\nSCALE, _hidden, unused = 3, 10, 'no'\n\
             def helper(x): return math.sqrt(x) * SCALE + _hidden\n\
             class Base:\n    def rate(self): return SCALE\n\
             class Model(Base):\n    def __init__(self): self.w = 4\n\
             \x20   def predict(self, x): return helper(self.w) + x\n\
             model, call = Model(), partial(lambda n: helper(n) + rest(), 4)\ndef rest(): return 1\n\
             part = {'model': model, 'deep': [{'call': call}], '_own': 5, '__doc__': 'text'}\n\
             assert snapcli.save('part.pkl', part).complete\n",
        );
        let check = "model.predict(1), deep[0]['call'](), _own, __doc__, 'unused' in globals()";
        assert_eq!(both(&sandbox, "part.pkl", check), ["(17.0, 17.0, 5, 'text', False)\n"; 2]);
        let shown = sandbox.snapcli(&["inspect", "part.pkl"]).out();
        assert!(shown.contains("helper") && shown.contains("SCALE") && !shown.contains("unused"), "{shown}");
    }
}

#[test]
fn functions_inside_the_objects_of_libraries_have_their_globals() {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    run(
        &sandbox,
        "import snapcli\nfrom sklearn.preprocessing import FunctionTransformer\nfrom sklearn.pipeline import Pipeline\n\
         FACTOR = 3\ndef scale(x): return times(x)\ndef times(x): return x * FACTOR\n\
         pipe = Pipeline([('scale', FunctionTransformer(scale))])\n\
         assert snapcli.save('part.pkl', {'pipe': pipe}).complete\n",
    );
    assert_eq!(
        both(&sandbox, "part.pkl", "int(pipe.transform([[2]] * 1 if 0 else __import__('numpy').array([[2]]))[0, 0])"),
        ["6\n"; 2]
    );
}

#[test]
fn code_that_runs_during_the_load_has_its_globals() {
    let sandbox = Sandbox::new();
    run(
        &sandbox,
        "import snapcli\nOFFSET = 7\ndef grow(n): return n + OFFSET\n\
         class Stateful:\n    def __init__(self, n): self.n = n\n    def __getstate__(self): return {'n': self.n}\n\
         \x20   def __setstate__(self, state): self.n = grow(state['n'])\nobject_ = Stateful(1)\n\
         assert snapcli.save('part.pkl', {'kept': object_}).complete\n",
    );
    // dill sets the variables only when all of them are loaded, as for its own files.
    sandbox.snapcli(&["restore", "part.pkl", "-c", "kept.n"]).assert_code(0).assert_stdout("8\n");
}

#[test]
fn a_key_that_is_no_name_is_an_error() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        "import snapcli\nfor names in ({3: 'x'}, {'a': 1, ('b',): 2}, {None: 1}):\n\
         \x20   try: snapcli.save('part.pkl', names)\n    except TypeError as error: print(error)\n",
    );
    sandbox.snapcli(&["save", "script.py"]).assert_code(0).assert_stdout(
        "cannot save the key 3: the names of variables are strings\n\
         cannot save the key ('b',): the names of variables are strings\n\
         cannot save the key None: the names of variables are strings\n",
    );
    assert!(!sandbox.work().join("part.pkl").exists());
}

#[test]
fn dunder_names_come_along_when_kept_code_uses_them() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        run(
            &sandbox,
            "\"\"\"The doc.\"\"\"\n__version__, __all__, __author__, __unused__ = '1.2', ['version'], 'Ada', 1\n\
             n: int = 3\nimport sys\nsys.modules[__name__].__annotations__  # 3.14 makes it now.\n\
             def version(): return f'{__version__} {__doc__} {__all__} {__annotations__[\"n\"].__name__}'\n\
             class Info:\n    def who(self): return __author__\n",
        );
        let check = "version(), Info().who(), '__unused__' in globals(), __name__";
        assert_eq!(
            both(&sandbox, "session.pkl", check),
            ["(\"1.2 The doc. ['version'] int\", 'Ada', False, '__main__')\n"; 2]
        );
    }
}

#[test]
fn dill_reads_the_session_of_a_script_that_imports_snapcli() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        run(
            &sandbox,
            "import snapcli, snapcli as s\nfrom snapcli import save, restore as back\nfrom functools import partial\n\
             def checkpoint(): return snapcli.save('c.pkl', {'n': n}).lost\nn = 3\n\
             class Saver:\n    def __init__(self): self.save = snapcli.save\n\
             saver, later = Saver(), partial(s.save, 'x.pkl')\n",
        );
        let check = "n, checkpoint.__name__, type(saver).__name__";
        assert_eq!(both(&sandbox, "session.pkl", check), ["(3, 'checkpoint', 'Saver')\n"; 2]);
        let check = "s is snapcli, save is snapcli.save, back is snapcli.restore, saver.save is save, \
                     later.func is save, checkpoint()";
        sandbox.snapcli(&["restore", "-c", check]).assert_stdout("(True, True, True, True, True, {})\n");
        sandbox.snapcli(&["verify"]).assert_code(0);
    }
}

#[test]
fn versions_are_read_without_asking_the_package() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "site-packages/lazy/__init__.py",
        "def f(): pass\ndef __getattr__(name):\n    import warnings\n\
         \x20   if name != '__version__': raise AttributeError(name)\n\
         \x20   warnings.warn('deprecated', DeprecationWarning, stacklevel=2)\n    return '9'\n",
    );
    sandbox.write("site-packages/Lazy-3.1.dist-info/METADATA", "Name: Lazy\n");
    sandbox.write(
        "script.py",
        "import sys\nsys.path.append('site-packages')\nfrom lazy import f\nimport snapcli\nsnapcli.save('x.pkl')\n",
    );
    let run = sandbox.call_snapcli(&["save", "script.py"]).env("PYTHONWARNINGS", "always").run();
    run.assert_code(0);
    assert!(!run.err().contains("deprecated"), "{}", run.whole());
    assert_eq!(sandbox.snapcli(&["inspect", "--json"]).json()["packages"]["lazy"], "3.1");
}

#[test]
fn a_namespace_that_calls_itself_main_is_saved_as_a_prompt_runs_it() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "import snapcli\ndef checkpoint(): return snapcli.save('helper.pkl')\n");
    // As IPython does: the code of the prompt runs in namespaces of its own.
    run(
        &sandbox,
        "import helper\ntop = 1\nuser = {'__name__': '__main__'}\n\
         exec('import snapcli; mine = 2; snapcli.save(\"prompt.pkl\")', user)\n\
         def work():\n    local = [3]\n\
         \x20   exec('import snapcli; snapcli.save(\"embedded.pkl\")', globals(), locals())\n\
         work()\nhelper.checkpoint()\n",
    );
    let names = |file: &str| sandbox.snapcli(&["restore", "--list", "--all", file]).out();
    assert_eq!(names("prompt.pkl"), "snapcli\nmine\n");
    assert_eq!(names("embedded.pkl"), "helper\ntop\nuser\nwork\nlocal\nsnapcli\n");
    // A module that saves on behalf of the script saves the script.
    assert_eq!(names("helper.pkl"), "helper\ntop\nuser\nwork\n");
}

#[test]
fn what_a_kept_function_uses_is_left_out_if_that_is_asked_for() {
    let sandbox = Sandbox::new();
    let script = "
import collections, snapcli
best, rest = {'a': 1}, [2]
def f(): return best, rest
def saved(**options):
    report = snapcli.save('part.pkl', **options)
    found = snapcli.load_dict('part.pkl')
    print(sorted(found), report.left_out, 'left out best' in str(report))
held = collections.deque([f])
saved(namespace={'uses': f}, exclude='best')
saved(namespace={'uses': [f]}, exclude='b*')
saved(namespace={'uses': held}, exclude='best')
saved(namespace={'uses': f}, exclude_type='dict')
saved(only='f', exclude='best')
snapcli.save('part.pkl', {'uses': f}, exclude='best', wait=False).result()
print(sorted(snapcli.load_dict('part.pkl')))
saved(namespace={'uses': 5, 'best': 6}, exclude='best')
";
    let run = run(&sandbox, script);
    let lines: Vec<String> = run.out().lines().map(str::to_owned).collect();
    let left_out = |rule: &str, user: &str| format!("{{'best': 'matches {rule}; it is used by {user}'}} True");
    assert_eq!(
        lines,
        [
            format!("['rest', 'uses'] {}", left_out("exclude= best", "uses")),
            format!("['rest', 'uses'] {}", left_out("exclude= b*", "uses")),
            format!("['rest', 'uses'] {}", left_out("exclude= best", "f")),
            format!("['rest', 'uses'] {}", left_out("exclude_type= dict", "uses").replace("matches", "type matches")),
            format!("['f', 'rest'] {}", left_out("exclude= best", "f")),
            "['rest', 'uses']".to_owned(),
            "['uses'] {'best': 'matches exclude= best'} False".to_owned(),
        ]
    );
    // The command line has the same rule.
    sandbox.write("part.py", "best = {'a': 1}\ndef f(): return best\n");
    let saved = sandbox.snapcli(&["save", "--exclude", "best", "part.py"]);
    let note = "left out best: matches --exclude best; it is used by f\n";
    assert!(saved.assert_code(0).err().contains(note), "{}", saved.whole());
}
