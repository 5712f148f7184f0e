# `raise … from …`, and `raise … from None`.
import traceback


def parse(text):
    try:
        return int(text)
    except ValueError as error:
        raise RuntimeError(f"bad number {text!r}") from error


def hide():
    try:
        parse("hidden")
    except RuntimeError:
        raise KeyError("only this is seen") from None


try:
    hide()
except KeyError:
    traceback.print_exc()
parse("seven")
