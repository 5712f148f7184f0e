//! `inspect FILE`: opens a file as far as that is possible, and shows it; the exit code says what is wrong with it.

use std::io::{self, BufWriter};
use std::path::Path;

use anyhow::Result;

use super::inspect_output::{InspectOutput, page_contents, trace};
use super::strict_gate;
use crate::cli::OutputFormat;
use crate::commands::input_output::{open_snapshot, or_exit_code, stdout};
use crate::commands::operand_order::shell_word;
use crate::exit::{self, OrExit};
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::report::answers::{FailureAnswer, absolute_path};
use crate::report::html::PageContents;
use crate::report::inspect_report::SessionReport;
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::store::{Store, StoreAddress, local_bytes};
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::work_meter::{self, WorkStage};
use crate::ui::messages::print_line;
use crate::ui::progress::DelayedBar;
use crate::ui::{count, format_size};

/// Shows a file, and returns the exit code.
pub(super) fn inspect_file(inspection: &InspectOutput, path: &Path) -> Result<i32> {
    map_large_blocks();
    let args = &inspection.args;
    let mut file = InspectedFile::open(inspection, path)?;
    let checked = file.snapshot.check_index().or_exit(exit::DAMAGED, || format!("{} is damaged", path.display()));
    // A program gets one answer, and the gate gives its own.
    let is_one_answer = !args.strict && (args.trace.is_some() || args.output_format() == OutputFormat::Json);
    let checked = if is_one_answer { Ok(checked?) } else { checked };
    if let Some(name) = &args.trace {
        return file.print_trace(inspection, name);
    }
    let code = file.print_session(inspection)?;
    // The index is not right about what was shown.
    if code == exit::DONE { checked.map(|()| code) } else { Ok(code) }
}

/// A file that is open, and what is missing in it.
struct InspectedFile<'p> {
    path: &'p Path,
    snapshot: Snapshot,
    /// What is missing, in words. The rest is shown all the same.
    damage: Option<String>,
    /// Whether a store does not have all objects of the snapshot.
    lacks_object: bool,
}

impl<'p> InspectedFile<'p> {
    /// Opens a file, follows its opcodes as far as the answer needs it, and says what is missing.
    fn open(inspection: &InspectOutput, path: &'p Path) -> Result<Self> {
        let args = &inspection.args;
        let what = format!("reading {}", path.display());
        let reading = inspection.verbosity.step(&what);
        // A tree shows no verdict.
        let follow = if args.trace.is_some() && !args.strict { Snapshot::followed } else { Snapshot::judged };
        let reading_bar = reading_bar(inspection);
        let opened = open_snapshot(path, args.memory).inspect(|snapshot| {
            // Of a snapshot of ours, as much is followed as is needed.
            let is_foreign = matches!(snapshot.contents(), Contents::Foreign { .. });
            work_meter::begin(WorkStage::Following, if is_foreign { snapshot.stream_len() } else { 0 });
        });
        let cannot = || format!("{}{}", cannot_inspect(path), script_hint(path));
        let snapshot = or_exit_code(opened.and_then(follow), path, cannot)?;
        drop((reading_bar, reading));
        let lost_object = snapshot.check_objects().err();
        let damage = damage_in_words(path, snapshot.contents(), lost_object.as_ref());
        if let Some(damage) = &damage {
            // Even with --quiet: the exit code is that of a damaged file.
            print_line(damage);
        }
        Ok(Self { path, snapshot, damage, lacks_object: lost_object.is_some() })
    }

    /// The exit code if nothing else is wrong: what is shown may not be all that was saved.
    fn code(&self) -> i32 {
        if self.damage.is_some() { exit::DAMAGED } else { exit::DONE }
    }

    /// Why the command fails after it has shown the file.
    fn failure(&self, code: i32) -> Option<FailureAnswer> {
        self.damage.as_ref().map(|damage| FailureAnswer::new(damage, code))
    }

    /// What loading the file would do, if that is wanted or known soon.
    fn verdict(&self, inspection: &InspectOutput) -> Result<Option<Verdict>> {
        let args = &inspection.args;
        // The HTML page always includes the verdict: rendering takes longer anyway.
        let at_any_cost = args.strict || args.verdict || args.html.is_some();
        self.snapshot.verdict(at_any_cost).or_exit(exit::DAMAGED, || cannot_inspect(self.path))
    }

    /// Prints the tree of one variable.
    fn print_trace(&self, inspection: &InspectOutput, name: &str) -> Result<i32> {
        let file = self.path.display().to_string();
        let listed_by = format!("snapcli inspect {}", shell_word(&self.path.to_string_lossy()));
        let tree = trace(&self.snapshot, name, &listed_by)?;
        let mut code = self.code();
        if inspection.args.strict {
            let verdict = self.verdict(inspection)?;
            code = strict_gate::exit_code_of_tree(inspection, &self.snapshot, verdict.as_ref(), &file)?.max(code);
        }
        let out = &mut BufWriter::new(stdout());
        inspection.print_tree(out, &tree, Some(absolute_path(self.path)), self.failure(code), code)
    }

    /// Prints the variables, and the verdict.
    fn print_session(&mut self, inspection: &InspectOutput) -> Result<i32> {
        let path = self.path;
        let mut report = SessionReport::of_last(path.display().to_string(), &mut self.snapshot)
            .or_exit(exit::DAMAGED, || cannot_inspect(path))?;
        report.in_store = newest_in_store(path);
        let step = inspection.verbosity.step("judging what loading it would do");
        let judging_bar = reading_bar(inspection);
        // Without its opcodes, nothing is known of what loading it would do.
        let is_unknown = self.lacks_object && !inspection.args.strict;
        report.verdict = if is_unknown { None } else { self.verdict(inspection)? };
        drop((judging_bar, step));
        let code = match &report.verdict {
            verdict if inspection.args.strict => {
                strict_gate::exit_code(inspection, &self.snapshot, verdict.as_ref(), &report.file)?.max(self.code())
            }
            // The answer is not complete.
            Some(Verdict { class: VerdictClass::NotJudged, .. }) => exit::DAMAGED,
            _ => self.code(),
        };
        let page = match inspection.args.html {
            Some(_) => page_contents(&self.snapshot, &mut report),
            None => PageContents::default(),
        };
        let out = &mut BufWriter::new(stdout());
        inspection.print(out, &mut report, Some(absolute_path(path)), self.failure(code), code, &page)
    }
}

fn cannot_inspect(path: &Path) -> String {
    format!("cannot inspect {}", path.display())
}

fn reading_bar(inspection: &InspectOutput) -> DelayedBar {
    DelayedBar::measuring("reading", 0, work_meter::shown, inspection.verbosity)
}

/// What is missing in a file, of which the rest is shown all the same.
fn damage_in_words(path: &Path, contents: &Contents, lost_object: Option<&ReadError>) -> Option<String> {
    let path = path.display();
    match (lost_object, contents) {
        (Some(error), _) => Some(format!("{path} is damaged: {error}; this is what it should contain")),
        (None, Contents::Foreign { lost_index: true }) => Some(format!(
            "{path} is damaged: its index is missing, so the file is truncated, or damaged at its end; this is what \
             its pickle contains"
        )),
        (None, _) => None,
    }
}

/// Which snapshot of a store was read, if the store as such was named, and the size of the store.
fn newest_in_store(path: &Path) -> Option<String> {
    // Only a line of the text: without it, the answer is complete. A store in object storage would be asked again.
    let store = StoreAddress::is_whole_store(path).then(|| Store::open(path).ok()).flatten()?;
    let bytes = local_bytes(&store).ok()??;
    let history = store.history().ok()?;
    let (number, snapshots) = (history.last()?.number, count(history.len(), "snapshot"));
    Some(format!("@{number}, the newest of {snapshots} in a store of {}", format_size(bytes)))
}

/// Advice for a text file, which is probably no pickle: the user may have meant to run it.
fn script_hint(path: &Path) -> &'static str {
    // A named pipe has been read by now, and opening it again could wait forever.
    if !path.is_file() {
        return "";
    }
    let mut head = [0; 512];
    let read = std::fs::File::open(path).and_then(|mut file| io::Read::read(&mut file, &mut head)).unwrap_or(0);
    let text = head.get(..read).is_some_and(|head| head.iter().all(|byte| *byte >= 0x20 || b"\t\r\n".contains(byte)));
    if read > 0 && text { " (add --script to run it as a script)" } else { "" }
}
