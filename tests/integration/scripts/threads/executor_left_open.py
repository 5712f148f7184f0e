# Pending futures still run when the script ends.
import threading
from concurrent.futures import ThreadPoolExecutor

go = threading.Event()
executor = ThreadPoolExecutor(1)
executor.submit(go.wait)
for number in range(3):
    executor.submit(print, "future", number)
print("last line")
go.set()
