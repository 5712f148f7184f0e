//! Where functions, classes and the objects of known libraries keep the values that [`secrets`](super::secrets)
//! searches for credentials: defaults, closures, attributes of classes, members of enumerations, columns of frames.
//!
//! No code of the session runs here either: only genuine types of libraries are asked for their contents.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict, PyList, PySlice, PyString, PyTuple, PyType};

use super::attribute_places::KnownType;
use super::secret_strings::{MAX_CHARS, label_name, valid_text};
use super::secrets::{MAX_INNER_ITEMS, MAX_ITEMS, SecretSearch, SecretStep};
use crate::pickle::credentials::{self, is_plain_word};
use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::class_attributes::{instance_dict, namespace};
use crate::python::deferred_signals::Tolerated as _;
use crate::python::ffi::slice;

/// Attributes of a class that hold names.
const NAMES_OF_FIELDS: [&str; 3] = ["__match_args__", "__slots__", "_fields"];

impl<'py> SecretSearch<'_, 'py> {
    /// Searches an object of a known type. `name` is the name of its holder, if that may be the name of a credential.
    pub(super) fn known(&mut self, known: KnownType, name: Option<&str>, value: &Bound<'py, PyAny>) -> PyResult<()> {
        match known {
            KnownType::Partial => {
                if let Ok(keywords) = value.getattr("keywords")?.cast_into::<PyDict>() {
                    self.dict(None, &keywords, MAX_INNER_ITEMS);
                }
            }
            KnownType::Wrapper(parts) => {
                for part in parts {
                    self.object(None, &value.getattr(*part)?);
                }
            }
            KnownType::Deque => {
                self.items(name, value.try_iter()?.filter_map(|item| item.tolerated()), MAX_INNER_ITEMS);
            }
            KnownType::Proxy => {
                // The garbage collector knows the mapping, so that no method of it is called.
                let held = value.py().import(intern!(value.py(), "gc"))?.call_method1("get_referents", (value,))?;
                for mapping in held.try_iter()? {
                    self.object(name, &mapping?);
                }
            }
            KnownType::MemoryFile => self.object(name, &value.call_method0("getvalue")?),
            KnownType::NumpyArray => self.array(name, value)?,
            KnownType::DataFrame => self.data_frame(value)?,
            KnownType::Series => self.labelled_series(name, value)?,
        }
        Ok(())
    }

    /// Searches the fields of a structured array, or the first items of an array of strings or objects.
    fn array(&mut self, name: Option<&str>, array: &Bound<'py, PyAny>) -> PyResult<()> {
        let dtype = array.getattr("dtype")?;
        let kind: String = dtype.getattr("kind")?.extract()?;
        if let ("V", Ok(fields)) = (kind.as_str(), dtype.getattr("names")?.cast_into::<PyTuple>()) {
            for field in fields.iter().take(MAX_INNER_ITEMS) {
                let Some(field) = string(&field) else { continue };
                self.array(Some(&field), &array.get_item(&field)?)?;
            }
        } else if ["U", "S", "O"].contains(&kind.as_str())
            && let Ok(items) = array.getattr("flat")?.get_item(head(array)?)?.call_method0("tolist")?.cast::<PyList>()
        {
            self.items(name, items.iter(), MAX_INNER_ITEMS);
        }
        Ok(())
    }

    fn data_frame(&mut self, frame: &Bound<'py, PyAny>) -> PyResult<()> {
        let positions = frame.getattr("iloc")?;
        let none = frame.py().None().into_bound(frame.py());
        let columns = frame.getattr("columns")?.get_item(head(frame)?)?;
        let dtypes = frame.getattr("dtypes")?.call_method1("head", (MAX_INNER_ITEMS,))?.call_method0("to_list")?;
        for (number, (label, dtype)) in columns.try_iter()?.zip(dtypes.try_iter()?).enumerate() {
            let column = || positions.get_item((PySlice::full(frame.py()), number));
            match label_name(&label?, &none).filter(|text| credentials::may_name_credential(text)) {
                Some(text) => self.series(&text, &column()?)?,
                None if is_of_objects(&dtype?)? => self.objects(&column()?)?,
                None => {}
            }
        }
        for (number, label) in frame.getattr("index")?.get_item(head(frame)?)?.try_iter()?.enumerate() {
            let text = label_name(&label?, &none).filter(|text| credentials::names_credentials(text));
            if let Some(text) = text {
                self.row(&text, &positions.get_item(number)?)?;
            }
        }
        Ok(())
    }

    /// Searches the dicts and other objects among the first values of a column of objects. Its strings have no name.
    fn objects(&mut self, column: &Bound<'py, PyAny>) -> PyResult<()> {
        let before = self.reasons();
        let items = column.call_method1("head", (MAX_INNER_ITEMS,))?.call_method0("to_list")?;
        for (number, item) in items.try_iter()?.enumerate() {
            let item = item?;
            if !item.is_instance_of::<PyString>() {
                self.inside(|| SecretStep::Item(number), None, &item);
            }
            // One reason is enough for a column.
            if self.reasons() > before {
                break;
            }
        }
        Ok(())
    }

    /// Searches the row of a frame that has this label. Words, and text with spaces, describe what the label names.
    fn row(&mut self, name: &str, row: &Bound<'py, PyAny>) -> PyResult<()> {
        for item in row.call_method1("head", (MAX_INNER_ITEMS,))?.call_method0("to_list")?.try_iter()? {
            let item = item?;
            if string(&item).is_some_and(|text| !is_plain_word(&text) && !text.contains(char::is_whitespace)) {
                self.inside(|| SecretStep::Key(name.to_owned()), Some(name), &item);
            }
        }
        Ok(())
    }

    /// Searches a series by its own name and by its labels.
    fn labelled_series(&mut self, name: Option<&str>, series: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Some(name) = string(&series.getattr("name")?).or_else(|| name.map(str::to_owned)) {
            self.series(&name, series)?;
        }
        if is_of_objects(&series.getattr("dtype")?)? {
            self.objects(series)?;
        }
        let labels = series.getattr("index")?.get_item(head(series)?)?;
        for (number, label) in labels.try_iter()?.enumerate() {
            let item = series.getattr("iloc")?.get_item(number)?;
            if let Some(label) = label_name(&label?, &item).filter(|label| credentials::may_name_credential(label)) {
                self.inside(|| SecretStep::Key(label.clone()), Some(&label), &item);
            }
        }
        Ok(())
    }

    /// Searches the first values of a column or a series with this name.
    fn series(&mut self, name: &str, values: &Bound<'py, PyAny>) -> PyResult<()> {
        for item in values.call_method1("head", (MAX_INNER_ITEMS,))?.call_method0("to_list")?.try_iter()? {
            let before = self.reasons();
            self.inside(|| SecretStep::Key(name.to_owned()), Some(name), &item?);
            // One reason is enough for a column.
            if self.reasons() > before {
                break;
            }
        }
        Ok(())
    }

    /// Searches everything that is saved with a function of the session: the variables of its closure, its defaults,
    /// and its attributes.
    pub(super) fn function(&mut self, function: &Bound<'py, PyAny>) -> PyResult<()> {
        let py = function.py();
        let closure = function.getattr(intern!(py, "__closure__"))?;
        let defaults = function.getattr(intern!(py, "__defaults__"))?;
        let keywords = function.getattr(intern!(py, "__kwdefaults__"))?;
        let attributes = function.getattr(intern!(py, "__dict__"))?.cast_into::<PyDict>()?;
        // Most functions have none of these.
        if closure.is_none() && defaults.is_none() && keywords.is_none() && attributes.is_empty()
            || !function.getattr(intern!(py, "__module__"))?.eq(self.finder.session.as_str())?
        {
            return Ok(());
        }
        for (name, value) in strings_and_values(&attributes) {
            self.named(&name, &value);
        }
        let code = function.getattr(intern!(py, "__code__"))?;
        if let Ok(cells) = closure.cast_into::<PyTuple>() {
            let names: Vec<String> = code.getattr("co_freevars")?.extract()?;
            for (name, cell) in names.iter().zip(cells.iter()) {
                // A cell that is empty raises ValueError.
                cell.getattr("cell_contents").tolerated().iter().for_each(|value| self.named(name, value));
            }
        }
        if let Ok(defaults) = defaults.cast_into::<PyTuple>() {
            let names: Vec<String> = code.getattr("co_varnames")?.extract()?;
            let arguments: usize = code.getattr("co_argcount")?.extract()?;
            let named = names.iter().take(arguments).skip(arguments.saturating_sub(defaults.len()));
            named.zip(defaults.iter()).for_each(|(name, value)| self.default(name, &value));
        }
        if let Ok(keywords) = keywords.cast_into::<PyDict>() {
            for (name, value) in strings_and_values(&keywords) {
                self.default(&name, &value);
            }
        }
        Ok(())
    }

    /// Searches the default of a parameter. Many are just words: `password="postgres"`.
    fn default(&mut self, name: &str, value: &Bound<'py, PyAny>) {
        let string = value
            .cast_exact::<PyString>()
            .ok()
            .filter(|it| it.len().tolerated().is_some_and(|length| length <= MAX_CHARS));
        if !string.and_then(valid_text).is_some_and(|string| is_plain_word(&string)) {
            self.named(name, value);
        }
    }

    /// Searches the attributes of a class of the session, and of its bases that are saved with it.
    pub(super) fn class(&mut self, class: &Bound<'py, PyType>) -> PyResult<()> {
        for base in class.order() {
            let Ok(base) = base.cast_into::<PyType>() else { continue };
            let names = namespace(&base)?;
            let is_saved = names.contains("__module__")? && names.get_item("__module__")?.eq(&self.finder.session)?;
            if !is_saved || !self.classes.insert(base.as_ptr() as usize) {
                continue;
            }
            let names = names.call_method0(intern!(class.py(), "copy"))?.cast_into::<PyDict>()?;
            for (name, value) in names.iter().take(MAX_ITEMS) {
                let Some(name) = name.cast_exact::<PyString>().ok().and_then(|name| name.to_str().tolerated()) else {
                    continue;
                };
                // The names of fields, of which two look like a name and its value.
                if NAMES_OF_FIELDS.contains(&name) {
                    continue;
                }
                self.named(name, &value);
                // A member of an enumeration has its value in an attribute.
                if value.get_type().is(&base)
                    && let Some(member) =
                        instance_dict(&value)?.and_then(|it| it.get_item("_value_").tolerated().flatten())
                {
                    self.named(name, &member);
                }
            }
        }
        Ok(())
    }
}

/// Whether a dtype is that of any objects. The kind of strings of pandas is `O` as well.
fn is_of_objects(dtype: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(dtype.str()?.to_str()? == "object")
}

/// A slice of the first items.
fn head<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    slice(value.py(), 0, MAX_INNER_ITEMS)
}

/// The first items of a dict whose keys are strings.
fn strings_and_values<'py>(dict: &Bound<'py, PyDict>) -> Vec<(String, Bound<'py, PyAny>)> {
    let items = dict.iter().take(MAX_INNER_ITEMS);
    items
        .filter_map(|(name, value)| Some((name.cast_exact::<PyString>().ok()?.to_str().tolerated()?.to_owned(), value)))
        .collect()
}

fn string(value: &Bound<'_, PyAny>) -> Option<String> {
    value.cast_exact::<PyString>().ok()?.to_str().tolerated().map(str::to_owned)
}
