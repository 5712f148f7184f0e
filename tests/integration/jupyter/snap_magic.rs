//! The extension: `%load_ext snapcli`, and then `%snap`.

use super::{in_kernels, jupyter};

/// Makes `%snap auto` save after each cell: a test cannot tell how long a save takes.
const AT_ONCE: &str = "__import__('sys').modules['_snapcli_magics'].REST = 0\n";

/// Saves what the cells before this one have changed, if that was not done yet.
const SAVED: &str =
    "assert not any(snap.auto.finish() for snap in __import__('sys').modules['_snapcli_magics'].LOADED.values())\n";
/// Waits for a save that is running.
const ENDED: &str =
    "assert not any(snap.auto.look(True) for snap in __import__('sys').modules['_snapcli_magics'].LOADED.values())\n";

#[test]
fn the_magic_saves_inspects_and_restores() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        "%load_ext snapcli\nmodel, data, other = [1], {'a': 2}, 3\ndef f(x): return x + other\n\
         ---\n%snap save\n\
         ---\npath = 'part.pkl'\n%snap save {path} model data --exclude d*\n\
         ---\n%snap save f.pkl f\n\
         ---\n%snap inspect part.pkl\n\
         --- kill\n%load_ext snapcli\n%snap restore f.pkl\n\
         ---\nprint(f(1), other)\n\
         ---\n%snap restore session.pkl m* data\n\
         ---\nprint(model, data)\n'the last'\n\
         ---\n%unload_ext snapcli\n%snap save\n",
    );
    let out = run.assert_code(0).out();
    let (first, rest) =
        out.split_once("part.pkl: snapshot with 1 variable").unwrap_or_else(|| panic!("{}", run.whole()));
    assert!(first.starts_with("saved 4 variables to session.pkl ("), "{first}");
    assert!(first.contains("saved 1 variable to part.pkl ("), "{first}");
    assert!(first.contains("saved 2 variables to f.pkl ("), "{first}");
    assert!(rest.contains(" [html]\nrestored 2 variables from f.pkl\n4 3\n"), "{rest}");
    assert!(rest.contains("restored 2 variables from session.pkl\n[1] {'a': 2}\n'the last'\n"), "{rest}");
    assert!(rest.ends_with("UsageError: Line magic function `%snap` not found.\n"), "{rest}");
}

#[test]
fn errors_are_one_line_and_help_is_at_hand() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        "%load_ext snapcli\n\
         ---\n%snap sav\n\
         ---\n%snap save /no/such/folder/x.pkl\n\
         ---\n%snap restore missing.pkl\n\
         ---\n%snap restore --nonsense\n\
         ---\n%snap inspect 'a\n\
         ---\n%snap\n\
         ---\n%snap auto --help\n",
    );
    let out = run.assert_code(0).out();
    let lines: Vec<&str> = out.lines().collect();
    let expected = [
        "error in 1 lines: snapcli: %snap: there is no action sav (use save, restore, inspect, auto, or see %snap?)",
        "error in 1 lines: snapcli: cannot save to /no/such/folder/x.pkl",
        "error in 1 lines: snapcli: cannot restore missing.pkl",
        "error in 1 lines: snapcli: %snap restore: unrecognized arguments: --nonsense (see %snap restore --help)",
        "error in 1 lines: snapcli: %snap: No closing quotation",
        "Save, restore and inspect the variables of this session.",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{line}\n{}", run.whole());
    }
    assert!(out.contains("usage: %snap auto ") && out.contains("--every SECONDS"), "{out}");
}

#[test]
fn sizes_have_units_and_messages_name_the_options_of_the_magic() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        "%load_ext snapcli\nsmall, large = 1, bytes(3000)\n%snap save --max-size 2k a.pkl\n\
         ---\n%snap save --max-size 2X b.pkl\n\
         ---\nimport pickle\nclass Runs:\n    def __reduce__(self): return print, ('RUN',)\n\
         open('evil.pkl', 'wb').write(pickle.dumps({'x': Runs()}))\n%snap restore evil.pkl\n",
    );
    let out = run.assert_code(0).out();
    assert!(out.contains("saved 1 variable to a.pkl"), "{out}");
    assert!(out.contains("unknown unit x: use k, M, G or T"), "{out}");
    assert!(out.contains("--trust") && !out.contains("trust=True"), "{out}");
}

#[test]
fn auto_saves_after_cells_that_may_change_something() {
    let sandbox = jupyter();
    let saved = "print(os.path.exists('auto.pkl') and sorted(snapcli.load_dict('auto.pkl', trust=True)))\n";
    let run = in_kernels(
        &sandbox,
        &format!(
            "%load_ext snapcli\nimport os, snapcli, time\n%snap auto auto.pkl\n{AT_ONCE}\
             ---\na = [1]\n{SAVED}{saved}\
             ---\n{SAVED}{saved}\
             ---\na.append(2)\n\
             ---\n{SAVED}\
             --- kill\nimport snapcli, os\n%load_ext snapcli\n{AT_ONCE}%snap auto auto.pkl\n\
             ---\n%snap auto auto.pkl --restore\n\
             ---\nprint(a)\n\
             ---\nclass Bad:\n    def __reduce__(self): raise RuntimeError('not today')\nbad = Bad(); b = 2\n\
             ---\nb = 3\n{SAVED}\
             ---\n1 / 0\n\
             ---\n%snap auto off\n\
             ---\nc = 4\n%snap auto\n\
             ---\nprint(sorted(snapcli.load_dict('auto.pkl')))\n"
        ),
    );
    let out = run.assert_code(0).out();
    let expected = [
        // The cell in which it is turned on, and then the one with `a`.
        "['os', 'snapcli', 'time']",
        "['a', 'os', 'snapcli', 'time']",
        "snapcli: auto.pkl is of an earlier session: use --restore to go on with that, or --overwrite",
        "restored 1 variable and 3 imports from auto.pkl",
        "[1, 2]",
        "bad is not in it: RuntimeError: not today",
        "ZeroDivisionError: division by zero",
        "%snap auto is off",
        "['Bad', 'a', 'b', 'os', 'snapcli', 'time']",
    ];
    // Whether IPython has used `random` depends on its version.
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with("restored the state of")).collect();
    assert_eq!(lines.len(), expected.len(), "{}", run.whole());
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.ends_with(expected), "{line}\n{}", run.whole());
    }
}

#[test]
fn what_waits_is_saved_when_the_kernel_is_idle_and_when_it_ends() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        &format!(
            "%load_ext snapcli\n%snap auto idle.pkl --every 1\n\
         ---\nx = 1\n\
         ---\nx = 2\n\
         --- sleep 2.5\n---\nimport snapcli\n{ENDED}print(snapcli.load_dict('idle.pkl')['x'])\n\
         ---\n%snap auto idle.pkl --every 1000\n\
         ---\nx = 3\n\
         ---\nx = 4\n{ENDED}print(snapcli.load_dict('idle.pkl')['x'])\n"
        ),
    );
    let out = run.assert_code(0).out();
    assert_eq!(out, "2\n2\n", "{}", run.whole());
    sandbox.snapcli(&["restore", "idle.pkl", "-c", "x"]).assert_stdout("4\n");
}

#[test]
fn auto_never_fails_a_cell_and_never_saves_within_one() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        &format!(
            "%load_ext snapcli\nimport os\nos.mkdir('d')\n%snap auto d/auto.pkl\n{AT_ONCE}\
         ---\nos.rename('d', 'gone')\nx = 1\n\
         ---\nprint('the cell', x)\n\
         ---\nos.rename('gone', 'd')\ny = 1\n\
         ---\n{SAVED}before = os.stat('d/auto.pkl').st_ino\nget_ipython().run_cell('inner = 1')\n\
         print(os.stat('d/auto.pkl').st_ino == before)\n"
        ),
    );
    let out = run.assert_code(0).out();
    let told = out.lines().filter(|line| line.contains("%snap auto")).count();
    // A save that was under way when the folder went fails as well.
    assert!((1..=2).contains(&told), "{out}");
    assert!(out.contains("the cell 1\n") && out.contains("True\n"), "{out}");
    assert!(sandbox.snapcli(&["restore", "--list", "--all", "d/auto.pkl"]).out().contains("inner\n"), "{out}");
}

#[test]
fn auto_adds_snapshots_to_a_store() {
    let sandbox = jupyter();
    let newest = format!("{SAVED}print(os.path.isdir('runs.snaps'), snapcli.load_dict('runs.snaps/')['a'])\n");
    let run = in_kernels(
        &sandbox,
        &format!(
            "%load_ext snapcli\nimport os, shutil, snapcli\n%snap auto runs.snaps/\n{AT_ONCE}\
             ---\na = 1\n\
             ---\na = 2\n\
             ---\n{newest}\
             ---\n{ENDED}shutil.rmtree('runs.snaps')\na = 3\n\
             ---\n{newest}\
             --- kill\n%load_ext snapcli\nimport os, snapcli\n{AT_ONCE}%snap auto runs.snaps/ --restore\n\
             ---\nprint(a)\na = 4\n\
             ---\n{newest}\
             ---\n%snap auto other.snaps/ --restore\n\
             ---\n{SAVED}print(sorted(os.listdir()))\n\
             --- kill\n%load_ext snapcli\nimport os, snapcli\n{AT_ONCE}%snap auto runs.snaps/\n\
             ---\na = 5\n\
             ---\n{newest}\
             ---\nprint(snapcli.inspect('runs.snaps/@1')['path'])\n"
        ),
    );
    let out = run.assert_code(0).out();
    let lines: Vec<&str> = out.lines().filter(|line| !line.starts_with("restored the state of")).collect();
    let [first, deleted, restored, value, changed, listed, later, path] = lines[..] else { panic!("{}", run.whole()) };
    assert_eq!(
        (first, deleted, value, changed, later),
        ("True 2", "True 3", "3", "True 4", "True 5"),
        "{}",
        run.whole()
    );
    assert!(restored.starts_with("restored ") && restored.ends_with(" from runs.snaps/"), "{}", run.whole());
    assert!(listed.contains("'other.snaps'"), "{}", run.whole());
    assert!(path.ends_with("runs.snaps/@1"), "{}", run.whole());
}

#[test]
fn a_reset_costs_no_session_that_was_saved() {
    let sandbox = jupyter();
    let names = |path: &str| {
        let run = sandbox.snapcli(&["restore", "-q", path, "-c", "sorted(n for n in globals() if len(n) == 1)"]);
        run.assert_code(0);
        run.out().trim().to_owned()
    };
    // In a cell of its own, or before other lines.
    for (target, kept, every, again) in [
        ("a.pkl", "a.before-reset.pkl", "", "\nx = 9"),
        ("b.c.pkl.zst", "b.c.before-reset.pkl.zst", " --compress 3", ""),
        ("d.pkl", "d.before-reset.pkl", " --every 600", ""),
        ("runs.snaps/", "runs.snaps/@N", "", ""),
    ] {
        let run = in_kernels(
            &sandbox,
            &format!(
                "%load_ext snapcli\n%snap auto {target}{every}\n{AT_ONCE}\
                 ---\nx = 1\ny = 2\n\
                 ---\nz = 3\n\
                 ---\n%reset -f\n\
                 ---\n1 + 1\n\
                 --- kill\n%load_ext snapcli\n%snap auto {target}{every} --restore\n{AT_ONCE}\
                 ---\nprint(x, y, z)\n\
                 ---\n%reset -f{again}\n\
                 ---\nx = 10\n\
                 ---\n%snap auto off\n"
            ),
        );
        let out = run.assert_code(0).out();
        assert!(out.contains("1 2 3\n"), "{target}: {}", run.whole());
        let told = out.lines().filter(|line| line.contains("still has the session from before")).count();
        assert_eq!(told, if again.is_empty() { 2 } else { 1 }, "{target}: {}", run.whole());
        assert_eq!(names(target), "['x']", "{target}: {}", run.whole());
        if target.ends_with('/') {
            let log = sandbox.snapcli(&["log", "--json", target]).json();
            let before = log["snapshots"].as_array().unwrap()[1]["number"].to_string();
            assert_eq!(names(&kept.replace('N', &before)), "['x', 'y', 'z']", "{log}");
        } else {
            assert_eq!(names(kept), "['x', 'y', 'z']", "{target}: {}", run.whole());
            assert!(out.contains(&format!("is now {kept}")), "{target}: {}", run.whole());
        }
    }
}

/// IPython empties its namespace when the prompt ends, before Python does.
#[test]
fn auto_saves_what_waits_before_a_terminal_empties_its_namespace() {
    let sandbox = jupyter();
    let prompt = |lines: &str| {
        let call = sandbox.call_importing(&["-m", "IPython", "--simple-prompt", "--no-banner", "--quick"]);
        let run = call.env("IPYTHONDIR", sandbox.work().join("ipython")).stdin(lines).run();
        run.assert_code(0);
        run
    };
    let saved = |path: &str| {
        let code =
            format!("names = snapcli.load_dict({path:?}); print(names.get('x'), names.get('y'), names.get('z'))");
        sandbox.call_importing(&["-c", &format!("import snapcli; {code}")]).run().out()
    };
    for (path, options) in [("a.pkl", ""), ("b.pkl", " --every 600"), ("c.snaps/", " --every 600")] {
        prompt(&format!("%load_ext snapcli\nx = 1\n%snap auto {path}{options}\ny = 2\nz = 3\nexit\n"));
        assert_eq!(saved(path), "1 2 3\n", "{path}");
    }
    // After it was turned on twice, and after it was turned off.
    prompt("%load_ext snapcli\nx = 1\n%snap auto d.pkl\n%snap auto e.pkl --every 600\ny = 2\nz = 3\nexit\n");
    assert_eq!(saved("e.pkl"), "1 2 3\n");
    let run = prompt("%load_ext snapcli\nx = 1\n%snap auto f.pkl --every 600\ny = 2\n%snap auto off\nz = 3\nexit\n");
    assert_eq!(saved("f.pkl"), "1 2 None\n", "{}", run.whole());
    // A pattern for a variable that comes later.
    prompt("%load_ext snapcli\nx = 1\n%snap auto g.pkl --exclude z* --every 600\ny = 2\nz = 3\nexit\n");
    assert_eq!(saved("g.pkl"), "1 2 None\n");
}

#[test]
fn an_error_that_comes_back_is_told_again() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        &format!(
            "%load_ext snapcli\nimport os, shutil\nos.mkdir('sub')\n%snap auto sub/x.pkl\n{AT_ONCE}\
             ---\n{SAVED}shutil.rmtree('sub')\n\
             ---\na = 1\n{SAVED}\
             ---\na = 2\n{SAVED}\
             ---\nos.mkdir('sub')\n{SAVED}print(os.listdir('sub'))\n\
             ---\n{ENDED}shutil.rmtree('sub')\n\
             ---\na = 3\n{SAVED}\
             ---\n%snap auto off\n"
        ),
    );
    let out = run.assert_code(0).out();
    let told: Vec<&str> = out.split("snapcli: %snap auto sub/x.pkl: cannot save to ").collect();
    assert_eq!(told.len(), 3, "{}", run.whole());
    assert!(told[1].contains("['x.pkl']"), "{}", run.whole());
}
