"""What has changed between two versions of a script, and how it is shown."""

# Statements whose blocks are compared statement by statement.
WITH_BLOCKS = DEFINITIONS + (For, While, If, With)


class Changed(Exception):
    """Changes that a run does not resume with unless they are accepted: each is a dict, see `Comparison.described`. And
    why the first one leaves no place to resume at, or None."""


class Comparison:
    """Two versions of a script. The bodies of functions that are under way may differ."""

    def __init__(self, old, new, active=()):
        self.old, self.new, self.active = old, new, active
        self.names = {id(root.node): name for program in (old, new) for name, root in program.roots.items()}

    def differences(self, old, new, inside=""):
        """The parts of a statement that have changed, each before and after, with the definition that it is in."""
        if type(old) is not type(new) or not isinstance(old, WITH_BLOCKS):
            return [] if same(old, new) else [(old, new, inside)]
        found = []
        if isinstance(old, DEFINITIONS):
            if old.name != new.name:
                return [(old, new, inside)]
            inside = inner_name(inside, old)
            if not same_head(old, new):
                found += self.differences_of_heads(old, new, inside)
            if self.names.get(id(old)) in self.active:
                return found
        elif header_of(old) != header_of(new):
            found.append((old, new, inside))
        for field in BLOCKS:
            found += self.differences_of_blocks(getattr(old, field, []), getattr(new, field, []), inside)
        return found

    def differences_of_heads(self, old, new, inside):
        first, second = old.decorator_list, new.decorator_list
        found = []
        for number in range(max(len(first), len(second))):
            pair = [part[number] if number < len(part) else None for part in (first, second)]
            if None in pair or not same(*pair):
                found.append((*pair, inside))
        is_same = same_head(old, new, ("decorator_list",))
        return found if is_same else found + [(old, new, inside)]

    def differences_of_blocks(self, before, after, inside):
        if len(before) == len(after) and all(map(same, before, after)):
            return []
        found = []
        for old, new in Blocks(before, after).changes(len(before), len(after)):
            if old is None or new is None:
                found.append((old, new, inside))
            else:
                found += self.differences(old, new, inside)
        return found

    def described(self, old, new, inside="", how=""):
        """A change as it is shown: what it is (`added`, `removed` or `changed`), the line and the text before and after,
        the definition that it is in, such as `class T` or `T.step()`, and what it is of a statement under way: `loop`,
        `branch`, `call`, or `lost` if the run cannot resume there."""
        kind = "added" if old is None else "removed" if new is None else "changed"
        before, after = lines_of(self.old, old), lines_of(self.new, new)
        if kind == "changed":
            before, after = differing_lines(before, after)
        before, after = [lines[0] if lines else (0, "") for lines in (before, after)]
        return {"kind": kind, "before": before, "after": after, "inside": inside, "how": how}

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
    """The lines of a statement, each with its text. Of one whose blocks are compared by themselves, those of its head."""
    if node is None:
        return []
    end = node.body[0].lineno - 1 if isinstance(node, WITH_BLOCKS) else node.end_lineno
    return [(number, line_of(program, number)) for number in range(node.lineno, max(end, node.lineno) + 1)]


def line_of(program, number):
    return program.lines[number - 1].strip() if 0 < number <= len(program.lines) else ""


def differing_lines(before, after):
    """The lines of a statement without those that it begins and ends with in both versions. Where only one version has
    more lines, the other one has the next line, without a text."""
    least = min(len(before), len(after))
    start, end = 0, 0
    while start < least and before[start][1] == after[start][1]:
        start += 1
    while end < least - start and before[-1 - end][1] == after[-1 - end][1]:
        end += 1
    found = []
    for lines in (before, after):
        part = lines[start:len(lines) - end]
        found.append(part or [(lines[min(start, len(lines) - 1)][0], "")])
    # Strings of several lines may differ in spaces that are not shown.
    return found if found[0][0][1] or found[1][0][1] else (before, after)


def same_head(old, new, without=()):
    """Whether two definitions are the same but for their bodies."""
    if type(old) is not type(new):
        return False
    names = [name for name in old._fields if name not in ("body", "type_comment") + without]
    return all(same(getattr(old, name, None), getattr(new, name, None)) for name in names)


def same_parameters(old, new):
    names = [[part.arg for part in args.posonlyargs + args.args + args.kwonlyargs + [args.vararg, args.kwarg] if part]
             for args in (old.args, new.args)]
    return names[0] == names[1]


def check_unchanged(old, new):
    """Raises `Changed` if a script that has finished is another one now."""
    comparison = Comparison(old, new)
    found = comparison.differences_of_blocks(old.tree.body, new.tree.body, "")
    if found:
        raise Changed([comparison.described(*change) for change in found], None)
