//! Memory that a forked process shares with the program: a save in the background has it as it was at the call.

use super::prints;
use crate::env::{Sandbox, Stack, main_python, pythons, venv};

#[test]
fn arrays_in_shared_memory_are_those_of_the_call() {
    let code = "
import numpy
from multiprocessing import shared_memory
n = 3_000_000
mapped = numpy.memmap('m.bin', dtype='u1', mode='w+', shape=n)
again = numpy.memmap('m.bin', dtype='u1', mode='r+', shape=(1000, 1000), offset=4096)
seen = numpy.memmap('m.bin', dtype='u1', mode='r')
block = shared_memory.SharedMemory(create=True, size=n)
shared = numpy.ndarray((n,), dtype='u1', buffer=block.buf)
plain = numpy.zeros(n, 'u1')
names = dict(mapped=mapped, again=again, seen=seen, shared=shared, plain=plain)
for number in range(3):
    for array in (mapped, shared, plain): array[:] = number
    for name in ('go', 'waiting'):
        if os.path.exists(name): os.remove(name)
    job = snapcli.save('a.pkl', {'waits': Waits(), **names}, wait=False, check=False)
    until('waiting')
    for array in (mapped, shared, plain): array[:] = 99
    make('go')
    report = job.result()
    back = snapcli.load_dict('a.pkl', trust=True)
    print([(int(back[name].min()), int(back[name].max())) for name in names], report.complete)
print(int(mapped[5]), int(shared[5]), int(numpy.fromfile('m.bin', 'u1')[5]))
block.unlink(); sys.stdout.flush(); os._exit(0)
";
    let same = |number: u32| format!("[{}] True\n", vec![format!("({number}, {number})"); 5].join(", "));
    let expected = format!("{}{}{}99 99 99\n", same(0), same(1), same(2));
    prints(&Sandbox::with(venv(main_python(), Stack::Full)), code, &expected);
}

#[test]
fn anonymous_maps_and_mapped_files_are_those_of_the_call() {
    for python in pythons() {
        let code = "
import mmap
class Held:
    # Is saved with the bytes that its map has when it is pickled.
    def __init__(self, bytes): self.bytes = bytes
    def __reduce__(self): return bytes, (self.bytes[:4],)
with open('m.bin', 'wb') as file: file.write(b'file' * 2000)
file = open('m.bin', 'r+b')
anonymous, of_file = mmap.mmap(-1, 8192), mmap.mmap(file.fileno(), 0)
# Cut off in the middle: the rest of the map has no pages.
with open('cut.bin', 'wb') as cut: cut.write(b'-' * 16384)
cut = open('cut.bin', 'r+b'); of_cut = mmap.mmap(cut.fileno(), 0)
of_cut[:4] = b'kept'; os.truncate('cut.bin', 4096)
anonymous[:4] = b'anon'
names = dict(waits=Waits(), anonymous=Held(anonymous), of_file=Held(of_file), of_cut=Held(of_cut))
job = snapcli.save('a.pkl', names, wait=False, check=False)
until('waiting')
anonymous[:4] = of_file[:4] = of_cut[:4] = b'late'
make('go')
report = job.result()
back = snapcli.load_dict('a.pkl', trust=True)
print(back['anonymous'], back['of_file'], back['of_cut'], anonymous[:4], open('m.bin', 'rb').read(4))
";
        prints(&Sandbox::with(venv(python, Stack::Dill)), code, "b'anon' b'file' b'kept' b'late' b'late'\n");
    }
}
