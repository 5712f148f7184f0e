//! `snapcli import`: adds a snapshot from a file to a store.

use anyhow::{Result, bail};

use super::with_code;
use crate::cli::{ImportArgs, MemoryArgs};
use crate::commands::answer_output::print_answer;
use crate::commands::input_output::{is_stdio, open_snapshot, or_exit_code};
use crate::exit::{self, OrExit};
use crate::report::answers::{ImportAnswer, absolute_path};
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::store::{CRASH, SnapshotNotes, StoreAddress, StoreTarget, import};
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::verification::{verify, work_of};
use crate::ui::progress::DelayedBar;
use crate::ui::{Verbosity, format_size};

/// Checks the file and adds it.
pub(crate) fn run_command(args: &ImportArgs, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    let (name, message) = (args.labels.name.as_deref(), args.labels.message.as_deref());
    let piped = is_stdio(&args.file);
    let file = if piped { "standard input".to_owned() } else { args.file.display().to_string() };
    let cannot = || format!("cannot add {file} to {}", args.store.display());
    let notes = SnapshotNotes { name, message, failed: false, sync: true };
    with_code(notes.check().map(drop), cannot)?;
    with_code(StoreAddress::target(&args.store).map(drop), cannot)?;
    let snapshot = or_exit_code(
        open_snapshot(&args.file, MemoryArgs { max_memory: None }).and_then(Snapshot::followed),
        &args.file,
        cannot,
    )?;
    if let Contents::Foreign { .. } = snapshot.contents() {
        let text = format!("{file} was not saved by snapcli, and only snapshots can be added to a store");
        let hint = "restore it, and save the session to the store: snapcli restore FILE -c 'import snapcli; \
                    snapcli.save(\"STORE/\")'";
        return Err(anyhow::Error::new(exit::coded(exit::USAGE, text).with_details(vec![hint.to_owned()])));
    }
    let what = format!("checking {file}");
    let step = verbosity.step(&what);
    // Only what has the user's signature gets it again.
    let key = SigningKey::existing().ok().flatten().filter(|key| snapshot.is_signed_by(key));
    check(&snapshot, &file, key.is_some(), verbosity).or_exit(exit::DAMAGED, cannot)?;
    drop(step);
    let what = format!("writing to {}", args.store.display());
    let step = verbosity.step(&what);
    let mut target = with_code(StoreTarget::create(&args.store), cannot)?;
    import(&snapshot, &mut target, key.as_ref()).or_exit(exit::FAILED, cannot)?;
    // The store as such does not stand for it, no more than in the store or the folder that it comes from.
    let failed = snapshot.has_failed();
    let notes = SnapshotNotes { failed, name: name.or(failed.then_some(CRASH)), ..notes };
    let stored = with_code(target.commit(notes), cannot)?;
    drop(step);
    if args.json {
        print_answer(&ImportAnswer::of(&stored, absolute_path(&stored.address)))?;
    }
    let added = format_size(stored.added);
    verbosity.note(&format!("added {file} as {} ({added} written)", stored.address.display()));
    if failed {
        let store = args.store.display().to_string();
        let store = store.trim_end_matches('/');
        verbosity.note(&format!("its script failed, so {store}/ does not stand for it"));
    }
    Ok(exit::DONE)
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
