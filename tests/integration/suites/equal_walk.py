# Describes the variables of a session without pickling anything, to find out whether a restored session is the one
# that was saved. Each variable becomes a list of lines, one for each object met on a walk through it: its path, type and
# contents. Objects that can change are numbered by identity, so the lines also show which parts are shared. Constants,
# and what an import finds, count by value: snapcli writes them again in each variable.
#
# `record` runs in the process that saved (from `sitecustomize.py`, when Python ends), `compare` in the one that restored.
import json
import re
import sys
import types
import weakref

ADDRESS = re.compile(r" at 0x[0-9a-f]+|0x[0-9a-f]{6,}")
PLAIN = (int, float, complex, str, bytes, bool, type(None), type(...), type(NotImplemented))
# Names in a class that belong to the process or to the class statement.
CLASS_NAMES = {"__dict__", "__weakref__", "_abc_impl", "__abstractmethods__", "__module__", "__builtins__", "__slotnames__"}
# What `staticmethod` and `classmethod` copy from their function, but not where the class statement makes them.
COPIED = {"__module__", "__name__", "__qualname__", "__doc__", "__annotations__"}
CODE = """co_argcount co_posonlyargcount co_kwonlyargcount co_nlocals co_stacksize co_flags co_code co_names co_varnames
    co_filename co_name co_qualname co_firstlineno co_linetable co_exceptiontable co_freevars co_cellvars""".split()
# Methods of `object` that read attributes without running code of the class.
GET = object.__getattribute__
MISSING = object()


def module(name):
    return sys.modules.get(name)


def namespaces():
    """The names of modules by the addresses of their namespaces. `__main__` has other names too, but this one counts."""
    modules = [*sys.modules.items(), ("__main__", module("__main__"))]
    return {id(vars(found)): name for name, found in modules if isinstance(found, types.ModuleType)}


def qualified(value):
    """The name by which an import finds a class or function, or None."""
    try:
        home, path = GET_NAME(value)
    except Exception:
        return None
    found = module(home) if home != "__main__" else None
    for name in path.split("."):
        try:
            found = vars(found)[name] if isinstance(found, (type, types.ModuleType)) else None
        except KeyError:
            return None
        if isinstance(found, (staticmethod, classmethod)):
            found = found.__func__
    return f"{home}.{path}" if found is value else None


def GET_NAME(value):
    if issubclass(type(value), type):
        names = type.__dict__["__module__"].__get__(value), type.__dict__["__qualname__"].__get__(value)
    else:
        names = value.__module__, value.__qualname__
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    return names


def named(value):
    """The description of what is found by its name, in any process."""
    is_compiled = type(value).__name__ == "cython_function_or_method"
    if issubclass(type(value), (type, types.FunctionType, types.BuiltinFunctionType)) or is_compiled:
        name = qualified(value)
        if name is not None:
            return f"named {name}"
    if isinstance(value, types.BuiltinFunctionType) and isinstance(value.__self__, (types.ModuleType, type(None))):
        return f"builtin {value.__module__}.{value.__name__}"
    if isinstance(value, types.ModuleType):
        return None if is_local(value) else f"module {value.__name__}"
    enum = module("enum")
    if enum and isinstance(value, enum.Enum) and qualified(type(value)):
        return f"member {qualified(type(value))} {value._name_}"
    return None


def is_local(value):
    file = getattr(value, "__file__", None)
    if not isinstance(file, str) or value.__name__ == "__main__":
        return False
    return not file.startswith((sys.prefix, sys.base_prefix)) and "site-packages" not in file


def is_constant(value):
    kind = type(value)
    if kind in (tuple, frozenset):
        return all(map(is_constant, value))
    # Since 3.14 a constant of code objects.
    if kind is slice:
        return all(map(is_constant, (value.start, value.stop, value.step)))
    if kind in PLAIN or kind in (range, types.CodeType, re.Pattern) or named(value):
        return True
    numpy = module("numpy")
    if numpy and isinstance(value, (numpy.generic, numpy.dtype)):
        return True
    return kind.__module__ in ("datetime", "decimal", "fractions", "zoneinfo", "uuid", "pathlib", "typing")


class Walk:
    def __init__(self, names, limit=None):
        self.names = names  # the namespaces of modules, by the address of the dict
        self.limit = limit  # the most lines, for a walk that only makes a sort key
        self.lines = []
        self.numbers = {}
        self.kept = []

    def run(self, value, path):
        waiting = [(path, value)]
        while waiting:
            path, value = waiting.pop()
            path = path if len(path) < 200 else "…" + path[-100:]
            constant = is_constant(value)
            if not constant and id(value) in self.numbers:
                self.lines.append(f"{path}: again {self.numbers[id(value)]}")
                continue
            if not constant:
                self.numbers[id(value)] = len(self.numbers)
                self.kept.append(value)
            text, parts = self.describe(value)
            self.lines.append(f"{path}: {text}")
            waiting += [(path + label, part) for label, part in reversed(list(parts))]
            if self.limit and len(self.lines) >= self.limit:
                break
        return self

    def key(self, value):
        """The sort key of a member of a set: its description without identities."""
        # A set in a member may hold the set itself, so it is not sorted.
        return "" if self.limit else "\n".join(Walk(self.names, limit=100).run(value, "").lines)

    def describe(self, value):
        kind = type(value)
        text = named(value)
        if text is not None:
            return text, []
        if id(value) in self.names:
            return f"namespace of {self.names[id(value)]}", []
        simple = SIMPLE.get(kind)
        if simple is not None:
            return simple(self, value)
        if issubclass(type(value), type):
            return self.a_class(value)
        return self.instance(value)

    def a_class(self, value):
        attributes = type.__dict__["__dict__"].__get__(value)
        names = sorted(name for name in attributes if name not in (*CLASS_NAMES, "__classdictcell__"))
        bases = type.__dict__["__bases__"].__get__(value)
        text = f"class {GET_NAME(value)}"
        parts = [("!metaclass", type(value)), *((f"!base{n}", base) for n, base in enumerate(bases))]
        parts += [(f"!{name}", attributes[name]) for name in names]
        if "_abc_impl" in attributes:
            text += f" registered {sorted(str(ref()) for ref in module('_abc')._get_dump(value)[0])}"
        return text, parts

    def instance(self, value):
        kind = type(value)
        if kind.__module__.startswith("pathlib"):
            # Its slots hold what it has computed of its parts so far.
            return f"path {value!r}", []
        text, parts = "instance", [("!class", kind)]
        special = SPECIAL.get((kind.__module__, kind.__qualname__))
        if special is not None:
            return self.told(value, *special(value))
        hidden = set()
        for base in kind.__mro__:
            if base in SIMPLE:
                inner, more = SIMPLE[base](self, value)
                text, parts = f"{text} of {inner}", parts + list(more)
                break
            special = SPECIAL.get((base.__module__, base.__qualname__))
            if special is not None:
                inner, more, *hide = special(value)
                text, parts, hidden = f"{text} of {inner}", parts + list(more), set(*hide)
                break
        else:
            text += " " + c_repr(value)
        for base in kind.__mro__:
            attributes = type.__dict__["__dict__"].__get__(base)
            for name, member in attributes.items():
                known = base in SIMPLE or name in hidden or "offset" in name
                if type(member) is types.MemberDescriptorType and not known:
                    parts.append((f".{name}", slot(member, value)))
        try:
            state = GET(value, "__dict__")
        except Exception:
            state = None
        if isinstance(state, dict):
            # pandas computes these anew.
            hidden = hidden | {"_cache"} if kind.__module__.startswith("pandas") else hidden
            state = {name: item for name, item in state.items() if name not in hidden}
            text += f" with {list(state)}"
            # The dict itself is a part only if something else refers to it.
            parts += [(f".{name}", item) for name, item in state.items()]
        return text, parts

    def told(self, value, text, parts, hidden=()):
        return f"instance of {text}", [("!class", type(value)), *parts]


def slot(member, value):
    try:
        return member.__get__(value)
    except AttributeError:
        return "<no value>"


def c_repr(value):
    for base in type(value).__mro__:
        method = type.__dict__["__dict__"].__get__(base).get("__repr__")
        if isinstance(method, types.WrapperDescriptorType) and base is not object:
            try:
                return ADDRESS.sub("", method(value))
            except Exception as error:
                return f"<no repr: {type(error).__name__}>"
    return ""


def items(value):
    return [(f"[{n}]", item) for n, item in enumerate(value)]


def a_dict(walk, value):
    parts = []
    for n, (key, item) in enumerate(dict.items(value)):
        label = f"[{key!r}]" if type(key) in PLAIN else f"[#{n}]"
        parts += [(label + "!key", key), (label, item)]
    return f"{type(value).__name__} {len(parts) // 2}", parts


def a_set(walk, value):
    members = sorted((walk.key(item), n, item) for n, item in enumerate(list(value))) if len(value) > 1 else None
    members = [item for _, _, item in members] if members else list(value)
    return f"{type(value).__name__} {len(members)}", items(members)


def globals_in_use(function):
    # Of a namespace that belongs to no module, a save keeps the names that the function uses.
    names = function.__globals__
    if any(getattr(module, "__dict__", None) is names for module in list(sys.modules.values())):
        return [("!globals", names)]
    return [(f"!global({name})", names[name]) for name in function.__code__.co_names if name in names]


def a_function(walk, value):
    if str(value.__module__).startswith("namedtuple_"):
        # Made of the fields and their defaults, which are attributes of the class.
        return "function of a named tuple", []
    closure = value.__closure__ or ()
    parts = [("!code", value.__code__), ("!defaults", value.__defaults__), ("!kwdefaults", value.__kwdefaults__)]
    parts += [(f"!cell({name})", cell) for name, cell in zip(value.__code__.co_freevars, closure) if name != "__classdict__"]
    parts += [("!dict", value.__dict__ or None), *globals_in_use(value)]
    parts += [("!annotations", value.__annotations__ or None), ("!type_params", getattr(value, "__type_params__", ()))]
    doc = value.__doc__
    return f"function {value.__module__} {value.__name__} {value.__qualname__} {doc!r}", parts


def a_method_of_class(walk, value):
    state = {name: item for name, item in value.__dict__.items() if name not in COPIED}
    return type(value).__name__, [("!func", value.__func__), ("!dict", state or None)]


def a_code(walk, value):
    facts = [f"{name}={getattr(value, name, None)!r}" for name in CODE]
    return "code " + " ".join(facts), [(f"!const{n}", item) for n, item in enumerate(value.co_consts)]


def a_cell(walk, value):
    try:
        return "cell", [("", value.cell_contents)]
    except ValueError:
        return "empty cell", []


def a_module(walk, value):
    # One that lies beside the script: what the session changed in it is a part of the session.
    own = {name: item for name, item in vars(value).items() if not name.startswith("__")}
    data = {name: item for name, item in own.items() if not isinstance(item, (types.ModuleType, type, types.FunctionType))}
    return f"local module {value.__name__} {sorted(own)}", [(f".{name}", item) for name, item in sorted(data.items())]


def a_generator(walk, value):
    prefix = {"generator": "gi", "coroutine": "cr", "async_generator": "ag"}[type(value).__name__]
    frame = getattr(value, prefix + "_frame")
    text = f"{type(value).__name__} {value.__qualname__}"
    if frame is None:
        return f"{text} exhausted", []
    return f"{text} at {frame.f_lasti}", [(f"!local({name})", item) for name, item in sorted(frame.f_locals.items())]


def a_weakref(walk, value):
    target = value()
    return f"{type(value).__name__} {'dead' if target is None else 'alive'}", [("()", target)]


def an_exception(value):
    parts = [("!args", value.args), ("!cause", value.__cause__), ("!context", value.__context__)]
    return f"exception {value.__suppress_context__}", parts, {"__suppress_context__"}


def a_lru_cache(value):
    # The cache itself can only be counted.
    info = value.cache_info()
    return f"cache of {info.currsize} up to {info.maxsize} {value.cache_parameters()}", []


def a_logger(value):
    parent = value.parent.name if value.parent else None
    text = f"logger {value.name} {value.level} {value.propagate} {value.disabled} under {parent}"
    return text, [("!handlers", value.handlers), ("!filters", value.filters)], set(vars(value))


def a_handler(value):
    # It is closed when Python ends, before the walk.
    hidden = {"stream", "lock", "_name", "_closed"}
    return f"handler {value.level} {value.get_name()}", [("!formatter", value.formatter)], hidden


def a_weak_dict(value):
    pairs = list(value.items())
    parts = sorted((Walk({}, limit=100).run(key, "").lines, n, key, item) for n, (key, item) in enumerate(pairs))
    parts = [part for _, n, key, item in parts for part in ((f"[#{n}]!key", key), (f"[#{n}]", item))]
    return f"{type(value).__name__} {len(pairs)}", parts, set(WEAK_PARTS)


def a_weak_set(value):
    members = sorted((Walk({}, limit=100).run(item, "").lines, n, item) for n, item in enumerate(list(value)))
    return f"WeakSet {len(members)}", [(f"[{n}]", item) for n, (_, _, item) in enumerate(members)], set(WEAK_PARTS)


WEAK_PARTS = ("data", "_remove", "_pending_removals", "_iterating", "_dirty_len")


def an_array(value):
    numpy = module("numpy")
    flags = value.flags
    text = f"array {value.dtype!r} {value.shape} writeable={flags.writeable} aligned={flags.aligned}"
    # Of a view whose base is not in the session only its own items are kept, without gaps.
    text += " in Fortran's order" if flags.f_contiguous and not flags.c_contiguous else ""
    if value.dtype.hasobject:
        return text, [(f"[{n}]", item) for n, item in enumerate(value.ravel().tolist())]
    return f"{text} {value.tobytes().hex()}", [("!dtype", value.dtype), ("!memory", memory(value))]


def memory(value):
    """What owns the memory of an array: arrays over the same memory share it."""
    numpy = module("numpy")
    while isinstance(value, numpy.ndarray) and value.base is not None:
        value = value.base
    return Memory.of(value.obj if isinstance(value, memoryview) else value)


class Memory:
    """Stands for the memory of an object, which may not be a part of the session itself."""

    known, kept = {}, []

    @classmethod
    def of(cls, owner):
        if id(owner) not in cls.known:
            cls.known[id(owner)] = cls()
            cls.kept.append(owner)
        return cls.known[id(owner)]


def a_file(value):
    # A relative name comes back as an absolute one, and what was open for writing has a note.
    name = str(getattr(value, "name", "")).rsplit("/")[-1]
    try:
        position = "closed" if value.closed else value.tell()
    except (AttributeError, OSError, ValueError):
        position = "without a position"
    return f"file {name} {position}", [], {"mode"}


def a_python_random(value):
    return "state", [("!state", value.getstate())]


def a_numpy_random(value):
    generator = getattr(value, "bit_generator", None) or value._bit_generator
    return type(generator).__name__, [("!state", generator.state)]


def an_index(value):
    return f"index {value.dtype} {list(value.names)!r}", [("!values", value.to_numpy(copy=True))], set(vars(value))


def a_frame(value):
    manager = value._mgr
    parts = [(f"!axis{n}", axis) for n, axis in enumerate(manager.axes)]
    for n, block in enumerate(sorted(manager.blocks, key=lambda block: list(block.mgr_locs))):
        parts += [(f"!block{n}", block.values), (f"!columns{n}", list(block.mgr_locs))]
    return "frame", [*parts, ("!attrs", value.attrs), ("!name", getattr(value, "_name", None))], set(vars(value))


SIMPLE = {
    dict: a_dict,
    set: a_set,
    frozenset: a_set,
    list: lambda walk, value: (f"list {len(value)}", items(list.__iter__(value))),
    tuple: lambda walk, value: (f"tuple {len(value)}", items(tuple.__iter__(value))),
    bytearray: lambda walk, value: (f"bytearray {bytes(value)!r}", []),
    memoryview: lambda walk, value: (
        f"memoryview {value.format} {value.shape} {value.strides} {value.readonly} {value.tobytes()!r}",
        [("!obj", value.obj)],
    ),
    types.FunctionType: a_function,
    types.CodeType: a_code,
    types.CellType: a_cell,
    types.ModuleType: a_module,
    types.MethodType: lambda walk, value: ("method", [("!func", value.__func__), ("!self", value.__self__)]),
    types.BuiltinMethodType: lambda walk, value: (f"method {value.__qualname__}", [("!self", value.__self__)]),
    types.MappingProxyType: lambda walk, value: ("proxy", [("!dict", dict(value))]),
    types.GeneratorType: a_generator,
    types.CoroutineType: a_generator,
    types.AsyncGeneratorType: a_generator,
    staticmethod: a_method_of_class,
    classmethod: a_method_of_class,
    types.MemberDescriptorType: lambda walk, value: (f"slot {value.__name__}", []),
    types.GetSetDescriptorType: lambda walk, value: (f"getset {value.__name__}", []),
    types.TracebackType: lambda walk, value: ("traceback", []),
    types.FrameType: lambda walk, value: ("frame", []),
    weakref.ReferenceType: a_weakref,
    weakref.KeyedRef: a_weakref,
    weakref.WeakMethod: a_weakref,
    type({}.keys()): lambda walk, value: ("keys", [("!mapping", dict(value.mapping))]),
    type({}.values()): lambda walk, value: ("values", [("!mapping", dict(value.mapping))]),
    type({}.items()): lambda walk, value: ("items", [("!mapping", dict(value.mapping))]),
    **{kind: (lambda walk, value, kind=kind: (f"{kind.__name__} {kind.__repr__(value)}", [])) for kind in PLAIN},
    bool: lambda walk, value: (repr(value), []),
    int: lambda walk, value: (f"int {value:x}", []),
}
SPECIAL = {
    ("builtins", "BaseException"): an_exception,
    ("functools", "_lru_cache_wrapper"): a_lru_cache,
    ("functools", "partial"): lambda value: (
        "partial",
        [("!func", value.func), ("!args", value.args), ("!keywords", value.keywords)],
        {"func", "args", "keywords"},
    ),
    ("collections", "OrderedDict"): lambda value: (
        "OrderedDict",
        [part for n, pair in enumerate(value.items()) for part in ((f"[#{n}]!key", pair[0]), (f"[#{n}]", pair[1]))],
    ),
    ("collections", "deque"): lambda value: (f"deque of {value.maxlen}", items(value), {"maxlen"}),
    ("array", "array"): lambda value: (f"array {value.typecode} {value.tobytes()!r}", []),
    ("logging", "Logger"): a_logger,
    ("logging", "Handler"): a_handler,
    ("weakref", "WeakValueDictionary"): a_weak_dict,
    ("weakref", "WeakKeyDictionary"): a_weak_dict,
    ("_weakrefset", "WeakSet"): a_weak_set,
    ("_io", "StringIO"): lambda value: ("closed", []) if value.closed else (f"{value.getvalue()!r} {value.tell()}", []),
    ("_io", "BytesIO"): lambda value: ("closed", []) if value.closed else (f"{value.getvalue()!r} {value.tell()}", []),
    **{("_io", name): a_file for name in ("TextIOWrapper", "BufferedReader", "BufferedWriter", "FileIO")},
    ("_random", "Random"): a_python_random,
    ("numpy", "ndarray"): an_array,
    ("numpy.random._generator", "Generator"): a_numpy_random,
    ("numpy.random.mtrand", "RandomState"): a_numpy_random,
    ("pandas", "Index"): an_index,
    ("pandas", "DataFrame"): a_frame,
    ("pandas", "Series"): a_frame,
    ("pandas.core.indexes.base", "Index"): an_index,
    ("pandas.core.frame", "DataFrame"): a_frame,
    ("pandas.core.series", "Series"): a_frame,
}


def describe(namespace, names):
    """The lines of each variable, and the objects that several variables share: for each its numbers in them."""
    known = namespaces()
    walks = {name: Walk(known).run(namespace[name], name) for name in names if name in namespace}
    owners = {}
    for name, walk in walks.items():
        for address, number in walk.numbers.items():
            owners.setdefault(address, {})[name] = number
    shared = [owner for owner in owners.values() if len(owner) > 1]
    return {"lines": {name: walk.lines for name, walk in walks.items()}, "shared": shared}


def record(namespace, report, path):
    names = [variable["name"] for variable in json.load(open(report))["variables"]]
    with open(path, "w") as file:
        json.dump(describe(namespace, names), file)


def claimed(report):
    """The variables that are said to be the same, and that carry no note: neither they nor what they share."""
    doubted = {item["name"] for key in ("changes", "not_compared") for item in report["verified"][key]}
    for variable in report["variables"]:
        # An import is the same object by its name. What it holds belongs to the process: the list of loaded modules.
        is_import = variable["memo"][0] == variable["memo"][1] and variable.get("imports")
        # In the order of the file, so what a variable takes objects from comes before it.
        uses = set(variable.get("uses", ()))
        if is_import or variable.get("notes") or variable.get("lost") or doubted & uses:
            doubted.add(variable["name"])
    return [variable["name"] for variable in report["variables"] if variable["name"] not in doubted]


def compare(namespace, report, path):
    """The differences of the variables that are said to be the same, and the number of lines compared."""
    before = json.load(open(path))
    # A script may remove names when it ends.
    names = [name for name in claimed(json.load(open(report))) if name in before["lines"]]
    after = describe(namespace, names)
    wrong, lines = {}, 0
    for name in names:
        left, right = before["lines"].get(name), after["lines"].get(name)
        lines += len(left or ())
        if left != right:
            wrong[name] = first_difference(left or [], right or [])
    kept = set(names) - set(wrong)
    both = [only(side["shared"], kept) for side in (before, after)]
    for name in kept:
        left, right = ({owner for owner in side if name in dict(owner)} for side in both)
        if left != right:
            wrong[name] = f"shares {sorted(left - right)!r:.200} before, {sorted(right - left)!r:.200} after"
    return {"wrong": wrong, "variables": len(names), "lines": lines}


def only(shared, names):
    kept = (tuple(sorted(item for item in owner.items() if item[0] in names)) for owner in shared)
    return {owner for owner in kept if len(owner) > 1}


def first_difference(left, right):
    for before, after in zip(left, right):
        if before != after:
            place = next((n for n, pair in enumerate(zip(before, after)) if pair[0] != pair[1]), 0)
            start = max(0, place - 60)
            head = before.split(": ")[0]
            return f"{head[:120]}: …{before[start:place + 160]} → …{after[start:place + 160]}"
    longer = left if len(left) > len(right) else right
    return f"{len(left)} lines became {len(right)}: {longer[min(len(left), len(right)):][:1]}"
