//! The facts about a type that the walk needs, found out once per type.

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString, PyType};

use crate::pickler::class_attributes::ClassOrder as _;
use crate::pickler::global_name;
use crate::python::deferred_signals::Tolerated as _;
use crate::session::object_description::type_name;

/// `Py_TPFLAGS_HEAPTYPE`.
const HEAP_TYPE: u64 = 1 << 9;
/// The methods by which a class decides what is pickled of its instances.
const OWN_PICKLING: [&str; 4] = ["__reduce__", "__reduce_ex__", "__getstate__", "__setstate__"];
/// Built-in types with such methods whose instances are still described: pickling keeps all of them, or should.
const DESCRIBED: [&str; 11] = [
    "object",
    "type",
    "BaseException",
    "set",
    "frozenset",
    "bytearray",
    "collections.deque",
    "collections.OrderedDict",
    "collections.defaultdict",
    "functools.partial",
    "types.SimpleNamespace",
];

/// How the instances of a type are described.
pub(super) struct TypeFacts<'py> {
    pub(super) name: String,
    /// The descriptors of `__slots__`, by name.
    pub(super) slots: Vec<(String, Bound<'py, PyAny>)>,
    /// A class of a library decides what is pickled. It may leave out caches, which are no loss, so only the type
    /// counts.
    pub(super) is_opaque: bool,
    /// A class of the script decides what is pickled.
    pub(super) decides: Option<String>,
    /// Whether an import finds the class.
    pub(super) is_imported: bool,
    /// Whether instances can be hashed, and so may be values whose identity does not count.
    pub(super) is_hashable: bool,
}

impl<'py> TypeFacts<'py> {
    pub(super) fn new(kind: &Bound<'py, PyType>, main: &Bound<'py, PyAny>) -> PyResult<Self> {
        let py = kind.py();
        let table = py.import("copyreg")?.getattr("dispatch_table")?;
        let (mut slots, mut decides) = (Vec::new(), None);
        let mut is_opaque = table.contains(kind)?;
        for base in kind.order() {
            let base = base.cast_into::<PyType>()?;
            let names = base.getattr("__dict__")?;
            let is_heap = base.getattr("__flags__")?.extract::<u64>()? & HEAP_TYPE != 0;
            let is_described = DESCRIBED.contains(&type_name(&base).as_str());
            for method in OWN_PICKLING.iter().filter(|_| !is_described) {
                if !names.contains(*method)? || decides.is_some() || is_opaque {
                    continue;
                }
                is_opaque = !is_heap || global_name(base.as_any(), main)?.is_some();
                decides = (!is_opaque).then(|| format!("{}.{method}", type_name(&base)));
            }
            if is_heap {
                add_slots(&names, &mut slots)?;
            }
        }
        let is_hashable = !kind.getattr("__hash__")?.is_none();
        let is_imported = kind.module().tolerated().is_some_and(|module| module == "builtins")
            || global_name(kind.as_any(), main)?.is_some();
        Ok(Self { name: type_name(kind), slots, is_opaque, decides, is_imported, is_hashable })
    }
}

fn add_slots<'py>(names: &Bound<'py, PyAny>, slots: &mut Vec<(String, Bound<'py, PyAny>)>) -> PyResult<()> {
    let member = names.py().import("types")?.getattr("MemberDescriptorType")?;
    let mut found = Vec::new();
    for item in names.call_method0("items")?.try_iter()? {
        let (name, descriptor): (Bound<'py, PyString>, Bound<'py, PyAny>) = item?.extract()?;
        if descriptor.get_type().is(&member) {
            found.push((name.to_string_lossy().into_owned(), descriptor));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    slots.extend(found);
    Ok(())
}
