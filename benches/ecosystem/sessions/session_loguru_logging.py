"""A logger, a formatter and a handler of the standard library, beside loguru."""

import logging

from loguru import logger

logger.remove()
log = logging.getLogger("shop")
log.setLevel(logging.DEBUG)
log.addHandler(logging.NullHandler())
log.propagate = False
fmt = logging.Formatter("{levelname:<8}{message}", style="{")
level = logger.level("NOTE", no=25, color="<blue>", icon="n")
del logger

CHECKS = {
    "log": "log.name, log.level, [type(one).__name__ for one in log.handlers], log.propagate",
    "fmt": "fmt.format(logging.makeLogRecord({'levelname': 'INFO', 'msg': 'a %s', 'args': ('b',)})), fmt._fmt",
    "level": "tuple(level), level.no, type(level).__name__",
}
