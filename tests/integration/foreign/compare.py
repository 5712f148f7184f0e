"""Prints where the answers of `inspect --json` differ from what loading the files gives.

Standard input is a JSON object: the answer for each file.
"""

import importlib
import inspect
import json
import os
import sys
import types
import warnings

import dill

EXACT = (str, bytes, bytearray, list, tuple, dict, set, frozenset, range)
SIZED = ("collections.", "pandas.")


def type_name(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def loaded(path, is_session):
    if is_session:
        return dill.load_module_asdict(path)
    with open(path, "rb") as file:
        value = dill.load(file)
    # An empty dict names nothing, so a restore binds it as a whole.
    return {"obj": value} if value == {} else value


def is_import(value, name):
    """Whether a name such as `numpy.sum` refers to this object."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for part in parts[end:]:
            found = getattr(found, part)
        return found is value or found == value
    return False


def is_type(value, told):
    if told.startswith("import "):
        return is_import(value, told.removeprefix("import "))
    # Before protocol 3 a pickle holds the name from Python 2; the protocol number tells which.
    if told == "OSError" and isinstance(value, OSError):
        return True
    return type_name(value) == told


def facts(value):
    """The details of a value, besides its type."""
    name = type_name(value)
    is_kind = isinstance(value, type)
    if not is_kind and (type(value) in EXACT or name.startswith(SIZED)) and name != "collections.ChainMap":
        if hasattr(value, "__len__"):
            yield "items", len(value)
    if not is_kind and name.startswith(("numpy.", "pandas.")) and hasattr(value, "shape"):
        if name.partition(".")[2] in ("ndarray", "ma.MaskedArray", "matrix", "rec.recarray", "DataFrame", "Series"):
            yield "shape", list(value.shape)
    if name in ("numpy.ndarray", "numpy.ma.MaskedArray", "numpy.matrix", "numpy.rec.recarray", "pandas.Series"):
        yield "dtype", str(value.dtype)
    if name == "pandas.DataFrame" and value.columns.nlevels == 1:
        yield "columns", [str(column) for column in value.columns]
    if isinstance(value, types.FunctionType) and value.__module__ == "__main__":
        yield "source_path", value.__code__.co_filename
        yield "function", value.__name__ + str(inspect.signature(value)) if plain(value) else value.__name__
    if name.startswith("__main__.") and hasattr(value, "__dict__"):
        yield "attributes", list(value.__dict__)
    if is_kind and value.__module__ == "__main__":
        yield "class", value.__qualname__
        if hasattr(value, "_fields"):
            yield "members", sorted(value._fields)
        elif not hasattr(value, "__slots__"):
            yield "members", sorted(key for key in vars(value) if not is_dunder(key))


def is_dunder(name):
    return name.startswith("__") and name.endswith("__")


def plain(function):
    """Whether a function's signature is shown without defaults and annotations."""
    return not (function.__defaults__ or function.__kwdefaults__ or function.__annotations__)


def told(variable, fact):
    preview = variable["preview"]
    match fact:
        case "function":
            return preview
        case "class":
            return preview.removeprefix("class __main__.")
        case "members":
            return sorted(variable.get("attributes", []))
        case "columns" | "attributes":
            return variable.get(fact, [])
    return variable.get(fact)


def is_same(fact, value, told):
    if fact == "function" and "(" not in value:
        return told.partition("(")[0] == value
    if fact == "members":
        return value == [name for name in told if name in value]
    return value == told


def differences(path, variables, values):
    names = [variable["name"] for variable in variables]
    if names != list(values):
        wrong = [pair for pair in zip(names, values) if pair[0] != pair[1]][:3]
        yield f"names: {len(names)} for {len(values)}, {wrong}, only one of {set(names) ^ set(values)}"
    size = sum(variable["bytes"] for variable in variables)
    if size > os.path.getsize(path) or not all(variable["bytes"] for variable in variables):
        yield f"sizes: {size} bytes in all, {[variable['name'] for variable in variables if not variable['length']]}"
    for variable in variables:
        if variable["name"] not in values:
            continue
        value, name = values[variable["name"]], variable["name"]
        if not is_type(value, variable["type"]):
            yield f"{name}: type {variable['type']} for {type_name(value)}"
        for fact, expected in facts(value):
            if not is_same(fact, expected, told(variable, fact)):
                yield f"{name}: {fact} {told(variable, fact)!r} for {expected!r}"
        if "items" in variable and hasattr(value, "__len__") and variable["items"] != len(value):
            yield f"{name}: len {variable['len']} for {len(value)}"


def compare(path, answer):
    values = loaded(path, answer["format"] == "dill-session")
    values = {name: value for name, value in values.items() if not is_dunder(name)}
    for line in differences(path, answer["variables"], values):
        print(f"{path}: {line}")


def main():
    warnings.simplefilter("ignore")
    answers = json.load(sys.stdin)
    # Starting Python and importing these takes far longer than loading a file.
    for library in "numpy", "pandas", "sklearn.ensemble":
        try:
            importlib.import_module(library)
        except ImportError:
            pass
    for path, answer in answers.items():
        # A process for each file: loading one must not affect another.
        child = os.fork()
        if not child:
            compare(path, answer)
            sys.stdout.flush()
            os._exit(0)
        if os.waitpid(child, 0)[1]:
            sys.exit(f"{path} cannot be loaded")


main()
