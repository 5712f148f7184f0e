//! What of a session a checkpoint does not have: the statements that make it again, and whether a script can go on
//! without the rest.

use anyhow::Result;

use super::run_job::RunJob;
use crate::python::Python;
use crate::session::run::{
    BoundAttribute, BoundHandler, BoundPosition, ChangedInput, InputChange, KeptObject, MadeByModule, StepProgram,
    has_ended, is_used, line_of_rerun, lines_of_setup, progress_in_module, split_local,
};
use crate::snapshot::index::{Index, LeftOut, RUN_POSITION, RerunStatement, RunProgress, Variable};

/// Parts of notes on variables that do not apply, because the run restores these files and handlers itself.
const OPEN_FOR_WRITING: &str = "is open for writing";
const HANDLERS: &str = "without its handlers";
/// Types whose objects must not be recreated by running their statement again: they have state, or are running.
const NOT_AGAIN: [&str; 12] = [
    "builtins.generator",
    "builtins.coroutine",
    "builtins.async_generator",
    "generator",
    "coroutine",
    "async_generator",
    "threading.Thread",
    "threading.Timer",
    "multiprocessing.context.Process",
    "multiprocessing.context.ForkProcess",
    "subprocess.Popen",
    "asyncio.subprocess.Process",
];
/// Types whose objects are usually filled after the statement that made them.
const CONTAINERS: [&str; 6] = ["list", "dict", "set", "tuple", "frozenset", "collections.deque"];

/// The statements that make variables again, and messages about what is lost; or why the script could not go on.
type RepeatedStatements = std::result::Result<(Vec<RerunStatement>, Vec<String>), String>;

/// What a resumed run has in place of something that cannot be saved.
enum Remedy {
    /// What a statement makes that runs again.
    Statement(RerunStatement),
    /// Nothing, which is said.
    Loss(String),
    /// What comes back with another variable.
    Other,
}

impl RunJob {
    /// The statements that make the variables again that could not be saved, and what is said about other losses; or
    /// why the script could not go on.
    pub(super) fn statements_to_repeat(
        &self,
        py: Python<'_>,
        progress: &RunProgress,
        index: &Index,
        bound: &BoundPosition<'_>,
    ) -> Result<RepeatedStatements> {
        let Some(program) = self.program.get() else { return Ok(Ok((Vec::new(), Vec::new()))) };
        if let Some(why) = bound.blocked.first().cloned().or_else(|| never_complete(index, progress)) {
            return Ok(Err(why));
        }
        let (mut statements, mut losses) = (Vec::new(), Vec::new());
        let items = index.left_out.iter().filter(|item| !bound.provided.contains(&item.name));
        // Those of modules come last: they may be the objects of variables of the script.
        let (of_modules, others): (Vec<_>, Vec<_>) = items.partition(|item| item.name.contains('.'));
        for item in others.into_iter().chain(of_modules) {
            match self.remedy(py, program, (progress, index, bound), item, &statements)? {
                Ok(Remedy::Statement(statement)) => statements.push(statement),
                Ok(Remedy::Loss(text)) => losses.push(text),
                Ok(Remedy::Other) => {}
                Err(why) => return Ok(Err(why)),
            }
        }
        for RerunStatement { name, depth, line, .. } in &statements {
            let lines = lines_of_setup(py, program, progress, (*depth, name))?;
            if !lines.is_empty() {
                let lines = lines.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
                losses.push(format!(
                    "line {line} makes {name} again, but lines that set it up do not run again: {lines}"
                ));
            }
        }
        Ok(Ok((statements, losses)))
    }

    /// What a resumed run has in place of something that cannot be saved; or why it could not go on.
    fn remedy(
        &self,
        py: Python<'_>,
        program: &StepProgram,
        (progress, index, bound): (&RunProgress, &Index, &BoundPosition<'_>),
        item: &LeftOut,
        statements: &[RerunStatement],
    ) -> Result<Result<Remedy, String>> {
        if let Some(handler) = bound.handlers.iter().find(|handler| handler.variable == item.name) {
            let why = self.reason_against_handler(py, progress, index, bound, (handler, item))?;
            return Ok(why.map_or(Ok(Remedy::Other), Err));
        }
        if let Some(kept) = bound.kept.iter().find(|kept| kept.variable == item.name) {
            return Ok(loss_of_kept(kept, item).map(Remedy::Loss));
        }
        if let Some(attribute) = bound.attributes.iter().find(|attribute| attribute.variable == item.name) {
            let why = reason_against_attribute(py, program, (index, bound), attribute, item)?;
            return Ok(why.map_or(Ok(Remedy::Other), Err));
        }
        if item.name.contains('.') {
            return Ok(loss_of_module(py, program, bound, item, statements)?.map(Remedy::Loss));
        }
        let place @ (depth, name) = split_local(&item.name);
        Ok(match self.line_to_repeat(py, progress, item, bound)? {
            Ok(line) => {
                let (name, why) = (name.to_owned(), item.error.clone());
                Ok(Remedy::Statement(RerunStatement { name, depth, line, why }))
            }
            Err(why) if item.name == RUN_POSITION || is_used(py, program, progress, place)? => Err(why),
            Err(_) => {
                let text = cannot_be_saved(item);
                let text = format!("{text}; it is left out, because the rest of the script does not use it");
                Ok(Remedy::Loss(text))
            }
        })
    }

    /// Why a handler of a logger that cannot be saved is not made again with the variable that has it.
    fn reason_against_handler(
        &self,
        py: Python<'_>,
        progress: &RunProgress,
        index: &Index,
        bound: &BoundPosition<'_>,
        (handler, item): (&BoundHandler, &LeftOut),
    ) -> Result<Option<String>> {
        let owner = handler.owner.as_ref().and_then(|(depth, name)| {
            index.left_out.iter().find(|item| split_local(&item.name) == (*depth, name.as_str()))
        });
        match owner {
            Some(owner) => Ok(self.line_to_repeat(py, progress, owner, bound)?.err()),
            None => {
                let advice = "assign it to a variable, so that its statement can run again";
                let (kind, logger, error) = (&item.type_name, &handler.logger, &item.error);
                Ok(Some(format!("a handler ({kind}) of the logger {logger:?} cannot be saved: {error} ({advice})")))
            }
        }
    }

    /// The line that makes a variable again; or why none may do so.
    fn line_to_repeat(
        &self,
        py: Python<'_>,
        progress: &RunProgress,
        item: &LeftOut,
        bound: &BoundPosition<'_>,
    ) -> Result<Result<u32, String>> {
        if let Err(why) = self.may_repeat(item) {
            return Ok(Err(why));
        }
        let (Some(program), place) = (self.program.get(), split_local(&item.name)) else {
            return Ok(Err(String::new()));
        };
        let Some(line) = line_of_rerun(py, program, progress, place)? else {
            let text = format!("{}, and no simple statement assigned it", cannot_be_saved(item));
            return Ok(Err(text));
        };
        let Some(ChangedInput { text, kind }) = bound.changed_inputs(program, progress, place)?.into_iter().next()
        else {
            return Ok(Ok(line));
        };
        let why = match kind {
            InputChange::Changed => {
                format!("line {line}, which assigned it, would not do the same again: {text} has changed since")
            }
            InputChange::Thread => format!("its thread {text:?} would not run if line {line} made it again"),
            InputChange::Effect => format!("line {line}, which assigned it, must not run again: it {text}"),
            InputChange::Progress => format!("{text} would be lost if line {line} made it again"),
        };
        Ok(Err(format!("{}, and {why}", cannot_be_saved(item))))
    }

    fn may_repeat(&self, item: &LeftOut) -> Result<(), String> {
        let text = cannot_be_saved(item);
        if item.name == RUN_POSITION {
            let path = item.path.clone().unwrap_or_default();
            return Err(format!("a local variable or the iterator of a loop cannot be saved: {} ({path})", item.error));
        }
        if self.no_rerun {
            return Err(format!("{text}, and --no-rerun does not allow running its statement again"));
        }
        if NOT_AGAIN.contains(&item.type_name.as_str()) {
            return Err(format!("{text}, and would not be the same if it were made again"));
        }
        if CONTAINERS.contains(&item.type_name.as_str()) {
            return Err(format!("{text}, and its contents would be lost if it were made again"));
        }
        Ok(())
    }
}

/// Messages about variables and files that a resumed run will not have as they are now.
pub(super) fn noted_losses(progress: &RunProgress, index: &Index) -> Vec<String> {
    let mut losses = Vec::new();
    for RerunStatement { name, line, why, .. } in &progress.rerun {
        losses.push(format!("{name} cannot be saved ({why}): a resumed run runs line {line} again"));
    }
    for file in &progress.files {
        let text = "is open for writing: resume with --reopen, which truncates it to its length at the checkpoint";
        losses.push(format!("{} {text}", file.name));
    }
    for variable in &index.variables {
        let (_, name) = split_local(&variable.name);
        let notes = variable.notes.iter().filter(|note| !note.contains(OPEN_FOR_WRITING) && !note.contains(HANDLERS));
        losses.extend(notes.map(|note| format!("{name}: {note}")));
    }
    losses
}

/// What is said of an object that the script has set in the interpreter and that cannot be saved; or why the script
/// could not go on without it.
fn loss_of_kept(kept: &KeptObject, item: &LeftOut) -> std::result::Result<String, String> {
    let text = format!("{} ({}) cannot be saved: {}", kept.description, item.type_name, item.error);
    if kept.is_needed { Err(text) } else { Ok(format!("{text}: a resumed run does not have it")) }
}

/// Why an attribute that cannot be saved may not be the one of the object that is made again.
fn reason_against_attribute(
    py: Python<'_>,
    program: &StepProgram,
    (index, bound): (&Index, &BoundPosition<'_>),
    attribute: &BoundAttribute<'_>,
    item: &LeftOut,
) -> Result<Option<String>> {
    if has_ended(py, program, &attribute.value)? {
        return Ok(None);
    }
    let is_saved = |variable: &str| !index.left_out.iter().any(|item| item.name == variable);
    let lost = match NOT_AGAIN.contains(&item.type_name.as_str()) {
        true => Some("its state".to_owned()),
        false => bound.lost_of_attribute(program, attribute, is_saved)?,
    };
    Ok(lost.map(|lost| {
        let BoundAttribute { owner: (_, owner), attribute, .. } = attribute;
        let (kind, error) = (&item.type_name, &item.error);
        format!(
            "{owner}.{attribute} ({kind}) cannot be saved: {error}, and {lost} would be lost if {owner} were made again"
        )
    }))
}

/// What is said of a variable of another module that cannot be saved: a resumed run has what the import of the module
/// makes, or a variable of the script. Or why the script could not go on with that.
fn loss_of_module(
    py: Python<'_>,
    program: &StepProgram,
    bound: &BoundPosition<'_>,
    item: &LeftOut,
    statements: &[RerunStatement],
) -> Result<Result<String, String>> {
    let text = cannot_be_saved(item);
    let lost = match NOT_AGAIN.contains(&item.type_name.as_str()) {
        true => Some("its state".to_owned()),
        false => progress_in_module(py, program, &item.name)?,
    };
    if let Some(lost) = lost {
        return Ok(Err(format!("{text}, and {lost} would be lost if its module made it again")));
    }
    Ok(match bound.made_by_module(program, &item.name)? {
        MadeByModule::Itself => Ok(format!("{text}: a resumed run has it as the import of its module makes it")),
        MadeByModule::Variable(depth, name) if statements.iter().any(|it| it.depth == depth && it.name == name) => {
            Ok(format!("{text}: a resumed run has {name} in its place"))
        }
        MadeByModule::Variable(..) | MadeByModule::Nothing => {
            let advice = "assign it at the top level of the module, or to a variable of the script as well";
            Err(format!("{text}, and the import of its module does not make it ({advice})"))
        }
    })
}

/// Why no checkpoint of a session could be complete: what is lost of a variable, or a file that it writes.
fn never_complete(index: &Index, progress: &RunProgress) -> Option<String> {
    if let Some((variable, lost)) = index.variables.iter().find_map(|it| Some((it, it.lost.first()?))) {
        return Some(format!("{} cannot be saved ({}): {}", lost.path, variable.name, lost.type_name));
    }
    let variable = index.variables.iter().find(|variable| writes_unknown_file(variable, progress))?;
    let (_, name) = split_local(&variable.name);
    Some(format!("{name} has a file open for writing, which cannot be opened again"))
}

/// Whether a variable has a file that would come back read-only.
fn writes_unknown_file(variable: &Variable, progress: &RunProgress) -> bool {
    let is_known = |note: &str| progress.files.iter().any(|file| note.contains(&file.name));
    variable.notes.iter().any(|note| note.contains(OPEN_FOR_WRITING) && !is_known(note))
}

fn cannot_be_saved(item: &LeftOut) -> String {
    let line = item.line.map_or_else(String::new, |line| format!(", line {line}"));
    let (_, name) = split_local(&item.name);
    format!("{name} ({}{line}) cannot be saved: {}", item.type_name, item.error)
}
