"""Objects that cannot be saved, and that their statement makes again: their attributes are saved where that is possible,
and put back. So `trainer = Trainer()` with a connection in it loses nothing but the connection."""

# The settings of a connection that come back.
PRAGMAS = ("foreign_keys", "recursive_triggers", "synchronous", "cache_size", "temp_store", "busy_timeout",
           "defer_foreign_keys", "read_uncommitted", "query_only", "secure_delete")
PART = "__snapcli_run__0_made{}_{}"
SimpleNamespace = type(sys.implementation)
# Statements with these methods set up an object. They do not run again.
SETUP = ("set", "create_", "enable_", "register", "add_", "bind", "connect", "listen", "login", "load_", "subscribe")


def is_own_class(kind):
    """Whether a class is one of the script or of its own modules."""
    if kind.__module__ == "__main__":
        return True
    return is_own_source(getattr(sys.modules.get(kind.__module__), "__file__", None))


def is_own_source(path):
    """Whether a file is a module of the script, not of Python or of an installed package."""
    if not isinstance(path, str) or "/site-packages/" in path or "/dist-packages/" in path:
        return False
    library = getattr(sys.modules.get("os"), "__file__", "").rpartition("/")[0]
    return not (library and path.startswith(library + "/"))


def has_own_attributes(kind):
    """Whether the attributes of an object are saved by themselves: those of classes of the script, and namespaces."""
    return is_own_class(kind) or kind is SimpleNamespace or kind is getattr(sys.modules.get("argparse"), "Namespace", 0)


def attributes_in_slots(kind):
    found = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ()) if is_own_class(base) else ()
        found += [slots] if isinstance(slots, str) else [slot for slot in slots if slot not in ("__dict__", "__weakref__")]
    return found


def kept_attributes(program, name, value):
    """The attributes of an object that are saved by themselves, and how they are put back. Of a class of the script, all
    are saved; of another class, those that the script has set by way of this variable."""
    kind, own, slots = type(value), {}, []
    if has_own_attributes(kind):
        own, slots = plain_attributes(value), attributes_in_slots(kind)
    found = {attribute: item for attribute, item in own.items() if item is not value}
    others = [attribute for attribute in attributes_set_on(program.tree, name) if attribute not in own]
    for attribute in slots + others:
        try:
            item = getattr(value, attribute)
        except Exception:
            continue
        if item is not value:
            found[attribute] = item
    itself = [attribute for attribute in own if attribute not in found]
    ended = {attribute: end for attribute, item in found.items() if (end := end_of(item)) is not None}
    return found, (list(own), itself, has_own_attributes(kind), pragmas(value), ended)


def pragmas(value):
    """The settings of a connection to a database by `pragma`, as it has them now."""
    found = {}
    if isinstance(value, getattr(sys.modules.get("sqlite3"), "Connection", ())) and not has_callback(value):
        try:
            cursor = value.cursor()
            cursor.row_factory = None
            for name in PRAGMAS:
                row = cursor.execute(f"pragma {name}").fetchone()
                if row is not None and type(row[0]) is int:
                    found[name] = row[0]
        except Exception:
            # It is closed, or belongs to another thread.
            return {}
    return found


def restore_pragmas(value, saved):
    for name, number in saved.items():
        if pragmas(value).get(name, number) != number:
            value.execute(f"pragma {name} = {number}")


def attributes_set_on(node, name):
    """The attributes in `name.attribute = value`."""
    found = []
    if isinstance(node, Attribute) and isinstance(node.ctx, Store) and isinstance(node.value, Name) and node.value.id == name:
        found.append(node.attr)
    for child in fields(node):
        found += [attribute for attribute in attributes_set_on(child, name) if attribute not in found]
    return found


def empty_cells(frame, values):
    """Empties the cells of a function under way. What was in them is with its local variables then."""
    found = []
    for name, cell in frame["cells"].items():
        if has_value(cell):
            found.append((name, cell, cell.cell_contents))
            values[name] = cell.cell_contents
            del cell.cell_contents
    return found


def fill_cells(frames):
    """Moves what belongs in cells from the local variables there."""
    for frame in frames:
        for name, cell in frame.get("cells", {}).items():
            if name in frame["locals"]:
                cell.cell_contents = frame["locals"].pop(name)


def put_back(namespace, frames, made, depth, name):
    """Gives an object that was made again the attributes that were saved."""
    for number, owner_depth, owner, names, (own_names, itself, is_whole, *more) in made:
        if (owner_depth, owner) != (depth, name):
            continue
        value = (frames[depth]["locals"] if depth else namespace)[name]
        restore_pragmas(value, more[0] if more else {})
        saved = {attribute: namespace.pop(PART.format(number, attribute), Missing) for attribute in names}
        saved.update((attribute, value) for attribute in itself)
        for attribute, end in more[1].items() if more[1:] else ():
            if saved.get(attribute) is Missing:
                saved[attribute] = another_ended(end)
        own = plain_attributes(value)
        for attribute in [attribute for attribute in own if is_whole and attribute not in own_names]:
            del own[attribute]
        for attribute, item in saved.items():
            if item is Missing:
                continue
            if attribute in own_names:
                own[attribute] = item
            elif attribute in attributes_in_slots(type(value)):
                object.__setattr__(value, attribute, item)
            else:
                setattr(value, attribute, item)


def setup_calls(program, root, path, kind, name):
    """The lines of statements that have set up an object, and do not run again: `conn.create_function(…)`."""
    again = [stmt for stmt, _, runs_again in registering_calls(program, root, path, kind) if runs_again]
    done, _ = finished(program.roots[root], path, kind)
    return [stmt.lineno for stmt in done if is_setup(stmt, name) and stmt not in again]


def is_setup(stmt, name):
    call = stmt.value if isinstance(stmt, Expr) else None
    func = call.func if isinstance(call, Call) else None
    if not isinstance(func, Attribute) or not isinstance(func.value, Name) or func.value.id != name:
        return False
    if func.attr == "execute":
        text = call.args[0].value if call.args and isinstance(call.args[0], Constant) else ""
        words = text.lower().replace("=", " ").split() if isinstance(text, str) else []
        return words[:1] in (["pragma"], ["attach"], ["set"]) and not (words[0] == "pragma" and words[1:2] and words[1] in PRAGMAS)
    return func.attr.startswith(SETUP)
