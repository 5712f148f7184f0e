#### generators_and_coroutines
# seen: dill#10
# dill: dump fails: TypeError
# check: pipeline["gen"] is running and list(running) == [1, 4]
# check: waiting.close() is None and source_list == [1, 2]
source_list = [1, 2]
running = (n * n for n in source_list)
async def sleepy(): return 1
waiting = sleepy()
pipeline = {"source": source_list, "gen": running}
import warnings
warnings.simplefilter("ignore")

#### thread_locals
# dill: dump fails: TypeError
# left out: local: _thread._local
# check: beside_local == 1
import threading
local = threading.local()
local.x = 5
beside_local = 1

#### queues
# dill: dump fails: TypeError
# check: simple_items == [1]
# left out: queue_simple: SimpleQueue
import queue
queue_simple = queue.SimpleQueue()
simple_items = [1]

#### ordinary_queue
# dill: fine
# check: waiting_line.get(timeout=1) == 1 and waiting_line.maxsize == 3
import queue
waiting_line = queue.Queue(3)
waiting_line.put(1)

#### loggers
# dill: fine
# check: log.name == "app.part" and log is logging.getLogger("app.part") and root_log is logging.getLogger() and uses_log() == 10
import logging
log = logging.getLogger("app.part")
root_log = logging.getLogger()
log.setLevel(10)
def uses_log(): return 10

#### log_handlers
# dill: fine
# left out: file_handler: a log file
# check: formatter._fmt == "%(message)s"
import logging
file_handler = logging.FileHandler("app.log")
formatter = logging.Formatter("%(message)s")

#### context_variables
# dill: dump fails: TypeError
# left out: request_id: ContextVar
# left out: context: Context
# left out: token: Token
# check: plain_id == 5
import contextvars
request_id = contextvars.ContextVar("request_id", default=5)
token = request_id.set(6)
context = contextvars.copy_context()
plain_id = 5

#### open_files_of_every_mode
# dill: fine
# left out: temporary: file
# check: open("kept.txt").read() == in_binary.read().decode() == for_reading.read() == "kept" and not in_binary.seek(0) and not for_reading.seek(0)
import tempfile
with open("kept.txt", "w") as kept_file: kept_file.write("kept")
del kept_file
for_reading = open("kept.txt")
for_appending = open("kept.txt", "a")
in_binary = open("kept.txt", "rb")
for_updating = open("kept.txt", "r+")
for_writing = open("other.txt", "w")
temporary = tempfile.TemporaryFile()

#### streams_in_memory
# dill: fine
# check: text_stream.read() == "lo" and bytes_stream.getvalue() == b"xyz" and bytes_stream.tell() == 1
import io
text_stream = io.StringIO("hello"); text_stream.seek(3)
bytes_stream = io.BytesIO(b"xyz"); bytes_stream.seek(1)

#### standard_streams
# dill: fine
# check: out_stream is sys.stdout and err_stream is sys.stderr
import sys
out_stream, err_stream = sys.stdout, sys.stderr

#### sockets
# dill: dump fails: TypeError
# left out: plug: socket
# check: host == "localhost"
import socket
plug = socket.socket()
in_dict = {"host": "localhost", "plug": plug}
host = "localhost"

#### databases
# dill: dump fails: TypeError
# left out: connection: sqlite3.Connection
# left out: cursor: sqlite3.Cursor
# check: rows == [(1,)]
import sqlite3
connection = sqlite3.connect(":memory:")
cursor = connection.execute("select 1")
rows = cursor.fetchall()

#### memory_views_and_maps
# dill: dump fails: TypeError
# left out: view_of_bytes: memoryview
# left out: mapped: mmap.mmap
# check: bytes_behind == b"abc"
import mmap
bytes_behind = b"abc"
view_of_bytes = memoryview(bytes_behind)
mapped = mmap.mmap(-1, 16)

#### event_loops
# dill: dump fails: TypeError
# left out: loop: loop
# check: loop_result == 1
import asyncio
async def one(): return 1
loop = asyncio.new_event_loop()
loop_result = loop.run_until_complete(one())

#### foreign_functions
# dill: dump fails: PicklingError
# left out: pointer: ctypes objects containing pointers cannot be pickled
# check: c_number.value == 5 and (c_struct.x, CPoint(4).x) == (3, 4)
import ctypes
class CPoint(ctypes.Structure): _fields_ = [("x", ctypes.c_int)]
c_number = ctypes.c_int(5)
c_struct = CPoint(3)
pointer = ctypes.pointer(c_number)

#### processes_and_their_tools
# seen: dill#10
# dill: dump fails: TypeError
# left out: process: Process
# left out: shared_value: multiprocessing
# left out: process_queue: multiprocessing
# check: work_of_process.__name__ == "work_of_process"
import multiprocessing
def work_of_process(): pass
process = multiprocessing.Process(target=work_of_process)
shared_value = multiprocessing.Value("i", 5)
process_queue = multiprocessing.Queue()

#### tasks_and_async_locks
# dill: dump fails: TypeError
# left out: task: cannot pickle
# check: task_result == 3 and async_event.is_set()
import asyncio
async def three(): return 3
async def run_three():
    task = asyncio.ensure_future(three())
    await task
    return task
task = asyncio.run(run_three())
task_result = task.result()
async_event = asyncio.Event()
async_event.set()

#### archives_and_compressed_files
# dill: dump fails: AttributeError
# left out: packed: file
# check: gzip.open("t.gz").read() == b"t" and zipfile.ZipFile("t.zip").read("a") == b"a"
import gzip, zipfile
with gzip.open("t.gz", "wb") as unpacked_file: unpacked_file.write(b"t")
with zipfile.ZipFile("t.zip", "w") as zipped_file: zipped_file.writestr("a", "a")
del unpacked_file, zipped_file
packed, archive = gzip.open("t.gz"), zipfile.ZipFile("t.zip")

#### writers_and_readers_of_tables
# dill: dump fails: TypeError
# left out: writer: writer
# left out: reader: reader
# check: table_text.getvalue() == "1,2\r\n"
import csv, io
table_text = io.StringIO()
writer = csv.writer(table_text)
writer.writerow([1, 2])
reader = csv.reader(["a,b"])

#### locks_and_their_kin
# dill: wrong
# check: lock.acquire(blocking=False) and rlock.acquire(blocking=False)
# restored only: the locks were held before
import threading
lock, rlock = threading.Lock(), threading.RLock()
lock.acquire()
rlock.acquire()

#### conditions_events_semaphores
# dill: wrong
# check: event.is_set() and semaphore.acquire(blocking=False) and condition.acquire(blocking=False) and barrier.parties == 2
import threading
event, condition, semaphore, barrier = threading.Event(), threading.Condition(), threading.Semaphore(2), threading.Barrier(2)
event.set()

#### threads
# dill: fine
# left out: thread: thread
# check: thread_result == [1]
import threading
thread_result = []
thread = threading.Thread(target=thread_result.append, args=(1,))
thread.start()
thread.join()

#### pools_and_futures
# dill: dump fails: TypeError
# left out: pool: an executor
# check: pool_result == 8 and future.result() == 8
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(1)
future = pool.submit(pow, 2, 3)
pool_result = future.result()
pool.shutdown()

#### child_processes
# dill: fine
# left out: child: Popen
# check: child_code == 0
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "pass"])
child_code = child.wait()
