# A module beside the script of a folder or a zip archive.
WHERE = __file__


def fail():
    raise LookupError("from beside")
