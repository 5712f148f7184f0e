//! `snapcli import`: adds a snapshot from a file to a store.

use anyhow::{Result, bail};

use super::with_code;
use crate::cli::{ImportArgs, MemoryArgs};
use crate::commands::answer_output::print_answer;
use crate::commands::input_output::{is_stdio, open_snapshot, or_exit_code};
use crate::exit::{self, OrExit};
use crate::report::answers::{ImportAnswer, absolute_path};
use crate::snapshot::reader::{Contents, LOST_INDEX, Snapshot};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::store::{CRASH, ImportError, SnapshotNotes, StoreAddress, StoreTarget, StoredSnapshot, import};
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::verification::{verify, work_of};
use crate::ui::progress::DelayedBar;
use crate::ui::{Verbosity, format_size};

/// Checks the file and adds it.
pub(crate) fn run_command(args: &ImportArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    let piped = is_stdio(&args.file);
    let file = if piped { "standard input".to_owned() } else { args.file.display().to_string() };
    let job = ImportJob { args, file: &file, verbosity };
    let notes = SnapshotNotes {
        name: args.labels.name.as_deref(),
        message: args.labels.message.as_deref(),
        failed: false,
        sync: true,
    };
    with_code(notes.check().map(drop), || job.cannot())?;
    with_code(StoreAddress::target(&args.store).map(drop), || job.cannot())?;
    let snapshot = job.open()?;
    // Only what has the user's signature gets it again.
    let key = SigningKey::existing().ok().flatten().filter(|key| snapshot.is_signed_by(key));
    let what = format!("checking {file}");
    let step = verbosity.step(&what);
    check(&snapshot, &file, key.is_some(), verbosity).or_exit(exit::DAMAGED, || job.cannot())?;
    drop(step);
    let stored = job.add(&snapshot, key.as_ref(), notes)?;
    job.report(&stored, snapshot.has_failed())?;
    Ok(exit::DONE)
}

/// A file on its way into a store.
struct ImportJob<'a> {
    args: &'a ImportArgs,
    /// The file, for messages.
    file: &'a str,
    verbosity: Verbosity,
}

impl ImportJob<'_> {
    fn cannot(&self) -> String {
        format!("cannot add {} to {}", self.file, self.args.store.display())
    }

    /// # Errors
    /// If it is not a snapshot.
    fn open(&self) -> Result<Snapshot> {
        let Self { args, file, .. } = self;
        let opened = open_snapshot(&args.file, MemoryArgs { max_memory: None }).and_then(Snapshot::followed);
        let snapshot = or_exit_code(opened, &args.file, || self.cannot())?;
        let path = if is_stdio(&args.file) { "FILE" } else { file };
        let (code, text, hint) = match snapshot.contents() {
            Contents::Own { .. } => return Ok(snapshot),
            Contents::Foreign { lost_index: true } => {
                let hint = format!("copy it again; `snapcli restore --partial {path}` restores what its pickle holds");
                (exit::DAMAGED, format!("{}: {LOST_INDEX}", self.cannot()), hint)
            }
            Contents::Foreign { lost_index: false } => {
                let text = format!("{file} was not saved by snapcli, and only snapshots can be added to a store");
                let hint = format!(
                    "restore it, and save the session to the store: snapcli restore {path} -c 'import snapcli; \
                     snapcli.save(\"{}/\")'",
                    args.store.display().to_string().trim_end_matches('/')
                );
                (exit::USAGE, text, hint)
            }
        };
        Err(exit::coded(code, text).with_details(vec![hint]).into())
    }

    /// Adds the snapshot. One of a script that failed does not stand for the store, no more than in the store or the
    /// folder that it comes from.
    fn add(&self, snapshot: &Snapshot, key: Option<&SigningKey>, notes: SnapshotNotes<'_>) -> Result<StoredSnapshot> {
        let what = format!("writing to {}", self.args.store.display());
        let _step = self.verbosity.step(&what);
        let mut target = with_code(StoreTarget::create(&self.args.store), || self.cannot())?;
        match import(snapshot, &mut target, key) {
            Err(ImportError::Write(error)) => with_code(Err(error), || self.cannot())?,
            imported => imported.or_exit(exit::FAILED, || self.cannot())?,
        }
        let failed = snapshot.has_failed();
        let notes = SnapshotNotes { failed, name: notes.name.or(failed.then_some(CRASH)), ..notes };
        with_code(target.commit(notes), || self.cannot())
    }

    fn report(&self, stored: &StoredSnapshot, has_failed: bool) -> Result<()> {
        let Self { args, file, verbosity } = self;
        if args.json {
            print_answer(&ImportAnswer::of(stored, absolute_path(&stored.address)))?;
        }
        let added = format_size(stored.added);
        verbosity.note(&format!("added {file} as {} ({added} written)", stored.address.display()));
        if has_failed {
            let store = args.store.display().to_string();
            let store = store.trim_end_matches('/');
            verbosity.note(&format!("its script failed, so {store}/ does not stand for it"));
        }
        Ok(())
    }
}

/// Checks what `verify` checks. What the user has signed says of itself what is true.
fn check(snapshot: &Snapshot, file: &str, is_own: bool, verbosity: Verbosity) -> Result<()> {
    if is_own {
        let bar = DelayedBar::bytes("checking", snapshot.stream_len(), verbosity);
        return Ok(snapshot.check(&|bytes| bar.advance(bytes))?);
    }
    let bar = DelayedBar::bytes("checking", work_of(snapshot), verbosity);
    let verified = verify(snapshot, &|bytes| bar.advance(bytes))?;
    let of_variables = verified.variables.iter().flat_map(|variable| &variable.problems);
    match verified.problems.iter().chain(of_variables).next() {
        None => Ok(()),
        Some(problem) => bail!("{} (`snapcli verify {file}` says more)", problem.what),
    }
}
