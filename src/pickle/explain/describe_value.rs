//! The facts of a variable that an outline shows besides its type: the shape and dtype of arrays, columns of data
//! frames, attributes of instances, parameters and source file of functions.
//!
//! Strings and bytes are not shown, as nothing has checked whether they are credentials. Many variables can share one
//! value, so the number of names that a [`Describer`] returns for all of them together is limited.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use super::labels::Labels;
use crate::pickle::known::{self, Makes};
use crate::pickle::machine::value::{Node, NodeKind, Ref};

/// The most names (of columns, attributes, parameters, fields) that are shown of one value.
pub(super) const MAX_NAMES: usize = 64;
/// The most names that are shown of all values.
const MAX_ALL_NAMES: usize = 1 << 16;
/// The most items of a value that are searched for names.
const MAX_SEARCHED: usize = 256;
/// The most steps from a data frame to its arrays, and from a dtype to the dtypes of its fields.
pub(super) const MAX_DEPTH: usize = 8;
/// The flag of a code object that has `*args` (`CO_VARARGS`).
const VARARGS: i64 = 4;
/// The flag of a code object that has `**kwargs` (`CO_VARKEYWORDS`).
const VARKEYWORDS: i64 = 8;

/// The facts that are shown of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueFacts {
    /// Its role.
    pub role: ValueRole,
    /// `len()` of data frames and their parts, which follows from the arrays in them.
    pub len: Option<u64>,
    /// The shape of an array or a data frame.
    pub shape: Option<Vec<u64>>,
    /// The dtype of an array.
    pub dtype: Option<String>,
    /// The names of the columns of a data frame.
    pub columns: Vec<String>,
    /// The names of the attributes of an instance or a class.
    pub attributes: Vec<String>,
    /// The file in which a function was defined.
    pub source: Option<String>,
    /// A literal for numbers, a signature for functions, `class NAME` for classes; empty otherwise.
    pub preview: String,
}

/// The role of a value in a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueRole {
    /// Data.
    #[default]
    Value,
    /// Imported.
    Import,
    /// A function that the pickle carries.
    Function,
    /// A class that the pickle carries.
    Class,
}

pub(crate) struct Describer<'n, 'm, 'a> {
    pub(super) labels: &'n Labels<'m, 'a>,
    /// The number of names that may still be shown.
    left: Cell<usize>,
    /// The states that classes were given after they were made.
    class_states: OnceCell<HashMap<Ref, Ref>>,
}

impl<'n, 'm, 'a> Describer<'n, 'm, 'a> {
    pub(crate) fn new(labels: &'n Labels<'m, 'a>) -> Self {
        Self { labels, left: Cell::new(MAX_ALL_NAMES), class_states: OnceCell::new() }
    }

    /// Everything that is shown of a value. A long value without parts is not decoded for it, as many variables may
    /// share one.
    pub(crate) fn facts(&self, value: Ref) -> ValueFacts {
        let node = self.labels.machine().node(value);
        match node.map(|node| (node, node.kind)) {
            Some((node, NodeKind::Array)) => self.made(value, node),
            Some((node, NodeKind::Call(_))) => self.called(value, node),
            Some((_, NodeKind::Global)) | None => self.single(value),
            // Plain containers have no more than a type and a length.
            Some(_) => ValueFacts::default(),
        }
    }

    /// A number or a global. A global that is a constant, such as `Ellipsis`, is data.
    fn single(&self, value: Ref) -> ValueFacts {
        match self.labels.type_name(value).as_ref() {
            "bool" | "int" | "float" => {
                ValueFacts { preview: self.labels.preview(value).as_ref().to_owned(), ..ValueFacts::default() }
            }
            name if name.starts_with("import ") => ValueFacts { role: ValueRole::Import, ..ValueFacts::default() },
            _ => ValueFacts::default(),
        }
    }

    /// The result of a call.
    fn called(&self, value: Ref, call: &Node) -> ValueFacts {
        match self.labels.maker(call) {
            Some(Makes::Type("module")) => {
                let module = self.labels.argument(call, 0).and_then(|module| self.labels.string(module));
                let preview = format!("module {}", module.as_deref().unwrap_or("?"));
                ValueFacts { role: ValueRole::Import, preview, ..ValueFacts::default() }
            }
            Some(Makes::Type("function")) => self.function(call),
            Some(Makes::Class(arguments)) => self.class(value, call, arguments.module),
            // A built-in class that dill or cloudpickle finds by name, such as `type` or `CodeType`.
            Some(Makes::NamedClass) => {
                let preview = self.labels.class(value).map_or_else(String::new, |class| format!("class {class}"));
                ValueFacts { role: ValueRole::Import, preview, ..ValueFacts::default() }
            }
            _ => self.made(value, call),
        }
    }

    /// An instance, an array or a data frame.
    fn made(&self, value: Ref, node: &Node) -> ValueFacts {
        if let Some((shape, dtype)) = self.array(node) {
            return ValueFacts { shape: Some(shape), dtype: self.dtype_of_array(node, dtype), ..ValueFacts::default() };
        }
        let type_name = self.labels.type_name(value);
        match type_name.as_ref() {
            "pandas.DataFrame" => self.frame(node),
            "pandas.Series" => self.series(node),
            name if name.starts_with("pandas.") => ValueFacts {
                len: self.rows(value, MAX_DEPTH),
                attributes: self.attributes(node),
                ..ValueFacts::default()
            },
            _ => ValueFacts { attributes: self.attributes(node), ..ValueFacts::default() },
        }
    }

    /// A string, as [`Labels::string`] cuts it.
    pub(super) fn string(&self, value: Ref) -> Option<String> {
        self.labels.string(value).map(|string| string.as_ref().to_owned())
    }

    /// The names, up to the limits.
    pub(super) fn limited(&self, names: impl Iterator<Item = String>) -> Vec<String> {
        // `left` counts over all values, `MAX_NAMES` for this one.
        let most = self.left.get().min(MAX_NAMES);
        let names: Vec<String> = names.take(most).collect();
        self.left.set(self.left.get() - names.len());
        names
    }

    /// The name, the parameters and the file of a function, from its code object. `_create_code(…, varnames,
    /// filename, …)` of dill and `CodeType(…)` of cloudpickle have the same arguments from `co_argcount` on.
    fn function(&self, call: &Node) -> ValueFacts {
        // `_create_function(code, globals, name, …)`; in cloudpickle the third argument is no string.
        let name = self.labels.argument(call, 2).and_then(|name| self.labels.string(name));
        let code = self.labels.argument(call, 0).and_then(|code| self.labels.machine().node(code));
        let Some((code, file)) = code.and_then(|code| Some((code, self.file_argument(code)?))) else {
            return ValueFacts { role: ValueRole::Function, ..ValueFacts::default() };
        };
        let string_at = |index| self.labels.argument(code, index).and_then(|argument| self.labels.string(argument));
        let name = name.or_else(|| string_at(file + 1));
        let parameters = self.parameters(code, file);
        let preview = format!("{}({})", name.as_deref().unwrap_or("?"), parameters.join(", "));
        ValueFacts {
            role: ValueRole::Function,
            source: string_at(file).map(|file| file.as_ref().to_owned()),
            preview,
            ..ValueFacts::default()
        }
    }

    /// The names of the parameters of a function that have their values by position.
    pub(super) fn positional(&self, call: &Node) -> Vec<String> {
        let code = self.labels.argument(call, 0).and_then(|code| self.labels.machine().node(code));
        let parameters = code.and_then(|code| Some(self.parameters(code, self.file_argument(code)?)));
        parameters.unwrap_or_default().into_iter().take_while(|name| !name.starts_with('*')).collect()
    }

    /// The index of `co_filename` among the arguments, which is the first string. The others are counted from it, as
    /// dill adds arguments at the front.
    fn file_argument(&self, code: &Node) -> Option<usize> {
        let Node { kind: NodeKind::Tuple, items, .. } = self.labels.machine().node(*code.items.get(1)?)? else {
            return None;
        };
        items.iter().take(16).position(|argument| self.labels.string(*argument).is_some()).filter(|file| *file >= 10)
    }

    /// The parameters of a function, as in its signature: names come from `co_varnames`, in the order positional,
    /// keyword-only, `*args`, `**kwargs`.
    fn parameters(&self, code: &Node, file: usize) -> Vec<String> {
        // The arguments up to the file: co_argcount, co_posonlyargcount, co_kwonlyargcount, co_nlocals, co_stacksize,
        // co_flags, co_code, co_consts, co_names, co_varnames.
        let number = |before: usize| {
            let argument = self.labels.argument(code, file.checked_sub(before)?)?;
            self.labels.int(argument)
        };
        let count = |before| number(before).and_then(|count| usize::try_from(count).ok()).unwrap_or(0).min(MAX_NAMES);
        let (plain, keywords, flags) = (count(10), count(8), number(5).unwrap_or(0));
        let names = self.labels.argument(code, file - 1).map_or(&[][..], |names| self.items(names));
        let name = |index: usize| names.get(index).and_then(|name| self.labels.string(*name));
        let name = |index| name(index).map_or_else(|| "?".to_owned(), |name| name.as_ref().to_owned());
        // `*args` and `**kwargs` come last in `co_varnames`, but `*args` comes before the keyword-only parameters here.
        let mut next = plain + keywords; // The index of `*args`, then of `**kwargs`.
        let mut parameters: Vec<String> = (0..plain).map(name).collect();
        if flags & VARARGS != 0 {
            parameters.push(format!("*{}", name(next)));
            next += 1;
        } else if keywords > 0 {
            parameters.push("*".to_owned());
        }
        parameters.extend((plain..plain + keywords).map(name));
        if flags & VARKEYWORDS != 0 {
            parameters.push(format!("**{}", name(next)));
        }
        self.limited(parameters.into_iter())
    }

    /// A class that the pickle carries.
    fn class(&self, value: Ref, call: &Node, namespace: usize) -> ValueFacts {
        let name = self.labels.class(value);
        let namespace = self.labels.argument(call, namespace).map(|argument| self.labels.namespace(argument));
        let names = namespace.into_iter().flat_map(|namespace| self.keys(namespace));
        // Every class has `__module__`, `__doc__` and the like.
        let names = names.filter(|name| !(name.starts_with("__") && name.ends_with("__")));
        // `_create_namedtuple(name, fields, …)`.
        let fields = self.labels.argument(call, 1).map_or(&[][..], |fields| self.items(fields));
        let fields = fields.iter().filter_map(|field| self.string(*field));
        let state =
            self.class_states().get(&self.labels.machine().resolve(value)).map_or(&[][..], |state| self.items(*state));
        let in_state = state.iter().take(1).flat_map(|dict| self.keys(*dict)).filter(|name| !name.starts_with('_'));
        let attributes = self.limited(fields.chain(names).chain(in_state));
        let preview = format!("class {}", name.as_deref().unwrap_or("?"));
        ValueFacts { role: ValueRole::Class, attributes, preview, ..ValueFacts::default() }
    }

    /// The states of classes of cloudpickle, which makes a class first and fills it by `_class_setstate(class, (dict,
    /// slots))`.
    fn class_states(&self) -> &HashMap<Ref, Ref> {
        self.class_states.get_or_init(|| {
            let machine = self.labels.machine();
            let calls = machine.effects().iter().filter_map(|call| machine.node(*call));
            let states = calls.filter_map(|call| {
                let (module, name) = self.labels.global(*call.items.first()?)?;
                let (class, state) = (self.labels.argument(call, 0)?, self.labels.argument(call, 1)?);
                known::fills_class(&module, &name).then(|| (machine.resolve(class), state))
            });
            states.collect()
        })
    }

    /// The names of the attributes of an instance. Its state is its dict, or a pair of its dict and its slots.
    fn attributes(&self, node: &Node) -> Vec<String> {
        let Some(state) = node.state() else { return Vec::new() };
        match self.labels.machine().node(state) {
            // (dict, slots), which `object.__reduce_ex__` makes for a class with `__slots__`.
            Some(Node { kind: NodeKind::Tuple, items, .. }) if items.len() == 2 => {
                self.limited(items.iter().flat_map(|dict| self.keys(*dict)))
            }
            _ => self.limited(self.keys(state)),
        }
    }

    /// The keys of a dict that are strings.
    fn keys(&self, dict: Ref) -> impl Iterator<Item = String> {
        let items = match self.labels.machine().node(dict) {
            Some(Node { kind: NodeKind::Dict, items, .. }) => items.as_slice(),
            _ => &[],
        };
        items.iter().step_by(2).take(MAX_SEARCHED).filter_map(|key| self.string(*key))
    }

    /// The first items of a tuple or a list.
    pub(super) fn items(&self, value: Ref) -> &'m [Ref] {
        match self.labels.machine().node(value) {
            Some(Node { kind: NodeKind::Tuple | NodeKind::List, items, .. }) => {
                items.get(..MAX_SEARCHED).unwrap_or(items)
            }
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::explain::outline::Outline;
    use crate::pickle::machine::Machine;
    use crate::pickle::samples::{self, outline};

    fn facts(pickle: &[u8]) -> Vec<(String, ValueFacts)> {
        match outline(pickle) {
            Ok(Outline::Session { variables, .. } | Outline::Dict { variables }) => {
                variables.into_iter().map(|variable| (variable.name, variable.facts)).collect()
            }
            other => panic!("no variables: {other:?}"),
        }
    }

    #[test]
    fn a_session_shows_arrays_frames_functions_and_classes() {
        let found = facts(samples::SESSION);
        let of = |name: &str| &found.iter().find(|(found, _)| found == name).expect("a variable").1;
        assert_eq!(of("arr").dtype.as_deref(), Some("int64"));
        assert_eq!(of("df").shape.as_ref().map(Vec::len), Some(2));
        assert_eq!(
            (of("f").role, of("C").role, of("np").role),
            (ValueRole::Function, ValueRole::Class, ValueRole::Import)
        );
        assert!(of("f").source.is_some() && of("f").preview.starts_with("f("), "{:?}", of("f"));
        assert_eq!(of("C").preview, "class __main__.C");
    }

    #[test]
    fn attributes_of_a_shared_value_are_limited() {
        // One instance with 200 attributes, under 60,000 keys.
        let mut pickle = b"\x80\x04}(\x8c\x01acmine\nThing\n)\x81}(".to_vec();
        for number in 0..200 {
            pickle.extend(format!("V{number:0>100}\nN").as_bytes());
        }
        pickle.extend(b"ub\x94");
        for number in 0..60_000 {
            pickle.extend(format!("Vx{number}\nh\0").as_bytes());
        }
        pickle.extend(b"u.");
        let names: usize = facts(&pickle).iter().map(|(_, facts)| facts.attributes.len()).sum();
        assert_eq!(names, MAX_ALL_NAMES);
    }

    #[test]
    fn nonsensical_states_are_not_described() {
        let array = |state: &[u8]| {
            let pickle =
                [b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\x01btR", state, b"b."].concat();
            let (machine, value) = Machine::run(&pickle).expect("a pickle");
            Describer::new(&Labels::new(&machine)).facts(value)
        };
        for state in [&b"N"[..], b"(K\x01K\x02K\x03K\x04K\x05t", b"(K\x01(K\xfft}NNt", b"]"] {
            assert_eq!(array(state), ValueFacts::default());
        }
    }
}
