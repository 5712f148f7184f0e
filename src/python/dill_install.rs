//! Installs a pinned dill for a Python without one, into a private folder for each minor version.
//!
//! The pip of that Python downloads the wheel, with the index, proxy and certificates of the user, and refuses a wheel
//! with another hash than the one below. `doctor` only asks whether it is installed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use anyhow::{Context, Result};

use super::private_folder::private_folder;
use crate::snapshot::system::without_temporary_name;

/// The version of dill to install.
pub(crate) const VERSION: &str = "0.4.1";
/// The SHA-256 of its wheel, `py3-none-any`.
pub(crate) const SHA256: &str = "1e1ce33e978ae97fcfcff5638477032b801c46c7c65cf717f95fbc2248f79a9d";
/// The environment variable that forbids installing, unless it is empty or `0`.
pub(crate) const NO_INSTALL: &str = "SNAPCLI_NO_INSTALL";

/// There is no dill, and it could not be installed. The string is the message for the user.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NoDill(String);

/// Returns the folder with dill for this version of Python, and installs dill there if it is missing.
///
/// `executable` and `base_executable` belong to the chosen interpreter. `say` gets a message before the installation.
///
/// # Errors
/// [`NoDill`], which says what to install.
pub(crate) fn ensure(
    version: (u8, u8),
    executable: &Path,
    base_executable: &Path,
    say: &dyn Fn(&str),
) -> Result<PathBuf> {
    let home = folder(version).ok_or_else(|| no_dill(executable, "there is no folder to install it in"))?;
    if let Err(error) = make_private(&home) {
        return Err(no_dill(executable, &format!("snapcli's own is not safe ({error})")));
    }
    if is_installed(&home) {
        return Ok(home);
    }
    if is_forbidden() {
        return Err(no_dill(executable, &format!("{NO_INSTALL} forbids installing it")));
    }
    // Python 3.10 names an environment as its own base, but the symlink points to the real one.
    let target = executable.canonicalize().unwrap_or_default();
    // A virtual environment made without pip can use the pip of its base.
    let with_pip = [executable, base_executable, &target].into_iter().find(|python| has_pip(python));
    let pip = with_pip.ok_or_else(|| no_pip(executable))?;
    say(&format!("installing dill {VERSION} in {} (once for each Python version)", home.display()));
    install(pip, &home).map_err(|error| no_dill(executable, &format!("installing it failed: {error:#}")))?;
    Ok(home)
}

/// Makes sure that nobody else can have put code into the folder of the private dill. Does not create it.
fn make_private(home: &Path) -> std::io::Result<()> {
    match home.ancestors().nth(2).filter(|all| all.exists()) {
        Some(all) => private_folder(all).map(drop),
        None => Ok(()),
    }
}

/// The folder of the private dill for this version of Python, whether it exists or not.
#[must_use]
pub(crate) fn folder((major, minor): (u8, u8)) -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("snapcli/dill").join(format!("{VERSION}-py{major}.{minor}")))
}

/// Whether the folder has a dill. It is put there by a single rename, so it is complete.
#[must_use]
pub(crate) fn is_installed(home: &Path) -> bool {
    home.join("dill/__init__.py").is_file()
}

/// Whether the user forbids installing.
#[must_use]
pub(crate) fn is_forbidden() -> bool {
    env::var_os(NO_INSTALL).is_some_and(|value| !value.is_empty() && value != "0")
}

fn no_dill(python: &Path, why: &str) -> anyhow::Error {
    let python = python.display();
    NoDill(format!("{python} has no dill, and {why}: run `{python} -m pip install dill=={VERSION}`")).into()
}

fn no_pip(python: &Path) -> anyhow::Error {
    let python = python.display();
    NoDill(format!(
        "{python} has neither dill nor a pip to install it with: run `{python} -m ensurepip`, or `uv pip install \
         --python {python} dill=={VERSION}`"
    ))
    .into()
}

fn has_pip(python: &Path) -> bool {
    let question = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)";
    let mut command = Command::new(python);
    command.args(["-I", "-c", question]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Installs into a temporary folder and renames that, so that no process ever finds an incomplete dill.
fn install(python: &Path, home: &Path) -> Result<()> {
    let all = home.parent().and_then(Path::parent).context("there is no folder for data: set XDG_DATA_HOME")?;
    let parent = all.join("dill");
    private_folder(all)
        .and_then(|_| fs::create_dir_all(&parent))
        .with_context(|| format!("cannot make {}, for which XDG_DATA_HOME names another place", parent.display()))?;
    // In the same directory as the target, so that the rename stays within one file system.
    let work = tempfile::Builder::new().prefix(".new").tempdir_in(&parent).map_err(without_temporary_name)?;
    let requirements = work.path().join("requirements.txt");
    writeln!(fs::File::create(&requirements)?, "dill=={VERSION} --hash=sha256:{SHA256}")?;
    let site = work.path().join("site");
    let output = run_pip(python, &requirements, &site)?;
    anyhow::ensure!(output.status.success(), "{}", last_error(&output));
    anyhow::ensure!(is_installed(&site), "pip succeeded, but there is no dill in {}", site.display());
    put_in_place(&site, home)
}

fn run_pip(python: &Path, requirements: &Path, target: &Path) -> std::io::Result<Output> {
    let mut command = Command::new(python);
    command.args(["-I", "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes"]);
    command.args(["--no-input", "--disable-pip-version-check", "-q", "--target"]).arg(target);
    command.arg("-r").arg(requirements);
    // The settings of the user apply, except those that contradict --target.
    command.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    for name in ["PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_DRY_RUN"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).output()
}

/// The last error that pip printed. Warnings about other things may follow it.
fn last_error(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let mut lines = text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let error = text.lines().find_map(|line| line.strip_prefix("ERROR: ")).or_else(|| lines.next());
    error.map_or_else(|| format!("pip ended with {}", output.status), str::to_owned)
}

fn put_in_place(site: &Path, home: &Path) -> Result<()> {
    let Err(error) = fs::rename(site, home) else {
        return Ok(());
    };
    if is_installed(home) {
        // Another process was faster, and its dill is the same.
        return Ok(());
    }
    // The folder exists without the files of dill: something has deleted them.
    fs::remove_dir_all(home)
        .with_context(|| format!("cannot replace {} ({error}): delete it yourself", home.display()))?;
    fs::rename(site, home).with_context(|| format!("cannot create {}: check the owner of its parent", home.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_two_installations_uses_the_first() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (home, site) = (folder.path().join("home"), folder.path().join("site"));
        let fill = |folder: &Path, text: &str| {
            fs::create_dir_all(folder.join("dill")).and_then(|()| fs::write(folder.join("dill/__init__.py"), text))
        };
        fill(&site, "first")?;
        put_in_place(&site, &home)?;
        fill(&site, "second")?;
        put_in_place(&site, &home)?;
        assert_eq!(fs::read_to_string(home.join("dill/__init__.py"))?, "first");
        fs::remove_file(home.join("dill/__init__.py"))?;
        put_in_place(&site, &home)?;
        assert_eq!(fs::read_to_string(home.join("dill/__init__.py"))?, "second");
        Ok(())
    }
}
