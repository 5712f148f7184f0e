//! The keys of the files of settings: what each may hold, and which commands it is for.

use std::path::PathBuf;

use glob::Pattern;

use crate::cli::parse_size;

/// The value of a setting.
#[derive(Clone, Debug)]
pub(crate) enum SettingValue {
    Switch(bool),
    /// A number of bytes.
    Size(u64),
    Patterns(Vec<Pattern>),
    /// `auto`, `always` or `never`.
    Choice(&'static str),
    /// The path or the address of a store.
    Store(PathBuf),
}

/// What a key may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    Switch,
    Size,
    Patterns,
    Color,
    Store,
}

impl KeyKind {
    /// The kind in words.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Switch => "true or false",
            Self::Size => "a size such as \"20M\", or a number of bytes",
            Self::Patterns => "a list of names and globs, such as [\"tmp_*\"]",
            Self::Color => "\"auto\", \"always\" or \"never\"",
            Self::Store => "the path of a store, such as \"runs.snaps\"",
        }
    }
}

/// A key.
#[derive(Debug)]
pub(super) struct SettingKey {
    pub(super) name: &'static str,
    pub(super) kind: KeyKind,
}

/// All keys, which are the long names of options.
pub(super) const KEYS: &[SettingKey] = &[
    SettingKey { name: "ambient", kind: KeyKind::Switch },
    SettingKey { name: "color", kind: KeyKind::Color },
    SettingKey { name: "exclude", kind: KeyKind::Patterns },
    SettingKey { name: "exclude-type", kind: KeyKind::Patterns },
    SettingKey { name: "max-size", kind: KeyKind::Size },
    SettingKey { name: "private", kind: KeyKind::Switch },
    SettingKey { name: "progress", kind: KeyKind::Switch },
    SettingKey { name: "redact", kind: KeyKind::Switch },
    SettingKey { name: "store", kind: KeyKind::Store },
    SettingKey { name: "strict", kind: KeyKind::Switch },
    SettingKey { name: "verify", kind: KeyKind::Switch },
    SettingKey { name: "whole", kind: KeyKind::Switch },
];

/// Options that have no key, and why: what is trusted is decided on each command line.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("trust", "a file cannot say what is trusted: pass --trust, or sign the snapshot with `snapcli trust`"),
    ("allow", "a file cannot say what is trusted: pass --allow"),
    ("yes", "a file cannot say what is trusted: pass --yes"),
    ("max-memory", "a file cannot raise the limits for reading files: pass --max-memory"),
    ("python", "a file cannot name a program to run: set SNAPCLI_PYTHON, or pass --python"),
    ("key", "a key does not belong into this file: set SNAPCLI_KEY"),
];

impl SettingKey {
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Whether the values of all files count: what any of them leaves out is left out.
    pub(super) fn adds_up(&self) -> bool {
        matches!(self.name, "exclude" | "exclude-type" | "redact")
    }
}

/// A size, from a string as on the command line.
pub(super) fn size_of(text: &str) -> Result<SettingValue, String> {
    parse_size(text).map(SettingValue::Size)
}

impl std::fmt::Display for SettingValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Switch(on) => on.fmt(f),
            Self::Size(bytes) => bytes.fmt(f),
            Self::Choice(name) => f.write_str(name),
            Self::Store(path) => path.display().fmt(f),
            Self::Patterns(patterns) => {
                f.write_str(&patterns.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", "))
            }
        }
    }
}
