"""Files that a statement such as `log = Log("rows.csv")` opens for writing or removes: if it ran again, everything
written since would be lost. `file_openings.rs` passes on the audit events for them."""

EFFECTS = {"writes": "opens {} for writing", "appends": "opens {} for appending", "removes": "removes {}"}
STOPPED = "it {}, which would be lost"
MODULES_OF_SQL = ("sqlite3", "duckdb", "psycopg", "psycopg2", "pymysql", "MySQLdb", "mysql", "sqlalchemy", "apsw")
CHANGES_OF_TABLES = ("drop ", "delete from ", "insert ", "update ", "replace into ", "truncate ", "alter ")


def note_opening(program, path, how):
    """Notes a file that the script opens for writing or removes, with the statement that does so. While statements run
    again, nothing may be overwritten: returns the error with which the statement fails then."""
    if type(path) is bytes:
        path = path.decode("utf-8", "surrogateescape")
    if type(path) is not str:
        path = getattr(path, "__fspath__", lambda: None)()
    # A name with the number of the process is another one in the next process.
    if type(path) is not str or path.startswith(("/dev/", "/proc/")) or str(posix.getpid()) in path.rpartition("/")[2]:
        return None
    text = EFFECTS[how].format(path)
    if program.guarded is not None:
        if how == "appends" or not has_content(path):
            return None
        program.guarded.append(text)
        return STOPPED.format(text)
    logging = getattr(sys.modules.get("logging"), "__file__", None)
    frame = sys._getframe()
    while frame is not None:
        # A log goes on at its end.
        if how == "appends" and frame.f_code.co_filename == logging:
            break
        if frame.f_code.co_filename == program.filename:
            for key in assigned_in_line(program, frame.f_lineno):
                program.openings.setdefault(key, text)
        frame = frame.f_back
    return None


def has_content(path):
    try:
        return posix.stat(path).st_size > 0
    except (OSError, ValueError):
        return False


def assigned_in_line(program, line):
    """The variables that statements in this line assign, each with its function."""
    if line not in program.assigned:
        found = set()
        for site in program.sites:
            if site.kind == NOTE:
                stmt = statement_at(site.root.node, site.path)
                if stmt.lineno <= line <= stmt.end_lineno:
                    found.add((site.root.name, assigned_name(stmt)))
        program.assigned[line] = found
    return program.assigned[line]


def change_of_tables(value, lookup):
    """The SQL in a statement, or in the functions of the script that it calls, which would change tables once more."""
    if not any(module in sys.modules for module in MODULES_OF_SQL):
        return None
    texts = list(texts_in(value))
    for node, _ in inputs(value).values():
        for function in functions_reached(followed(node, lookup)):
            texts += texts_in_code(function.__code__)
    for text in texts:
        for part in text.lower().split(";"):
            part = " ".join(part.split()) + " "
            makes = part.startswith(("create table ", "create index ", "create unique index ", "create view "))
            if part.startswith(CHANGES_OF_TABLES) or makes and " if not exists " not in part:
                return part.strip()
    return None


def texts_in(node):
    if isinstance(node, Constant) and type(node.value) is str:
        yield node.value
    for child in fields(node):
        yield from texts_in(child)


def texts_in_code(code):
    for const in code.co_consts:
        if type(const) is str:
            yield const
        elif type(const) is CodeType:
            yield from texts_in_code(const)


def functions_reached(value, found=None):
    """The functions of the script that a call of a value runs, as far as their names tell."""
    found = {} if found is None else found
    for function in functions_run_by(value):
        if id(function) not in found and len(found) < 50:
            found[id(function)] = function
            own = vars(value) if isinstance(value, type) else {}
            for name in function.__code__.co_names:
                functions_reached(own.get(name, function.__globals__.get(name)), found)
    return list(found.values())


def functions_run_by(value):
    """A function of the script, or what makes an instance of a class of the script."""
    if isinstance(value, type) and value.__module__ == "__main__":
        members = [member for base in value.__mro__ for name in ("__new__", "__init__", "__post_init__")
                   if (member := vars(base).get(name)) is not None]
        return [getattr(member, "__func__", member) for member in members
                if type(getattr(member, "__func__", member)) is FunctionType]
    value = getattr(value, "__func__", value) if type(value) in (staticmethod, classmethod) else value
    return [value] if type(value) is FunctionType and value.__module__ == "__main__" else []
