"""How a script was edited since a checkpoint, and where the position of the checkpoint is in it now.

Statements that have not run may change, and so may the body of a loop that is under way: what is left of its iteration
is found again by the statement under way. Imports and definitions may be added, definitions may change their order, and
statements without an effect, such as docstrings, do not count. `Changed` is raised for any other change of what has run,
unless it is accepted.
"""

DEFINITIONS = (FunctionDef, AsyncFunctionDef, ClassDef)
# Decorators whose functions `refresh` finds.
PLAIN_DECORATORS = ("staticmethod", "classmethod", "property")
# Of the dict of a class, what belongs to the class object itself.
OF_CLASS = ("__dict__", "__weakref__", "__module__", "__doc__", "__qualname__", "__firstlineno__", "__static_attributes__")


class Changed(Exception):
    """The line and the text of a statement before and after, with the line 0 where it is missing; and the definition that
    it is in, such as `class T` or `T.step()`."""


# --- which statements stand for which


def text_of(node):
    """What a tree is compared by."""
    if isinstance(node, AST):
        parts = tuple(text_of(getattr(node, name, None)) for name in node._fields if name != "type_comment")
        return (type(node).__name__,) + parts
    return tuple(map(text_of, node)) if isinstance(node, list) else repr(node)


def key_of(stmt):
    """What a statement is known by, although its body may have changed."""
    if isinstance(stmt, DEFINITIONS):
        return stmt.name
    if isinstance(stmt, (For, While, If, With)):
        return header_of(stmt)
    return text_of(stmt)


def header_of(stmt):
    return (type(stmt).__name__,) + tuple(
        text_of(getattr(stmt, name, None)) for name in stmt._fields if name not in BLOCKS + ("type_comment",))


def is_nothing(stmt):
    """Whether a statement has no effect: a docstring, for example."""
    return isinstance(stmt, Pass) or isinstance(stmt, Expr) and isinstance(stmt.value, Constant)


def is_variant(old, new):
    """Whether a statement does another time what one has done: it assigns to the same names, or calls the same function."""
    if type(old) is not type(new) or is_nothing(old):
        return False
    if isinstance(old, DEFINITIONS):
        return old.name == new.name
    if isinstance(old, Assign):
        return text_of(old.targets) == text_of(new.targets)
    if isinstance(old, (AugAssign, AnnAssign)):
        return text_of(old.target) == text_of(new.target)
    if isinstance(old, Expr) and isinstance(old.value, Call) and isinstance(new.value, Call):
        return text_of(old.value.func) == text_of(new.value.func)
    return True


def pairs_of(before, after):
    """The numbers of the statements of a block, each with that of the edited block that stands for it: the longest
    sequence that both have."""
    old, new = list(map(key_of, before)), list(map(key_of, after))
    start, end, least = 0, 0, min(len(old), len(new))
    while start < least and old[start] == new[start]:
        start += 1
    while end < least - start and old[-1 - end] == new[-1 - end]:
        end += 1
    pairs = {number: number for number in range(start)}
    pairs.update((len(old) - 1 - number, len(new) - 1 - number) for number in range(end))
    first, second = old[start:len(old) - end], new[start:len(new) - end]
    lengths = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in reversed(range(len(first))):
        for j in reversed(range(len(second))):
            longest = max(lengths[i + 1][j], lengths[i][j + 1])
            lengths[i][j] = 1 + lengths[i + 1][j + 1] if first[i] == second[j] else longest
    i = j = 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            pairs[start + i] = start + j
            i, j = i + 1, j + 1
        elif lengths[i + 1][j] >= lengths[i][j + 1]:
            i += 1
        else:
            j += 1
    return pairs


class Blocks:
    """A block of a script, and the same block of the edited one."""

    def __init__(self, before, after):
        self.before, self.after, self.pairs = before, after, pairs_of(before, after)
        # The statements that only one of them has.
        self.added = [j for j in range(len(after)) if j not in self.pairs.values() and not is_nothing(after[j])]

    def end_of(self, number):
        """Where the edited block goes on if this many statements have run: after those that stand for them. A statement
        that does something else than the one in its place has not run."""
        end = max([j for i, j in self.pairs.items() if i < number], default=-1) + 1
        last = max([i for i in self.pairs if i < number], default=-1)
        kept = self.start_of_kept(number)
        for i in range(last + 1, number):
            places = range(end, kept) if self.moved(i) is None else ()
            end = next((j + 1 for j in places if is_variant(self.before[i], self.after[j])), end)
        return end

    def start_of_kept(self, number):
        """The first statement of the edited block that stands for one of those from a number on."""
        return min([j for i, j in self.pairs.items() if i >= number], default=len(self.after))

    def moved(self, number):
        """Where a definition is now that has moved past other statements."""
        stmt = self.before[number]
        found = [j for j in self.added if isinstance(stmt, DEFINITIONS) and type(self.after[j]) is type(stmt)
                 and self.after[j].name == stmt.name]
        return found[0] if found else None

    def replacement(self, number):
        """The added statement in the place of one that is not there any more."""
        last = max([i for i in self.pairs if i < number], default=-1)
        gone = [i for i in range(last + 1, number) if self.moved(i) is None and not is_nothing(self.before[i])]
        start = self.pairs.get(last, -1) + 1
        place = [j for j in self.added if start <= j < self.start_of_kept(number)]
        return place[len(gone)] if len(gone) < len(place) else None

    def changes(self, number, end):
        """The first statements of the old block, each with what stands for it now or None; and None with each statement
        that was added in front of `end`."""
        found, taken = [], set()
        for i in range(number):
            if is_nothing(self.before[i]):
                continue
            j = self.pairs.get(i)
            j = self.moved(i) if j is None else j
            j = self.replacement(i) if j is None else j
            taken.add(j)
            found.append((self.before[i], None if j is None or j >= end else self.after[j]))
        found += [(None, self.after[j]) for j in self.added if j < end and j not in taken]
        return sorted(found, key=lambda pair: (pair[1] or pair[0]).lineno)


# --- the first change of what has run


class Comparison:
    """Two versions of a script. The bodies of functions that are under way may differ."""

    def __init__(self, old, new, active=()):
        self.old, self.new, self.active = old, new, active
        self.names = {id(root.node): name for program in (old, new) for name, root in program.roots.items()}

    def difference(self, old, new, inside=""):
        """The first part of a statement that has changed, before and after, and the definition that it is in; or None."""
        is_block = isinstance(old, DEFINITIONS + (For, While, If, With))
        if type(old) is not type(new) or not is_block:
            return None if same(old, new) else (old, new, inside)
        if isinstance(old, DEFINITIONS) and old.name == new.name:
            inside = inner_name(inside, old)
            if not same_head(old, new):
                return self.difference_of_heads(old, new, inside)
            if self.names.get(id(old)) in self.active:
                return None
        elif isinstance(old, DEFINITIONS) or header_of(old) != header_of(new):
            return old, new, inside
        for field in BLOCKS:
            found = self.difference_of_blocks(getattr(old, field, []), getattr(new, field, []), inside)
            if found is not None:
                return found
        return None

    def difference_of_heads(self, old, new, inside):
        first, second = old.decorator_list, new.decorator_list
        for number in range(max(len(first), len(second))):
            pair = [part[number] if number < len(part) else None for part in (first, second)]
            if None in pair or not same(*pair):
                return (*pair, inside)
        return old, new, inside

    def difference_of_blocks(self, before, after, inside):
        if len(before) == len(after) and all(map(same, before, after)):
            return None
        for old, new in Blocks(before, after).changes(len(before), len(after)):
            if old is None or new is None:
                return old, new, inside
            found = self.difference(old, new, inside)
            if found is not None:
                return found
        return None

    def changed(self, old, new, inside=""):
        """The exception for a change."""
        first, second = lines_of(self.old, old), lines_of(self.new, new)
        if first and second:
            number = 0
            while number < min(len(first), len(second)) - 1 and first[number][1] == second[number][1]:
                number += 1
            first, second = first[number:], second[number:]
        one, two = [lines[0] if lines else (0, "") for lines in (first, second)]
        return Changed(*one, *two, inside)

    def shares_variables(self, old, new):
        """Whether the code of one function can take the place of that of the other one."""
        codes = [program.roots[self.names[id(node)]].plain if id(node) in self.names else None
                 for program, node in ((self.old, old), (self.new, new))]
        return None not in codes and codes[0].co_freevars == codes[1].co_freevars


def inner_name(inside, node):
    """What a definition is called that is in another one: `class T`, `T.step()`."""
    name = inside.removeprefix("class ").removesuffix("()")
    name = f"{name}.{node.name}" if name else node.name
    return f"class {name}" if isinstance(node, ClassDef) else f"{name}()"


def lines_of(program, node):
    """The lines of a statement, each with its text. Of one with a body, those of its head."""
    if node is None:
        return []
    body = getattr(node, "body", None)
    end = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno
    return [(number, line_of(program, number)) for number in range(node.lineno, max(end, node.lineno) + 1)]


def line_of(program, number):
    return program.lines[number - 1].strip() if 0 < number <= len(program.lines) else ""


def same_head(old, new):
    """Whether two definitions are the same but for their bodies."""
    if type(old) is not type(new):
        return False
    names = [name for name in old._fields if name not in ("body", "type_comment")]
    return all(same(getattr(old, name, None), getattr(new, name, None)) for name in names)


def same_parameters(old, new):
    names = [[part.arg for part in args.posonlyargs + args.args + args.kwonlyargs + [args.vararg, args.kwarg] if part]
             for args in (old.args, new.args)]
    return names[0] == names[1]


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
    comparison = Comparison(old, new)
    found = comparison.difference_of_blocks(old.tree.body, new.tree.body, "")
    if found is not None:
        raise comparison.changed(*found)


# --- the position in the edited script


def relocate(old, new, frames, accepts):
    """The position in the new script, its lines, and what has to run now because it was added: the line, the code, and
    the class that it belongs to or None."""
    comparison = Comparison(old, new, {name for name, path, kind in frames if name})
    added, moved = [], []
    for name, path, kind in frames:
        before, after = old.roots[name].node, new.roots.get(name)
        if after is None:
            raise comparison.changed(before, None)
        after = after.node
        if name and not same_head(before, after) and not (accepts and same_parameters(before, after)):
            raise comparison.changed(*comparison.difference_of_heads(before, after, inner_name("", before)))
        search = Search(comparison, accepts, kind)
        moved.append((name, search.locate(before.body, after.body, path, 0, False), kind))
        if not name:
            added = sorted(search.added, key=lambda item: item[0].lineno)
        elif search.added and not accepts:
            raise comparison.changed(None, search.added[0][0])
    lines = [line_at(new.roots[name].node, path) for name, path, kind in moved]
    return moved, lines, [(stmt.lineno, compiled(new, [stmt]), owner) for stmt, owner in added]


def line_at(node, path):
    """The line of a position; the last one of a block if it is at the end of that."""
    for field, number in path:
        block = getattr(node, field)
        if number >= len(block):
            return (block[-1] if block else node).end_lineno
        node = block[number]
    return node.lineno


class Search:
    def __init__(self, comparison, accepts, kind):
        self.comparison, self.accepts, self.kind = comparison, accepts, kind
        # Statements that were added, each with the class that it belongs to or None.
        self.added = []

    def locate(self, before, after, path, level, in_loop):
        """The path in the new script to what a path leads to in the old one, from a block on."""
        field, number = path[level]
        is_next = level == len(path) - 1 and self.kind == "before"
        if in_loop and is_next and number == 0:
            # An iteration that begins.
            return ((field, 0),)
        blocks = Blocks(before, after)
        here = end = blocks.end_of(number)
        if not is_next:
            here = self.under_way(blocks, number, end)
        if not in_loop:
            self.check(blocks, number, end if here is None else here)
        if is_next:
            return ((field, here),)
        stmt = before[number] if number < len(before) else None
        if here is None:
            now = blocks.replacement(number)
            raise self.comparison.changed(stmt, None if now is None else after[now])
        inner = path[level + 1:]
        if not inner:
            return ((field, here),)
        name = inner[0][0]
        is_body = isinstance(stmt, (For, While)) and name == "body"
        rest = self.locate(getattr(stmt, name), getattr(after[here], name), path, level + 1, in_loop or is_body)
        return ((field, here),) + rest

    def under_way(self, blocks, number, end):
        """The statement of the new block that stands for the one under way; None if there is none."""
        stmt = blocks.before[number] if number < len(blocks.before) else None
        kept = blocks.pairs.get(number)
        places = [kept] if kept is not None else range(end, blocks.start_of_kept(number))
        return next((place for place in places if same_start(stmt, blocks.after[place])), None)

    def check(self, blocks, number, end):
        """Checks what has run in a block, and notes what was added to it."""
        known = [getattr(stmt, "name", None) for stmt in blocks.before[:number]]
        for old, new in blocks.changes(number, end):
            is_import = isinstance(new, (Import, ImportFrom))
            if old is None and (is_import or isinstance(new, DEFINITIONS) and new.name not in known):
                self.added.append((new, None))
                continue
            found = self.comparison.difference(old, new) if None not in (old, new) else (old, new, "")
            if found is not None and not self.accepts:
                raise self.comparison.changed(*found)
            if found is not None and (is_import or isinstance(new, DEFINITIONS)):
                self.accept(old, new)

    def accept(self, old, new):
        """Notes what has to run for a definition that has changed. New code of functions takes the place of the old
        one, and what was added to a class is added to the class of its objects."""
        if old is None or type(old) is not type(new) or not isinstance(new, DEFINITIONS) or not same_head(old, new):
            self.added.append((new, None))
        elif self.is_refreshed(old, new):
            return
        elif isinstance(new, ClassDef) and not new.decorator_list:
            pairs = Blocks(old.body, new.body).changes(len(old.body), len(new.body))
            body = [after for before, after in pairs if after is not None and not self.is_kept(before, after)]
            if body:
                made = ClassDef(name=new.name, bases=[], keywords=[], body=body, decorator_list=[])
                if hasattr(new, "type_params"):
                    made.type_params = []
                self.added.append((at(made, new), new.name))
        else:
            self.added.append((new, None))

    def is_kept(self, before, after):
        return before is not None and (self.comparison.difference(before, after) is None or
                                       self.is_refreshed(before, after))

    def is_refreshed(self, old, new):
        """Whether a function takes the new code as it is."""
        is_plain = isinstance(new, FunctionDef) and all(
            isinstance(decorator, Name) and decorator.id in PLAIN_DECORATORS for decorator in new.decorator_list)
        return is_plain and same_head(old, new) and self.comparison.shares_variables(old, new)


# --- the session, with the new code


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
        elif type(value) is not FunctionType:
            waiting += bare_functions(value)
        else:
            waiting += [cell.cell_contents for cell in value.__closure__ or () if has_value(cell)]
            root = old.root_of_code(value.__code__)
            now = new.roots.get(root.name) if root is not None else None
            if now is not None and now.plain is not None and now.plain.co_freevars == value.__code__.co_freevars:
                value.__code__ = now.plain


def bare_functions(value):
    """The functions that a method object or a property has."""
    if isinstance(value, (staticmethod, classmethod)):
        return [value.__func__]
    return [value.fget, value.fset, value.fdel] if isinstance(value, property) else []


def run_added(namespace, code, owner):
    """Runs a statement that was added. One of a class adds to the class that is there."""
    old = namespace.get(owner)
    exec(code, namespace)
    if not isinstance(old, type):
        return
    made, namespace[owner] = namespace[owner], old
    for name, value in list(vars(made).items()):
        if name in OF_CLASS:
            continue
        for function in bare_functions(value) or [value]:
            for cell in getattr(function, "__closure__", None) or ():
                if has_value(cell) and cell.cell_contents is made:
                    cell.cell_contents = old
        setattr(old, name, value)


def moved(saved, frames):
    """The saved state, with the position in the new script."""
    for state, (name, path, kind) in zip(saved, frames):
        state["loops"] = [(path[:len(where)], loop) for where, loop in state["loops"]]
        state["path"] = path
    return saved
