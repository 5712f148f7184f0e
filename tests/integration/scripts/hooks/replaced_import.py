# A script that replaces `__import__` and `open` sees only its own calls, until it is done.
import builtins

original = builtins.__import__


def watched(name, *arguments, **options):
    print("import of", name)
    return original(name, *arguments, **options)


builtins.__import__ = watched
import colorsys

builtins.__import__ = original
