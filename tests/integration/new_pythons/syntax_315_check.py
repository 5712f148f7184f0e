import sys as _sys
import types as _types

_names = globals()
for _name, _shown in {
    "no_such_module": "no_such_module",
    "colorsys": "colorsys",
    "xml": "xml.sax",
    "util": "wsgiref.util",
    "xml_format": "plistlib.FMT_XML",
    "thing": "no_such_package.inner.thing",
}.items():
    _kind, _text = type(_names[_name]), repr(_names[_name])
    assert _kind is _types.LazyImportType and _text == f"<lazy_import '{_shown}'>", (_name, _text)
for _name in ["colorsys", "xml", "wsgiref.util", "plistlib"]:
    assert _name not in _sys.modules, _name
assert frozen == frozendict(a=1, b=[1, 2], c=frozendict(d=())) and type(frozen) is frozendict
assert shared[0] is frozen and type(subclassed) is Frozen and dict(subclassed) == {"a": 1}
assert cyclic["inner"] is cyclic_list and cyclic_list[0] is cyclic
assert sentinels["missing"] is MISSING and sentinels["shown"][0] is SHOWN
assert repr(MISSING) == "MISSING" and repr(SHOWN) == "<shown>" and SHOWN.__module__ == "__main__"
assert greeting.strings == ("hello ", " and ", "!") and greeting.values == ("world", [1, 2])
assert greeting.interpolations[0].format_spec == ">10" and greeting.interpolations[0].conversion == "r"
assert empty_template.strings == ("",)
assert annotated(1) == (1, MISSING, SHOWN)
assert slotted == Slotted(1) and slotted.total() == 2 and not hasattr(slotted, "__dict__")
# The decorator has asked for the annotations of the fields, before the save.
assert set(evaluated) == {"b"}, evaluated
evaluated.clear()
assert [field.type for field in dataclasses.fields(Slotted)][1] is int
# Used now, for the first time.
assert colors() == (0.0, 0.0, 0) and type(colorsys) is _types.ModuleType
assert xml.dom.__name__ == "xml.dom" and xml.sax.__name__ == "xml.sax"
assert util.guess_scheme({}) == "http" and xml_format.name == "FMT_XML"
Nonexistent, Other, Nowhere = str, bytes, set
assert annotated.__annotations__["x"] is str and annotated.__annotations__["return"] == list[set]
assert evaluated == ["y"], evaluated
print("fine")
