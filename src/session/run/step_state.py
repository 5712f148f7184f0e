"""What a run has outside of its variables: files that it writes, and the handlers of its loggers."""

import _io
import posix
import sys

# How many bytes at the beginning and at the end of a written file are kept, to know it again.
EDGE = 4096
FILES = (_io.TextIOWrapper, _io.BufferedWriter, _io.BufferedRandom, _io.FileIO)


def scopes(namespace, frames):
    """The dicts with the variables of the script and of the functions that are under way."""
    return [namespace] + [frame["locals"] for frame in frames if "locals" in frame]


def outer_state(namespace, frames):
    """The state of files and loggers. Whatever waits in buffers is written."""
    return {"files": written_files(namespace, frames), "loggers": handlers(namespace, frames)}


def restore_outer(namespace, frames, state):
    for file in state["files"]:
        old, new = file["object"], reopen_file(file)
        for scope in scopes(namespace, frames):
            for name in [name for name, value in scope.items() if value is old]:
                scope[name] = new
    restore_handlers(namespace, frames, state["loggers"])


# --- files


def written_files(namespace, frames):
    found, seen = [], set()
    logging = sys.modules.get("logging")
    handler = getattr(logging, "Handler", ())
    for scope in scopes(namespace, frames):
        for value in list(scope.values()):
            parts = [value]
            # The file of a handler belongs to it.
            if not isinstance(value, (type, type(sys))) and not isinstance(value, handler) and type(getattr(value, "__dict__", None)) is dict:
                parts += list(vars(value).values())
            for part in parts:
                if type(part) in FILES and id(part) not in seen:
                    seen.add(id(part))
                    state = written_file(part)
                    if state is not None:
                        found.append(state)
    return found


def written_file(file):
    if file.closed or not file.writable():
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
        state["text"] = (file.encoding, file.errors, None, file.line_buffering, file.write_through)
    return state


def edges(path, size):
    """The first and the last bytes of a file of this size; None if it cannot be read."""
    try:
        number = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
    except OSError:
        return None
    try:
        return posix.pread(number, min(EDGE, size), 0), posix.pread(number, EDGE, max(size - EDGE, 0))[:min(EDGE, size)]
    finally:
        posix.close(number)


def reopen_file(state):
    """Opens a file again where it was. Returns the object, which is another one for a binary file."""
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


def handlers(namespace, frames):
    """The handlers of all loggers, and the variables that are handlers which cannot be pickled."""
    logging = sys.modules.get("logging")
    if logging is None or not hasattr(logging, "root"):
        return None
    known, loggers = {}, []
    manager = logging.root.manager.loggerDict
    for name, logger in [("", logging.root)] + [(name, logger) for name, logger in manager.items()
                                                if isinstance(logger, logging.Logger)]:
        # That of dill, which a checkpoint uses.
        if name.partition(".")[0] == "dill" and "dill" not in sys.modules:
            continue
        if logger.handlers or not logger.propagate or logger.disabled:
            states = [handler_state(logging, handler, known) for handler in logger.handlers]
            loggers.append((name, states, logger.propagate, logger.disabled))
    bound = []
    for depth, scope in enumerate(scopes(namespace, frames)):
        for name, value in scope.items():
            if id(value) in known:
                bound.append((depth, name, known[id(value)]))
    return loggers, bound


def handler_state(logging, handler, known):
    handler.flush()
    if not isinstance(handler, logging.FileHandler):
        return ("object", handler)
    if id(handler) not in known:
        state = {name: value for name, value in vars(handler).items() if name not in ("lock", "stream", "_builtin_open")}
        known[id(handler)] = ("file", type(handler), state)
    return known[id(handler)]


def restore_handlers(namespace, frames, state):
    if state is None:
        return
    logging = sys.modules.get("logging")
    if logging is None:
        import logging
    made = {}

    def handler(state):
        if state[0] == "object":
            return state[1]
        if id(state) not in made:
            made[id(state)] = file_handler(logging, state)
        return made[id(state)]

    loggers, bound = state
    for name, states, propagate, disabled in loggers:
        logger = logging.getLogger(name) if name else logging.root
        logger.handlers[:] = [handler(state) for state in states]
        logger.propagate, logger.disabled = propagate, disabled
    every = scopes(namespace, frames)
    for depth, name, state in bound:
        every[depth][name] = handler(state)


def file_handler(logging, state):
    """A handler that writes on at the end of its file."""
    _, kind, attributes = state
    made = kind.__new__(kind)
    vars(made).update(attributes)
    made._builtin_open = open
    made.mode, made.stream = "a", None
    made.createLock()
    logging._addHandlerRef(made)
    return made
