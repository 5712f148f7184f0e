"""Where a script catches `KeyboardInterrupt`: there, Ctrl-C does what it does under Python."""

CATCHING = ("KeyboardInterrupt", "BaseException")


def catching_ranges(node):
    """The ranges of lines from which a `KeyboardInterrupt` is caught."""
    found = []
    if isinstance(node, Try) and any(map(catches, node.handlers)):
        found.append((node.body[0].lineno, node.body[-1].end_lineno))
    for child in fields(node):
        found += catching_ranges(child)
    return found


def catches(handler):
    kinds = handler.type.elts if isinstance(handler.type, Tuple) else [handler.type]
    return any(kind is None or getattr(kind, "id", getattr(kind, "attr", None)) in CATCHING for kind in kinds)


def ranges_of(program, filename):
    """The ranges in the script, or in a module of it."""
    if filename not in program.catching:
        program.catching[filename] = []
        try:
            if filename == program.filename:
                program.catching[filename] = catching_ranges(program.tree)
            elif is_own_source(filename) and filename.endswith(".py"):
                with _io.FileIO(filename) as file:
                    program.catching[filename] = catching_ranges(quiet(file.readall(), filename, "exec", ONLY_AST, True))
        except (OSError, SyntaxError, ValueError):
            # Python itself has read it, so it has changed since.
            pass
    return program.catching[filename]


def has_interrupt_handler(program):
    return bool(ranges_of(program, program.filename))


def catches_interrupt(program, frame):
    while frame is not None:
        line = frame.f_lineno or 0
        if any(first <= line <= last for first, last in ranges_of(program, frame.f_code.co_filename)):
            return True
        frame = frame.f_back
    return False
