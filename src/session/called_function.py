"""Finds the calls at the top level of a script that name functions of the project: `main()`, `app.run()`, `core.main()`.

The calls come from the source, and what they name from the session. Attributes are looked up in the dicts of modules
and classes only, so no code of the session runs.
"""

import ast
import dis
from types import FunctionType, ModuleType

NESTED = (ast.If, ast.Try, ast.With, ast.AsyncWith)
LOOPS = (ast.For, ast.AsyncFor)
# How far the calls of functions without data are followed, and how many functions are named.
DEPTH = 4
MOST_NAMED = 3
MOST_VALUES = 200
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
VARIADIC = 0x04 | 0x08


class Instance:
    """An object of which only the class is known."""

    def __init__(self, kind):
        self.kind = kind


def attribute_of_class(kind, name):
    for owner in type.__dict__["__mro__"].__get__(kind):
        names = type.__dict__["__dict__"].__get__(owner)
        if name in names:
            return names[name]
    return None


def function_of(found):
    """The function that a method or a decorated function is made of."""
    if isinstance(found, (staticmethod, classmethod)):
        found = found.__func__
    while type(found) is FunctionType and "__wrapped__" in found.__dict__:
        found = found.__dict__["__wrapped__"]
    return found if type(found) is FunctionType else None


def owner_of(found):
    """The class of a method that is named in its module; None for other functions."""
    function = function_of(found)
    name, _, rest = function.__qualname__.partition(".")
    owner = function.__globals__.get(name) if rest else None
    return owner if isinstance(owner, type) else None


def counters_in(code):
    """The local variables that nothing but a `for` assigns, in a loop or a comprehension: they are no data."""
    counters, others, of_comprehensions = set(), set(), set()
    waiting = 0
    for instruction in dis.get_instructions(code):
        name, value = instruction.opname, instruction.argval
        if name in ("EXTENDED_ARG", "CACHE", "NOT_TAKEN", "RESUME", "NOP"):
            continue
        if name == "FOR_ITER":
            waiting = 1
        elif name == "UNPACK_SEQUENCE" and waiting:
            waiting += instruction.arg - 1
        elif name == "UNPACK_EX" and waiting:
            waiting += (instruction.arg & 0xFF) + (instruction.arg >> 8)
        elif name.startswith("STORE_FAST") or name == "STORE_DEREF":
            # Since 3.13, one instruction may store two, or store one and load another.
            for stored in value[: name.count("STORE_FAST")] if isinstance(value, tuple) else [value]:
                # Since 3.12, a comprehension is a part of the function, and puts back what its variable was.
                if waiting or stored not in of_comprehensions:
                    (counters if waiting else others).add(stored)
                waiting = max(waiting - 1, 0)
        else:
            waiting = 0
            if name == "LOAD_FAST_AND_CLEAR":
                of_comprehensions.add(value)
    return counters - others


def number_of_locals(function):
    code = function.__code__
    arguments = code.co_argcount + code.co_kwonlyargcount + bin(code.co_flags & VARIADIC).count("1")
    names = {*code.co_varnames[arguments:], *code.co_cellvars} - {*code.co_varnames[:arguments]}
    return len(names - counters_in(code))


def called_by(function, owner):
    """The functions that the code of a function names, with the classes whose methods they are: global ones, methods of
    global classes, and methods of its own class."""
    names, namespace = function.__code__.co_names, function.__globals__
    values = [namespace.get(name) for name in names]
    # `package.module.function()`
    for value in values:
        if type(value) is ModuleType and len(values) < MOST_VALUES:
            values += [found for found in map(vars(value).get, names) if type(found) is ModuleType and found is not value]
    classes = [value for value in values if isinstance(value, type)] + [owner] * (owner is not None)
    found = [(function_of(value), None) for value in values]
    found += [(function_of(attribute_of_class(kind, name)), kind) for name in names for kind in classes]
    for kind in classes[: len(classes) - (owner is not None)]:
        found.append((function_of(attribute_of_class(kind, "__init__")), kind))
    found += [
        (function_of(vars(value).get(name)), None) for value in values if type(value) is ModuleType for name in names
    ]
    return [(callee, kind) for callee, kind in found if callee is not None]


def names_in(targets):
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]


class Search:
    """`own` are the functions in the source, by their qualified names."""

    def __init__(self, namespace, own, is_of_project):
        self.namespace = namespace
        self.own = own
        self.is_of_project = is_of_project

    def object_of(self, node):
        """What an expression names, as far as that is known without running anything."""
        if isinstance(node, ast.Name):
            return self.namespace.get(node.id)
        if isinstance(node, ast.Call):
            kind = self.object_of(node.func)
            return Instance(kind) if isinstance(kind, type) else None
        if isinstance(node, ast.Attribute):
            found = self.object_of(node.value)
            if isinstance(found, Instance):
                return attribute_of_class(found.kind, node.attr)
            if type(found) is ModuleType:
                return vars(found).get(node.attr)
            if issubclass(type(found), type):
                return attribute_of_class(found, node.attr)
            return attribute_of_class(type(found), node.attr)
        return None

    def name_of(self, found):
        """The names of a function of the project that has local variables, or of those that it calls, as `--locals`
        takes them."""
        function = function_of(found)
        if function is None:
            return None
        if number_of_locals(function):
            return self.known_name(function)
        # Neither does a function without local variables have data: the work is in what it calls.
        named, seen, level = {}, {function}, [(function, owner_of(found))]
        for _ in range(DEPTH):
            called = [pair for caller, owner in level for pair in called_by(caller, owner)]
            level = [(callee, owner) for callee, owner in called if callee not in seen]
            seen.update(callee for callee, _ in level)
            for callee, _ in level:
                name = self.known_name(callee)
                if name is not None and number_of_locals(callee):
                    named[name] = number_of_locals(callee)
            if named:
                break
        most = sorted(named, key=named.get, reverse=True)[:MOST_NAMED]
        return ",".join(name for name in named if name in most) or None

    def known_name(self, function):
        """The name of a function of the project, as `--locals` takes it."""
        name = function.__qualname__.replace(".<locals>", "")
        if function.__module__ == "__main__":
            return name if name in self.own else None
        is_known = isinstance(function.__module__, str) and self.is_of_project(function.__code__.co_filename)
        return f"{function.__module__}:{name}" if is_known else None

    def call_in(self, statement):
        """The outermost call of such a function in a statement: its name, and the variable whose method it is."""
        for node in ast.walk(statement):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            found = self.object_of(function)
            name = self.name_of(found)
            # A decorator may have put an object in the place of the function, as click does.
            if name is None and isinstance(function, ast.Name) and function.id in self.own:
                is_itself = type(found) is FunctionType and found.__qualname__ == function.id
                name = None if is_itself else function.id
            if name is not None:
                is_method = isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
                return name, function.value.id if is_method else ""
        return None

    def calls(self, statements):
        """The calls outside of functions and classes: the name, the variable, and the names that get the result."""
        for statement in statements:
            if isinstance(statement, DEFINITIONS):
                continue
            # `if __name__ == "__main__":` and the like: each statement in it is one of the top level.
            if isinstance(statement, NESTED):
                for part in ("body", "orelse", "finalbody"):
                    yield from self.calls(getattr(statement, part, ()))
                continue
            found = self.call_in(statement)
            if found is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else ()
                counters = [node.target for node in ast.walk(statement) if isinstance(node, LOOPS)]
                yield *found, names_in(targets), names_in(counters)


def calls(source, namespace, own, is_of_project):
    return list(Search(namespace, set(own), is_of_project).calls(ast.parse(source).body))
