//! Gives a Python without dill one: a private folder that holds a pinned dill, one for each minor version.
//!
//! Called when a session first needs dill and the chosen environment has none; `doctor` looks but installs
//! nothing. The wheel is fetched by that Python's own pip, so the user's index, proxy and certificates are used,
//! and pip itself refuses a wheel whose hash is not the one below.

use std::env;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};

use super::libpython;

/// The dill that is installed where the chosen environment has none.
pub const VERSION: &str = "0.4.1";
/// SHA-256 of its wheel, `py3-none-any`.
pub const SHA256: &str = "1e1ce33e978ae97fcfcff5638477032b801c46c7c65cf717f95fbc2248f79a9d";
/// Forbids us to install, unless it is empty or `0`.
pub const NO_INSTALL: &str = "SNAPCLI_NO_INSTALL";

/// There is no dill, and none could be had. The whole text is for the user; the program ends with exit 6.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoDill(String);

/// The folder that holds dill for Python `version`, installed first where it is missing.
///
/// `executable` and `base_executable` are the chosen interpreter's; `say` tells the user what is being done.
///
/// # Errors
/// [`NoDill`], whose text says what to install.
pub fn ensure(version: (u8, u8), executable: &Path, base_executable: &Path, say: &dyn Fn(&str)) -> Result<PathBuf> {
    let home = folder(version).ok_or_else(|| no_dill(executable, "there is no data folder to install it into"))?;
    if is_installed(&home) {
        return Ok(home);
    }
    if is_forbidden() {
        return Err(no_dill(executable, &format!("{NO_INSTALL} forbids installing it")));
    }
    // Python 3.10 calls an environment its own base; the link leads to the true one.
    let target = executable.canonicalize().unwrap_or_default();
    let with_pip = [executable, base_executable, &target].into_iter().find(|python| has_pip(python));
    let pip = with_pip.ok_or_else(|| no_pip(executable))?;
    say(&format!("installing dill {VERSION} into {} (once for each Python version)", home.display()));
    install(pip, &home).map_err(|error| no_dill(executable, &format!("installing it failed: {error:#}")))?;
    Ok(home)
}

/// Where the private dill of this Python version is, or would be.
#[must_use]
pub fn folder((major, minor): (u8, u8)) -> Option<PathBuf> {
    Some(dirs::data_dir()?.join("snapcli/dill").join(format!("{VERSION}-py{major}.{minor}")))
}

/// Whether `home` holds a dill. It came there by one rename, so where there is some, there is all of it.
#[must_use]
pub fn is_installed(home: &Path) -> bool {
    home.join("dill/__init__.py").is_file()
}

/// Whether the user has forbidden that we install anything.
#[must_use]
pub fn is_forbidden() -> bool {
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

/// Installs beside, then renames: two at once do not mix, and nobody sees half of it.
fn install(python: &Path, home: &Path) -> Result<()> {
    let all = home.parent().and_then(Path::parent).context("the data folder has no name: set XDG_DATA_HOME")?;
    let parent = libpython::private_folder(all).map(|folder| folder.join("dill"))?;
    fs::create_dir_all(&parent)?;
    let work = tempfile::Builder::new().prefix(".new").tempdir_in(&parent)?;
    let requirements = work.path().join("requirements.txt");
    writeln!(fs::File::create(&requirements)?, "dill=={VERSION} --hash=sha256:{SHA256}")?;
    let site = work.path().join("site");
    let output = pip(python, &requirements, &site)?;
    anyhow::ensure!(output.status.success(), "{}", complaint(&output));
    anyhow::ensure!(is_installed(&site), "pip ended well, but there is no dill in {}", site.display());
    put_in_place(&site, home)
}

fn pip(python: &Path, requirements: &Path, target: &Path) -> std::io::Result<Output> {
    let mut command = Command::new(python);
    command.args(["-I", "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes"]);
    command.args(["--no-input", "--disable-pip-version-check", "-q", "--target"]).arg(target);
    command.arg("-r").arg(requirements);
    // The user's settings hold, but for those that contradict --target.
    command.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
    for name in ["PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_DRY_RUN"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null()).output()
}

/// What pip said last that is an error; it may warn of other things behind that.
fn complaint(output: &Output) -> String {
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
        // Another snapcli was faster; its dill is the same.
        return Ok(());
    }
    // What is there has lost its files: somebody has cleaned up.
    fs::remove_dir_all(home).with_context(|| format!("cannot replace {} ({error}): remove it", home.display()))?;
    fs::rename(site, home).with_context(|| format!("cannot make {}: check who owns its parent", home.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_second_takes_what_is_there() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let (home, site) = (folder.path().join("home"), folder.path().join("site"));
        let fill = |place: &Path, text: &str| {
            fs::create_dir_all(place.join("dill")).and_then(|()| fs::write(place.join("dill/__init__.py"), text))
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
