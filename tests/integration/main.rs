//! The promises of snapcli, tested by running the program. All modules are one test binary: `env` provides Pythons,
//! directories and runs, and each other module is named after what it tests.
#![allow(clippy::unwrap_used)]

#[cfg(feature = "python")]
mod accepted_plans;
#[cfg(feature = "python")]
mod ambient_state;
#[cfg(feature = "python")]
mod attacked_answers;
#[cfg(feature = "python")]
mod attacked_files;
#[cfg(feature = "python")]
mod attacked_saves;
#[cfg(feature = "python")]
mod background_saves;
#[cfg(feature = "python")]
mod built_errors;
#[cfg(feature = "python")]
mod built_objects;
#[cfg(feature = "python")]
mod builtin_names;
#[cfg(feature = "python")]
mod by_value;
#[cfg(feature = "python")]
mod called_functions;
#[cfg(feature = "python")]
mod changed_files;
#[cfg(feature = "python")]
mod changes_in_stores;
#[cfg(feature = "python")]
mod code_from_input;
#[cfg(feature = "python")]
mod command_line;
#[cfg(feature = "python")]
mod complete_answers;
#[cfg(feature = "python")]
mod completions;
#[cfg(feature = "python")]
mod compressed_saves;
#[cfg(feature = "python")]
mod contradicted_claims;
#[cfg(feature = "python")]
mod crash_frames;
#[cfg(feature = "python")]
mod credential_places;
#[cfg(feature = "python")]
mod credentials;
#[cfg(feature = "python")]
mod ctrl_c_at_hand_over;
#[cfg(feature = "python")]
mod damaged_frames;
#[cfg(feature = "python")]
mod diffing;
#[cfg(feature = "python")]
mod dill_pitfalls;
#[cfg(feature = "python")]
mod durability;
#[cfg(feature = "python")]
mod env;
#[cfg(feature = "python")]
mod environment_order;
#[cfg(feature = "python")]
mod failed_saves;
#[cfg(feature = "python")]
mod false_alarms;
#[cfg(feature = "python")]
mod faults;
#[cfg(feature = "python")]
mod foreign;
#[cfg(feature = "python")]
mod foreign_credentials;
#[cfg(feature = "python")]
mod forged_claims;
#[cfg(feature = "python")]
mod forged_names;
#[cfg(feature = "python")]
mod forged_previews;
#[cfg(feature = "python")]
mod found_environments;
#[cfg(feature = "python")]
mod functions_by_value;
#[cfg(feature = "python")]
mod fuzzed_objects;
mod fuzzing;
#[cfg(feature = "python")]
mod generators;
#[cfg(feature = "python")]
mod guarded_handlers;
#[cfg(feature = "python")]
mod hard_objects;
#[cfg(feature = "python")]
mod honest_files;
#[cfg(feature = "python")]
mod hostile_text;
#[cfg(feature = "python")]
mod idle_options;
#[cfg(feature = "python")]
mod imported_anywhere;
#[cfg(feature = "python")]
mod imported_functions;
#[cfg(feature = "python")]
mod imported_loads;
#[cfg(feature = "python")]
mod imported_saves;
#[cfg(feature = "python")]
mod imported_service;
#[cfg(feature = "python")]
mod imported_without_dill;
#[cfg(feature = "python")]
mod independent_variables;
mod inspect_without_python;
#[cfg(feature = "python")]
mod inspecting;
#[cfg(feature = "python")]
mod installed;
#[cfg(feature = "python")]
mod integrity;
#[cfg(feature = "python")]
mod interpreter_choice;
#[cfg(feature = "python")]
mod interrupt_limits;
#[cfg(feature = "python")]
mod interrupted_commands;
#[cfg(feature = "python")]
mod interrupted_writes;
#[cfg(feature = "python")]
mod interrupts;
#[cfg(feature = "python")]
mod isolation;
#[cfg(feature = "python")]
mod joblib;
#[cfg(feature = "python")]
mod joblib_formats;
#[cfg(feature = "python")]
mod joined_loads;
#[cfg(feature = "python")]
mod json_answers;
#[cfg(feature = "python")]
mod json_failures;
#[cfg(feature = "python")]
mod jupyter;
#[cfg(feature = "python")]
mod kept_files;
#[cfg(feature = "python")]
mod kept_locals;
#[cfg(feature = "python")]
mod kept_snapshots;
#[cfg(feature = "python")]
mod key_kinds;
#[cfg(feature = "python")]
mod left_out_modules;
#[cfg(feature = "python")]
mod library_scripts;
#[cfg(feature = "python")]
mod live_things;
#[cfg(feature = "python")]
mod lost_objects;
#[cfg(feature = "python")]
mod main_functions;
#[cfg(feature = "python")]
mod manual_pages;
#[cfg(feature = "python")]
mod many_arrays;
#[cfg(feature = "python")]
mod memory_bounds;
#[cfg(feature = "python")]
mod message_lines;
#[cfg(feature = "python")]
mod missing_modules;
#[cfg(feature = "python")]
mod module_credentials;
#[cfg(feature = "python")]
mod module_definitions;
#[cfg(feature = "python")]
mod module_state;
#[cfg(feature = "python")]
mod mutation_during_save;
#[cfg(feature = "python")]
mod named_variables;
#[cfg(feature = "python")]
mod narrow_terminals;
#[cfg(feature = "python")]
mod native_arrays;
#[cfg(feature = "python")]
mod needed_while_loading;
#[cfg(feature = "python")]
mod new_pythons;
#[cfg(feature = "python")]
mod object_arrays;
#[cfg(all(feature = "python", feature = "remote"))]
mod object_storage;
#[cfg(feature = "python")]
mod other_pythons_code;
#[cfg(feature = "python")]
mod padded_arrays;
mod page;
#[cfg(feature = "python")]
mod pickled_values;
#[cfg(feature = "python")]
mod plain_errors;
#[cfg(feature = "python")]
mod plan_limits;
#[cfg(feature = "python")]
mod real_scripts;
#[cfg(feature = "python")]
mod redefined_classes;
#[cfg(feature = "python")]
mod refused_memory;
#[cfg(feature = "python")]
mod reproducible_saves;
#[cfg(feature = "python")]
mod restoring;
#[cfg(feature = "python")]
mod round_trips;
#[cfg(feature = "python")]
mod running;
#[cfg(feature = "python")]
mod saved_parts;
#[cfg(feature = "python")]
mod saving;
#[cfg(feature = "python")]
mod sessions_that_break_dill;
#[cfg(feature = "python")]
mod settings_files;
#[cfg(feature = "python")]
mod settings_origins;
#[cfg(feature = "python")]
mod shared_memory;
#[cfg(feature = "python")]
mod shell_sessions;
#[cfg(feature = "python")]
mod signalled_scripts;
mod skipped;
#[cfg(feature = "python")]
mod standard_output;
#[cfg(feature = "python")]
mod stepped_runs;
#[cfg(feature = "python")]
mod store_limits;
#[cfg(feature = "python")]
mod stores;
#[cfg(feature = "python")]
mod strict_answers;
#[cfg(feature = "python")]
mod strict_gate;
#[cfg(feature = "python")]
mod suites;
#[cfg(feature = "python")]
mod told_reasons;
#[cfg(feature = "python")]
mod trust;
#[cfg(feature = "python")]
mod trust_prompt;
#[cfg(feature = "python")]
mod type_stubs;
#[cfg(feature = "python")]
mod unkept_state;
#[cfg(feature = "python")]
mod unloadable_objects;
#[cfg(feature = "python")]
mod unset_attributes;
#[cfg(feature = "python")]
mod untrusted_arrays;
#[cfg(feature = "python")]
mod untrusted_differential;
#[cfg(feature = "python")]
mod untrusted_estimators;
#[cfg(feature = "python")]
mod untrusted_frames;
#[cfg(feature = "python")]
mod untrusted_memory;
#[cfg(feature = "python")]
mod untrusted_tricks;
#[cfg(feature = "python")]
mod untrusted_values;
#[cfg(feature = "python")]
mod verbose_steps;
#[cfg(feature = "python")]
mod verdicts;
#[cfg(feature = "python")]
mod verified_is_equal;
#[cfg(feature = "python")]
mod verified_saves;
mod verifying;
#[cfg(feature = "python")]
mod weak_members;
