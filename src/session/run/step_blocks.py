"""Two versions of a block of a script: which statements stand for which, and which ones have changed."""

DEFINITIONS = (FunctionDef, AsyncFunctionDef, ClassDef)


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


def variant_of(stmt):
    """What a statement has in common with one that does another time what it has done: it assigns to the same names, or
    calls the same function."""
    part = None
    if isinstance(stmt, DEFINITIONS):
        part = stmt.name
    elif isinstance(stmt, Assign):
        part = text_of(stmt.targets)
    elif isinstance(stmt, (AugAssign, AnnAssign)):
        part = text_of(stmt.target)
    elif isinstance(stmt, Expr) and isinstance(stmt.value, Call):
        part = text_of(stmt.value.func)
    return type(stmt).__name__, part


def pairs_of(before, after, key=None):
    """The numbers of the statements of a block, each with that of the edited block that stands for it: the longest
    sequence that both have."""
    old, new = list(map(key or key_of, before)), list(map(key or key_of, after))
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


def gaps_between(pairs, before, after):
    """The statements between those that stand for each other: their numbers in both blocks."""
    first, second = 0, 0
    for i, j in sorted(pairs.items()) + [(len(before), len(after))]:
        yield range(first, i), range(second, j)
        first, second = i + 1, j + 1


class Blocks:
    """A block of a script, and the same block of the edited one."""

    def __init__(self, before, after):
        self.before, self.after, self.pairs = before, after, pairs_of(before, after)
        # The statements that only one of them has.
        self.added = [j for j in range(len(after)) if j not in self.pairs.values() and not is_nothing(after[j])]
        self.replaced = dict(self.replacements())

    def end_of(self, number):
        """Where the edited block goes on if this many statements have run: after those that stand for them. A statement
        that does something else than the one in its place has not run."""
        end = max([j for i, j in self.pairs.items() if i < number], default=-1) + 1
        last = max([i for i in self.pairs if i < number], default=-1)
        kept = self.start_of_kept(number)
        for i in range(last + 1, number):
            places = range(end, kept) if self.moved(i) is None else ()
            end = next((j + 1 for j in places if variant_of(self.before[i]) == variant_of(self.after[j])), end)
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

    def replacements(self):
        """The statements that are not there any more, each with the added one in its place: the same kind of statement if
        there is one, or else the next one."""
        moved = {i: self.moved(i) for i in range(len(self.before)) if i not in self.pairs}
        for old, new in gaps_between(self.pairs, self.before, self.after):
            gone = [i for i in old if moved[i] is None and not is_nothing(self.before[i])]
            place = [j for j in new if j in self.added and j not in moved.values()]
            variants = pairs_of([self.before[i] for i in gone], [self.after[j] for j in place], variant_of)
            yield from ((gone[i], place[j]) for i, j in variants.items())
            for first, second in gaps_between(variants, gone, place):
                yield from ((gone[i], place[j]) for i, j in zip(first, second))

    def changes(self, number, end):
        """The first statements of the old block, each with what stands for it now or None; and None with each statement
        that was added in front of `end`."""
        found, taken = [], set()
        for i in range(number):
            if is_nothing(self.before[i]):
                continue
            j = self.pairs.get(i)
            j = self.moved(i) if j is None else j
            j = self.replaced.get(i) if j is None else j
            taken.add(j)
            found.append((self.before[i], None if j is None or j >= end else self.after[j]))
        found += [(None, self.after[j]) for j in self.added if j < end and j not in taken]
        return sorted(found, key=lambda pair: (pair[1] or pair[0]).lineno)


