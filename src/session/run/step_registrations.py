"""Statements such as `yaml.add_constructor("!own", construct)`, which register something with a library that
`step_registries.py` does not know: a resumed run runs them again, as it does imports. And the functions of `atexit`,
which no module tells: they are noted when they are registered."""

# What the names of functions begin with that register something or set an option.
REGISTERING = ("register", "unregister", "add_", "install", "enable", "disable", "use", "set_", "__setitem__")
# What runs otherwise: random generators are restored.
NOT_REGISTERING = ("state", "seed", "user")
# Modules whose state is restored.
RESTORED_MODULES = (
    "abc", "atexit", "builtins", "codecs", "collections", "copyreg", "csv", "decimal", "faulthandler", "functools",
    "gc", "locale", "logging", "multiprocessing", "numbers", "numpy", "os", "random", "resource", "shutil", "signal",
    "snapcli", "socket", "sqlite3", "sys", "threading", "warnings",
)
RESTORED_CALLS = ("pandas.set_option", "pandas.api.extensions.", "matplotlib.use", "matplotlib.pyplot.switch_backend")
REPEATED_CALLS = ("sys.addaudithook", "sys.modules.__setitem__")
# Methods of connections to databases that run again once the statement has run that makes the connection.
OF_CONNECTIONS = ("create_function", "create_aggregate", "create_collation", "create_window_function", "set_authorizer",
                  "set_progress_handler", "set_trace_callback")


def registering_calls(program, root, path, kind):
    """The calls of statements that have run and that register something: each with its statement, and whether it runs
    again: not if it is in a loop, or if it would do more than that."""
    found = []
    for stmt, hidden in simple_statements(finished(program.roots[root], path, kind)[0]):
        in_loop = isinstance(stmt, (For, While))
        for node in every_node([stmt]) if in_loop else [stmt]:
            found += [(node, call, not in_loop and not hidden and not does_more(call)) for call in calls_of(node)
                      if is_registering(called(call), program.imported)]
    return found


def called(call):
    return call.func if isinstance(call, Call) else call


def calls_of(stmt):
    """The call that a statement consists of, and the decorators of a definition. `registry["name"] = value` counts as a
    call of a method."""
    if isinstance(stmt, Expr) and isinstance(stmt.value, Call):
        return [stmt.value]
    if isinstance(stmt, Assign) and isinstance(stmt.value, Name) and isinstance(stmt.targets[0], Subscript):
        target = stmt.targets[0]
        func = at(Attribute(value=target.value, attr="__setitem__", ctx=Load()), target)
        return [at(Call(func=func, args=[target.slice, stmt.value], keywords=[]), target)]
    return [node for node in getattr(stmt, "decorator_list", ()) if isinstance(node, (Attribute, Call, Name))]


def is_registering(func, imported):
    place = library_place(func, imported)
    if place is None:
        return is_of_connection(func)
    module, path = place
    whole = f"{module}.{path}"
    name = whole.rpartition(".")[2]
    if whole in REPEATED_CALLS:
        return True
    is_restored = module.partition(".")[0] in RESTORED_MODULES or whole.startswith(RESTORED_CALLS)
    if is_own_home(module) or is_restored or whole.endswith("rcParams.__setitem__"):
        return False
    return name.startswith(REGISTERING) and not any(part in name for part in NOT_REGISTERING)


def is_of_connection(func):
    return isinstance(func, Attribute) and isinstance(func.value, Name) and func.attr in OF_CONNECTIONS


def does_more(call):
    """Whether a call would do more than register what its arguments name."""
    return isinstance(call, Call) and any(has_call(child) for child in fields(call) if child is not call.func)


def register_again(program, position, namespace, frames):
    for depth, (root, path, kind) in enumerate(position):
        for stmt, call, runs_again in registering_calls(program, root, path, kind):
            func = called(call)
            names = names_of_rerun(namespace, frames, depth)
            is_gone = is_of_connection(func) and not hasattr(names.get(func.value.id), func.attr)
            if not runs_again or is_gone:
                continue
            if not isinstance(stmt, (Assign, Expr)):
                name = at(Name(id=stmt.name, ctx=Load()), call)
                call = at(Call(func=call, args=[name], keywords=[]), call)
            code = quiet(Expression(body=call), program.filename, "eval", 0, True)
            try:
                value_again(program, namespace, frames, (depth, "", ""), code)
            except Exception as error:
                raise Repeated(stmt.lineno, error)


class Repeated(Exception):
    """A statement that has failed when it ran again: its line, and the error."""

    def __str__(self):
        line, error = self.args
        return f"line {line}, which had to run again, failed: {type(error).__name__}: {error}"


def lost_registrations(program, position):
    """Messages about what does not run again: in loops, and in functions that have been called."""
    lines, names = [], set()
    for root, path, kind in position:
        lines += [(program.filename, stmt.lineno, chain_text(called(call)))
                  for stmt, call, runs_again in registering_calls(program, root, path, kind) if not runs_again]
        names |= called_names(finished(program.roots[root], path, kind)[0])
    for name in list(program.sources) + ["__main__"]:
        if name not in program.registering:
            tree = program.tree if name == "__main__" else source_tree(program.sources[name][0])
            program.registering[name] = registering_functions(tree, program.sources.get(name, (program.filename,))[0])
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        for by_name in program.registering.values():
            calls, found = by_name.get(name, ((), ()))
            lines += found
            waiting += [other for other in calls if other not in names]
            names.update(calls)
    return [f"line {line} of {path.rpartition('/')[2]} registers something by {name}: a resumed run does not do that "
            "again; a statement of the script outside of functions and loops would run again"
            for path, line, name in dict.fromkeys(lines)]


def registering_functions(tree, path):
    """The functions of a module by name: the names that each calls, and the lines in which it registers something."""
    imported, found = imported_by(tree), {}
    for node in every_node(tree.body):
        if isinstance(node, (FunctionDef, AsyncFunctionDef)):
            lines = [(path, stmt.lineno, chain_text(called(call))) for stmt in every_node(node.body)
                     for call in calls_of(stmt) if is_registering(called(call), imported)]
            names, before = called_names(node.body), found.get(node.name, (set(), []))
            found[node.name] = before[0] | names, before[1] + lines
    return found


def called_names(stmts):
    """The last names of what statements call."""
    found = set()
    for node in own_nodes(stmts):
        if isinstance(node, Call) and isinstance(node.func, (Name, Attribute)):
            found.add(node.func.id if isinstance(node.func, Name) else node.func.attr)
    return found


# --- functions of `atexit`


def watch_exit_functions(program):
    """Begins to note the functions of `atexit`. None if this Python does not allow that."""
    atexit = silently("atexit")
    noted = []

    def note(function, arguments, keywords):
        if arguments is None:
            noted[:] = [entry for entry in noted if entry[0] != function]
        elif is_of_script(program, sys._getframe(1)):
            noted.append((function, arguments, keywords))

    return noted if watch_exits(atexit.register, atexit.unregister, note) else None


def is_of_script(program, frame):
    """Whether code is of the script or of its modules, but not what an import runs again."""
    if frame.f_code.co_filename == program.filename:
        return True
    return frame.f_code.co_name != "<module>" and is_own_home(frame.f_globals.get("__name__"))


def kept_exit_functions(program):
    return [(("exit function",), entry, "a function of atexit", False) for entry in program.exits or ()]


def restore_exit_function(program, entry):
    import atexit
    function, arguments, keywords = entry
    atexit.register(function, *arguments, **keywords)
    if program.exits is not None:
        program.exits.append((function, arguments, keywords))
