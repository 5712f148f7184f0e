//! `snapcli completions --install`: puts the script where the shell of this user finds it. It never edits a file of the
//! user's: where a line must be added to one, it says which.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;
use clap_complete::Shell;

use super::script;
use crate::commands::operand_order::shell_word;
use crate::exit;
use crate::snapshot::atomic::AtomicFile;
use crate::ui::Verbosity;

/// Installs the script for a shell, by default that of `SHELL`.
pub(super) fn install(shell: Option<Shell>, verbosity: Verbosity) -> Result<i32> {
    let shell = shell.or_else(own_shell).ok_or_else(|| {
        exit::error(
            exit::USAGE,
            "cannot tell which shell you use: name it, such as `snapcli completions --install zsh`",
        )
    })?;
    let path = path_for(shell)
        .ok_or_else(|| exit::error(exit::FAILED, "there is no home directory to install completions in"))?;
    let cannot_write = || format!("cannot write {}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(cannot_write)?;
    }
    let mut file = AtomicFile::create(&path).with_context(cannot_write)?;
    file.write_all(&script(shell)?).with_context(cannot_write)?;
    file.commit().with_context(cannot_write)?;
    verbosity.note(&format!("wrote {}", path.display()));
    match step_left(shell, &path) {
        Some(step) => verbosity.note(&step),
        None => verbosity.note(&format!("completion works in every {shell} that you start from now on")),
    }
    Ok(exit::DONE)
}

/// The shell that `SHELL` names.
fn own_shell() -> Option<Shell> {
    let path = std::env::var_os("SHELL")?;
    Shell::from_str(Path::new(&path).file_name()?.to_str()?, true).ok()
}

/// The directory in an environment variable; a relative one does not count.
fn directory(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Where the script belongs.
fn path_for(shell: Shell) -> Option<PathBuf> {
    let home = dirs::home_dir();
    let config = || directory("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let data = || directory("XDG_DATA_HOME").or_else(|| Some(home.as_ref()?.join(".local/share")));
    Some(match shell {
        Shell::Bash => {
            let folder = directory("BASH_COMPLETION_USER_DIR").or_else(|| Some(data()?.join("bash-completion")));
            folder?.join("completions/snapcli")
        }
        Shell::Zsh => data()?.join("zsh/site-functions/_snapcli"),
        Shell::Fish => config()?.join("fish/completions/snapcli.fish"),
        Shell::Elvish => config()?.join("elvish/lib/snapcli-completion.elv"),
        _ => config()?.join("powershell/snapcli-completion.ps1"),
    })
}

/// What the user must do, if the shell does not find the script by itself.
fn step_left(shell: Shell, path: &Path) -> Option<String> {
    let folder = path.parent().unwrap_or(path).display().to_string();
    match shell {
        Shell::Bash if has_bash_completion() => None,
        Shell::Bash => Some(format!(
            "the package bash-completion is not installed here: add this line to ~/.bashrc: source {}",
            shell_word(&path.display().to_string())
        )),
        Shell::Zsh if mentions(".zshrc", &folder) => None,
        Shell::Zsh => Some(format!(
            "add these lines to ~/.zshrc, before any other line with `compinit`: fpath=({} $fpath); autoload -U \
             compinit; compinit",
            shell_word(&folder)
        )),
        Shell::Fish => None,
        Shell::Elvish => Some("add this line to rc.elv: use snapcli-completion".to_owned()),
        _ => Some(format!(
            "add this line to the file that $PROFILE names: . '{}'",
            path.display().to_string().replace('\'', "''")
        )),
    }
}

/// Whether bash loads the files of this directory: a package that systems come with does that.
fn has_bash_completion() -> bool {
    ["/usr/share", "/usr/local/share", "/opt/homebrew/share"]
        .iter()
        .any(|share| Path::new(share).join("bash-completion/bash_completion").exists())
}

/// Whether a file of the user's has this text.
fn mentions(file: &str, text: &str) -> bool {
    let folder = directory("ZDOTDIR").or_else(dirs::home_dir);
    folder.is_some_and(|folder| std::fs::read_to_string(folder.join(file)).is_ok_and(|lines| lines.contains(text)))
}
