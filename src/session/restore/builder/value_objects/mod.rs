//! Values of builtins and of the standard library, by public constructors with arguments that a recipe has checked.

mod harmless_calls;

use std::path::{Path, PathBuf};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyBytes, PyDict, PyList, PyString, PyTuple};

use self::harmless_calls::{call, found};
use super::BuildContext;
use crate::pickle::build_plan::{ClockClass, ClockNumbers, NewError, ValueFill, ValueMake, ViewOf};
use crate::pickle::known::Stored;
use crate::python::deferred_signals::Tolerated as _;

/// The steps of what may take as long as thousands of small objects.
const SLOW_STEPS: u32 = 4096;

/// How many steps making an object counts as, for the time that a load may take.
pub(super) fn steps(make: &ValueMake<'_>) -> u32 {
    match make {
        ValueMake::Regex { .. } | ValueMake::JoinedStrings { .. } => SLOW_STEPS,
        ValueMake::Call(call) if matches!(&*call.name, "Fraction" | "Decimal" | "set" | "frozenset") => 64,
        ValueMake::Random | ValueMake::Zone { .. } => 64,
        _ => 1,
    }
}

/// Makes an object. `needs` are the objects that its recipe needs, in the same order.
pub(super) fn make<'py>(
    context: &BuildContext<'py>,
    make: &ValueMake<'_>,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    match make {
        ValueMake::Call(of) => call(context, of, needs),
        ValueMake::New(module, name) => {
            py.get_type::<PyAny>().call_method1("__new__", (found(context, module, name)?,))
        }
        ValueMake::NewError(error) => new_error(context, error, needs),
        ValueMake::JoinedStrings { .. } => {
            let [joined, separator] = needed(needs)?;
            joined.cast_exact::<PyString>()?.call_method1("split", (separator,))
        }
        ValueMake::Iterator { skipped } => iterator(needed(needs)?, *skipped),
        ValueMake::Reversed { next } => reversed(context, needed(needs)?, *next),
        ValueMake::Regex { flags } => regex(context, needed(needs)?, *flags),
        ValueMake::SwappedArray { typecode } => swapped_array(context, *typecode, needed(needs)?),
        ValueMake::MemoryFile { is_text, newline, position } => {
            memory_file(context, needed(needs)?, is_text.then_some(newline.as_deref()), *position)
        }
        ValueMake::Random => random(context, needed(needs)?),
        ValueMake::Uuid { safe } => uuid(context, needed(needs)?, *safe),
        ValueMake::Clock(class) => clock(context, *class, needs),
        ValueMake::Zone { key, cached } => zone(context, key, *cached),
        ValueMake::Lock { held } => lock(context, *held),
        ValueMake::WeakReference => weak_reference(context, needed(needs)?),
        ValueMake::DictView(view) => dict_view(needed(needs)?, *view),
        ValueMake::Sentinel { name, module } => sentinel(context, name, module.as_deref()),
        ValueMake::NamedMember(module, name) => named_member(context, module, name),
    }
}

fn swapped_array<'py>(
    context: &BuildContext<'py>,
    typecode: char,
    [bytes]: &[Bound<'py, PyAny>; 1],
) -> PyResult<Bound<'py, PyAny>> {
    let array = context.global("array", "array")?.call1((typecode.to_string(), bytes))?;
    array.call_method0("byteswap")?;
    Ok(array)
}

fn random<'py>(context: &BuildContext<'py>, [state]: &[Bound<'py, PyAny>; 1]) -> PyResult<Bound<'py, PyAny>> {
    let random = context.global("random", "Random")?.call1((0,))?;
    random.call_method1("setstate", (state,))?;
    Ok(random)
}

fn lock<'py>(context: &BuildContext<'py>, held: bool) -> PyResult<Bound<'py, PyAny>> {
    let lock = context.global("_thread", "allocate_lock")?.call0()?;
    if held {
        lock.call_method1("acquire", (false,))?;
    }
    Ok(lock)
}

fn sentinel<'py>(context: &BuildContext<'py>, name: &str, module: Option<&str>) -> PyResult<Bound<'py, PyAny>> {
    let sentinel = context.global("builtins", "sentinel")?.call1((name,))?;
    if let Some(module) = module {
        sentinel.setattr("__module__", module)?;
    }
    Ok(sentinel)
}

/// Puts into an object what its recipe says. `parts` are the objects of [`ValueFill::parts`].
pub(super) fn fill<'py>(
    context: &BuildContext<'py>,
    object: &Bound<'py, PyAny>,
    fill: &ValueFill,
    parts: &[Bound<'py, PyAny>],
) -> PyResult<()> {
    match fill {
        ValueFill::Members(members) => {
            // As `BaseException.__setstate__` does.
            members.iter().zip(parts).try_for_each(|((name, _), value)| object.setattr(name.as_str(), value))
        }
        ValueFill::WeakItems(_) => {
            context.check_hashes(parts.iter().cloned().map(Ok))?;
            parts.iter().try_for_each(|item| {
                context.tick_key(item)?;
                object.call_method1("add", (item,)).map(drop)
            })
        }
        ValueFill::WeakPairs(_) => {
            let (pairs, _) = parts.as_chunks::<2>();
            context.check_hashes(pairs.iter().map(|[key, _]| Ok(key.clone())))?;
            pairs.iter().try_for_each(|[key, value]| {
                context.tick_key(key)?;
                object.set_item(key, value)
            })
        }
    }
}

/// As many objects as the recipe needs.
fn needed<'a, 'py, const COUNT: usize>(needs: &'a [Bound<'py, PyAny>]) -> PyResult<&'a [Bound<'py, PyAny>; COUNT]> {
    needs.try_into().map_err(|_| PyValueError::new_err("the recipe has another number of parts"))
}

/// An exception without its own `__init__`, and with what that would store.
fn new_error<'py>(
    context: &BuildContext<'py>,
    error: &NewError,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let py = context.py();
    let class = found(context, &error.module, &error.name)?;
    let arguments: Vec<_> = std::iter::once(&class).chain(needs).collect();
    let made = class.call_method1("__new__", PyTuple::new(py, arguments)?)?;
    let Some((attributes, kept)) = error.init else { return Ok(made) };
    for (position, stored) in attributes.iter().enumerate() {
        match (stored, needs.get(position)) {
            (Stored::Always(name), value) => made.setattr(*name, value)?,
            (Stored::IfGiven(name), Some(value)) if !value.is_none() => made.setattr(*name, value)?,
            (Stored::IfGiven(_) | Stored::Nowhere, _) => {}
        }
    }
    made.setattr("args", PyTuple::new(py, needs.iter().take(kept))?)?;
    Ok(made)
}

fn iterator<'py>([of]: &[Bound<'py, PyAny>; 1], skipped: u64) -> PyResult<Bound<'py, PyAny>> {
    if skipped > 0 && of.get_type().name()? == "range" {
        let rest = of.py().import("builtins")?.getattr("slice")?.call1((skipped, of.py().None()))?;
        return Ok(of.get_item(rest)?.try_iter()?.into_any());
    }
    let iterator = of.try_iter()?;
    after(iterator.into_any(), skipped)
}

fn reversed<'py>(context: &BuildContext<'py>, [of]: &[Bound<'py, PyAny>; 1], next: u64) -> PyResult<Bound<'py, PyAny>> {
    let iterator = context.global("builtins", "reversed")?.call1((of,))?;
    after(iterator, (of.len()? as u64).saturating_sub(next.saturating_add(1)))
}

/// An iterator over a container, after this many items.
fn after(iterator: Bound<'_, PyAny>, skipped: u64) -> PyResult<Bound<'_, PyAny>> {
    let mut items = iterator.try_iter()?;
    for _ in 0..skipped {
        match items.next() {
            Some(item) => drop(item?),
            None => break,
        }
    }
    Ok(iterator)
}

/// Compiles a pattern. `re` warns of some that it may read in another way in a later version.
fn regex<'py>(
    context: &BuildContext<'py>,
    [pattern]: &[Bound<'py, PyAny>; 1],
    flags: i64,
) -> PyResult<Bound<'py, PyAny>> {
    let compile = context.global("re", "compile")?;
    let warnings = context.global("warnings", "catch_warnings")?.call0()?;
    warnings.call_method0("__enter__")?;
    let ignored = context.global("warnings", "simplefilter").and_then(|filter| filter.call1(("ignore",)));
    let compiled = ignored.and_then(|_| compile.call1((pattern, flags)));
    let none = context.py().None();
    warnings.call_method1("__exit__", (&none, &none, &none))?;
    compiled
}

/// A file in memory; for text also the newline.
fn memory_file<'py>(
    context: &BuildContext<'py>,
    [contents]: &[Bound<'py, PyAny>; 1],
    newline: Option<Option<&str>>,
    position: i64,
) -> PyResult<Bound<'py, PyAny>> {
    let file = match newline {
        None => context.global("io", "BytesIO")?.call1((contents,))?,
        Some(newline) => {
            // The constructor translates newlines, which were translated before.
            let contents = match newline {
                Some("\r\n") => contents.call_method1("replace", ("\r\n", "\n"))?,
                _ => contents.clone(),
            };
            context.global("io", "StringIO")?.call1((contents, newline))?
        }
    };
    file.call_method1("seek", (position,))?;
    Ok(file)
}

/// A date or a time of bytes, which the plan has checked in the same way.
fn clock<'py>(
    context: &BuildContext<'py>,
    class: ClockClass,
    needs: &[Bound<'py, PyAny>],
) -> PyResult<Bound<'py, PyAny>> {
    let (bytes, zone) = needs.split_first().ok_or_else(|| PyValueError::new_err("the recipe has no bytes"))?;
    let found = ClockNumbers::of(class, bytes.cast_exact::<PyBytes>()?.as_bytes()).map_err(PyValueError::new_err)?;
    let (callee, numbers) = (context.global("datetime", class.name())?, PyTuple::new(context.py(), found.numbers())?);
    if zone.is_empty() && !found.fold {
        return callee.call1(numbers);
    }
    let options = PyDict::new(context.py());
    zone.iter().try_for_each(|zone| options.set_item("tzinfo", zone))?;
    if found.fold {
        options.set_item("fold", 1)?;
    }
    callee.call(numbers, Some(&options))
}

fn uuid<'py>(
    context: &BuildContext<'py>,
    [number]: &[Bound<'py, PyAny>; 1],
    safe: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let options = PyDict::new(context.py());
    options.set_item("int", number)?;
    if let Some(safe) = safe {
        options.set_item("is_safe", context.global("uuid", "SafeUUID")?.call1((safe,))?)?;
    }
    context.global("uuid", "UUID")?.call((), Some(&options))
}

/// A reference to an object, or, for `None`, to one that is gone.
fn weak_reference<'py>(context: &BuildContext<'py>, [object]: &[Bound<'py, PyAny>; 1]) -> PyResult<Bound<'py, PyAny>> {
    let class = context.global("weakref", "ref")?;
    if object.is_none() {
        return class.call1((context.global("collections", "UserDict")?.call0()?,));
    }
    class.call1((object,))
}

fn dict_view<'py>([of]: &[Bound<'py, PyAny>; 1], view: ViewOf) -> PyResult<Bound<'py, PyAny>> {
    let dict = PyDict::new(of.py());
    match view {
        ViewOf::Items => return of.cast_exact::<PyDict>()?.call_method0("items"),
        ViewOf::Keys => {
            for key in of.cast_exact::<PyList>()? {
                dict.set_item(key, of.py().None())?;
            }
        }
        ViewOf::Values => {
            for (index, value) in of.cast_exact::<PyList>()?.iter().enumerate() {
                dict.set_item(index, value)?;
            }
        }
    }
    dict.call_method0(if view == ViewOf::Keys { "keys" } else { "values" })
}

/// A constant, if it is a member of an enumeration.
fn named_member<'py>(context: &BuildContext<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let member = found(context, module, name)?;
    if member.is_instance(&context.global("enum", "Enum")?)? {
        return Ok(member);
    }
    Err(PyValueError::new_err(format!("{module}.{name} is no member of an enumeration")))
}

/// The time zone with this key, from the cache of `zoneinfo` or a new one. Python reads its file from directories of
/// the system (`zoneinfo.TZPATH`), and else from the package `tzdata`, which it would also import from the working
/// directory.
fn zone<'py>(context: &BuildContext<'py>, key: &str, cached: bool) -> PyResult<Bound<'py, PyAny>> {
    let directories: Vec<PathBuf> = context.global("zoneinfo", "TZPATH")?.extract()?;
    let has_file = |directory: &Path| directory.is_absolute() && directory.join(key).is_file();
    if !directories.iter().any(|directory| has_file(directory)) && !package_has(context, key) {
        return Err(PyValueError::new_err(format!(
            "no time zone found with key {key} (install the package tzdata, or the time zones of the system)"
        )));
    }
    let class = context.global("zoneinfo", "ZoneInfo")?;
    if cached { class.call1((key,)) } else { class.call_method1("no_cache", (key,)) }
}

/// Whether the installed package `tzdata` has a time zone. It is imported here, so that `zoneinfo` finds it imported.
fn package_has(context: &BuildContext<'_>, key: &str) -> bool {
    let path = context.global("tzdata", "__path__").and_then(|path| path.extract::<Vec<PathBuf>>());
    path.tolerated().is_some_and(|path| path.iter().any(|directory| directory.join("zoneinfo").join(key).is_file()))
}
