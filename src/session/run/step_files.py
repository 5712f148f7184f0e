"""Text files: how they were opened, which Python does not tell, and those that a script reads. And standard input that is a
pipe: what was read from it is gone."""

NEWLINES = ("", "\n", "\r", "\r\n")
# Names by which code reads standard input.
OF_INPUT = ("input", "stdin", "fileinput")


def text_options(file):
    """The arguments with which a text file was made: encoding, errors, newline, line buffering, write-through."""
    return file.encoding, file.errors, newline_of(file), file.line_buffering, file.write_through


def newline_of(file):
    """The argument `newline`, found by what the object refers to: after its encoding it has the string, unless that is
    `None`, and then what was decoded, if anything was."""
    found = silently("gc").get_referents(file)
    decoder = next((one for one in found if isinstance(one, _io.IncrementalNewlineDecoder)), None)
    texts = [one for one in found if type(one) is str][1:-1]
    if decoder is None:
        return next((text for text in texts if text in NEWLINES), None)
    if texts[:1] != [""]:
        return None
    if len(texts) == 2 or not any(type(one) is tuple for one in found):
        return ""
    # At the end of a file, nothing may have been decoded.
    state = decoder.getstate()
    try:
        return "" if "\r" in decoder.decode("\r\n".encode(file.encoding)) else None
    finally:
        decoder.setstate(state)


def read_files(namespace, frames):
    """The text files that the script reads: each object, its arguments and its position."""
    found, seen = [], set()
    for scope in scopes(namespace, frames):
        for value in scope.values():
            parts = [value]
            if not isinstance(value, (type, type(sys))) and type(getattr(value, "__dict__", None)) is dict:
                parts += list(vars(value).values())
            elif type(value) in (list, tuple):
                parts += value
            elif type(value) is dict:
                parts += value.values()
            for part in parts:
                if type(part) is _io.TextIOWrapper and id(part) not in seen and (state := read_file(part)):
                    seen.add(id(part))
                    found.append(state)
    return found


def read_file(file):
    try:
        if file.closed or file.writable() or type(file.buffer) is not _io.BufferedReader or file.fileno() < 3:
            return None
        return file, text_options(file), file.mode, file.tell()
    except (OSError, ValueError, AttributeError):
        # Its position is not known, or it is not a file of the system.
        return None


def restore_read_files(files):
    for file, options, mode, offset in files:
        if type(file) is _io.TextIOWrapper and not file.closed:
            file.__init__(file.buffer, *options)
            file.mode = mode
            file.seek(offset)


# What a script reads: the variable, and which file it is. The objects are not part of it, so none is saved only for it.


def read_sources(namespace, frames):
    """The files that variables, and attributes of their values, read from: the number of the scope, the name of the
    variable, that of the attribute or None, and the state of the file."""
    found = []
    for depth, scope in enumerate(scopes(namespace, frames)):
        for name, value in scope.items():
            own = getattr(value, "__dict__", None)
            parts = [(None, value)]
            if not isinstance(value, (type, type(sys))) and type(own) is dict:
                parts += own.items()
            found += [(depth, name, attribute, state) for attribute, part in parts if (state := read_source(part))]
    return found


def read_source(file):
    number = number_of_source(file)
    if number is None:
        return None
    status = posix.fstat(number)
    if status.st_mode & 0o170000 != 0o100000:
        return None
    return {"name": str(file.name), "file": identity(number, status), "offset": posix.lseek(number, 0, 1),
            "size": status.st_size, "edges": edges_of(number, status.st_size)}


def number_of_source(file):
    """The descriptor of a file that is only read; None for anything else."""
    if type(file) not in (_io.TextIOWrapper, _io.BufferedReader, _io.FileIO):
        return None
    try:
        raw = file.buffer if type(file) is _io.TextIOWrapper else file
        raw = raw.raw if type(raw) is _io.BufferedReader else raw
        is_read = type(raw) is _io.FileIO and not file.closed and not file.writable() and file.fileno() > 2
        return file.fileno() if is_read else None
    except (OSError, ValueError, AttributeError):
        return None


def identity(number, status):
    """What tells a file from another one with the same path. The number of a file that was removed is used again."""
    return status.st_dev, status.st_ino, birth_time(f"/proc/self/fd/{number}")


def check_read_sources(namespace, frames, sources):
    """Checks that the files are those that were read: the same, or copies of them."""
    every = scopes(namespace, frames)
    for depth, name, attribute, state in sources:
        value = every[depth].get(name)
        if attribute is not None:
            value = (getattr(value, "__dict__", None) or {}).get(attribute)
        number = number_of_source(value)
        if number is None:
            continue
        status, path = posix.fstat(number), state["name"]
        is_same = identity(number, status) == state["file"]
        if is_same and status.st_size < state["offset"]:
            raise OSError(f"{path}, which the script was reading, is shorter than what it had read: --fresh starts over")
        if not is_same and (status.st_size < state["size"] or edges_of(number, state["size"]) != state["edges"]):
            raise OSError(f"{path}, which the script was reading, is another file now: --fresh starts over")


# --- standard input


def is_pipe(number):
    try:
        return posix.fstat(number).st_mode & 0o170000 in (0o010000, 0o140000)
    except OSError:
        return False


def own_nodes(stmts):
    """The nodes of statements, without the bodies of functions."""
    waiting = list(stmts)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (FunctionDef, AsyncFunctionDef)):
            waiting += fields(node)


def line_reading_input(program, stmts):
    """The line of the first of these statements, and of the functions that they call, that reads standard input."""
    waiting, seen, lines = [stmts], set(), []
    while waiting:
        stmts = waiting.pop()
        nodes = list(own_nodes(stmts))
        asked = [node.value for node in nodes if isinstance(node, Attribute) and node.attr in ("isatty", "fileno")]
        lines += [node.lineno for node in nodes if node not in asked
                  and (isinstance(node, Name) and node.id in OF_INPUT or chain_of(node) == "sys.stdin")]
        for name in called_names(stmts) - seen:
            seen.add(name)
            waiting += [root.node.body for root in program.by_name.get(name, ())]
    return min(lines, default=None)


def chain_of(node):
    return chain_text(node) if isinstance(node, Attribute) else None


def input_is_lost(program, position):
    """Whether the script may have read from standard input, which is a pipe."""
    done = [stmt for root, path, kind in position for stmts in finished(program.roots[root], path, kind) if stmts
            for stmt in (stmts if type(stmts) is list else [stmts])]
    return is_pipe(0) and line_reading_input(program, done) is not None


def line_without_input(program, outer, position):
    """The line of what is left of the script that reads standard input, if what was in it is lost."""
    rest = [stmt for root, path, kind in position for stmt in rest_of(program.roots[root].node, path, kind)]
    return line_reading_input(program, rest) if outer.get("input is lost") else None


def line_reading_pipe(program):
    """The line of the script that reads standard input, if that is a pipe."""
    if not is_pipe(0):
        return None
    body = program.tree.body
    return line_reading_input(program, body)
