# A module next to a script in another folder.
def fail():
    raise OSError("from the neighbour")
