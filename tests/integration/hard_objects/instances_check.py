"""The instances of instances.py are what they were."""

import collections
o = objs
g = object.__getattribute__
assert o["proxy"].count(1) == 1 and g(o["proxy2"], "_inner") == {} and o["proxyt"].index(2) == 1
assert o["config"].k == 5 and g(o["any"], "__dict__") == {"x": 1}
assert o["sp"]._inner == [3] and o["sp"].count(3) == 1 and not hasattr(SlotProxy.unset, "nope")
try: g(o["sp"], "unset"); assert 0
except AttributeError: pass
assert g(o["ga"], "__dict__") == {"v": 4} and o["ga"].zzz == 4
assert o["fs"].a == 1
assert o["ad"].b.c == 2 and g(o["ad"], "__dict__") == {}
d = o["sd"]; d["y"] = 2; assert d.y == 2 and d.__dict__ is d and dict.items(o["sdi"]) == {"items": 3, "keys": 4}.items() and g(o["sdi"], "__dict__") is o["sdi"]
assert o["sn"].a.b == 1 and o["sn"].a.__dict__ is o["sn"].a
assert o["fd"]["q"] == 1 and o["fd"]._frozen
assert dict.__getitem__(o["items"], "a") == 5 and len(o["items"]) == 1
assert o["dd"] == {"k": [1]} and o["dd"].name == "n" and o["dd"].default_factory is list
assert o["ts"] == {1, 2} and o["ts"].tag == "t" and type(o["ts"]) is TagSet
assert o["fz"] == {1, 2} and type(o["fz"]) is FS and o["ba"] == b"abc" and o["ba"].why == "w"
assert o["template"].source == "x" and o["temp"] == 3.5 and o["temp"].unit == "C" and o["cel"] == 100.0 and o["rng"] == (0, 5) and type(o["rng"]) is Range
assert o["sym"] == "s" and type(o["sym"]) is Sym and o["big"] == 12 and o["big"].parts == (3, 4) and o["by"] == b"\1\2" and o["cx"] == 1+2j and o["cx"].name == "z"
assert o["p"] == (3, 4) and o["p"].y == 4 and type(o["p"]) is P and o["nt"] == (1, "q") and o["told"].a == 5
assert Multi("a") is o["multi"] and Single() is o["single"]
assert o["both"].source == "src" and o["fdc"].a == 1 and o["fdc"].count(7) == 1
assert o["cyc"].me is o["cyc"] and o["cyc"].kids[0] is o["cyc"]
assert o["upper"] == {"A": 1} and o["upper"].log == ["a"]
assert o["log"] == [("n", 1), ("n", 2)] and o["log"].name == "n"
assert list(o["od"].items()) == [("z", ("nm", 1)), ("a", ("nm", 2))] and o["od"].name == "nm" and o["od2"] == {"b": 1} and o["od2"].name == "o"
assert o["cyct"][0][0] is o["cyct"] and o["cyct"].k == 2
borg2.state = 6
assert o["borg"].state == Borg().state == 6
print("fine")
