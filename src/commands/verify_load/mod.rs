//! The hidden `snapcli verify-load`: the fresh process of `save --verify`.

#[cfg(feature = "python")]
mod load_job;

use anyhow::{Context, Result};

#[cfg(feature = "python")]
pub(super) use self::load_job::load_in_fresh_process;
use crate::cli::VerifyLoadArgs;
use crate::python;
use crate::snapshot::atomic::signals::leave_to_parent;
use crate::snapshot::reader::Snapshot;
use crate::snapshot::shared_meter;
use crate::ui::Verbosity;

/// Loads the file and prints the result.
pub(crate) fn run_command(args: VerifyLoadArgs, python: Option<&str>, verbosity: Verbosity) -> Result<i32> {
    leave_to_parent();
    // A second start of the program comes here as well.
    args.meter.iter().for_each(|path| shared_meter::adopt(path));
    // The values are compared by the hashes of a file.
    let prepare = |snapshot| if args.failures { Ok(snapshot) } else { Snapshot::into_file(snapshot) };
    let snapshot = Snapshot::open(&args.file).and_then(prepare);
    let snapshot = snapshot.with_context(|| format!("cannot load {}", args.file.display()))?;
    let interpreter = python::prepare_interpreter(python)?;
    #[cfg(feature = "python")]
    return load_job::run(args, snapshot, interpreter, verbosity);
    #[cfg(not(feature = "python"))]
    {
        drop((snapshot, verbosity));
        match interpreter {}
    }
}
