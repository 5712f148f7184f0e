# An `atexit` function that fails is shown, the others run, the exit code stays.
import atexit


class Fail:
    def __call__(self):
        raise ValueError("at exit")

    def __repr__(self):
        return "<Fail, which shows no address>"


atexit.register(print, "still runs")
atexit.register(Fail())
atexit.register(print, "runs first")
