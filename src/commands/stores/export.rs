//! `snapcli export`: writes a snapshot of a store to a file of its own.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::thread::sleep;

use anyhow::{Context, Result};

use super::named_store;
use crate::cli::{ExportArgs, GivenOptions};
use crate::commands::answer_output::print_answer;
use crate::commands::file_claims::{FileClaim, PAUSE};
use crate::commands::generations::{is_same_run, keep_other};
use crate::commands::input_output::{compressed_note, is_stdio, or_exit_code, stdout};
use crate::commands::output_conflicts::OutputFile;
use crate::exit::{self, OrExit};
use crate::report::answers::{ExportAnswer, absolute_path};
use crate::snapshot::atomic::{AtomicFile, full_disk_advice, signals};
use crate::snapshot::index::Index;
use crate::snapshot::reader::{Contents, FileOutput, ReadError, Snapshot};
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::seekable::{SeekableTarget, is_named_so, level_for};
use crate::snapshot::signature::SigningKey;
use crate::snapshot::store::StoreAddress;
use crate::snapshot::system::map_large_blocks;
use crate::ui::progress::DelayedBar;
use crate::ui::{Verbosity, format_size};

/// The size of the buffer that a stream is written with.
const BUFFER: usize = 256 << 10;

/// Writes the file.
pub(crate) fn run_command(args: &ExportArgs, given: &GivenOptions, verbosity: Verbosity) -> Result<i32> {
    map_large_blocks();
    let source = named_store(args.snapshot.as_deref(), "export")?;
    if is_stdio(source) {
        let text = "standard input is no snapshot of a store: name one, such as runs.snaps/@3";
        return Err(exit::error(exit::USAGE, text));
    }
    let name = source.display().to_string();
    let usage = |text: String| exit::error(exit::USAGE, text);
    let to_stream = is_stdio(&args.output);
    if to_stream && args.json {
        return Err(usage("standard output cannot hold both the snapshot and the report".to_owned()));
    }
    if to_stream && stdout().is_terminal() {
        let text = "refusing to write binary data to a terminal: redirect stdout to a file or a pipe";
        return Err(usage(text.to_owned()));
    }
    if let Ok(Some(_)) | Err(_) = StoreAddress::target(&args.output) {
        let text = format!("{} is a store: export to a file, or copy with `snapcli import`", args.output.display());
        return Err(usage(text));
    }
    OutputFile { option: "-o", path: &args.output, is_snapshot: true }.check(&[(source, "the snapshot to export")])?;
    let snapshot = or_exit_code(Snapshot::open(source), source, || format!("cannot export {name}"))?;
    if let Contents::Foreign { .. } = snapshot.contents() {
        return Err(usage(format!("{name} is no snapshot of a store, but a file: copy it")));
    }
    let job = ExportJob { snapshot: &snapshot, name: &name, output: &args.output, verbosity };
    let what = format!("checking and writing {name}");
    let step = verbosity.step(&what);
    let level = level_for(&args.output, args.compress);
    let bytes = if to_stream { job.to_stream(level)? } else { job.to_file(level, !given.has("output"))? };
    drop(step);
    if args.json {
        print_answer(&ExportAnswer::new(absolute_path(&args.output), absolute_path(source), bytes))?;
    }
    let file = args.output.display().to_string();
    let to = if to_stream { "standard output" } else { &file };
    verbosity.note(&format!("wrote {name} to {to} ({})", format_size(bytes)));
    if level.is_some() && !to_stream && !is_named_so(&args.output) {
        verbosity.note(&compressed_note(&file));
    }
    Ok(exit::DONE)
}

/// A snapshot on its way to a file.
struct ExportJob<'a> {
    snapshot: &'a Snapshot,
    name: &'a str,
    output: &'a Path,
    verbosity: Verbosity,
}

impl ExportJob<'_> {
    fn cannot(&self) -> String {
        format!("cannot export {}", self.name)
    }

    /// The error of the output, with what to do if its disk is the cause.
    fn unwritable(&self, error: io::Error) -> anyhow::Error {
        let output = match is_stdio(self.output) {
            true => "standard output".to_owned(),
            false => self.output.display().to_string(),
        };
        let advice = full_disk_advice(&error).map(|advice| format!(": {advice}"));
        anyhow::Error::new(error).context(format!("cannot write to {output}{}", advice.unwrap_or_default()))
    }

    fn to_stream(&self, level: Option<i32>) -> Result<u64> {
        let (mut out, bytes) = self.packed(StreamOutput(BufWriter::with_capacity(BUFFER, stdout())), level)?;
        out.flush().context("cannot write to standard output")?;
        Ok(bytes)
    }

    fn to_file(&self, level: Option<i32>, keeps_other: bool) -> Result<u64> {
        let path = self.output;
        let file = AtomicFile::create(path).or_exit(exit::FAILED, || self.cannot())?;
        let (file, bytes) = self.packed(file, level)?;
        // As a save: what another process puts there before this one does is kept as well.
        let claim = match keeps_other {
            true => FileClaim::wait(path, pause).or_exit(exit::FAILED, || self.cannot())?,
            false => None,
        };
        if let (true, Contents::Own { index }) = (keeps_other, self.snapshot.contents()) {
            // Only the same snapshot is replaced: another one of the same script may be a newer one.
            let is_same = |old: &Index| old.created == index.created && is_same_run(&old.script, &index.script);
            let kept = keep_other(path, is_same).with_context(|| format!("cannot keep the old {}", path.display()))?;
            if let Some(kept) = kept {
                self.verbosity.note(&kept.note(&path.display().to_string(), &kept.path_beside(path)));
            }
        }
        file.commit().or_exit(exit::FAILED, || self.cannot())?;
        drop(claim);
        Ok(bytes)
    }

    /// Writes the snapshot, compressed with this level of zstd if there is one. Returns the output and its length.
    fn packed<T: SaveTarget + FileOutput>(&self, mut out: T, level: Option<i32>) -> Result<(T, u64)> {
        let Some(level) = level else {
            let bytes = self.write(&mut out)?;
            return Ok((out, bytes));
        };
        let mut packed = SeekableTarget::new(out, level);
        self.write(&mut packed)?;
        packed.finish().map_err(|error| self.unwritable(error)).or_exit(exit::FAILED, || self.cannot())
    }

    fn write(&self, out: &mut dyn FileOutput) -> Result<u64> {
        // Only what has the user's signature gets it again.
        let key = SigningKey::existing().ok().flatten().filter(|key| self.snapshot.is_signed_by(key));
        let bar = DelayedBar::bytes("checking", self.snapshot.stream_len(), self.verbosity);
        let mut out = NotedOutput { out, has_failed: false };
        let written = self.snapshot.write_as_file(&mut out, key.as_ref(), &|bytes| bar.advance(bytes));
        drop(bar);
        let code = if out.has_failed { exit::FAILED } else { exit::DAMAGED };
        let written = match written {
            Err(ReadError::Io(error))
                if error.kind() == io::ErrorKind::BrokenPipe || signals::is_interrupted(&error) =>
            {
                Err(error.into())
            }
            Err(ReadError::Io(error)) if out.has_failed => Err(self.unwritable(error)),
            done => done.map_err(anyhow::Error::from),
        };
        written.or_exit(code, || self.cannot())
    }
}

fn pause() -> io::Result<()> {
    sleep(PAUSE);
    signals::check()
}

/// Standard output, from which nothing can be taken back.
struct StreamOutput(BufWriter<io::Stdout>);

impl Write for StreamOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl FileOutput for StreamOutput {}

impl SaveTarget for StreamOutput {
    fn cut(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::NotSeekable.into())
    }
}

/// Notes whether it cannot be written: that says nothing about the snapshot.
struct NotedOutput<'o> {
    out: &'o mut dyn FileOutput,
    has_failed: bool,
}

impl Write for NotedOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.has_failed |= written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|_| self.has_failed = true)
    }
}

impl FileOutput for NotedOutput<'_> {
    fn begin_contents(&mut self, length: u64) {
        self.out.begin_contents(length);
    }

    fn end_contents(&mut self) {
        self.out.end_contents();
    }

    fn begin_index(&mut self) -> io::Result<()> {
        self.out.begin_index().inspect_err(|_| self.has_failed = true)
    }
}
