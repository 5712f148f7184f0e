//! The two ends of a check in a fresh process: `snapcli verify-load` itself, and the function that starts it.
//!
//! The process loads every variable of a file, pickles the loaded values again, and prints as JSON which variables
//! could not be loaded and which came back different. On standard input it finds what the objects of the session were,
//! to compare them without pickling.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::cli::VerifyLoadArgs;
use crate::exit;
use crate::python::dill::DillLocation;
use crate::python::launch::{ProcessEnd, PythonJob, redirect_stdout, start_python};
use crate::python::{self, Interpreter, Python, second_start};
use crate::session::{
    AmbientChoice, FreshFailures, Origin, RestoreRequest, SessionStructure, StructureDifference, add_to_inittab,
    read_answer, repickle, restore,
};
use crate::snapshot::atomic::signals::BoundChild;
use crate::snapshot::index::ScriptEnd;
use crate::snapshot::reader::{Contents, Snapshot};
use crate::snapshot::roundtrip_target::Compared;
use crate::snapshot::shared_meter::SharedMeter;
use crate::snapshot::work_meter::{self, WorkStage};
use crate::ui::Verbosity;
use crate::ui::messages::print_error;

/// What happened to the variables of a file. Printed by one process and read by the other.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::commands) struct LoadResult {
    /// The variables that could not be loaded, with the reason.
    pub(in crate::commands) lost: Vec<String>,
    /// How the loaded values differ, or why they could not be compared.
    pub(in crate::commands) compared: Result<Compared, String>,
    /// How the objects differ, of those variables whose pickles may well be the same.
    pub(in crate::commands) structure: Vec<StructureDifference>,
}

/// Loads a file in a fresh process. `None` if a signal ends this process before that.
///
/// # Errors
/// If it could not be loaded at all, and Ctrl-C, as the exception of Python.
pub(in crate::commands) fn load_in_fresh_process(
    py: Python<'_>,
    executable: &str,
    file: &Path,
    refimported: bool,
    structure: &SessionStructure,
) -> Result<Option<LoadResult>> {
    // A file, not a pipe: the process may end without reading, and the script may have changed what SIGPIPE does.
    let mut input = tempfile::tempfile().context("cannot create a temporary file")?;
    serde_json::to_writer(&mut input, structure)?;
    input.rewind()?;
    // The same executable with the same Python: otherwise the test would say little about a later restore.
    let mut process = second_start::program_command(OsStr::new(executable))?;
    process.args(["verify-load", "--quiet", "--python", executable]).arg(file).stdin(Stdio::from(input));
    if refimported {
        process.arg("--refimported");
    }
    work_meter::begin(WorkStage::Trying, 0);
    let meter = SharedMeter::new();
    if let Ok(meter) = &meter {
        process.arg("--meter").arg(meter.path());
    }
    process.stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = wait_for(py, process).context("cannot start a process to verify the snapshot")??;
    let Some((status, stdout, stderr)) = done else { return Ok(None) };
    // A library may call `os._exit(0)`: exit code 0 without a result is a failure as well.
    if let (true, Ok(loaded)) = (status.success(), serde_json::from_slice(&stdout)) {
        return Ok(Some(loaded));
    }
    let stderr = String::from_utf8_lossy(&stderr);
    // Leave out lines that only name the temporary file, whose name means nothing to the user.
    let lines = stderr.lines().filter(|line| !line.contains(&file.display().to_string()));
    let text = lines.map(|line| line.trim().trim_start_matches("snapcli: ")).collect::<Vec<_>>().join("; ");
    let text = if text.is_empty() { text } else { format!(": {text}") };
    bail!("the process that loaded the snapshot ended with {status}{text}")
}

/// How a process ended, with its standard output and error.
type EndedProcess = (ExitStatus, Vec<u8>, Vec<u8>);

/// Starts a process and waits for it, while Ctrl-C works and other threads of the script run. `None` if a signal ends
/// this process soon: then the other one is killed.
///
/// # Errors
/// If it cannot be started. The inner errors are those of waiting, and Ctrl-C.
fn wait_for(py: Python<'_>, mut process: Command) -> io::Result<Result<Option<EndedProcess>>> {
    let mut child = process.spawn()?;
    let _bound = i32::try_from(child.id()).map(BoundChild::new);
    let stderr = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut text = Vec::new();
            // What could be read is shown.
            let _ = stderr.read_to_end(&mut text);
            text
        })
    });
    let stdout = child.stdout.take().map(|stdout| read_answer(py, Duration::MAX, stdout)).transpose();
    if !matches!(&stdout, Ok(Some(Some(_)))) {
        // Fails only if it has ended already.
        let _ = child.kill();
    }
    let status = py.detach(|| child.wait())?;
    let text = stderr.and_then(|reader| py.detach(|| reader.join()).ok()).unwrap_or_default();
    Ok(stdout.map(|stdout| stdout.flatten().map(|stdout| (status, stdout, text))))
}

/// Loads the file in the prepared interpreter and prints the result.
pub(super) fn run(
    args: VerifyLoadArgs,
    snapshot: Snapshot,
    interpreter: Interpreter,
    verbosity: Verbosity,
) -> Result<i32> {
    // Imported modules may print, and their output must not end up in the JSON.
    let out = redirect_stdout().context("cannot redirect standard output")?;
    // After `prepare_interpreter`, which may start the program again.
    let structure = if args.failures {
        None
    } else {
        Some(serde_json::from_reader(std::io::stdin()).context("cannot read what to compare with")?)
    };
    let executable = interpreter.executable.clone();
    let check = LoadJob { snapshot: Arc::new(snapshot), args, interpreter, structure, out, verbosity };
    match start_python(&executable, add_to_inittab, PythonJob::Whole(Box::new(move |py| check.run(py))))? {}
}

struct LoadJob {
    snapshot: Arc<Snapshot>,
    args: VerifyLoadArgs,
    interpreter: Interpreter,
    /// `None` if nothing is compared.
    structure: Option<SessionStructure>,
    out: File,
    verbosity: Verbosity,
}

impl LoadJob {
    fn run(mut self, py: Python<'_>) -> ProcessEnd {
        match self.load_and_print(py) {
            Ok(()) => ProcessEnd::Exit(exit::DONE),
            Err(error) => {
                print_error(&error);
                ProcessEnd::Exit(exit::code_of(&error))
            }
        }
    }

    fn load_and_print(&mut self, py: Python<'_>) -> Result<()> {
        let Contents::Own { index } = self.snapshot.contents() else { bail!("not written by snapcli") };
        let dill = DillLocation::find(py, &|text| self.verbosity.note(text))?;
        python::start_state::record(py);
        python::context::set(None, &self.interpreter, &dill, self.verbosity);
        let (name, lazy_dill) = (self.args.file.display().to_string(), dill.lazy());
        let request = RestoreRequest {
            // The parent process has just written the file.
            trusted: true,
            finds_script_modules: true,
            ambient: AmbientChoice::All,
            ..RestoreRequest::new(&name, &lazy_dill)
        };
        let Some(structure) = &self.structure else {
            return print(&mut self.out, &FreshFailures::find(py, &self.snapshot, request)?);
        };
        let restored = restore(py, &self.snapshot, &request, &|_| {})?;
        let lost: Vec<String> =
            restored.lost.iter().map(|lost| format!("{} ({}): {}", lost.name, lost.type_name, lost.why)).collect();
        // Before the pickling, which can change objects.
        let module = py.import(index.module.as_str())?;
        let structure = if lost.is_empty() { structure.differences(index, &module)? } else { Vec::new() };
        // A variable that is missing would only show up as removed.
        let compared = if lost.is_empty() {
            self.compare(py, &index.module, &dill).map_err(|error| format!("{error:#}"))
        } else {
            Err("not all variables could be loaded".to_owned())
        };
        print(&mut self.out, &LoadResult { lost, compared, structure })
    }

    fn compare(&self, py: Python<'_>, module: &str, dill: &DillLocation) -> Result<Compared> {
        let origin = Origin {
            command: None,
            source: None,
            ended: ScriptEnd::default(),
            seconds: 0.0,
            interpreter: &self.interpreter,
        };
        let module = py.import(module)?;
        work_meter::compare_with(self.snapshot.stream_len());
        dill.at_hand(py, |dill| repickle(py, &self.snapshot, &module, self.args.refimported, &origin, dill))?
    }
}

fn print(out: &mut File, result: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *out, result)?;
    Ok(out.flush()?)
}
