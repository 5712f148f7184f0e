//! `snapcli inspect`: what is in a snapshot, without executing anything in it; or which variables of a script cannot be
//! saved.

mod inspect_output;
#[cfg(feature = "python")]
mod script_session;
mod strict_gate;

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

use self::inspect_output::{InspectOutput, check_page_path, page_contents, trace};
use super::input_output::{open_snapshot, or_exit_code, stdout, stdout_style};
use super::operand_order::{check_inspect, inspect_takes_one, shell_word};
use super::output_conflicts::{OutputFile, script_file};
use super::unused_options::{check_for_file, check_for_script};
use crate::cli::{GivenOptions, InspectArgs, OutputFormat, is_script};
use crate::exit::{self, OrExit};
use crate::pickle::verdict::{Verdict, VerdictClass};
use crate::python;
use crate::python::script_command::{ScriptCommand, ScriptTarget, check_script};
use crate::report::answers::{FailureAnswer, absolute_path};
use crate::report::html::PageContents;
use crate::report::inspect_report::SessionReport;
use crate::snapshot::reader::{Contents, ReadError, Snapshot};
use crate::snapshot::store::{Store, StoreAddress, local_bytes};
use crate::snapshot::system::map_large_blocks;
use crate::snapshot::work_meter::{self, WorkStage};
use crate::ui::messages::print_line;
use crate::ui::progress::DelayedBar;
use crate::ui::{Verbosity, count, format_size};

const DEFAULT_FILE: &str = "session.pkl";
/// What an output would replace, for the message.
const READ_FILE: &str = "the file to inspect";

/// Inspects a file, or runs a script and inspects the session it leaves.
pub(crate) fn run_command(
    mut args: InspectArgs,
    given: &GivenOptions,
    python: Option<&str>,
    verbosity: Verbosity,
) -> Result<i32> {
    // The script may change the working directory, so the path is made absolute first.
    args.html = args.html.as_deref().map(check_page_path).transpose()?;
    let operands = std::mem::take(&mut args.operands);
    let inspection = InspectOutput { args, verbosity, style: stdout_style() };
    dispatch(inspection, operands, given, python)
}

fn dispatch(
    mut inspection: InspectOutput,
    operands: Vec<OsString>,
    given: &GivenOptions,
    python: Option<&str>,
) -> Result<i32> {
    let program = &mut inspection.args.program;
    let (run_module, code) = (std::mem::take(&mut program.run_module), std::mem::take(&mut program.code));
    // The operands of `inspect` are those of a script; the first one may turn out to be a snapshot instead.
    let Some(command) = ScriptCommand::from_words(run_module, code, operands) else {
        check_for_file(given, Path::new(DEFAULT_FILE), inspection.verbosity)?;
        check_page(&inspection, Some((Path::new(DEFAULT_FILE), READ_FILE)))?;
        return inspect_file(&mut inspection, Path::new(DEFAULT_FILE));
    };
    if let Some(file) = file_to_read(&command, inspection.args.script)? {
        check_for_file(given, &file, inspection.verbosity)?;
        check_page(&inspection, Some((&file, READ_FILE)))?;
        return inspect_file(&mut inspection, &file);
    }
    check_for_script(given)?;
    check_inspect(&command)?;
    check_script(&command)?;
    check_page(&inspection, script_file(Some(&command)))?;
    python::note_missing_environment(python, inspection.verbosity);
    let interpreter = python::prepare_interpreter(python)?;
    #[cfg(feature = "python")]
    return script_session::run(inspection, command, interpreter);
    #[cfg(not(feature = "python"))]
    match interpreter {}
}

/// Refuses a page that would replace a source file, a snapshot or the inspected file: `--html session.pkl` takes the
/// file to inspect for the page.
fn check_page(inspection: &InspectOutput, inspected: Option<(&Path, &str)>) -> Result<()> {
    let Some(path) = &inspection.args.html else { return Ok(()) };
    let others: Vec<_> = inspected.into_iter().collect();
    OutputFile { option: "--html", path, is_snapshot: false }.check(&others)
}

fn inspect_file(inspection: &mut InspectOutput, path: &Path) -> Result<i32> {
    map_large_blocks();
    let args = &inspection.args;
    let cannot_inspect = || format!("cannot inspect {}", path.display());
    let what = format!("reading {}", path.display());
    let reading = inspection.verbosity.step(&what);
    // A tree shows no verdict.
    let follow = if args.trace.is_some() && !args.strict { Snapshot::followed } else { Snapshot::judged };
    let bar = || DelayedBar::measuring("reading", 0, work_meter::shown, inspection.verbosity);
    let reading_bar = bar();
    let opened = open_snapshot(path, args.memory).inspect(|snapshot| {
        // Of a snapshot of ours, as much is followed as is needed.
        let is_foreign = matches!(snapshot.contents(), Contents::Foreign { .. });
        work_meter::begin(WorkStage::Following, if is_foreign { snapshot.stream_len() } else { 0 });
    });
    let mut snapshot =
        or_exit_code(opened.and_then(follow), path, || format!("{}{}", cannot_inspect(), script_hint(path)))?;
    drop((reading_bar, reading));
    let is_cut = matches!(snapshot.contents(), Contents::Foreign { lost_index: true });
    let lost_object = snapshot.check_objects().err();
    let damage = damage_in_words(path, is_cut, lost_object.as_ref());
    if let Some(damage) = &damage {
        // Even with --quiet: the exit code is that of a damaged file.
        print_line(damage);
    }
    // What is shown is not all that was saved.
    let done = if damage.is_some() { exit::DAMAGED } else { exit::DONE };
    let failure = |code| damage.as_ref().map(|damage| FailureAnswer::new(damage, code));
    let out = &mut io::BufWriter::new(stdout());
    // The HTML page always includes the verdict: rendering takes longer anyway.
    let at_any_cost = args.strict || args.verdict || args.html.is_some();
    let verdict = |snapshot: &Snapshot| snapshot.verdict(at_any_cost).or_exit(exit::DAMAGED, cannot_inspect);
    let file = path.display().to_string();
    let mut checked = snapshot.check_index().or_exit(exit::DAMAGED, || format!("{file} is damaged"));
    // A program gets one answer, and the gate gives its own.
    if !args.strict && (args.trace.is_some() || args.output_format() == OutputFormat::Json) {
        std::mem::replace(&mut checked, Ok(()))?;
    }
    if let Some(name) = &args.trace {
        let listed_by = format!("snapcli inspect {}", shell_word(&path.to_string_lossy()));
        let tree = trace(&snapshot, name, &listed_by)?;
        let code = match args.strict {
            true => {
                strict_gate::exit_code_of_tree(inspection, &snapshot, verdict(&snapshot)?.as_ref(), &file)?.max(done)
            }
            false => done,
        };
        return inspection.print_tree(out, &tree, Some(absolute_path(path)), failure(code), code);
    }
    let mut report = SessionReport::of_last(file, &mut snapshot).or_exit(exit::DAMAGED, cannot_inspect)?;
    report.in_store = newest_in_store(path);
    let step = inspection.verbosity.step("judging what loading it would do");
    let judging_bar = bar();
    // Without its opcodes, nothing is known of what loading it would do.
    report.verdict = if lost_object.is_some() && !args.strict { None } else { verdict(&snapshot)? };
    drop((judging_bar, step));
    let code = match &report.verdict {
        verdict if args.strict => {
            strict_gate::exit_code(inspection, &snapshot, verdict.as_ref(), &report.file)?.max(done)
        }
        // The answer is not complete.
        Some(Verdict { class: VerdictClass::NotJudged, .. }) => exit::DAMAGED,
        _ => done,
    };
    let page = if args.html.is_some() { page_contents(&snapshot, &mut report) } else { PageContents::default() };
    let code = inspection.print(out, &mut report, Some(absolute_path(path)), failure(code), code, &page)?;
    // The index is not right about what was shown.
    if code == exit::DONE { checked.map(|()| code) } else { Ok(code) }
}

/// What is missing in a file, of which the rest is shown all the same.
fn damage_in_words(path: &Path, is_cut: bool, lost_object: Option<&ReadError>) -> Option<String> {
    let path = path.display();
    match lost_object {
        Some(error) => Some(format!("{path} is damaged: {error}; this is what it should contain")),
        None if is_cut => Some(format!(
            "{path} is damaged: its index is missing, so the file is truncated, or damaged at its end; this is what \
             its pickle contains"
        )),
        None => None,
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

/// The file to read; `None` if the command is to be run. Only the name of a script or `--script` makes a file run, so
/// that a file from elsewhere is never run by mistake.
fn file_to_read(command: &ScriptCommand, script: bool) -> Result<Option<PathBuf>> {
    let ScriptTarget::Script(path) = &command.target else { return Ok(None) };
    if path.as_os_str().is_empty() {
        let text = "FILE is an empty string: give the name of a file, such as session.pkl, or a script";
        return Err(exit::error(exit::USAGE, text));
    }
    if script || is_script(path) {
        return Ok(None);
    }
    if path.is_dir() && !StoreAddress::is_whole_store(path) {
        let text = format!("{} is a directory: pass a file, or add --script to run the directory", path.display());
        return Err(exit::error(exit::USAGE, text));
    }
    if !command.arguments.is_empty() {
        return Err(inspect_takes_one(path, &command.arguments));
    }
    Ok(Some(path.clone()))
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
