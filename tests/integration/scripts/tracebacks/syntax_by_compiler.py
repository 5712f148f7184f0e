# An error that the compiler finds, not the parser.
def f():
    return 1


return f()
