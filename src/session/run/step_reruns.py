"""Statements of a script that run again when it goes on: imports, and those that have assigned variables which could not
be saved.
"""


def finished(root, path, kind):
    """The statements of the script, or of a function, that have run before a position; and the one that is under way,
    or None."""
    done, under_way = [], None
    body = root.node.body
    for level, (field, number) in enumerate(path):
        done += body[:number]
        is_last = level == len(path) - 1
        if number >= len(body) or is_last and kind == "before":
            break
        under_way = body[number]
        if is_last or not isinstance(under_way, If):
            break
        body, under_way = getattr(under_way, path[level + 1][0]), None
    return done, under_way


def compiled(program, stmts):
    return quiet(Module(body=stmts, type_ignores=[]), program.filename, "exec", 0, True)


def imports(program, path, kind):
    """The imports that have run, each with its line."""
    found = [stmt for stmt in finished(program.roots[""], path, kind)[0] if isinstance(stmt, (Import, ImportFrom))]
    found = [stmt for stmt in found if getattr(stmt, "module", None) != "__future__"]
    return [(stmt.lineno, compiled(program, [stmt])) for stmt in found]


def simple_statements(stmts, hidden=()):
    """The simple statements of a block, also those in its `if`, `try` and `with` statements; with each the names that
    have their values only within such a statement."""
    for stmt in stmts:
        if not isinstance(stmt, COMPOUND):
            yield stmt, hidden
            continue
        bound = hidden
        for item in getattr(stmt, "items", ()):
            bound += stored_names(item.optional_vars)
        for field in BLOCKS:
            yield from simple_statements(getattr(stmt, field, ()), bound)
        for handler in getattr(stmt, "handlers", ()):
            yield from simple_statements(handler.body, hidden + (handler.name,))


def stored_names(node):
    """The names that a target binds."""
    if node is None:
        return ()
    own = (node.id,) if isinstance(node, Name) and isinstance(node.ctx, Store) else ()
    return own + tuple(name for child in fields(node) for name in stored_names(child))


def assigned_by(program, root, path, kind, name):
    """The simple statement that has assigned a variable; None if it may have been another one. It is none that assigns
    a constant, which could be saved."""
    done, under_way = finished(program.roots[root], path, kind)
    every = [(stmt, hidden) for stmt, hidden in simple_statements(done) if assigned_name(stmt) == name]
    found = [(stmt, hidden) for stmt, hidden in every if not isinstance(stmt.value, Constant)]
    everything = done + ([under_way] if under_way is not None else [])
    if len(found) != 1 or sum(count_stores(stmt, name) for stmt in everything) != len(every):
        return None
    stmt, hidden = found[0]
    return None if any(mentions(stmt.value, other) for other in hidden) else stmt


def rerun(program, root, path, kind, name):
    """The simple statement that has assigned a variable, if only one can have: its line, and the code of the value."""
    stmt = assigned_by(program, root, path, kind, name)
    if stmt is None:
        return None
    return stmt.lineno, quiet(Expression(body=stmt.value), program.filename, "eval", 0, True)


def value_again(program, namespace, frames, key, code):
    """The value of a statement that runs again. `key` is that of its inputs."""
    directory = (program.inputs.get(key, ()) + (None,) * 3)[2]
    names = names_of_rerun(namespace, frames, key[0])
    with AsBefore(program, namespace, directory):
        return eval(code, names)


def names_of_rerun(namespace, frames, depth):
    if not depth:
        return namespace
    frame = frames[depth]
    names = dict(frame["function"].__globals__)
    function, cells = frame["function"], frame["cells"]
    shared = dict(zip(function.__code__.co_freevars, function.__closure__ or ()), **cells)
    names.update((name, cell.cell_contents) for name, cell in shared.items() if has_value(cell))
    names.update(frame["locals"])
    return names


def assigned_name(stmt):
    """The variable that a statement such as `name = value` assigns."""
    if isinstance(stmt, Assign) and len(stmt.targets) == 1:
        target = stmt.targets[0]
    elif isinstance(stmt, AnnAssign) and stmt.value is not None:
        target = stmt.target
    else:
        return None
    return target.id if isinstance(target, Name) else None


def count_stores(node, name, is_local=False):
    """How often a statement binds or deletes a global variable."""
    number = 0
    if isinstance(node, Name):
        number += not is_local and node.id == name and not isinstance(node.ctx, Load)
    elif isinstance(node, (FunctionDef, AsyncFunctionDef, ClassDef, Lambda)):
        if not isinstance(node, Lambda):
            number += not is_local and node.name == name
        is_local = not declares_global(node, name)
    elif isinstance(node, (Import, ImportFrom)):
        names = aliases_of(node)
        number += not is_local and (name in names or "*" in names)
    elif getattr(node, "name", None) == name or getattr(node, "rest", None) == name:
        # `except … as name`, and the patterns of `match`.
        number += not is_local
    return number + sum(count_stores(child, name, is_local) for child in fields(node))


def aliases_of(node):
    """The names that an import binds; `*` for all."""
    return [alias.asname or alias.name.split(".")[0] for alias in node.names]


def declares_global(node, name):
    """Whether a scope has a `global` statement for a name."""
    return any(isinstance(child, Global) and name in child.names or
               not isinstance(child, (FunctionDef, AsyncFunctionDef, ClassDef, Lambda)) and declares_global(child, name)
               for child in fields(node))
