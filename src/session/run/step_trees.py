"""Syntax trees and code objects: what compiling a script in steps, and comparing two versions of it, need of both."""


def quiet(*arguments):
    """Compiles without warnings. The version of the filters stays, so that no other warning is shown once more."""
    filters = sys.modules.get("warnings", _warnings).filters
    ignore = ("ignore", None, Warning, None, 0)
    filters.insert(0, ignore)
    try:
        return compile(*arguments)
    finally:
        filters.remove(ignore)


def fields(node):
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, AST):
            yield value
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, AST):
                    yield item


def same(a, b):
    """Whether two trees are the same code, wherever they stand."""
    if type(a) is not type(b):
        return False
    if isinstance(a, AST):
        return all(same(getattr(a, name, None), getattr(b, name, None)) for name in a._fields if name != "type_comment")
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    # 1 == True == 1.0, and 0.0 == -0.0
    return repr(a) == repr(b)


def at(node, place):
    """Gives a new node the position of another one."""
    for name in ("lineno", "col_offset", "end_lineno", "end_col_offset"):
        setattr(node, name, getattr(place, name, None))
    return node


def docstring_end(body):
    """How many statements must stay in front: the docstring and `from __future__` imports."""
    number = 0
    if body and isinstance(body[0], Expr) and isinstance(body[0].value, Constant) and isinstance(body[0].value.value, str):
        number = 1
    while number < len(body) and isinstance(body[number], ImportFrom) and body[number].module == "__future__":
        number += 1
    return number


def first_line(node):
    return min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])


def with_qualified_names(code):
    """Code whose inner functions have the qualified names that they have in the script. Until Python 3.10, these are
    constants."""
    part = f".<locals>.{RESUMED_NAME}.<locals>."
    consts = []
    for const in code.co_consts:
        if type(const) is CodeType:
            const = with_qualified_names(const)
            if hasattr(const, "co_qualname"):
                const = const.replace(co_qualname=const.co_qualname.replace(part, ".<locals>."))
        elif type(const) is str and part in const:
            const = const.replace(part, ".<locals>.")
        consts.append(const)
    return code.replace(co_consts=tuple(consts))


def plain_arguments(names, place):
    args = [at(arg(arg=name, annotation=None, type_comment=None), place) for name in names]
    return arguments(posonlyargs=[], args=args, vararg=None, kwonlyargs=[], kw_defaults=[], kwarg=None, defaults=[])


def path_to(tree, wanted):
    """The nodes from the root of a tree to a node, without that."""
    for child in fields(tree):
        if child is wanted:
            return [tree]
        if (found := path_to(child, wanted)) is not None:
            return [tree] + found
    return None


def replaced(node, old, new):
    """A copy of a node with another child."""
    made = type(node)()
    for name in node._fields:
        value = getattr(node, name, None)
        if value is old:
            value = new
        elif isinstance(value, list):
            value = [new if item is old else item for item in value]
        setattr(made, name, value)
    return at(made, node) if hasattr(node, "lineno") else made


def rebuilt(node, change):
    """A copy of the statements of a function in which `change` has replaced some, without those of inner scopes."""
    new = change(node)
    if new is not node or isinstance(node, (FunctionDef, AsyncFunctionDef, ClassDef, Lambda)):
        return new
    made = None
    for name in node._fields:
        value = getattr(node, name, None)
        if isinstance(value, list) and value and isinstance(value[0], AST):
            items = [rebuilt(item, change) for item in value]
            if any(a is not b for a, b in zip(items, value)):
                made = made or replaced(node, None, None)
                setattr(made, name, items)
    return made or node


def without_declarations(stmt, shared):
    """A statement without those that declare variables: one of an outer function cannot have an annotation."""
    return rebuilt(stmt, lambda node: undeclared(node, shared))


def undeclared(node, shared):
    if isinstance(node, AnnAssign) and isinstance(node.target, Name) and node.target.id in shared:
        made = Assign(targets=[node.target], value=node.value, type_comment=None) if node.value else Pass()
        return at(made, node)
    return at(Pass(), node) if isinstance(node, (Global, Nonlocal)) else node


def hoisted(body, shared):
    """The `global` and `nonlocal` statements of a function, and its body without them."""
    declared = []

    def change(node):
        if isinstance(node, (Global, Nonlocal)):
            declared.append(node)
        return undeclared(node, shared)

    rest = [rebuilt(stmt, change) for stmt in body]
    return declared, rest
