"""What a statement that runs again finds around it, and what it leaves as it was: files, the working directory, random
generators, and counters and lists of names that were restored as they were after its first run."""

SCALARS = (bool, int, float, complex, str, bytes)
COLLECTIONS = (list, set, dict)


class AsBefore:
    """While a statement runs again."""

    def __init__(self, program, namespace, directory):
        self.program, self.namespace, self.directory = program, namespace, directory

    def __enter__(self):
        self.states, self.back = random_states(), posix.getcwd()
        self.plain = list(plain_values(self.namespace))
        if self.directory is not None and self.directory != self.back:
            posix.chdir(self.directory)
        self.program.guarded = []

    def __exit__(self, kind, *_):
        stopped, self.program.guarded = self.program.guarded, None
        posix.chdir(self.back)
        for restore, state in self.states:
            restore(state)
        for owner, name, value, contents in self.plain:
            restore_plain(owner, name, value, contents)
        if stopped and kind is None:
            raise RuntimeError(STOPPED.format(stopped[0]))


def plain_values(namespace):
    """The plain values that belong to the script: its global variables, those of its modules, and attributes of their
    classes and functions. Each with its owner, its name, and for a collection its contents."""
    modules = [module for name, module in list(sys.modules.items())
               if name != "__main__" and is_own_source(getattr(module, "__file__", None))]
    seen = set()
    for scope in [namespace] + [vars(module) for module in modules]:
        for name, value in list(scope.items()):
            if not name.startswith("__"):
                yield from plain_value(scope, name, value)
            is_own = isinstance(value, type) and is_own_class(value) or type(value) is FunctionType
            if is_own and id(value) not in seen:
                seen.add(id(value))
                for attribute, inner in list(vars(value).items()):
                    if not attribute.startswith("__"):
                        yield from plain_value(value, attribute, inner)


def plain_value(owner, name, value):
    if type(value) in SCALARS:
        yield owner, name, value, None
    elif type(value) in COLLECTIONS and has_plain_items(value):
        yield owner, name, value, value.copy()


def has_plain_items(value):
    items = list(value.items()) if type(value) is dict else [(item,) for item in value]
    return len(items) < 10_000 and all(type(part) in SCALARS for item in items for part in item)


def restore_plain(owner, name, value, contents):
    """Undoes what a statement has done to a plain value. Objects that it has put there are of its own making."""
    scope = owner if type(owner) is dict else vars(owner)
    now = scope.get(name)
    if contents is not None and value != contents and has_plain_items(value):
        value.clear()
        value.extend(contents) if type(value) is list else value.update(contents)
    if now is not value and type(now) is type(value):
        if type(owner) is dict:
            owner[name] = value
        else:
            setattr(owner, name, value)


def random_states():
    """The states of the generators of modules, each with the function that sets it."""
    found = []
    for module, get, restore in (("random", "getstate", "setstate"), ("numpy.random", "get_state", "set_state"),
                                 ("torch", "get_rng_state", "set_rng_state")):
        loaded = sys.modules.get(module)
        if hasattr(loaded, get) and hasattr(loaded, restore):
            found.append((getattr(loaded, restore), getattr(loaded, get)()))
    return found


def directory_now():
    try:
        return posix.getcwd()
    except OSError:
        return None
