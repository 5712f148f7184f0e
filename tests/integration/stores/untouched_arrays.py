"""Changes arrays in every way that is known here, at random, and compares each snapshot with the session. Prints how
many ways were used, and how often the kernel watched pages of this process."""

import ctypes
import mmap
import os
import random
import sys
import threading
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import snapcli

STORE, seed, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
choice = random.Random(seed)
numbers = np.random.default_rng(seed)
libc = ctypes.CDLL(None, use_errno=True)
PAGE = mmap.PAGESIZE
MADV_DONTNEED = 4


def fresh():
    """Of a length that has a buffer of its own, and that is seldom a whole number of pages."""
    return numbers.integers(0, 255, choice.randrange(280_000, 600_000), dtype=np.uint8)


session = {f"plain{number}": fresh() for number in range(4)}
session["tall"] = numbers.random((300, 200))
session["long"] = numbers.random(1 << 17)
session["bytes"] = bytearray(os.urandom(300_000))
session["view"] = session["long"][100:]

shared = SharedMemory(create=True, size=400_000)
session["shared"] = np.frombuffer(shared.buf, dtype=np.uint8)
anonymous = mmap.mmap(-1, 80 * PAGE)
session["anonymous"] = np.frombuffer(anonymous, dtype=np.uint8)
private = mmap.mmap(-1, 80 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
session["private"] = np.frombuffer(private, dtype=np.uint8)
session["zeros"] = np.zeros(500_000, dtype=np.uint8)
path = STORE.rstrip("/") + ".raw"
fresh().tofile(path)
session["file"] = np.memmap(path, dtype=np.uint8, mode="r+")
session["copied"] = np.memmap(path, dtype=np.uint8, mode="c")


def plain():
    return f"plain{choice.randrange(4)}"


def place(array):
    """A byte, mostly somewhere, sometimes at an end."""
    return choice.choice([0, 1, array.nbytes - 1, choice.randrange(array.nbytes), choice.randrange(array.nbytes)])


def in_child(action):
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    os.waitpid(child, 0)


def element():
    array = session[plain()]
    array[place(array)] ^= 1


def zeros_written():
    session["zeros"][place(session["zeros"])] ^= 1


def view():
    session["tall"].T[choice.randrange(200)] *= 1.5


def overlapping():
    session[choice.choice(["long", "view"])][choice.choice([0, 5, 101, -1])] += 1


def bytes_of_view():
    array = session["long"].view(np.uint8)
    array[place(array)] ^= 1


def memory_view():
    memory = memoryview(session[plain()])
    memory[place(memory)] ^= 1


def byte_array():
    session["bytes"][choice.randrange(300_000)] ^= 1


def memset():
    array = session[plain()]
    at = place(array)
    ctypes.memset(array.ctypes.data + at, choice.randrange(256), min(9, array.nbytes - at))


def read_into():
    array = session[plain()]
    at = place(array)
    with open("/dev/urandom", "rb", buffering=0) as file:
        file.readinto(memoryview(array)[at : at + 7])


def own_memory_file():
    array = session[plain()]
    with open("/proc/self/mem", "r+b", buffering=0) as file:
        file.seek(array.ctypes.data + place(array))
        file.write(bytes([choice.randrange(256)]))


def replaced_at_once():
    name = plain()
    length = session.pop(name).nbytes
    session[name] = choice.choice([np.zeros, np.ones])(length, dtype=np.uint8)


def replaced_by_zeros():
    session["zeros"] = None
    session["zeros"] = np.zeros(500_000, dtype=np.uint8)


def resized():
    session[plain()].resize(choice.randrange(280_000, 600_000), refcheck=False)


def dropped_pages():
    array = session[choice.choice(["private", "plain0", "plain1"])]
    start = -(-array.ctypes.data // PAGE) * PAGE + choice.randrange(20) * PAGE
    assert libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(3 * PAGE), MADV_DONTNEED) == 0


def child_writes_its_copy():
    in_child(element)


def child_writes_shared():
    name = choice.choice(["shared", "anonymous"])
    at = place(session[name])

    def write():
        session[name][at] ^= 1

    in_child(write)


def other_handle():
    other = SharedMemory(shared.name)
    other.buf[choice.randrange(400_000)] ^= 1
    other.close()


def file_written():
    with open(path, "r+b") as file:
        file.seek(choice.randrange(os.path.getsize(path)))
        file.write(os.urandom(3))


def copy_on_write():
    session["copied"][choice.randrange(len(session["copied"]))] ^= 1


def private_written():
    private[choice.randrange(80 * PAGE)] ^= 1


def in_place():
    array = session[plain()]
    choice.choice([np.ndarray.sort, numbers.shuffle, lambda array: np.add(array, 1, out=array)])(array)


def there_and_back():
    array = session[plain()]
    array ^= 255
    array ^= 255


def swapped():
    one, other = plain(), plain()
    session[one], session[other] = session[other], session[one]


def written_while_saving():
    array, stop = session[plain()], threading.Event()

    def write():
        while not stop.wait(0.0005):
            array[array.nbytes // 2] ^= 1

    thread = threading.Thread(target=write)
    thread.start()
    snapcli.save(STORE, session, sync=False)
    stop.set()
    thread.join()


def nothing():
    pass


WAYS = [
    element, zeros_written, view, overlapping, bytes_of_view, memory_view, byte_array, memset, read_into,
    own_memory_file, replaced_at_once, replaced_by_zeros, resized, dropped_pages, child_writes_its_copy,
    child_writes_shared, other_handle, file_written, copy_on_write, private_written, in_place, there_and_back, swapped,
    written_while_saving, nothing,
]  # fmt: skip


def is_watched():
    """Whether the kernel watches writes to some memory of this process."""
    with open("/proc/self/smaps") as file:
        return any(line.startswith("VmFlags:") and " uw" in line for line in file)


def compare(step, ways):
    found = snapcli.load_dict(STORE)
    for name, value in session.items():
        assert bytes(found[name]) == bytes(value), (seed, step, name, ways)


def run():
    # Each way is used, in an order of its own; then some at a time.
    order = [[way] for way in choice.sample(WAYS, len(WAYS))]
    order += [choice.sample(WAYS, choice.randrange(4)) for _ in range(steps)]
    watched = 0
    snapcli.save(STORE, session, sync=False)
    for step, ways in enumerate(order):
        # What is watched needs two saves that find the same.
        for _ in range(choice.randrange(3)):
            snapcli.save(STORE, session, sync=False)
        for way in ways:
            way()
        snapcli.save(STORE, session, sync=False)
        compare(step, [way.__name__ for way in ways])
        watched += is_watched()
    print(len(WAYS), watched)


run()
session.clear()
shared.unlink()
