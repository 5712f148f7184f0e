//! Which memory the objects of a session share: a survey of its values, made when an array turns up that may share.
//!
//! A *base* is an array that does not take its memory from another array. All of it is written if it is kept itself, or
//! if its views use at least half of it. Otherwise only the views are written: overlapping views as one buffer, and a
//! view without overlap like any array. Memory that several bases or storages have in common (`torch.from_numpy`, two
//! arrays over one `mmap`) is one buffer, too.

use std::collections::hash_map::Entry;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyAny;
use rustc_hash::{FxHashMap, FxHashSet};

use super::super::global_names::loaded_modules;
use super::super::pickle_context::PickleContext;
use super::array_layout::ArrayLayout;
use super::arrow_tables::ArrowBuffers;
use super::memory_block::{MemoryBlock, MemoryOwner, storage_range};
use super::survey_walk::{FoundMemory, walk};
use crate::python::deferred_signals::Tolerated as _;

/// A view that uses less than this part of the memory between its first and its last element is written alone, if its
/// base is not written.
const SPARSE: usize = 8;
/// A base of at most this many bytes is written if it has two views.
const SMALL: usize = 64 << 10;
/// Parts of a storage begin at multiples of this many bytes, the size of the largest element.
const ELEMENT: usize = 16;

/// The values of a session, and the survey of their memory once it is needed.
#[derive(Default)]
pub(in crate::pickler) struct SharedMemory {
    values: Mutex<Vec<Py<PyAny>>>,
    survey: Mutex<Option<Arc<MemorySurvey>>>,
    pub(super) arrow: ArrowBuffers,
}

impl SharedMemory {
    /// Announces the values that will be saved.
    pub(in crate::pickler) fn expect(&self, values: Vec<Py<PyAny>>) {
        let replaced = std::mem::replace(&mut *self.values.lock().unwrap_or_else(PoisonError::into_inner), values);
        // Freeing an object can run code, so this happens after the lock has been released.
        drop(replaced);
    }

    /// How many of the expected values are this object.
    pub(super) fn occurrences(&self, object: &Bound<'_, PyAny>) -> usize {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        values.iter().filter(|value| value.is(object)).count()
    }

    /// The survey. The first call makes it.
    pub(super) fn survey(&self, context: &PickleContext, py: Python<'_>) -> PyResult<Arc<MemorySurvey>> {
        if let Some(survey) = &*self.survey.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(Arc::clone(survey));
        }
        let values: Vec<_> = {
            let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            values.iter().map(|value| value.bind(py).clone()).collect()
        };
        let survey = Arc::new(MemorySurvey::new(context, py, values)?);
        *self.survey.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&survey));
        Ok(survey)
    }
}

/// The memory that is shared.
pub(super) struct MemorySurvey {
    /// In the order of their addresses. They do not overlap.
    blocks: Vec<MemoryBlock>,
    /// The addresses of arrays that are written as if they shared no memory. `held` keeps them alive.
    apart: FxHashSet<usize>,
    /// The storages of torch by the addresses of their C++ objects: each has several Python objects.
    storages: FxHashMap<usize, Py<PyAny>>,
    _held: Vec<Py<PyAny>>,
}

impl MemorySurvey {
    fn new<'py>(context: &PickleContext, py: Python<'py>, values: Vec<Bound<'py, PyAny>>) -> PyResult<Self> {
        let module_dicts = context.module_dict_addresses(py)?;
        let mut objects = Objects { pandas_shares: !copies_on_write(py), ..Objects::default() };
        walk(py, values, &|address| module_dicts.contains(&address), &mut |object, found| objects.add(object, found))?;
        let Objects { bases, storages, apart, held, .. } = objects;
        let mut claims: Vec<Claim> = bases.into_values().flat_map(Base::claims).collect();
        let mut known = FxHashMap::default();
        for (address, storage) in storages {
            known.insert(address, storage.object.clone_ref(py));
            claims.extend(storage.claims(py));
        }
        let blocks = merged(claims).into_iter().filter(Claim::is_shared).map(Claim::into_block).collect();
        Ok(Self { blocks, apart, storages: known, _held: held })
    }

    /// The block that an array is a part of.
    pub(super) fn block_of(&self, array: &Bound<'_, PyAny>, layout: &ArrayLayout) -> Option<&MemoryBlock> {
        if self.apart.contains(&(array.as_ptr() as usize)) { None } else { self.block_at(&layout.span) }
    }

    /// The block that has all of this memory.
    pub(super) fn block_at(&self, span: &Range<usize>) -> Option<&MemoryBlock> {
        let after = self.blocks.partition_point(|block| block.range.start <= span.start);
        self.blocks.get(after.checked_sub(1)?).filter(|block| span.end <= block.range.end)
    }

    /// The one Python object that represents a `torch.UntypedStorage`.
    pub(super) fn storage<'py>(&self, storage: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let found = self.storages.get(&storage_key(storage)?);
        Ok(found.map_or_else(|| storage.clone(), |found| found.bind(storage.py()).clone()))
    }
}

/// The address of the C++ object of a `torch.UntypedStorage`.
fn storage_key(storage: &Bound<'_, PyAny>) -> PyResult<usize> {
    storage.getattr("_cdata")?.extract()
}

/// Whether pandas copies an array that two of its objects use before one of them changes it. Its notes for that are not
/// in a pickle, so after a load such arrays must not share memory.
fn copies_on_write(py: Python<'_>) -> bool {
    let ask = || -> PyResult<bool> {
        let pandas = loaded_modules(py)?.get_item("pandas")?;
        let version: String = pandas.getattr("__version__")?.extract()?;
        if version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0_u32) >= 3 {
            return Ok(true);
        }
        pandas.getattr("options")?.getattr("mode")?.getattr("copy_on_write")?.eq(true)
    };
    ask().tolerated().unwrap_or(true)
}

/// The array that an array takes its memory from, through any number of others: itself if it is no view.
pub(super) fn base_of<'py>(array: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let kind = array.get_type();
    let mut base = array.clone();
    loop {
        let next = base.getattr(pyo3::intern!(array.py(), "base"))?;
        if !next.get_type().is(&kind) {
            return Ok(base);
        }
        base = next;
    }
}

/// The objects that the search has found.
#[derive(Default)]
struct Objects {
    pandas_shares: bool,
    /// By the address of the base.
    bases: FxHashMap<usize, Base>,
    /// By [`storage_key`].
    storages: FxHashMap<usize, Storage>,
    apart: FxHashSet<usize>,
    held: Vec<Py<PyAny>>,
}

/// A base, and the objects that use its memory.
struct Base {
    array: Py<PyAny>,
    layout: ArrayLayout,
    /// Whether the session has the base itself.
    is_kept: bool,
    has_pandas_view: bool,
    /// The view that pandas has, and its index in `views`.
    pandas_view: Option<(Py<PyAny>, usize)>,
    views: Vec<ArrayLayout>,
}

/// A storage of torch. Its range is empty if it is not in the memory of the CPU.
struct Storage {
    object: Py<PyAny>,
    range: Range<usize>,
    /// Whether all of it is needed.
    is_whole: bool,
    tensors: Vec<Range<usize>>,
}

impl Objects {
    fn add(&mut self, object: &Bound<'_, PyAny>, found: FoundMemory) -> PyResult<()> {
        match found {
            FoundMemory::Array => self.add_array(object, false),
            FoundMemory::PandasArray => self.add_array(object, !self.pandas_shares),
            FoundMemory::Tensor => {
                // A tensor without access to its memory is written by torch's own reduction.
                self.add_tensor(object).tolerated();
                Ok(())
            }
            FoundMemory::Storage => {
                self.add_storage(object).tolerated();
                Ok(())
            }
        }
    }

    fn add_array(&mut self, array: &Bound<'_, PyAny>, is_copied_on_write: bool) -> PyResult<()> {
        let Some(layout) = ArrayLayout::of_array(array)? else { return Ok(()) };
        let base = base_of(array)?;
        let found = match self.bases.entry(base.as_ptr() as usize) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let Some(layout) = ArrayLayout::of_array(&base)? else { return Ok(()) };
                let array = base.clone().unbind();
                let (is_kept, has_pandas_view, pandas_view, views) = Default::default();
                entry.insert(Base { array, layout, is_kept, has_pandas_view, pandas_view, views })
            }
        };
        // Others refer to the base by its memo slot. So if pandas has that as well, it is the view that is copied.
        if let Some((view, index)) = found.pandas_view.take_if(|_| is_copied_on_write && base.is(array)) {
            found.views.swap_remove(index);
            found.has_pandas_view = false;
            self.apart.insert(view.as_ptr() as usize);
            self.held.push(view);
        }
        // `as_strided` can make a view of memory that its base does not have.
        let is_within = found.layout.span.start <= layout.span.start && layout.span.end <= found.layout.span.end;
        if !is_within || (is_copied_on_write && found.has_pandas_view) {
            self.apart.insert(array.as_ptr() as usize);
            self.held.push(array.clone().unbind());
            return Ok(());
        }
        found.has_pandas_view |= is_copied_on_write;
        if base.is(array) {
            found.is_kept = true;
        } else {
            if is_copied_on_write {
                found.pandas_view = Some((array.clone().unbind(), found.views.len()));
            }
            found.views.push(layout);
        }
        Ok(())
    }

    fn add_tensor(&mut self, tensor: &Bound<'_, PyAny>) -> PyResult<()> {
        let storage = tensor.call_method0("untyped_storage")?;
        let Some(found) = self.storage(&storage)? else { return Ok(()) };
        found.tensors.extend(ArrayLayout::of_tensor(tensor)?.map(|layout| layout.span));
        Ok(())
    }

    fn add_storage(&mut self, storage: &Bound<'_, PyAny>) -> PyResult<()> {
        let untyped = storage.getattr_opt("_untyped_storage")?.unwrap_or_else(|| storage.clone());
        if let Some(found) = self.storage(&untyped)? {
            found.is_whole = true;
        }
        Ok(())
    }

    /// The entry of a storage; `None` if it is not in the memory of the CPU.
    fn storage(&mut self, storage: &Bound<'_, PyAny>) -> PyResult<Option<&mut Storage>> {
        let is_on_cpu = storage.getattr("device")?.getattr("type")?.extract::<String>()? == "cpu";
        let range = if is_on_cpu { storage_range(storage)? } else { 0..0 };
        let object = storage.clone().unbind();
        let entry = self.storages.entry(storage_key(storage)?);
        let entry = entry.or_insert(Storage { object, range, is_whole: false, tensors: Vec::new() });
        Ok(Some(entry).filter(|_| is_on_cpu))
    }
}

/// A range of memory that one base or storage needs.
struct Claim {
    range: Range<usize>,
    /// How many objects use it.
    users: usize,
    is_writable: bool,
    owners: Vec<(MemoryOwner, Range<usize>)>,
    /// The base, and its memory.
    base: Option<(Py<PyAny>, Range<usize>)>,
}

impl Base {
    fn claims(self) -> Vec<Claim> {
        let span = self.layout.span.clone();
        // The elements of a broadcast array share memory among themselves.
        let repeats = self.layout.repeats() && self.is_kept;
        let users = self.views.len() + usize::from(self.is_kept) + usize::from(repeats);
        // A column of a large matrix overlaps with all of its rows, but uses little of the memory between its elements.
        let is_dense = |view: &&ArrayLayout| view.length.saturating_mul(SPARSE) >= view.span.len();
        let sparse: usize = self.views.iter().filter(|view| !is_dense(view)).map(|view| view.length).sum();
        let covered = covered(self.views.iter().filter(is_dense).map(|view| view.span.clone()).collect());
        let is_writable = self.layout.is_writable && self.is_kept;
        let is_mostly_used = covered.saturating_add(sparse).saturating_mul(2) >= span.len() || span.len() <= SMALL;
        if self.is_kept || (users > 1 && is_mostly_used) {
            return vec![Claim {
                range: span.clone(),
                users,
                is_writable: is_writable || self.views.iter().any(|view| view.is_writable),
                base: Python::attach(|py| self.layout.is_contiguous.then(|| (self.array.clone_ref(py), span.clone()))),
                owners: vec![(MemoryOwner::Array(self.array), span)],
            }];
        }
        let claim = |view: &ArrayLayout| Claim {
            range: view.span.clone(),
            users: if view.repeats() { 2 } else { 1 },
            is_writable: view.is_writable,
            base: None,
            owners: vec![(MemoryOwner::Array(Python::attach(|py| self.array.clone_ref(py))), span.clone())],
        };
        self.views.iter().filter(is_dense).map(claim).collect()
    }
}

impl Storage {
    fn claims(self, py: Python<'_>) -> Vec<Claim> {
        let claim = |range: Range<usize>| Claim {
            range,
            users: 2,
            is_writable: true,
            base: None,
            owners: vec![(MemoryOwner::Storage(self.object.clone_ref(py)), self.range.clone())],
        };
        if self.range.is_empty() {
            return Vec::new();
        }
        if self.is_whole || covered(self.tensors.clone()).saturating_mul(2) >= self.range.len() {
            return vec![claim(self.range.clone())];
        }
        let aligned = |span: &Range<usize>| {
            let offset = span.start.saturating_sub(self.range.start);
            claim(span.start - offset % ELEMENT..span.end)
        };
        self.tensors.iter().map(aligned).collect()
    }
}

impl Claim {
    fn is_shared(&self) -> bool {
        self.users > 1
    }

    /// Adds a claim on overlapping memory.
    fn add(&mut self, other: Self) {
        self.range.end = self.range.end.max(other.range.end);
        self.users += other.users;
        self.is_writable |= other.is_writable;
        self.owners.extend(other.owners);
        self.base = match (self.base.take(), other.base) {
            (Some(base), _) if base.1 == self.range => Some(base),
            (base, other) => other.filter(|other| other.1 == self.range).or(base),
        };
    }

    fn into_block(self) -> MemoryBlock {
        let Self { range, is_writable, owners, base, .. } = self;
        let base = base.filter(|base| base.1 == range).map(|(array, _)| array);
        MemoryBlock::new(range, is_writable, owners, base)
    }
}

/// The claims in the order of their addresses. Overlapping claims are merged.
fn merged(mut claims: Vec<Claim>) -> Vec<Claim> {
    claims.sort_by_key(|claim| (claim.range.start, std::cmp::Reverse(claim.range.end)));
    let mut merged: Vec<Claim> = Vec::new();
    for claim in claims {
        match merged.last_mut().filter(|last| claim.range.start < last.range.end) {
            Some(last) => last.add(claim),
            None => merged.push(claim),
        }
    }
    merged
}

/// How many bytes ranges cover together.
fn covered(mut ranges: Vec<Range<usize>>) -> usize {
    ranges.sort_by_key(|range| range.start);
    let (mut total, mut end) = (0, 0);
    for range in ranges {
        total += range.end.saturating_sub(range.start.max(end));
        end = end.max(range.end);
    }
    total
}
