# The recursion limit is reached at the same depth.
def down(depth):
    return down(depth + 1)


down(0)
