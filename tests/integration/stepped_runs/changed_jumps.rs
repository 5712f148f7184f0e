//! Loops whose jumps lead elsewhere while something is asked for: the results are those of the script, whatever the
//! iterator is, however long the body, and whoever else observes the code.

use std::fmt::Write as _;

use super::{STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

#[test]
fn the_methods_of_an_iterator_are_called_as_often_as_by_python() {
    let script = "
calls = []
class Numbers:
    def __init__(self, end):
        self.n, self.end = 0, end
    def __iter__(self):
        calls.append('iter')
        self.n = 0
        return self
    def __next__(self):
        calls.append('next')
        self.n += 1
        if self.n > self.end:
            raise StopIteration
        return self.n
class Multiplied(Numbers):
    def __matmul__(self, other):
        calls.append('matmul')
        return self
for kind in (Numbers, Multiplied):
    for n in kind(4):
        checkpoint()
        calls.append(n)
        if n == 3 and kind is Numbers:
            kill(1)
        if n == 3 and kind is Multiplied:
            kill(2)
def given(end):
    yield from Numbers(end)
for n in given(3):
    checkpoint()
    calls.append(n)
    for k in {'a': 1, 'b': 2}:
        checkpoint()
        calls.append(k)
class Slotted:
    __slots__ = 'n'
    def __init__(self):
        self.n = 0
    def __iter__(self):
        calls.append('iter')
        self.n = 0
        return self
    def __next__(self):
        self.n += 1
        if self.n > 3:
            raise StopIteration
        return self.n
for n in Slotted():
    checkpoint()
    calls.append(n)
print(calls)
";
    assert_same(script, 3);
}

#[test]
fn bodies_of_any_length_have_their_jumps() {
    // Around 250 instructions, the argument of a jump needs a second byte.
    for lines in [1, 40, 58, 59, 60, 61, 62, 63, 64, 65, 120, 400] {
        let mut body = String::new();
        for line in 0..lines {
            let _ = writeln!(body, "    total += {line}");
        }
        let script = format!(
            "
total, log, n = 0, [], 0
for k in {{1: 2, 3: 4, 5: 6, 7: 8}}:
    if k == 3:
        checkpoint()
        continue
{body}
    if k == 5:
        kill(1)
    log.append(k)
while n < 6:
    n += 1
    if n == 3:
        checkpoint()
        continue
{body}
    if n == 5:
        kill(2)
    log.append(n)
print(total, log)
"
        );
        assert_same(&script, 3);
    }
}

#[test]
fn every_kind_of_iterator_goes_on_without_being_exchanged() {
    let script = "
import itertools, collections
log = []
table = collections.OrderedDict((n, n * n) for n in range(6))
sources = [
    lambda: {n: -n for n in range(6)}, lambda: {n: -n for n in range(6)}.values(), lambda: reversed({1: 2, 3: 4, 5: 6}),
    lambda: {n: -n for n in range(6)}.items(), lambda: frozenset(range(6)), lambda: itertools.count(3),
    lambda: itertools.repeat('r', 6), lambda: zip(range(9), 'abcdef'), lambda: map(str, range(6)),
    lambda: filter(None, range(6)), lambda: reversed([1, 2, 3, 4, 5]), lambda: collections.deque('abcdef'),
    lambda: range(10 ** 30, 10 ** 30 + 6), lambda: iter(lambda: len(log), 10 ** 6), lambda: memoryview(b'abcdef'),
    lambda: bytearray(b'abcdef'), lambda: enumerate({1: 2, 3: 4, 5: 6}), lambda: zip({1: 2, 3: 4, 5: 6}, range(9)),
]
process = 0
for number, source in enumerate(sources):
    for turn, item in enumerate(source()):
        log.append((number, turn, item))
        if turn == 1:
            checkpoint()
        if turn == 2 and number % 6 == 5:
            kill(number // 6 + 1)
        if turn > 4:
            break
    taken = 0
    for item in source():
        checkpoint()
        taken += 1
        log.append(item)
        if taken > 4:
            break
print(log, table)
";
    assert_same(script, 4);
}

#[test]
fn a_traced_script_has_its_checkpoints() {
    let script = "
import sys
lines = []
def tracer(frame, event, argument):
    if frame.f_code.co_name == 'work':
        lines.append(frame.f_lineno)
    return tracer
def work():
    n, seen = 0, []
    while n < 6:
        n += 1
        if n == 3:
            checkpoint()
        if n == 5:
            kill(1)
        seen.append(n)
    for n in {1: 1, 2: 2, 3: 3}:
        seen.append(n)
    return seen
sys.settrace(tracer)
seen = work()
sys.settrace(None)
print(seen, len(set(lines)) > 3)
";
    assert_same(script, 2);
}

#[test]
fn a_forked_child_is_not_kept_up_by_a_request() {
    let script = "
import os, time
log = []
n = 0
while n < 5:
    n += 1
    if n == 2 and _process():
        checkpoint()
        child = os.fork()
        if not child:
            k = 0
            while k < 1000:
                k += 1
            for k in range(1000):
                pass
            os._exit(k == 999)
        log.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    if n == 4:
        kill(1)
log = log[-1:] or [1]
print(n, log)
";
    assert_same(script, 2);
}

#[test]
fn conditions_jump_into_loops_from_everywhere() {
    let script = "
log, a, b = [], 5, 4
while a > 1 and b or a == 2:
    a -= 1
    if a == 3:
        checkpoint()
    for k in [1, 2]:
        if a == 2 and k == 1:
            checkpoint()
            continue
        if k and a == 2:
            log.append('then')
        elif k == 2:
            log.append('two')
    if a == 2 and b == 4:
        kill(1)
        b = 0
    c = b
    while c:
        c -= 1
        if c > 2:
            continue
        if not c:
            break
    else:
        log.append('never')
    log.append((a, b))
else:
    log.append('else')
def nested():
    found = []
    for x in {1, 2, 3}:
        for y in (4, 5, 6):
            while y:
                y -= 1
                if y == 3 and x == 2:
                    checkpoint()
                if y == 2 and x == 2 and (5, 2) not in found:
                    found.append((5, 2))
                    kill(2)
                if y == 1:
                    break
            else:
                continue
            found.append((x, y))
            if x == 3:
                return found
log.append(nested())
print(log)
";
    assert_same(script, 3);
}

#[test]
fn a_loop_that_is_one_step_goes_on_at_its_speed() {
    let sandbox = Sandbox::new();
    let script = "
total = 0
for n in (k for k in range(400_000)):
    if n == 10:
        checkpoint()
    total += n
for n in range(3):
    if n == 2:
        kill(1)
print(total)
";
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    runs[1].assert_stdout("79999800000\n");
    assert!(runs[1].err().contains("resuming at line"), "{}", runs[1].err());
}
