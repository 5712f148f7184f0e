import logging, sys, time
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger("job")
n = 0
for i in range(60):
    time.sleep(0.008)
    n += i
    log.info("step %d %d", i, n)
result = repr((n, len(logging.root.handlers)))
log.warning("end %d", n)
print(result)
