//! `snapcli inspect SCRIPT`: runs the script, pickles each variable into memory, loads it again, and reports the ones
//! that fail.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::inspect_output::{InspectOutput, trace};
use crate::cli::OutputFormat;
use crate::commands::answer_output::{early_answer, early_exit_answer, keep_standard_output, print_answer};
use crate::commands::save::named_patterns::NamedPatterns;
use crate::exit;
use crate::python::deferred_signals::deferring;
use crate::python::dill::DillLocation;
use crate::python::early_exit;
use crate::python::launch::{ProcessEnd, PythonJob, redirect_stdout, start_python};
use crate::python::script_command::{ScriptCommand, ScriptTarget};
use crate::python::script_run::{self, ScriptRun, run_script};
use crate::python::{self, Interpreter, Python, interrupt_limit, work_left};
use crate::report::answers::{ErrorAnswer, FailureAnswer};
use crate::report::html::PageContents;
use crate::report::inspect_report::{FileFormat, SessionReport};
use crate::session::{
    CapturedFrames, LoadCheckMode, Origin, SaveRequest, SelectionRules, add_to_inittab, note_imported_definitions, save,
};
use crate::snapshot::index::{Index, ScriptInfo};
use crate::snapshot::reader::Snapshot;
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::work_meter;
use crate::ui::progress::DelayedBar;

const INTERRUPTED: &str = "interrupted: nothing was inspected";

struct ScriptInspection {
    inspection: InspectOutput,
    command: ScriptCommand,
    interpreter: Interpreter,
}

/// Runs the script in the prepared interpreter, and prints the report. The script's own output goes to standard error.
pub(super) fn run(inspection: InspectOutput, command: ScriptCommand, interpreter: Interpreter) -> Result<i32> {
    let python = format!("Python {} at {}", interpreter.version_text, interpreter.executable.display());
    inspection.verbosity.detail(&python);
    // The report must be the only output on standard output.
    let out = redirect_stdout().context("cannot redirect standard output")?;
    keep_standard_output(out.try_clone().context("cannot redirect standard output")?);
    let executable = interpreter.executable.clone();
    let inspection = ScriptInspection { inspection, command, interpreter };
    match start_python(&executable, add_to_inittab, PythonJob::Whole(Box::new(move |py| inspection.run(py, out))))? {}
}

impl ScriptInspection {
    fn run(&self, py: Python<'_>, out: File) -> ProcessEnd {
        let verbosity = self.inspection.verbosity;
        let inspected = || -> Result<(ScriptRun, i32)> {
            let dill = DillLocation::find(py, &|text| verbosity.note(text))?;
            dill.absence().iter().for_each(|note| verbosity.note(note));
            python::context::set(Some(&self.command), &self.interpreter, &dill, verbosity);
            note_imported_definitions(py);
            const LOST: &str = "nothing was inspected";
            let is_json = self.inspection.args.output_format() == OutputFormat::Json;
            early_exit::watch(LOST, is_json.then(|| early_answer(&early_exit_answer(LOST), None)).flatten());
            let run = run_script(py, &self.command);
            early_exit::ended();
            let run = run?;
            // A forked child of the script gets here as well. Only the first process reports.
            if run.forked {
                return Ok((run, exit::DONE));
            }
            work_left::flush_streams(py);
            verbosity.took("running the script", Duration::from_secs_f64(run.seconds));
            let answer = is_json.then(|| early_answer(&ErrorAnswer::interrupted(INTERRUPTED), None)).flatten();
            interrupt_limit::begin(py, INTERRUPTED, answer, work_left::is_nothing(py));
            let code = deferring(py, || self.report(py, &run, &dill, out))?;
            interrupt_limit::release();
            Ok((run, code))
        };
        match inspected() {
            Ok((run, code)) if run.succeeded() => ProcessEnd::Exit(code),
            Ok((run, _)) => run.end,
            Err(error) => self.end_after_error(py, &error),
        }
    }

    fn end_after_error(&self, py: Python<'_>, error: &anyhow::Error) -> ProcessEnd {
        if script_run::requested_end(py, error).is_some() {
            interrupt_limit::note_told();
        }
        if self.inspection.args.output_format() == OutputFormat::Json {
            let _ = print_answer(&match script_run::requested_end(py, error) {
                Some(_) => ErrorAnswer::interrupted(INTERRUPTED),
                None => ErrorAnswer::of(error),
            });
        }
        script_run::end_after_error(py, error, INTERRUPTED)
    }

    /// Pickles the session of the script, and prints what can be saved.
    fn report(&self, py: Python<'_>, run: &ScriptRun, dill: &DillLocation, out: File) -> Result<i32> {
        let inspection = &self.inspection;
        let unmatched =
            NamedPatterns::of(&inspection.args.selection).unmatched_in(py, run, "__main__", CapturedFrames::default)?;
        if !unmatched.is_empty() {
            return Err(unmatched.error(Vec::new()));
        }
        let mut out = BufWriter::new(out);
        if let Some(name) = &inspection.args.trace {
            // A trace needs the pickled bytes, so this one snapshot is made in memory.
            let (file, index) = self.pickle(py, run, dill, Vec::new())?;
            let (path, code) = (script_path(&index.script), self.code(index.has_failures()));
            let tree = trace(&Snapshot::from_bytes(file)?, name, "the same command without --trace")?;
            return inspection.print_tree(&mut out, &tree, path, failure_of(run, &index), code);
        }
        // The bytes are discarded: the index already lists what could be saved.
        let (_, index) = self.pickle(py, run, dill, io::sink())?;
        // No file exists, so this is the size that the variables would take in one.
        let bytes = index.variables.iter().map(|variable| variable.length).sum();
        let mut report = SessionReport::of_own_index(self.name(), FileFormat::Script, bytes, index);
        let (path, code) = (script_path(&report.index.script), self.code(report.has_failures()));
        let failure = failure_of(run, &report.index);
        let mut page = PageContents::default();
        if inspection.args.html.is_some() {
            page.omit_variables(&mut report);
        }
        inspection.print(&mut out, &mut report, path, failure, code, &page)
    }

    /// Pickles the session into `target`, and tries whether it loads. A trace shows what is pickled, so it needs no
    /// trial.
    fn pickle<T: SaveTarget>(
        &self,
        py: Python<'_>,
        run: &ScriptRun,
        dill: &DillLocation,
        target: T,
    ) -> Result<(T, Index)> {
        let args = &self.inspection.args;
        let _step = self.inspection.verbosity.step("pickling the variables and loading them again");
        let bar = DelayedBar::measuring("checking", 0, work_meter::shown, self.inspection.verbosity);
        let request = SaveRequest {
            module: "__main__",
            rules: &SelectionRules::from(args.selection.clone()),
            check: if args.trace.is_none() { LoadCheckMode::Forked } else { LoadCheckMode::Off },
            all_faults: args.trace.is_none(),
            frames: None,
            locals: &[],
            ambient: true,
            key: None,
            run: None,
            measured: bar.is_shown(),
        };
        let origin = Origin::of_run(py, &self.command, run, &self.interpreter);
        let (target, index, _) = save(py, &request, run, &origin, dill, target)?;
        Ok((target, index))
    }

    /// The exit code if the script has succeeded.
    fn code(&self, has_failures: bool) -> i32 {
        if self.inspection.args.strict && has_failures { exit::LEFT_OUT } else { exit::DONE }
    }

    /// The script as the report names it.
    fn name(&self) -> String {
        match &self.command.target {
            ScriptTarget::Script(path) => path.display().to_string(),
            ScriptTarget::StandardInput => "-".to_owned(),
            ScriptTarget::Module(name) => format!("-m {}", Path::new(name).display()),
            ScriptTarget::Code(_) | ScriptTarget::Expression(_) => "-c".to_owned(),
        }
    }
}

/// Why the command fails after it has shown the session.
fn failure_of(run: &ScriptRun, index: &Index) -> Option<FailureAnswer> {
    (!run.succeeded()).then(|| FailureAnswer::of_script(index, run.end.exit_code()))
}

/// The absolute path of the script; `None` for a module and for code. The script may have changed the directory since.
fn script_path(script: &ScriptInfo) -> Option<String> {
    (script.kind == "script").then(|| script.path.clone())
}
