//! Recipes for values of builtins and of the standard library.
//!
//! Most are a call of a public constructor whose arguments were checked ([`HarmlessCall`]). The checks of a recipe
//! follow from the use of the arguments in the constructor: types, ranges, and sizes that the arguments themselves do
//! not limit. Objects whose deallocation recurses (slices, iterators, mapping proxies) do not hold others of their
//! kind.

mod pattern_syntax;
mod value_arguments;
mod value_arrays;
mod value_collections;
mod value_enumerations;
mod value_errors;
mod value_files;
mod value_globals;
mod value_iterators;
mod value_make;
mod value_numbers;
mod value_patterns;
mod value_state;
mod value_templates;
#[cfg(test)]
mod value_tests;
mod value_times;

use super::{PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::known::ErrorInit;

pub(super) use self::value_arguments::wide_int;
pub(super) use self::value_collections::hashed;
pub(in crate::pickle) use self::value_enumerations::is_constant;
pub(crate) use self::value_globals::global;
pub(in crate::pickle) use self::value_globals::global_of;
pub(crate) use self::value_make::{Given, HarmlessCall, NewError, ValueFill, ValueMake, ViewOf};
pub(super) use self::value_times::time_of_day;
pub(crate) use self::value_times::{ClockClass, ClockNumbers};

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum ValueBuilder {
    /// `array.array(typecode, list)`, as protocols 0 to 2 write it.
    Array,
    /// `array._array_reconstructor(class, typecode, machine format, bytes)`.
    ArrayOfBytes,
    /// An address, an interface or a network of `ipaddress`.
    Address,
    /// `bool`, `float`, `int` or `str` of such a value.
    Basic,
    /// `bytes`.
    Bytes,
    /// `bytearray`.
    ByteArray,
    /// `_io.BytesIO` or `_io.StringIO`.
    MemoryFile,
    /// `collections.Counter`.
    Counter,
    /// `complex`.
    Complex,
    /// `datetime.date`.
    Date,
    /// `datetime.datetime`.
    DateTime,
    /// `decimal.Decimal`.
    Decimal,
    /// `decimal.Context`.
    DecimalContext,
    /// `collections.defaultdict`.
    DefaultDict,
    /// `collections.deque`.
    Deque,
    /// `dict`.
    Dict,
    /// `dict.keys`, `dict.values` or `dict.items`.
    DictView,
    /// `_codecs.encode(string, 'latin1')`: bytes, as protocols 0 to 2 write them.
    Encode,
    /// A class of an enumeration, called with the value of a member.
    EnumMember,
    /// A built-in exception.
    Error,
    /// An exception of a library with this `__init__`.
    LibraryError(&'static ErrorInit),
    /// `fractions.Fraction`.
    Fraction,
    /// `frozendict` of a dict.
    FrozenDict,
    /// `types.GenericAlias`.
    GenericAlias,
    /// `getattr` and dill's forms of it.
    GetAttr,
    /// A `string.templatelib.Interpolation`.
    Interpolation,
    /// `iter`, `reversed`, `enumerate`, `zip`, or a class of `itertools`.
    Iterator,
    /// `operator.itemgetter`.
    ItemGetter,
    /// `str.split(joined, separator)`.
    JoinedStrings,
    /// A lock, or an event of `threading`.
    Lock,
    /// dill's `_create_lock(is held)` or `_create_rlock(count, owner)`.
    LockByDill,
    /// `types.MappingProxyType`.
    MappingProxy,
    /// dill's `_load_type` or cloudpickle's `_builtin_type`: a class by its name.
    NamedType,
    /// `object`.
    Object,
    /// `collections.OrderedDict`.
    OrderedDict,
    /// A path of `pathlib`.
    Path,
    /// `random.Random`.
    Random,
    /// `range`.
    Range,
    /// A record that a function of `os` or `time` returns: `os.stat_result`.
    Record,
    /// dill's `_eval_repr`.
    Repr,
    /// `re.compile` and the function that pickles call for it.
    Regex,
    /// A `sentinel`, with the name of its module.
    Sentinel,
    /// `list`, `tuple`, `set` or `frozenset`.
    Sequence,
    /// `types.SimpleNamespace`.
    SimpleNamespace,
    /// `slice`.
    Slice,
    /// `string.templatelib._template_unpickle(strings, interpolations)`.
    TemplateString,
    /// `datetime.time`.
    Time,
    /// `datetime.timedelta`.
    TimeDelta,
    /// `datetime.timezone`.
    TimeZone,
    /// `type` of a constant.
    TypeOf,
    /// `functools.reduce(operator.or_, classes)`.
    UnionType,
    /// `uuid.UUID`.
    Uuid,
    /// cloudpickle's `_make_dict_keys` and the like.
    ViewByCloudpickle,
    /// A weak container of `weakref`.
    WeakContainer,
    /// A weak reference.
    WeakReference,
    /// `ChainMap`, `UserDict`, `UserList`, `UserString` or `string.Template`: an instance that holds one value.
    Wrapper,
    /// `zoneinfo.ZoneInfo`, and its method that pickles call.
    ZoneInfo,
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ValueBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    use ValueBuilder as B;
    check_parts(builder, call)?;
    match builder {
        B::Basic | B::Complex | B::Range | B::Slice | B::Decimal | B::DecimalContext | B::Fraction | B::Uuid => {
            value_numbers::recipe(context, builder, call)
        }
        B::Counter | B::DefaultDict | B::Deque | B::Dict | B::DictView | B::OrderedDict | B::Sequence => {
            value_collections::recipe(context, builder, call)
        }
        B::FrozenDict | B::JoinedStrings | B::MappingProxy | B::ViewByCloudpickle | B::WeakContainer => {
            value_collections::recipe(context, builder, call)
        }
        B::Date | B::DateTime | B::Time | B::TimeDelta | B::TimeZone | B::ZoneInfo => {
            value_times::recipe(context, builder, call)
        }
        B::Error | B::LibraryError(_) => value_errors::recipe(context, builder, call),
        B::Address | B::MemoryFile | B::Path => value_files::recipe(context, builder, call),
        B::Regex => value_patterns::recipe(context, call),
        B::Array | B::ArrayOfBytes | B::Bytes | B::ByteArray | B::Encode => {
            value_arrays::recipe(context, builder, call)
        }
        B::Iterator => value_iterators::recipe(context, call),
        B::GetAttr | B::NamedType | B::Repr | B::TypeOf | B::EnumMember | B::GenericAlias | B::UnionType => {
            value_globals::recipe(context, builder, call)
        }
        B::Interpolation | B::Sentinel | B::TemplateString => value_templates::recipe(context, builder, call),
        B::ItemGetter | B::Lock | B::LockByDill | B::Object | B::Record | B::WeakReference => {
            value_state::recipe(context, builder, call)
        }
        B::Random | B::SimpleNamespace | B::Wrapper => value_state::recipe(context, builder, call),
    }
}

/// Refuses a call with parts that its recipe would not use.
fn check_parts(builder: ValueBuilder, call: &PlannedCall<'_>) -> Result<(), Refused> {
    use ValueBuilder as B;
    if !call.keywords.is_empty() {
        return Err("with keyword arguments".into());
    }
    let has_new = matches!(
        builder,
        B::Uuid | B::Wrapper | B::MemoryFile | B::Object | B::LibraryError(_) | B::Sentinel | B::FrozenDict
    );
    if call.is_new && !has_new {
        return Err("by its __new__ alone".into());
    }
    let keeps_parts = matches!(
        builder,
        B::Counter | B::DefaultDict | B::Deque | B::Dict | B::OrderedDict | B::Sequence | B::WeakContainer
    );
    if call.added.is_some() && !keeps_parts {
        return Err("with items that are added to it".into());
    }
    let has_state = matches!(builder, B::Error | B::Iterator | B::Random | B::SimpleNamespace) || has_new;
    if call.state.is_some() && !has_state {
        return Err("with a state".into());
    }
    Ok(())
}
