//! Whether a session can fit where it is to be saved, as far as its size is known before it is pickled: the memory of
//! arrays and of columns of numbers, and texts and bytes. All else is taken for nothing, and what shares memory counts
//! once, so a session that is refused does not fit.
//!
//! Only exact built-in types and those of numpy and pandas are asked: no code of the script's runs.

use std::collections::HashMap;
use std::io;

use anyhow::{Context as _, Result};
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyByteArray, PyBytes, PyString};

use super::codes::genuine_module;
use super::describe::type_name;
use super::keep::{Named, Rules};
use crate::report::{plain, size};

/// How many of the largest variables are named.
const NAMED: usize = 5;
/// What is smaller than this costs more to ask than it tells.
const SMALLEST: u64 = 1 << 16;
/// A frame with more columns is not asked for them.
const MOST_COLUMNS: usize = 1000;

/// Stretches of memory: where they begin, and how long they are.
type Stretches = Vec<(usize, u64)>;

/// An error where the variables are certain to take more than is free.
pub(super) fn check(free: Option<u64>, kept: &[Named<'_>], rules: &Rules) -> Result<()> {
    let Some(free) = free else { return Ok(()) };
    // What is kept by reference takes nothing.
    if rules.refimported {
        return Ok(());
    }
    let mut known: Vec<(u64, &str)> = Vec::new();
    let mut memory: HashMap<usize, u64> = HashMap::new();
    for named in kept {
        let stretches = stretches(&named.value).unwrap_or_default();
        let total = stretches.iter().fold(0, |total: u64, (_, length)| total.saturating_add(*length));
        if total < SMALLEST || rules.max_size.is_some_and(|most| total > most) {
            continue;
        }
        for (start, length) in stretches {
            let longest = memory.entry(start).or_default();
            *longest = length.max(*longest);
        }
        known.push((total, &named.name));
    }
    let total = memory.values().fold(0, |total: u64, length| total.saturating_add(*length));
    if total <= free {
        return Ok(());
    }
    known.sort_unstable_by_key(|(length, _)| std::cmp::Reverse(*length));
    let named: Vec<String> =
        known.iter().take(NAMED).map(|(length, name)| format!("{} ({})", plain(name), size(*length))).collect();
    let more = if known.len() > NAMED { ", …" } else { "" };
    let problem = format!(
        "the session takes {} or more, but only {} are free: make room, leave some out with --exclude, or save elsewhere \
         with -o; the largest are {}{more}",
        size(total),
        size(free),
        named.join(", "),
    );
    Err(io::Error::new(io::ErrorKind::StorageFull, problem)).context("there is no room for the snapshot")
}

/// The memory that a value will take in the file, as far as that is known.
fn stretches(value: &Bound<'_, PyAny>) -> PyResult<Stretches> {
    let object = value.as_ptr() as usize;
    let built_in = value.is_exact_instance_of::<PyBytes>()
        || value.is_exact_instance_of::<PyByteArray>()
        // A character takes one byte or more.
        || value.is_exact_instance_of::<PyString>();
    if built_in {
        return Ok(vec![(object, value.len()? as u64)]);
    }
    let kind = type_name(&value.get_type());
    let package = kind.split('.').next().unwrap_or_default();
    if !matches!(package, "numpy" | "pandas") || genuine_module(&value.get_type()).is_none() {
        return Ok(Vec::new());
    }
    match kind.rsplit('.').next() {
        Some("ndarray") => array(value).map(|stretch| stretch.into_iter().collect()),
        Some("Series") => column(value).map(|stretch| stretch.into_iter().collect()),
        Some("DataFrame") => frame(value),
        _ => Ok(Vec::new()),
    }
}

/// An array, unless it holds objects.
fn array(value: &Bound<'_, PyAny>) -> PyResult<Option<(usize, u64)>> {
    if value.getattr("dtype")?.getattr("hasobject")?.is_truthy()? {
        return Ok(None);
    }
    let start = value.getattr("__array_interface__")?.get_item("data")?.get_item(0)?.extract()?;
    Ok(Some((start, value.getattr("nbytes")?.extract()?)))
}

/// A column of numbers that lies in an array of numpy's.
fn column(value: &Bound<'_, PyAny>) -> PyResult<Option<(usize, u64)>> {
    if type_name(&value.getattr("dtype")?.get_type()).split('.').next() != Some("numpy") {
        return Ok(None);
    }
    array(&value.call_method0("to_numpy")?)
}

/// The columns of numbers of a frame. One that holds objects may not be saved at all.
fn frame(value: &Bound<'_, PyAny>) -> PyResult<Stretches> {
    let count: usize = value.getattr("shape")?.get_item(1)?.extract()?;
    if count > MOST_COLUMNS {
        return Ok(Vec::new());
    }
    let columns = value.getattr("iloc")?;
    let all = pyo3::types::PySlice::full(value.py());
    let columns = (0..count).map(|place| column(&columns.get_item((&all, place))?));
    let found: Option<Stretches> = columns.collect::<PyResult<Vec<_>>>()?.into_iter().collect();
    Ok(found.unwrap_or_default())
}
