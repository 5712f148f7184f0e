"""What a script sets in the interpreter and in modules of the standard library, such as `sys.excepthook`, `gc.disable()`
and filters of loggers. Settings are plain values; objects are *kept*: each is saved by itself, so that one which cannot be
saved costs only itself."""

KEPT = "__snapcli_run__0_kept{}"
# Environment variables that a restored session has as its machine has them, but a run as the script has set them.
OF_MACHINE = ("PATH", "HOME", "USER", "LOGNAME", "HOSTNAME", "TMPDIR", "SHELL")
STREAMS = ("stdin", "stdout", "stderr")
# Attributes of modules that a script may set: the module, the attribute, and where the module has the original.
HOOKS = (
    ("sys", "excepthook", "__excepthook__"), ("sys", "displayhook", "__displayhook__"),
    ("sys", "unraisablehook", "__unraisablehook__"), ("sys", "breakpointhook", "__breakpointhook__"),
    ("sys", "stdout", "__stdout__"), ("sys", "stderr", "__stderr__"), ("sys", "stdin", "__stdin__"),
    ("threading", "excepthook", "__excepthook__"), ("warnings", "showwarning", "_showwarning_orig"),
    ("warnings", "formatwarning", "_formatwarning_orig"), ("logging", "_loggerClass", "Logger"),
    ("logging", "_logRecordFactory", "LogRecord"),
)
# Without these, the script would print elsewhere.
NEEDED = ("stdout", "stderr")


def silently(name):
    """A module in C; the script must not find it loaded if it has not imported it."""
    had = name in sys.modules
    module = __import__(name)
    if not had:
        sys.modules.pop(name, None)
    return module


def settings_now():
    gc, thread, signals = silently("gc"), silently("_thread"), silently("_signal")
    stack_size = thread.stack_size()
    thread.stack_size(stack_size)
    found = {
        "umask": umask_now(), "gc": (gc.isenabled(), gc.get_threshold(), gc.get_debug()),
        "switch interval": sys.getswitchinterval(), "stack size": stack_size,
        "bytecode": sys.dont_write_bytecode, "traceback limit": getattr(sys, "tracebacklimit", None),
        "argv": list(getattr(sys, "argv", ())), "timers": [signals.getitimer(which) for which in TIMERS],
        "signals": {int(number): int(action) for number, action in actions(signals) if isinstance(action, int)},
        "fault handler": silently("faulthandler").is_enabled(),
        "streams": {name: stream_options(name) for name in STREAMS}, "builtins": dict(vars(sys.modules["builtins"])),
    }
    if "os" in sys.modules:
        found["machine"] = {name: sys.modules["os"].environ.get(name) for name in OF_MACHINE}
    if "time" in sys.modules and hasattr(sys.modules["time"], "tzset"):
        found["time zone"] = sys.modules["time"].tzname
    if "_socket" in sys.modules:
        found["socket timeout"] = sys.modules["_socket"].getdefaulttimeout()
    logging = sys.modules.get("logging")
    if hasattr(logging, "root"):
        found["log"] = (dict(logging._levelToName), logging.raiseExceptions, logging._warnings_showwarning is not None)
    return found


TIMERS = (0, 1, 2)


def actions(signals):
    return [(number, signals.getsignal(number)) for number in signals.valid_signals()]


def umask_now():
    try:
        with open("/proc/self/status", "rb") as file:
            return next((int(line[6:], 8) for line in file if line.startswith(b"Umask:")), None)
    except OSError:
        return None


def stream_options(name):
    file = getattr(sys, name, None)
    if type(file) is not _io.TextIOWrapper or file is not getattr(sys, f"__{name}__") or file.closed:
        return None
    return {"encoding": file.encoding, "errors": file.errors, "line_buffering": file.line_buffering,
            "write_through": file.write_through}


def changed_settings(program):
    """The settings that are not those of the start."""
    before, now = program.settings, settings_now()
    found = {name: value for name, value in now.items() if value != before.get(name) and name != "builtins"}
    if "machine" in found:
        old = before.get("machine", {})
        found["machine"] = {name: value for name, value in found["machine"].items() if value != old.get(name, value)}
    return found


def kept_objects(program):
    """The objects: what each is and how it comes back, the object, its description, and whether the script cannot go on
    without it."""
    found = []
    for module, name, original in HOOKS:
        loaded = sys.modules.get(module)
        value = getattr(loaded, name, None)
        if value is None or value is getattr(loaded, original, value) or is_captured(module, name):
            continue
        found.append((("attribute", module, name), value, f"{module}.{name}", name in NEEDED))
    before, builtins = program.settings["builtins"], sys.modules["builtins"]
    for name, value in vars(builtins).items():
        if name != "_" and before.get(name, Missing) is not value and not name.startswith("__"):
            found.append((("attribute", "builtins", name), value, f"builtins.{name}", False))
    found += kept_signals() + kept_filters() + kept_reducers()
    return found


def is_captured(module, name):
    """Whether `logging.captureWarnings` has set the attribute."""
    logging = sys.modules.get("logging")
    return (module, name) == ("warnings", "showwarning") and getattr(logging, "_warnings_showwarning", None) is not None


def kept_signals():
    signals = silently("_signal")
    # That of Python for SIGINT is one of the module.
    default = getattr(signals, "default_int_handler", None)
    return [(("signal", int(number)), action, f"the handler of signal {int(number)}", False)
            for number, action in actions(signals) if callable(action) and action is not default]


def kept_filters():
    logging = sys.modules.get("logging")
    if not hasattr(logging, "root"):
        return []
    loggers = [("", logging.root)] + [(name, logger) for name, logger in logging.root.manager.loggerDict.items()
                                      if isinstance(logger, logging.Logger)]
    return [(("filter", name), one, f"a filter of the logger {name or 'root'!r}", False)
            for name, logger in loggers for one in logger.filters]


def kept_reducers():
    """What `copyreg.pickle` was given for classes of the script."""
    table = getattr(sys.modules.get("copyreg"), "dispatch_table", {})
    return [(("reducer",), (kind, function), f"the reducer of {kind.__qualname__}", False)
            for kind, function in table.items() if isinstance(kind, type) and kind.__module__ == "__main__"]


# --- functions of `atexit`, which no module tells


def exit_statements(program, position):
    """The statements that have registered functions with `atexit`, or taken them out again: the number of the function
    under way, the line, and the expression that does it."""
    found = []
    for depth, (root, path, kind) in enumerate(position):
        for stmt, _ in simple_statements(finished(program.roots[root], path, kind)[0]):
            decorators = getattr(stmt, "decorator_list", ())
            if isinstance(stmt, Expr) and isinstance(stmt.value, Call) and is_of_atexit(stmt.value.func):
                found.append((depth, stmt.lineno, stmt.value))
            elif any(is_of_atexit(decorator) for decorator in decorators):
                func = next(decorator for decorator in decorators if is_of_atexit(decorator))
                name = at(Name(id=stmt.name, ctx=Load()), func)
                found.append((depth, stmt.lineno, at(Call(func=func, args=[name], keywords=[]), func)))
    return found


def is_of_atexit(node):
    is_attribute = isinstance(node, Attribute) and isinstance(node.value, Name)
    return is_attribute and node.value.id == "atexit" and node.attr in ("register", "unregister")


def does_more(call):
    """Whether a call would do more than register a function."""
    return any(has_call(child) for child in fields(call) if child is not call.func)


def register_again(program, position, namespace, frames):
    for depth, _, call in exit_statements(program, position):
        if not does_more(call):
            code = quiet(Expression(body=call), program.filename, "eval", 0, True)
            value_again(program, namespace, frames, (depth, "", ""), code)


def losses(program, namespace, frames):
    """What a resumed run does not have, besides variables."""
    found = []
    position = [(frame["root"], frame["path"], frame["at"]) for frame in frames]
    for _, line, call in exit_statements(program, position):
        if does_more(call):
            found.append(f"a resumed run does not call the function that line {line} has registered with atexit")
    for name in ("profile", "trace"):
        if getattr(sys, f"get{name}")() is not None:
            found.append(f"a resumed run does not have the function of sys.set{name}")
    if is_pipe(0) and any("stdin" in line or "input(" in line for line in program.lines):
        found.append("standard input is a pipe: a resumed run does not get again what was read from it")
    return found


def is_pipe(number):
    try:
        return posix.fstat(number).st_mode & 0o170000 in (0o010000, 0o140000)
    except OSError:
        return False


# --- descriptors of `os.open`


def open_descriptors(program, namespace, frames):
    """The variables that `os.open` has given a descriptor of a file: where each is, and how the file was opened."""
    found = []
    if program.descriptors is None:
        program.descriptors = names_of_descriptors(program.tree)
    names = program.descriptors
    for depth, scope in enumerate(scopes(namespace, frames) if names else ()):
        for name in names:
            number = scope.get(name)
            if type(number) is int and (how := opened_as(number)) is not None:
                found.append((depth, name, number) + how)
    return found


def names_of_descriptors(node):
    """The variables in `name = os.open(…)`."""
    found = set()
    value = getattr(node, "value", None)
    if isinstance(node, Assign) and isinstance(value, Call) and isinstance(value.func, Attribute):
        owner = value.func.value
        if value.func.attr == "open" and isinstance(owner, Name) and owner.id == "os" and assigned_name(node):
            found.add(assigned_name(node))
    for child in fields(node):
        found |= names_of_descriptors(child)
    return found


def opened_as(number):
    """The path of an open file, its flags and its offset."""
    try:
        if number < 3 or posix.fstat(number).st_mode & 0o170000 != 0o100000:
            return None
        with open(f"/proc/self/fdinfo/{number}") as file:
            entries = dict(line.split(":", 1) for line in file if ":" in line)
        path = posix.readlink(f"/proc/self/fd/{number}")
        return path, int(entries["flags"].strip(), 8), int(entries["pos"])
    except (OSError, KeyError, ValueError):
        return None


def reopen_descriptors(namespace, frames, descriptors):
    every, made = scopes(namespace, frames), {}
    for depth, name, number, path, flags, offset in descriptors:
        if number not in made:
            made[number] = reopened(number, path, flags & (posix.O_ACCMODE | posix.O_APPEND), offset)
        every[depth][name] = made[number]


def reopened(number, path, flags, offset):
    """Opens a file with its old number, if that is free."""
    new = posix.open(path, flags | posix.O_CLOEXEC)
    posix.lseek(new, offset, 0)
    try:
        posix.fstat(number)
    except OSError:
        posix.dup2(new, number, False)
        posix.close(new)
        return number
    return new


# --- back again


def restore_settings(namespace, frames, outer):
    settings, signals = outer.get("settings", {}), silently("_signal")
    for name, value in settings.items():
        if name in RESTORED and value is not None:
            RESTORED[name](value)
    for number, how in enumerate(outer.get("kept", ())):
        value = namespace.pop(KEPT.format(number), Missing)
        if value is not Missing:
            restore_kept(how, value, signals)
    for which, times in zip(TIMERS, settings.get("timers", ())):
        if any(times):
            signals.setitimer(which, *times)


def restore_collector(options):
    gc, (is_enabled, threshold, debug) = silently("gc"), options
    (gc.enable if is_enabled else gc.disable)()
    gc.set_threshold(*threshold)
    gc.set_debug(debug)


def restore_signals(by_number):
    signals = silently("_signal")
    for number, action in by_number.items():
        if signals.getsignal(number) != action:
            signals.signal(number, action)


def restore_fault_handler(is_enabled):
    import faulthandler
    (faulthandler.enable if is_enabled else faulthandler.disable)()


def restore_time_zone(names):
    import time
    if time.tzname != names:
        time.tzset()


def restore_socket_timeout(seconds):
    import socket
    socket.setdefaulttimeout(seconds)


def restore_environment(variables):
    import os
    for variable, text in variables.items():
        os.environ.pop(variable, None)
        if text is not None:
            os.environ[variable] = text


def restore_streams(streams):
    for name, options in streams.items():
        now = stream_options(name)
        if options is not None and now is not None and options != now:
            changed = {key: value for key, value in options.items() if value != now[key]}
            try:
                getattr(sys, name).reconfigure(**changed)
            except (ValueError, OSError):
                # What was read already had the old encoding.
                pass


def restore_log(options):
    import logging
    levels, raises, captures = options
    for level, name in levels.items():
        if logging._levelToName.get(level) != name:
            logging.addLevelName(level, name)
    logging.raiseExceptions = raises
    if captures:
        logging.captureWarnings(True)


def is_like(other, value):
    own = getattr(value, "__dict__", None)
    return type(other) is type(value) and type(value) is not FunctionType and own and vars(other) == own


def restore_kept(how, value, signals):
    kind = how[0]
    if kind == "attribute":
        setattr(sys.modules.get(how[1]) or __import__(how[1]), how[2], value)
    elif kind == "signal":
        signals.signal(how[1], value)
    elif kind == "filter":
        import logging
        logger = logging.getLogger(how[1]) if how[1] else logging.root
        # The import of a module may have added it again.
        if not any(other is value or is_like(other, value) for other in logger.filters):
            logger.addFilter(value)
    elif kind == "reducer":
        import copyreg
        copyreg.pickle(*value)


RESTORED = {
    "umask": posix.umask, "gc": restore_collector, "switch interval": sys.setswitchinterval,
    "stack size": lambda size: silently("_thread").stack_size(size), "signals": restore_signals,
    "bytecode": lambda value: setattr(sys, "dont_write_bytecode", value),
    "traceback limit": lambda value: setattr(sys, "tracebacklimit", value), "fault handler": restore_fault_handler,
    "time zone": restore_time_zone, "socket timeout": restore_socket_timeout, "machine": restore_environment,
    "streams": restore_streams, "log": restore_log, "argv": lambda words: setattr(sys, "argv", words),
}
