"""Finds the calls at the top level of a script that name functions of the project: `main()`, `app.run()`, `core.main()`.

The calls come from the source, and what they name from the session. Attributes are looked up in the dicts of modules
and classes only, so no code of the session runs.
"""

import ast
from types import FunctionType, ModuleType

NESTED = (ast.If, ast.Try, ast.With)
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
        """The name of a function of the project that has local variables, as `--locals` takes it."""
        if isinstance(found, (staticmethod, classmethod)):
            found = found.__func__
        while type(found) is FunctionType and "__wrapped__" in found.__dict__:
            found = found.__dict__["__wrapped__"]
        if type(found) is not FunctionType:
            return None
        code = found.__code__
        arguments = code.co_argcount + code.co_kwonlyargcount + bin(code.co_flags & VARIADIC).count("1")
        has_locals = len({*code.co_varnames, *code.co_cellvars}) > arguments
        name = found.__qualname__.replace(".<locals>", "")
        if found.__module__ == "__main__":
            return name if has_locals and name in self.own else None
        is_known = has_locals and isinstance(found.__module__, str) and self.is_of_project(code.co_filename)
        return f"{found.__module__}:{name}" if is_known else None

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
                yield *found, [target.id for target in targets if isinstance(target, ast.Name)]


def calls(source, namespace, own, is_of_project):
    return list(Search(namespace, set(own), is_of_project).calls(ast.parse(source).body))
