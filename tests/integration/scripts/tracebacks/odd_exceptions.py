# Exceptions that cannot be shown, or only oddly.
import traceback


class Unprintable(Exception):
    def __str__(self):
        raise ValueError("no text")


class Multiline(Exception):
    __module__ = "some.where"


for error in Unprintable(), Multiline("one\ntwo"), KeyError("key"), UnicodeError("\ud800"), OSError(2, "No file", "x"):
    try:
        raise error
    except Exception:
        traceback.print_exc()
raise Unprintable
