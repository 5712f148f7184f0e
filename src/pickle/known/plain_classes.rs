//! The rows of classes of the standard library and of numpy and scipy whose instances are a tuple, or a few attributes,
//! and nothing that compiled code trusts.

use super::declared_kind::{ArrayItems, Attributes, DeclaredKind as Kind, Kinds};
use super::registry_row::{KnownGlobal, known};
use crate::pickle::build_plan::{Builder, InstanceBuilder};

const FLAG: Kinds = &[Kind::Flag];
const NUMBER: Kinds = &[Kind::Number];
const TEXT: Kinds = &[Kind::Text];
const SERIES: Kinds = &[Kind::AnyArray(ArrayItems::Labels)];
const NOTHING_OR_TEXT: Kinds = &[Kind::Nothing, Kind::Text];
const NOTHING_OR_NUMBER: Kinds = &[Kind::Nothing, Kind::Number];

const POLYNOMIAL: Attributes =
    &[("coef", SERIES), ("domain", SERIES), ("window", SERIES), ("symbol", TEXT), ("_symbol", TEXT)];
const OLD_POLYNOMIAL: Attributes = &[("coeffs", SERIES), ("_coeffs", SERIES), ("_variable", NOTHING_OR_TEXT)];
const INTEGER_LIMITS: Attributes = &[("dtype", &[Kind::Dtype]), ("kind", TEXT), ("bits", NUMBER), ("key", TEXT)];
const FLOAT_LIMITS: Attributes = &[
    ("dtype", &[Kind::Dtype]),
    ("bits", NUMBER),
    ("_fmt", NOTHING_OR_TEXT),
    ("_repr", NOTHING_OR_TEXT),
    ("max", NUMBER),
    ("min", NUMBER),
    ("_radix", NUMBER),
    ("eps", NUMBER),
    ("epsneg", NUMBER),
    ("resolution", NUMBER),
    ("smallest_normal", NUMBER),
    ("smallest_subnormal", NUMBER),
    ("tiny", NUMBER),
    ("nmant", NUMBER),
    ("nexp", NUMBER),
    ("iexp", NUMBER),
    ("machep", NUMBER),
    ("negep", NUMBER),
    ("minexp", NUMBER),
    ("maxexp", NUMBER),
    ("precision", NUMBER),
];
const CALENDAR: Attributes = &[("_firstweekday", NUMBER), ("firstweekday", NUMBER)];
const WRAPPER: Attributes = &[
    ("width", NUMBER),
    ("initial_indent", TEXT),
    ("subsequent_indent", TEXT),
    ("expand_tabs", FLAG),
    ("replace_whitespace", FLAG),
    ("fix_sentence_endings", FLAG),
    ("break_long_words", FLAG),
    ("drop_whitespace", FLAG),
    ("break_on_hyphens", FLAG),
    ("tabsize", NUMBER),
    ("max_lines", NOTHING_OR_NUMBER),
    ("placeholder", TEXT),
];

const fn plain(
    module: &'static [&'static str],
    name: &'static [&'static str],
    attributes: &'static [Attributes],
) -> KnownGlobal {
    known(module, name).builds(Builder::Instance(InstanceBuilder::Plain(attributes)))
}

/// The row of classes of named tuples with this many fields.
const fn fields(module: &'static [&'static str], name: &'static [&'static str], count: usize) -> KnownGlobal {
    known(module, name).builds(Builder::Instance(InstanceBuilder::Fields(count)))
}

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    known(&["argparse"], &["Namespace"]).builds(Builder::Instance(InstanceBuilder::Open)),
    plain(&["calendar"], &["Calendar", "TextCalendar", "HTMLCalendar"], &[CALENDAR]),
    plain(&["textwrap"], &["TextWrapper"], &[WRAPPER]),
    known(&["statistics"], &["NormalDist"]).builds(Builder::Instance(InstanceBuilder::Normal)),

    fields(&["difflib"], &["Match"], 3),
    fields(&["functools"], &["_CacheInfo"], 4),
    fields(&["statistics"], &["LinearRegression"], 2),
    fields(&["tokenize"], &["TokenInfo"], 5),
    fields(&["urllib.parse"], &["ParseResult", "ParseResultBytes"], 6),
    fields(&["urllib.parse"], &["SplitResult", "SplitResultBytes"], 5),
    fields(&["urllib.parse"], &["DefragResult", "DefragResultBytes"], 2),

    plain(&["numpy.polynomial.polynomial"], &["Polynomial"], &[POLYNOMIAL]),
    plain(&["numpy.polynomial.chebyshev"], &["Chebyshev"], &[POLYNOMIAL]),
    plain(&["numpy.polynomial.legendre"], &["Legendre"], &[POLYNOMIAL]),
    plain(&["numpy.polynomial.laguerre"], &["Laguerre"], &[POLYNOMIAL]),
    plain(&["numpy.polynomial.hermite"], &["Hermite"], &[POLYNOMIAL]),
    plain(&["numpy.polynomial.hermite_e"], &["HermiteE"], &[POLYNOMIAL]),
    plain(&["numpy", "numpy.lib._polynomial_impl", "numpy.lib.polynomial"], &["poly1d"], &[OLD_POLYNOMIAL]),
    plain(&["numpy", "numpy.core.getlimits", "numpy._core.getlimits"], &["iinfo"], &[INTEGER_LIMITS]),
    plain(&["numpy", "numpy.core.getlimits", "numpy._core.getlimits"], &["finfo"], &[FLOAT_LIMITS]),
    // A call without arguments returns `numpy.ma.masked`.
    known(&["numpy.ma.core", "numpy.ma"], &["MaskedConstant"]).builds(Builder::Instance(InstanceBuilder::Made(0))),
    fields(&["numpy.linalg._linalg"], &["EigResult", "EighResult", "QRResult", "SlogdetResult"], 2),
    fields(&["numpy.linalg._linalg"], &["SVDResult"], 3),
    fields(&["numpy.lib._arraysetops_impl"], &["UniqueAllResult"], 4),
    fields(&["numpy.lib._arraysetops_impl"], &["UniqueCountsResult", "UniqueInverseResult"], 2),
    // Functions by reference, which nothing calls while a file is loaded.
    known(&["numpy"], &[
        "all", "any", "argmax", "argmin", "average", "cumsum", "max", "mean", "median", "min", "nanmax", "nanmean",
        "nanmedian", "nanmin", "nanstd", "nansum", "percentile", "prod", "ptp", "quantile", "std", "sum", "var",
    ])
        .as_value(),
    known(&["typing"], &["Any"]).as_value(),
];
