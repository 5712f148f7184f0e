//! The manual pages, as man(1) shows them.

use crate::env::Sandbox;
use crate::skipped::skipped;

const COMMANDS: [&str; 10] =
    ["save", "restore", "inspect", "diff", "verify", "trust", "doctor", "completions", "schema", "man"];

/// A page as a terminal of this width shows it.
fn shown(sandbox: &Sandbox, words: &[&str], width: &str) -> String {
    let page = sandbox.snapcli(&[&["man"], words].concat());
    page.assert_code(0).assert_stderr("");
    let file = sandbox.write("page.1", page.stdout);
    let words = ["-E", "UTF-8", "--warnings", "-l", file.to_str().unwrap()];
    let run = sandbox.call_program("man".as_ref(), &words).env("MANWIDTH", width).env("MAN_KEEP_FORMATTING", "").run();
    // Warnings of the formatter would be on standard error.
    run.assert_code(0).assert_stderr("");
    // Headings are bold: a character, a backspace and the character once more.
    let mut text = String::new();
    for c in run.out().chars() {
        if c == '\u{8}' {
            text.pop();
        } else {
            text.push(c);
        }
    }
    text
}

#[test]
fn pages_have_sections_and_examples_in_lines() {
    let sandbox = Sandbox::new();
    if std::process::Command::new("man").arg("--version").output().is_err() {
        return skipped("man is not installed");
    }
    let program = shown(&sandbox, &[], "100");
    for part in ["SYNOPSIS", "SUBCOMMANDS", "snapcli-save(1)", "EXIT CODES\n", "GLOBAL OPTIONS"] {
        assert!(program.contains(part), "{part}\n{program}");
    }
    assert!(!program.contains("verify-load"), "{program}");
    for command in COMMANDS {
        let help = sandbox.snapcli(&[command, "--help"]).out();
        for width in ["80", "120"] {
            let page = shown(&sandbox, &[command], width);
            assert!(page.contains(&format!("SNAPCLI-{}(1)", command.to_uppercase())), "{page}");
            assert!(page.contains("\nOPTIONS\n") && !page.contains("EXTRA"), "{page}");
            // Each line of the examples is one line of the page, too. The help may break a long one.
            let examples = help.split_once("\nExamples:\n").map(|(_, rest)| rest).unwrap_or_default();
            for line in examples.lines().take_while(|line| line.starts_with("  ")) {
                assert!(page.lines().any(|shown| shown.contains(line.trim())), "{line}\n{page}");
            }
        }
    }
    sandbox.snapcli(&["man", "nosuch"]).assert_code(2);
    sandbox.snapcli(&["man", "verify-load"]).assert_code(2);
}
