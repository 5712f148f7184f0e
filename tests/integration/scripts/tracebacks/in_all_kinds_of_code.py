# Errors in lambdas, comprehensions, generators, class bodies, properties and decorated functions.
import functools
import traceback


def shown(function):
    @functools.wraps(function)
    def call():
        try:
            function()
        except Exception:
            traceback.print_exc()

    return call


@shown
def in_lambda():
    (lambda: 1 / 0)()


@shown
def in_generator():
    list(1 / x for x in (1, 0))


@shown
def in_class_body():
    class Broken:
        value = undefined


@shown
def in_key_function():
    sorted([1, "2"], key=lambda value: value + 1)


class Lazy:
    @property
    def value(self):
        return self.missing


for function in in_lambda, in_generator, in_class_body, in_key_function:
    function()
Lazy().value
