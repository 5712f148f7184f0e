# An error under several functions: every frame, with its source line.
def outer(value):
    return middle(value + 1)


def middle(value):
    results = [inner(value, divisor) for divisor in (2, 1, 0)]
    return results


def inner(value, divisor):
    return value / divisor


print(outer(1))
