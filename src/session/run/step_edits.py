"""What of a script has run before a position, and how the position is found in a script that was edited since.

Statements that have not run may change, and so may the body of a loop that is under way: what is left of its iteration
is found again by the statement under way. Imports and definitions may be added. `Changed` is raised for any other change
of what has run.
"""


class Changed(Exception):
    """The line, and the text of it, before and after."""


class Position:
    """Where a script is: for the module and each function under way, the path and what is there."""

    def __init__(self, frames):
        self.frames = frames
        self.active = {name for name, path, kind in frames if name}


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
    with AsBefore(program, directory):
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


def relocate(old, new, frames, accepts):
    """The position in the new script, and the added statements that have to run now, each with its line."""
    position, added, moved = Position(frames), [], []
    for name, path, kind in frames:
        before, after = old.roots[name].node, new.roots.get(name)
        if after is None:
            raise Changed(before.lineno, line_of(old, before.lineno), "")
        after = after.node
        if name and not same_head(before, after):
            raise changed(old, new, before, after)
        search = Search(old, new, position, accepts, kind)
        moved.append((name, search.locate(before.body, after.body, path, 0, False), kind))
        if not name:
            added = search.added
        elif search.added and not accepts:
            raise Changed(search.added[0].lineno, "", line_of(new, search.added[0].lineno))
    return moved, [(stmt.lineno, compiled(new, [stmt])) for stmt in added]


class Search:
    def __init__(self, old, new, position, accepts, kind):
        self.old, self.new, self.position, self.accepts, self.kind = old, new, position, accepts, kind
        self.added = []

    def locate(self, before, after, path, level, in_loop):
        """The path in the new script to what a path leads to in the old one, from a block on."""
        field, number = path[level]
        is_last = level == len(path) - 1
        if in_loop and is_last and self.kind == "before" and number == 0:
            # An iteration that begins.
            return ((field, 0),)
        here = None if in_loop else self.after_finished(before[:number], after)
        if here is not None and is_last and self.kind == "before":
            return ((field, here),)
        stmt = before[number] if number < len(before) else None
        if here is None or here >= len(after) or not same_start(stmt, after[here]):
            here = self.find(before, number, after, here)
        inner = path[level + 1:]
        if not inner:
            return ((field, here),)
        name = inner[0][0]
        is_body = isinstance(stmt, (For, While)) and name == "body"
        rest = self.locate(getattr(stmt, name), getattr(after[here], name), path, level + 1, in_loop or is_body)
        return ((field, here),) + rest

    def after_finished(self, done, after):
        """The number of the first statement after those that have run."""
        number = 0
        for stmt in done:
            first = number
            while number < len(after) and self.is_added(after[number], stmt, done):
                self.added.append(after[number])
                number += 1
            new = after[number] if number < len(after) else None
            if new is None or not self.same_finished(stmt, new):
                if not self.accepts:
                    # A definition of another name in its place: it was probably renamed.
                    is_definition = isinstance(stmt, (FunctionDef, ClassDef))
                    is_renamed = first < number and is_definition and type(after[first]) is type(stmt)
                    raise changed(self.old, self.new, stmt, after[first] if is_renamed else new)
                if new is not None and isinstance(new, (FunctionDef, ClassDef, Import, ImportFrom)):
                    self.added.append(new)
            number += 1
        return min(number, len(after))

    def is_added(self, new, stmt, done):
        """Whether a statement is an import or a definition that the old script did not have."""
        if self.same_finished(stmt, new):
            return False
        if isinstance(new, (Import, ImportFrom)):
            return not any(same(new, other) for other in done)
        is_definition = isinstance(new, (FunctionDef, ClassDef))
        return is_definition and not any(getattr(other, "name", None) == new.name for other in done)

    def same_finished(self, old, new):
        """Whether a statement is the same, but for the bodies of functions that are under way."""
        if type(old) is not type(new) or not isinstance(old, (FunctionDef, ClassDef)):
            return same(old, new)
        if not same_head(old, new):
            return False
        names = [name for name, root in self.old.roots.items() if root.node is old]
        if names and names[0] in self.position.active:
            return True
        return len(old.body) == len(new.body) and all(map(self.same_finished, old.body, new.body))

    def find(self, before, number, after, here):
        """The statement of the new block that stands for the one under way."""
        stmt = before[number] if number < len(before) else None
        if here is not None and not self.accepts:
            raise changed(self.old, self.new, stmt, after[here] if here < len(after) else None)
        ordinal = sum(same_start(stmt, other) for other in before[:number])
        found = [place for place, other in enumerate(after) if same_start(stmt, other)]
        if ordinal >= len(found):
            raise changed(self.old, self.new, stmt, after[number] if number < len(after) else None)
        return found[ordinal]


def same_head(old, new):
    """Whether two definitions are the same but for their bodies."""
    if type(old) is not type(new):
        return False
    names = [name for name in old._fields if name not in ("body", "type_comment")]
    return all(same(getattr(old, name, None), getattr(new, name, None)) for name in names)


def same_start(old, new):
    """Whether a statement may go on as the other one."""
    if old is None or type(old) is not type(new):
        return False
    if isinstance(old, For):
        return same(old.target, new.target) and same(old.iter, new.iter)
    if isinstance(old, While):
        return True
    if isinstance(old, If):
        return same(old.test, new.test)
    return same(old, new)


def check_unchanged(old, new):
    """Raises `Changed` if a script that has finished is another one now."""
    before, after = old.tree.body, new.tree.body
    for number in range(max(len(before), len(after))):
        first, second = [body[number] if number < len(body) else None for body in (before, after)]
        if first is None or second is None or not same(first, second):
            raise changed(old, new, first, second)


def line_of(program, number):
    return program.lines[number - 1].strip() if 0 < number <= len(program.lines) else ""


def changed(old, new, before, after):
    """The first line in which a statement has changed."""
    place = before if before is not None else after
    if after is None or before is None:
        text = line_of(old if before is not None else new, place.lineno)
        return Changed(place.lineno, text if before is not None else "", "" if before is not None else text)
    first = [line_of(old, number) for number in range(before.lineno, before.end_lineno + 1)]
    second = [line_of(new, number) for number in range(after.lineno, after.end_lineno + 1)]
    for offset in range(max(len(first), len(second))):
        texts = [lines[offset] if offset < len(lines) else "" for lines in (first, second)]
        if texts[0] != texts[1]:
            return Changed(after.lineno + offset, *texts)
    return Changed(after.lineno, first[0], second[0])


def refresh(old, new, namespace, functions):
    """Gives the functions of the session the code of the new script."""
    waiting, seen = list(namespace.values()) + list(functions), set()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, type):
            if value.__module__ == "__main__":
                waiting += list(vars(value).values())
        elif isinstance(value, (staticmethod, classmethod)):
            waiting.append(value.__func__)
        elif isinstance(value, property):
            waiting += [value.fget, value.fset, value.fdel]
        elif type(value) is FunctionType:
            waiting += [cell.cell_contents for cell in value.__closure__ or () if has_value(cell)]
            root = old.root_of_code(value.__code__)
            now = new.roots.get(root.name) if root is not None else None
            if now is not None and now.plain is not None and now.plain.co_freevars == value.__code__.co_freevars:
                value.__code__ = now.plain


def moved(saved, frames):
    """The saved state, with the position in the new script."""
    for state, (name, path, kind) in zip(saved, frames):
        state["loops"] = [(path[:len(where)], loop) for where, loop in state["loops"]]
        state["path"] = path
    return saved


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
        names = [alias.asname or alias.name.split(".")[0] for alias in node.names]
        number += not is_local and (name in names or "*" in names)
    elif getattr(node, "name", None) == name or getattr(node, "rest", None) == name:
        # `except … as name`, and the patterns of `match`.
        number += not is_local
    return number + sum(count_stores(child, name, is_local) for child in fields(node))


def declares_global(node, name):
    """Whether a scope has a `global` statement for a name."""
    return any(isinstance(child, Global) and name in child.names or
               not isinstance(child, (FunctionDef, AsyncFunctionDef, ClassDef, Lambda)) and declares_global(child, name)
               for child in fields(node))
