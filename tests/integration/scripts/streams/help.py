# help() and pydoc about the script's own things.
def function(argument: int) -> str:
    """Says what it does."""


class Thing:
    """A thing."""

    value = 3


help(function)
help(Thing)
