//! Previews of values under the names that lead to them, with apparent credentials hidden.
//!
//! The name of a value is the name of its variable, key, attribute or field, or the string before it: `('password',
//! …)`, `--password …`. The items of a list have the name of the list. [`credentials`](crate::pickle::credentials)
//! decides.

use std::rc::Rc;

use super::describe_value::Describer;
use super::labels::Labels;
use crate::pickle::credentials::{self, NOT_SHOWN, PairedName, PasswordOption};
use crate::pickle::known::Makes;
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};

/// How many characters of a string are searched.
const MAX_SEARCHED: usize = 4096;
/// How many keys of a dict are examined to find out whether it is an environment.
const MAX_KEYS: usize = 256;
/// The number of the argument of a function that has its default values.
const DEFAULTS: usize = 3;
/// The key of the same values among the attributes of a function.
const DEFAULTS_KEY: &str = "__defaults__";
/// Named tuples for URLs, and where they have user and password.
const SPLIT_URLS: [&str; 2] = ["SplitResult", "ParseResult"];
const NETLOC: usize = 1;
/// How many parts of a key that is a tuple are looked at, and how deep.
const MAX_LABEL_PARTS: usize = 8;
const MAX_LABEL_DEPTH: usize = 2;
/// How many words of a command are followed.
const MAX_WORDS: usize = 64;
/// The most characters of a name in bytes.
const MAX_NAME: usize = 200;

/// The name of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlaceName {
    /// A variable, a key, an attribute or a field.
    Named(Rc<str>),
    /// A variable of a dict that looks like an environment.
    Environment(Rc<str>),
    /// The argument of an option such as `--password`.
    Argument,
    /// A tuple with the default values of a function's last parameters, which have these names.
    Defaults(Rc<[String]>),
}

/// Where a value is within another one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ValuePlace<'m> {
    /// It is the value of a key of a dict.
    Key(&'m Node, Ref),
    /// It is one of these items of a tuple or another value, and `call` has them as its arguments.
    Item { items: &'m [Ref], at: usize, is_tuple: bool, call: Option<&'m Node> },
    /// The parts have no names.
    Within,
}

impl PlaceName {
    /// The name of a variable of a dict or of a session, which may be an environment.
    pub(crate) fn of_variable(name: &str, of_environment: bool) -> Self {
        if of_environment { Self::Environment(name.into()) } else { Self::Named(name.into()) }
    }

    /// Whether a string with this name looks like a credential, regardless of its contents.
    pub(super) fn hides(&self, text: &str) -> bool {
        match self {
            Self::Named(name) => credentials::reason_in_name(name, text).is_some(),
            Self::Environment(name) => {
                credentials::may_be_credential(name, text) || credentials::reason_in_name(name, text).is_some()
            }
            Self::Argument => !text.starts_with("--"),
            Self::Defaults(_) => false,
        }
    }
}

impl<'m> Labels<'m, '_> {
    /// The preview of a value with this name, or the text that replaces a credential.
    pub(crate) fn named_preview(&self, name: Option<&PlaceName>, value: Ref) -> Rc<str> {
        match name.is_some_and(|name| self.is_credential(name, value)) {
            true => NOT_SHOWN.into(),
            false => self.preview(value),
        }
    }

    /// Whether a string with this name, or a long number, looks like a credential, regardless of its contents.
    pub(crate) fn is_credential(&self, name: &PlaceName, value: Ref) -> bool {
        if let PlaceName::Named(name) = name
            && !credentials::may_name_credential(name)
        {
            return false;
        }
        self.text(value).map_or_else(|| self.is_secret_number(name, value), |text| name.hides(&text))
    }

    fn is_secret_number(&self, name: &PlaceName, value: Ref) -> bool {
        let (PlaceName::Named(name) | PlaceName::Environment(name)) = name else { return false };
        match self.machine().value(value) {
            Value::Leaf(Leaf::Int(number)) => credentials::reason_in_number(name, Some(number)).is_some(),
            Value::Leaf(Leaf::LargeInt) => credentials::reason_in_number(name, None).is_some(),
            _ => false,
        }
    }

    /// The name of a value at a place within a value with the name `outer`.
    pub(crate) fn place_name(&self, place: ValuePlace<'m>, outer: Option<&PlaceName>) -> Option<PlaceName> {
        match place {
            ValuePlace::Key(dict, key) => {
                let name = self.key_name(dict, key);
                let is_ordinary = match &name {
                    Some(PlaceName::Named(name)) => !credentials::may_name_credential(name),
                    Some(_) => false,
                    None => true,
                };
                // `api_keys = {'service': '…'}`
                match outer {
                    Some(PlaceName::Named(outer)) if is_ordinary && credentials::names_items(outer) => {
                        Some(PlaceName::Named(Rc::clone(outer)))
                    }
                    _ => name,
                }
            }
            ValuePlace::Item { items, at, is_tuple: true, call: None }
                if let Some(PlaceName::Defaults(names)) = outer =>
            {
                let name = (names.len() + at).checked_sub(items.len()).and_then(|position| names.get(position));
                name.map(|name| PlaceName::Named(name.as_str().into()))
            }
            ValuePlace::Item { items, at: 1, is_tuple: true, call: None }
                if items.len() == 2
                    && matches!(outer, Some(PlaceName::Named(name)) if credentials::names_login(name))
                    && items
                        .get(1)
                        .and_then(|it| self.text(*it))
                        .is_some_and(|it| !credentials::is_plain_word(&it)) =>
            {
                // A user and a password.
                Some(PlaceName::Argument)
            }
            ValuePlace::Item { items, at, is_tuple, call } => {
                self.item_name(items, at, is_tuple, call).or_else(|| outer.cloned())
            }
            ValuePlace::Within => outer.cloned(),
        }
    }

    /// The name in a key that is a tuple.
    fn label_name(&self, dict: &Node, key: Ref) -> Option<PlaceName> {
        let label = self.machine().node(key).filter(|node| node.kind == NodeKind::Tuple)?;
        let mut parts = Vec::new();
        self.label_parts(label, MAX_LABEL_DEPTH, &mut parts);
        let value = dict.items.as_chunks::<2>().0.iter().take(MAX_KEYS).find(|[other, _]| *other == key);
        let value = value.and_then(|[_, value]| self.text(*value));
        credentials::name_in_label(&parts, value.as_deref()).map(|name| PlaceName::Named(name.into()))
    }

    fn label_parts(&self, label: &Node, depth: usize, parts: &mut Vec<String>) {
        for part in label.items.iter().take(MAX_LABEL_PARTS) {
            match self.machine().node(*part) {
                Some(inner) if inner.kind == NodeKind::Tuple && depth > 0 => self.label_parts(inner, depth - 1, parts),
                _ => parts.extend(self.text(*part).map(|text| text.as_ref().to_owned())),
            }
        }
    }

    pub(crate) fn key_name(&self, dict: &Node, key: Ref) -> Option<PlaceName> {
        let Some(name) = self.text(key) else { return self.label_name(dict, key) };
        if name.as_ref() == DEFAULTS_KEY {
            return Some(self.defaults_of(dict).map_or(PlaceName::Argument, |names| PlaceName::Defaults(names.into())));
        }
        if credentials::may_be_paired(&name) {
            let paired = credentials::paired_name(&name, |key| self.text_under(dict, key));
            match paired {
                Some(PairedName::Named(name)) => return Some(PlaceName::Named(name.into())),
                Some(PairedName::Cookie) => return Some(PlaceName::Argument),
                None => {}
            }
        }
        let keys = dict.items.iter().step_by(2).take(MAX_KEYS).filter_map(|key| self.text(*key));
        // Most names are no reason to examine the others.
        let is_capital = !name.chars().any(char::is_lowercase);
        let keys: Vec<Rc<str>> = if is_capital { keys.collect() } else { Vec::new() };
        Some(PlaceName::of_variable(&name, credentials::is_environment(keys.iter().map(AsRef::as_ref))))
    }

    /// The string under a key of a dict.
    fn text_under(&self, dict: &Node, key: &str) -> Option<String> {
        let mut pairs = dict.items.as_chunks::<2>().0.iter().take(MAX_KEYS);
        self.machine().budget().steps(pairs.len() as u64);
        let [_, value] = pairs.find(|[other, _]| self.text(*other).as_deref() == Some(key))?;
        self.text(*value).map(|text| text.as_ref().to_owned())
    }

    /// The names of the parameters of a function of cloudpickle, which gets its attributes by
    /// `_function_setstate(function, (dict, attributes))`.
    fn defaults_of(&self, attributes: &Node) -> Option<Vec<String>> {
        let machine = self.machine();
        machine.budget().steps(machine.effects().len() as u64);
        machine.effects().iter().find_map(|effect| {
            let call = machine.node(*effect)?;
            let (function, state) = (self.argument(call, 0)?, self.argument(call, 1)?);
            let given = machine.node(state)?.items.get(1).and_then(|given| machine.node(*given));
            let is_filled = given.is_some_and(|given| std::ptr::eq(given, attributes));
            let function = machine.node(function).filter(|_| is_filled)?;
            Some(Describer::new(self).positional(function))
        })
    }

    fn item_name(&self, items: &[Ref], at: usize, is_tuple: bool, call: Option<&Node>) -> Option<PlaceName> {
        let before = at.checked_sub(1).and_then(|before| self.text(*items.get(before)?));
        // As in `sys.argv`: an option, and then its argument.
        if before.as_ref().is_some_and(|name| name.starts_with("--") && credentials::is_secret_option(name)) {
            return Some(PlaceName::Argument);
        }
        if let (Some(option), Some(argument)) = (&before, self.text(*items.get(at)?))
            && credentials::is_login_argument(option, &argument)
        {
            return Some(PlaceName::Argument);
        }
        if let Some(call) = call {
            return self.field_name(at, call);
        }
        if at < MAX_WORDS && self.is_password_of_command(items, at) {
            return Some(PlaceName::Argument);
        }
        // A pair, as in headers. Lists of two words are frequent.
        let value = self.text(*items.get(at)?);
        let is_pair = is_tuple || value.is_some_and(|value| !credentials::is_plain_word(&value));
        let is_named = |name: &Rc<str>| is_pair && items.len() == 2 && credentials::may_name_credential(name);
        before.filter(is_named).map(PlaceName::Named)
    }

    /// Whether an item is the password in a command, or has it: the items before it say which program that is.
    fn is_password_of_command(&self, items: &[Ref], at: usize) -> bool {
        self.machine().budget().steps(at as u64);
        let mut command = PasswordOption::default();
        let words = items.iter().take(at + 1).map_while(|item| self.text(*item));
        let found: Vec<bool> = words.map(|word| command.in_word(&word).is_some()).collect();
        found.get(at) == Some(&true)
    }

    /// The name of a field of a named tuple whose class the pickle carries: `_create_namedtuple(name, fields, …)`.
    fn field_name(&self, at: usize, call: &Node) -> Option<PlaceName> {
        // `_create_function(code, globals, name, defaults, …)`, and so does `FunctionType`.
        if at == DEFAULTS && self.maker(call) == Some(Makes::Type("function")) {
            return Some(PlaceName::Defaults(Describer::new(self).positional(call).into()));
        }
        let class = *call.items.first()?;
        if let Some((module, name)) = self.global(class) {
            let is_split_url = module.as_ref() == "urllib.parse" && SPLIT_URLS.contains(&name.as_ref());
            return (is_split_url && at == NETLOC).then(|| PlaceName::Named("netloc".into()));
        }
        let class = self.machine().node(class)?;
        let fields = self.machine().node(self.argument(class, 1)?)?;
        let field = matches!(fields.kind, NodeKind::Tuple | NodeKind::List).then_some(*fields.items.get(at)?)?;
        self.text(field).map(PlaceName::Named)
    }

    /// A string, or text in bytes.
    fn text(&self, value: Ref) -> Option<Rc<str>> {
        self.string(value).or_else(|| match self.machine().value(value) {
            Value::Leaf(Leaf::Bytes(bytes)) => Some(start_of_bytes(bytes, MAX_NAME).into()),
            // How protocol 2 writes bytes: `_codecs.encode('…', 'latin1')`.
            Value::Node(call) if matches!(call.kind, NodeKind::Call(_)) => {
                let (module, name) = self.global(*call.items.first()?)?;
                let is_encode = (module.as_ref(), name.as_ref()) == ("_codecs", "encode");
                self.string(self.argument(call, 0).filter(|_| is_encode)?)
            }
            _ => None,
        })
    }

    /// Whether a value is a frame or a series with a column of credentials: its strings are in arrays without the name.
    pub(crate) fn holds_credentials(&self, value: Ref) -> bool {
        let Some(node) = self.machine().node(value) else { return false };
        match self.type_name(value).as_ref() {
            "pandas.DataFrame" => {
                let columns = Describer::new(self).facts(value).columns;
                columns.iter().any(|column| credentials::names_credentials(column))
            }
            "pandas.Series" => {
                let name = |key| node.state().and_then(|state| self.string(self.under(state, key)?));
                ["_name", "name"].into_iter().filter_map(name).any(|name| credentials::names_credentials(&name))
            }
            _ => false,
        }
    }

    /// Whether a value is a string.
    pub(crate) fn is_string(&self, value: Ref) -> bool {
        matches!(self.machine().value(value), Value::Leaf(Leaf::Str(_) | Leaf::OldStr(_)))
    }
}

/// The part of a string that is searched for credentials, and whether it is all of it.
pub(crate) fn searched(leaf: &Leaf<'_>) -> Option<(String, bool)> {
    match leaf {
        Leaf::Str(string) => Some(string.start(MAX_SEARCHED)),
        Leaf::OldStr(bytes) => Some((start_of_bytes(bytes, MAX_SEARCHED), bytes.len() <= MAX_SEARCHED)),
        Leaf::Bytes(bytes) | Leaf::ByteArray(bytes) => {
            Some((start_of_bytes(bytes, MAX_SEARCHED), bytes.len() <= MAX_SEARCHED))
        }
        _ => None,
    }
}

fn start_of_bytes(bytes: &[u8], most: usize) -> String {
    String::from_utf8_lossy(bytes.get(..most).unwrap_or(bytes)).into_owned()
}

/// The first characters of a string without its credentials, and whether they are all of it.
pub(crate) fn shown_start(string: (String, bool), characters: usize) -> (String, bool) {
    let (text, is_whole) = string;
    let text = credentials::hidden(&text).unwrap_or(text);
    match text.char_indices().nth(characters) {
        Some((end, _)) => (text.get(..end).unwrap_or_default().to_owned(), false),
        None => (text, is_whole),
    }
}
