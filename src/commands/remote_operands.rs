//! Addresses of object storage on the command line.
//!
//! They may hold credentials: the signature of a presigned URL, or a password. Those are taken out before anything can
//! print the address or note it down. And they need a client, which only the engine of the wheel has.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::Command;
use crate::snapshot::remote::RemoteAddress;

/// Puts a mark in place of all credentials in addresses. What snapcli reads later knows what the mark stands for.
pub(crate) fn conceal(command: &mut Command) {
    replace_paths(command, &mut RemoteAddress::conceal);
}

/// Whether the launcher must leave a command that needs no Python to the engine, because it names an address. The other
/// commands start the engine themselves.
pub(crate) fn need_engine(command: &mut Command) -> bool {
    let starts_python = match command {
        Command::Save(_) | Command::Run(_) | Command::VerifyLoad(_) => true,
        Command::Restore(args) => !args.list,
        _ => false,
    };
    if cfg!(any(feature = "remote", feature = "python")) || starts_python {
        return false;
    }
    let mut is_remote = false;
    replace_paths(command, &mut |path| {
        is_remote |= RemoteAddress::is_at(&path);
        path
    });
    is_remote
}

/// Replaces each path on the command line that may be an address.
fn replace_paths(command: &mut Command, replace: &mut dyn FnMut(PathBuf) -> PathBuf) {
    let mut replace = |path: &mut PathBuf| *path = replace(std::mem::take(path));
    match command {
        Command::Save(args) => replace(&mut args.output),
        Command::Restore(args) => replace(&mut args.file),
        Command::VerifyLoad(args) => replace(&mut args.file),
        Command::Inspect(args) => {
            // The other operands are those of a script, which gets them as they are.
            if let Some(file) = args.operands.first_mut() {
                let mut path = PathBuf::from(std::mem::take(file));
                replace(&mut path);
                *file = OsString::from(path);
            }
        }
        Command::Diff(args) => {
            replace(&mut args.before);
            replace(&mut args.after);
        }
        Command::Verify(args) => replace(&mut args.file),
        Command::Trust(args) => replace(&mut args.file),
        Command::Log(args) => args.store.iter_mut().for_each(replace),
        Command::Export(args) => {
            args.snapshot.iter_mut().for_each(&mut replace);
            replace(&mut args.output);
        }
        Command::Import(args) => {
            replace(&mut args.file);
            replace(&mut args.store);
        }
        Command::Prune(args) => args.store.iter_mut().for_each(replace),
        Command::Status(args) => args.store.iter_mut().for_each(replace),
        Command::Run(args) => args.output.iter_mut().for_each(replace),
        Command::Doctor(_) | Command::Completions(_) | Command::Schema(_) | Command::Man(_) => {}
    }
}
