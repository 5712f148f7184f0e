//! `snapcli status`: how far a run has come. Needs no Python.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::current_run::CurrentRun;
use super::resume_point::{LastCheckpoint, last_checkpoint, shown_name};
use crate::cli::StatusArgs;
use crate::commands::input_output::{absolute_path, print_report};
use crate::commands::operand_order::shell_word;
use crate::commands::stores::with_code;
use crate::exit;
use crate::report::answers::{StatusAnswer, absolute_path as shown_path};
use crate::report::status_report::{StatusReport, write_status};
use crate::snapshot::file_names::has_script_name;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::store::{Store, StoreError};
use crate::ui::Verbosity;
use crate::ui::messages::print_line;

/// The most stores that an error names.
const MOST_NAMED: usize = 8;

/// Shows how far a run has come.
pub(crate) fn run_command(args: &StatusArgs, verbosity: Verbosity) -> Result<i32> {
    let store = match &args.store {
        Some(store) => store.clone(),
        None => only_run_here()?,
    };
    let folder = absolute_path(&store)?;
    let what = format!("reading {}", shown_name(&folder));
    let step = verbosity.step(&what);
    let report = report_of(&folder)?;
    drop(step);
    let answer = args.json.then(|| StatusAnswer::of(&report, shown_path(&store)));
    print_report(&report, answer.as_ref(), write_status, verbosity)?;
    Ok(exit::DONE)
}

/// The store of a run in the current folder, if there is only one.
///
/// # Errors
/// With exit code 2, if there is none, or if there are several: the error names them.
fn only_run_here() -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(".")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()))
        .filter(|folder| Store::open(folder).is_ok() && CurrentRun::of(folder).is_some())
        .collect();
    found.sort();
    let (text, details) = match found.as_slice() {
        [one] => return Ok(one.join("")),
        [] => {
            let advice = "name the store of the run: `snapcli status STORE`".to_owned();
            let also = "`snapcli run SCRIPT` makes one, such as train.snaps/ for train.py".to_owned();
            ("there is no store of a run in this folder".to_owned(), vec![advice, also])
        }
        several => {
            let mut details: Vec<String> = several
                .iter()
                .take(MOST_NAMED)
                .map(|folder| format!("snapcli status {}", shell_word(&format!("{}/", folder.display()))))
                .collect();
            let more = several.len().saturating_sub(MOST_NAMED);
            details.extend((more > 0).then(|| format!("and {more} more")));
            (format!("there are {} stores of runs in this folder: name one", several.len()), details)
        }
    };
    Err(exit::coded(exit::USAGE, text).with_details(details).into())
}

fn report_of(folder: &Path) -> Result<StatusReport> {
    let cannot = || format!("cannot read {}", shown_name(folder));
    let store = match Store::open(folder) {
        Err(StoreError::Missing(_) | StoreError::IsFile(_) | StoreError::NotAStore(_)) => return Err(no_run(folder)),
        opened => with_code(opened, cannot)?,
    };
    let LastCheckpoint { found, damaged } = last_checkpoint(&store, folder, false)?;
    damaged.iter().for_each(|text| print_line(text));
    let Some((number, snapshot)) = found else {
        return Err(exit::error(exit::USAGE, format!("{} has no checkpoint yet", shown_name(folder))));
    };
    match Snapshot::contents(&snapshot) {
        Contents::Own { index } if let Some(progress) = &index.run => {
            Ok(StatusReport { number, progress: progress.clone(), index: index.clone() })
        }
        _ => Err(exit::error(exit::USAGE, format!("{} holds other snapshots, not a run", shown_name(folder)))),
    }
}

/// The error for a path at which there is no store: often that of the script instead.
fn no_run(folder: &Path) -> anyhow::Error {
    let name = shown_name(folder);
    let of_script = folder.with_extension("snaps");
    let advice = match has_script_name(folder) && of_script.is_dir() {
        true => format!("the store of its run is {}", shown_name(&of_script)),
        false => "`snapcli run SCRIPT` makes one, such as train.snaps/ for train.py".to_owned(),
    };
    let text = format!("{} is not the store of a run", name.trim_end_matches('/'));
    exit::coded(exit::USAGE, text).with_details(vec![advice]).into()
}
