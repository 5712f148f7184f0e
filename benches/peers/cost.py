"""Measures the time and memory of a function, and how much it reads from a file: from /proc, in a child process.

In a child, because memory that one peer leaves in the heap would affect the next one.
"""

import ctypes
import gc
import json
import os
import time


def in_child(work):
    """Runs `work` in a forked child, and returns its result, which must be JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        # The child must exit here, or snapcli would save its session.
        try:
            os.close(reader)
            with open(writer, "w") as file:
                json.dump(work(), file)
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader) as file:
        answer = file.read()
    os.waitpid(child, 0)
    return json.loads(answer) if answer else {"cannot": "the process died of it"}


def peak_of(work):
    """The peak memory and the memory held at the end, in bytes over the start, and the time."""
    gc.collect()
    touch_libraries()
    before = status("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        # proc(5): sets the peak, VmHWM, to what is resident now.
        file.write("5")
    start = time.perf_counter()
    kept = work()
    seconds = time.perf_counter() - start
    peak, held = status("VmHWM") - before, status("VmRSS") - before
    del kept
    return {"peak": peak, "held": held, "seconds": seconds}


def timed(work):
    """The time of `work`, without freeing its result."""
    start = time.perf_counter()
    kept = work()
    seconds = time.perf_counter() - start
    del kept
    return {"seconds": seconds}


def touch_libraries():
    """Maps the pages of the libraries, some MB, which a fork starts without, so that they do not count for a peer."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps") as file:
        maps = [line.split() for line in file]
    for place, access, _, _, _, *path in maps:
        if access.startswith("r") and path and path[0].startswith("/"):
            start, end = (int(number, 16) for number in place.split("-"))
            madvise(start, end - start, 22)  # MADV_POPULATE_READ; an old kernel ignores it


def status(name):
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file)
    return int(lines[name].split()[0]) * 1024


def read_of(path, work):
    """How much of the file `work` reads: by calls of read, and by touching pages of a mapping (None: not known)."""
    evict(path)
    cold = resident(path) == 0
    before = read_by_calls()
    kept = work()
    calls = read_by_calls() - before
    touched = resident(path) if cold else None
    del kept
    return {"calls": calls, "touched": touched}


def read_by_calls():
    with open("/proc/self/io") as file:
        counts = dict(line.split(":", 1) for line in file)
    return int(counts["rchar"])


def evict(path):
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def resident(path):
    """The bytes of the file that are in the page cache; the kernel reads some pages around each that is touched."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]
    page, size = os.sysconf("SC_PAGE_SIZE"), os.path.getsize(path)
    file = os.open(path, os.O_RDONLY)
    try:
        place = libc.mmap(None, size, 1, 1, file, 0)  # PROT_READ, MAP_SHARED
    finally:
        os.close(file)
    pages = ctypes.create_string_buffer((size + page - 1) // page)
    if libc.mincore(place, size, pages) != 0:
        raise OSError(ctypes.get_errno(), "mincore failed")
    libc.munmap(place, size)
    return sum(byte & 1 for byte in pages.raw) * page
