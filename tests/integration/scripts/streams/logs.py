# logging, with and without set-up, and its last words.
import logging

logging.warning("before set-up")
logging.basicConfig(level=logging.DEBUG, force=True, format="%(levelname)s %(name)s %(funcName)s:%(lineno)d %(message)s")


def work():
    log = logging.getLogger("work")
    log.debug("bytes left: %d", 3)
    try:
        1 / 0
    except ZeroDivisionError:
        log.exception("it failed")
    log.info("wrong %d", "arguments")


work()
print([log for log in logging.root.manager.loggerDict if log != "work"])
