//! The rows of joblib, torch, jax, polars and sympy, and of the compiled classes of scikit-learn, whose estimators are
//! in [`estimators`](super::estimators) and [`predictors`](super::predictors).

use super::registry_row::{Effect, KnownGlobal, Makes, Trait, dangerous, known};
use crate::pickle::build_plan::{ArrayBuilder, Builder};

/// joblib writes an instance of this class for each array, followed by the array's bytes. scikit-learn had its own copy
/// of joblib up to 0.22.
pub(in crate::pickle) const ARRAY_WRAPPER_NAME: &str = "NumpyArrayWrapper";
/// The classes of joblib up to 0.9 that replace an array in a file of its own.
pub(in crate::pickle) const ARRAY_FILE_NAMES: &[&str] = &["NDArrayWrapper", "ZNDArrayWrapper"];
pub(in crate::pickle) const ARRAY_WRAPPER_MODULES: &[&str] =
    &["joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle"];

const TENSOR: &str = "torch.Tensor";
const PARAMETER: &str = "torch.nn.parameter.Parameter";

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    known(ARRAY_WRAPPER_MODULES, &[ARRAY_WRAPPER_NAME])
        .builds(Builder::Array(ArrayBuilder::Joblib))
        .traits(&[Trait::ArrayWrapper]),

    // Not loaded from untrusted files: compiled code.
    known(&["sklearn._loss._loss"], &["CyHalfMultinomialLoss"]).effect(Effect::Data),
    known(&["sklearn.linear_model._sgd_fast"], &["Huber"]).effect(Effect::Data),
    known(&["sklearn.metrics._dist_metrics", "sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree"], &["newObj"])
        .effect(Effect::New(0)),
    known(&["sklearn.tree._tree"], &["Tree"]).effect(Effect::Data),

    // Not loaded from untrusted files: torch checks little of the sizes and strides in their arguments.
    known(&["torch"], &["frombuffer"]).makes(Makes::Type(TENSOR)).effect(Effect::Data),
    known(&["torch"], &["empty"]).makes(Makes::Type(TENSOR)).effect(Effect::Data),
    // torch, jax and polars call methods such as `__torch_function__` and `__arrow_c_stream__` of arguments.
    known(&["torch"], &["Tensor.narrow", "Tensor.copy_"]).makes(Makes::Type(TENSOR)).effect(Effect::OfLiterals),
    known(&["torch.cuda"], &["device_count"]).effect(Effect::Data),
    known(&["torch"], &["Tensor.untyped_storage"]).makes(Makes::Type("torch.UntypedStorage")).effect(Effect::Data),
    known(&["torch"], &["Tensor._make_subclass"]).makes(Makes::InstanceOf(0)).effect(Effect::New(0)),
    known(&["torch"], &["Size"]).effect(Effect::OfLiterals),
    known(&["torch.storage"], &["TypedStorage", "UntypedStorage"]).effect(Effect::OfLiterals).exported_by("torch"),
    known(&["torch.serialization"], &["_get_layout"]).effect(Effect::Data),
    known(&["torch._utils"], &[
        "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_sparse_tensor", "_rebuild_qtensor",
    ])
        .makes(Makes::Type(TENSOR))
        .effect(Effect::Data),
    known(&["torch._utils"], &["_rebuild_parameter"]).makes(Makes::Type(PARAMETER)).effect(Effect::Data),
    known(&["jax.numpy"], &["from_dlpack", "asarray"]).makes(Makes::Type("jax.Array")),
    known(&["polars"], &["from_arrow"]).makes(Makes::Type("polars.dataframe.frame.DataFrame")),
    known(&["polars"], &["DataFrame.to_series"])
        .makes(Makes::Type("polars.series.series.Series"))
        .effect(Effect::OfLiterals),
    known(&["torch.storage"], &["_load_from_bytes"]).effect(Effect::Load),
    dangerous(&["torch"], &["load", "compile"]),
    dangerous(&["sympy"], &["sympify"]),
    known(&["sympy.core.function"], &["_rebuild_undef"]).traits(&[Trait::MakesClass]),
    known(&["regex._regex"], &["compile"]).makes(Makes::Type("regex.Pattern")).effect(Effect::Data),
    known(&["msgspec"], &["Struct"]).traits(&[Trait::CalledBase]),
    // The pickle of a compiled function, and the function that is made of it.
    known(&["numba.core.serialize"], &["_unpickle__CustomPickled"]).effect(Effect::Load),
    known(&["numba.core.serialize"], &["custom_rebuild"]).effect(Effect::OfLiterals),
];
