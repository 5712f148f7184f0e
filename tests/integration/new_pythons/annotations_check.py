import annotationlib as _lib

_STRING = _lib.Format.STRING


def _texts(thing):
    return _lib.get_annotations(thing, format=_STRING)


assert calls == before == ["evaluated"], calls
assert _texts(plain) == {"x": "Absent", "rest": "log('rest')", "key": "quoted", "return": "list[Absent]"}
assert _texts(wrapper) == _texts(plain) and wrapper.__wrapped__ is plain
assert evaluated.__annotations__ == {"x": int, "y": "evaluated"}
assert changed.__annotations__ == {"x": str, "extra": [1]}
assert replaced.__annotations__ == {"x": "replaced"} and replaced.__annotate__ is None
assert given.__annotations__ == {"x": "given"}
assert emptied.__annotations__ == {} and emptied.__annotate__ is None
assert with_private.__annotations__["x"].__name__ == "_Private"
_found = _lib.get_annotations(inner, format=_lib.Format.FORWARDREF)
assert _found["a"] == 3 and type(_found["b"]) is _lib.ForwardRef, _found
assert Local.__annotations__ == {"field": 3, "own": Local}
assert _texts(Plain) == {"a": "Absent", "conditional": "int", "never": "Absent"}, _texts(Plain)
assert _texts(Plain.method) == {"x": "Inner", "y": "size", "z": "Absent.z", "return": "Plain"}
_found = _lib.get_annotations(Plain.method, format=_lib.Format.FORWARDREF)
assert _found["x"] is dict and _found["y"] == 4 and _found["return"] is Plain, _found
assert Plain().value == 5 and type(Plain.made(1)) is Plain and Plain.static(1) == 1
assert Evaluated.__annotations__ == {"a": int, "b": Plain, "c": Evaluated}
assert _texts(Evaluated) == {"a": "int", "b": "Plain", "c": "Evaluated"}
assert Given.__annotations__ == {"a": "given"}
assert data == Data(1) and slotted == Slotted(1) and child == SlottedChild(1) and frozen == FrozenData(a=1)
assert _texts(Slotted) == {"a": "Absent", "b": "int"} and _texts(Data)["b"] == "list[Absent]"
assert child.other(1).startswith("<") and child.c == 3 and not hasattr(child, "__dict__")
assert named == (1, 2) and _texts(Named) == {"a": "int", "b": "Absent"}
assert typed == {"a": 1, "b": 2} and Typed.__required_keys__ == {"a", "b"}
assert _texts(Typed) == {"a": "int", "b": "Absent"}
assert _texts(Protocol) == {"x": "Absent"} and _texts(Protocol.method) == {"x": "Absent", "return": "Absent"}
assert Color.RED.method(1) == 1 and _texts(Color.method) == {"x": "Absent"}
assert _texts(Slots.method) == {"x": "a", "y": "Absent"}
assert method.__self__ is slotted and variable == 3
Absent = str
assert plain.__annotations__["return"] == list[str] and Protocol.__annotations__ == {"x": str}
assert Plain.__annotations__ == {"a": str, "conditional": int}
assert Slotted.__annotations__ == {"a": str, "b": int}
assert calls == ["evaluated", "rest"], calls
print("fine")
