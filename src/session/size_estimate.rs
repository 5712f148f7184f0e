//! Estimates the size of a session before it is pickled, to refuse one that cannot fit on the disk.
//!
//! The estimate is a lower bound, so a session that is refused certainly does not fit. It counts the memory of arrays,
//! numeric columns, strings and bytes, and counts shared memory once. Everything else counts as nothing. Only exact
//! built-in types and types of numpy and pandas are inspected: no code of the script runs.

use std::collections::HashMap;
use std::io;

use anyhow::Result;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyBytes, PyDict, PyFloat, PyList, PyString, PyTuple};

use super::code_search::is_constant;
use super::object_description::{genuine_module, type_name};
use super::select::{NamedValue, SelectionRules};
use super::write_failure::write_failed;
use crate::python::deferred_signals::Tolerated as _;
use crate::ui::format_size;

/// How many of the largest variables the error names.
const MAX_NAMED: usize = 5;
/// Smaller values, in bytes, are not worth counting.
const SMALLEST: u64 = 1 << 16;
/// A data frame with more columns counts as nothing.
const MAX_COLUMNS: usize = 1000;

/// How many items of a container are looked at to estimate its size, and in how many levels of containers.
const MAX_SAMPLED: usize = 30;
const MAX_SAMPLED_DEPTH: u32 = 4;
/// About what a number takes in a pickle, in bytes, or the opcodes of a container.
const SMALL_OBJECT: u64 = 4;

/// Ranges of memory: start address and length in bytes.
type MemoryRanges = Vec<(usize, u64)>;

/// Fails if the variables are certain to take more than the `free` bytes.
pub(super) fn check_room(free: Option<u64>, kept: &[NamedValue<'_>], rules: &SelectionRules) -> Result<()> {
    let Some(free) = free else { return Ok(()) };
    // Any value may turn out to be imported, and is then saved by reference.
    if rules.refimported {
        return Ok(());
    }
    let mut known: Vec<(u64, &str)> = Vec::new();
    // By start address: two arrays may share memory, and the longer one counts.
    let mut memory: HashMap<usize, u64> = HashMap::new();
    for named in kept {
        // A value whose memory cannot be determined counts as nothing.
        let buffers = buffers_of(&named.value).tolerated().unwrap_or_default();
        let total = buffers.iter().fold(0, |total: u64, (_, length)| total.saturating_add(*length));
        if total < SMALLEST || rules.max_size.is_some_and(|most| total > most) {
            continue;
        }
        for (start, length) in buffers {
            let longest = memory.entry(start).or_default();
            *longest = length.max(*longest);
        }
        known.push((total, &named.name));
    }
    // Counted over distinct memory, not over the variables.
    let total = memory.values().fold(0, |total: u64, length| total.saturating_add(*length));
    if total <= free {
        return Ok(());
    }
    known.sort_unstable_by_key(|(length, _)| std::cmp::Reverse(*length));
    let named: Vec<String> =
        known.iter().take(MAX_NAMED).map(|(length, name)| format!("{name} ({})", format_size(*length))).collect();
    let more = if known.len() > MAX_NAMED { ", …" } else { "" };
    let problem = format!(
        "the session needs at least {}, but only {} is free: free some space, leave out variables with --exclude, or \
         save elsewhere with -o; the largest variables are {}{more}",
        format_size(total),
        format_size(free),
        named.join(", "),
    );
    Err(write_failed(io::Error::new(io::ErrorKind::StorageFull, problem)))
}

/// About how many bytes the variables take in the file, for a progress bar: some items of each container stand for all.
pub(super) fn likely_size(kept: &[NamedValue<'_>]) -> u64 {
    kept.iter().fold(0, |total, named| total.saturating_add(likely_size_of(&named.value, MAX_SAMPLED_DEPTH)))
}

fn likely_size_of(value: &Bound<'_, PyAny>, depth: u32) -> u64 {
    let average = |sizes: &[u64], count: usize| match sizes.len() as u64 {
        0 => SMALL_OBJECT,
        sampled => (sizes.iter().sum::<u64>() / sampled).saturating_mul(count as u64).saturating_add(SMALL_OBJECT),
    };
    let size = |item: Bound<'_, PyAny>| likely_size_of(&item, depth - 1);
    if depth == 0 {
        return SMALL_OBJECT;
    }
    if let Ok(list) = value.cast_exact::<PyList>() {
        let sizes: Vec<u64> = sampled(list.len()).filter_map(|at| list.get_item(at).tolerated()).map(size).collect();
        return average(&sizes, list.len());
    }
    if let Ok(tuple) = value.cast_exact::<PyTuple>() {
        let sizes: Vec<u64> = sampled(tuple.len()).filter_map(|at| tuple.get_item(at).tolerated()).map(size).collect();
        return average(&sizes, tuple.len());
    }
    if let Ok(dict) = value.cast_exact::<PyDict>() {
        let pairs = dict.iter().take(MAX_SAMPLED);
        let sizes: Vec<u64> = pairs.map(|(key, item)| size(key).saturating_add(size(item))).collect();
        return average(&sizes, dict.len());
    }
    let buffers = buffers_of(value).tolerated().unwrap_or_default();
    let buffers = buffers.iter().fold(0, |total: u64, (_, length)| total.saturating_add(*length));
    // The opcode, the length and the memo of a string; a float is as long.
    if buffers > 0 || value.is_exact_instance_of::<PyFloat>() { buffers.saturating_add(6) } else { SMALL_OBJECT }
}

/// Some positions in a sequence of this length, evenly.
fn sampled(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(length.div_ceil(MAX_SAMPLED).max(1))
}

/// The memory of a value that will be in the file.
fn buffers_of(value: &Bound<'_, PyAny>) -> PyResult<MemoryRanges> {
    let object = value.as_ptr() as usize;
    let built_in = value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>()
        // A character takes at least one byte in UTF-8.
        || value.is_exact_instance_of::<PyString>();
    if built_in {
        return Ok(vec![(object, value.len()? as u64)]);
    }
    if is_constant(value) {
        return Ok(Vec::new());
    }
    let kind = value.get_type();
    let Some(module) = kind.module().tolerated() else { return Ok(Vec::new()) };
    let package = module.to_str().tolerated().and_then(|module| module.split('.').next());
    // A class of the script that claims to be numpy's is not asked for anything.
    if !matches!(package, Some("numpy" | "pandas")) || genuine_module(&value.get_type()).is_none() {
        return Ok(Vec::new());
    }
    match kind.name()?.to_str().tolerated() {
        Some("ndarray") => array_memory(value).map(|range| range.into_iter().collect()),
        Some("Series") => column_memory(value).map(|range| range.into_iter().collect()),
        Some("DataFrame") => frame_memory(value),
        _ => Ok(Vec::new()),
    }
}

/// The memory of an array; `None` if it holds objects.
fn array_memory(value: &Bound<'_, PyAny>) -> PyResult<Option<(usize, u64)>> {
    if value.getattr("dtype")?.getattr("hasobject")?.is_truthy()? {
        return Ok(None);
    }
    // `data` is a pair: the address of the first element, and whether the array is read-only.
    let start = value.getattr("__array_interface__")?.get_item("data")?.get_item(0)?.extract()?;
    Ok(Some((start, value.getattr("nbytes")?.extract()?)))
}

/// The memory of a column; `None` unless it is a numpy array of numbers.
fn column_memory(value: &Bound<'_, PyAny>) -> PyResult<Option<(usize, u64)>> {
    if type_name(&value.getattr("dtype")?.get_type()).split('.').next() != Some("numpy") {
        return Ok(None);
    }
    // No copy is made: a numeric column is backed by a numpy array.
    array_memory(&value.call_method0("to_numpy")?)
}

/// The memory of the columns of a data frame; empty if one holds objects, as the frame may then be left out.
fn frame_memory(value: &Bound<'_, PyAny>) -> PyResult<MemoryRanges> {
    let count: usize = value.getattr("shape")?.get_item(1)?.extract()?;
    if count > MAX_COLUMNS {
        return Ok(Vec::new());
    }
    let columns = value.getattr("iloc")?;
    let all = pyo3::types::PySlice::full(value.py());
    let columns = (0..count).map(|index| column_memory(&columns.get_item((&all, index))?));
    // Collecting into an Option gives None if any column is None.
    let found: Option<MemoryRanges> = columns.collect::<PyResult<Vec<_>>>()?.into_iter().collect();
    Ok(found.unwrap_or_default())
}
