//! The result of a program, with assertions that print all of its output when they fail.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use similar::TextDiff;

/// A program that has ended.
pub(crate) struct Run {
    /// The command line, for messages.
    pub(crate) command: String,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) status: ExitStatus,
}

impl Run {
    /// Standard output as a string.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as a string.
    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// `exit 3`, or `signal 2` where a signal ended it.
    pub(crate) fn ending(&self) -> String {
        match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => self.status.to_string(),
        }
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout)
            .unwrap_or_else(|error| panic!("standard output is not JSON: {error}\n{}", self.whole()))
    }

    /// The command, its output and how it ended, for messages.
    pub(crate) fn whole(&self) -> String {
        let Self { command, .. } = self;
        let (out, err, ending) = (self.out(), self.err(), self.ending());
        format!("$ {command}\n--- stdout\n{out}\n--- stderr\n{err}\n--- {ending}\n")
    }

    /// Fails unless it ended with this exit code.
    #[allow(dead_code, reason = "what a test module may need")]
    #[track_caller]
    pub(crate) fn assert_code(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "\n{}", self.whole());
        self
    }

    /// Fails unless standard output is exactly this.
    #[allow(dead_code, reason = "what a test module may need")]
    #[track_caller]
    pub(crate) fn assert_stdout(&self, expected: &str) -> &Self {
        let diff = line_diff("expected", expected, "printed", &self.out());
        assert!(diff.is_empty(), "standard output differs\n{diff}\n{}", self.whole());
        self
    }

    /// Fails unless standard error is exactly this.
    #[allow(dead_code, reason = "what a test module may need")]
    #[track_caller]
    pub(crate) fn assert_stderr(&self, expected: &str) -> &Self {
        let diff = line_diff("expected", expected, "printed", &self.err());
        assert!(diff.is_empty(), "standard error differs\n{diff}\n{}", self.whole());
        self
    }

    /// The differences from another run, byte for byte; empty if there are none.
    pub(crate) fn differences(&self, name: &str, other: &Self, other_name: &str) -> String {
        let mut all = String::new();
        for (stream, left, right) in [("stdout", &self.stdout, &other.stdout), ("stderr", &self.stderr, &other.stderr)]
        {
            if left != right {
                let (left, right) = (left.escape_ascii_lines(), right.escape_ascii_lines());
                let diff = line_diff(name, &left, other_name, &right);
                writeln!(all, "{stream} differs:\n{diff}").unwrap();
            }
        }
        let (left, right) = (self.ending(), other.ending());
        if left != right {
            writeln!(all, "{name} ended with {left}, {other_name} with {right}").unwrap();
        }
        all
    }
}

/// A diff of lines, empty if both strings are equal.
pub(crate) fn line_diff(left_name: &str, left: &str, right_name: &str, right: &str) -> String {
    TextDiff::from_lines(left, right).unified_diff().context_radius(3).header(left_name, right_name).to_string()
}

/// Bytes as a string that shows every byte: it escapes bytes that are not UTF-8 or not printable, except newlines.
trait EscapeLines {
    fn escape_ascii_lines(&self) -> String;
}

impl EscapeLines for Vec<u8> {
    fn escape_ascii_lines(&self) -> String {
        let mut text = String::new();
        for chunk in self.utf8_chunks() {
            for character in chunk.valid().chars() {
                if character == '\n' || !character.is_control() {
                    text.push(character);
                } else {
                    text.extend(character.escape_default());
                }
            }
            write!(text, "{}", chunk.invalid().escape_ascii()).unwrap();
        }
        text
    }
}
