//! The rows of dill and cloudpickle: the helpers by which they pickle code, classes, modules and open files by value.
//!
//! See `dill/_dill.py` (0.3 and 0.4) and `cloudpickle/cloudpickle.py` (3).

use crate::pickle::build_plan::{ArrayBuilder, Builder};

use super::registry_row::{CanonicalCall, ClassCall, Effect, KnownGlobal, Makes, Trait, class, data, known, new_class};
use crate::pickle::build_plan::Builder::Value;
use crate::pickle::build_plan::ValueBuilder as B;

/// dill's own module, and the name it had up to 0.2.
const DILL: &[&str] = &["dill._dill", "dill.dill"];
const CLOUDPICKLE: &[&str] = &["cloudpickle.cloudpickle", "cloudpickle.cloudpickle_fast", "cloudpickle"];

/// dill's function to import a module. `dill.load_module` finds the name of a session's module by it.
const IMPORT_MODULE_NAME: &str = "_import_module";

/// The variables under which a dill session keeps lists of objects that it imports by name, and whether these are
/// modules. Loading imports them and deletes the lists (`_restore_modules` in `dill/session.py`).
pub(in crate::pickle) const NAMED_IMPORTS: &[(&str, bool)] =
    &[("__dill_imported", false), ("__dill_imported_as", false), ("__dill_imported_top_level", true)];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    known(DILL, &[IMPORT_MODULE_NAME])
        .makes(Makes::Type("module"))
        .effect(Effect::Import)
        .canonical(CanonicalCall::Submodule)
        .traits(&[Trait::ImportsModule]),
    known(DILL, &["_load_type"])
        .makes(Makes::NamedClass)
        .effect(Effect::NamedType)
        .builds(Value(B::NamedType))
        .canonical(CanonicalCall::NamedType)
        .traits(&[Trait::OnlyCalled]),
    known(DILL, &["_create_function"]).makes(Makes::Type("function")).effect(Effect::Function),
    known(DILL, &["_create_code"])
        .makes(Makes::Type("code"))
        .effect(Effect::CodeObject)
        .canonical(CanonicalCall::Code)
        .traits(&[Trait::MakesCode]),
    known(DILL, &["_unmarshal"]).effect(Effect::CodeObject),
    known(DILL, &["_create_type"])
        .makes(new_class(1, 3))
        .effect(class(ClassCall::Helper, Some(0), Some(2), Some(3))),
    known(DILL, &["_create_namedtuple"]).makes(new_class(0, 2)).effect(class(ClassCall::Helper, None, None, None)),
    known(DILL, &["_create_cell"]).makes(Makes::Type("cell")).effect(Effect::Code),
    known(DILL, &["_create_typing_tuple"]).effect(Effect::Code),
    data(DILL, &["_create_lock"])
        .makes(Makes::Type("_thread.lock"))
        .builds(Value(B::LockByDill))
        .traits(&[Trait::OnlyCalled]),
    data(DILL, &["_create_rlock"])
        .makes(Makes::Type("_thread.RLock"))
        .builds(Value(B::LockByDill))
        .traits(&[Trait::OnlyCalled]),
    data(DILL, &["_create_weakref"])
        .makes(Makes::Type("weakref.ref"))
        .builds(Value(B::WeakReference))
        .traits(&[Trait::OnlyCalled]),
    // Not built: a proxy hands out the attributes of its object, `__dict__` included. dill on Python 3 does not write
    // the others.
    known(DILL, &["_create_weakproxy"]).effect(Effect::Data).makes(Makes::Type("weakref.proxy")),
    known(DILL, &["_create_stringi", "_create_stringo"]).effect(Effect::Data).makes(Makes::Type("io.StringIO")),
    data(DILL, &["_create_dtypemeta", "_dictproxy_helper"]),
    // A call with arguments and a state, no more than REDUCE and BUILD can do.
    known(DILL, &["_create_array"])
        .makes(Makes::Call)
        .effect(Effect::CallsWith(0))
        .builds(Builder::Array(ArrayBuilder::Dill))
        .canonical(CanonicalCall::ArrayByDill),
    known(DILL, &["_create_ftype"]).effect(Effect::Calls(0)),
    known(DILL, &["_create_filehandle"]).makes(Makes::Type("file")).effect(Effect::OpenFile),
    known(DILL, &["_eval_repr"])
        .makes(Makes::Repr)
        .effect(Effect::Eval)
        .builds(Value(B::Repr))
        .traits(&[Trait::OnlyCalled]),
    known(DILL, &["_get_attr"])
        .makes(Makes::Type("method"))
        .effect(Effect::GetAttr)
        .builds(Value(B::GetAttr))
        .traits(&[Trait::OnlyCalled]),
    known(DILL, &["_getattr"])
        .makes(Makes::Descriptor)
        .effect(Effect::GetAttr)
        .builds(Value(B::GetAttr))
        .traits(&[Trait::OnlyCalled]),
    known(&["dill._dill", "dill.dill", "dill._shims"], &["_setattr", "_delattr", "_setitems"]).effect(Effect::SetAttr),

    known(CLOUDPICKLE, &["_make_function", "_make_skel_func"])
        .makes(Makes::Type("function"))
        .effect(Effect::Function)
        .traits(&[Trait::MakesCode]),
    known(CLOUDPICKLE, &["_make_cell", "_make_empty_cell"]).makes(Makes::Type("cell")).effect(Effect::Code),
    known(CLOUDPICKLE, &["_make_typevar"]).effect(Effect::Code),
    data(CLOUDPICKLE, &["_make_dict_keys", "_make_dict_values", "_make_dict_items"])
        .builds(Value(B::ViewByCloudpickle))
        .traits(&[Trait::OnlyCalled]),
    known(CLOUDPICKLE, &["_get_dataclass_field_type_sentinel"]).effect(Effect::Data),
    known(CLOUDPICKLE, &["_make_skeleton_class"])
        .makes(new_class(1, 3))
        .effect(class(ClassCall::Helper, Some(0), Some(2), Some(3))),
    // Its bases come first: (bases, name, qualname, members, module, …).
    known(CLOUDPICKLE, &["_make_skeleton_enum"])
        .makes(new_class(1, 4))
        .effect(class(ClassCall::Helper, None, Some(0), Some(3))),
    known(CLOUDPICKLE, &["_builtin_type"])
        .makes(Makes::NamedClass)
        .effect(Effect::NamedType)
        .builds(Value(B::NamedType))
        .traits(&[Trait::MakesCode, Trait::OnlyCalled]),
    known(CLOUDPICKLE, &["subimport"]).makes(Makes::Type("module")).effect(Effect::Import),
    known(CLOUDPICKLE, &["dynamic_subimport"]).makes(Makes::Type("module")),
    known(CLOUDPICKLE, &["_function_setstate"]).effect(Effect::SetAttr),
    known(CLOUDPICKLE, &["_class_setstate"]).effect(Effect::SetAttr).traits(&[Trait::FillsClass]),
    known(CLOUDPICKLE, &["instance"]).effect(Effect::New(0)),
];

/// The types of objects, by the start of their `repr`.
const REPR_TYPES: &[(&str, &str)] = &[
    ("Ellipsis", "ellipsis"),
    ("NotImplemented", "NotImplementedType"),
    ("None", "NoneType"),
    ("<method ", "method_descriptor"),
    ("<slot wrapper ", "wrapper_descriptor"),
    ("<attribute ", "getset_descriptor"),
    ("<member ", "member_descriptor"),
];

/// All that dill writes to be evaluated, apart from ranges.
const EVALUATED_REPRS: &[&str] = &["NotImplemented", "Ellipsis", "None"];

/// The type of an object with this `repr`: `range(0, 3)` is a `range`.
pub(in crate::pickle) fn type_of_repr(repr: &str) -> Option<&str> {
    let listed = REPR_TYPES.iter().find(|(start, _)| repr.starts_with(start)).map(|(_, type_name)| *type_name);
    listed.or_else(|| repr.split_once('(').map(|(name, _)| name))
}

/// Whether dill writes this string to be evaluated.
pub(in crate::pickle) fn is_known_repr(repr: &str) -> bool {
    let is_number = |part: &str| {
        let digits = part.trim().strip_prefix('-').unwrap_or(part.trim());
        (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let range = repr.strip_prefix("range(").and_then(|rest| rest.strip_suffix(')'));
    let is_range = |numbers: &str| numbers.split(',').count() <= 3 && numbers.split(',').all(is_number);
    EVALUATED_REPRS.contains(&repr) || range.is_some_and(is_range)
}
