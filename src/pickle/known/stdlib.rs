//! The rows of the standard library, apart from `builtins`. Names that Python 2 used are translated first, see
//! [`renames`](super::renames).

use super::registry_row::{
    CanonicalCall, ClassCall, Effect, KnownGlobal, Makes, Trait, class, dangerous, data, known, new_class,
};
use crate::pickle::build_plan::Builder::Value;
use crate::pickle::build_plan::ValueBuilder as B;

const OPERATOR: &[&str] = &["operator", "_operator"];
const FUNCTOOLS: &[&str] = &["functools", "_functools"];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    // Makers of objects.
    known(&["copyreg"], &["_reconstructor"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::Reconstruct)
        .canonical(CanonicalCall::Reconstructor),
    known(&["copyreg"], &["__newobj__"])
        .makes(Makes::InstanceOf(0))
        .effect(Effect::New(0))
        .canonical(CanonicalCall::NewObj),
    // Not loaded from untrusted files: it hides arguments in arguments, where the check of buffers does not see them.
    known(&["copyreg"], &["__newobj_ex__"]).makes(Makes::InstanceOf(0)).effect(Effect::New(0)),
    dangerous(&["copyreg"], &["pickle", "add_extension", "constructor"]),
    data(&["_codecs"], &["encode"])
        .makes(Makes::Type("bytes"))
        .builds(Value(B::Encode))
        .canonical(CanonicalCall::EncodedBytes)
        .traits(&[Trait::OnlyCalled]),
    dangerous(&["codecs"], &["open"]),
    known(&["pickle", "_pickle", "cPickle", "dill", "dill._dill", "cloudpickle", "cloudpickle.cloudpickle"], &["loads"])
        .effect(Effect::Load),
    known(&["marshal"], &["loads"]).traits(&[Trait::MakesCode]),

    // Template strings, since 3.14.
    data(&["string.templatelib"], &["Interpolation"]).builds(Value(B::Interpolation)),
    data(&["string.templatelib"], &["_template_unpickle"])
        .makes(Makes::Type("string.templatelib.Template"))
        .builds(Value(B::TemplateString))
        .traits(&[Trait::OnlyCalled]),

    // Data.
    data(&["collections"], &["OrderedDict"])
        .builds(Value(B::OrderedDict))
        .canonical(CanonicalCall::OrderedDict)
        .traits(&[Trait::CalledBase, Trait::StartsEmpty]),
    known(&["collections"], &["OrderedDict.__setitem__"]).effect(Effect::SetAttr),
    data(&["collections"], &["defaultdict"])
        .builds(Value(B::DefaultDict))
        .traits(&[Trait::CalledBase, Trait::StartsEmpty]),
    data(&["collections"], &["deque"])
        .builds(Value(B::Deque))
        .traits(&[Trait::CalledBase, Trait::StartsEmpty]),
    data(&["collections"], &["Counter"])
        .builds(Value(B::Counter))
        .traits(&[Trait::CalledBase, Trait::StartsEmpty]),
    data(&["collections"], &["ChainMap", "UserDict", "UserList", "UserString"]).builds(Value(B::Wrapper)),
    data(&["_collections"], &["OrderedDict"]).builds(Value(B::OrderedDict)),
    data(&["_collections"], &["defaultdict"]).builds(Value(B::DefaultDict)),
    data(&["_collections"], &["deque"]).builds(Value(B::Deque)),
    data(&["datetime"], &["date"]).builds(Value(B::Date)).traits(&[Trait::CalledBase]),
    data(&["datetime"], &["datetime"]).builds(Value(B::DateTime)).traits(&[Trait::CalledBase]),
    data(&["datetime"], &["time"]).builds(Value(B::Time)).traits(&[Trait::CalledBase]),
    data(&["datetime"], &["timedelta"]).builds(Value(B::TimeDelta)).traits(&[Trait::CalledBase]),
    data(&["datetime"], &["timezone"]).builds(Value(B::TimeZone)),
    known(&["datetime"], &["tzinfo"]).as_value().traits(&[Trait::CalledBase]),
    data(&["zoneinfo"], &["ZoneInfo"]).builds(Value(B::ZoneInfo)),
    data(&["zoneinfo"], &["ZoneInfo._unpickle"])
        .makes(Makes::Type("zoneinfo.ZoneInfo"))
        .builds(Value(B::ZoneInfo)),
    data(&["decimal"], &["Decimal"]).builds(Value(B::Decimal)).traits(&[Trait::CalledBase]),
    data(&["_decimal"], &["Decimal"]).builds(Value(B::Decimal)),
    data(&["decimal", "_decimal"], &["Context"]).builds(Value(B::DecimalContext)),
    data(&["fractions"], &["Fraction"]).builds(Value(B::Fraction)).traits(&[Trait::CalledBase]),
    data(&["uuid"], &["UUID"]).builds(Value(B::Uuid)),
    data(&["uuid"], &["SafeUUID"]).builds(Value(B::EnumMember)),
    data(&["uuid"], &["_uuid_from_int"])
        .makes(Makes::Type("uuid.UUID"))
        .builds(Value(B::Uuid))
        .traits(&[Trait::OnlyCalled]),
    data(&["random"], &["Random"]).builds(Value(B::Random)),
    data(&["pathlib"], &["Path", "PosixPath", "PurePath", "PurePosixPath"])
        .builds(Value(B::Path))
        .traits(&[Trait::CalledBase]),
    data(&["pathlib"], &["PureWindowsPath", "WindowsPath"]).builds(Value(B::Path)),
    data(
        &["pathlib._local"],
        &["Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath", "WindowsPath"],
    )
    .builds(Value(B::Path)),
    data(
        &["ipaddress"],
        &["IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network", "IPv4Interface", "IPv6Interface"],
    )
    .builds(Value(B::Address)),
    data(&["re"], &["_compile"])
        .makes(Makes::Type("re.Pattern"))
        .builds(Value(B::Regex))
        .traits(&[Trait::OnlyCalled]),
    data(&["re"], &["compile"]).builds(Value(B::Regex)).traits(&[Trait::OnlyCalled]),
    data(&["re"], &["RegexFlag"]).builds(Value(B::EnumMember)),
    known(&["http"], &["HTTPStatus", "HTTPMethod"]).effect(Effect::Data).builds(Value(B::EnumMember)),
    known(&["signal"], &["Signals", "Handlers", "Sigmasks"]).effect(Effect::Data).builds(Value(B::EnumMember)),
    known(&["socket"], &["AddressFamily", "SocketKind", "MsgFlag", "AddressInfo"])
        .effect(Effect::Data)
        .builds(Value(B::EnumMember)),
    known(&["pstats"], &["SortKey"]).effect(Effect::Data).builds(Value(B::EnumMember)),
    known(&["calendar"], &["Month", "Day"]).effect(Effect::Data).builds(Value(B::EnumMember)),
    known(
        &["ssl"],
        &[
            "TLSVersion", "VerifyMode", "Options", "VerifyFlags", "AlertDescription", "SSLErrorNumber", "_SSLMethod",
        ],
    )
    .effect(Effect::Data)
    .builds(Value(B::EnumMember)),
    data(&["os", "posix"], &["stat_result", "statvfs_result", "terminal_size", "times_result", "uname_result"])
        .builds(Value(B::Record)),
    data(&["time"], &["struct_time"]).builds(Value(B::Record)),
    data(&["resource"], &["struct_rusage"]).builds(Value(B::Record)),
    data(&["pwd"], &["struct_passwd"]).builds(Value(B::Record)),
    data(&["array"], &["array"]).builds(Value(B::Array)).traits(&[Trait::CalledBase]),
    data(&["array"], &["_array_reconstructor"])
        .makes(Makes::InstanceOf(0))
        .builds(Value(B::ArrayOfBytes))
        .traits(&[Trait::OnlyCalled]),
    data(&["string"], &["Template"]).builds(Value(B::Wrapper)),
    data(&["_io", "io"], &["StringIO", "BytesIO"]).builds(Value(B::MemoryFile)),
    dangerous(&["_io", "io"], &["FileIO"]),
    data(
        &["itertools"],
        &[
            "chain", "combinations", "combinations_with_replacement", "compress", "count", "cycle", "islice",
            "pairwise", "permutations", "product", "repeat", "zip_longest",
        ],
    )
    .builds(Value(B::Iterator)),
    known(&["itertools"], &["tee", "_tee"]).effect(Effect::Data),
    known(&["itertools"], &["dropwhile", "filterfalse", "groupby", "starmap", "takewhile", "accumulate"])
        .effect(Effect::Lazy),
    data(&["weakref", "_weakref"], &["ref"])
        .makes(Makes::Type("weakref.ref"))
        .effect(Effect::Reference)
        .builds(Value(B::WeakReference)),
    data(&["weakref", "_weakref"], &["WeakKeyDictionary", "WeakValueDictionary"])
        .effect(Effect::OfLiterals)
        .builds(Value(B::WeakContainer)),
    data(&["weakref", "_weakref", "_weakrefset"], &["WeakSet"])
        .effect(Effect::OfLiterals)
        .builds(Value(B::WeakContainer))
        .canonical(CanonicalCall::SetOfMembers),
    known(
        &["weakref", "_weakrefset"],
        &["WeakSet.__init__", "WeakKeyDictionary.__init__", "WeakValueDictionary.__init__"],
    )
    .effect(Effect::Init),
    known(&["weakref"], &["WeakMethod", "KeyedRef"]).effect(Effect::Reference),
    dangerous(&["weakref"], &["finalize"]),
    data(&["threading", "_thread"], &["Lock", "RLock", "allocate_lock"]).builds(Value(B::Lock)),
    data(&["threading"], &["Event"]).builds(Value(B::Lock)),
    // Not loaded from untrusted files: a logger is an object that the whole program shares.
    known(&["logging"], &["getLogger"]).effect(Effect::Data),
    dangerous(&["logging"], &["FileHandler", "makeLogRecord"]),

    // Functions and classes.
    data(&["types"], &["SimpleNamespace"]).builds(Value(B::SimpleNamespace)),
    data(&["types"], &["MappingProxyType"]).builds(Value(B::MappingProxy)),
    data(&["types"], &["GenericAlias"]).builds(Value(B::GenericAlias)),
    data(&["types"], &["NoneType", "UnionType"]).as_value(),
    known(&["types"], &["EllipsisType", "NotImplementedType"]).as_value(),
    known(&["types"], &["MethodType", "CellType", "DynamicClassAttribute"]).effect(Effect::Code),
    // A generator of the pickle has not started, so closing it runs none of its code.
    known(&["types"], &["GeneratorType.close", "CoroutineType.close", "AsyncGeneratorType.aclose"])
        .effect(Effect::Code),
    known(&["types"], &["FunctionType", "LambdaType"]).effect(Effect::Function),
    known(&["types"], &["CodeType"])
        .makes(Makes::Type("code"))
        .effect(Effect::CodeObject)
        .canonical(CanonicalCall::Code)
        .traits(&[Trait::MakesCode]),
    known(&["types"], &["new_class"])
        .makes(new_class(0, 3))
        .effect(class(ClassCall::NewClass, None, Some(1), Some(3))),
    dangerous(&["types"], &["ModuleType"]),
    known(&["abc"], &["ABCMeta.__new__"])
        .makes(new_class(1, 3))
        .effect(class(ClassCall::Type, None, Some(2), Some(3))),
    known(&["abc"], &["ABCMeta"]).traits(&[Trait::Metaclass]),
    known(&["abc", "_abc"], &["abstractproperty"]).effect(Effect::Code),
    known(&["collections", "_collections"], &["_tuplegetter"]).effect(Effect::Code),
    known(&["collections", "_collections"], &["namedtuple"]).effect(class(ClassCall::Helper, None, None, None)),
    known(&["dataclasses"], &[
        "Field", "_DataclassParams", "_MISSING_TYPE", "_HAS_DEFAULT_FACTORY_CLASS", "_AutoDocstring",
    ])
        .effect(Effect::Code),
    known(&["enum"], &["Enum", "IntEnum", "Flag", "IntFlag", "StrEnum"]).traits(&[Trait::CalledBase]),
    known(&["enum"], &["EnumMeta", "EnumType"]).traits(&[Trait::Metaclass]),
    dangerous(&["enum"], &["_simple_enum"]),
    known(&["typing"], &[
        "TypeVar", "ParamSpec", "TypeVarTuple", "TypeAliasType", "NewType", "_GenericAlias", "ForwardRef",
    ]).effect(Effect::Code),
    known(&["annotationlib"], &["ForwardRef"]).effect(Effect::Code),
    known(&["typing"], &["NamedTupleMeta", "_TypedDictMeta", "_ProtocolMeta", "NamedTuple"])
        .traits(&[Trait::Metaclass]),
    dangerous(&["typing"], &["get_type_hints", "_eval_type"]),
    known(&["_ctypes"], &["PyCStructType"]).traits(&[Trait::Metaclass]),
    known(&["_frozen_importlib"], &["ModuleSpec"]).effect(Effect::ImportSpec),
    known(&["_frozen_importlib_external"], &["SourceFileLoader"]).effect(Effect::ImportSpec),

    // Descriptions of signatures, in a module that is dangerous as a whole.
    known(&["inspect"], &["Parameter", "Signature", "_ParameterKind"]).effect(Effect::OfLiterals),

    // Callables that call others.
    data(OPERATOR, &["itemgetter"]).builds(Value(B::ItemGetter)),
    known(OPERATOR, &["attrgetter"]).effect(Effect::AttrGetter),
    known(OPERATOR, &["methodcaller"]).effect(Effect::MethodCaller),
    known(OPERATOR, &["getitem"]).makes(Makes::Subscript),
    known(OPERATOR, &["or_"]).as_value(),
    dangerous(OPERATOR, &["call"]),
    known(&["functools"], &["partial"]).effect(Effect::Partial).traits(&[Trait::CalledBase]),
    known(&["functools"], &["partialmethod"]).effect(Effect::Partial),
    known(&["_functools"], &["partial", "partialmethod"]).effect(Effect::Partial),
    known(FUNCTOOLS, &["lru_cache"]).makes(Makes::Decorator).effect(Effect::Decorator),
    // `int | None` is `reduce(or_, (int, NoneType))`.
    known(FUNCTOOLS, &["reduce"]).effect(Effect::Calls(0)).builds(Value(B::UnionType)).traits(&[Trait::OnlyCalled]),
    known(FUNCTOOLS, &["cmp_to_key"]).effect(Effect::Code),
    known(&["functools"], &["cached_property", "singledispatchmethod", "_lru_cache_wrapper"]).effect(Effect::Code),
    dangerous(&["functools"], &["singledispatch"]),
];

/// The types of subscripts of `typing`; `typing._GenericAlias` for all others.
const SUBSCRIPTS: &[(&str, &str)] = &[
    ("Union", "typing._UnionGenericAlias"),
    ("Optional", "typing._UnionGenericAlias"),
    ("Callable", "typing._CallableGenericAlias"),
    ("Literal", "typing._LiteralGenericAlias"),
    ("Annotated", "typing._AnnotatedAlias"),
];

/// The type of `typing.NAME[…]`.
pub(super) fn subscript_type(name: &str) -> &'static str {
    let listed = SUBSCRIPTS.iter().find(|(of, _)| *of == name);
    listed.map_or("typing._GenericAlias", |(_, type_name)| *type_name)
}

/// The attributes of a marker, which a save writes for an object that cannot be saved: a `types.SimpleNamespace` with
/// the type of that object, the reason, and nothing else.
pub(crate) const MARKER_TYPE: &str = "lost";
pub(crate) const MARKER_REASON: &str = "reason";

/// The text that is shown for a marker.
#[cfg(feature = "python")]
pub(crate) fn shown_marker(type_name: &str, reason: &str) -> String {
    format!("<lost {type_name}: {reason}>")
}
