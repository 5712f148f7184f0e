//! The session: which names of a namespace are saved, why the others are not, and how they are restored.
//!
//! [`select`] chooses the names, [`save`] writes a snapshot of them with their [`provenance`], and [`restore`] restores
//! one. [`api`] is the module that scripts import as `snapcli`. [`roundtrip`] compares a session with its snapshot. The
//! other files describe objects: what they are, where saving them fails, and which globals their code uses. `commands`
//! use only what is re-exported below.

mod ambient;
mod api;
mod attribute_places;
mod background;
mod called_function;
mod child_signal;
mod code_objects;
mod code_search;
mod code_sources;
mod container_contents;
mod crash_frames;
mod definition_changes;
mod distributions;
mod failure_path;
mod forked_load;
mod frame_prompt;
mod fresh_load;
mod imported_definitions;
mod imported_objects;
mod interpreter_guards;
mod ipython_extension;
mod ipython_names;
mod kept_locals;
mod load_faults;
mod load_guards;
mod load_needs;
mod lost_objects;
mod module_singletons;
mod module_source;
mod module_state;
mod object_description;
mod process_environment;
mod provenance;
mod restore;
mod roundtrip;
pub(crate) mod run;
mod save;
mod save_request;
mod script_imports;
mod secret_places;
mod secrets;
mod select;
mod session_segments;
mod shared_writer;
mod size_estimate;
mod state_saver;
mod structure;
mod trial_load;
mod variable_saver;
mod write_failure;

pub(crate) use self::ambient::{apply_before_imports, working_directory};
pub(crate) use self::api::{add_to_inittab, finish_background_save, is_saved_by_script};
pub(crate) use self::background::{ChildEnd, HeldDescriptor, SavingChild, fork_to_save, reason_against_fork};
pub(crate) use self::called_function::{CalledFunction, function_that_did_the_work, functions_like};
pub(crate) use self::crash_frames::CapturedFrames;
pub(crate) use self::distributions::{requirement, well_known};
pub(crate) use self::forked_load::read_answer;
pub(crate) use self::frame_prompt::{FramePrompt, first_frame, frame_number};
pub(crate) use self::fresh_load::FreshFailures;
pub(crate) use self::imported_definitions::note_imported_definitions;
pub(crate) use self::kept_locals::{BoundLocal, BoundLocals, functions_of_script};
pub(crate) use self::provenance::Origin;
pub(crate) use self::restore::{
    AmbientChoice, FailedImport, FrameChoice, LostVariable, MissingModule, ModuleRenames, RestoreRequest, Restored,
    Signer, Untrusted, restore,
};
pub(crate) use self::roundtrip::{has_reducers, in_session, repickle, repickle_run};
pub(crate) use self::save::{LoadCheckMode, SaveRequest, is_saving, save, signing_key};
pub(crate) use self::script_imports::ScriptImports;
pub(crate) use self::select::{SelectionRules, import_failure, known_modules, session_names, session_types};
pub(crate) use self::structure::{SessionStructure, StructureDifference, add_differences};
pub(crate) use self::write_failure::{WriteFailure, write_failed};
