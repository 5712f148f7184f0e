//! The rows of `builtins`. Python 2 calls it `__builtin__`, see [`renames`](super::renames).
//!
//! A name of `builtins` without an effect is dangerous to call.

use super::registry_row::{CanonicalCall, ClassCall, Effect, KnownGlobal, Makes, Trait, class, data, known, new_class};

const BUILTINS: &[&str] = &["builtins"];

#[rustfmt::skip]
pub(super) const ROWS: &[KnownGlobal] = &[
    data(BUILTINS, &[
        "bool", "dict", "enumerate", "float", "int", "list", "memoryview", "object", "reversed", "str", "tuple", "zip",
        "NoneType",
    ]),
    data(BUILTINS, &["complex", "range", "slice"]).traits(&[Trait::CalledBase]),
    data(BUILTINS, &["set"]).canonical(CanonicalCall::Set).traits(&[Trait::CalledBase]),
    data(BUILTINS, &["frozenset"]).canonical(CanonicalCall::FrozenSet).traits(&[Trait::CalledBase]),
    data(BUILTINS, &["bytearray"]).canonical(CanonicalCall::ByteArray).traits(&[Trait::CalledBase]),
    data(BUILTINS, &["bytes"]).canonical(CanonicalCall::EmptyBytes),
    data(BUILTINS, &["dict.values", "dict.items"]),
    data(BUILTINS, &["str.split"]).makes(Makes::Type("list")).canonical(CanonicalCall::JoinedStrings),
    data(BUILTINS, &[
        "ArithmeticError", "AssertionError", "AttributeError", "BlockingIOError", "BrokenPipeError", "BufferError",
        "BytesWarning", "ChildProcessError", "ConnectionAbortedError", "ConnectionError", "ConnectionRefusedError",
        "ConnectionResetError", "DeprecationWarning", "EOFError", "BaseException", "Exception", "FileExistsError",
        "FileNotFoundError", "FloatingPointError", "FutureWarning", "IOError", "ImportError", "ImportWarning",
        "IndentationError", "IndexError", "InterruptedError", "IsADirectoryError", "KeyError", "LookupError",
        "MemoryError", "ModuleNotFoundError", "NameError", "NotADirectoryError", "NotImplementedError", "OSError",
        "OverflowError", "PendingDeprecationWarning", "PermissionError", "ProcessLookupError", "RecursionError",
        "ReferenceError", "ResourceWarning", "RuntimeError", "RuntimeWarning", "SyntaxError", "SyntaxWarning",
        "SystemError", "TabError", "TimeoutError", "TypeError", "UnboundLocalError", "UnicodeDecodeError",
        "UnicodeEncodeError", "UnicodeError", "UnicodeTranslateError", "UnicodeWarning", "UserWarning", "ValueError",
        "Warning", "ZeroDivisionError",
    ]).traits(&[Trait::CalledBase]),
    data(BUILTINS, &[
        "BaseExceptionGroup", "ExceptionGroup", "GeneratorExit", "KeyboardInterrupt", "StopAsyncIteration",
        "StopIteration", "SystemExit",
    ]),
    known(BUILTINS, &["property", "classmethod", "staticmethod", "super"]).effect(Effect::Code),
    known(BUILTINS, &["type"])
        .effect(class(ClassCall::Type, None, Some(1), Some(2)))
        .traits(&[Trait::Metaclass]),
    // `type.__new__(metaclass, …)` runs no code of the metaclass. Our pickler makes the classes of a session by it.
    known(BUILTINS, &["type.__new__"])
        .makes(new_class(1, 3))
        .effect(class(ClassCall::Type, None, Some(2), Some(3))),
    known(BUILTINS, &["type.__setattr__", "object.__setattr__", "setattr", "delattr"]).effect(Effect::SetAttr),
    known(BUILTINS, &["dict.update", "list.extend"]).effect(Effect::Fills),
    known(BUILTINS, &["getattr"])
        .makes(Makes::Attribute)
        .effect(Effect::GetAttr)
        .traits(&[Trait::GetsAttribute]),
    known(BUILTINS, &["map", "filter"]).effect(Effect::Lazy),
    known(BUILTINS, &["iter"]).effect(Effect::Iterates),
    known(BUILTINS, &["code"]).traits(&[Trait::MakesCode]),
    known(BUILTINS, &["__main__"]).traits(&[Trait::SessionNamespace]),
    known(BUILTINS, &["Ellipsis"]).singleton("ellipsis"),
    known(BUILTINS, &["NotImplemented"]).singleton("NotImplementedType"),
];
