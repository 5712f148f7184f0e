//! Completion in real shells: what a user gets who presses Tab. And the scripts in `completions/` are those that the
//! program prints.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::env::{Call, Run, Sandbox, Shown, in_terminal, program};
use crate::skipped::skipped;

const SESSION: &str = "
import json
config = {'lr': 0.1}
concat = 'a'
model = [1]
möbel = 2
def main(): pass
globals()['my value'] = 3
globals()['evil$(touch hurt)'] = 4
globals()['\\x1b[2Jhidden'] = 5
";

/// A shell, with how it is started.
struct Shell {
    name: &'static str,
    words: &'static [&'static str],
}

const SHELLS: [Shell; 3] = [
    Shell { name: "bash", words: &["bash", "--noprofile", "--rcfile", "rc.bash", "-i"] },
    Shell { name: "zsh", words: &["zsh", "-d", "-i"] },
    Shell { name: "fish", words: &["fish", "-i"] },
];

/// What is typed before Tab, and the words that the line holds after it.
const TYPED: [(&str, &str); 34] = [
    ("snapcli ins", "<inspect>"),
    ("snapcli save --stri", "<save><--strict>"),
    ("snapcli inspect --format gi", "<inspect><--format><github>"),
    ("snapcli restore --only conf", "<restore><--only><config>"),
    ("snapcli restore --only=conf", "<restore><--only=config>"),
    ("snapcli restore --only config,mod", "<restore><--only><config,model>"),
    ("snapcli restore other.pkl --only som", "<restore><other.pkl><--only><something>"),
    ("snapcli inspect --trace mö", "<inspect><--trace><möbel>"),
    ("snapcli restore --only my", "<restore><--only><my value>"),
    ("snapcli restore --only evil", "<restore><--only><evil$(touch hurt)>"),
    ("snapcli save --exclude mod", "<save><--exclude><model>"),
    ("snapcli save -o other.pkl --exclude som", "<save><-o><other.pkl><--exclude><something>"),
    ("snapcli save --locals ma", "<save><--locals><main>"),
    ("snapcli save --on-signal USR1,V", "<save><--on-signal><USR1,VTALRM>"),
    ("snapcli save --on-signal Q", "<save><--on-signal><QUIT>"),
    ("snapcli restore session.crash.pkl --frame 1", "<restore><session.crash.pkl><--frame><1>"),
    ("snapcli restore runs.snaps/ --only some", "<restore><runs.snaps/><--only><something>"),
    ("snapcli restore runs.snaps/@11 --only some", "<restore><runs.snaps/@11><--only><something>"),
    ("snapcli restore runs.snaps/@be", "<restore><runs.snaps/@best>"),
    ("snapcli restore ./runs.snaps/@be", "<restore><./runs.snaps/@best>"),
    ("snapcli inspect runs.snaps/@12", "<inspect><runs.snaps/@12>"),
    ("snapcli inspect runs.snaps/@b", "<inspect><runs.snaps/@best>"),
    ("snapcli inspect runs.snaps/ --trace some", "<inspect><runs.snaps/><--trace><something>"),
    ("snapcli diff runs.snaps/@12 runs.snaps/@be", "<diff><runs.snaps/@12><runs.snaps/@best>"),
    ("snapcli export runs.snaps/@be", "<export><runs.snaps/@best>"),
    ("snapcli verify runs.snaps/@be", "<verify><runs.snaps/@best>"),
    ("snapcli --python 3.12 restore runs.snaps/@b", "<--python><3.12><restore><runs.snaps/@best>"),
    ("snapcli save my", "<save><my script.py>"),
    ("snapcli save üb", "<save><übung.py>"),
    ("snapcli diff session.p", "<diff><session.pkl>"),
    ("snapcli diff session.pkl oth", "<diff><session.pkl><other.pkl>"),
    ("snapcli restore --report=my", "<restore><--report=my script.py>"),
    // The arguments of a script are files, not our options.
    ("snapcli save übung.py dat", "<save><übung.py><data.csv>"),
    ("snapcli save übung.py --stri", "<save><übung.py><--stri>"),
];

/// A directory in which the program is `snapcli`.
fn with_program() -> Sandbox {
    let sandbox = Sandbox::new();
    let bin = sandbox.out().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(program(), bin.join("snapcli")).unwrap();
    sandbox
}

/// The same with files to complete.
fn prepared() -> Sandbox {
    let sandbox = with_program();
    sandbox.snapcli(&["save", "-c", SESSION]).assert_code(0);
    sandbox.snapcli(&["save", "-o", "other.pkl", "-c", "something = [1]; config = 2"]).assert_code(0);
    sandbox.snapcli(&["save", "-c", "def f(x): return x / 0\nf(1)"]).assert_code(1);
    // A store with the snapshots @11 and @12, of which the first has a name.
    let store = ["-o", "runs.snaps/", "-c", "something = [1]; config = 2"];
    for _ in 0..10 {
        sandbox.snapcli(&[&["save", "-q"][..], &store].concat()).assert_code(0);
    }
    sandbox.snapcli(&[&["save", "-q", "--name", "best"][..], &store].concat()).assert_code(0);
    sandbox.snapcli(&[&["save", "-q"][..], &store].concat()).assert_code(0);
    sandbox.snapcli(&["prune", "-q", "runs.snaps/", "--keep-last", "2"]).assert_code(0);
    for file in ["my script.py", "übung.py", "data.csv"] {
        sandbox.write(file, "");
    }
    sandbox
}

fn with_path(sandbox: &Sandbox, call: Call) -> Call {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = vec![sandbox.out().join("bin")];
    all.extend(std::env::split_paths(&path));
    let home = home(sandbox);
    call.env("PATH", std::env::join_paths(all).unwrap()).env("XDG_DATA_HOME", home.join("data")).env("TERM", "xterm")
}

fn home(sandbox: &Sandbox) -> PathBuf {
    sandbox.out().parent().unwrap().join("home")
}

/// Installs the script of a shell, and writes the settings that the program asks for.
fn install(sandbox: &Sandbox, shell: &str) -> Run {
    let run = with_path(sandbox, sandbox.call_snapcli(&["completions", "--install", shell])).run();
    run.assert_code(0).assert_stdout("");
    let home = home(sandbox);
    match shell {
        "bash" => sandbox.write(
            "rc.bash",
            format!(
                "PS1='READY>'\nbind 'set enable-bracketed-paste off'\nsource {}\n\
                 show() {{ printf '<%s>' \"$@\"; echo; }}\n",
                home.join("data/bash-completion/completions/snapcli").display()
            ),
        ),
        "zsh" => {
            let line = run.err();
            let line = line.split_once("`compinit`: ").unwrap().1.trim();
            let rest = "unset zle_bracketed_paste\nshow() { printf '<%s>' \"$@\"; echo }\nPS1='READY>'\n";
            let rc = home.join(".zshrc");
            // compinit asks about directories that others can write to.
            fs::write(&rc, format!("{}\n{rest}", line.replace("; compinit", "; compinit -u"))).unwrap();
            rc
        }
        _ => {
            let folder = home.join("config/fish");
            let functions = "function fish_prompt; echo -n 'READY>'; end\nfunction fish_greeting; end\n\
                             function show; printf '<%s>' $argv; echo; end\n";
            fs::write(folder.join("config.fish"), functions).unwrap();
            folder.join("config.fish")
        }
    };
    run
}

fn has(shell: &str) -> bool {
    let found = std::process::Command::new(shell).args(["-c", "exit 0"]).status().is_ok_and(|status| status.success());
    if !found {
        skipped(&format!("{shell} is not installed"));
    }
    found
}

/// What the terminal shows after this was typed.
fn typed(sandbox: &Sandbox, shell: &Shell, text: &str) -> String {
    let call = in_terminal(sandbox, 200, shell.words, &[("READY>", text)]);
    Shown::by(with_path(sandbox, call)).text
}

#[test]
fn tab_completes_options_files_and_variables_in_each_shell() {
    for shell in SHELLS.iter().filter(|shell| has(shell.name)) {
        let sandbox = prepared();
        install(&sandbox, shell.name);
        // `show` is put in front of the completed line, and prints its words.
        let lines: String = TYPED.iter().map(|(line, _)| format!("{line}\t\u{1}show \u{5}\n")).collect();
        let shown = typed(&sandbox, shell, &format!("{lines}exit\n"));
        let lines = shown.lines().filter_map(|line| line.split_once("<snapcli>").map(|(_, words)| words.trim_end()));
        let lines: Vec<&str> = lines.collect();
        let expected: Vec<&str> = TYPED.iter().map(|(_, words)| *words).collect();
        assert_eq!(lines, expected, "{}\n{shown}", shell.name);
        assert!(!sandbox.work().join("hurt").exists());
    }
}

/// The names are those of a stranger's file.
#[test]
fn no_name_leaves_the_quotes_in_which_it_is_completed() {
    for shell in SHELLS.iter().filter(|shell| has(shell.name)) {
        let sandbox = with_program();
        install(&sandbox, shell.name);
        for name in
            ["quo'$(touch hurt)'x", "quo\"$(touch hurt)\"x", "quo`touch hurt`", "quo;touch hurt;", "quo\ntouch hurt\n"]
        {
            sandbox.snapcli(&["save", "-c", &format!("globals()[{name:?}] = 1")]).assert_code(0);
            for quote in ["'", "\"", ""] {
                // Ctrl-C ends a line that still waits for a quote.
                let line = format!("snapcli restore --only {quote}quo\t\u{1}show \u{5}{quote}\n\u{3}\nexit\n");
                let shown = typed(&sandbox, shell, &line);
                assert!(!sandbox.work().join("hurt").exists(), "{} {quote} {name}\n{shown}", shell.name);
            }
        }
    }
}

#[test]
fn tab_lists_what_there_is_and_no_errors() {
    for shell in SHELLS.iter().filter(|shell| has(shell.name)) {
        let sandbox = prepared();
        install(&sandbox, shell.name);
        let shown = |line: &str| {
            let shown = typed(&sandbox, shell, &format!("{line}\t\t\u{1}show \u{5}\nexit\n"));
            assert!(!shown.contains("snapcli:") && !shown.contains("error"), "{}\n{shown}", shell.name);
            shown
        };
        let files = shown("snapcli save ");
        assert!(files.contains("data.csv") && files.contains("bung.py") && !files.contains("--strict"), "{files}");
        let names = shown("snapcli restore --only ");
        for name in ["config", "concat", "model", "json"] {
            assert!(names.contains(name), "{}: {name}\n{names}", shell.name);
        }
        assert!(!names.contains("hidden"), "{names}");
        for line in ["snapcli restore runs.snaps/@", "snapcli diff runs.snaps/@", "snapcli verify runs.snaps/@"] {
            let snapshots = shown(line);
            for name in ["12", "11", "best"] {
                assert!(snapshots.contains(name), "{}: {name}\n{snapshots}", shell.name);
            }
            assert!(!snapshots.contains("objects"), "{}\n{snapshots}", shell.name);
        }
        // A file that does not exist, is no snapshot, or is damaged.
        sandbox.write("text.pkl", "text");
        for file in ["missing.pkl", "text.pkl", "data.csv", "."] {
            shown(&format!("snapcli restore {file} --only "));
        }
    }
}

#[test]
fn installing_says_what_is_left_to_do_and_changes_no_other_file() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = with_path(&sandbox, sandbox.call_snapcli(&["completions", "--install", shell])).run();
        run.assert_code(0).assert_stdout("");
        let said = run.err();
        let path = said.lines().next().unwrap().strip_prefix("snapcli: wrote ").unwrap();
        let printed = sandbox.snapcli(&["completions", shell]).out();
        assert_eq!(fs::read_to_string(path).unwrap(), printed);
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    let files = ["config", "data"].map(|name| home(&sandbox).join(name));
    assert_eq!(fs::read_dir(home(&sandbox)).unwrap().count(), files.len(), "only the two directories");
    // Without a name, it is the shell of the user.
    let call = sandbox.call_snapcli(&["completions", "--install"]).env("SHELL", "/usr/bin/fish");
    assert!(call.run().assert_code(0).err().contains("config/fish/completions/snapcli.fish"));
    sandbox.call_snapcli(&["completions", "--install"]).env("SHELL", "/bin/unknown").run().assert_code(2);
    sandbox.snapcli(&["completions"]).assert_code(2);
}

#[test]
fn the_completion_files_are_up_to_date() {
    let sandbox = Sandbox::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("completions");
    let files = [
        ("bash", "snapcli.bash"),
        ("zsh", "_snapcli"),
        ("fish", "snapcli.fish"),
        ("elvish", "snapcli.elv"),
        ("powershell", "_snapcli.ps1"),
    ];
    for (shell, file) in files {
        let run = sandbox.snapcli(&["completions", shell]);
        run.assert_code(0);
        let kept = fs::read_to_string(folder.join(file)).unwrap_or_default();
        let diff = crate::env::line_diff(file, &kept, "printed", &run.out());
        assert!(diff.is_empty(), "make it anew: cargo run -- completions {shell} > completions/{file}\n{diff}");
    }
}

#[test]
fn a_completion_starts_no_python_and_says_nothing() {
    let sandbox = prepared();
    let program = sandbox.out().join("bin/snapcli");
    let ask = |shell: &str, words: &[&str]| {
        let call = sandbox.call_program(program.as_os_str(), words).env("_SNAPCLI_COMPLETE", shell);
        // A Python that cannot be started.
        let run = call.env("VIRTUAL_ENV", "/nowhere").env("PATH", "/nowhere").run();
        run.assert_code(0).assert_stderr("");
        run.out()
    };
    assert_eq!(ask("fish", &["--", "3", "snapcli", "restore", "--only", "con"]).lines().count(), 2);
    // The engine lists files where the script is clap's.
    let elvish = sandbox.call_program(OsStr::new(&program), &["--", "snapcli", "save", "my"]);
    let run = elvish.env("_SNAPCLI_COMPLETE", "elvish").env("_CLAP_COMPLETE_INDEX", "2").run();
    run.assert_code(0).assert_stdout("my script.py").assert_stderr("");
    for (shell, words) in [
        ("bash", &["--"][..]),
        ("bash", &["--", "snapcli restore --only \"", "", ""]),
        ("zsh", &["--", "99", "snapcli"]),
        ("zsh", &["--", "x", "snapcli"]),
        ("fish", &[]),
        ("tcsh", &["--", "snapcli"]),
    ] {
        ask(shell, words);
    }
}
