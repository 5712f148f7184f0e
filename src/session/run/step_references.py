"""What an object that cannot be saved refers to. If a statement makes it again, it may get other objects than those that
the checkpoint restores: then what is written to the one does not arrive in the other, so no checkpoint is made."""

MOST_OBJECTS = 20_000
FrameType = type(sys._getframe())
# Methods of connections by which a database gets functions. What it refers to by these, Python does not tell.
HIDDEN = ("create_function", "create_aggregate", "create_collation", "create_window_function")
UNCHANGEABLE = (int, float, complex, bool, type(None), type(...), range, str, bytes, frozenset, property, CodeType)
# Objects of classes that come back by their name, or with their logger.
BY_NAME = (("logging", "Logger"), ("logging", "Manager"), ("logging", "PlaceHolder"), ("logging", "Handler"),
           ("enum", "Enum"))


def is_changeable_object(value):
    """Whether an object can change, and is restored by its contents."""
    kind = type(value)
    if kind in UNCHANGEABLE or isinstance(value, (type, type(sys), FunctionType, type(len))):
        return False
    if kind is tuple:
        return any(map(is_changeable_object, value[:MOST_PARTS]))
    if any(isinstance(value, getattr(sys.modules.get(module), name, ())) for module, name in BY_NAME):
        return False
    return not any(value is getattr(sys, name, None) for name in STREAMS + ("modules", "path"))


def reached(value, inner=()):
    """The objects that an object leads to, by their number, without the variables of modules. The way ends at `inner`."""
    gc, found, waiting = silently("gc"), {}, [value]
    while waiting and len(found) < MOST_OBJECTS:
        one = waiting.pop()
        is_end = type(one) in UNCHANGEABLE or isinstance(one, (type, type(sys), FrameType))
        is_end = is_end or any(one is other for other in inner)
        if id(one) in found or is_end:
            continue
        found[id(one)] = one
        if type(one) is FunctionType:
            waiting += [cell.cell_contents for cell in one.__closure__ or () if has_value(cell)]
            waiting += (one.__defaults__ or ()) + tuple((one.__kwdefaults__ or {}).values())
        elif not hasattr(type(one), "__len__") or not isinstance(one, (list, dict, set, tuple)) or len(one) < MOST_OBJECTS:
            waiting += [part for part in gc.get_referents(one) if not is_namespace(part)]
    return found


def is_namespace(value):
    return type(value) is dict and ("__builtins__" in value or "__spec__" in value)


def lost_connection(program, every, name, made, value, lookup):
    """What would not be connected any more with an object that a statement makes again: another variable, or memory.
    `every` are the scopes that the statement finds, `value` is its value."""
    for node in every_node([value]):
        if isinstance(node, NamedExpr) and is_changeable_object(lookup(node.target.id)):
            return f"its reference to {node.target.id}"
    if has_own_attributes(type(made)):
        # Its attributes are saved by themselves: see `step_remade.py`.
        return None
    read = [followed(node, lookup) for node, _ in inputs(value).values()]
    if lost := lost_buffer(made, every, read) or lost_pragmas(program, made):
        return lost
    known, found = set().union(*described_inputs(value, lookup)), None
    names = [first_name(text) for text in known]
    given = reached_from([lookup(other) for other in names if other != name and not is_rebound(program, other)])
    for scope in every:
        for other, item in scope.items():
            if id(item) in given or item is made or other.startswith("__") or not is_changeable_object(item):
                continue
            found = reached(made) if found is None else found
            if id(item) in found:
                return f"its reference to {other}"
    return None


def first_name(text):
    """The name at the front of `name.attribute` or `name["key"]`."""
    return text.split(".")[0].split("[")[0]


def reached_from(values):
    """The objects that changeable objects lead to: a statement that reads these has those as well."""
    found = {}
    for value in values:
        if is_changeable_object(value):
            found.update(reached(value))
    return found


def is_rebound(program, name):
    """Whether a function of the script assigns a global variable."""
    return any(declares_global(root.node, name) for root in program.roots.values() if root.name)


def lost_buffer(made, every, read):
    """What a view of memory has that is not the value of a variable."""
    if type(made) is not memoryview:
        return None
    try:
        if made.readonly:
            return None
        owner = made.obj
    except ValueError:
        # It has been released.
        return None
    if any(owner is value for scope in every for value in scope.values()) or any(owner is value for value in read):
        return None
    return "its contents"


def lost_pragmas(program, made):
    """What a connection has by statements that its callback would see."""
    is_connection = isinstance(made, getattr(sys.modules.get("sqlite3"), "Connection", ()))
    if not is_connection or end_of(made) is not None or not has_callback(made):
        return None
    for text in texts_in(program.tree):
        if text.lower().split()[:1] == ["pragma"] and any(name in text.lower() for name in PRAGMAS):
            return f"what {text[:MOST_SQL]!r} has set, which cannot be read because of its callback,"
    return None


def lost_link(program, owner, value, siblings):
    """The other attribute that an attribute refers to, and would not refer to if the object were made again with all its
    attributes. `siblings` are those that are restored, by name."""
    changeable = {name: item for name, item in siblings.items() if item is not owner and is_changeable_object(item)}
    found = reached(value, (owner,)) if changeable else {}
    for name, item in changeable.items():
        if any(id(part) in found and is_changeable_object(part) for part in parts_of(item)):
            return f"its reference to {name}"
    is_connection = isinstance(value, getattr(sys.modules.get("sqlite3"), "Connection", ()))
    if changeable and is_connection and (text := hidden_callback(program, type(owner))):
        return f"its reference to what {text} uses"
    return None


def parts_of(value):
    """An object, and what is in it at first sight."""
    found = [value]
    if type(value) in (list, tuple, set):
        found += first(value)
    elif type(value) is dict:
        found += first(value.values())
    return found + list(plain_attributes(value).values() if has_own_attributes(type(value)) else ())


def hidden_callback(program, kind):
    """A function that the making of an object gives to SQLite, and that may refer to an attribute."""
    for function in functions_reached(kind):
        code, root = function.__code__, program.root_of_code(function.__code__)
        if not any(name in code.co_names for name in HIDDEN):
            continue
        if root is None:
            return f"{code.co_name}()"
        for node in every_node(root.node.body):
            if isinstance(node, Call) and isinstance(node.func, Attribute) and node.func.attr in HIDDEN:
                for callback in node.args[1:] + [keyword.value for keyword in node.keywords]:
                    if may_refer(callback, code, kind):
                        return chain_text(callback) or f"the function in line {callback.lineno}"
    return None


def may_refer(callback, code, kind):
    """Whether a function that is given away may refer to an attribute of the object that is being made, but not by way
    of this object, which is the same one later."""
    own = set(code.co_varnames + code.co_cellvars)
    first_name = code.co_varnames[:1]
    for const in code.co_consts:
        if type(const) is CodeType and set(const.co_freevars) <= set(first_name):
            own.discard(const.co_name)
    names = {node.id for node in every_node([callback]) if isinstance(node, Name)} & own
    if isinstance(callback, Lambda):
        names -= {argument.arg for argument in callback.args.args}
        return not names <= set(first_name)
    if isinstance(callback, Attribute) and isinstance(callback.value, Name) and names <= set(first_name):
        return bool(names) and not any(callback.attr in vars(base) for base in kind.__mro__)
    return bool(names)
