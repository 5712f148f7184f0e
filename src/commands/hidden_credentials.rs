//! Addresses on the command line may hold credentials: the signature of a presigned URL, or a password. They are taken
//! out before anything can print the address or note it down.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::Command;
use crate::snapshot::remote::RemoteAddress;

/// Puts a mark in place of all credentials in addresses. What snapcli reads later knows what the mark stands for.
pub(crate) fn conceal(command: &mut Command) {
    match command {
        Command::Save(args) => conceal_in(&mut args.output),
        Command::Restore(args) => conceal_in(&mut args.file),
        Command::VerifyLoad(args) => conceal_in(&mut args.file),
        Command::Inspect(args) => {
            // The other operands are those of a script, which gets them as they are.
            if let Some(file) = args.operands.first_mut() {
                let mut path = PathBuf::from(std::mem::take(file));
                conceal_in(&mut path);
                *file = OsString::from(path);
            }
        }
        Command::Diff(args) => {
            conceal_in(&mut args.before);
            conceal_in(&mut args.after);
        }
        Command::Verify(args) => conceal_in(&mut args.file),
        Command::Trust(args) => conceal_in(&mut args.file),
        Command::Log(args) => args.store.iter_mut().for_each(conceal_in),
        Command::Export(args) => {
            args.snapshot.iter_mut().for_each(conceal_in);
            conceal_in(&mut args.output);
        }
        Command::Import(args) => {
            conceal_in(&mut args.file);
            conceal_in(&mut args.store);
        }
        Command::Prune(args) => args.store.iter_mut().for_each(conceal_in),
        Command::Status(args) => conceal_in(&mut args.store),
        Command::Run(args) => args.output.iter_mut().for_each(conceal_in),
        Command::Doctor(_) | Command::Completions(_) | Command::Schema(_) | Command::Man(_) => {}
    }
}

fn conceal_in(path: &mut PathBuf) {
    *path = RemoteAddress::conceal(std::mem::take(path));
}
