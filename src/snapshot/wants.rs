//! What a file that this user did not sign wants beyond plain data: looked at before anything of it is loaded.
//!
//! Of our own file, exactly the opcodes that the unpickler would be fed are looked at, and not the file as a whole: its
//! index is as little trusted as its pickle, and may point anywhere. The unpickler's own list of names
//! ([`plain`](crate::pickle::rules::plain)) comes on top of that; it cannot see what becomes of what it finds.

use super::index::{Buffer, Variable};
use super::layout::RAW_HEADER;
use super::reader::{ReadError, Snapshot};
use crate::pickle::guard;
use crate::pickle::opcode::Opcode;
use crate::pickle::rules::plain;
use crate::pickle::scan::scan_segment;

/// Something that a load would have to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// The variable that needs it; `None` where there is one object only, or it cannot be told.
    pub variable: Option<String>,
    /// What it would look up, call or change.
    pub what: Vec<String>,
}

/// What variables of our own file want; those that are not loaded only take their slots in the memo.
pub fn of_variables(snapshot: &Snapshot, variables: &[(&Variable, bool)]) -> Result<Vec<Want>, ReadError> {
    let mut wants = Vec::new();
    for (variable, _) in variables.iter().filter(|(_, loaded)| *loaded) {
        let what = match scan_segment(snapshot.segment(variable)?, variable.memo.0) {
            Ok(facts) => facts.imports.iter().filter_map(|import| unwanted(import)).collect(),
            Err(error) => vec![format!("what cannot be followed ({error})")],
        };
        if !what.is_empty() {
            wants.push(Want { variable: Some(variable.name.clone()), what });
        }
    }
    if !wants.is_empty() {
        return Ok(wants);
    }
    let Fed { opcodes, places } = fed(snapshot, variables)?;
    let variable = |offset: u64| {
        let place = places.partition_point(|(start, _)| *start <= offset).checked_sub(1)?;
        places.get(place).map(|(_, name)| (*name).to_owned())
    };
    let found = guard::beyond_plain(&opcodes).into_iter();
    Ok(found.map(|(offset, what)| Want { variable: variable(offset), what: vec![what] }).collect())
}

/// What a pickle wants that has no index.
pub fn of_pickle(bytes: &[u8]) -> Vec<Want> {
    let what: Vec<String> = guard::beyond_plain(bytes).into_iter().map(|(_, what)| what).collect();
    if what.is_empty() { Vec::new() } else { vec![Want { variable: None, what }] }
}

/// An import as the index has them, `module name`, where it is not on the list.
fn unwanted(import: &str) -> Option<String> {
    let (module, name) = import.split_once(' ').unwrap_or((import, ""));
    let (now, name_now) = plain::canonical(module, name);
    let wanted = plain::may_load(now, name_now) || plain::imports_module(module, name);
    (!wanted).then(|| format!("{module}.{name}"))
}

/// What the unpickler is fed, as one pickle, and where in it each variable begins.
struct Fed<'v> {
    opcodes: Vec<u8>,
    places: Vec<(u64, &'v str)>,
}

/// Slot 0 of the memo, which is the module in a file that is trusted, is None in one that is not.
fn fed<'v>(snapshot: &Snapshot, variables: &[(&'v Variable, bool)]) -> Result<Fed<'v>, ReadError> {
    let mut opcodes = vec![Opcode::Proto as u8, 5, Opcode::None as u8, Opcode::Memoize as u8, Opcode::Pop as u8];
    let (mut places, mut filled) = (Vec::new(), 1);
    for (variable, _) in variables.iter().filter(|(_, loaded)| *loaded) {
        let missing = usize::try_from(variable.memo.0.saturating_sub(filled)).unwrap_or(usize::MAX);
        // Each slot takes its byte from the machine's own limit on the memo.
        let missing = missing.min(crate::pickle::machine::MAX_MEMO);
        opcodes.push(Opcode::None as u8);
        opcodes.extend(std::iter::repeat_n(Opcode::Memoize as u8, missing));
        opcodes.push(Opcode::Pop as u8);
        places.push((opcodes.len() as u64, variable.name.as_str()));
        push_value(&mut opcodes, snapshot.segment(variable)?, variable);
        opcodes.push(Opcode::Pop as u8);
        filled = variable.memo.1;
    }
    opcodes.extend([Opcode::None as u8, Opcode::Stop as u8]);
    Ok(Fed { opcodes, places })
}

/// The opcodes of a value: behind those of its name, before SETITEM, and with NEXT_BUFFER for each raw buffer.
fn push_value(opcodes: &mut Vec<u8>, segment: &[u8], variable: &Variable) {
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    let mut from = name_length(variable);
    for &Buffer { offset, length, writable } in &variable.buffers {
        let start = place(offset.saturating_sub(variable.offset));
        let header = usize::try_from(RAW_HEADER).unwrap_or_default();
        opcodes.extend(segment.get(from..start.saturating_sub(header)).unwrap_or_default());
        opcodes.push(Opcode::NextBuffer as u8);
        opcodes.extend((!writable).then_some(Opcode::ReadonlyBuffer as u8));
        from = start.saturating_add(place(length));
    }
    opcodes.extend(segment.get(from..segment.len().saturating_sub(1)).unwrap_or_default());
}

/// SHORT_BINUNICODE has a length of one byte, BINUNICODE one of four.
fn name_length(variable: &Variable) -> usize {
    variable.name.len() + if variable.name.len() < 256 { 2 } else { 5 }
}
