# SystemExit from deep inside, past `finally` and `except Exception`.
def leave():
    try:
        raise SystemExit(9)
    except Exception:
        print("not reached")
    finally:
        print("on the way out")


def call(function):
    try:
        function()
    finally:
        print("further out")


call(leave)
