//! The rows of numpy. numpy 2 calls `numpy.core` `numpy._core`; dtypes are in [`dtype`](super::dtype).

use super::registry_row::{CanonicalCall, Effect, KnownGlobal, Makes, Trait, dangerous, data, known};
use crate::pickle::build_plan::{ArrayBuilder, Builder, RandomBuilder};

/// The class of arrays, as people write it.
pub(in crate::pickle) const ARRAY: &str = "numpy.ndarray";

/// The module of `_reconstruct` and `scalar`.
const MULTIARRAY: &[&str] = &["numpy._core.multiarray", "numpy.core.multiarray"];
/// The module of `_frombuffer`.
const NUMERIC: &[&str] = &["numpy._core.numeric", "numpy.core.numeric"];

const RECONSTRUCT: Builder = Builder::Array(ArrayBuilder::Reconstruct);
const FROM_BUFFER: Builder = Builder::Array(ArrayBuilder::FromBuffer);
const SCALAR: Builder = Builder::Array(ArrayBuilder::Scalar);
const DTYPE: Builder = Builder::Array(ArrayBuilder::Dtype);
const CLASS: Builder = Builder::Array(ArrayBuilder::Class);

const fn random(builder: RandomBuilder) -> Builder {
    Builder::Array(ArrayBuilder::Random(builder))
}

const RECORDS: &[&str] = &["numpy.rec", "numpy._core.records", "numpy.core.records"];
const CHARACTERS: &[&str] = &["numpy.char", "numpy._core.defchararray", "numpy.core.defchararray"];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    known(MULTIARRAY, &["_reconstruct"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(RECONSTRUCT)
        .canonical(CanonicalCall::ArrayFromState),
    data(NUMERIC, &["_frombuffer"])
        .makes(Makes::Type(ARRAY))
        .builds(FROM_BUFFER)
        .canonical(CanonicalCall::ArrayFromBuffer),
    data(MULTIARRAY, &["scalar"]).makes(Makes::Scalar).builds(SCALAR).canonical(CanonicalCall::Constant),
    // The same names in the other module, where no version of numpy writes them.
    known(NUMERIC, &["_reconstruct"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(RECONSTRUCT),
    data(MULTIARRAY, &["_frombuffer"]).makes(Makes::Type(ARRAY)).builds(FROM_BUFFER),
    data(NUMERIC, &["scalar"]).makes(Makes::Scalar).builds(SCALAR),

    data(&["numpy"], &["dtype"]).builds(DTYPE).canonical(CanonicalCall::Constant).traits(&[Trait::Dtype]),
    data(&["numpy._core._internal", "numpy.core._internal"], &["_convert_to_stringdtype_kwargs"])
        .builds(DTYPE)
        .traits(&[Trait::StringDtype]),
    data(&["numpy.dtypes"], &["StringDType"]).builds(CLASS),
    known(&["numpy"], &["ndarray"])
        .effect(Effect::Memory)
        .builds(Builder::Array(ArrayBuilder::Shared)),
    // Changes who may write to an array. numpy refuses to make memory writable that is not.
    data(&["numpy"], &["ndarray.setflags"]).builds(Builder::Array(ArrayBuilder::SetFlags)),
    known(&["numpy"], &["recarray", "record"]).effect(Effect::Memory).builds(CLASS),
    known(&["numpy"], &["chararray"]).effect(Effect::Memory).builds(CLASS),
    // Its effect is not known: the second argument may be any class, whose `__array_finalize__` runs. A recipe is made
    // for a memmap only.
    known(&["numpy"], &["ndarray.view"])
        .makes(Makes::InstanceOf(1))
        .builds(Builder::Array(ArrayBuilder::View)),
    known(RECORDS, &["recarray"]).effect(Effect::Memory).builds(CLASS),
    known(RECORDS, &["ndarray", "chararray"]).effect(Effect::Memory),
    known(CHARACTERS, &["chararray"]).effect(Effect::Memory).builds(CLASS),
    known(CHARACTERS, &["ndarray", "recarray"]).effect(Effect::Memory),
    known(&["numpy.matrixlib.defmatrix", "numpy"], &["matrix"]).exported_by("numpy").builds(CLASS),
    known(&["numpy.ma.core"], &["_mareconstruct"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(Builder::Array(ArrayBuilder::Masked))
        .canonical(CanonicalCall::MaskedArray),
    known(&["numpy.ma.core", "numpy.ma"], &["MaskedArray"]).exported_by("numpy.ma").builds(CLASS),
    known(&["numpy"], &[
        "bool_", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
        "float64", "longdouble", "complex64", "complex128", "clongdouble", "str_", "bytes_", "void", "object_",
        "datetime64", "timedelta64",
    ])
        .builds(CLASS),

    // Functions by reference, which nothing calls while a file is loaded.
    known(&["numpy", "numpy._core._multiarray_umath", "numpy.core._multiarray_umath"], &[
        "absolute", "add", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
        "bitwise_and", "bitwise_count", "bitwise_or", "bitwise_xor", "cbrt", "ceil", "conjugate", "copysign",
        "cos", "cosh", "deg2rad", "degrees", "divide", "divmod", "equal", "exp", "exp2", "expm1", "fabs",
        "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frexp", "gcd", "greater",
        "greater_equal", "heaviside", "hypot", "invert", "isfinite", "isinf", "isnan", "isnat", "lcm", "ldexp",
        "left_shift", "less", "less_equal", "log", "log10", "log1p", "log2", "logaddexp", "logaddexp2",
        "logical_and", "logical_not", "logical_or", "logical_xor", "matmul", "matvec", "maximum", "minimum",
        "modf", "multiply", "negative", "nextafter", "not_equal", "positive", "power", "rad2deg", "radians",
        "reciprocal", "remainder", "right_shift", "rint", "sign", "signbit", "sin", "sinh", "spacing", "sqrt",
        "square", "subtract", "tan", "tanh", "true_divide", "trunc", "vecdot", "vecmat",
    ])
        .as_value()
        .singleton("numpy.ufunc"),

    known(&["numpy.random._pickle"], &["__bit_generator_ctor"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(random(RandomBuilder::BitGenerator)),
    known(&["numpy.random._pickle"], &["__generator_ctor"])
        .makes(Makes::Type("numpy.random._generator.Generator"))
        .effect(Effect::Calls(1))
        .builds(random(RandomBuilder::Generator)),
    known(&["numpy.random._pickle"], &["__randomstate_ctor"])
        .makes(Makes::Type("numpy.random.mtrand.RandomState"))
        .effect(Effect::Calls(1))
        .builds(random(RandomBuilder::RandomState)),
    known(&["numpy.random.bit_generator", "numpy.random._bit_generator"], &["__pyx_unpickle_SeedSequence"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .builds(random(RandomBuilder::SeedSequence)),
    known(&["numpy.random._pcg64"], &["PCG64", "PCG64DXSM"]).builds(CLASS),
    known(&["numpy.random._mt19937"], &["MT19937"]).builds(CLASS),
    known(&["numpy.random._philox"], &["Philox"]).builds(CLASS),
    known(&["numpy.random._sfc64"], &["SFC64"]).builds(CLASS),
    known(&["numpy.random.bit_generator"], &["SeedSequence", "SeedlessSeedSequence"]).builds(CLASS),

    // An array in a file, which pickles write as its contents. A call opens the file.
    dangerous(&["numpy"], &["memmap"]).builds(CLASS),
    dangerous(&["numpy"], &[
        "load", "fromfile", "loadtxt", "genfromtxt", "save", "savetxt", "vectorize", "apply_along_axis",
        "fromfunction",
    ]),
];
