"""What a statement such as `conn = connect(path)` reads. If `conn` cannot be saved, a resumed run runs the statement
again, and must then read what it has read before.

Before such a statement runs, its inputs are noted: the names in it, `config["path"]` and `options.path` as far as they
can be followed without running code of the script. An input is described by a *digest*, which another process finds
again. Objects of libraries are described by their type alone.
"""

MOST_PARTS = 2000
MOST_CHARACTERS = 100_000
# How much of a statement in SQL is shown.
MOST_SQL = 60
PRIME = 2**127 - 1
SCALARS = (int, float, complex, bool, type(None), type(...), range)
# Why a statement must not run again: an input has changed; the object has a thread that would not run; it has a state
# that would be lost; it would change files or tables.
CHANGED, THREAD, PROGRESS, EFFECT = "changed", "thread", "progress", "effect"
# The names by which code reads the environment, and what stands for all variables in it.
ENVIRONMENT, ALL_VARIABLES = ("environ", "environb", "getenv", "getenvb"), "os.environ"
# Modules of objects that have contents, which the statement that made them does not bring back.
OF_CONTENTS = ("multiprocessing.sharedctypes", "multiprocessing.shared_memory", "xml.etree.ElementTree", "pyexpat",
               "mmap", "ctypes")


class Missing:
    """Stands for the value of a name that is not bound."""


def noted_value(stmt):
    """The value of a statement whose inputs are noted: one that calls something."""
    if not isinstance(stmt, (Assign, AnnAssign)) or assigned_name(stmt) is None:
        return None
    return stmt.value if has_call(stmt.value) else None


def has_call(node):
    return isinstance(node, Call) or any(has_call(child) for child in fields(node))


def inputs(value):
    """The expressions that a value reads, by their text, and whether each is the object of a method that is called."""
    found, own = {}, set()

    def visit(node, is_receiver):
        text = chain_text(node)
        if text is not None:
            found[text] = (node, is_receiver or found.get(text, (None, False))[1])
        elif isinstance(node, Call):
            func = node.func
            is_method = isinstance(func, Attribute)
            is_next = isinstance(func, Name) and func.id == "next"
            visit(func.value if is_method else func, is_method)
            for child in fields(node):
                if child is not func:
                    visit(child, is_next)
        else:
            if isinstance(node, (Name, arg)):
                own.add(node.id if isinstance(node, Name) else node.arg)
            for child in fields(node):
                visit(child, False)

    visit(value, False)
    return {text: entry for text, entry in found.items() if text.split(".")[0].split("[")[0] not in own}


def chain_text(node):
    """`name`, `name.attribute`, `name["key"]` and so on; None for another expression."""
    if isinstance(node, Name):
        return node.id if isinstance(node.ctx, Load) else None
    if isinstance(node, Attribute):
        outer, own = chain_text(node.value), "." + node.attr
    elif isinstance(node, Subscript) and isinstance(node.slice, Constant):
        outer, own = chain_text(node.value), f"[{node.slice.value!r}]"
    else:
        return None
    return None if outer is None else outer + own


def followed(node, lookup):
    """The value of such an expression, or of the part of it that can be followed."""
    if isinstance(node, Name):
        return lookup(node.id)
    base = followed(node.value, lookup)
    if isinstance(node, Subscript):
        key = node.slice.value
        if type(base) is dict and key in base:
            return base[key]
        if type(base) in (list, tuple) and type(key) is int and -len(base) <= key < len(base):
            return base[key]
        return base
    if type(base) is type(sys):
        return vars(base).get(node.attr, base)
    return plain_attributes(base).get(node.attr, base)


def plain_attributes(value):
    """The attributes of an instance whose class does not change how they are read."""
    kind = type(value)
    if kind.__getattribute__ is not object.__getattribute__ and kind is not SimpleNamespace:
        return {}
    try:
        own = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return own if type(own) is dict else {}


def digest(value):
    """A number for a value, the same in each process."""
    text = repr(Description().of(value)).encode("utf-8", "backslashreplace")
    return int.from_bytes(text, "little") % PRIME


class Description:
    """Nested tuples of strings that describe a value."""

    def __init__(self):
        self.parts, self.outer = 0, []

    def of(self, value):
        self.parts += 1
        kind = type(value)
        if kind in SCALARS:
            return kind.__name__, repr(value)
        if kind in (str, bytes):
            return kind.__name__, len(value), value[:MOST_CHARACTERS], value[-MOST_CHARACTERS:]
        if self.parts > MOST_PARTS or len(self.outer) > 50 or any(value is other for other in self.outer):
            return "more", kind.__qualname__
        self.outer.append(value)
        found = self.of_object(value, kind)
        self.outer.pop()
        return found

    def of_object(self, value, kind):
        name = f"{kind.__module__}.{kind.__qualname__}"
        if kind in (list, tuple) or name == "collections.deque":
            return name, len(value), [self.of(item) for item in first(value)]
        if kind in (set, frozenset):
            small = len(value) <= MOST_PARTS
            return name, len(value), sorted(repr(Description().of(item)) for item in value) if small else []
        if kind is dict:
            return name, len(value), [(self.of(key), self.of(item)) for key, item in first(value.items())]
        if name.startswith("pathlib."):
            return name, str(value)
        if name in ("itertools.count", "itertools.repeat"):
            return name, repr(value)
        if name.startswith("builtins.") and name.endswith("iterator") and hasattr(kind, "__length_hint__"):
            return name, value.__length_hint__()
        if kind is FunctionType:
            return self.of_function(value)
        if kind.__module__ == "__main__" or name in ("argparse.Namespace", "types.SimpleNamespace"):
            return name, self.of(plain_attributes(value))
        return (name,)

    def of_function(self, function):
        if function.__module__ != "__main__":
            return "function", function.__module__, function.__qualname__
        return "function", self.of_code(function.__code__), self.of(function.__defaults__)

    def of_code(self, code):
        consts = [self.of_code(const) if type(const) is CodeType else self.of(const) for const in code.co_consts]
        return code.co_name, code.co_code, code.co_names, code.co_varnames, consts


def first(items):
    """As many of the items as are described."""
    found = []
    for item in items:
        if len(found) == MOST_PARTS:
            break
        found.append(item)
    return found


def globals_of(value, lookup, found, depth=0):
    """The variables of the script that a function reads, by name."""
    if depth > 5:
        return
    for function in functions_run_by(value):
        if any(name in ENVIRONMENT for name in function.__code__.co_names):
            found[ALL_VARIABLES] = environment_number()
        for name in function.__code__.co_names:
            if name not in found and (other := function.__globals__.get(name, Missing)) is not Missing:
                found[name] = digest(other)
                globals_of(other, lookup, found, depth + 1)


def environment_number():
    """A number for the environment in this process: no other one could tell passwords in it from the number."""
    variables = getattr(getattr(sys.modules.get("os"), "environ", None), "_data", {})
    return hash(frozenset(variables.items()))


def note_environment_again(program):
    """Called in a resumed run, where the number is another one."""
    for _, indirect, *_ in program.inputs.values():
        if ALL_VARIABLES in indirect:
            indirect[ALL_VARIABLES] = environment_number()


def reads_environment(node):
    is_name = isinstance(node, Attribute) and node.attr in ENVIRONMENT or isinstance(node, Name) and node.id in ENVIRONMENT
    return is_name or any(reads_environment(child) for child in fields(node))


def described_inputs(value, lookup):
    """The inputs of a value: for each expression its digest, and those of the variables that functions in it read."""
    direct, indirect = {}, {}
    for text, (node, _) in inputs(value).items():
        read = followed(node, lookup)
        direct[text] = digest(read)
        globals_of(read, lookup, indirect)
    if reads_environment(value):
        indirect[ALL_VARIABLES] = environment_number()
    return direct, {name: number for name, number in indirect.items() if name not in direct}


def lookup_in(*scopes):
    def lookup(name):
        for scope in scopes:
            if name in scope:
                return scope[name]
        return Missing
    return lookup


def note_inputs(program, depth, number, frame):
    """Notes the inputs of a statement that is about to run."""
    site = program.sites[number]
    stmt = statement_at(site.root.node, site.path)
    scopes = (local_values(frame), frame.f_globals) if depth else (frame.f_globals,)
    key = (depth, site.root.name, assigned_name(stmt))
    program.inputs[key] = *described_inputs(stmt.value, lookup_in(*scopes)), directory_now()
    program.openings.pop(key[1:], None)


def statement_at(node, path):
    for field, number in path:
        node = getattr(node, field)[number]
    return node


def changed_inputs(*arguments):
    """As `reasons_against_rerun`. An object that cannot be asked costs only itself."""
    try:
        return reasons_against_rerun(*arguments)
    except Exception as error:
        return [(f"its state, which cannot be found out ({type(error).__name__}: {error}),", PROGRESS)]


def reasons_against_rerun(program, namespace, frames, scopes, depth, place, name):
    """Why a statement must not run again: what it would read now that it did not read before, the thread that its object
    has, or what would be lost with the object."""
    root, path, kind = place
    noted = program.inputs.get((depth, root, name))
    made = scopes[depth].get(name)
    if not is_listener(made) and (thread := running_thread(made)):
        return [(thread, THREAD)]
    if lost := lost_progress(made):
        return [(lost, PROGRESS)]
    if text := program.openings.get((root, name)):
        return [(text, EFFECT)]
    stmt = assigned_by(program, root, path, kind, name)
    if stmt is None:
        return []
    local = local_scopes(frames[depth], scopes[depth]) if depth else ()
    lookup, value = lookup_in(*local, namespace), stmt.value
    if lost := lost_connection(program, (namespace,) + local, name, made, value, lookup):
        return [(lost, PROGRESS)]
    if noted is None:
        return []
    if text := change_of_tables(value, lookup):
        return [(f"runs the SQL {text[:MOST_SQL]!r}", EFFECT)]
    direct, indirect = described_inputs(value, lookup)
    found = [text for text, number in direct.items() if noted[0].get(text, number) != number]
    found += [text for text, number in indirect.items() if noted[1].get(text, number) != number]
    return [(text, CHANGED) for text in found]


def progress_in_module(name):
    """What of an object would be lost that is a variable of another module, or an attribute of a class in it."""
    parts = name.split(".")
    for end in range(len(parts) - 1, 0, -1):
        value = sys.modules.get(".".join(parts[:end]))
        if value is not None:
            for part in parts[end:]:
                value = plain_member(value, part)
            return None if value is Missing else lost_progress(value, False)
    return None


def plain_member(value, name):
    """A variable of a module, or an attribute of a class."""
    own = type.__getattribute__(value, "__dict__") if isinstance(value, type) else getattr(value, "__dict__", {})
    return own.get(name, Missing)


def lost_progress(value, has_contents=True):
    """What of an object would be lost if its statement made it again; None if it is of a kind that has nothing to lose,
    such as a connection, or has lost nothing yet."""
    kind = type(value)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if is_own_class(kind) and all(base is object or is_own_class(base) for base in kind.__mro__):
        # Its attributes are saved by themselves: see `step_remade.py`.
        return None
    if hasattr(kind, "__next__"):
        return "its position"
    if hasattr(kind, "update") and hasattr(kind, "digest"):
        return "what it has hashed"
    if kind.__module__ in ("zlib", "_bz2", "_lzma", "zipfile", "tarfile") and getattr(value, "mode", "w") != "r":
        return "what was written to it"
    if kind.__module__ in OF_CONTENTS or kind.__name__.endswith("Proxy") and kind.__module__ == "multiprocessing.managers":
        return "what is in it"
    mode = plain_attributes(value).get("mode") if "_io" not in kind.__module__ else None
    if type(mode) is str and len(mode) <= 3 and any(letter in mode for letter in "wax+"):
        return "what was written to it"
    if has_contents and isinstance(value, (list, dict, set, bytearray)):
        return "its contents"
    if kind.__module__ == "tempfile":
        return "the files in it"
    if name == "_contextvars.ContextVar" or name == "contextvars.ContextVar":
        return None if value.get(Missing) is Missing else "its value"
    if name == "_thread._local":
        return "its attributes" if vars(value) else None
    if name in ("_queue.SimpleQueue", "multiprocessing.queues.Queue", "multiprocessing.queues.SimpleQueue"):
        return None if value.empty() else "what is in it"
    if end_of(value) is not None:
        return None
    if getattr(value, "in_transaction", False) is True:
        return "its open transaction"
    if isinstance(value, getattr(sys.modules.get("sqlite3"), "Connection", ())):
        return only_in_memory(value)
    return None


def lost_with(program, every, place, value, siblings):
    """What would be lost with an attribute that its object has again as it was when it was made. `place` is that of the
    object, `siblings` are its attributes that are restored."""
    if end_of(value) is not None:
        return None
    if has_own_attributes(type(value)):
        return "its attributes"
    depth, name = place
    # What the statement reads, the new object refers to as well.
    known = {first_name(text) for (noted, _, other), entry in program.inputs.items()
             if (noted, other) == (depth, name) for texts in entry[:2] for text in texts}
    given = reached_from([scope[other] for scope in (every[0], every[depth]) for other in known if other in scope])
    siblings = {other: item for other, item in siblings.items() if id(item) not in given}
    return lost_progress(value) or lost_link(program, every[depth].get(name), value, siblings)


# The databases in memory that the process has opened.
IN_MEMORY = []


def note_database(path):
    text = path.decode("utf-8", "replace") if type(path) is bytes else str(path)
    if text in ("", ":memory:") or "mode=memory" in text or text.startswith("file::memory:"):
        IN_MEMORY.append(text)


def has_callback(connection):
    """Whether the script may have given a connection a function that sees each statement."""
    known = (type(connection), connection.row_factory, connection.text_factory)
    for one in silently("gc").get_referents(connection):
        is_cache = type(one).__name__ in ("_lru_cache_wrapper", "Cache")
        if callable(one) and not is_cache and not any(one is other for other in known):
            return True
    return False


def only_in_memory(connection):
    """What of a database is in memory: its tables, temporary ones, what is attached. None if nothing is, or if it cannot
    be asked."""
    if has_callback(connection):
        return "its tables, which cannot be read because of its callback," if IN_MEMORY else None
    try:
        cursor = connection.cursor()
        cursor.row_factory = None
        databases = cursor.execute("pragma database_list").fetchall()
        # The first is the main one, the second the temporary one. The names may be of any type.
        is_in_memory = not any(row[2] for row in databases if row[0] == 0)
        is_attached = any(row[0] > 1 for row in databases)
        tables = cursor.execute("select count(*) from sqlite_master").fetchone()[0]
        temporary = cursor.execute("select count(*) from sqlite_temp_master").fetchone()[0]
        cursor.close()
    except Exception:
        return None
    if temporary:
        return "its temporary tables"
    if is_attached:
        return "the databases attached to it"
    return "its tables, which are in memory" if is_in_memory and tables else None


def local_scopes(frame, values):
    """Where a function under way finds its variables."""
    function = frame["function"]
    shared = dict(zip(function.__code__.co_freevars, function.__closure__ or ()), **frame["cells"])
    return values, {name: cell.cell_contents for name, cell in shared.items() if has_value(cell)}
