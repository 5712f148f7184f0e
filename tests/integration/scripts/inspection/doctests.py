# doctest.testmod() finds the script's own examples.
import doctest


def double(number):
    """
    >>> double(2)
    4
    >>> double("ab")
    'aba'
    >>> double(None)
    0
    """
    return number * 2


print(doctest.testmod())
