"""Plain containers and the other values of builtins."""

shared = [1, 2]
cycle = [1]
cycle.append(cycle)
looped = {}
looped["self"] = looped

VALUES = {
    "numbers": [0, 1, -1, 255, 256, 65536, -(2**31), 2**31, 2**63, -(2**63), 10**40, -(10**400), True, False, None],
    "floats": [0.0, -0.0, 1.5, 1e300, float("inf"), float("-inf"), 5e-324],
    "complex_number": 3 + 4j,
    "strings": ["", "a", "é", "\N{GRINNING FACE}", "line\nbreak", "\\u0041", "x" * 300, "\ud800"],
    "byte_strings": [b"", b"a", b"\xff\x00", b"x" * 300],
    "byte_array": bytearray(b"abc"),
    "empty_byte_array": bytearray(),
    "large_byte_array": bytearray(100_000),
    "text": "word " * 20_000,
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "lists": [[], [[]], list(range(2500))],
    "dicts": {"a": 1, 2: "b", (3, 4): [5], None: {}, b"x": True, 1.5: 2},
    "large_dict": {str(number): number for number in range(2500)},
    "sets": [set(), {1, 2, "x"}, frozenset(), frozenset({(1, 2), "y"}), set(range(2000))],
    "shared": [shared, shared, {"again": shared}],
    "cycle": cycle,
    "looped": looped,
    "tuple_cycle": (lambda items: items.append((items, 1)) or items)([]),
    "nested": {"rows": [{"pair": ({"members": {1, 2}},)}]},
    "records": [{"id": number, "name": f"n{number}", "tags": ["a", "b"]} for number in range(200)],
    "ranges": [range(3), range(1, 10, 2), range(0)],
    "slices": [slice(None), slice(1, 2), slice(1, None, 2)],
    "ellipsis_value": ...,
    "not_implemented": NotImplemented,
    "types": [int, str, list, dict, type(None), object],
    "exception": ValueError("wrong", 3),
    "errors": [KeyError("k"), OSError(2, "No such file", "f"), StopIteration(), ZeroDivisionError("division by zero")],
    "builtin_function": len,
}
