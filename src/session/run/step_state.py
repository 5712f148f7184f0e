"""What a run has outside of its variables: files that it writes, and the handlers of its loggers."""

import _io
import posix
import sys

# How many bytes at the beginning and at the end of a written file are kept, to know it again.
EDGE = 4096
# Attributes of handlers that are made again.
OF_PROCESS = ("lock", "stream", "_builtin_open", "target", "buffer")
FILES = (_io.TextIOWrapper, _io.BufferedWriter, _io.BufferedRandom, _io.FileIO)


def scopes(namespace, frames):
    """The dicts with the variables of the script and of the functions that are under way."""
    return [namespace] + [frame["locals"] for frame in frames if "locals" in frame]


def outer_state(program, namespace, frames):
    """The state of files, loggers and settings, and handlers and other objects that are saved each by itself. Whatever
    waits in buffers is written."""
    objects, sources = [], module_sources(program)
    loggers, kept = handlers(namespace, frames, objects), kept_objects(program)
    numbers, blocked = open_descriptors(program, namespace, frames)
    return {"files": written_files(namespace, frames), "loggers": loggers, "handlers": objects,
            "settings": changed_settings(program), "losses": losses(program, namespace, frames),
            "sources": sources, "read": read_files(namespace, frames),
            "read from": read_sources(namespace, frames),
            "input is lost": input_is_lost(program, [(frame["root"], frame["path"], frame["at"]) for frame in frames]),
            "numbers": numbers, "blocked": blocked, "ended": ended_objects(namespace, frames),
            "decimal": current_context(namespace, frames),
            "shared": shared_with_modules(program, namespace, frames), "kept": [how for how, *_ in kept],
            "kept objects": [(value, text, is_needed) for _, value, text, is_needed in kept], "input": input_position(),
            "listeners": [(depth, name) for depth, scope in enumerate(scopes(namespace, frames))
                          for name, value in scope.items() if is_listener(value) and running_thread(value)]}


def module_sources(program):
    """The files of the modules of the script, each with a digest of what it was when a checkpoint first saw it."""
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if name != "__main__" and name not in program.sources and is_own_source(path) and path.endswith(".py"):
            program.sources[name] = path, source_digest(path)
    return dict(program.sources)


def source_digest(path):
    try:
        with _io.FileIO(path) as file:
            return digest(file.readall())
    except OSError:
        return None


def changed_sources(outer):
    """The files of modules that are not as they were at a checkpoint."""
    found = []
    for name, (path, number) in outer.get("sources", {}).items():
        path = getattr(sys.modules.get(name), "__file__", None) or path
        if number is not None and source_digest(path) not in (number, None):
            found.append(path)
    return found


def restore_outer(namespace, frames, state):
    for file in state["files"]:
        old, new = file["object"], reopen_file(file)
        for scope in scopes(namespace, frames):
            for name in [name for name, value in scope.items() if value is old]:
                scope[name] = new
    check_read_sources(namespace, frames, state.get("read from", ()))
    restore_read_files(state.get("read", ()))
    restore_ended(namespace, frames, state.get("ended", ()))
    reopen_descriptors(namespace, frames, state.get("numbers", ()))
    restore_context(namespace, frames, state.get("decimal"))
    if state["input"] is not None and input_position() is not None:
        sys.stdin.seek(state["input"])
    restore_handlers(namespace, frames, state)


def input_position():
    """The position in standard input, if that is a file. None if it has none, or if iterating over it hides it."""
    file = getattr(sys, "stdin", None)
    try:
        is_file = type(file) is _io.TextIOWrapper and posix.fstat(file.fileno()).st_mode & 0o170000 == 0o100000
        return file.tell() if is_file else None
    except (OSError, ValueError):
        return None


def current_context(namespace, frames):
    """The variable that is the context of `decimal`: the number of the scope, and the name; None if there is none."""
    context = getattr(sys.modules.get("decimal"), "getcontext", lambda: None)()
    return next(((depth, name) for depth, scope in enumerate(scopes(namespace, frames))
                 for name, value in scope.items() if value is context and value is not None), None)


def restore_context(namespace, frames, place):
    value = scopes(namespace, frames)[place[0]].get(place[1]) if place is not None else None
    if value is not None:
        import decimal
        decimal.setcontext(value)


# --- files


def written_files(namespace, frames):
    found, seen = [], set()
    logging = sys.modules.get("logging")
    handler = getattr(logging, "Handler", ())
    values = [value for scope in scopes(namespace, frames) for value in scope.values()]
    values += [getattr(sys, name, None) for name in STREAMS]
    for _, _, own in loggers_with_handlers(logging):
        values += [getattr(other, "stream", None) for other in own if not isinstance(other, logging.FileHandler)]
    for value in values:
        parts = [value]
        # The file of a handler belongs to it.
        is_plain = not isinstance(value, (type, type(sys))) and not isinstance(value, handler)
        if is_plain and type(getattr(value, "__dict__", None)) is dict:
            parts += list(vars(value).values())
        for part in parts:
            if type(part) in FILES and id(part) not in seen:
                seen.add(id(part))
                try:
                    state = written_file(part)
                except (OSError, ValueError) as error:
                    raise type(error)(f"the file {part.name} cannot be described: {error}") from None
                if state is not None:
                    found.append(state)
    return found


def written_file(file):
    if file.closed or not file.writable():
        return None
    if type(file) is _io.TextIOWrapper and type(file.buffer) not in FILES:
        # What it writes is compressed, for example.
        return None
    file.flush()
    number = file.fileno()
    status = posix.fstat(number)
    if status.st_mode & 0o170000 != 0o100000 or number <= 2:
        return None
    is_text = type(file) is _io.TextIOWrapper
    path = posix.readlink(f"/proc/self/fd/{number}")
    state = {
        "object": file, "name": str(file.name), "path": path, "mode": file.mode, "is_text": is_text,
        "edges": edges(path, status.st_size), "born": birth_time(path),
        "offset": file.tell(), "size": status.st_size, "device": status.st_dev, "inode": status.st_ino,
        "readable": file.readable(), "kind": type(file).__name__,
    }
    if is_text:
        state["text"] = text_options(file)
    return state


def edges(path, size):
    """The first and the last bytes of a file of this size; None if it cannot be read."""
    try:
        number = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        return edges_of(number, size)
    finally:
        posix.close(number)


def edges_of(number, size):
    return posix.pread(number, min(EDGE, size), 0), posix.pread(number, EDGE, max(size - EDGE, 0))[:min(EDGE, size)]


def truncated(state):
    """Opens a file again that the script was writing, and truncates it to its length at the checkpoint."""
    raw = _io.FileIO(state["path"], "a+" if "a" in state["mode"] and state["readable"] else
                     "a" if "a" in state["mode"] else "r+")
    status = posix.fstat(raw.fileno())
    if (status.st_dev, status.st_ino) != (state["device"], state["inode"]):
        raise OSError(f"{state['path']} is another file now")
    if status.st_size < state["size"]:
        raise OSError(f"{state['path']} is shorter than it was")
    # The number of a file that was removed is used again.
    if state.get("born") not in (None, birth_time(state["path"])):
        raise OSError(f"{state['path']} is another file now")
    if state.get("edges") not in (None, edges(state["path"], state["size"])):
        raise OSError(f"{state['path']} does not begin with what the script had written")
    posix.ftruncate(raw.fileno(), state["size"])
    return raw


def reopen_file(state):
    """Opens a file again where it was. Returns the object, which is another one for a binary file."""
    raw = truncated(state)
    if state["kind"] == "FileIO":
        raw.seek(state["offset"])
        return raw
    buffer = (_io.BufferedRandom if state["readable"] else _io.BufferedWriter)(raw)
    if not state["is_text"]:
        buffer.seek(state["offset"])
        return buffer
    buffer.seek(0, 2)
    file = state["object"]
    file.__init__(buffer, *state["text"])
    file.mode = state["mode"]
    if state["readable"]:
        file.seek(state["offset"])
    return file


# --- loggers


def loggers_with_handlers(logging):
    """The loggers that the script has changed: the name, the logger, and its handlers."""
    if logging is None or not hasattr(logging, "root"):
        return []
    found = []
    manager = logging.root.manager.loggerDict
    for name, logger in [("", logging.root)] + [(name, logger) for name, logger in manager.items()
                                                if isinstance(logger, logging.Logger)]:
        # That of dill, which a checkpoint uses.
        if name.partition(".")[0] == "dill" and "dill" not in sys.modules:
            continue
        if logger.handlers or not logger.propagate or logger.disabled:
            found.append((name, logger, logger.handlers))
    return found


def handlers(namespace, frames, objects):
    """The handlers of all loggers, and the variables that are handlers of files, or collect records for one. The others
    are added to `objects`: the handler, a variable that it is the value of (the number of its scope, and its name) or
    None, and its logger."""
    logging = sys.modules.get("logging")
    if logging is None or not hasattr(logging, "root"):
        return None
    known, loggers = {}, []
    every = scopes(namespace, frames)
    for name, logger, own in loggers_with_handlers(logging):
        states = []
        for handler in own:
            states.append(handler_state(logging, handler, name, every, objects, known))
        loggers.append((name, states, logger.propagate, logger.disabled))
    bound = []
    for depth, scope in enumerate(every):
        for name, value in scope.items():
            if id(value) in known and known[id(value)][0] != "object":
                bound.append((depth, name, known[id(value)]))
    return loggers, bound


def handler_state(logging, handler, logger, every, objects, known):
    """How a handler is made again. `known` has the states of the handlers so far."""
    if id(handler) not in known:
        known[id(handler)] = state_of_file(logging, handler, known) or state_of_object(handler, logger, every, objects)
    return known[id(handler)]


def state_of_file(logging, handler, known):
    """The state of a handler that writes to a file, or that collects records for one; None for other ones."""
    # Not `handler.flush()`: one that collects records would send them on.
    stream = getattr(handler, "stream", None)
    if type(stream) in FILES and not stream.closed:
        stream.flush()
    state = {name: value for name, value in vars(handler).items() if name not in OF_PROCESS}
    if isinstance(handler, logging.FileHandler):
        written = written_file(handler.stream) if type(handler.stream) in FILES else None
        return ("file", type(handler), state, dict(written, object=None) if written else None)
    target = getattr(handler, "target", None)
    if not is_collector(handler) or not isinstance(target, logging.FileHandler):
        return None
    if id(target) not in known:
        known[id(target)] = state_of_file(logging, target, known)
    state["buffer"] = [plain_record(record) for record in handler.buffer]
    return ("collector", type(handler), state, known[id(target)])


def is_collector(handler):
    return isinstance(handler, getattr(sys.modules.get("logging.handlers"), "MemoryHandler", ()))


def plain_record(record):
    """A copy of a record that can be saved, as the handlers of `logging` make it that send records elsewhere."""
    state = dict(vars(record))
    if state["exc_info"]:
        logging = sys.modules["logging"]
        state["exc_text"] = state["exc_text"] or logging.Formatter().formatException(state["exc_info"])
        state["exc_info"] = None
    args = state["args"]
    parts = args.values() if isinstance(args, dict) else args or ()
    if any(type(part) not in (str, bytes, int, float, bool, type(None)) for part in parts):
        state["msg"], state["args"] = record.getMessage(), None
    copy = type(record).__new__(type(record))
    vars(copy).update(state)
    return copy


def state_of_object(handler, logger, every, objects):
    owners = [(depth, name) for depth, scope in enumerate(every) for name, value in scope.items() if value is handler]
    owner = owners[0] if owners else None
    objects.append((handler, owner, logger or "root"))
    settings = {name: getattr(handler, name, None) for name in ("level", "formatter", "filters")}
    return ("object", len(objects) - 1, owner, settings)


def is_listener(value):
    """Whether a value takes the records of a `QueueHandler`, in a thread."""
    return isinstance(value, getattr(sys.modules.get("logging.handlers"), "QueueListener", ()))


def running_thread(value):
    """The name of the running thread that an object has as an attribute."""
    kind = getattr(sys.modules.get("threading"), "Thread", ())
    own = getattr(value, "__dict__", None)
    parts = list(own.values()) if type(own) is dict else []
    return next((part.name for part in parts if isinstance(part, kind) and part.is_alive()), None)


def restart_listeners(namespace, frames, outer):
    """Starts the listeners that statements have made again."""
    every = scopes(namespace, frames)
    for depth, name in outer["listeners"]:
        value = every[depth].get(name)
        if is_listener(value) and not running_thread(value):
            value.start()


def restore_handlers(namespace, frames, outer):
    """Gives the loggers their handlers. Called once more when statements have run again: a handler that could not be
    saved is then the value of a variable."""
    if outer["loggers"] is None:
        return
    logging = sys.modules.get("logging")
    if logging is None:
        import logging
    made, every = outer.setdefault("made", {}), scopes(namespace, frames)

    def handler(state):
        if id(state) not in made:
            if state[0] == "file":
                value = file_handler(logging, state, outer.get("truncates logs"))
            elif state[0] == "collector":
                value = bare_handler(logging, *state[1:3])
                value.target = handler(state[3])
            else:
                value = saved_handler(namespace, every, state)
            if value is None:
                return None
            made[id(state)] = value
        return made[id(state)]

    loggers, bound = outer["loggers"]
    for name, states, propagate, disabled in loggers:
        logger = logging.getLogger(name) if name else logging.root
        logger.handlers[:] = [found for found in map(handler, states) if found is not None]
        logger.propagate, logger.disabled = propagate, disabled
    for depth, name, state in bound:
        every[depth][name] = handler(state)


def saved_handler(namespace, every, state):
    """A handler that was saved by itself, or that its statement has made again; None if that has not run yet."""
    _, number, owner, settings = state
    value = namespace.pop(f"__snapcli_run__0_handler{number}", None)
    logging = sys.modules["logging"]
    if value is not None and not any(known() is value for known in logging._handlerList):
        # It is flushed when the process ends.
        logging._addHandlerRef(value)
    if value is None and owner is not None:
        value = every[owner[0]].get(owner[1])
        if value is not None:
            vars(value).update(settings)
    return value


def file_handler(logging, state, truncates):
    """A handler that writes on at the end of its file, which is truncated first if it is still the same one: the log may
    have been rotated since."""
    _, kind, attributes, *written = state
    if truncates and written and written[0]:
        try:
            truncated(written[0]).close()
        except OSError:
            pass
    made = bare_handler(logging, kind, attributes)
    made._builtin_open = open
    made.mode, made.stream = "a", None
    return made


def bare_handler(logging, kind, attributes):
    made = kind.__new__(kind)
    vars(made).update(attributes)
    made.createLock()
    # It is flushed when the process ends.
    logging._addHandlerRef(made)
    return made
