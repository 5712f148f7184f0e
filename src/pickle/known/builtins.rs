//! The rows of `builtins`. Python 2 calls it `__builtin__`, see [`renames`](super::renames).
//!
//! A name of `builtins` without an effect is dangerous to call.

use super::registry_row::{CanonicalCall, ClassCall, Effect, KnownGlobal, Makes, Trait, class, data, known, new_class};
use crate::pickle::build_plan::Builder::Value;
use crate::pickle::build_plan::ValueBuilder as B;

const BUILTINS: &[&str] = &["builtins"];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    data(BUILTINS, &["bool", "float", "int", "str"]).builds(Value(B::Basic)),
    data(BUILTINS, &["list", "tuple"]).builds(Value(B::Sequence)),
    data(BUILTINS, &["dict"]).builds(Value(B::Dict)),
    // New in 3.15.
    data(BUILTINS, &["frozendict"]).builds(Value(B::FrozenDict)),
    data(BUILTINS, &["sentinel"]).builds(Value(B::Sentinel)),
    known(BUILTINS, &["exec"]).effect(Effect::Execute),
    data(BUILTINS, &["object"]).builds(Value(B::Object)),
    data(BUILTINS, &["enumerate", "reversed", "zip"]).builds(Value(B::Iterator)),
    // A view of memory cannot be pickled, and the type of `None` is not called.
    data(BUILTINS, &["memoryview", "NoneType"]).as_value(),
    data(BUILTINS, &["complex"])
        .builds(Value(B::Complex))
        .canonical(CanonicalCall::Constant)
        .traits(&[Trait::CalledBase]),
    data(BUILTINS, &["range"])
        .builds(Value(B::Range))
        .canonical(CanonicalCall::Constant)
        .traits(&[Trait::CalledBase]),
    data(BUILTINS, &["slice"])
        .builds(Value(B::Slice))
        .canonical(CanonicalCall::Constant)
        .traits(&[Trait::CalledBase]),
    data(BUILTINS, &["set"])
        .builds(Value(B::Sequence))
        .canonical(CanonicalCall::Set)
        .traits(&[Trait::CalledBase]),
    data(BUILTINS, &["frozenset"])
        .builds(Value(B::Sequence))
        .canonical(CanonicalCall::FrozenSet)
        .traits(&[Trait::CalledBase]),
    data(BUILTINS, &["bytearray"])
        .builds(Value(B::ByteArray))
        .canonical(CanonicalCall::ByteArray)
        .traits(&[Trait::CalledBase]),
    data(BUILTINS, &["bytes"]).builds(Value(B::Bytes)).canonical(CanonicalCall::EmptyBytes),
    data(BUILTINS, &["dict.keys", "dict.values", "dict.items"]).builds(Value(B::DictView)),
    data(BUILTINS, &["str.split"])
        .makes(Makes::Type("list"))
        .builds(Value(B::JoinedStrings))
        .canonical(CanonicalCall::JoinedStrings),
    data(BUILTINS, &[
        "ArithmeticError", "AssertionError", "AttributeError", "BlockingIOError", "BrokenPipeError", "BufferError",
        "BytesWarning", "ChildProcessError", "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError",
        "ConnectionResetError", "DeprecationWarning", "EOFError", "EncodingWarning", "EnvironmentError",
        "BaseException", "Exception", "FileExistsError", "FileNotFoundError", "FloatingPointError", "FutureWarning",
        "IOError", "ImportError", "ImportWarning", "IndentationError", "IndexError", "InterruptedError",
        "IsADirectoryError", "KeyError", "LookupError", "MemoryError", "ModuleNotFoundError", "NameError",
        "NotADirectoryError", "NotImplementedError", "OSError", "OverflowError", "PendingDeprecationWarning",
        "PermissionError", "ProcessLookupError", "PythonFinalizationError", "RecursionError", "ReferenceError",
        "ResourceWarning", "RuntimeError", "RuntimeWarning", "SyntaxError", "SyntaxWarning", "SystemError",
        "TabError", "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError", "UnicodeEncodeError",
        "UnicodeError", "UnicodeTranslateError", "UnicodeWarning", "UserWarning", "ValueError", "Warning",
        "ZeroDivisionError",
    ]).builds(Value(B::Error)).traits(&[Trait::CalledBase]),
    data(BUILTINS, &[
        "BaseExceptionGroup", "ExceptionGroup", "GeneratorExit", "KeyboardInterrupt", "StopAsyncIteration",
        "StopIteration", "SystemExit",
    ]).builds(Value(B::Error)),
    known(BUILTINS, &["property", "classmethod", "staticmethod", "super"]).effect(Effect::Code),
    known(BUILTINS, &["type"])
        .effect(class(ClassCall::Type, None, Some(1), Some(2)))
        .builds(Value(B::TypeOf))
        .traits(&[Trait::Metaclass, Trait::OnlyCalled]),
    // `type.__new__(metaclass, …)` runs no code of the metaclass. Our pickler makes the classes of a session by it.
    known(BUILTINS, &["type.__new__"])
        .makes(new_class(1, 3))
        .effect(class(ClassCall::Type, None, Some(2), Some(3))),
    known(BUILTINS, &["type.__setattr__", "object.__setattr__", "setattr", "delattr"]).effect(Effect::SetAttr),
    known(BUILTINS, &["dict.update", "list.extend"]).effect(Effect::Fills),
    known(BUILTINS, &["getattr"])
        .makes(Makes::Attribute)
        .effect(Effect::GetAttr)
        .builds(Value(B::GetAttr))
        .traits(&[Trait::GetsAttribute, Trait::OnlyCalled]),
    known(BUILTINS, &["map", "filter"]).effect(Effect::Lazy),
    known(BUILTINS, &["iter"])
        .effect(Effect::Iterates)
        .builds(Value(B::Iterator))
        .traits(&[Trait::OnlyCalled]),
    known(BUILTINS, &["code"]).traits(&[Trait::MakesCode]),
    known(BUILTINS, &["__main__"]).traits(&[Trait::SessionNamespace]),
    known(BUILTINS, &["Ellipsis"]).as_value().singleton("ellipsis"),
    known(BUILTINS, &["NotImplemented"]).as_value().singleton("NotImplementedType"),
];
