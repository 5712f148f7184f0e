//! `snapcli run`: checks the command line, finds the checkpoint to go on from, and prepares the Python; the rest runs
//! in it.

#[cfg(feature = "python")]
mod checkpoints;
mod current_run;
#[cfg(feature = "python")]
mod forked_checkpoints;
#[cfg(feature = "python")]
mod missing_variables;
mod resume_point;
#[cfg(feature = "python")]
mod run_job;
#[cfg(feature = "python")]
mod run_lock;
pub(crate) mod run_status;

use std::mem::take;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::fs::{Access, access};

use self::resume_point::RunStart;
use super::input_output::absolute_path;
use super::operand_order::check_save;
use crate::cli::RunArgs;
use crate::exit::{self, OrExit};
use crate::python;
use crate::python::script_command::{ScriptCommand, ScriptTarget, check_script};
#[cfg(feature = "python")]
use crate::snapshot::index::RunProgress;
use crate::snapshot::store::{Store, StoreError};
use crate::ui::Verbosity;

/// Runs the script from its beginning or from the last checkpoint.
pub(crate) fn run_command(mut args: RunArgs, python: Option<&str>, verbosity: Verbosity) -> Result<i32> {
    let (program, operands) = (&mut args.program, take(&mut args.operands));
    let command = ScriptCommand::from_words(take(&mut program.run_module), take(&mut program.code), operands);
    let command = command.ok_or_else(|| exit::error(exit::USAGE, "no script given: run `snapcli run SCRIPT`"))?;
    check_save(&command)?;
    check_script(&command)?;
    check_source(&command)?;
    let folder = store_of(args.output.as_deref(), &command, args.fresh)?;
    // This may start the program again, so it comes before anything that must happen only once.
    let interpreter = python::prepare_interpreter(python)?;
    #[cfg(feature = "python")]
    {
        let mut start = RunStart::Fresh;
        if Store::is_at(&folder) || is_damaged(&folder) {
            let shown = resume_point::shown_name(&folder);
            run_lock::take(&folder, &shown, verbosity)?;
            run_lock::wait_for_checkpoint(&folder, &shown, verbosity);
            start = resume_point::find(&folder, args.fresh, &command, interpreter.version)?;
        }
        if let RunStart::Finished(finished) = &start
            && (args.accept_changes || is_unchanged(&command, &finished.progress))
        {
            verbosity.note(&finished.message());
            return Ok(exit::DONE);
        }
        run_job::run(&args, command, start, folder, interpreter, verbosity)
    }
    #[cfg(not(feature = "python"))]
    {
        let _ = (folder, verbosity, RunStart::Fresh);
        match interpreter {}
    }
}

/// Refuses what has no source file that can be run in steps.
fn check_source(command: &ScriptCommand) -> Result<()> {
    let refused = |what: String| {
        let text = format!("{what} cannot be run in steps: `snapcli run` needs a source file, such as train.py");
        Err(exit::error(exit::USAGE, text))
    };
    match &command.target {
        ScriptTarget::Code(_) | ScriptTarget::Expression(_) => refused("code of -c".to_owned()),
        ScriptTarget::StandardInput => refused("standard input".to_owned()),
        // Whether it has a source file is known when it has been found.
        ScriptTarget::Module(_) => Ok(()),
        ScriptTarget::Script(path) => {
            let is_other = path.extension().is_some_and(|end| end == "pyc" || end == "ipynb" || end == "zip");
            match path.is_file() && !is_other {
                true => Ok(()),
                false => refused(path.display().to_string()),
            }
        }
    }
}

/// The store of a run: the one that was named, or one with the name of the script in the working directory.
fn store_of(named: Option<&Path>, command: &ScriptCommand, fresh: bool) -> Result<PathBuf> {
    let folder = match (named, &command.target) {
        (Some(path), _) => path.to_owned(),
        (None, ScriptTarget::Script(path)) => {
            let mut name = path.file_stem().unwrap_or_default().to_owned();
            name.push(".snaps");
            PathBuf::from(name)
        }
        (None, ScriptTarget::Module(name)) => {
            PathBuf::from(format!("{}.snaps", resume_point::module_name(&name.to_string_lossy())))
        }
        (None, _) => PathBuf::from("run.snaps"),
    };
    let folder = absolute_path(&folder)?;
    check_store(&folder, fresh)?;
    Ok(folder)
}

/// Checks that a store is there, or can be made. It is made when the script begins: one with a syntax error leaves
/// none.
fn check_store(folder: &Path, fresh: bool) -> Result<()> {
    let shown = resume_point::shown_name(folder);
    let cannot = || format!("cannot save to {shown}");
    match Store::open(folder) {
        Err(StoreError::Missing(_)) => {}
        Ok(_) => return Ok(()),
        // Its marker is replaced when the script begins.
        Err(StoreError::DamagedMarker(_)) if fresh => return Ok(()),
        Err(error @ StoreError::DamagedMarker(_)) => {
            let details = vec!["use --fresh to start over in this store".to_owned()];
            return Err(exit::coded(exit::USAGE, format!("{}: {error}", cannot())).with_details(details).into());
        }
        Err(_) => return Store::open_or_create(folder).map(drop).or_exit(exit::USAGE, cannot),
    }
    let parent = folder.parent().unwrap_or(folder);
    let refused = |why: &str| {
        let text = format!("cannot save to {shown}: {} {why}", parent.display());
        Err(exit::error(exit::USAGE, text))
    };
    match std::fs::metadata(parent) {
        Err(_) => refused("does not exist: create it, or name another store with -o"),
        Ok(found) if !found.is_dir() => refused("is not a folder: name another store with -o"),
        Ok(_) if access(parent, Access::WRITE_OK | Access::EXEC_OK).is_err() => {
            refused("cannot be written to: change its permissions, or name another store with -o")
        }
        Ok(_) => Ok(()),
    }
}

/// Whether a folder is a store with a damaged marker, which only `--fresh` uses.
#[cfg(feature = "python")]
fn is_damaged(folder: &Path) -> bool {
    matches!(Store::open(folder), Err(StoreError::DamagedMarker(_)))
}

/// Whether a script is still the one that has finished, to the byte. A module is found later.
#[cfg(feature = "python")]
fn is_unchanged(command: &ScriptCommand, progress: &RunProgress) -> bool {
    let ScriptTarget::Script(path) = &command.target else { return false };
    std::fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes) == progress.source.as_str())
}
