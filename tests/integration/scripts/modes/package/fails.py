# `-m package.fails`: runpy's own frames are in the traceback.
def fail():
    raise ValueError("on purpose")


fail()
