//! The objects that an untrusted file may build: for each object of a pickle, how our own code makes it.
//!
//! A [`BuildPlan`] is made from the objects of the symbolic machine, without Python. It has a [`Recipe`] with checked
//! arguments for each object that is not a plain container, or a refusal. A restore carries out the recipes and nothing
//! else; a file is plain data if its plan refuses nothing. So exactly the objects that are checked are built.
//!
//! A column of the registry ([`Builder`](super::known::Builder)) says which file of this folder makes the recipe for a
//! call of a global. Nothing that is called by its pickle has a recipe unless it has a row.

mod array_arguments;
mod array_description;
mod array_recipe;
#[cfg(test)]
mod array_recipe_tests;
mod build_order;
mod build_steps;
mod dtype_layout;
mod dtype_recipe;
mod file_plan;
mod hash_kinds;
mod instance_attributes;
mod instance_recipe;
#[cfg(test)]
mod instance_recipe_tests;
mod joblib_recipe;
mod key_costs;
mod key_hashes;
mod key_limits;
#[cfg(test)]
mod key_limits_tests;
mod key_work;
mod masked_recipe;
mod object_abilities;
mod pandas_recipe;
mod plan_checks;
mod plan_context;
mod plan_walk;
mod planned_call;
mod planned_recipe;
mod planner;
mod random_recipe;
mod read_times;
mod recipe_hashes;
mod recipe_nesting;
mod recipe_table;
mod refused_names;
mod scalar_hashes;
mod shared_array_recipe;
mod shared_states;
mod value_recipe;

pub(crate) use self::array_description::{ArrayClass, ArrayContents, ArrayDescription, ArrayMake, ItemOrder};
pub(in crate::pickle) use self::array_recipe::ArrayBuilder;
pub(crate) use self::build_steps::BuildStep;
pub(crate) use self::dtype_layout::{Dtype, DtypeKind};
pub(crate) use self::file_plan::{BuildPlan, NestedPickle};
pub(in crate::pickle) use self::instance_recipe::InstanceBuilder;
pub(crate) use self::instance_recipe::{InstanceCall, InstanceMake};
#[cfg(feature = "python")]
pub(crate) use self::key_limits::{FEW_SAME_HASH, MOST_SAME_HASH};
pub(crate) use self::masked_recipe::MaskedMake;
pub(in crate::pickle) use self::pandas_recipe::PandasBuilder;
pub(crate) use self::pandas_recipe::{PandasArgument, PandasMake};
pub(in crate::pickle) use self::plan_context::{PlanContext, PlannedCall};
pub use self::plan_walk::walk_plan;
pub(crate) use self::planned_recipe::PlannedRecipe;
pub(in crate::pickle) use self::random_recipe::RandomBuilder;
pub(crate) use self::random_recipe::{BitGeneratorMake, BitGeneratorSeed, RandomMake, StateValue};
pub(in crate::pickle) use self::recipe_table::RecipeTable;
#[cfg(feature = "python")]
pub(crate) use self::refused_names::refused_module;
pub(crate) use self::refused_names::{callee, each_once};
pub(crate) use self::shared_array_recipe::byte_range;
pub(in crate::pickle) use self::value_recipe::ValueBuilder;
#[cfg(feature = "python")]
pub(crate) use self::value_recipe::global as global_value;
pub(crate) use self::value_recipe::{
    ClockClass, ClockNumbers, Given, HarmlessCall, NewError, ValueFill, ValueMake, ViewOf,
};

use std::rc::Rc;

use super::machine::value::Ref;

/// How our own code makes one object.
#[derive(Debug)]
pub(crate) struct Recipe<'a> {
    /// How it is made.
    pub make: Make<'a>,
    /// The objects that [`make`](Self::make) uses, in the order in which the builder passes them. They are made before.
    pub needs: Vec<Ref>,
    /// Whether the contents of the needed containers are read while the object is made. If so, these must be complete,
    /// and nothing may change them later. Otherwise the object only keeps references to them.
    pub reads: bool,
    /// The contents that are put into the object after it was made. They may lead back to the object.
    pub fill: Fill,
}

/// How an object is made, by the file of `session/restore/builder` that makes it.
#[derive(Debug)]
pub(crate) enum Make<'a> {
    /// A value of the standard library.
    Value(ValueMake<'a>),
    /// A dtype, an array, a scalar or a random generator of numpy.
    Array(ArrayMake<'a>),
    /// An object of pandas.
    Pandas(Box<PandasMake<'a>>),
    /// An instance of a class whose attributes are declared.
    Instance(InstanceMake),
    /// A class or a function that may be a value (`defaultdict(list)`): current module and name.
    Global(String, String),
    /// A module, which is imported only from the directories where packages are installed.
    Module(String),
    /// The object of a nested pickle: joblib writes arrays of objects this way.
    Pickle(Box<NestedPickle<'a>>),
}

/// The memory that NEXT_BUFFER pushes, as the index describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BufferFacts {
    /// Which one it is of all that the load passes.
    pub number: usize,
    /// The length in bytes.
    pub length: u64,
    /// Whether Python may write to it.
    pub writable: bool,
}

/// The contents that are put into an object after it was made.
#[derive(Debug, Default)]
pub(crate) enum Fill {
    /// Nothing.
    #[default]
    Nothing,
    /// Items that are appended to a list, extend a deque, or are added to a set.
    Items(Vec<Ref>),
    /// Keys and values, alternating, that are set in a dict.
    Pairs(Vec<Ref>),
    /// Items of an array of objects, in C order. They may be any objects, and are stored as they are.
    Elements(Rc<[Ref]>),
    /// Attributes that are set in the `__dict__` of the object. The names are identifiers, and no dunder names. If the
    /// object can be a key, its hash must not depend on them: it may be put into a dict before it has them.
    Attributes(Vec<(String, Ref)>),
    /// In a way that only the makers of values know. They get the objects of [`ValueFill::parts`], in the same order.
    Value(ValueFill),
}

impl Fill {
    /// One of the objects that are put in.
    fn part(&self, position: usize) -> Option<Ref> {
        match self {
            Self::Nothing => None,
            Self::Items(items) | Self::Pairs(items) => items.get(position).copied(),
            Self::Elements(items) => items.get(position).copied(),
            Self::Attributes(attributes) => attributes.get(position).map(|(_, value)| *value),
            Self::Value(fill) => fill.part(position),
        }
    }

    /// How many objects are put in.
    fn len(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Items(items) | Self::Pairs(items) => items.len(),
            Self::Elements(items) => items.len(),
            Self::Attributes(attributes) => attributes.len(),
            Self::Value(fill) => fill.parts().len(),
        }
    }
}

/// Why an object is not built, as the rest of a sentence that starts with the callee.
pub(crate) type Refused = String;

/// How the recipe for a call of a global is made: a column of the registry.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) enum Builder {
    /// By `value_recipe`.
    Value(ValueBuilder),
    /// By `array_recipe`.
    Array(ArrayBuilder),
    /// By `pandas_recipe`.
    Pandas(PandasBuilder),
    /// By `instance_recipe`.
    Instance(InstanceBuilder),
}
