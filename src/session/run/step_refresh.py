"""The functions and classes of a session that goes on in an edited script: they get the new code."""

# Of the dict of a class, what belongs to the class object itself.
OF_CLASS = ("__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__",
            "_abc_impl")
# The types of what a class makes of `__slots__` and for its `__dict__`.
DESCRIPTORS = ("member_descriptor", "getset_descriptor")


def refresh(old, new):
    """Gives all functions of the script the code of the new one, wherever they are: in variables, classes, closures and
    containers, or in a function under way. Returns the name and line of a function made by another one that cannot take
    it, because its code uses other variables of that one; or None."""
    for value in silently("gc").get_objects():
        if type(value) is not FunctionType:
            continue
        root = old.root_of_code(value.__code__)
        now = new.roots.get(root.name) if root is not None else None
        if now is None or now.plain is None:
            continue
        if now.plain.co_freevars == value.__code__.co_freevars:
            value.__code__ = now.plain
        elif "<locals>" in root.name:
            return root.name.replace("<locals>.", ""), now.plain.co_firstlineno
    return None


def bare_functions(value):
    """The functions that a method object or a property has."""
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    return [value.fget, value.fset, value.fdel] if isinstance(value, property) else []


def run_added(namespace, frames, code, target):
    """Runs a statement that was added, in the script or in a function under way. One of a class changes the class that is
    there; `kept` are the names in its body that have not changed, or None if the statement has only what was added."""
    depth, name, kept = target
    if depth:
        exec(code, namespace, frames[depth]["locals"])
        return
    old = namespace.get(name)
    exec(code, namespace)
    made = namespace.get(name)
    if isinstance(old, type) and isinstance(made, type):
        if kept is None or may_take(old, made):
            add_to_class(old, made, kept or ())
            namespace[name] = old
        else:
            replace_class(old, made, kept)


def may_take(old, made):
    """Gives a class the bases of the new version of it. Whether it can stand for that."""
    if vars(old).get("__slots__") != vars(made).get("__slots__"):
        return False
    if old.__bases__ != made.__bases__:
        try:
            old.__bases__ = made.__bases__
        except TypeError:
            return False
    return True


def add_to_class(old, made, kept):
    """Gives a class what a new version of it has, but for names that are kept."""
    is_enumeration = hasattr(old, "_member_map_") and hasattr(made, "_member_map_")
    if is_enumeration:
        add_members(old, made)
    for name, value in list(vars(made).items()):
        if name in OF_CLASS or name in kept or type(value).__name__ in DESCRIPTORS:
            continue
        for function in bare_functions(value) or [value]:
            for cell in getattr(function, "__closure__", None) or ():
                if has_value(cell) and cell.cell_contents is made:
                    cell.cell_contents = old
        if name == "__annotations__":
            value = {**vars(old).get(name, {}), **value}
        if not is_enumeration or is_own_part(name, value):
            type.__setattr__(old, name, value)


def is_own_part(name, value):
    """Whether an attribute of an enumeration is a method or property of the script."""
    is_function = type(value) is FunctionType or isinstance(value, (staticmethod, classmethod, property))
    return is_function and name not in ("__new__", "_generate_next_value_")


def add_members(old, made):
    """Adds the members of an enumeration that the old one does not have, and the masks of flags."""
    for name, member in made._member_map_.items():
        if name in old._member_map_:
            continue
        known = old._member_map_.get(member._name_)
        if known is None:
            member.__class__ = member.__objclass__ = old
            old._member_names_.append(name)
            old._value2member_map_.setdefault(member._value_, member)
        old._member_map_[name] = known or member
        type.__setattr__(old, name, known or member)
    for name, value in vars(made).items():
        if name.startswith("_") and type(value) is int:
            type.__setattr__(old, name, value)


def replace_class(old, made, kept):
    """Puts a class in the place of one with other bases or slots: for its objects, and for the classes derived from it.
    Objects with another layout stay as they are."""
    for name in kept:
        value = vars(old).get(name)
        if not callable(value) and not hasattr(type(value), "__get__") and name in vars(made):
            setattr(made, name, value)
    for other in silently("gc").get_referrers(old):
        try:
            if type(other) is old:
                other.__class__ = made
            elif isinstance(other, type) and old in other.__bases__:
                other.__bases__ = tuple(made if base is old else base for base in other.__bases__)
        except TypeError:
            continue


def moved(saved, frames):
    """The saved state, with the position in the new script."""
    for state, (name, path, kind) in zip(saved, frames):
        state["loops"] = [(path[:len(where)], loop) for where, loop in state["loops"]]
        state["path"] = path
    return saved
