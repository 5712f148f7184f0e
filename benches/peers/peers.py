"""The peers: how each library saves the session in `__main__`, and loads it again.

Each gets the data that it is made for. dill, cloudpickle and snapcli save functions and classes of the script by
value, so they get the whole session; C pickle and joblib write only their names, so they get the data, and "cannot"
save a session that holds nothing else.
"""

import dataclasses
import os
import pickle
import types
from typing import Callable, Optional

import __main__
import cloudpickle
import dill
import joblib

try:
    import snapcli
except ImportError:  # The driver was started by python itself.
    snapcli = None

PIECE = 1 << 20


class NotYet(Exception):
    """This build of snapcli has no such function."""


class Cannot(Exception):
    """This peer cannot save this session."""


@dataclasses.dataclass
class Peer:
    name: str
    save: Callable[[str], None]
    load: Optional[Callable[[str], dict]] = None


def session():
    """The variables of the script, without the modules that it imported."""
    return {
        name: value
        for name, value in vars(__main__).items()
        if not name.startswith("__") and not isinstance(value, types.ModuleType)
    }


def data():
    """The variables that a pickler can save by value if it saves functions and classes by name."""
    by_name = (type, types.FunctionType)
    values = {name: value for name, value in session().items() if not isinstance(value, by_name)}
    kept = {name: value for name, value in values.items() if not holds_functions(value)}
    # A single number next to the functions is not worth measuring.
    if not any(hasattr(value, "__len__") for value in kept.values()):
        raise Cannot("functions go by reference: nothing of them is in the file")
    return kept


def holds_functions(value):
    """Whether this is a list of closures, which C pickle cannot save."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], types.FunctionType)


def dill_save(protocol):
    def save(path):
        # dump_module has no argument for it.
        before = dill.settings["protocol"]
        dill.settings["protocol"] = protocol
        try:
            dill.dump_module(path)
        finally:
            dill.settings["protocol"] = before

    return save


def pickle_save(path):
    with open(path, "wb") as file:
        pickle.dump(data(), file, 5)


def pickle_load(path):
    with open(path, "rb") as file:
        return pickle.load(file)


def cloudpickle_save(path):
    with open(path, "wb") as file:
        cloudpickle.dump(session(), file)


def joblib_save(path):
    joblib.dump(data(), path)


def plain_save(path):
    """Writes only the bytes of the array, in pieces: the speed of the disk."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        bytes_of_array = memoryview(__main__.array).cast("B")
        for start in range(0, len(bytes_of_array), PIECE):
            rest = bytes_of_array[start : start + PIECE]
            while rest:
                rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def then_fsync(save):
    def save_to_disk(path):
        save(path)
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    return save_to_disk


def snapcli_save(**options):
    return lambda path: of_snapcli("save")(path, **options)


def snapcli_load(**options):
    return lambda path: of_snapcli("load_dict")(path, **options)


def untrusted_load(path):
    """Loads the file as another user would, who has another key."""
    os.environ["SNAPCLI_KEY"] = "5a" * 32
    try:
        return of_snapcli("load_dict")(path)
    finally:
        del os.environ["SNAPCLI_KEY"]


def of_snapcli(name):
    function = getattr(snapcli, name, None)
    if function is None:
        raise NotYet(f"this snapcli has no snapcli.{name}")
    return function


def peers():
    """The peers that save, in the order of the table. Only those whose loads are compared have one."""
    return [
        Peer("dill", dill_save(dill.settings["protocol"]), dill.load_module_asdict),
        Peer("dill 5", dill_save(5)),
        Peer("C pickle", pickle_save, pickle_load),
        Peer("cloudpickle", cloudpickle_save),
        Peer("joblib", joblib_save),
        *([Peer("plain write", plain_save)] if hasattr(__main__, "array") and hasattr(__main__, "small") else []),
        Peer("snapcli", snapcli_save(sync=False), snapcli_load()),
    ]


def synced():
    """The same with fsync, so that the data is on the disk and not only in the page cache."""
    plain = [peer for peer in peers() if peer.name in ("C pickle", "plain write")]
    return [Peer(peer.name, then_fsync(peer.save)) for peer in plain] + [Peer("snapcli", snapcli_save())]
