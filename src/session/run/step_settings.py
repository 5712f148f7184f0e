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
    ("logging", "_logRecordFactory", "LogRecord"), ("urllib.request", "_opener", None),
)
# Settings that are objects of the script, or have some in them.
KEPT_APART = ("builtins", "filters")
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
    found["limits"], found["priority"] = resource_limits(), posix.getpriority(posix.PRIO_PROCESS, 0)
    if hasattr(posix, "sched_getaffinity"):
        found["processors"] = posix.sched_getaffinity(0)
    found["filters"] = list(getattr(sys.modules.get("warnings", _warnings), "filters", ()))
    if "_csv" in sys.modules:
        found["csv"] = csv_settings()
    if "multiprocessing.context" in sys.modules:
        context = sys.modules["multiprocessing.context"]._default_context
        found["start method"] = context.get_start_method(allow_none=True)
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
        # Not `open`, which the script may have replaced.
        with _io.FileIO("/proc/self/status") as file:
            return next((int(line[6:], 8) for line in file.readall().splitlines() if line.startswith(b"Umask:")), None)
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
    found = {name: value for name, value in now.items() if value != before.get(name) and name not in KEPT_APART}
    if "limits" in found:
        found["limits"] = [limit for limit in found["limits"] if limit not in before["limits"]]
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
        usual = None if original is None else getattr(loaded, original, value)
        if value is None or value is usual or is_captured(module, name):
            continue
        found.append((("attribute", module, name), value, f"{module}.{name}", name in NEEDED))
    before, builtins = program.settings["builtins"], sys.modules["builtins"]
    for name, value in vars(builtins).items():
        # A prompt binds `_` to values, `gettext.install` to a function.
        is_result = name == "_" and not callable(value)
        if not is_result and before.get(name, Missing) is not value and not name.startswith("__"):
            found.append((("attribute", "builtins", name), value, f"builtins.{name}", False))
    filters = list(getattr(sys.modules.get("warnings", _warnings), "filters", ()))
    if filters != program.settings["filters"]:
        found.append((("filters of warnings",), filters, "the filters of warnings", False))
    hooks = sys.get_asyncgen_hooks()
    if any(hooks):
        found.append((("asyncgen hooks",), tuple(hooks), "the hooks of asynchronous generators", False))
    return found + kept_signals() + kept_filters() + registered(program) + kept_exit_functions(program) + kept_defaults(program)


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


def losses(program, namespace, frames):
    """What a resumed run does not have, besides variables."""
    found = lost_registrations(program, [(frame["root"], frame["path"], frame["at"]) for frame in frames])
    for name in ("profile", "trace"):
        if getattr(sys, f"get{name}")() is not None:
            found.append(f"a resumed run does not have the function of sys.set{name}")
        if getattr(sys.modules.get("threading"), f"_{name}_hook", None) is not None:
            found.append(f"a resumed run does not have the function of threading.set{name}")
    return found


# --- back again


def restore_settings(program, namespace, frames, outer):
    settings, signals = outer.get("settings", {}), silently("_signal")
    for name, value in settings.items():
        if name in RESTORED and value is not None:
            RESTORED[name](value)
    for number, how in enumerate(outer.get("kept", ())):
        value = namespace.pop(KEPT.format(number), Missing)
        if value is not Missing:
            restore_kept(program, how, value, signals)
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


def restore_limits(limits):
    import resource
    for name, *limit in limits:
        resource.setrlimit(getattr(resource, name), limit)


def restore_scheduling(function, value):
    try:
        function(value)
    except OSError:
        # This machine has other processors, or the user may not raise the priority.
        pass


def restore_start_method(name):
    import multiprocessing
    multiprocessing.set_start_method(name, force=True)


def is_like(other, value):
    own = getattr(value, "__dict__", None)
    return type(other) is type(value) and type(value) is not FunctionType and own and vars(other) == own


def restore_kept(program, how, value, signals):
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
    elif kind == "filters of warnings":
        import warnings
        warnings.filters[:] = value
        # Python caches the decisions that the filters led to.
        warnings.simplefilter("default", append=True)
        warnings.filters[:] = value
    elif kind == "asyncgen hooks":
        sys.set_asyncgen_hooks(*value)
    elif kind == "defaults":
        restore_defaults(*how[1:], value)
    elif kind == "exit function":
        restore_exit_function(program, value)
    else:
        restore_registered(program, how, value)


RESTORED = {
    "umask": posix.umask, "gc": restore_collector, "switch interval": sys.setswitchinterval,
    "stack size": lambda size: silently("_thread").stack_size(size), "signals": restore_signals,
    "bytecode": lambda value: setattr(sys, "dont_write_bytecode", value),
    "traceback limit": lambda value: setattr(sys, "tracebacklimit", value), "fault handler": restore_fault_handler,
    "time zone": restore_time_zone, "socket timeout": restore_socket_timeout, "machine": restore_environment,
    "limits": restore_limits, "csv": restore_csv, "start method": restore_start_method,
    "priority": lambda value: restore_scheduling(lambda it: posix.setpriority(posix.PRIO_PROCESS, 0, it), value),
    "processors": lambda value: restore_scheduling(lambda it: posix.sched_setaffinity(0, it), value),
    "streams": restore_streams, "log": restore_log, "argv": lambda words: setattr(sys, "argv", words),
}
