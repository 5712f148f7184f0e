//! Checks the attributes of an instance against their declaration: kinds, dtypes and shapes.
//!
//! Values that have recipes of their own are not checked in depth here: a value of no known kind is refused, and the
//! recipe of a value of a known kind decides what it becomes.

use std::collections::HashMap;

use super::array_recipe::ArrayMake;
use super::{ArrayContents, Make, NestedPickle, PlanContext, Refused};
use crate::pickle::known::{ArrayItems, Axis, DeclaredKind, Kinds};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref, Value};

/// How deep containers of an attribute may be nested.
const MAX_DEPTH: usize = 6;
/// The most threads that compiled code may be asked to start.
const MAX_THREADS: i64 = 1024;
/// The most processes that an estimator may start.
const MOST_JOBS: u64 = 64;
/// The most values in containers of one instance.
const MAX_VALUES: usize = 1 << 20;

/// The attributes of one instance, as far as they are checked.
pub(super) struct AttributeCheck<'c, 'm, 'a> {
    context: &'c PlanContext<'m, 'a>,
    /// The length of each axis, and the attribute that has it.
    lengths: HashMap<Axis, (u64, &'static str)>,
    /// The attribute that is checked.
    name: &'static str,
    values: usize,
}

/// The facts about an array or a scalar that are checked.
struct ArrayFacts {
    letter: char,
    shape: Vec<u64>,
    /// Whether it holds objects, and these are numbers, strings or `None`.
    is_of_labels: bool,
}

impl<'c, 'm, 'a> AttributeCheck<'c, 'm, 'a> {
    pub(super) fn new(context: &'c PlanContext<'m, 'a>) -> Self {
        Self { context, lengths: HashMap::new(), name: "", values: 0 }
    }

    /// Whether an array has an axis of features.
    pub(super) fn has_features(&self) -> bool {
        self.lengths.contains_key(&Axis::Features)
    }

    /// Checks the value of an attribute.
    pub(super) fn attribute(&mut self, name: &'static str, kinds: Kinds, value: Ref) -> Result<(), Refused> {
        self.name = name;
        match self.find(kinds, value, 0)? {
            true => Ok(()),
            false => Err(format!("has {name} of a kind that is not declared")),
        }
    }

    /// Whether a value is of one of these kinds.
    ///
    /// # Errors
    /// If it is, but its size does not fit the other attributes.
    fn find(&mut self, kinds: Kinds, value: Ref, depth: usize) -> Result<bool, Refused> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(format!("has too many values in {}", self.name));
        }
        let mut wrong_size = None;
        for kind in kinds {
            match self.is(*kind, value, depth) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(why) => wrong_size = Some(why),
            }
        }
        wrong_size.map_or(Ok(false), Err)
    }

    fn is(&mut self, kind: DeclaredKind, value: Ref, depth: usize) -> Result<bool, Refused> {
        use DeclaredKind as K;
        let context = self.context;
        Ok(match kind {
            K::Nothing => matches!(context.leaf(value), Some(Leaf::None)),
            K::Flag => self.is_integer(value) || self.is_scalar(value, "b"),
            K::Off => matches!(context.leaf(value), Some(Leaf::Bool(false) | Leaf::Int(0))),
            K::Integer => self.is_integer(value),
            K::Length(axis) => match self.length(value) {
                Some(length) => self.agrees(axis, length)?,
                None => false,
            },
            K::Jobs => context.int(value).is_some_and(|jobs| jobs.abs_diff(0) <= MOST_JOBS),
            K::Dispatch => self.is_integer(value) || context.text(value).is_some_and(|text| is_dispatch(&text)),
            K::Number => self.is_number(value),
            K::Text => context.text(value).is_some() || self.is_scalar(value, "U"),
            K::Array(items, axes) => match self.array(value).filter(|facts| facts.has(items)) {
                Some(facts) => self.has_shape(&facts, axes)?,
                None => false,
            },
            K::FilledArray(items, axes) => {
                let filled = |facts: &ArrayFacts| facts.has(items) && facts.shape.iter().all(|length| *length > 0);
                match self.array(value).filter(filled) {
                    Some(facts) => self.has_shape(&facts, axes)?,
                    None => false,
                }
            }
            K::Threads => context.int(value).is_some_and(|threads| (1..=MAX_THREADS).contains(&threads)),
            K::AnyArray(items) => self.array(value).is_some_and(|facts| facts.has(items)),
            K::List(kinds) => self.all(kinds, context.items(value, NodeKind::List), depth)?,
            K::Tuple(kinds) => self.all(kinds, context.items(value, NodeKind::Tuple), depth)?,
            K::Fields(fields) => {
                let items = context.items(value, NodeKind::Tuple).or_else(|| context.items(value, NodeKind::List));
                self.fields(fields, items, depth)?
            }
            K::Dict(keys, values) => match context.items(value, NodeKind::Dict) {
                Some(items) => {
                    self.all(keys, Some(items.iter().step_by(2)), depth)?
                        && self.all(values, Some(items.iter().skip(1).step_by(2)), depth)?
                }
                None => false,
            },
            K::Instance => matches!(self.make(value), Some(Make::Instance(_))),
            K::Random => matches!(self.make(value), Some(Make::Array(ArrayMake::Random(_)))),
            K::Typed(name) => context.type_name(value).as_ref() == name,
            K::Dtype => context.dtype_of(value).is_some(),
            K::GlobalOf(module) => context.global(value).is_some_and(|(found, _)| found.as_ref() == module),
        })
    }

    /// Whether all these values are of one of these kinds.
    fn all<'r>(
        &mut self,
        kinds: Kinds,
        values: Option<impl IntoIterator<Item = &'r Ref>>,
        depth: usize,
    ) -> Result<bool, Refused> {
        let Some(values) = values else { return Ok(false) };
        for value in values {
            if !self.find(kinds, *value, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn fields(&mut self, fields: &[Kinds], values: Option<&[Ref]>, depth: usize) -> Result<bool, Refused> {
        let Some(values) = values.filter(|values| values.len() == fields.len()) else { return Ok(false) };
        for (kinds, value) in fields.iter().zip(values) {
            if !self.find(kinds, *value, depth + 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn make(&self, value: Ref) -> Option<&'c Make<'a>> {
        self.context.recipe(value).map(|recipe| &*recipe.make)
    }

    fn is_integer(&self, value: Ref) -> bool {
        matches!(self.context.leaf(value), Some(Leaf::Int(_) | Leaf::Bool(_))) || self.is_scalar(value, "iu")
    }

    fn is_number(&self, value: Ref) -> bool {
        let is_float = matches!(self.context.leaf(value), Some(Leaf::Float(_)));
        is_float || self.is_integer(value) || self.is_scalar(value, "f")
    }

    /// An integer that is not negative. scikit-learn writes lengths as integers of Python or numpy.
    fn length(&self, value: Ref) -> Option<u64> {
        self.context.int(value).and_then(|length| u64::try_from(length).ok())
    }

    /// Whether a value is a scalar of numpy of one of these kinds of dtypes.
    fn is_scalar(&self, value: Ref, letters: &str) -> bool {
        match self.make(value) {
            Some(Make::Array(ArrayMake::Scalar(dtype, _))) => letters.contains(dtype.letter()),
            _ => false,
        }
    }

    /// Compares the length of an axis with the same axis of other attributes.
    fn agrees(&mut self, axis: Axis, length: u64) -> Result<bool, Refused> {
        if axis == Axis::Any {
            return Ok(true);
        }
        let (known, of) = *self.lengths.entry(axis).or_insert((length, self.name));
        if known == length {
            return Ok(true);
        }
        Err(format!("has {} for {length} {}, and {of} for {known}", self.name, axis.words()))
    }

    fn has_shape(&mut self, facts: &ArrayFacts, axes: &[Axis]) -> Result<bool, Refused> {
        if facts.shape.len() != axes.len() {
            return Ok(false);
        }
        for (axis, length) in axes.iter().zip(&facts.shape) {
            self.agrees(*axis, *length)?;
        }
        Ok(true)
    }

    /// An array, including an array of objects that joblib writes as a separate pickle.
    fn array(&self, value: Ref) -> Option<ArrayFacts> {
        if let Some(Make::Pickle(nested)) = self.make(value) {
            return nested_array(self.context, nested);
        }
        let array = self.context.array_of(value)?;
        self.context.spend(array.objects().map_or(0, <[Ref]>::len)).ok()?;
        let is_of_labels = matches!(array.contents, ArrayContents::Strings(_))
            || array.objects().is_some_and(|items| items.iter().all(|item| self.is_label(*item)));
        Some(ArrayFacts { letter: array.dtype.1.letter(), shape: array.shape.clone(), is_of_labels })
    }

    /// Whether a value is a number, a string or `None`.
    fn is_label(&self, value: Ref) -> bool {
        self.context.leaf(value).is_some_and(|leaf| is_label(&leaf)) || self.is_scalar(value, "biufU")
    }
}

impl ArrayFacts {
    fn has(&self, items: ArrayItems) -> bool {
        let letters = match items {
            ArrayItems::Floats => "f",
            ArrayItems::Integers => "iu",
            ArrayItems::Numbers => "fiu",
            ArrayItems::Bools => "b",
            ArrayItems::Labels => "biufUS",
        };
        letters.contains(self.letter) || (self.is_of_labels && items == ArrayItems::Labels)
    }
}

/// The array of objects in a nested pickle.
fn nested_array(context: &PlanContext<'_, '_>, nested: &NestedPickle<'_>) -> Option<ArrayFacts> {
    let machine = &nested.machine;
    let node = machine.resolve(nested.value).node_index()?;
    let Make::Array(ArrayMake::Objects(array)) = &*nested.plan.recipe(node)?.make else { return None };
    let items = array.objects()?;
    context.spend(items.len()).ok()?;
    let is_of_labels = items.iter().all(|item| match machine.value(*item) {
        Value::Leaf(leaf) => is_label(&leaf),
        Value::Node(_) => false,
    });
    Some(ArrayFacts { letter: array.dtype.1.letter(), shape: array.shape.clone(), is_of_labels })
}

/// Whether joblib evaluates this as a number of tasks and nothing else: `all`, `n_jobs`, `2*n_jobs`.
fn is_dispatch(text: &str) -> bool {
    let is_factor = |factor: &str| {
        let number = factor.strip_suffix('*').unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    text == "all" || text.strip_suffix("n_jobs").is_some_and(|factor| factor.is_empty() || is_factor(factor))
}

fn is_label(leaf: &Leaf<'_>) -> bool {
    matches!(leaf, Leaf::None | Leaf::Bool(_) | Leaf::Int(_) | Leaf::Float(_) | Leaf::Str(_))
}
