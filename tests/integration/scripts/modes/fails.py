# A script that fails in a function.
def fail(divisor):
    return 1 / divisor


fail(0)
