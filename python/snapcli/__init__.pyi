"""Save a Python session to one file that dill reads, restore it, and inspect it."""

import os
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, final, overload

from typing_extensions import Buffer

__all__ = [
    "BackgroundSave",
    "Lost",
    "Report",
    "RestoreReport",
    "__version__",
    "diff",
    "dump",
    "dumps",
    "inspect",
    "load",
    "load_dict",
    "loads",
    "replay",
    "restore",
    "save",
    "verify",
]

_T = TypeVar("_T")

__version__: str

class _Writable(Protocol):
    def write(self, data: bytes, /) -> object: ...

class _Readable(Protocol):
    def read(self) -> bytes: ...

_Path: TypeAlias = str | os.PathLike[str]
_Source: TypeAlias = _Path | _Readable | Buffer
_Names: TypeAlias = str | Iterable[str]
_StringType: TypeAlias = type[str]
_Bytes: TypeAlias = bytes

@final
class Lost:
    """Something that was not saved or not restored. `str()` of it is the reason, and it equals such a string."""

    @property
    def reason(self) -> str:
        """Why, such as `TypeError: cannot pickle 'socket' object`."""
    @property
    def where(self) -> str:
        """Where the object at fault is: `cfg['db'].conn`."""
    @property
    def path(self) -> str:
        """The same as `where`."""
    @property
    def type(self) -> str:
        """The type of that object, as far as it is known."""
    @property
    def hint(self) -> str | None:
        """What to do about it; None if there is no advice."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> tuple[_StringType, tuple[str]]: ...

@final
class Report:
    """What was saved, and what was not and why. `print(report)` shows it to a person or a language model.

    A report is always true: `report.complete` says whether anything was lost.
    """

    @property
    def saved(self) -> list[str]:
        """The names of the variables that were saved."""
    @property
    def lost(self) -> dict[str, Lost]:
        """What could not be saved, by the name of the variable or the path to the object within one."""
    @property
    def left_out(self) -> dict[str, str]:
        """What was left out by a rule, such as `exclude=`, and is not lost: names and reasons."""
    @property
    def complete(self) -> bool:
        """Whether everything that was to be saved was saved."""
    @property
    def bytes(self) -> int:
        """The size of the snapshot in bytes."""
    @property
    def path(self) -> str | None:
        """The path of the file; None if the target is no path."""
    @property
    def data(self) -> _Bytes | None:
        """The snapshot, if `target` was None."""
    @property
    def notes(self) -> list[str]:
        """Warnings, and differences to expect after a restore."""
    def to_dict(self) -> dict[str, Any]:
        """The report as a dict, with the JSON schema of `snapcli save --report`."""
    def __reduce__(self) -> tuple[Any, tuple[()], dict[str, Any]]: ...

@final
class BackgroundSave:
    """A save that another process does, while the program goes on: what `save(..., wait=False)` returns.

    If that process is killed, or hangs, the session is saved again in the foreground when done() or result() is called,
    at the next save, or when Python ends, and the report says so.
    """

    def done(self) -> bool:
        """Whether the result is known. Does not wait, unless the session has to be saved again."""
    def result(self, timeout: float | None = None) -> Report:
        """Waits for the end, and returns the Report, or raises the exception of the save.

        If that takes more than `timeout` seconds, TimeoutError is raised, and the save goes on.
        """
    @property
    def report(self) -> Report | None:
        """The Report, if the save has succeeded; None while it runs and if it has failed."""
    @property
    def target(self) -> str:
        """What is saved to."""
    def __reduce__(self) -> tuple[Any, tuple[()], dict[str, Any]]: ...

@final
class RestoreReport:
    """What was restored, and what was not and why. `print(report)` shows it to a person or a language model.

    A report is always true: `report.complete` says whether anything was lost.
    """

    @property
    def restored(self) -> list[str]:
        """The names of the restored variables."""
    @property
    def lost(self) -> dict[str, Lost]:
        """What could not be restored, by name."""
    @property
    def markers(self) -> dict[str, Lost]:
        """Objects within restored variables that had not been saved, and in whose place there is a marker, by path."""
    @property
    def complete(self) -> bool:
        """Whether everything that was asked for was restored."""
    @property
    def module(self) -> str:
        """The module that the variables were saved from."""
    @property
    def state(self) -> list[str]:
        """The kinds of ambient state that were put back, such as `random`."""
    @property
    def notes(self) -> list[str]:
        """What else there is to say."""
    @property
    def trusted(self) -> bool:
        """Whether the snapshot was loaded in full: it is signed with your key, or `trust=True` was given."""
    def to_dict(self) -> dict[str, Any]:
        """The report as a dict, with the JSON schema of `snapcli restore --json`."""
    def __reduce__(self) -> tuple[Any, tuple[()], dict[str, Any]]: ...

@overload
def save(
    target: _Path | _Writable | None = None,
    namespace: dict[str, Any] | ModuleType | None = None,
    *,
    only: _Names | None = None,
    include: _Names | None = None,
    exclude: _Names | None = None,
    exclude_type: _Names | None = None,
    private: bool = False,
    max_size: int | str | None = None,
    redact: bool = False,
    refimported: bool = False,
    whole: bool = False,
    ambient: bool | None = None,
    check: bool | None = None,
    sync: bool = True,
    name: str | None = None,
    message: str | None = None,
    compress: int | bool | None = None,
    wait: Literal[True] = True,
) -> Report: ...
@overload
def save(
    target: _Path | _Writable | None = None,
    namespace: dict[str, Any] | ModuleType | None = None,
    *,
    only: _Names | None = None,
    include: _Names | None = None,
    exclude: _Names | None = None,
    exclude_type: _Names | None = None,
    private: bool = False,
    max_size: int | str | None = None,
    redact: bool = False,
    refimported: bool = False,
    whole: bool = False,
    ambient: bool | None = None,
    check: bool | None = None,
    sync: bool = True,
    name: str | None = None,
    message: str | None = None,
    compress: int | bool | None = None,
    wait: Literal[False],
) -> BackgroundSave: ...
@overload
def save(
    target: _Path | _Writable | None = None,
    namespace: dict[str, Any] | ModuleType | None = None,
    *,
    only: _Names | None = None,
    include: _Names | None = None,
    exclude: _Names | None = None,
    exclude_type: _Names | None = None,
    private: bool = False,
    max_size: int | str | None = None,
    redact: bool = False,
    refimported: bool = False,
    whole: bool = False,
    ambient: bool | None = None,
    check: bool | None = None,
    sync: bool = True,
    name: str | None = None,
    message: str | None = None,
    compress: int | bool | None = None,
    wait: bool,
) -> Report | BackgroundSave:
    """Saves a session to a path, to a store, to a binary file, or to `report.data`."""

def replay(iterable: Iterable[_T]) -> Iterable[_T]:
    """Marks an iterable that yields the same items each time it is evaluated, for loops under `snapcli run`."""

def restore(
    source: _Source,
    only: _Names | None = None,
    *,
    exclude: _Names | None = None,
    into: dict[str, Any] | ModuleType | None = None,
    rename: Mapping[str, str] | None = None,
    mmap: bool = False,
    partial: bool = False,
    trust: bool = False,
    ambient: bool = True,
    max_memory: int | str | None = None,
) -> RestoreReport:
    """Restores a snapshot into the session of the caller, or into a dict or a module."""

def load_dict(
    source: _Source,
    only: _Names | None = None,
    *,
    exclude: _Names | None = None,
    rename: Mapping[str, str] | None = None,
    mmap: bool = False,
    partial: bool = False,
    trust: bool = False,
    max_memory: int | str | None = None,
) -> dict[str, Any]:
    """Loads the variables of a snapshot into a new dict, and changes no module."""

def inspect(
    source: _Source, *, verdict: bool = False, trace: str | None = None, max_memory: int | str | None = None
) -> dict[str, Any]:
    """Shows what is in a file, without executing anything in it: the JSON of `snapcli inspect --json`."""

def diff(before: _Source, after: _Source, *, max_memory: int | str | None = None) -> dict[str, Any]:
    """Compares two files, without executing anything in them: the JSON of `snapcli diff --json`."""

def verify(source: _Source, *, max_memory: int | str | None = None) -> dict[str, Any]:
    """Checks whether a file is intact, and which of its variables are: the JSON of `snapcli verify --json`."""

def dumps(
    obj: object,
    protocol: int | None = None,
    byref: bool | None = None,
    fmode: int | None = None,
    recurse: bool | None = None,
    *,
    buffer_callback: Callable[[Any], object] | None = None,
) -> bytes:
    """Pickles an object and returns the bytes, as `dill.dumps` does."""

def dump(
    obj: object,
    file: _Writable,
    protocol: int | None = None,
    byref: bool | None = None,
    fmode: int | None = None,
    recurse: bool | None = None,
    *,
    buffer_callback: Callable[[Any], object] | None = None,
) -> None:
    """Pickles an object into a file, as `dill.dump` does."""

def loads(data: Buffer, ignore: bool | None = None, *, trust: bool = False, **options: Any) -> Any:
    """Loads an object from a pickle in memory: plain data, or with `trust=True` whatever `dill.loads` does."""

def load(file: _Readable, ignore: bool | None = None, *, trust: bool = False, **options: Any) -> Any:
    """Loads an object from a file: plain data, or with `trust=True` whatever `dill.load` does."""

def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext snapcli`."""

def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext snapcli`."""
