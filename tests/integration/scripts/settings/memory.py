# tracemalloc reports the lines of the script that allocated memory.
import tracemalloc

print(tracemalloc.is_tracing(), tracemalloc.get_traceback_limit())
data = bytearray(1_000_000)
print(tracemalloc.get_object_traceback(data))
