"""Variables of the script's modules that cannot be saved. A resumed run has what the import of the module makes, the
object of a variable of the script that is the same one, or what the module itself makes when it finds none."""


def shared_with_modules(program, namespace, frames):
    """The variables of modules whose object is also that of a variable of the script: the module, the name in it, and
    the number of the scope and the name of the variable."""
    plain = (type, type(sys), FunctionType, str, bytes, type(None)) + SCALARS[:4]
    owners = {id(value): (depth, name) for depth, scope in enumerate(scopes(namespace, frames))
              for name, value in scope.items() if not isinstance(value, plain)}
    return [(module, name) + owners[id(value)] for module in program.sources
            for name, value in vars(sys.modules.get(module, sys)).items()
            if module in sys.modules and id(value) in owners]


def bind_in_modules(outer, depth, name, value):
    """Gives modules an object that a statement of the script has made again."""
    for module, attribute, *owner in outer.get("shared", ()):
        if owner == [depth, name] and module in sys.modules:
            setattr(sys.modules[module], attribute, value)


def made_again(program, outer, name):
    """What makes a variable of a module again: `True` for the import of the module or the module itself, the variable of
    the script with the same object, or None."""
    module, _, attribute = name.rpartition(".")
    if module not in sys.modules:
        # It is an attribute of a class.
        return True
    for home, own, depth, variable in outer["shared"]:
        if (home, own) == (module, attribute):
            return depth, variable
    path = getattr(sys.modules[module], "__file__", None)
    if not is_own_source(path) or not path.endswith(".py"):
        return True
    tree = source_tree(path)
    if any((module, "", attribute) in found for found in program.mentions.values()):
        return None
    setters = [node for node in every_node(tree.body) if isinstance(node, (FunctionDef, AsyncFunctionDef))
               and declares_global(node, attribute)]
    if any(not is_made_if_missing(setter, attribute) for setter in setters):
        return None
    return True


def is_made_if_missing(function, name):
    """Whether a function assigns a global variable only after it has looked at it, as in `if conn is None:`."""
    return all(any(mentions(test, name) for test in tests)
               for tests in tests_around(function.body, name, ()))


def tests_around(stmts, name, tests):
    """For each statement that assigns a variable, what was looked at before: the conditions that it is in, and what has
    failed."""
    for stmt in stmts:
        inner = tests + ((stmt.test,) if isinstance(stmt, If) else ())
        blocks = [(getattr(stmt, field), inner) for field in BLOCKS if isinstance(getattr(stmt, field, None), list)]
        blocks += [(handler.body, tests + tuple(stmt.body)) for handler in getattr(stmt, "handlers", ())]
        for block, around in blocks:
            yield from tests_around(block, name, around)
        if not blocks and count_stores(stmt, name):
            yield tests


# --- default arguments of functions


def kept_defaults(program):
    """The default arguments of functions of modules that may have changed, as in `def add(item, seen=[])`."""
    found = []
    for module in program.sources:
        for path, function in functions_of(vars(sys.modules.get(module, object)), module, ""):
            values = function.__defaults__ or (), function.__kwdefaults__ or {}
            if any(map(may_change, list(values[0]) + list(values[1].values()))):
                found.append((("defaults", module, path), (function.__defaults__, function.__kwdefaults__),
                              f"the default arguments of {module}.{path}", False))
    return found


def may_change(value):
    if type(value) is tuple:
        return any(map(may_change, value))
    is_container = isinstance(value, (list, dict, set, bytearray)) or type(value).__module__ == "collections"
    return is_container or not isinstance(value, (type, FunctionType)) and is_own(value)


def functions_of(own, home, prefix):
    """The functions that a module defines, and those of its classes, each with its path."""
    for name, value in list(own.items()):
        value = getattr(value, "__func__", value) if type(value) in METHODS else value
        while type(value) is FunctionType and "__wrapped__" in vars(value):
            value = vars(value)["__wrapped__"]
        if type(value) is FunctionType and value.__module__ == home:
            yield prefix + name, value
        elif isinstance(value, type) and value.__module__ == home and value.__qualname__ == prefix + name:
            yield from functions_of(vars(value), home, f"{prefix}{name}.")


def restore_defaults(module, path, values):
    for known, function in functions_of(vars(sys.modules.get(module) or __import__(module)), module, ""):
        if known == path:
            function.__defaults__, function.__kwdefaults__ = values
