#![no_main]

#[allow(dead_code, reason = "each target uses one of them")]
#[path = "../../integration/fuzzing/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::snapshot(bytes));
