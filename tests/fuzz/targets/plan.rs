#![no_main]
//! The planner of untrusted loads. Most changes of single bytes make no pickle, so three in four changes here are of
//! whole opcodes: those of an input are removed, repeated, exchanged, or replaced by some of other inputs.

use std::sync::Mutex;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use snapcli::internals::Parser;

#[allow(dead_code, reason = "each target uses one of them")]
#[path = "../../integration/fuzzing/targets.rs"]
mod targets;

/// Runs of opcodes of other inputs.
static OTHERS: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
const MOST_OTHERS: usize = 8192;

fuzz_target!(|bytes: &[u8]| targets::plan(bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let mut random = Random(u64::from(seed));
    let opcodes = opcodes(&data[..size]);
    if opcodes.len() < 2 || random.below(4) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut changed = changed(&opcodes, &mut random);
    changed.truncate(max_size);
    data[..changed.len()].copy_from_slice(&changed);
    changed.len()
});

/// A linear congruential generator, as in `fuzzing/mutations.rs`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// The bytes of each opcode. What cannot be parsed is the last one.
fn opcodes(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut end) = (Vec::new(), 0);
    for op in Parser::new(bytes).map_while(Result::ok) {
        end = op.end as usize;
        found.push(&bytes[op.start as usize..end]);
    }
    found.extend(bytes.get(end..).filter(|rest| !rest.is_empty()));
    found
}

fn changed(opcodes: &[&[u8]], random: &mut Random) -> Vec<u8> {
    let mut others = OTHERS.lock().unwrap();
    let from = random.below(opcodes.len());
    let part = opcodes[from..opcodes.len().min(from + 1 + random.below(8))].concat();
    let at = random.below(MOST_OTHERS);
    if others.len() < MOST_OTHERS { others.push(part) } else { others[at] = part }
    let mut changed = opcodes.to_vec();
    for _ in 0..=random.below(3) {
        let (at, other) = (random.below(changed.len()), random.below(changed.len()));
        match random.below(6) {
            0 if changed.len() > 1 => drop(changed.remove(at)),
            1 => changed.insert(at, changed[other]),
            2 => changed.swap(at, other),
            3 => changed[at] = &others[random.below(others.len())],
            4 => changed.insert(at, &others[random.below(others.len())]),
            // BINGET of one of the first slots.
            _ => changed.insert(at, [&b"h\0"[..], b"h\x01", b"h\x02", b"h\x05", b"h\x08", b"h\x10"][random.below(6)]),
        }
    }
    changed.concat()
}
