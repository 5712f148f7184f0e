assert calls == [], calls
assert str(Tree.__value__) in ("list[Tree] | int", "list[__main__.Tree] | int"), Tree.__value__
assert Tree.__value__.__args__[0].__args__[0] is Tree and Tree.__value__ is Tree.__value__
assert aliases["tree"] is Tree and aliases["again"][0] is Tree and Tree.__module__ == "__main__"
assert Box.__type_params__ == (Box.__value__.__args__[0].__args__[0],) and Box[int].__args__ == (int,)
assert Right.__value__.__args__[0] is Left and Left.__value__.__args__[0] is Right
try:
    Missing.__value__
except NameError:
    Nonexistent = list
assert Missing.__value__ == list[int]
assert Logged.__value__ is int and calls == [int], calls
assert [parameter.__name__ for parameter in Pair.__type_params__] == ["K", "Rest", "P"]
assert Pair.__type_params__[0].__bound__ is str
assert Inner.__value__.__args__[1] is Inner and Inner.__value__.__origin__ is dict
assert Holder.Own.__value__.__args__[0] is Holder.Own and Holder.Other.__value__ is Holder
assert Holder.Item.__value__ == 3, Holder.Item.__value__
_deep = Holder().method(1)
assert _deep.__value__.__args__[0] is Holder.method.__type_params__[0]
assert generic(1, 2) == (1, 2) and generic.__type_params__[0].__name__ == "T"
Absent = str
assert generic.__type_params__[0].__bound__ is str and generic.__type_params__[1].__constraints__ == (int, str)
assert generic.__annotations__["return"] == list[generic.__type_params__[0]]
assert inner_generic(2) == 2 and inner_generic.__annotations__["y"] is outer_generic.__type_params__[0]
assert Generic.method.__type_params__[0].__bound__ is Generic.__type_params__[0]
assert isinstance(instance, Generic) and Child.__orig_bases__[0].__origin__ is Generic
assert alias_of_class.__origin__ is Generic and type(Generic.made()) is Generic
if "with_default" in globals():
    _parameters = with_default.__type_params__
    assert with_default(1) == 1 and _parameters[0].__default__ is int and _parameters[2].__default__ == [str]
    assert Defaulted.__type_params__[1].__default__ is str and Defaulted.__type_params__[1].__bound__ is str
    assert DefaultedAlias.__type_params__[0].__default__ is str
print("fine")
