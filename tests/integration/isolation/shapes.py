"""Describes objects by type, value and identity, without pickle: `shape(names)` is equal if and only if all parts are,
and the same parts are the same objects."""

import types


def shape(values):
    seen, lines, waiting = {}, [], []

    def label(value):
        if value is None or isinstance(value, (bool, int, float, str, bytes, type(...))):
            return repr(value)
        if isinstance(value, types.ModuleType) or (isinstance(value, type) and value.__module__ != "__main__"):
            return "import " + value.__name__
        if isinstance(value, types.BuiltinFunctionType):
            return repr(value)
        if id(value) not in seen:
            seen[id(value)] = len(seen)
            waiting.append(value)
        return "#%d" % seen[id(value)]

    def parts(value):
        kind = type(value).__name__
        if kind == "ndarray":
            return [str(value.dtype), str(value.shape), value.tolist() if value.size < 99 else (value.sum(), value[-1])]
        if isinstance(value, dict):
            return [(label(key), label(item)) for key, item in value.items()]
        if isinstance(value, (list, tuple)):
            return [label(item) for item in value]
        if isinstance(value, (set, frozenset)):
            return [label(item) for item in sorted(value, key=repr)]
        if isinstance(value, types.FunctionType):
            cells = [label(cell) for cell in value.__closure__ or ()]
            return [value.__name__, value.__code__.co_code, cells, label(value.__defaults__)]
        if isinstance(value, types.CellType):
            return [label(value.cell_contents)]
        if isinstance(value, types.MethodType):
            return [label(value.__self__), label(value.__func__)]
        if isinstance(value, type):
            skipped = ("__dict__", "__weakref__", "__doc__")
            return [value.__name__] + [(name, label(item)) for name, item in sorted(vars(value).items())
                                       if name not in skipped and not name.startswith("_abc")]
        slots = [(name, getattr(value, name)) for name in getattr(type(value), "__slots__", ())]
        attributes = slots + sorted(getattr(value, "__dict__", {}).items())
        return [label(type(value)), [(name, label(item)) for name, item in attributes]]

    roots = [(name, label(value)) for name, value in values]
    while waiting:
        value = waiting.pop(0)
        lines.append((seen[id(value)], type(value).__name__, parts(value)))
    return str((roots, lines))


def session(names):
    import __main__
    return shape([(name, vars(__main__)[name]) for name in sorted(names)])
