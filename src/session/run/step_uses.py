"""Whether what is left of a script mentions a variable. One that cannot be saved does not matter if nothing does."""


def is_used(program, frames, depth, name):
    """Whether the statements that have not run, or functions of the script, read or delete a variable of the script, or
    of the function under way with this number."""
    root, path, kind = frames[depth]
    if not depth and any(name in code.co_names or name in code.co_consts for code in functions_in(program.plain)):
        return True
    if depth and is_read_within(program.roots[root].plain, name):
        return True
    return reads(rest_of(program.roots[root].node, path, kind), name)


def is_read_within(code, name):
    """Whether an inner function may read a variable later. Comprehensions run where they stand."""
    for const in code.co_consts:
        if type(const) is CodeType and name in const.co_freevars:
            if const.co_name not in ("<listcomp>", "<setcomp>", "<dictcomp>") or is_read_within(const, name):
                return True
    return False


def functions_in(code):
    """The code of the functions, lambdas and classes of a script."""
    for const in code.co_consts:
        if type(const) is CodeType:
            if const.co_name not in ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"):
                yield const
            yield from functions_in(const)


def rest_of(node, path, kind):
    """The statements that are left, in their order. A loop under way is one of them as a whole."""
    rest, outer = [], []
    for level, (field, number) in enumerate(path):
        body = getattr(node, field)
        outer.insert(0, body[number + 1:])
        node = body[number] if number < len(body) else None
        is_last = level == len(path) - 1
        is_body = isinstance(node, (For, While)) and not is_last and path[level + 1][0] == "body"
        if node is not None and (is_body or is_last and kind != "call"):
            outer.insert(0, [node])
            break
    for stmts in outer:
        rest += stmts
    return rest


def reads(stmts, name):
    """Whether statements that run one after the other read a variable before they assign it."""
    for stmt in stmts:
        if isinstance(stmt, (Assign, AnnAssign)) and assigned_name(stmt) == name:
            return mentions(stmt.value, name)
        if isinstance(stmt, With) and any(is_name(item.optional_vars, name) for item in stmt.items):
            return any(mentions(item.context_expr, name) for item in stmt.items)
        if mentions(stmt, name):
            return True
    return False


def is_name(node, name):
    return isinstance(node, Name) and node.id == name


def mentions(node, name):
    """Whether code reads or deletes a variable, or has its name as a string."""
    if isinstance(node, Name):
        return node.id == name and not isinstance(node.ctx, Store)
    if isinstance(node, Constant):
        return node.value == name
    if isinstance(node, With) and any(is_name(item.optional_vars, name) for item in node.items):
        return any(mentions(item.context_expr, name) for item in node.items)
    return any(mentions(child, name) for child in fields(node))


# --- the step that is running


def step_under_way(program):
    """The line of the step that is running, and how it could be divided; None if no frame of the script is running."""
    stepped, found, frame = list(program.compiled.values()), None, sys._getframe()
    while frame is not None and (found is None or found[0] not in stepped):
        if frame.f_code.co_filename == program.filename:
            found = frame.f_code, frame.f_lineno
        frame = frame.f_back
    if found is None:
        return None
    code, line = found
    root = program.root_of_code(code) if code in stepped else program.roots[""]
    return line, how_to_divide(program, root, root.node.body, line)


def how_to_divide(program, root, block, line):
    stmt = next((stmt for stmt in block if stmt.lineno <= line <= stmt.end_lineno), None)
    if isinstance(stmt, If):
        return how_to_divide(program, root, stmt.body + stmt.orelse, line)
    if isinstance(stmt, (Try, With)):
        name = "try" if isinstance(stmt, Try) else "with"
        return f": there are no checkpoints within `{name}`, so use it in the functions that are called there instead"
    call = None if stmt is None else program.call_in(stmt, root)
    if stmt is None or isinstance(stmt, (For, While)) or call is not None and program.is_defined(call.func):
        return ""
    called = [node.func.id for node in own_nodes([stmt])
              if isinstance(node, Call) and isinstance(node.func, Name) and node.func.id in program.by_name]
    return f": for checkpoints in {called[0]}(), make its call a statement, as in `result = {called[0]}()`" if called else ""
