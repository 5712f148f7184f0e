# Exceptions that are not of the common kind end a script, too.
class Stop(BaseException):
    pass


try:
    raise GeneratorExit("caught")
except BaseException as error:
    print(repr(error))
raise Stop("for good")
