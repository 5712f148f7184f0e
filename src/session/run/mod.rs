//! Runs a script in steps, for `snapcli run`: where a step ends, its position can be saved, and the script goes on from
//! there in another process.
//!
//! [`step_program`] compiles a script with *sites*, objects in its code that stand where steps end ([`step_sites`]).
//! They keep [`run_stack`]: the loops and calls that are under way. Where a step ends and something is asked for, they
//! call a [`StepObserver`], which saves the session with its [`StepPosition`]. [`jump_switches`] leads loops to a site
//! when something is asked for, and [`iterator_state`] says how an iterator comes back.

mod edited_script;
mod exit_functions;
mod file_openings;
mod iterator_state;
mod jump_switches;
mod loop_iterator;
mod repeated_statement;
mod replayed_loop;
mod resume_plan;
mod run_stack;
mod saved_position;
mod script_state;
mod short_loops;
mod step_program;
mod step_sites;
mod stepped_call;

pub(crate) use self::file_openings::watch_openings;
pub(crate) use self::repeated_statement::{
    ChangedInput, InputChange, MadeByModule, has_ended, is_used, line_of_rerun, lines_of_setup, progress_in_module,
};
pub(crate) use self::replayed_loop::replay;
pub(crate) use self::resume_plan::ResumePlan;
pub(crate) use self::run_stack::{StepObserver, catches_interrupt, observe, pause_loops};
pub(crate) use self::saved_position::{
    BoundAttribute, BoundHandler, BoundPosition, KeptObject, progress_of, split_local,
};
pub(crate) use self::script_state::{
    code_of_nothing, flush_output, namespace_of, own_thread, raised, script_namespace,
};
pub(crate) use self::step_program::{StepPosition, StepProgram, WholeReason, why_whole};
pub(crate) use self::step_sites::StepEnd;
