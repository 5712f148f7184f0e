//! `snapcli.save` and `snapcli.restore` in the cells of a kernel, and at the prompt of IPython.

use super::{in_kernels, jupyter};
use crate::env::{Stack, main_python, pythons, venv};

#[test]
fn a_session_outlives_its_kernel() {
    for python in pythons() {
        let sandbox = crate::env::Sandbox::with(venv(python, Stack::Jupyter));
        let run = in_kernels(
            &sandbox,
            "scale = 3\ndef f(x):\n    # times\n    return x * scale\n\
             ---\nclass Point:\n    def norm(self):\n        return self.x\np = Point(); p.x = 4\n\
             ---\n40 + 2\n\
             ---\nimport xml.dom.minidom, snapcli\nsnapcli.save('kernel.pkl');\n\
             --- kill\n'first'\n\
             ---\nimport snapcli\nsnapcli.restore('kernel.pkl');\n\
             ---\nimport inspect\nprint(inspect.getsource(f) + inspect.getsource(Point.norm), f(2), p.norm())\n\
             ---\nscale = 10\nprint(f(2), f.__globals__ is globals(), xml.dom.minidom.Node)\n\
             ---\nprint(Out, _1, In[1], _i2, get_ipython().user_ns is globals(), exit)\n",
        );
        let shell = "<IPython.core.autocall.ZMQExitAutocall object at 0x";
        let out = run.assert_code(0).out();
        let (out, tail) = out.split_once(shell).unwrap_or((&out, ""));
        assert_eq!(
            out,
            "42\n'first'\ndef f(x):\n    # times\n    return x * scale\n    def norm(self):\n        return self.x\n \
             6 4\n20 True <class 'xml.dom.minidom.Node'>\n{1: 'first'} first 'first' import snapcli\n\
             snapcli.restore('kernel.pkl'); True ",
            "{}",
            run.whole()
        );
        assert!(tail.ends_with(">\n"), "{tail}");
        // dill reads the file as well, in the same Python.
        let dill = "import dill; dill.load_module('kernel.pkl'); print(f(2), p.norm())";
        sandbox.python(&["-c", dill]).assert_stdout("6 4\n");
        let names = sandbox.snapcli(&["restore", "--list", "--all", "kernel.pkl"]).out();
        assert_eq!(names, "scale\nf\nPoint\np\nxml\nsnapcli\n");
    }
}

#[test]
fn names_are_ipythons_only_with_its_values() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        "import snapcli\nfrom sys import exit\n_5 = 'mine'\n_i7 = 'mine'\n_ = str.upper\n\
         def shout(x): return _(x) + _5 + _i7\n\
         In = [1]\nOut = {2: 3}\n_private = 9\n\
         ---\n1 + 1\n\
         ---\n!false\n\
         ---\nopen('x.txt', 'w').close()\ndef reads(): return open('x.txt').read(), _2, get_ipython()\n\
         ---\nsnapcli.save('own.pkl');\n",
    );
    run.assert_code(0);
    let mut names: Vec<String> =
        sandbox.snapcli(&["restore", "--list", "--all", "own.pkl"]).out().lines().map(str::to_owned).collect();
    names.sort_unstable();
    assert_eq!(names, ["In", "Out", "_", "_5", "_i7", "exit", "reads", "shout", "snapcli"], "{}", run.whole());
    let left_out = &sandbox.snapcli(&["inspect", "--json", "own.pkl"]).json()["left_out"];
    let left_out: Vec<_> = left_out.as_array().unwrap().iter().map(|item| item["name"].clone()).collect();
    assert_eq!(left_out, ["_private"]);
    sandbox.snapcli(&["restore", "own.pkl", "-c", "shout('a'), In, Out"]).assert_stdout("('Aminemine', [1], {2: 3})\n");
}

#[test]
fn a_dill_session_of_another_kernel_leaves_the_history_alone() {
    let sandbox = jupyter();
    let run = in_kernels(
        &sandbox,
        "import dill\nx = 5\n---\n'old output'\n---\ndill.dump_module('dill.pkl')\n\
         --- kill\nimport snapcli\nsnapcli.restore('dill.pkl', trust=True);\n\
         ---\n'new output'\n\
         ---\nprint(x, In[1].split()[0], Out, _)\n",
    );
    assert_eq!(run.out(), "'old output'\n'new output'\n5 import {2: 'new output'} new output\n", "{}", run.whole());
}

#[test]
fn the_terminal_of_ipython_saves_its_namespace() {
    let sandbox = jupyter();
    let prompt = |input: &str| {
        let arguments = ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=nocolor", "--quick"];
        sandbox.call_importing(&arguments).stdin(input).run()
    };
    let first = prompt("import snapcli\nk = 2\ndef f(x): return x * k\n\n7 * 6\nsnapcli.save('t.pkl');\n");
    first.assert_code(0);
    assert_eq!(sandbox.snapcli(&["restore", "--list", "--all", "t.pkl"]).out(), "snapcli\nk\nf\n", "{}", first.whole());
    let second = prompt(
        "import snapcli, inspect\nsnapcli.restore('t.pkl');\nk = 5\n\
         print('got', f(2), inspect.getsource(f).strip(), f.__globals__ is globals())\n",
    );
    assert!(second.out().contains("got 10 def f(x): return x * k True\n"), "{}", second.whole());
}

#[test]
fn a_prompt_with_a_namespace_of_its_own_is_a_session() {
    let sandbox = jupyter();
    let prompt = |code: &str, input: &str| {
        let code = format!(
            "import IPython\nfrom traitlets.config import Config as _Config\nconfig = _Config()\n\
             config.TerminalInteractiveShell.simple_prompt = True\n\
             config.TerminalInteractiveShell.colors = 'nocolor'\nconfig.HistoryManager.enabled = False\n{code}"
        );
        sandbox.call_importing(&["-c", &code]).stdin(input).run()
    };
    let names = |file: &str| {
        let listed = sandbox.snapcli(&["restore", "--list", "--all", file]).out();
        let mut names: Vec<String> = listed.lines().map(str::to_owned).collect();
        names.sort_unstable();
        names.join(" ")
    };
    // A dict that is not the one of `__main__`, as Django's shell has it.
    let started = "IPython.start_ipython(argv=['--no-banner'], config=config, user_ns={'given': 5})";
    let run = prompt(
        started,
        "k = 2\ndef f(x): return x * k + given\n\nimport snapcli; snapcli.save('a.pkl');\n%load_ext snapcli\n\
         %snap save b.pkl\n",
    );
    assert_eq!([names("a.pkl"), names("b.pkl")], ["f given k snapcli"; 2], "{}", run.whole());
    let restores = "%load_ext snapcli\n%snap restore b.pkl\nk = 100\nprint('got', f(1), f.__globals__ is globals())\n";
    let run = prompt(started, restores);
    assert!(run.out().contains("got 105 True"), "{}", run.whole());
    // The locals of a function, in front of the globals of its module.
    let embedded = "top = 1\ndef work():\n    local = 2\n    IPython.embed(config=config, banner1='')\nwork()\n";
    let run = prompt(
        embedded,
        "mine = local + top\nimport snapcli; snapcli.save('c.pkl');\n%load_ext snapcli\n%snap save d.pkl\n",
    );
    let expected = "IPython config local mine snapcli top work";
    assert_eq!([names("c.pkl"), names("d.pkl")], [expected; 2], "{}", run.whole());
}

#[test]
fn saving_a_large_namespace_takes_little_memory() {
    if !std::path::Path::new("/proc/self/clear_refs").exists() {
        return crate::skipped::skipped("the peak of a process is known on Linux only");
    }
    let sandbox = crate::env::Sandbox::with(venv(main_python(), Stack::Jupyter));
    // 250 MB: arrays, long strings, and many small objects. A debug build copies each variable.
    let run = in_kernels(
        &sandbox,
        "import snapcli, numpy, re\n\
         globals().update({f'array{i}': numpy.full(2_500_000, i, dtype='f8') for i in range(10)})\n\
         strings = ['x' * 1_000_000 for _ in range(20)]\nsmall = [(i, str(i), {'k': i}) for i in range(20_000)]\n\
         def megabytes(key):\n    status = open('/proc/self/status').read()\n\
         \x20   return int(re.search(key + r':\\s*(\\d+)', status).group(1)) // 1000\n\
         ---\nsnapcli.save('warm.pkl', {'a': 1});\n\
         ---\nwith open('/proc/self/clear_refs', 'w') as f: print(f.write('5'))\nbefore = megabytes('VmRSS')\n\
         ---\nsnapcli.save('large.pkl');\nprint(before > 230, megabytes('VmHWM') - before)\n",
    );
    let out = run.out();
    let extra = out.lines().last().and_then(|line| line.strip_prefix("True "));
    let extra: u64 = extra.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{}", run.whole()));
    // dill takes as much as the namespace, and more. `SNAPCLI_TEST_ENGINE` names a release build.
    let most = if std::env::var_os("SNAPCLI_TEST_ENGINE").is_some() { 10 } else { 60 };
    assert!(extra < most, "{extra} MB more than before");
}
