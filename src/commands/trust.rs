//! `snapcli trust`: look at a file that somebody else saved, and sign it as one's own.
//!
//! The file is checked as `snapcli verify` checks it first: a signature vouches for hashes, and for nothing that they do
//! not fit.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::Talk;
use super::ask::{ask, is_terminal};
use super::open::or_code;
use super::progress::Progress;
use crate::exit::{self, OrExit};
use crate::report::{plain, verdict};
use crate::snapshot::atomic::AtomicFile;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::trust::Key;
use crate::snapshot::verify::verify;

/// What was asked.
pub struct Options {
    /// Whether the answer to the question is yes.
    pub yes: bool,
    /// The file.
    pub file: PathBuf,
}

/// Signs a file. Only its trailer changes, but it is written anew, so that it is never half signed.
pub fn run(options: &Options, talk: Talk) -> Result<i32> {
    let file = options.file.display().to_string();
    let name = plain(&file);
    let snapshot =
        or_code(Snapshot::open(&options.file).and_then(Snapshot::followed), || format!("cannot sign {name}"))?;
    if let Contents::Foreign { .. } = snapshot.contents() {
        let text = format!(
            "{name} was not saved by snapcli, and only what it saves can be signed: load it once with `snapcli restore \
             --trust`, or save its contents anew with `snapcli save -c \"import dill; \
             globals().update(dill.load_module_asdict('{name}'))\"`"
        );
        return Err(exit::error(exit::USAGE, text));
    }
    check(&snapshot, &name, talk)?;
    let key = Key::existing_or_new().or_exit(exit::FAILED, || "there is no key to sign with".to_owned())?;
    if snapshot.is_signed_by(&key) {
        talk.note(&format!("{name} is signed with your key already"));
        return Ok(exit::DONE);
    }
    tell(&snapshot, &name)?;
    if !options.yes {
        if !is_terminal() {
            return Err(exit::error(exit::USAGE, "nobody is there to be asked: add --yes to sign it"));
        }
        if !ask(&format!("sign {name} as yours, so that restore runs all that is in it?"))? {
            return Err(exit::error(exit::UNTRUSTED, format!("{name} was not signed")));
        }
    }
    sign(&snapshot, &options.file, &key).with_context(|| format!("cannot sign {name}"))?;
    talk.note(&format!("signed {name} with your key"));
    Ok(exit::DONE)
}

fn check(snapshot: &Snapshot, name: &str, talk: Talk) -> Result<()> {
    let progress = Progress::bytes("checking", snapshot.stream_len(), talk);
    let checked = verify(snapshot, &|bytes| progress.advance(bytes));
    let checked = checked.or_exit(exit::DAMAGED, || format!("cannot sign {name}"))?;
    match checked.is_whole() {
        true => Ok(()),
        false => Err(exit::error(exit::DAMAGED, format!("{name} is damaged: see `snapcli verify`"))),
    }
}

fn tell(snapshot: &Snapshot, name: &str) -> Result<()> {
    let found = snapshot.verdict(true).or_exit(exit::DAMAGED, || format!("cannot look into {name}"))?;
    let Some(found) = found else { return Ok(()) };
    let out = &mut io::BufWriter::new(io::stdout());
    verdict::text(out, &found, false, super::inspect::look().colour)?;
    out.flush().context("cannot write to standard output")
}

fn sign(snapshot: &Snapshot, path: &std::path::Path, key: &Key) -> Result<()> {
    let Some((bytes, trailer)) = snapshot.signed(key)? else { return Ok(()) };
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes)?;
    file.write_all(&trailer.encode())?;
    Ok(file.commit()?)
}
