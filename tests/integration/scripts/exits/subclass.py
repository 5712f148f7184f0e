# A subclass of SystemExit, whose code is an object that prints itself.
class Code:
    def __str__(self):
        return "an object's own words"


class Leave(SystemExit):
    pass


raise Leave(Code())
