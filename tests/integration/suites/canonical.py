# A canonical form of object graphs: a walk that numbers objects by their identity and describes them in strings. Two
# graphs have equal values and the same sharing exactly if their strings are equal, even in different processes. Objects
# whose identity pickle does not preserve (ints, floats, empty tuples) count by value alone, and so do strings: snapcli
# writes a short one again rather than refer to another variable.
import collections
import functools
import pickle
import struct
import types

try:
    import numpy
except ImportError:
    numpy = None


def canonical(root, constants_by_value=False):
    """The graph below `root` as a list of strings, in the order of the walk. With `constants_by_value`, bytes and tuples
    and frozensets of constants count by value: a session writes them again in each variable."""
    walk = Walk(constants_by_value)
    walk.walk(root)
    return walk.texts


def difference(left, right):
    """The first difference of two walks, or None."""
    for place, pair in enumerate(zip(left, right)):
        if pair[0] != pair[1]:
            before = [text[:200] for text in left[max(0, place - 6) : place]]
            return f"at step {place} {pair[0]!r:.500} became {pair[1]!r:.500}, after {before}"
    return None if len(left) == len(right) else f"{len(left)} steps became {len(right)}"


def atom(value):
    """The description of an object that counts by value alone, or None."""
    kind = type(value)
    if value is None or kind in (bool, type(...), type(NotImplemented)):
        return repr(value)
    if kind is int:
        return f"int {value:x}"
    if kind is float:
        return "float " + struct.pack(">d", value).hex()
    if kind is complex:
        return "complex " + struct.pack(">dd", value.real, value.imag).hex()
    if kind is str or kind is bytes and len(value) < 2:
        return f"{kind.__name__} {value!r}"
    if kind in (tuple, frozenset) and not value:
        return kind.__name__
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    if numpy is not None and isinstance(value, numpy.generic) and not value.dtype.hasobject:
        return f"{kind.__name__} {value.dtype.descr if value.dtype.names else value.dtype.str} {value.tobytes().hex()}"
    if numpy is not None and isinstance(value, numpy.dtype):
        return f"dtype {value!r}"
    return None


def order(value):
    """The sort key of a set's member: its value, or its `tag` if it is an instance."""
    if type(value) is tuple:
        return "tuple " + " ".join(map(order, value))
    if type(value) is frozenset:
        return "frozenset " + " ".join(sorted(map(order, value)))
    if hasattr(value, "tag"):
        return f"tag {value.tag}"
    if type(value) is bytes:
        return f"bytes {value!r}"
    return atom(value) or f"named {value.__qualname__}"


def is_constant(value):
    if type(value) in (tuple, frozenset):
        return all(map(is_constant, value))
    if type(value) is slice:
        return all(map(is_constant, (value.start, value.stop, value.step)))
    if type(value) is pickle.PickleBuffer:
        # It comes back as bytes or as a bytearray.
        return memoryview(value).readonly
    if type(value) is types.BuiltinFunctionType:
        return isinstance(value.__self__, (type, types.ModuleType, type(None)))
    if isinstance(value, (type, types.FunctionType)):
        return value.__module__ != "__main__"
    return type(value) in (bytes, range) or atom(value) is not None


class Walk:
    def __init__(self, constants_by_value=False):
        self.constants_by_value = constants_by_value
        self.texts = []
        self.numbers = {}
        # Objects made by the walk, kept alive so that their addresses are not reused.
        self.kept = []

    def walk(self, root):
        # Depth first without recursion, because a graph may be deep.
        waiting = [root]
        while waiting:
            value = waiting.pop()
            text = atom(value)
            if text is None and self.constants_by_value and is_constant(value):
                text = self.constant(value)
            if text is None and id(value) in self.numbers:
                text = f"again {self.numbers[id(value)]}"
            if text is not None:
                self.texts.append(text)
                continue
            self.numbers[id(value)] = len(self.numbers)
            self.kept.append(value)
            text, parts = self.describe(value)
            self.texts.append(text)
            waiting.extend(reversed(parts))

    def constant(self, value):
        text = atom(value)
        if text is not None:
            return text
        text, parts = self.describe(value)
        return " ".join([text, *map(self.constant, parts)])

    def describe(self, value):
        kind = type(value)
        simple = SIMPLE.get(kind)
        if simple is not None:
            return simple(value)
        if isinstance(value, type):
            return self.a_class(value)
        if numpy is not None and isinstance(value, numpy.ndarray):
            return array(value)
        return self.instance(value)

    def a_class(self, value):
        text = f"class {value.__module__} {value.__qualname__}"
        if value.__module__ != "__main__":
            return text, []
        names = [name for name in sorted(vars(value)) if not name.startswith("__")]
        data = [name for name in names if not isinstance(vars(value)[name], DESCRIPTORS)]
        return f"{text} {names}", [*value.__bases__, *(vars(value)[name] for name in data)]

    def instance(self, value):
        kind = type(value)
        parts = [kind]
        text = "instance"
        for base in (str, int):
            if isinstance(value, base):
                text += f" {base.__repr__(value)}"
        # Before the attributes, because they may refer to the object through its items.
        for base in (list, tuple, dict, set, frozenset, collections.deque):
            if isinstance(value, base):
                inner_text, inner = SIMPLE[base](value)
                text += " " + inner_text
                parts += inner
        if isinstance(value, collections.defaultdict):
            parts.append(value.default_factory)
        slots = [name for base in kind.__mro__ for name in vars(base).get("__slots__", ()) if hasattr(value, name)]
        state = getattr(value, "__dict__", {})
        parts += [getattr(value, name) for name in slots] + list(state.values())
        return f"{text} {slots} {list(state)}", parts


# Attributes that every class has, not those defined in its body.
DESCRIPTORS = (types.FunctionType, classmethod, staticmethod, property, types.MemberDescriptorType, types.GetSetDescriptorType)


def a_dict(value):
    return f"dict {len(value)}", [part for item in value.items() for part in item]


def a_set(value):
    return f"{type(value).__name__} {len(value)}", sorted(value, key=order)


def sequence(value):
    return f"{type(value).__name__} {len(value)}", list(value)


def a_deque(value):
    return f"deque {len(value)} of {value.maxlen}", list(value)


def text(value):
    return f"{type(value).__name__} {bytes(value) if type(value) is bytearray else value!r}", []


def buffer(value):
    # In a pickle without separate buffers it is its bytes, to be read or to be written.
    kind = "bytes" if memoryview(value).readonly else "bytearray"
    return f"{kind} {bytes(value.raw())!r}", []


def a_function(value):
    cells = [cell.cell_contents for cell in value.__closure__ or ()]
    code = value.__code__
    text = f"function {value.__module__} {value.__qualname__} {code.co_code.hex()} {code.co_names} {code.co_varnames}"
    if value.__module__ != "__main__":
        return text, []
    return text, [value.__defaults__, value.__kwdefaults__, value.__dict__ or None, *cells]


def a_method(value):
    return f"method {value.__func__.__qualname__}", [value.__self__]


def a_builtin(value):
    owner = value.__self__
    named = owner is None or isinstance(owner, types.ModuleType)
    return f"builtin {value.__qualname__}", [] if named else [owner]


def a_partial(value):
    return "partial", [value.func, value.args, value.keywords, value.__dict__ or None]


def a_range(value):
    return f"range {value.start:x} {value.stop:x} {value.step:x}", []


def a_slice(value):
    return "slice", [value.start, value.stop, value.step]


def array(value):
    # numpy preserves the memory order and the read-only flag if it passes the memory on as a buffer.
    whole = value.flags.c_contiguous or value.flags.f_contiguous
    kept = whole and not value.dtype.hasobject and value.dtype.kind not in "mM"
    flags = (value if kept else numpy.empty(value.shape, value.dtype)).flags
    dtype = value.dtype.descr if value.dtype.names else value.dtype.str
    text = f"array {value.shape} {dtype} {flags.c_contiguous} {flags.f_contiguous} {flags.writeable} {flags.aligned}"
    if value.dtype.hasobject:
        parts = value.tolist() if value.ndim == 0 else value.ravel().tolist()
        parts = [parts] if value.ndim == 0 else parts
        return text, [part for item in parts for part in item] if value.dtype.names else parts
    return f"{text} {value.tobytes().hex()}", []


SIMPLE = {
    bytes: text,
    bytearray: text,
    list: sequence,
    tuple: sequence,
    dict: a_dict,
    set: a_set,
    frozenset: a_set,
    range: a_range,
    slice: a_slice,
    pickle.PickleBuffer: buffer,
    types.FunctionType: a_function,
    types.MethodType: a_method,
    types.BuiltinFunctionType: a_builtin,
    functools.partial: a_partial,
    collections.deque: a_deque,
}
