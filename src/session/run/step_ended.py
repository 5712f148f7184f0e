"""Objects that have come to their end, such as a closed connection or a process that has exited. They cannot be saved, but
others of their kind can be made that have ended, too."""


def end_of(value):
    """What makes another object like one that has ended; None if it has not, or is of another kind."""
    for module, name, ended, _ in ENDED:
        kind = member(module, name)
        if type(value) is kind or module == "asyncio" and isinstance(kind, type) and isinstance(value, kind):
            try:
                state = ended(value)
            except Exception:
                return None
            return None if state is None else (module, name, state)
    return None


def another_ended(end):
    module, name, state = end
    return next(make for known, other, _, make in ENDED if (known, other) == (module, name))(state)


def loaded(name):
    return __import__(name, fromlist=["*"])


def end_of_connection(value):
    try:
        value.in_transaction
    except sys.modules["sqlite3"].ProgrammingError:
        return ()
    return None


def closed_connection(_):
    connection = loaded("sqlite3").connect(":memory:")
    connection.close()
    return connection


def end_of_socket(value):
    return (int(value.family), int(value.type), value.proto) if value.fileno() == -1 else None


def closed_socket(state):
    module = loaded("socket")
    made = module.socket(*state)
    made.close()
    return made


def closed_loop(_):
    made = loaded("asyncio").new_event_loop()
    made.close()
    return made


def ended_executor(most):
    made = loaded("concurrent.futures.thread").ThreadPoolExecutor(most)
    made.shutdown()
    return made


def end_of_process(value):
    pipes = [getattr(value, name) for name in STREAMS]
    if value.returncode is None or any(pipe is not None and not pipe.closed for pipe in pipes):
        return None
    plain = {name: item for name, item in vars(value).items() if name not in STREAMS and is_plain_value(item)}
    arguments = value.args if is_plain_value(value.args) else None
    return plain, arguments, [name for name, pipe in zip(STREAMS, pipes) if pipe is not None]


def is_plain_value(value):
    """Whether a value consists of strings and numbers."""
    if type(value) in (list, tuple):
        return all(map(is_plain_value, value))
    return type(value) in (int, float, bool, str, bytes, type(None))


def ended_process(state):
    plain, arguments, piped = state
    kind = loaded("subprocess").Popen
    made = kind.__new__(kind)
    made._waitpid_lock, made.args = loaded("threading").Lock(), arguments
    for name in STREAMS:
        setattr(made, name, None)
    vars(made).update(plain)
    for name in piped:
        pipe = _io.BufferedReader(_io.BytesIO())
        pipe.close()
        setattr(made, name, pipe)
    return made


def end_of_thread(value):
    return None if value.ident is None or value.is_alive() else (value.name, value.daemon)


def ended_thread(state):
    name, daemon = state
    made = loaded("threading").Thread(target=int, name=name, daemon=daemon)
    made.start()
    made.join()
    return made


ENDED = (
    ("sqlite3", "Connection", end_of_connection, closed_connection),
    ("socket", "socket", end_of_socket, closed_socket),
    ("asyncio", "AbstractEventLoop", lambda loop: () if loop.is_closed() else None, closed_loop),
    ("concurrent.futures.thread", "ThreadPoolExecutor",
     lambda pool: pool._max_workers if pool._shutdown else None, ended_executor),
    ("subprocess", "Popen", end_of_process, ended_process),
    ("threading", "Thread", end_of_thread, ended_thread),
)


def ended_objects(namespace, frames):
    """The variables that have ended: the number of the scope, the name, the object's number, and what makes another."""
    made, found = {}, []
    for depth, scope in enumerate(scopes(namespace, frames)):
        cells = frames[depth].get("cells", {}) if depth else {}
        shared = [(name, cell.cell_contents) for name, cell in cells.items() if has_value(cell)]
        for name, value in list(scope.items()) + shared:
            if id(value) not in made:
                made[id(value)] = end_of(value)
            if made[id(value)] is not None:
                found.append((depth, name, id(value), made[id(value)]))
    return found


def restore_ended(namespace, frames, ended):
    every, made = scopes(namespace, frames), {}
    for depth, name, number, end in ended:
        if name in every[depth]:
            continue
        if number not in made:
            made[number] = another_ended(end)
        every[depth][name] = made[number]
