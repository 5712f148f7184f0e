"""What a script registers with modules: dialects, codecs, adapters, accessors, virtual subclasses, attributes that it
replaces in a library. It is read from the modules, wherever the calls are that have registered it; each entry is a kept
object, as in `step_settings.py`. Entries in which nothing is of the script are left to the import of their module."""

# Containers of modules with what was registered.
REGISTRIES = (
    ("sqlite3", "adapters"), ("sqlite3", "converters"), ("copyreg", "dispatch_table"), ("shutil", "_ARCHIVE_FORMATS"),
    ("shutil", "_UNPACK_FORMATS"), ("webbrowser", "_browsers"), ("sys", "meta_path"), ("sys", "path_hooks"),
    ("multiprocessing.reduction", "ForkingPickler._extra_reducers"), ("pandas.core.dtypes.base", "_registry.dtypes"),
)
ACCESSORS = {"DataFrame": "register_dataframe_accessor", "Series": "register_series_accessor",
             "Index": "register_index_accessor"}
OF_DIALECT = ("delimiter", "doublequote", "escapechar", "lineterminator", "quotechar", "quoting", "skipinitialspace",
              "strict")
# What is kept of these is said in `step_settings.py`.
NOT_MENTIONED = ("sys", "builtins", "os", "posix", "snapcli")
MOST_SOURCE = 300_000


def is_own_home(name):
    """Whether a module is the script or one of its own."""
    return name == "__main__" or is_own_source(getattr(sys.modules.get(name), "__file__", None))


def is_own(value):
    """Whether an object is a class or function of the script or of its modules, or has one in it."""
    if type(value) in (tuple, list):
        return any(map(is_own, value))
    value = getattr(value, "__func__", value) if type(value) in METHODS else value
    if hasattr(type(value), "func") and type(value).__module__ == "functools":
        return is_own(value.func)
    kind = value if isinstance(value, type) or type(value) is FunctionType else type(value)
    home = getattr(kind, "__module__", None)
    return type(home) is str and is_own_home(home)


class Own:
    def method(self):
        pass


METHODS = (classmethod, staticmethod, type(Own().method))


def member(module, path):
    """What a dotted path leads to in a loaded module."""
    value = sys.modules.get(module, Missing)
    for part in path.split(".") if path else ():
        try:
            value = getattr(value, part, Missing)
        except Exception:
            return Missing
    return value


def registered(program):
    """All that is kept, as in `kept_objects`."""
    found = []
    for module, path in REGISTRIES:
        found += entries_of(("entry", module, path), member(module, path), f"{module}.{path}")
    for name, registry in (program.codecs or {}).items():
        found += entries_of(("codec", name), registry, "the codec registry")
    for name in ACCESSORS:
        kind = member("pandas", name)
        for entry in getattr(kind, "_accessors", ()):
            accessor = getattr(vars(kind).get(entry), "_accessor", None)
            if isinstance(accessor, type) and is_own(accessor):
                found.append((("accessor", name, entry), accessor, f"the accessor {entry!r} of pandas.{name}", False))
    return found + mentioned_objects(program)


def entries_of(how, registry, text):
    """The entries of a registry that are of the script, each with its key or its position."""
    if type(registry) is list:
        return [(how + (number,), (None, value), text, False) for number, value in enumerate(registry) if is_own(value)]
    if type(registry) is dict:
        return [(how + (None,), (key, value), text, False) for key, value in registry.items()
                if is_own(value) or is_own(key)]
    return []


def restore_registered(program, how, value):
    """Puts one of them back. What the import of a module has registered again is left as it is."""
    kind, *where = how
    if kind in ("entry", "codec"):
        restore_entry(program, how, value)
    elif kind == "accessor":
        import pandas.api.extensions
        if getattr(vars(getattr(pandas, where[0])).get(where[1]), "_accessor", None) is not value:
            getattr(pandas.api.extensions, ACCESSORS[where[0]])(where[1])(value)
    elif kind == "virtual subclass":
        if not issubclass(value[1], value[0]):
            value[0].register(value[1])
    elif kind == "implementation":
        value[0].register(value[1], value[2])
    elif kind == "mentioned":
        module, path, name = where
        __import__(module)
        setattr(member(module, path), name, value)


def restore_entry(program, how, value):
    key, value = value
    if how[0] == "codec":
        import codecs
        if how[1] == "errors":
            codecs.register_error(key, value)
        elif not any(other is value for other in program.codecs["search"]):
            codecs.register(value)
        return
    __import__(how[1])
    registry = member(how[1], how[2])
    if type(registry) is dict:
        registry[key] = value
    elif not any(other is value or is_like(other, value) for other in registry):
        registry.insert(how[3], value)


def codec_registries():
    """The search functions of codecs and the handlers of errors, which only the interpreter has: found by what is in
    them at the start. None if they are not as expected."""
    gc, codecs, encodings = silently("gc"), sys.modules.get("codecs"), sys.modules.get("encodings")
    first, strict = getattr(encodings, "search_function", None), getattr(codecs, "strict_errors", None)
    if first is None or strict is None:
        return None
    found = gc.get_referrers(first, strict)
    search = [one for one in found if type(one) is list and one and one[0] is first]
    errors = [one for one in found if type(one) is dict and one.get("strict") is strict and "__name__" not in one]
    return {"search": search[0], "errors": errors[0]} if len(search) == len(errors) == 1 else None


def csv_settings():
    csv = sys.modules["_csv"]
    dialects = {}
    for name in csv.list_dialects():
        dialect = csv.get_dialect(name)
        dialects[name] = {option: getattr(dialect, option) for option in OF_DIALECT}
    return dialects, csv.field_size_limit()


def restore_csv(saved):
    import csv
    dialects, limit = saved
    for name in [name for name in csv.list_dialects() if name not in dialects]:
        csv.unregister_dialect(name)
    for name, options in dialects.items():
        csv.register_dialect(name, **options)
    csv.field_size_limit(limit)


# --- objects of libraries that the code of the script names


def mentioned_objects(program):
    """What the script has registered with an object that its code names, as in `Sequence.register(Own)`, and the
    attributes that it sets on one, as in `json.dumps = own`."""
    found, seen = [], set()
    for module, path, name in library_mentions(program):
        value = member(module, path)
        if value is Missing or isinstance(value, type(sys)) and is_own_home(value.__name__):
            continue
        if name != "register":
            found += attribute_of(module, path, name, value)
        elif id(value) not in seen:
            seen.add(id(value))
            found += registered_with(value)
    return found


def attribute_of(module, path, name, owner):
    if isinstance(owner, type) and is_own(owner):
        return []
    is_hook = any((module, name) == hook[:2] for hook in HOOKS) and not path
    try:
        own = vars(owner).get(name, Missing) if isinstance(owner, type) else getattr(owner, name, Missing)
    except Exception:
        return []
    if own is Missing or is_hook or isinstance(own, type(sys)):
        return []
    where = ".".join(part for part in (module, path, name) if part)
    return [(("mentioned", module, path, name), own, where, False)]


def registered_with(value):
    """The virtual subclasses of an abstract class, or the implementations of a generic function."""
    if isinstance(value, type) and "_abc_impl" in vars(value):
        classes = [reference() for reference in silently("_abc")._get_dump(value)[0]]
        text = f"of {value.__qualname__}"
        return [(("virtual subclass",), (value, kind), f"the virtual subclass {kind.__qualname__} {text}", False)
                for kind in classes if kind is not None and value.__module__ != "__main__"
                and (is_own(value) or kind.__module__ not in ("builtins", value.__module__))]
    registry = getattr(value, "registry", None)
    if type(value) is not FunctionType or not hasattr(value, "dispatch") or value.__module__ == "__main__":
        return []
    return [(("implementation",), (value, kind, function), f"the implementation of {value.__qualname__} for "
             f"{kind.__qualname__}", False) for kind, function in registry.items() if is_own(function) or is_own(kind)]


def library_mentions(program):
    """The objects of libraries that the script and its modules name in `object.register` and `object.name = …`: the
    module, the path in it, and the attribute."""
    for name, (path, _) in list(program.sources.items()):
        if name not in program.mentions:
            program.mentions[name] = mentions_in(source_tree(path), name == "__main__")
    if "__main__" not in program.mentions:
        program.mentions["__main__"] = mentions_in(program.tree, True)
    return sorted({one for found in program.mentions.values() for one in found})


def source_tree(path):
    """The tree of a module; an empty one if it cannot be read."""
    try:
        with _io.FileIO(path) as file:
            source = file.read(MOST_SOURCE + 1)
        return quiet(source if len(source) <= MOST_SOURCE else b"", path, "exec", ONLY_AST, True)
    except (OSError, SyntaxError, ValueError):
        return Module(body=[], type_ignores=[])


def mentions_in(tree, has_top_level):
    """Those of one module. What its top level does, its import does again, unless it is the script."""
    stmts, imported, found = tree.body, imported_by(tree), set()
    if not has_top_level:
        stmts = [stmt for stmt in stmts if isinstance(stmt, (FunctionDef, AsyncFunctionDef, ClassDef))]
    for node in every_node(stmts):
        for owner, name in named_attributes(node):
            place = library_place(owner, imported)
            if place is not None and place[0].partition(".")[0] not in NOT_MENTIONED:
                found.add(place + (name,))
    return found


def every_node(nodes):
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting += fields(node)


def imported_by(tree):
    """The names that the imports in a module bind, wherever they are."""
    found = {}
    for node in every_node(tree.body):
        if isinstance(node, (Import, ImportFrom)):
            found.update(imported_names(node))
    return found


def imported_names(node):
    """The names that an import binds: the module, and the path in it."""
    for alias in node.names:
        if isinstance(node, Import):
            first = alias.name.partition(".")[0]
            yield alias.asname or first, (alias.name if alias.asname else first, "")
        elif node.module and not node.level:
            yield alias.asname or alias.name, (node.module, alias.name)


def library_place(node, imported):
    """The module and the path in it that an expression such as `module.Class` leads to."""
    text = chain_text(node)
    if text is None or "[" in text:
        return None
    first, _, rest = text.partition(".")
    module, path = imported.get(first, (None, None))
    if module is None:
        return None
    path = ".".join(part for part in (path, rest) if part)
    # A part of the path may be a module.
    while path and f"{module}.{path.partition('.')[0]}" in sys.modules:
        first, _, path = path.partition(".")
        module = f"{module}.{first}"
    return module, path


def named_attributes(node):
    """The object and the attribute that `object.register`, `object.name = …` or `setattr(object, "name", …)` names."""
    if isinstance(node, Attribute) and (isinstance(node.ctx, Store) or node.attr == "register"):
        return [(node.value, node.attr)]
    if isinstance(node, Call) and isinstance(node.func, Name) and node.func.id == "setattr" and len(node.args) == 3:
        owner, name, _ = node.args
        if isinstance(name, Constant) and isinstance(name.value, str):
            return [(owner, name.value)]
    return []
