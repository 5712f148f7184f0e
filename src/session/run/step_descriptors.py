"""Descriptors that the script has as numbers, as in `fd = os.open(…)` and `fd, path = mkstemp()`. A resumed run opens files,
directories and devices again with the same numbers. Pipes, sockets and files without a name cannot be opened again."""

from _ast import List, NamedExpr

# The functions that return descriptors.
OPENERS = {("os", "open"), ("os", "dup"), ("os", "dup2"), ("os", "pipe"), ("os", "pipe2"), ("os", "openpty"),
           ("os", "memfd_create"), ("os", "eventfd"), ("os", "pidfd_open"), ("posix", "open"), ("pty", "openpty"),
           ("tempfile", "mkstemp")}
FILE, DIRECTORY, DEVICE = 0o100000, 0o040000, 0o020000
KINDS = {0o010000: "a pipe", 0o140000: "a socket"}


def names_of_descriptors(tree):
    """The variables that the script assigns descriptors to, and the attributes."""
    imported, names, attributes = imported_by(tree), set(), set()
    for node in every_node(tree.body):
        value = getattr(node, "value", None)
        if isinstance(node, (Assign, AnnAssign, NamedExpr)) and isinstance(value, Call):
            if library_place(value.func, imported) in OPENERS:
                for target in getattr(node, "targets", None) or [node.target]:
                    parts = target.elts if isinstance(target, (Tuple, List)) else [target]
                    names.update(part.id for part in parts if isinstance(part, Name))
                    attributes.update(part.attr for part in parts if isinstance(part, Attribute))
    return names, attributes


def numbers_of_descriptors(program, namespace, frames):
    """The numbers that these have now: the number of the scope, the variable, the attribute or None, and the number."""
    if program.descriptors is None:
        program.descriptors = names_of_descriptors(program.tree)
    names, attributes = program.descriptors
    for depth, scope in enumerate(scopes(namespace, frames) if names or attributes else ()):
        cells = {name: cell.cell_contents for name, cell in (frames[depth].get("cells", {}) if depth else {}).items()
                 if has_value(cell)}
        for name, value in list(scope.items()) + list(cells.items()):
            if name in names and type(value) is int:
                yield depth, name, None, value
            if attributes and is_own_class(type(value)):
                own = plain_attributes(value)
                for attribute in attributes:
                    if type(own.get(attribute)) is int:
                        yield depth, name, attribute, own[attribute]


def open_descriptors(program, namespace, frames):
    """The descriptors that are opened again, and why the script could not go on without the others."""
    found, lost, known = [], [], {}
    places = [(frame["root"], frame["path"], frame["at"]) for frame in frames]
    for depth, name, attribute, number in numbers_of_descriptors(program, namespace, frames):
        if number not in known:
            known[number] = opened_as(number)
        how = known[number]
        if type(how) is tuple:
            twin = next((other for *_, other, same, _ in found if same == how and is_duplicate(number, other)), None)
            found.append((depth, name, attribute, number, how, twin))
        elif how is not None and is_used(program, places, depth, name):
            text = f"{name}.{attribute}" if attribute else name
            lost.append(f"{text} is the descriptor {number} of {how}, which cannot be opened again")
    return found, lost


def opened_as(number):
    """The path of an open file, its flags, its offset, and device and inode. What it is, if it cannot be opened again; None
    if nothing is open, or if it is a standard stream."""
    try:
        status = posix.fstat(number)
        kind, path = status.st_mode & 0o170000, posix.readlink(f"/proc/self/fd/{number}")
        if number < 3:
            return None
        if kind not in (FILE, DIRECTORY, DEVICE) or path.startswith(("/dev/pt", "/dev/tty")):
            return KINDS.get(kind, "something that has no path")
        if not is_at(path, (status.st_dev, status.st_ino)):
            return "a file that has no path"
        with _io.FileIO(f"/proc/self/fdinfo/{number}") as file:
            entries = dict(line.split(b":", 1) for line in file.readall().splitlines() if b":" in line)
        flags = int(entries[b"flags"].strip(), 8) & ~(posix.O_CREAT | posix.O_EXCL | posix.O_TRUNC)
        return path, flags, int(entries[b"pos"]), (status.st_dev, status.st_ino)
    except (OSError, KeyError, ValueError):
        return None


def is_at(path, identity):
    try:
        status = posix.stat(path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == identity


def is_duplicate(number, other):
    """Whether two descriptors of a file share their offset, as after `os.dup`."""
    if number == other or posix.fstat(number).st_mode & 0o170000 != FILE:
        return number == other
    offset = posix.lseek(number, 0, 1)
    posix.lseek(number, offset + 1, 0)
    try:
        return posix.lseek(other, 0, 1) == offset + 1
    finally:
        posix.lseek(number, offset, 0)


def reopen_descriptors(namespace, frames, descriptors):
    every, made = scopes(namespace, frames), {}
    for depth, name, attribute, number, how, twin in descriptors:
        if number not in made:
            made[number] = reopened(number, how, made.get(twin))
        if made[number] == number:
            continue
        cells = frames[depth].get("cells", {}) if depth else {}
        if name in cells and name not in every[depth]:
            cells[name].cell_contents = made[number]
        elif attribute is None:
            every[depth][name] = made[number]
        elif name in every[depth]:
            plain_attributes(every[depth][name])[attribute] = made[number]


def reopened(number, how, twin):
    """Opens a file with its old number, if that is free."""
    path, flags, offset, identity = how
    if flags & posix.O_ACCMODE != posix.O_RDONLY and not is_at(path, identity):
        raise OSError(f"{path} is another file now")
    new = posix.open(path, flags | posix.O_CLOEXEC) if twin is None else posix.dup(twin)
    if twin is None and offset:
        posix.lseek(new, offset, 0)
    try:
        posix.fstat(number)
    except OSError:
        posix.dup2(new, number, not flags & posix.O_CLOEXEC)
        posix.close(new)
        return number
    return new
