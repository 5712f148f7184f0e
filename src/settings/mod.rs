//! Defaults for options, from files: `[tool.snapcli]` in the project's `pyproject.toml`, and `config.toml` in the
//! user's config directory.
//!
//! The command line wins over the environment, that over the project, and that over the user. A file of a project may
//! come from somebody else, so nothing in it can make snapcli trust more: such options have no key, `redact` can only
//! be turned on, and names to leave out are added up. A file that another user could change is not read.

mod option_defaults;
mod setting_keys;
mod toml_settings;

use std::path::{Component, Path, PathBuf};

use anyhow::Result;

pub(crate) use self::option_defaults::apply;
use self::setting_keys::SettingKey;
pub(crate) use self::setting_keys::SettingValue;
use self::toml_settings::read_table;
use crate::exit;
use crate::python::path_owner::PathOwners;

/// The variable that turns the files off.
const NO_CONFIG: &str = "SNAPCLI_NO_CONFIG";
/// The most bytes of a file that are read.
const MOST_BYTES: u64 = 1 << 20;

/// Whose settings a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingsOwner {
    /// The project of the working directory.
    Project,
    /// The user.
    User,
}

/// One setting, and where it is.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) value: SettingValue,
    /// The line, from 1.
    pub(crate) line: usize,
}

/// A file with settings.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    pub(crate) path: PathBuf,
    owner: SettingsOwner,
    pub(crate) settings: Vec<Setting>,
    /// Why it is not read; it has no settings then.
    pub(crate) ignored: Option<String>,
}

/// The settings of all files, those that win first.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) files: Vec<SettingsFile>,
}

impl Settings {
    /// Reads the files that exist.
    ///
    /// # Errors
    /// With exit code 2, if a file cannot be parsed, or has an unknown key or a wrong value.
    pub(crate) fn load() -> Result<Self> {
        let project = std::env::current_dir().ok().and_then(|directory| find_project(&directory));
        let user = dirs::config_dir().map(|folder| folder.join("snapcli/config.toml")).filter(|path| path.is_file());
        let project = project.map(|path| (path, SettingsOwner::Project));
        let found = project.into_iter().chain(user.map(|path| (path, SettingsOwner::User)));
        let files = found.map(|(path, owner)| read(path, owner)).collect::<Result<Vec<_>>>()?;
        Ok(Self { files })
    }

    /// Whether the environment says that the files are not to be read.
    pub(crate) fn are_off() -> bool {
        std::env::var_os(NO_CONFIG).is_some_and(|value| !value.is_empty() && value != "0")
    }

    /// The value of a key with the highest precedence, and its origin.
    fn winning(&self, key: &str) -> Option<(&SettingValue, String)> {
        self.all(key).next()
    }

    /// All values of a key with their origins, such as `pyproject.toml:2`, the highest precedence first.
    fn all(&self, key: &str) -> impl Iterator<Item = (&SettingValue, String)> {
        let settings = self.files.iter().flat_map(|file| file.settings.iter().map(move |setting| (file, setting)));
        let of_key = settings.filter(move |(_, setting)| setting.key == key);
        of_key.map(|(file, setting)| (&setting.value, file.place(setting)))
    }

    /// Whether a setting decides what happens: an earlier file may have the same key.
    pub(crate) fn applies(&self, file: &SettingsFile, setting: &Setting) -> bool {
        let key = SettingKey::named(setting.key);
        let adds_up = key.is_some_and(|key| key.adds_up());
        let mut same = self.files.iter().filter(|other| other.settings.iter().any(|one| one.key == setting.key));
        let is_first = same.next().is_some_and(|first| first.path == file.path);
        match setting.value {
            // Once it is on, nothing but the command line turns it off.
            SettingValue::Switch(on) if adds_up => on || (is_first && !self.is_on(setting.key)),
            _ => adds_up || is_first,
        }
    }

    /// Whether a switch is on in any file.
    fn is_on(&self, key: &str) -> bool {
        self.where_on(key).is_some()
    }

    /// The origin of a switch that is on.
    fn where_on(&self, key: &str) -> Option<String> {
        self.all(key).find(|(value, _)| matches!(value, SettingValue::Switch(true))).map(|(_, place)| place)
    }
}

/// The nearest `pyproject.toml` with a table for snapcli, upward from a directory.
fn find_project(directory: &Path) -> Option<PathBuf> {
    let candidates = directory.ancestors().map(|folder| folder.join("pyproject.toml"));
    candidates.filter(|path| path.is_file()).find(|path| mentions_us(path))
}

/// Whether a file has the name of our table in it. Most projects have none, and need not be parsed.
fn mentions_us(path: &Path) -> bool {
    contents(path).is_ok_and(|text| text.contains("tool") && text.contains("snapcli"))
}

fn contents(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn read(path: PathBuf, owner: SettingsOwner) -> Result<SettingsFile> {
    let mut file = SettingsFile { path, owner, settings: Vec::new(), ignored: None };
    if let Err(why) = PathOwners::default().check(&file.path) {
        // The file is named beside the reason, which names the directory if that is at fault.
        file.ignored = Some(why.to_string().replacen(&*file.path.to_string_lossy(), "it", 1));
        return Ok(file);
    }
    let wrong = |line: Option<usize>, problem: String, advice: Option<String>| {
        let place = line.map_or_else(String::new, |line| format!(":{line}"));
        let text = format!("{}{place}: {problem}", file.path.display());
        exit::coded(exit::USAGE, text).with_details(advice.into_iter().collect())
    };
    let text = contents(&file.path).map_err(|error| wrong(None, format!("cannot be read: {error}"), None))?;
    let table: &[&str] = if owner == SettingsOwner::Project { &["tool", "snapcli"] } else { &[] };
    let found = read_table(&text, table).map_err(|error| wrong(Some(error.line), error.problem, error.advice))?;
    file.settings = found;
    for setting in &mut file.settings {
        if let SettingValue::Store(path) = &mut setting.value {
            *path = store_at(path, &file.path, owner)
                .map_err(|problem| wrong(Some(setting.line), problem.to_owned(), None))?;
        }
    }
    Ok(file)
}

/// The store that a file names: relative to the folder of the file, and with a `/` at its end. A file of a project
/// may only name one in the project: it may come from another user, and sessions are written there.
fn store_at(store: &Path, file: &Path, owner: SettingsOwner) -> Result<PathBuf, &'static str> {
    let is_inside = store.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let has_scheme = store.to_string_lossy().contains("://");
    if owner == SettingsOwner::Project && (!is_inside || has_scheme) {
        return Err("store must be a folder of the project, as a relative path: only config.toml can name another");
    }
    if has_scheme {
        return Ok(store.to_path_buf());
    }
    let mut path = file.parent().unwrap_or(Path::new("")).join(store).into_os_string();
    if !path.as_encoded_bytes().ends_with(b"/") {
        path.push("/");
    }
    Ok(path.into())
}

impl SettingsFile {
    /// The path and line of a setting, for messages.
    fn place(&self, setting: &Setting) -> String {
        let here = std::env::current_dir().unwrap_or_default();
        let path = self.path.strip_prefix(here).unwrap_or(&self.path);
        format!("{}:{}", path.display(), setting.line)
    }

    /// The name of its table, for messages.
    pub(crate) fn table(&self) -> &'static str {
        if self.owner == SettingsOwner::Project { "[tool.snapcli]" } else { "settings" }
    }
}
