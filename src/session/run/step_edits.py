"""How a script was edited since a checkpoint, and where the position of the checkpoint is in it now.

Statements that have not run may change, and so may the body of a loop that is under way: what is left of its iteration
is found again by the statement under way. Imports, definitions and constants may be added, definitions may change their
order, and statements without an effect, such as docstrings, do not count. `Changed` is raised for other changes of what
has run, unless they are accepted.
"""

# A function with one of these flags is a generator or a coroutine.
GENERATOR_FLAGS = 0x20 | 0x80 | 0x100 | 0x200
# Decorators whose functions `refresh` finds.
PLAIN_DECORATORS = ("staticmethod", "classmethod", "property")
# Decorators, and the ends of names of bases, that make parts of a class from all of its body.
GENERATING = ("dataclass", "dataclasses.dataclass", "total_ordering", "functools.total_ordering")
GENERATING_BASES = ("Enum", "Flag", "NamedTuple", "TypedDict")

NOT_FOUND = "--accept-changes cannot find the place where the run would resume in this script"


class NoPlace(Exception):
    """The statement under way before and after, if the run cannot resume there, and why."""


def relocate(old, new, frames, accepts):
    """The position in the new script, its lines, and what has to run now because it was added: the line, the code, and
    what `run_added` has to know."""
    search = Search(Comparison(old, new, {name for name, path, kind in frames if name}))
    try:
        moved = [search.place_in(depth, *frame) for depth, frame in enumerate(frames)]
    except NoPlace as error:
        old, new, why = error.args
        lost = search.comparison.described(old, new, how="lost")
        raise Changed(without_repeats([lost] + search.shown()), why) from None
    if search.changes and not accepts:
        raise Changed(without_repeats(search.shown()), None)
    lines = [line_at(new.roots[name].node, path) for name, path, kind in moved]
    added = sorted(search.added, key=lambda item: item[0].lineno)
    return moved, lines, [(stmt.lineno, compiled(new, [stmt]), target) for stmt, target in added]


def without_repeats(changes):
    """The changes, each once: a function may be under way, and defined where the script has been."""
    found = {}
    for change in changes:
        found.setdefault((change["before"], change["after"]), change)
    return list(found.values())


def line_at(node, path):
    """The line of a position; the last one of a block if it is at the end of that."""
    for field, number in path:
        block = getattr(node, field)
        if number >= len(block):
            return (block[-1] if block else node).end_lineno
        node = block[number]
    return node.lineno


class Search:
    """Finds positions in the new script."""

    def __init__(self, comparison):
        self.comparison = comparison
        # Changes of what has run: the arguments of `Comparison.described`.
        self.changes = []
        # Statements that were added, each with what `run_added` has to know.
        self.added = []

    def shown(self):
        found = [self.comparison.described(*change) for change in self.changes]
        return sorted(found, key=lambda change: change["after"][0] or change["before"][0])

    def place_in(self, depth, name, path, kind):
        """The position in the script or in one of its functions. `depth` is the number of calls around it."""
        self.depth, self.kind = depth, kind
        self.roots = [program.roots.get(name) for program in (self.comparison.old, self.comparison.new)]
        before, after = [root and root.node for root in self.roots]
        if after is None:
            raise NoPlace(before, None, NOT_FOUND)
        if name:
            self.check_function(before, after)
        return name, self.locate(before.body, after.body, path, 0, False), kind

    def check_function(self, before, after):
        """Checks that a call of the function can go on with the new code."""
        old, new = [root.plain for root in self.roots]
        name, why = inner_name("", before), None
        if not same_parameters(before, after):
            why = f"the run is within {name}, which has other parameters now"
        elif new is None or new.co_flags & GENERATOR_FLAGS:
            why = f"the run is within {name}, which is a generator now"
        elif added := sorted(set(new.co_freevars) - set(old.co_freevars)):
            why = f"the run is within {name}, which now uses {added[0]} of the function around it"
        if why is not None:
            raise NoPlace(before, after, why)
        if not same_head(before, after):
            self.changes += self.comparison.differences_of_heads(before, after, name)

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
            here = self.under_way(blocks, path, level, end)
        if not in_loop:
            self.check(blocks, number, end if here is None else here)
        if is_next:
            return ((field, here),)
        stmt = before[number] if number < len(before) else None
        if here is None:
            now = blocks.replaced.get(number)
            raise NoPlace(stmt, None if now is None else after[now], NOT_FOUND)
        if not self.is_same_start(stmt, after[here]):
            how = {For: "loop", If: "branch"}.get(type(stmt), "call")
            self.changes.append((stmt, after[here], "", how))
        inner = path[level + 1:]
        if not inner:
            return ((field, here),)
        name = inner[0][0]
        is_body = isinstance(stmt, (For, While)) and name == "body"
        rest = self.locate(getattr(stmt, name), getattr(after[here], name), path, level + 1, in_loop or is_body)
        return ((field, here),) + rest

    def under_way(self, blocks, path, level, end):
        """The statement of the new block that stands for the one under way; None if there is none. It is the one that
        begins in the same way, or else the one that is most like it of those that can go on with what has begun."""
        number = path[level][1]
        if number >= len(blocks.before):
            return None
        stmt, kept = blocks.before[number], blocks.pairs.get(number)
        places = [kept] if kept is not None else range(end, blocks.start_of_kept(number))
        for place in places:
            if self.is_same_start(stmt, blocks.after[place]):
                return place
        places = [place for place in places if self.may_continue(stmt, blocks.after[place])]
        inner = path[level + 1][0] if level + 1 < len(path) else "body"

        def likeness(place):
            return len(pairs_of(getattr(stmt, inner, []), getattr(blocks.after[place], inner, [])))

        return max(places, key=likeness, default=None)

    def is_same_start(self, old, new):
        """Whether a statement goes on as the other one would."""
        if type(old) is not type(new):
            return False
        if isinstance(old, For):
            return same(old.target, new.target) and same(old.iter, new.iter)
        if isinstance(old, While):
            return True
        return same(old.test, new.test) if isinstance(old, If) else same(old, new)

    def may_continue(self, old, new):
        """Whether a statement can go on with what the other one has begun: the items, the branch, or the call."""
        if type(old) is not type(new):
            return False
        if isinstance(old, For):
            return same(old.target, new.target)
        if isinstance(old, If):
            return True
        calls = [root and program.call_in(stmt, root) for program, stmt, root in
                 zip((self.comparison.old, self.comparison.new), (old, new), self.roots)]
        return None not in calls and same(calls[0].func, calls[1].func)

    def check(self, blocks, number, end):
        """Checks what has run in a block, and notes what was added to it."""
        known = [getattr(stmt, "name", None) for stmt in blocks.before[:number]]
        for old, new in blocks.changes(number, end):
            if old is None and self.may_be_added(new, known):
                self.added.append((new, (self.depth, None, None)))
                continue
            found = self.comparison.differences(old, new) if None not in (old, new) else [(old, new)]
            self.changes += found
            if found and not self.depth and isinstance(new, (Import, ImportFrom) + DEFINITIONS):
                self.accept(old, new)

    def may_be_added(self, stmt, known):
        """Whether a statement does the same if it runs now as if it had run in its place."""
        if isinstance(stmt, DEFINITIONS):
            return not self.depth and stmt.name not in known
        if not isinstance(stmt, (Import, ImportFrom)) and not self.is_new_constant(stmt):
            return False
        code = self.roots[1].plain
        return not self.depth or all(name in code.co_varnames + code.co_cellvars for name in bound_names([stmt]))

    def is_new_constant(self, stmt):
        """Whether a statement gives constants to variables that the script did not have."""
        if not isinstance(stmt, (Assign, AnnAssign)) or not is_constant(stmt.value):
            return False
        targets = stmt.targets if isinstance(stmt, Assign) else [stmt.target]
        return all(isinstance(target, Name) and not has_name(self.roots[0].node, target.id) for target in targets)

    def accept(self, old, new):
        """Notes what has to run for a definition that has changed. New code of functions takes the place of the old
        one, and what was added to a class is added to the class of its objects."""
        if type(old) is not type(new) or not isinstance(new, DEFINITIONS):
            self.added.append((new, (0, None, None)))
        elif isinstance(new, ClassDef):
            self.accept_class(old, new)
        elif not self.is_refreshed(old, new):
            self.added.append((new, (0, None, None)))

    def accept_class(self, old, new):
        pairs = Blocks(old.body, new.body).changes(len(old.body), len(new.body))
        changed = [after for before, after in pairs if not self.is_kept(before, after)]
        is_head = not same_head(old, new, ("decorator_list",))
        if is_head or changed and is_generated(new):
            kept = [after for before, after in pairs if self.is_kept(before, after)]
            self.added.append((new, (0, new.name, bound_names(kept))))
            return
        body = [after for after in changed if after is not None]
        if body:
            made = ClassDef(name=new.name, bases=[], keywords=[], body=body, decorator_list=[])
            if hasattr(new, "type_params"):
                made.type_params = []
            self.added.append((at(made, new), (0, new.name, None)))

    def is_kept(self, before, after):
        """Whether a part of a class is the same as before, or will be by `refresh`."""
        if before is None or after is None:
            return False
        if isinstance(before, ClassDef) and isinstance(after, ClassDef) and same_head(before, after):
            pairs = Blocks(before.body, after.body).changes(len(before.body), len(after.body))
            return all(self.is_kept(*pair) for pair in pairs)
        return not self.comparison.differences(before, after) or self.is_refreshed(before, after)

    def is_refreshed(self, old, new):
        """Whether a function takes the new code as it is."""
        is_plain = isinstance(new, FunctionDef) and all(
            isinstance(decorator, Name) and decorator.id in PLAIN_DECORATORS for decorator in new.decorator_list)
        return is_plain and same_head(old, new) and self.comparison.shares_variables(old, new)


def is_generated(node):
    """Whether parts of a class are made from all of its body."""
    decorators = [part.func if isinstance(part, Call) else part for part in node.decorator_list]
    return any(chain_text(part) in GENERATING for part in decorators) or any(
        (chain_text(base) or "").endswith(GENERATING_BASES) for base in node.bases)


def is_constant(node):
    """Whether an expression consists of constants."""
    if isinstance(node, Constant):
        return True
    # Their other fields say whether they are read, and which operator it is.
    parts = [part for part in fields(node) if isinstance(part, expr)]
    return type(node).__name__ in ("Tuple", "List", "Set", "Dict", "UnaryOp", "BinOp") and all(map(is_constant, parts))


def has_name(tree, name):
    """Whether code has a name anywhere."""
    values = [value for node in every_node([tree]) for value in vars(node).values()]
    return any(value == name or type(value) is list and name in value for value in values if type(value) in (str, list))


def bound_names(stmts):
    """The names that statements bind."""
    found = set()
    for stmt in stmts:
        found.update(stored_names(stmt))
        if isinstance(stmt, DEFINITIONS):
            found.add(stmt.name)
        elif isinstance(stmt, (Import, ImportFrom)):
            found.update(aliases_of(stmt))
    return found
