//! Whether a `.venv` that was found by searching may be used: only if nobody else could have put code into it.
//!
//! Its Python runs with all its start-up code before anything of ours does, so this is checked before it is asked about
//! itself. An environment that the user has activated, or named with `--python`, is the user's own choice.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::path_owner::{ForeignPath, PathOwners};

/// The most bytes of a `.pth` file or of `pyvenv.cfg` that are read. Longer ones are not made by any tool.
const MAX_TEXT: u64 = 1 << 20;

/// Checks an environment: the way to it, its Python and what that is a symlink to, `pyvenv.cfg` and the Python that it
/// names, the folders of packages with all that lies in them, and the folders that their `.pth` files name.
///
/// # Errors
/// The first path that others could change.
pub(super) fn check(environment: &Path, python: &Path) -> Result<(), ForeignPath> {
    let owners = &mut PathOwners::default();
    owners.check(environment)?;
    owners.check(&environment.join("bin"))?;
    owners.check(python)?;
    let mut settings = EnvironmentSettings::default();
    for file in [environment.join("pyvenv.cfg"), environment.join("bin/pyvenv.cfg")] {
        owners.check(&file)?;
        settings.add(&read(&file).unwrap_or_default());
    }
    let target = python.canonicalize().ok();
    settings.bases.extend(target.as_deref().and_then(Path::parent).map(Path::to_owned));
    for programs in &settings.bases {
        owners.check(programs)?;
        if let Some(prefix) = programs.parent() {
            check_libraries(owners, prefix, settings.has_packages_of_base)?;
        }
    }
    check_libraries(owners, environment, true)
}

/// What `pyvenv.cfg` says.
#[derive(Default)]
struct EnvironmentSettings {
    /// The folders of the programs of the Python that the environment was made from.
    bases: Vec<PathBuf>,
    /// Whether the packages of that Python can be imported, too.
    has_packages_of_base: bool,
}

impl EnvironmentSettings {
    fn add(&mut self, text: &str) {
        for (key, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match key.trim().to_ascii_lowercase().as_str() {
                "home" => self.bases.push(PathBuf::from(value.trim())),
                "include-system-site-packages" => self.has_packages_of_base |= !value.contains("false"),
                _ => {}
            }
        }
    }
}

/// Checks the folders of modules in a prefix, and its packages.
fn check_libraries(owners: &mut PathOwners, prefix: &Path, with_packages: bool) -> Result<(), ForeignPath> {
    for library in ["lib", "lib64"].map(|name| prefix.join(name)) {
        owners.check(&library)?;
        let modules = entries(&library).into_iter().filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("python"))
        });
        for folder in modules {
            owners.check(&folder)?;
            let packages = ["site-packages", "dist-packages"].map(|name| folder.join(name));
            packages.iter().filter(|_| with_packages).try_for_each(|packages| check_packages(owners, packages))?;
        }
    }
    Ok(())
}

fn check_packages(owners: &mut PathOwners, packages: &Path) -> Result<(), ForeignPath> {
    owners.check_entries(packages)?;
    for file in entries(packages).into_iter().filter(|path| path.extension().is_some_and(|end| end == "pth")) {
        // As `site` reads it: a line is code, a comment, or a folder.
        let text = read(&file).unwrap_or_default();
        let folders = text.lines().map(str::trim_end).filter(|line| {
            !line.is_empty() && !line.starts_with('#') && !line.starts_with("import ") && !line.starts_with("import\t")
        });
        folders.map(|folder| packages.join(folder)).try_for_each(|folder| owners.check(&folder))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn read(file: &Path) -> Option<String> {
    // Opening a named pipe would wait.
    if !file.is_file() {
        return None;
    }
    let (file, mut bytes) = (fs::File::open(file).ok()?, Vec::new());
    file.take(MAX_TEXT).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
