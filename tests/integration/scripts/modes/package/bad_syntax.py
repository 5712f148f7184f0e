# `-m` of a module that cannot be compiled.
def f(:
    pass
