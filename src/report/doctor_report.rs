//! The result of `doctor`: which Python would run, why the others would not, and what else a save needs.
//!
//! `commands::doctor` gathers the information. The text and the JSON are made from these structs alone.

use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{FailureAnswer, SchemaVersion};
use super::storage_report::StorageReport;
use super::table::TableStyle;
use crate::ui::{Lines, Paint};

/// The whole result. The JSON of `doctor --json`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Doctor")]
pub(crate) struct DoctorReport {
    /// The version of the JSON format.
    pub schema: SchemaVersion,
    /// The version of snapcli.
    pub snapcli: String,
    /// The Python that would run. Absent if none is usable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub python: Option<PythonReport>,
    /// Every Python that was found, in the order of the search.
    pub candidates: Vec<CandidateReport>,
    /// How that Python would be started. Absent if no Python is usable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineReport>,
    /// The libpython of that Python. Absent if its own program is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub libpython: Option<LibpythonReport>,
    /// The dill that would be used. Absent if no Python is usable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dill: Option<DillReport>,
    /// The key that snapshots are signed with.
    pub key: KeyReport,
    /// The folders that snapcli writes to.
    pub folders: FolderReport,
    /// The credentials for object storage, one for each kind of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub object_storage: Vec<StorageReport>,
    /// The files with settings that were found, those that win first.
    pub settings: Vec<SettingsReport>,
    /// Why the settings cannot be read: no command runs before that is mended. Absent if they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings_error: Option<String>,
    /// Why the command failed, if it did.
    #[serde(flatten)]
    pub failure: Option<FailureAnswer>,
}

/// A file with settings.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettingsReport {
    /// Its path.
    pub path: String,
    /// Why it is ignored. Absent if it is read.
    #[serde(rename = "why", skip_serializing_if = "Option::is_none")]
    pub ignored: Option<String>,
    /// What it sets, in the order of its lines.
    pub values: Vec<SettingReport>,
}

/// A setting in a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SettingReport {
    /// The key, which is the long name of an option.
    pub name: String,
    /// The value, in words.
    pub value: String,
    /// The line in the file, from 1.
    pub line: usize,
    /// Whether it decides: another file may win.
    pub applies: bool,
}

/// The Python that would run.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PythonReport {
    /// `sys.executable`.
    #[serde(rename = "path")]
    pub executable: String,
    /// Such as `3.12.1`.
    pub version: String,
    /// `sys.prefix`, which is the environment.
    pub prefix: String,
    /// `sys.base_prefix`, where the standard library is.
    pub base_prefix: String,
    /// `linux`, `darwin`.
    pub platform: String,
    /// `x86_64`, `arm64`.
    pub machine: String,
    /// The step of the search that found it.
    pub source: String,
}

/// A Python that the search found.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CandidateReport {
    /// The step of the search that found it.
    pub source: String,
    /// The path as found, with symlinks not followed.
    pub path: String,
    /// Whether it is the one that would run.
    pub chosen: bool,
    /// Whether it can run scripts. Absent if it was not tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usable: Option<bool>,
    /// Its version. Absent if it is not usable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it would not run; for some steps, why it would.
    #[serde(rename = "why", skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a Python is started.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EngineReport {
    /// Whether its own executable is started with the engine in it. Otherwise its libpython is loaded into the program.
    pub injected: bool,
    /// The file of the engine. Absent if it is a part of the program, or is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The shared library of Python.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LibpythonReport {
    /// The library that the dynamic loader found for this process.
    #[serde(rename = "loaded_path", skip_serializing_if = "Option::is_none")]
    pub loaded: Option<String>,
    /// The library of the chosen Python.
    #[serde(rename = "wanted_path", skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// Whether snapcli would start itself again to load the wanted library.
    pub restart: bool,
    /// Why one of these is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where dill comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DillState {
    /// The chosen environment has one.
    Environment,
    /// snapcli has installed one for this version of Python.
    Private,
    /// The first save will install one.
    WouldInstall,
    /// There is none, and `SNAPCLI_NO_INSTALL` forbids installing one.
    Forbidden,
}

/// The dill that would be used.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DillReport {
    /// Where it comes from.
    pub state: DillState,
    /// The version that is installed, or would be.
    pub version: String,
    /// The file or folder where it is, or the folder where it would be installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Where the key is that snapshots are signed with.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct KeyReport {
    /// The file. Absent if the key is in an environment variable, or the user has no configuration folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The name of the environment variable, if one holds the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// Whether the key exists.
    pub found: bool,
    /// Why it cannot be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The folders that snapcli writes to; one is absent if the system names no such folder for this user.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FolderReport {
    /// Files that may be deleted at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<String>,
    /// The private dill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// The key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
}

impl DoctorReport {
    /// Writes the report for people.
    pub(crate) fn write_text(&self, out: &mut dyn Write, style: TableStyle) -> io::Result<()> {
        let out = &mut Lines::in_columns(out, style.width).coloured(style.colour);
        write_line(out, "snapcli", (Paint::Name, &self.snapcli))?;
        match &self.python {
            Some(python) => python.write_text(out)?,
            None => write_line(out, "Python", (Paint::Bad, "no usable Python found (details below)"))?,
        }
        if let Some(engine) = &self.engine {
            write_line(out, "runs in", (engine.paint(), &engine.describe()))?;
        }
        if let Some(libpython) = &self.libpython {
            libpython.write_text(out)?;
        }
        if let Some(dill) = &self.dill {
            write_line(out, "dill", (dill.paint(), &dill.describe()))?;
        }
        let key = if self.key.error.is_some() { Paint::Bad } else { Paint::Plain };
        write_line(out, "key", (key, &self.key.describe()))?;
        self.write_candidates(out)?;
        out.blank()?;
        write_heading(out, "folders")?;
        for (name, folder) in
            [("cache", &self.folders.cache), ("data", &self.folders.data), ("config", &self.folders.config)]
        {
            write_line(out, &format!("  {name}"), (Paint::Plain, folder.as_deref().unwrap_or("none")))?;
        }
        StorageReport::write_all(&self.object_storage, out)?;
        self.write_settings(out)
    }

    fn write_settings(&self, out: &mut Lines<'_>) -> io::Result<()> {
        if self.settings.is_empty() && self.settings_error.is_none() {
            return Ok(());
        }
        out.blank()?;
        write_heading(out, "settings")?;
        if let Some(error) = &self.settings_error {
            out.painted_hanging(4, &[(Paint::Bad, &format!("  {error}"))])?;
        }
        for file in &self.settings {
            match &file.ignored {
                Some(why) => {
                    let ignored = format!("ignored: {why}");
                    out.painted_hanging(4, &[(Paint::Plain, &format!("  {}: ", file.path)), (Paint::Bad, &ignored)])?
                }
                None => out.hanging(4, format_args!("  {}", file.path))?,
            }
            for SettingReport { name, value, line, applies } in &file.values {
                let note = if *applies { "" } else { " (set elsewhere)" };
                let (name, value) = (format!("    {name:<12} "), format!("{value} "));
                let note = format!("(line {line}){note}");
                let paint = if *applies { Paint::Plain } else { Paint::Faint };
                out.painted_hanging(17, &[(Paint::Faint, &name), (paint, &value), (Paint::Faint, &note)])?;
            }
        }
        Ok(())
    }

    fn write_candidates(&self, out: &mut Lines<'_>) -> io::Result<()> {
        out.blank()?;
        write_heading(out, "search order")?;
        for candidate in &self.candidates {
            let mark = if candidate.chosen { "*" } else { " " };
            let version = candidate.version.as_deref().unwrap_or("-");
            let source = format!(" {:<16} ", candidate.source);
            let found = format!("{version:<9} {}", candidate.path);
            let paint = if candidate.chosen { Paint::Name } else { Paint::Plain };
            out.painted_hanging(31, &[(Paint::Good, mark), (Paint::Faint, &source), (paint, &found)])?;
            if let Some(reason) = &candidate.reason {
                let paint = if candidate.usable == Some(false) { Paint::Bad } else { Paint::Faint };
                // Below the path: after the mark, 16 columns of source, 9 of version, and the spaces between them.
                out.painted_hanging(31, &[(Paint::Plain, &" ".repeat(29)), (paint, reason)])?;
            }
        }
        Ok(())
    }
}

impl PythonReport {
    fn write_text(&self, out: &mut Lines<'_>) -> io::Result<()> {
        let description = format!("{} ({}, {}), from {}", self.version, self.platform, self.machine, self.source);
        write_line(out, "Python", (Paint::Name, &description))?;
        write_line(out, "  program", (Paint::Plain, &self.executable))?;
        // Equal prefixes mean that this is no virtual environment.
        if self.prefix != self.base_prefix {
            write_line(out, "  environment", (Paint::Plain, &self.prefix))?;
        }
        write_line(out, "  base", (Paint::Plain, &self.base_prefix))
    }
}

impl EngineReport {
    fn paint(&self) -> Paint {
        if self.path.is_none() && self.injected { Paint::Bad } else { Paint::Plain }
    }

    fn describe(&self) -> String {
        match (&self.path, self.injected) {
            (Some(path), _) => format!("that program, which loads {path}"),
            (None, true) => "nothing: the engine of snapcli is missing (reinstall its wheel)".to_owned(),
            (None, false) => "snapcli itself, which loads the libpython of that program".to_owned(),
        }
    }
}

impl LibpythonReport {
    fn write_text(&self, out: &mut Lines<'_>) -> io::Result<()> {
        write_line(out, "libpython", (Paint::Plain, self.wanted.as_deref().unwrap_or("none")))?;
        let loaded = self.loaded.as_deref().unwrap_or("unknown");
        let loaded = if self.restart {
            format!("{loaded} (differs: snapcli will restart itself to load the right one)")
        } else {
            loaded.to_owned()
        };
        write_line(out, "  loaded", (Paint::Plain, &loaded))?;
        self.error.as_ref().map_or(Ok(()), |error| write_line(out, "  error", (Paint::Bad, error)))
    }
}

impl KeyReport {
    fn describe(&self) -> String {
        match (&self.error, self.variable.as_ref().or(self.path.as_ref())) {
            (Some(error), _) => format!("cannot be used: {error}"),
            (None, Some(place)) if self.found => place.clone(),
            (None, Some(place)) => format!("none yet: the first save creates {place}"),
            (None, None) => "none, and no configuration folder to create one in".to_owned(),
        }
    }
}

impl DillReport {
    fn paint(&self) -> Paint {
        if self.state == DillState::Forbidden { Paint::Bad } else { Paint::Plain }
    }

    fn describe(&self) -> String {
        let path = self.path.as_deref().unwrap_or("an unknown folder");
        let version = &self.version;
        match self.state {
            DillState::Environment => format!("{version} (from the environment), {path}"),
            DillState::Private => format!("{version} (bundled), {path}"),
            DillState::WouldInstall => {
                format!("none yet: the first save installs {version} in {path}")
            }
            DillState::Forbidden => {
                format!("none, and SNAPCLI_NO_INSTALL is set: install dill {version} yourself")
            }
        }
    }
}

fn write_line(out: &mut Lines<'_>, name: &str, value: (Paint, &str)) -> io::Result<()> {
    out.painted_hanging(15, &[(Paint::Faint, &format!("{name:<14} ")), value])
}

fn write_heading(out: &mut Lines<'_>, text: &str) -> io::Result<()> {
    out.painted(&[(Paint::Name, text)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_below_its_candidate_and_is_escaped() {
        let report = DoctorReport {
            schema: SchemaVersion,
            snapcli: "0.1.0".to_owned(),
            python: None,
            candidates: vec![CandidateReport {
                source: "PATH".to_owned(),
                path: "/usr/bin/python3".to_owned(),
                chosen: false,
                usable: Some(false),
                version: None,
                reason: Some("it is \u{1b}[2Jtoo old".to_owned()),
            }],
            engine: None,
            libpython: Some(LibpythonReport { loaded: None, wanted: None, restart: false, error: None }),
            dill: None,
            key: KeyReport { path: Some("/k".to_owned()), variable: None, found: false, error: None },
            folders: FolderReport { cache: Some("/c".to_owned()), data: None, config: None },
            object_storage: vec![StorageReport { scheme: "s3://", credentials: None, error: None }],
            settings: vec![SettingsReport {
                path: "/p".to_owned(),
                ignored: None,
                values: vec![SettingReport {
                    name: "exclude".to_owned(),
                    value: "a\u{1b}".to_owned(),
                    line: 3,
                    applies: false,
                }],
            }],
            settings_error: Some("/q:1: wrong".to_owned()),
            failure: None,
        };
        let mut text = Vec::new();
        assert!(report.write_text(&mut text, TableStyle::PLAIN).is_ok());
        let expected = "\
snapcli        0.1.0
Python         no usable Python found (details below)
libpython      none
  loaded       unknown
key            none yet: the first save creates /k

search order
  PATH             -         /usr/bin/python3
                             it is \\x1b[2Jtoo old

folders
  cache        /c
  data         none
  config       none

object storage
  s3://        no credentials: only what is public can be read

settings
  /q:1: wrong
  /p
    exclude      a\\x1b (line 3) (set elsewhere)
";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
