//! What a pickle tells of a variable beside its type: shape and dtype of arrays, columns of frames, attributes of
//! instances, parameters and source file of functions.
//!
//! The texts of values are not told, as nobody has looked whether they are credentials. One value can be that of many
//! variables: what is told of all of them together is limited.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use super::dtype_call::{DtypeSpec, dtype_call, spec_of};
use super::naming::{Naming, steps};
use super::node::{Kind, Leaf, Node, Ref, Value};
use super::rules::{self, Makes, frames};

/// How many names (of columns, attributes, parameters, fields) are told of one value, and of all.
const MAX_NAMES: usize = 64;
const MAX_ALL: usize = 1 << 16;
/// How many items are looked at for names.
const MAX_LOOKED_AT: usize = 256;
/// How many values are followed from a frame to its arrays, and from a dtype to those of its fields.
const MAX_DEPTH: usize = 8;
/// The most dimensions of an array.
const MAX_DIMENSIONS: usize = 64;
/// The flags of a code object that has `*args` and `**kwargs`, in every CPython.
const VARARGS: i64 = 4;
const VARKEYWORDS: i64 = 8;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// What it is.
    pub role: Role,
    /// `len()`, where only what it holds tells it: of frames and their parts.
    pub len: Option<u64>,
    /// An array's or a frame's shape.
    pub shape: Option<Vec<u64>>,
    /// An array's dtype.
    pub dtype: Option<String>,
    /// The names of a frame's columns.
    pub columns: Vec<String>,
    /// The names of an instance's attributes, or of a class's.
    pub attributes: Vec<String>,
    /// The file that a function was written in.
    pub source: Option<String>,
    /// A short text.
    pub preview: String,
}

/// What a value is to a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
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

/// Looks at values of one machine.
pub struct Teller<'n, 'm, 'a> {
    naming: &'n Naming<'m, 'a>,
    left: Cell<usize>,
    /// The states that classes were given after they were made.
    given: OnceCell<HashMap<Ref, Ref>>,
}

impl<'n, 'm, 'a> Teller<'n, 'm, 'a> {
    /// Nothing is told yet.
    pub fn new(naming: &'n Naming<'m, 'a>) -> Self {
        Self { naming, left: Cell::new(MAX_ALL), given: OnceCell::new() }
    }

    /// All that is known of a value. What one opcode makes is not decoded for it again: many may share a long one.
    pub fn facts(&self, value: Ref) -> Facts {
        let node = self.naming.machine().node(value);
        match node.map(|node| (node, node.kind)) {
            Some((node, Kind::Array)) => self.made(value, node),
            Some((node, Kind::Call(_))) => self.called(value, node),
            Some((_, Kind::Global)) | None => self.single(value),
            Some(_) => Facts::default(),
        }
    }

    /// A number, or something imported. A name that stands for a value is data.
    fn single(&self, value: Ref) -> Facts {
        match self.naming.type_name(value).as_ref() {
            "bool" | "int" | "float" => {
                Facts { preview: self.naming.preview(value).as_ref().to_owned(), ..Facts::default() }
            }
            name if name.starts_with("import ") => Facts { role: Role::Import, ..Facts::default() },
            _ => Facts::default(),
        }
    }

    fn called(&self, value: Ref, call: &Node) -> Facts {
        match self.naming.maker(call) {
            Some(Makes::Type("module")) => {
                let module = self.naming.argument(call, 0).and_then(|module| self.naming.text(module));
                let preview = format!("module {}", module.as_deref().unwrap_or("?"));
                Facts { role: Role::Import, preview, ..Facts::default() }
            }
            Some(Makes::Type("function")) => self.function(call),
            Some(Makes::Class(arguments)) => self.class(value, call, arguments.module),
            Some(Makes::NamedClass) => {
                let preview = self.naming.class(value).map_or_else(String::new, |class| format!("class {class}"));
                Facts { role: Role::Import, preview, ..Facts::default() }
            }
            _ => self.made(value, call),
        }
    }

    /// An instance, an array or a frame.
    fn made(&self, value: Ref, node: &Node) -> Facts {
        if let Some((shape, dtype)) = self.array(node) {
            return Facts { shape: Some(shape), dtype: self.dtype_of_array(node, dtype), ..Facts::default() };
        }
        let type_name = self.naming.type_name(value);
        match type_name.as_ref() {
            "pandas.DataFrame" => self.frame(node),
            "pandas.Series" => self.series(node),
            name if name.starts_with("pandas.") => {
                Facts { len: self.rows(value, MAX_DEPTH), attributes: self.attributes(node), ..Facts::default() }
            }
            _ => Facts { attributes: self.attributes(node), ..Facts::default() },
        }
    }

    /// Takes the names of something, as many as may be told.
    fn told(&self, names: impl Iterator<Item = String>) -> Vec<String> {
        let most = self.left.get().min(MAX_NAMES);
        let names: Vec<String> = names.take(most).collect();
        self.left.set(self.left.get() - names.len());
        names
    }

    /// The name, the parameters and the file of a function, by its code object: `_create_code(…, varnames, filename, …)` of
    /// dill and `CodeType(…)` of cloudpickle have the same arguments from `co_argcount` on.
    fn function(&self, call: &Node) -> Facts {
        let name = self.naming.argument(call, 2).and_then(|name| self.naming.text(name));
        let code = self.naming.argument(call, 0).and_then(|code| self.naming.machine().node(code));
        let Some((code, file)) = code.and_then(|code| Some((code, self.file_argument(code)?))) else {
            return Facts { role: Role::Function, ..Facts::default() };
        };
        let text = |index| self.naming.argument(code, index).and_then(|text| self.naming.text(text));
        let name = name.or_else(|| text(file + 1));
        let parameters = self.parameters(code, file);
        let preview = format!("{}({})", name.as_deref().unwrap_or("?"), parameters.join(", "));
        Facts {
            role: Role::Function,
            source: text(file).map(|file| file.as_ref().to_owned()),
            preview,
            ..Facts::default()
        }
    }

    /// Which argument of a code object's maker is the file: the first text.
    fn file_argument(&self, code: &Node) -> Option<usize> {
        let Node { kind: Kind::Tuple, items, .. } = self.naming.machine().node(*code.items.get(1)?)? else {
            return None;
        };
        items.iter().take(16).position(|argument| self.naming.text(*argument).is_some()).filter(|file| *file >= 10)
    }

    fn parameters(&self, code: &Node, file: usize) -> Vec<String> {
        let number = |before: usize| {
            let argument = self.naming.argument(code, file.checked_sub(before)?)?;
            self.naming.int(argument)
        };
        let count = |before| number(before).and_then(|count| usize::try_from(count).ok()).unwrap_or(0).min(MAX_NAMES);
        let (plain, keywords, flags) = (count(10), count(8), number(5).unwrap_or(0));
        let names = self.naming.argument(code, file - 1).map_or(&[][..], |names| self.items(names));
        let name = |index: usize| names.get(index).and_then(|name| self.naming.text(*name));
        let name = |index| name(index).map_or_else(|| "?".to_owned(), |name| name.as_ref().to_owned());
        let mut next = plain + keywords;
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
        self.told(parameters.into_iter())
    }

    fn class(&self, value: Ref, call: &Node, namespace: usize) -> Facts {
        let name = self.naming.class(value);
        let namespace = self.naming.argument(call, namespace).map(|argument| self.naming.namespace(argument));
        let names = namespace.into_iter().flat_map(|namespace| self.keys(namespace));
        let names = names.filter(|name| !(name.starts_with("__") && name.ends_with("__")));
        // `_create_namedtuple(name, fields, …)`.
        let fields = self.naming.argument(call, 1).map_or(&[][..], |fields| self.items(fields));
        let fields = fields.iter().filter_map(|field| Some(self.naming.text(*field)?.as_ref().to_owned()));
        let given = self.given().get(&self.naming.machine().resolve(value)).map_or(&[][..], |state| self.items(*state));
        let given = given.iter().take(1).flat_map(|dict| self.keys(*dict)).filter(|name| !name.starts_with('_'));
        let attributes = self.told(fields.chain(names).chain(given));
        let preview = format!("class {}", name.as_deref().unwrap_or("?"));
        Facts { role: Role::Class, attributes, preview, ..Facts::default() }
    }

    /// cloudpickle makes a class first, and has `_class_setstate(class, (dict, slots))` fill it.
    fn given(&self) -> &HashMap<Ref, Ref> {
        self.given.get_or_init(|| {
            let machine = self.naming.machine();
            let calls = machine.effects().iter().filter_map(|call| machine.node(*call));
            let states = calls.filter_map(|call| {
                let (module, name) = self.naming.global(*call.items.first()?)?;
                let (class, state) = (self.naming.argument(call, 0)?, self.naming.argument(call, 1)?);
                rules::fills_class(&module, &name).then(|| (machine.resolve(class), state))
            });
            states.collect()
        })
    }

    /// The names of what an instance was given: its state is its dict, or that with its slots.
    fn attributes(&self, node: &Node) -> Vec<String> {
        let Some(state) = node.state else { return Vec::new() };
        match self.naming.machine().node(state) {
            Some(Node { kind: Kind::Tuple, items, .. }) if items.len() == 2 => {
                self.told(items.iter().flat_map(|dict| self.keys(*dict)))
            }
            _ => self.told(self.keys(state)),
        }
    }

    /// The texts among the keys of a dict.
    fn keys(&self, dict: Ref) -> impl Iterator<Item = String> {
        let items = match self.naming.machine().node(dict) {
            Some(Node { kind: Kind::Dict, items, .. }) => items.as_slice(),
            _ => &[],
        };
        items.iter().step_by(2).take(MAX_LOOKED_AT).filter_map(|key| Some(self.naming.text(*key)?.as_ref().to_owned()))
    }

    /// The items of a tuple or a list.
    fn items(&self, value: Ref) -> &'m [Ref] {
        match self.naming.machine().node(value) {
            Some(Node { kind: Kind::Tuple | Kind::List, items, .. }) => items.get(..MAX_LOOKED_AT).unwrap_or(items),
            _ => &[],
        }
    }

    /// Shape and dtype of an array, in the forms that numpy, dill and joblib write.
    fn array(&self, node: &Node) -> Option<(Vec<u64>, Ref)> {
        let machine = self.naming.machine();
        if node.kind == Kind::Array {
            return Some((self.shape(machine.described(node, "shape")?)?, machine.described(node, "dtype")?));
        }
        let argument = |index| self.naming.argument(node, index);
        let state = match self.naming.maker(node)? {
            Makes::Type(rules::ARRAY) => return Some((self.shape(argument(2)?)?, argument(1)?)),
            Makes::Call => argument(2)?,
            Makes::InstanceOf(0) => node.state?,
            _ => return None,
        };
        // (version, shape, dtype, …)
        let &[_, shape, dtype, _, _, ..] = self.items(state) else { return None };
        self.code(dtype)?;
        Some((self.shape(shape)?, dtype))
    }

    /// An array that has a buffer keeps its byte order; one that is given its bytes turns them around.
    fn dtype_of_array(&self, array: &Node, dtype: Ref) -> Option<String> {
        let from_buffer = matches!(self.naming.maker(array), Some(Makes::Type(rules::ARRAY)));
        let state = self.naming.machine().node(dtype)?.state.map_or(&[][..], |state| self.items(state));
        let order = state.get(1).and_then(|order| self.naming.text(*order));
        match order.as_deref() {
            Some(">") if from_buffer => Some(self.field(dtype, MAX_DEPTH)?.0.trim_matches('\'').to_owned()),
            _ => self.dtype(dtype, MAX_DEPTH),
        }
    }

    fn shape(&self, value: Ref) -> Option<Vec<u64>> {
        if !matches!(self.naming.machine().node(value)?.kind, Kind::Tuple) {
            return None;
        }
        let lengths = self.items(value);
        if lengths.len() > MAX_DIMENSIONS {
            return None;
        }
        lengths.iter().map(|length| u64::try_from(self.naming.int(*length)?).ok()).collect()
    }

    /// The call that makes a dtype, and its code: `f8`.
    fn code(&self, dtype: Ref) -> Option<(&'m Node, std::rc::Rc<str>)> {
        let node = dtype_call(self.naming, dtype)?;
        let (DtypeSpec::Code(code) | DtypeSpec::Class(_, code)) = spec_of(self.naming, node)?;
        Some((node, code))
    }

    /// A dtype as numpy writes it.
    fn dtype(&self, dtype: Ref, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let (node, code) = self.code(dtype)?;
        let state = node.state.map_or(&[][..], |state| self.items(state));
        if let Some(&[_, _, _, names, fields, size, _, flags, ..]) = Some(state).filter(|state| state.len() >= 8)
            && matches!(self.naming.machine().node(fields), Some(Node { kind: Kind::Dict, .. }))
        {
            let text = self.structure(names, fields, self.naming.int(size)?, self.naming.int(flags)?, depth)?;
            return Some(if code.as_ref() == "record" { format!("(numpy.record, {text})") } else { text });
        }
        let name = rules::dtype_name(&code)?;
        match (code.as_ref(), state.get(8)) {
            ("M8" | "m8", Some(metadata)) => Some(format!("{name}{}", self.unit(*metadata)?)),
            _ => Some(name),
        }
    }

    /// The unit of a time: `({}, (b'ns', 1, 1, 1))` is `[ns]`.
    fn unit(&self, metadata: Ref) -> Option<String> {
        let &[unit, count, ..] = self.items(*self.items(metadata).get(1)?) else { return None };
        let machine = self.naming.machine();
        let unit = match machine.node(unit) {
            // Protocol 2 has `_codecs.encode('ns', 'latin1')`.
            Some(call) => self.naming.text(self.naming.argument(call, 0)?)?.as_ref().to_owned(),
            None if self.naming.type_name(unit).as_ref() == "bytes" => match machine.value(unit) {
                Value::Leaf(Leaf::Bytes(unit)) => String::from_utf8_lossy(unit.get(..unit.len().min(8))?).into_owned(),
                _ => return None,
            },
            None => self.naming.text(unit)?.as_ref().to_owned(),
        };
        match self.naming.int(count)? {
            1 if unit == "generic" => Some(String::new()),
            1 => Some(format!("[{unit}]")),
            count => Some(format!("[{count}{unit}]")),
        }
    }

    /// A structured dtype: its fields, and where they are, if they do not lie close together.
    fn structure(&self, names: Ref, fields: Ref, size: i64, flags: i64, depth: usize) -> Option<String> {
        /// Whether numpy aligns the fields of a dtype.
        const ALIGNED: i64 = 128;
        let count = self.items(names).len();
        let names = self.items(names).iter().filter_map(|name| Some(self.naming.text(*name)?.as_ref().to_owned()));
        let names = self.told(names);
        let (mut end, mut is_close) = (0, flags & ALIGNED == 0);
        let (mut formats, mut offsets) = (Vec::new(), Vec::new());
        for name in &names {
            let &[dtype, offset, ..] = self.items(self.naming.under(fields, name)?) else { return None };
            let (format, length) = self.field(dtype, depth)?;
            let offset = self.naming.int(offset)?;
            is_close &= offset == end;
            end = offset.checked_add(length)?;
            formats.push(format);
            offsets.push(offset.to_string());
        }
        if names.len() < count {
            return Some(format!("|V{size}"));
        }
        if is_close && end == size {
            let pairs = names.iter().zip(&formats).map(|(name, format)| format!("('{name}', {format})"));
            return Some(format!("[{}]", pairs.collect::<Vec<_>>().join(", ")));
        }
        // numpy has no `|` here, and brackets around what has a shape.
        let format = |format: &String| match format.strip_prefix("'|").filter(|code| !code.starts_with(['S', 'V'])) {
            Some(code) => format!("'{code}"),
            None if format.ends_with(')') => format!("({format})"),
            None => format.clone(),
        };
        let formats: Vec<String> = formats.iter().map(format).collect();
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        let aligned = if flags & ALIGNED == 0 { "" } else { ", 'aligned': True" };
        Some(format!(
            "{{'names': [{}], 'formats': [{}], 'offsets': [{}], 'itemsize': {size}{aligned}}}",
            names.join(", "),
            formats.join(", "),
            offsets.join(", ")
        ))
    }

    /// A field's dtype with its byte order, and its size.
    fn field(&self, dtype: Ref, depth: usize) -> Option<(String, i64)> {
        let depth = depth.checked_sub(1)?;
        let (node, code) = self.code(dtype)?;
        let state = node.state.map_or(&[][..], |state| self.items(state));
        if let Some(&[base, shape]) = state.get(2).map(|array| self.items(*array)) {
            let (base, size) = self.field(base, depth)?;
            let shape = self.shape(shape)?;
            let count = shape.iter().try_fold(1_u64, |count, length| count.checked_mul(*length))?;
            let lengths: Vec<String> = shape.iter().map(u64::to_string).collect();
            let comma = if lengths.len() == 1 { "," } else { "" };
            let text = format!("{base}, ({}{comma})", lengths.join(", "));
            return Some((text, size.checked_mul(i64::try_from(count).ok()?)?));
        }
        let size = i64::try_from(rules::item_size(&code)?).ok()?;
        if let Some(fields) = state.get(4)
            && matches!(self.naming.machine().node(*fields), Some(Node { kind: Kind::Dict, .. }))
        {
            return Some((self.dtype(dtype, depth)?, size));
        }
        let order = state.get(1).and_then(|order| self.naming.text(*order));
        let order = if size == 1 && !code.starts_with('U') { "|" } else { order.as_deref().unwrap_or("|") };
        let unit = match (code.as_ref(), state.get(8)) {
            ("M8" | "m8", Some(metadata)) => self.unit(*metadata)?,
            _ => String::new(),
        };
        Some((format!("'{order}{code}{unit}'"), size))
    }

    /// The manager of a frame's or a series' arrays: its axes.
    fn axes(&self, node: &Node) -> Option<(&'m Node, &'m [Ref])> {
        let manager = self.naming.machine().node(self.naming.under(node.state?, "_mgr")?)?;
        let axes = match manager.state {
            Some(state) => *self.items(state).first()?,
            None => self.naming.argument(manager, 1)?,
        };
        Some((manager, self.items(axes)))
    }

    fn frame(&self, node: &Node) -> Facts {
        let Some((_, &[columns, index])) = self.axes(node) else { return Facts::default() };
        let (rows, width) = (self.rows(index, MAX_DEPTH), self.rows(columns, MAX_DEPTH));
        let columns = self.labels(columns);
        let shape = rows.zip(width).map(|(rows, width)| vec![rows, width]);
        let names = columns.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
        let preview = if columns.is_empty() { String::new() } else { format!("columns [{names}]") };
        Facts { len: rows, shape, columns, preview, ..Facts::default() }
    }

    fn series(&self, node: &Node) -> Facts {
        let Some((manager, &[index])) = self.axes(node) else { return Facts::default() };
        let rows = self.rows(index, MAX_DEPTH);
        let values = match manager.state {
            Some(state) => self.items(state).get(1).and_then(|blocks| self.items(*blocks).first().copied()),
            None => None,
        };
        let dtype = values.and_then(|values| self.dtype_of_values(values));
        Facts { len: rows, shape: rows.map(|rows| vec![rows]), dtype, ..Facts::default() }
    }

    /// The dtype of what a series holds: an array, or one of pandas' own.
    fn dtype_of_values(&self, values: Ref) -> Option<String> {
        let node = self.naming.machine().node(values)?;
        if let Some((_, dtype)) = self.array(node) {
            return self.dtype(dtype, MAX_DEPTH);
        }
        let class = self.naming.type_name(values);
        let inner = |key| {
            let (_, dtype) = self.array(self.naming.machine().node(self.naming.under(node.state?, key)?)?)?;
            self.dtype(dtype, MAX_DEPTH)
        };
        match frames::values(&class)? {
            frames::Values::Always(name) => Some(name.to_owned()),
            // `int64` is `Int64` where values may be missing.
            frames::Values::Masked => {
                let name = inner("_data")?;
                let letters = if name.starts_with("uint") { 2 } else { 1 };
                let (first, rest) = name.split_at_checked(letters)?;
                Some(format!("{}{rest}", first.to_ascii_uppercase()))
            }
            frames::Values::Backed => self.backed(*self.items(node.state?).first()?),
        }
    }

    /// The dtype of an array that is backed by one of numpy's.
    fn backed(&self, dtype: Ref) -> Option<String> {
        if self.code(dtype).is_some() {
            return self.dtype(dtype, MAX_DEPTH);
        }
        let node = self.naming.machine().node(dtype)?;
        match self.naming.type_name(dtype).as_ref() {
            "pandas.StringDtype" => {
                let missing = self.naming.argument(node, 1).map(|missing| self.naming.type_name(missing));
                Some(if missing.as_deref() == Some("float") { "str" } else { "string" }.to_owned())
            }
            "pandas.PeriodDtype" => Some(self.naming.text(self.naming.argument(node, 0)?)?.as_ref().to_owned()),
            "pandas.DatetimeTZDtype" => {
                let state = node.state?;
                let unit = self.naming.text(self.naming.under(state, "unit")?)?;
                let zone = self.naming.machine().node(self.naming.under(state, "tz")?)?;
                let zone = self.naming.text(self.naming.argument(zone, 0)?)?;
                Some(format!("datetime64[{unit}, {zone}]"))
            }
            _ => None,
        }
    }

    /// The length of an index, or of what it holds.
    fn rows(&self, value: Ref, depth: usize) -> Option<u64> {
        let depth = depth.checked_sub(1)?;
        let node = self.naming.machine().node(value)?;
        if let Some((shape, _)) = self.array(node) {
            return shape.first().copied();
        }
        if !matches!(node.kind, Kind::Call(_)) {
            return None;
        }
        // `_new_Index(class, {…})`, an instance with a dict, or a wrapper of numpy's array.
        let is_dict = |value: &Ref| matches!(self.naming.machine().node(*value), Some(Node { kind: Kind::Dict, .. }));
        let dict = self.naming.argument(node, 1).filter(is_dict).or_else(|| node.state.filter(is_dict));
        if let Some(dict) = dict {
            let number = |key| self.naming.under(dict, key).and_then(|number| self.naming.int(number));
            if let (Some(start), Some(stop), Some(step)) = (number("start"), number("stop"), number("step")) {
                return steps(start, stop, step);
            }
            let held = frames::HELD.iter().find_map(|key| self.naming.under(dict, key))?;
            return self.rows(self.items(held).first().copied().unwrap_or(held), depth);
        }
        if self.naming.type_name(value).starts_with("pandas._libs.sparse.") {
            return u64::try_from(self.naming.int(self.naming.argument(node, 0)?)?).ok();
        }
        self.items(node.state?).iter().take(3).find_map(|item| self.rows(*item, depth))
    }

    /// The names in an index, where they are texts or the numbers of a range.
    fn labels(&self, index: Ref) -> Vec<String> {
        let Some(node) = self.naming.machine().node(index) else { return Vec::new() };
        let Some(dict) = self.naming.argument(node, 1) else { return Vec::new() };
        let number = |key| self.naming.under(dict, key).and_then(|number| self.naming.int(number));
        if let (Some(start), Some(stop), Some(step)) = (number("start"), number("stop"), number("step")) {
            let count = steps(start, stop, step).unwrap_or(0);
            let labels = (0..count).map_while(|place| start.checked_add(i64::try_from(place).ok()?.checked_mul(step)?));
            return self.told(labels.map(|label| label.to_string()));
        }
        let names = self.naming.under(dict, "data").map_or(&[][..], |data| self.objects(data, MAX_DEPTH));
        let label = |name: &Ref| match self.naming.text(*name) {
            Some(text) => text.as_ref().to_owned(),
            None => self.naming.preview(*name).as_ref().to_owned(),
        };
        self.told(names.iter().map(label))
    }

    /// The items of an array of objects, or of what wraps one.
    fn objects(&self, value: Ref, depth: usize) -> &'m [Ref] {
        let Some(depth) = depth.checked_sub(1) else { return &[] };
        let Some(node) = self.naming.machine().node(value) else { return &[] };
        let state = match self.naming.maker(node) {
            Some(Makes::Call) => self.naming.argument(node, 2),
            _ => node.state,
        };
        let Some(state) = state else { return &[] };
        let items = self.items(state);
        if self.array(node).is_some() {
            return items.get(4).map_or(&[], |items| self.items(*items));
        }
        items.iter().take(3).map(|item| self.objects(*item, depth)).find(|found| !found.is_empty()).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::machine::Machine;
    use crate::pickle::outline::{Shape, outline};
    use crate::pickle::samples;

    fn facts(pickle: &[u8]) -> Vec<(String, Facts)> {
        match outline(pickle) {
            Ok((Shape::Session { variables, .. } | Shape::Dict { variables }, ..)) => {
                variables.into_iter().map(|variable| (variable.name, variable.facts)).collect()
            }
            other => panic!("no variables: {other:?}"),
        }
    }

    #[test]
    fn a_session_tells_arrays_frames_functions_and_classes() {
        let found = facts(samples::SESSION);
        let of = |name: &str| &found.iter().find(|(found, _)| found == name).expect("a variable").1;
        assert_eq!(of("arr").dtype.as_deref(), Some("int64"));
        assert_eq!(of("df").shape.as_ref().map(Vec::len), Some(2));
        assert_eq!((of("f").role, of("C").role, of("np").role), (Role::Function, Role::Class, Role::Import));
        assert!(of("f").source.is_some() && of("f").preview.starts_with("f("), "{:?}", of("f"));
        assert_eq!(of("C").preview, "class __main__.C");
    }

    #[test]
    fn what_many_variables_share_is_not_told_without_end() {
        // One instance with 200 attributes, under 60,000 keys.
        let mut pickle = b"\x80\x04}(\x8c\x01acmine\nThing\n)\x81}(".to_vec();
        for number in 0..200 {
            pickle.extend(format!("V{number:0>100}\nN").as_bytes());
        }
        pickle.extend(b"ub\x94");
        for number in 0..60_000 {
            pickle.extend(format!("V{number}\nh\0").as_bytes());
        }
        pickle.extend(b"u.");
        let told: usize = facts(&pickle).iter().map(|(_, facts)| facts.attributes.len()).sum();
        assert_eq!(told, MAX_ALL);
    }

    #[test]
    fn states_that_make_no_sense_tell_nothing() {
        let array = |state: &[u8]| {
            let pickle =
                [b"cnumpy._core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tC\x01btR", state, b"b."].concat();
            let (machine, value) = Machine::run(&pickle).expect("a pickle");
            Teller::new(&Naming::new(&machine)).facts(value)
        };
        for state in [&b"N"[..], b"(K\x01K\x02K\x03K\x04K\x05t", b"(K\x01(K\xfft}NNt", b"]"] {
            assert_eq!(array(state), Facts::default());
        }
    }
}
