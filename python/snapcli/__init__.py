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

try:
    from snapcli._engine import (
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
    "restore",
    "save",
    "verify",
]
