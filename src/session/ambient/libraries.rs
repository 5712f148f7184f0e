//! Options of libraries: logging levels, the decimal context, and the options of numpy, pandas and matplotlib, as far
//! as they differ from the defaults.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyString};
use serde_json::{Map, Value, json};

use super::{Found, integer, string, to_json, to_python, unexpected};
use crate::python::deferred_signals::Tolerated as _;

/// The level of the root logger, `logging.WARNING`.
const ROOT_LEVEL: i64 = 30;
const DECIMAL_NUMBERS: [(&str, i64); 5] =
    [("prec", 28), ("Emin", -999_999), ("Emax", 999_999), ("capitals", 1), ("clamp", 0)];
const ROUNDING: &str = "ROUND_HALF_EVEN";
const TRAPS: [&str; 3] = ["DivisionByZero", "InvalidOperation", "Overflow"];

/// The loggers whose level dill sets when it is imported, and IPython and its kernels when they start.
const OF_OTHERS: [&str; 3] = ["dill", "parso", "IPKernelApp"];

pub(super) fn find_logging(logging: &Bound<'_, PyModule>, notes: &mut Vec<String>) -> PyResult<Found> {
    let root = logging.getattr("root")?;
    let mut levels = Map::new();
    let level: i64 = root.getattr("level")?.extract()?;
    if level != ROOT_LEVEL {
        levels.insert("root".to_owned(), json!(level));
    }
    let manager = root.getattr("manager")?;
    for (name, logger) in manager.getattr("loggerDict")?.cast_into::<PyDict>()?.copy()?.iter() {
        // A placeholder for a parent has no level.
        let level = logger.getattr_opt("level")?.and_then(|level| level.extract::<i64>().tolerated());
        let Some(name) = name.extract::<String>().tolerated() else { continue };
        if let Some(level) = level.filter(|level| *level != 0 && !OF_OTHERS.contains(&name.as_str())) {
            levels.insert(name, json!(level));
        }
    }
    let disabled: i64 = manager.getattr("disable")?.extract()?;
    if levels.is_empty() && disabled == 0 {
        return Ok(None);
    }
    if root.getattr("handlers")?.len()? > 0 {
        notes.push("the root logger will be restored without its handlers: configure logging again".to_owned());
    }
    let shown = levels.iter().map(|(name, level)| format!("{name}={level}"));
    let preview = shown.chain((disabled != 0).then(|| format!("disabled up to {disabled}"))).collect::<Vec<_>>();
    Ok(Some((json!({"levels": levels, "disable": disabled}), preview.join(", "))))
}

pub(super) fn set_logging(logging: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    for (name, level) in value.get("levels").and_then(Value::as_object).ok_or_else(unexpected)? {
        let logger = match name.as_str() {
            "root" => logging.getattr("root")?,
            name => logging.call_method1("getLogger", (name,))?,
        };
        logger.call_method1("setLevel", (level.as_i64().ok_or_else(unexpected)?,))?;
    }
    logging.getattr("root")?.getattr("manager")?.setattr("disable", integer(value, "disable")?)
}

pub(super) fn find_decimal(decimal: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let context = decimal.call_method0("getcontext")?;
    let (mut value, mut is_changed) = (Map::new(), false);
    let mut shown = Vec::new();
    for (name, default) in DECIMAL_NUMBERS {
        let number: i64 = context.getattr(name)?.extract()?;
        if number != default {
            is_changed = true;
            shown.push(format!("{name}={number}"));
        }
        value.insert(name.to_owned(), json!(number));
    }
    let rounding: String = context.getattr("rounding")?.extract()?;
    let mut traps = Vec::new();
    for pair in context.getattr("traps")?.call_method0("items")?.try_iter()? {
        let (signal, is_set): (Bound<'_, PyAny>, bool) = pair?.extract()?;
        if is_set {
            traps.push(signal.getattr("__name__")?.extract::<String>()?);
        }
    }
    traps.sort_unstable();
    if rounding != ROUNDING {
        shown.push(rounding.clone());
    }
    if traps != TRAPS {
        shown.push(format!("traps {}", traps.join(" ")));
    }
    is_changed |= rounding != ROUNDING || traps != TRAPS;
    value.insert("rounding".to_owned(), json!(rounding));
    value.insert("traps".to_owned(), json!(traps));
    Ok(is_changed.then(|| (Value::Object(value), shown.join(", "))))
}

pub(super) fn set_decimal(decimal: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let options = PyDict::new(decimal.py());
    for (name, _) in DECIMAL_NUMBERS {
        options.set_item(name, integer(value, name)?)?;
    }
    options.set_item("rounding", string(value, "rounding")?)?;
    let traps = value.get("traps").and_then(Value::as_array).ok_or_else(unexpected)?;
    let traps = traps.iter().filter_map(Value::as_str).map(|name| decimal.getattr(name));
    options.set_item("traps", traps.collect::<PyResult<Vec<_>>>()?)?;
    decimal.call_method1("setcontext", (decimal.getattr("Context")?.call((), Some(&options))?,)).map(drop)
}

pub(super) fn find_numpy(numpy: &Bound<'_, PyModule>, notes: &mut Vec<String>) -> PyResult<Found> {
    let defaults = json!({
        "edgeitems": 3, "threshold": 1000, "floatmode": "maxprec", "precision": 8, "suppress": false, "linewidth": 75,
        "nanstr": "nan", "infstr": "inf", "sign": "-", "formatter": null, "legacy": false, "override_repr": null,
    });
    let print = differing(&numpy.call_method0("get_printoptions")?, &defaults, "numpy print option", notes)?;
    let defaults = json!({"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"});
    let errors = differing(&numpy.call_method0("geterr")?, &defaults, "numpy error option", notes)?;
    if print.is_empty() && errors.is_empty() && notes.is_empty() {
        return Ok(None);
    }
    let preview = options_text(print.iter().chain(&errors));
    Ok(Some((json!({"print": print, "errors": errors}), preview)))
}

/// The items of a dict that differ from the defaults. Items that JSON cannot hold are named in `notes`.
fn differing(
    options: &Bound<'_, PyAny>,
    defaults: &Value,
    what: &str,
    notes: &mut Vec<String>,
) -> PyResult<Map<String, Value>> {
    let mut found = Map::new();
    for (name, value) in options.cast::<PyDict>()? {
        let name: String = name.extract()?;
        match to_json(&value, 0) {
            Some(value) if defaults.get(&name).is_some_and(|default| *default != value) => {
                found.insert(name, value);
            }
            Some(_) => {}
            None => notes.push(format!("the {what} {name} is not kept: it holds objects")),
        }
    }
    Ok(found)
}

fn options_text<'a>(options: impl Iterator<Item = (&'a String, &'a Value)>) -> String {
    options.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

pub(super) fn set_numpy(numpy: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    for (key, function) in [("print", "set_printoptions"), ("errors", "seterr")] {
        let options = to_python(numpy.py(), value.get(key).ok_or_else(unexpected)?)?.cast_into::<PyDict>()?;
        if !options.is_empty() {
            numpy.getattr(function)?.call((), Some(&options))?;
        }
    }
    Ok(())
}

/// Whether numbers of 64 bits are enabled. Without them, jax makes 32-bit arrays of those in a file.
pub(super) fn find_jax(os: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let Some(jax) = super::loaded(os.py(), "jax") else { return Ok(None) };
    let is_enabled: bool = jax.getattr("config")?.getattr("jax_enable_x64")?.extract()?;
    Ok(is_enabled.then(|| (json!({"x64": true}), "jax_enable_x64".to_owned())))
}

pub(super) fn set_jax(os: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    if value.get("x64").and_then(Value::as_bool) != Some(true) {
        return Err(unexpected());
    }
    match super::loaded(os.py(), "jax") {
        Some(jax) => jax.getattr("config")?.call_method1("update", ("jax_enable_x64", true)).map(drop),
        // jax reads it when it is imported.
        None => os.getattr("environ")?.set_item("JAX_ENABLE_X64", "1"),
    }
}

pub(super) fn find_pandas(pandas: &Bound<'_, PyModule>, notes: &mut Vec<String>) -> PyResult<Found> {
    // The public functions warn of options that are deprecated.
    let Some(config) = super::loaded(pandas.py(), "pandas._config.config") else { return Ok(None) };
    let options = config.getattr("_registered_options")?.cast_into::<PyDict>()?;
    let values = config.getattr("_global_config")?;
    let deprecated = config.getattr("_deprecated_options")?;
    let mut found = Map::new();
    for (name, option) in options.copy()?.iter() {
        let text: String = name.extract()?;
        let mut value = values.clone();
        for part in text.split('.') {
            value = value.get_item(part)?;
        }
        let default = option.getattr("defval")?;
        if value.is(&default) || value.eq(&default).tolerated().unwrap_or(false) || deprecated.contains(&name)? {
            continue;
        }
        match to_json(&value, 0) {
            Some(value) => drop(found.insert(text, value)),
            None => notes.push(format!("the pandas option {text} is not kept: it holds objects")),
        }
    }
    let preview = options_text(found.iter());
    Ok((!found.is_empty() || !notes.is_empty()).then_some((Value::Object(found), preview)))
}

pub(super) fn set_pandas(pandas: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    for (name, value) in value.as_object().ok_or_else(unexpected)? {
        pandas.call_method1("set_option", (name, to_python(pandas.py(), value)?))?;
    }
    Ok(())
}

pub(super) fn find_matplotlib(matplotlib: &Bound<'_, PyModule>, notes: &mut Vec<String>) -> PyResult<Found> {
    let (Some(now), Some(defaults)) = (matplotlib.getattr_opt("rcParams")?, matplotlib.getattr_opt("rcParamsDefault")?)
    else {
        return Ok(None);
    };
    // `RcParams` warns of deprecated keys, and chooses a backend when it is asked for one. It is a dict.
    let (now, defaults) = (now.cast_into::<PyDict>()?, defaults.cast_into::<PyDict>()?);
    let mut found = Map::new();
    let backend = changed_backend(matplotlib, &now)?;
    for (name, value) in &now {
        let text: String = name.extract()?;
        let default = if text == "backend" { Some(value.clone()) } else { defaults.get_item(&name)? };
        if default.is_some_and(|default| default.is(&value) || default.eq(&value).tolerated().unwrap_or(false)) {
            continue;
        }
        // Some options are members of enumerations that are strings.
        let string = || value.cast::<PyString>().ok().map(|text| json!(text.to_string_lossy()));
        match (text.as_str(), to_json(&value, 0).or_else(string)) {
            (_, Some(value)) => drop(found.insert(text, value)),
            // The text of a cycler is what the option takes in a file of settings.
            ("axes.prop_cycle", None) => drop(found.insert(text, json!(value.repr()?.extract::<String>()?))),
            (_, None) => notes.push(format!("the matplotlib option {text} is not kept: it holds objects")),
        }
    }
    if found.is_empty() && backend.is_null() && notes.is_empty() {
        return Ok(None);
    }
    let shown = backend.as_str().map(|backend| format!("backend={backend}"));
    let preview = shown.into_iter().chain((!found.is_empty()).then(|| options_text(found.iter())));
    let preview = preview.collect::<Vec<_>>().join(", ");
    Ok(Some((json!({"rc": found, "backend": backend}), preview)))
}

/// The backend that the script has chosen; null if there is none. `use` changes the defaults as well. `agg` is what is
/// chosen where there is no display.
fn changed_backend(matplotlib: &Bound<'_, PyModule>, now: &Bound<'_, PyDict>) -> PyResult<Value> {
    let Some(first) = matplotlib.getattr_opt("rcParamsOrig")? else { return Ok(Value::Null) };
    let first = first.cast_into::<PyDict>()?.get_item("backend")?;
    // A sentinel stands for a backend that is not chosen yet.
    let Some(backend) = now.get_item("backend")?.and_then(|backend| backend.extract::<String>().tolerated()) else {
        return Ok(Value::Null);
    };
    let is_first = first.is_some_and(|first| first.eq(&backend).tolerated().unwrap_or(false));
    Ok(if is_first || backend.eq_ignore_ascii_case("agg") { Value::Null } else { json!(backend) })
}

pub(super) fn set_matplotlib(matplotlib: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let params = matplotlib.getattr("rcParams")?;
    for (name, value) in value.get("rc").and_then(Value::as_object).ok_or_else(unexpected)? {
        params.set_item(name, to_python(matplotlib.py(), value)?)?;
    }
    let Some(backend) = value.get("backend").and_then(Value::as_str) else { return Ok(()) };
    let options = PyDict::new(matplotlib.py());
    // Without a display, another backend than the chosen one may be all there is.
    options.set_item("force", false)?;
    matplotlib.getattr("use")?.call((backend,), Some(&options)).map(drop)
}
