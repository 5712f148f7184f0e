# Exception groups, nested and with notes (3.11 and later).
def failing(message):
    raise ValueError(message)


def caught(message):
    try:
        failing(message)
    except ValueError as error:
        error.add_note(f"a note on {message}")
        return error


raise ExceptionGroup("several", [caught("one"), ExceptionGroup("deep", [caught("two"), OSError(2, "no file")])])
