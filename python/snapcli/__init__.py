"""Save a Python session to one file that dill reads, restore it, and inspect it.

    report = snapcli.save("session.pkl")     # what was saved, and what was not and why
    snapcli.restore("session.pkl")           # in another process
    names = snapcli.load_dict("session.pkl") # into a dict
    snapcli.inspect("session.pkl")           # executes nothing

`help(snapcli.save)` describes the arguments.
"""

import sys as _sys

if _sys.implementation.name != "cpython":
    raise ImportError(f"snapcli needs CPython, and this is {_sys.implementation.name}")
if "t" in getattr(_sys, "abiflags", ""):
    raise ImportError("snapcli does not run in a free-threaded Python: use the build with the GIL")


def _is_main_interpreter() -> bool:
    try:
        import _interpreters as interpreters
    except ImportError:
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            return True
    return bool(interpreters.get_current() == interpreters.get_main())


# The engine would be taken by the first interpreter that imports it.
if not _is_main_interpreter():
    raise ImportError("snapcli does not run in a subinterpreter: import it in the main interpreter")

try:
    from snapcli._engine import (
        BackgroundSave,
        Lost,
        Report,
        RestoreReport,
        __version__,
        diff,
        dump,
        dumps,
        inspect,
        load,
        load_dict,
        load_ipython_extension,
        loads,
        replay,
        restore,
        save,
        unload_ipython_extension,
        verify,
    )
except ImportError as _error:
    if "subinterpreter" in str(_error):
        raise ImportError("snapcli does not run in a subinterpreter: import it in the main interpreter") from None
    raise

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
