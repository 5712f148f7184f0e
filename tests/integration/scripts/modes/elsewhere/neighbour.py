# A module beside a script that lies in another folder.
def fail():
    raise OSError("from the neighbour")
