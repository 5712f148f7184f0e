//! `snapcli status`: how far a run has come. Needs no Python.

use std::path::Path;

use anyhow::Result;

use super::resume_point::{LastCheckpoint, last_checkpoint, shown_name};
use crate::cli::StatusArgs;
use crate::commands::input_output::{absolute_path, print_report};
use crate::commands::stores::with_code;
use crate::exit;
use crate::report::answers::{StatusAnswer, absolute_path as shown_path};
use crate::report::status_report::{StatusReport, write_status};
use crate::snapshot::file_names::has_script_name;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::store::{Store, StoreError};
use crate::ui::Verbosity;
use crate::ui::messages::print_line;

/// Shows how far a run has come.
pub(crate) fn run_command(args: &StatusArgs, verbosity: Verbosity) -> Result<i32> {
    let folder = absolute_path(&args.store)?;
    let what = format!("reading {}", shown_name(&folder));
    let step = verbosity.step(&what);
    let report = report_of(&folder)?;
    drop(step);
    let answer = args.json.then(|| StatusAnswer::of(&report, shown_path(&args.store)));
    print_report(&report, answer.as_ref(), write_status, verbosity)?;
    Ok(exit::DONE)
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
