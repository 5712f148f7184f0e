//! What `snapcli doctor` answers: which Python would run, why no other, and what that costs.
//!
//! `commands::doctor` fills the struct; the text and the JSON come from it alone. Nothing here asks anything.

use std::io::{self, Write};

use serde::Serialize;

use super::plain;

/// The whole answer.
#[derive(Debug, Serialize)]
pub struct DoctorReport {
    /// The version of the answer's form.
    pub schema: u32,
    /// Our own version.
    pub snapcli: String,
    /// The Python that would run, where there is one.
    pub python: Option<PythonReport>,
    /// All that were looked at, in the order of looking.
    pub candidates: Vec<CandidateReport>,
    /// The library that Python comes in.
    pub libpython: LibpythonReport,
    /// Where dill comes from; nothing is known of it where no Python is usable.
    pub dill: Option<DillReport>,
    /// The key that snapshots are signed with.
    pub key: KeyReport,
    /// The folders we write to.
    pub folders: FolderReport,
}

/// The chosen Python.
#[derive(Debug, Serialize)]
pub struct PythonReport {
    /// Its `sys.executable`.
    pub executable: String,
    /// Its version.
    pub version: String,
    /// Its environment.
    pub prefix: String,
    /// Its standard library's home.
    pub base_prefix: String,
    /// `linux`, `darwin`.
    pub platform: String,
    /// `x86_64`, `arm64`.
    pub machine: String,
    /// Where it was found.
    pub source: String,
}

/// A Python that was looked at.
#[derive(Debug, Serialize)]
pub struct CandidateReport {
    /// Where it was found.
    pub source: String,
    /// Its path, as found there.
    pub path: String,
    /// Whether it is the one that would run.
    pub chosen: bool,
    /// Whether it could be embedded.
    pub usable: bool,
    /// Its version, where it is usable.
    pub version: Option<String>,
    /// Why it would not run.
    pub reason: Option<String>,
}

/// The library that Python comes in.
#[derive(Debug, Serialize)]
pub struct LibpythonReport {
    /// The one that the loader found for this program.
    pub loaded: Option<String>,
    /// The chosen Python's.
    pub wanted: Option<String>,
    /// Whether snapcli would start itself once more to put the wanted one in place.
    pub restart: bool,
    /// Why this cannot be told.
    pub error: Option<String>,
}

/// Where dill comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DillState {
    /// The chosen environment has one.
    Environment,
    /// Our own folder has one for this Python.
    Private,
    /// The first need will install one.
    WouldInstall,
    /// There is none, and `SNAPCLI_NO_INSTALL` forbids to install it.
    Forbidden,
}

/// The dill that would be used.
#[derive(Debug, Serialize)]
pub struct DillReport {
    /// Where it comes from.
    pub state: DillState,
    /// Its version.
    pub version: String,
    /// Its file or folder, or the folder where it would be installed.
    pub path: Option<String>,
}

/// The key that snapshots are signed with, but not what it is.
#[derive(Debug, Serialize)]
pub struct KeyReport {
    /// Its file; the variable that holds it; or nothing where the system names no folder.
    pub place: Option<String>,
    /// Whether it is there.
    pub found: bool,
    /// Why it is not used.
    pub error: Option<String>,
}

/// The folders we write to. None: the system names no such folder for this user.
#[derive(Debug, Serialize)]
pub struct FolderReport {
    /// What may be deleted at any time.
    pub cache: Option<String>,
    /// The private dill.
    pub data: Option<String>,
    /// The key.
    pub config: Option<String>,
}

impl DoctorReport {
    /// The answer for people.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        line(out, "snapcli", &self.snapcli)?;
        match &self.python {
            Some(python) => python.write_text(out)?,
            None => line(out, "Python", "none that is usable: see below")?,
        }
        self.libpython.write_text(out)?;
        if let Some(dill) = &self.dill {
            line(out, "dill", &dill.text())?;
        }
        line(out, "key", &self.key.text())?;
        self.write_candidates(out)?;
        writeln!(out, "\nfolders")?;
        for (name, folder) in
            [("cache", &self.folders.cache), ("data", &self.folders.data), ("config", &self.folders.config)]
        {
            line(out, &format!("  {name}"), folder.as_deref().unwrap_or("none"))?;
        }
        Ok(())
    }

    fn write_candidates(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "\nlooked at, in this order")?;
        for candidate in &self.candidates {
            let mark = if candidate.chosen { '*' } else { ' ' };
            let version = candidate.version.as_deref().unwrap_or("-");
            writeln!(out, "{mark} {:<14} {version:<9} {}", candidate.source, plain(&candidate.path))?;
            if let Some(reason) = &candidate.reason {
                writeln!(out, "{:27}{}", "", plain(reason))?;
            }
        }
        Ok(())
    }
}

impl PythonReport {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let what = format!("{} ({}, {}), from {}", self.version, self.platform, self.machine, self.source);
        line(out, "Python", &what)?;
        line(out, "  program", &self.executable)?;
        if self.prefix != self.base_prefix {
            line(out, "  environment", &self.prefix)?;
        }
        line(out, "  base", &self.base_prefix)
    }
}

impl LibpythonReport {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        line(out, "libpython", self.wanted.as_deref().unwrap_or("none"))?;
        let loaded = self.loaded.as_deref().unwrap_or("unknown");
        let loaded = if self.restart {
            format!("{loaded} (another: snapcli will start itself once more)")
        } else {
            loaded.to_owned()
        };
        line(out, "  loaded", &loaded)?;
        self.error.as_ref().map_or(Ok(()), |error| line(out, "  error", error))
    }
}

impl KeyReport {
    fn text(&self) -> String {
        let place = self.place.as_deref().unwrap_or("no folder for it");
        match (&self.error, self.found) {
            (Some(error), _) => format!("not used: {error}"),
            (None, true) => place.to_owned(),
            (None, false) => format!("none yet: the first save makes {place}"),
        }
    }
}

impl DillReport {
    fn text(&self) -> String {
        let path = self.path.as_deref().unwrap_or("an unknown folder");
        let version = &self.version;
        match self.state {
            DillState::Environment => format!("{version} of the environment, {path}"),
            DillState::Private => format!("{version} of snapcli, {path}"),
            DillState::WouldInstall => {
                format!("none yet: {version} will be installed on first need, {path}")
            }
            DillState::Forbidden => {
                format!("none, and SNAPCLI_NO_INSTALL forbids installing it: install dill {version} yourself")
            }
        }
    }
}

fn line(out: &mut dyn Write, name: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{name:<14} {}", plain(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_stands_below_its_candidate_and_cannot_write_to_the_terminal() {
        let report = DoctorReport {
            schema: 1,
            snapcli: "0.1.0".to_owned(),
            python: None,
            candidates: vec![CandidateReport {
                source: "PATH".to_owned(),
                path: "/usr/bin/python3".to_owned(),
                chosen: false,
                usable: false,
                version: None,
                reason: Some("it is \u{1b}[2Jtoo old".to_owned()),
            }],
            libpython: LibpythonReport { loaded: None, wanted: None, restart: false, error: None },
            dill: None,
            key: KeyReport { place: Some("/k".to_owned()), found: false, error: None },
            folders: FolderReport { cache: Some("/c".to_owned()), data: None, config: None },
        };
        let mut text = Vec::new();
        assert!(report.write_text(&mut text).is_ok());
        let expected = "\
snapcli        0.1.0
Python         none that is usable: see below
libpython      none
  loaded       unknown
key            none yet: the first save makes /k

looked at, in this order
  PATH           -         /usr/bin/python3
                           it is \\u{1b}[2Jtoo old

folders
  cache        /c
  data         none
  config       none
";
        assert_eq!(String::from_utf8_lossy(&text), expected);
    }
}
