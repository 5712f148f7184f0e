"""Where a script catches `KeyboardInterrupt`: there, Ctrl-C does what it does under Python.

`except` clauses catch it, and context managers may. What a clause or an argument names is looked up where the code runs,
so that an alias and a variable with several types count as well.
"""

CATCHING = ("KeyboardInterrupt", "BaseException")
# `except*` is a node of its own since Python 3.11.
TRIES = tuple(kind for kind in (Try, getattr(sys.modules.get("_ast"), "TryStar", None)) if kind)


class Catcher:
    """Lines from which a `KeyboardInterrupt` may be caught, and the expressions of the types and context managers."""

    def __init__(self, node):
        self.first, self.last = node.body[0].lineno, node.body[-1].end_lineno
        self.kinds = [handler.type for handler in getattr(node, "handlers", ())]
        self.managers = [item.context_expr for item in getattr(node, "items", ())]

    def catches(self, names):
        return any(kind is None or names_interrupt(kind, names) for kind in self.kinds) or any(
            manager_catches(manager, names) for manager in self.managers)


def catchers_in(node):
    found = [Catcher(node)] if isinstance(node, TRIES + (With,)) else []
    for child in fields(node):
        found += catchers_in(child)
    return found


def tree_of(program, filename):
    """The tree of the script, or of a module of it; None for other code."""
    if filename == program.filename:
        return program.tree
    if not is_own_source(filename) or not filename.endswith(".py"):
        return None
    try:
        with _io.FileIO(filename) as file:
            return quiet(file.readall(), filename, "exec", ONLY_AST, True)
    except (OSError, SyntaxError, ValueError):
        # Python itself has read it, so it has changed since.
        return None


def catchers_of(program, filename):
    if filename not in program.catching:
        tree = tree_of(program, filename)
        program.catching[filename] = [] if tree is None else catchers_in(tree)
    return program.catching[filename]


def has_interrupt_handler(program):
    """Whether the script may catch it anywhere: what catches all, or the name of the exception, is in it."""
    catchers = catchers_of(program, program.filename)
    return any(None in catcher.kinds for catcher in catchers) or bool(catchers) and any(
        has_name(program.tree, name) for name in CATCHING)


def catches_interrupt(program, frame):
    while frame is not None:
        line = frame.f_lineno or 0
        for catcher in catchers_of(program, frame.f_code.co_filename):
            if catcher.first <= line <= catcher.last and catcher.catches(names_in(frame)):
                return True
        frame = frame.f_back
    return False


# --- what names lead to


def names_in(frame):
    """Looks up a name where a frame is. Until Python 3.12, a frame keeps the local variables that it has given, so they
    are only asked for if the name is one."""
    code = frame.f_code
    is_function = code.co_flags & 1

    def value_of_name(name):
        is_local = not is_function or name in code.co_varnames + code.co_cellvars + code.co_freevars
        scopes = [frame.f_locals] if is_local else []
        return next((scope[name] for scope in scopes + [frame.f_globals, frame.f_builtins] if name in scope), Missing)

    return value_of_name


def value_of(node, names):
    """What a name, or an attribute of what a name leads to, is now; `Missing` for anything else."""
    if isinstance(node, Name):
        return names(node.id)
    if isinstance(node, Attribute):
        owner = value_of(node.value, names)
        return Missing if owner is Missing else getattr(owner, node.attr, Missing)
    return Missing


def names_interrupt(node, names):
    """Whether an expression is a type that a `KeyboardInterrupt` belongs to, or has such a type in it."""
    if isinstance(node, Tuple):
        return any(names_interrupt(part, names) for part in node.elts)
    if isinstance(node, Starred):
        return names_interrupt(node.value, names)
    found = value_of(node, names)
    kinds = found if isinstance(found, tuple) else (found,)
    return any(isinstance(kind, type) and issubclass(KeyboardInterrupt, kind) and kind is not object for kind in kinds)


def manager_catches(node, names):
    """Whether a context manager may catch it: it gets the type as an argument, as `suppress` does, or is one of the script
    whose code names it."""
    if isinstance(node, Call):
        given = node.args + [keyword.value for keyword in node.keywords]
        if any(names_interrupt(part, names) for part in given):
            return True
        node = node.func
    maker = value_of(node, names)
    kind = maker if isinstance(maker, type) else type(maker)
    # `contextlib.contextmanager` keeps the generator function in the attribute.
    functions = [getattr(maker, "__wrapped__", None), getattr(kind, "__exit__", None)]
    return any(type(function) is FunctionType and code_names_interrupt(function.__code__) for function in functions)


def code_names_interrupt(code):
    return is_own_source(code.co_filename) and any(name in code.co_names for name in CATCHING)
