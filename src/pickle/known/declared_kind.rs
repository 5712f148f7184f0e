//! The kinds of values that the attributes of an instance may have. The rows of [`estimators`](super::estimators) and
//! [`predictors`](super::predictors) are written with them.
//!
//! Arrays name the meaning of their axes, so that the sizes of all arrays of one instance must agree.

/// A value that an attribute may have.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) enum DeclaredKind {
    /// `None`.
    Nothing,
    /// A bool of Python or numpy, or an integer instead of it.
    Flag,
    /// `False`, or `0`.
    Off,
    /// An integer of Python or numpy.
    Integer,
    /// The length of this axis: an integer that is not negative.
    Length(Axis),
    /// A number of threads that a machine may have.
    Threads,
    /// A number of processes that a machine may have, or a negative one, which counts back from all of its processors.
    Jobs,
    /// How many tasks joblib hands out at once: a number, or an expression such as `2*n_jobs`, which joblib evaluates.
    Dispatch,
    /// An integer or a float of Python or numpy.
    Number,
    /// A string of Python or numpy.
    Text,
    /// An array of these items, with these axes.
    Array(ArrayItems, &'static [Axis]),
    /// The same, with at least one item.
    FilledArray(ArrayItems, &'static [Axis]),
    /// An array of these items, with any number of axes.
    AnyArray(ArrayItems),
    /// A list of values, each of one of these kinds.
    List(Kinds),
    /// A tuple of values, each of one of these kinds.
    Tuple(Kinds),
    /// A tuple or list with one value for each of these kinds.
    Fields(&'static [Kinds]),
    /// A dict with keys and values of these kinds.
    Dict(Kinds, Kinds),
    /// An instance of a class that has a row.
    Instance,
    /// A value of this type, as labels write it, which its own recipe has checked.
    Typed(&'static str),
    /// A dtype of numpy.
    Dtype,
    /// A random generator of numpy.
    Random,
    /// A class or function of this module.
    GlobalOf(&'static str),
}

/// The kinds that one value may be of.
pub(in crate::pickle) type Kinds = &'static [DeclaredKind];

/// Names of attributes, with the kinds of each.
pub(in crate::pickle) type Attributes = &'static [(&'static str, Kinds)];

/// The meaning of an axis of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::pickle) enum Axis {
    /// The columns of the data that an estimator was fitted to.
    Features,
    /// The classes of a classifier.
    Classes,
    /// Components, samples, targets and the like: not compared with others.
    Any,
}

impl Axis {
    /// The things that it counts, in words.
    pub(in crate::pickle) fn words(self) -> &'static str {
        match self {
            Self::Features => "features",
            Self::Classes => "classes",
            Self::Any => "items",
        }
    }
}

/// The items of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum ArrayItems {
    /// Floats.
    Floats,
    /// Integers.
    Integers,
    /// Integers or floats.
    Numbers,
    /// Bools.
    Bools,
    /// Numbers or strings, also as objects.
    Labels,
}
