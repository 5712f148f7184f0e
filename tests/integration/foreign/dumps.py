"""Writes the session in all formats; appended to a script that defines one."""

import pickle as _pickle

import dill as _dill

_dill.dump_module("session.pkl")
_dill.dump_module("refimported.pkl", refimported=True)
for _protocol in 2, 4, 5:
    _dill.settings["protocol"] = _protocol
    _dill.dump_module(f"session-{_protocol}.pkl")
_dill.settings["protocol"] = 4

_values = {name: value for name, value in globals().items() if not name.startswith("_")}


def _comes_back(library, value, **options):
    """Whether a library can save a value so that a process without this script can load it."""
    try:
        pickled = library.dumps(value, **options)
        library.loads(pickled)
    except Exception:
        return False
    return library is not _pickle or b"__main__" not in pickled


def _dump(name, library, **options):
    values = {name: value for name, value in _values.items() if _comes_back(library, value, **options)}
    with open(name, "wb") as file:
        library.dump(values, file, **options)


for _protocol in 0, 1, 2, 3, 4, 5:
    _dump(f"dict-{_protocol}.pkl", _pickle, protocol=_protocol)
_dump("dill.pkl", _dill)
_dump("dill-recurse.pkl", _dill, recurse=True)
try:
    import cloudpickle as _cloudpickle
except ImportError:
    pass
else:
    # The pickle refers by name to the function that `lru_cache` wraps, which only this script has.
    _values.pop("remembered", None)
    _dump("cloudpickle.pkl", _cloudpickle)
