//! Loops cost nothing until something is asked for: iterators are exchanged for others in the middle of a loop, `while`
//! loops test a flag, and short inner loops run as the script has them. The results are the same.

use super::assert_same;

#[test]
fn iterators_are_exchanged_in_the_middle_of_loops() {
    let script = "
log = []
items = [1, 2, 3]
for item in items:
    checkpoint()
    log.append(item)
    if len(items) < 9:
        items.append(item * 10)
    if item == 20:
        del items[0]
for item in (4, 5, 6):
    checkpoint()
    log.append(item)
    if item == 5:
        kill(1)
for item in 'abc\\N{SNOWMAN}':
    checkpoint()
    log.append(item)
for item in b'abc':
    checkpoint()
    log.append(item)
    if item == 99:
        kill(2)
for n, item in enumerate(items, 5):
    checkpoint()
    log.append((n, item))
    if n == 7:
        items.append('late')
    if n == 8:
        kill(3)
own = enumerate('xyz')
for n, item in own:
    checkpoint()
    log.append((n, item, next(own, None)))
shared = iter(range(9))
for n, item in enumerate(shared):
    checkpoint()
    log.append((n, item, next(shared, None)))
    if n == 2:
        kill(4)
class Holder:
    def __init__(self):
        self.items = iter([1, 2, 3, 4, 5, 6])
    def __iter__(self):
        return self.items
holder = Holder()
for item in holder:
    checkpoint()
    log.append((item, next(holder.items, None)))
for a, b in zip(items, range(20), strict=False):
    checkpoint()
    log.append((a, b))
empty = []
for item in empty:
    log.append('never')
else:
    log.append('else')
for item in [7]:
    checkpoint()
    empty.append(item)
for item in empty:
    checkpoint()
    log.append(item)
    empty[:] = []
print(log, items, list(own), list(shared))
";
    assert_same(script, 5);
}

#[test]
fn while_loops_end_a_step_where_their_condition_holds() {
    let script = "
log, rest = [], list(range(12))
while (n := rest.pop()) > 2:
    for k in range(3):
        if k == 1 and n == 8:
            continue
        log.append((n, k))
    if n == 9:
        checkpoint()
        log.append('asked')
    if n == 7:
        kill(1)
    inner = 0
    while inner < 3:
        inner += 1
        if inner == 2 and n == 5:
            checkpoint()
            continue
        if inner == 3 and n == 5:
            kill(2)
        log.append(inner)
    else:
        log.append('inner else')
else:
    log.append(('else', n))
def count(n):
    seen = []
    while n:
        n -= 1
        if n == 4:
            checkpoint()
        if n == 2:
            kill(3)
        if n == 1:
            break
        seen.append(n)
    else:
        seen.append('never')
    while True:
        seen.append('once')
        break
    return seen
log += count(9)
result = count(9)
print(log, rest, result)
";
    assert_same(script, 4);
}

#[test]
fn short_inner_loops_are_taken_in_steps_again_when_they_take_long() {
    let script = "
import time
log = []
def wait():
    started = time.monotonic()
    while time.monotonic() - started < 0.15:
        pass
for n in range(60):
    for k in [1, 2, 3]:
        log.append((n, k))
        if n == 40 and k == 1:
            checkpoint()
            for _ in range(6):
                wait()
        if n == 50:
            # Taken in steps again: the second iteration ends one.
            if k == 1:
                checkpoint()
            if k == 2:
                kill(1)
            if k == 3 and log.count((50, 1)) > 1:
                log.append('twice')
    else:
        log.append('else')
print(log)
";
    let runs = assert_same(script, 2);
    let line = super::STEPS.lines().count() + 9;
    assert!(runs[1].err().contains(&format!("resuming at line {line}")), "{}", runs[1].err());
}

#[test]
fn code_with_flags_can_be_hashed_and_compared() {
    let script = "
import sys
def codes():
    frame = sys._getframe()
    found = set()
    while frame:
        found.add(frame.f_code)
        found.add(hash(frame.f_code) == hash(frame.f_code))
        frame = frame.f_back
    return len(found)
for n in range(2):
    for k in range(2):
        while k:
            k -= 1
            checkpoint()
print(codes())
";
    assert_same(script, 1);
}
