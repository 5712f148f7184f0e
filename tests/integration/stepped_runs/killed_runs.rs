//! Runs that are killed right after a checkpoint: nothing is lost, and nothing is done twice.

use super::{STEPS, assert_same, run_to_the_end};
use crate::env::Sandbox;

#[test]
fn nested_loops_go_on_in_the_middle() {
    let script = "
log = []
for a in range(3):
    for b in [1, 2, 3]:
        for c in 'xyz':
            log.append((a, b, c))
            if (a, b, c) == (1, 2, 'x'):
                checkpoint()
            if (a, b, c) == (1, 2, 'y'):
                kill(1)
                continue
            if a == 2 and c == 'y':
                break
        else:
            log.append(('inner else', a, b))
            if a == 1 and b == 2:
                checkpoint()
        if (a, b) == (1, 3):
            kill(2)
        if b == 2 and a == 2:
            break
    else:
        log.append(('else', a))
    for d in range(10_000):
        if d == 5000 and a == 1:
            checkpoint()
        if d == 5001 and a == 1:
            kill(3)
else:
    log.append('outer else')
print('end', a, b, c, d, log)
";
    assert_same(script, 4);
}

#[test]
fn while_loops_go_on_in_the_middle() {
    let script = "
n, log = 0, []
while n < 6:
    n += 1
    m = 0
    while True:
        m += 1
        log.append((n, m))
        if (n, m) == (3, 2):
            checkpoint()
            continue
        if (n, m) == (3, 3):
            kill(1)
        if m == 4:
            break
    else:
        log.append('never')
    if n == 5:
        checkpoint()
        continue
    if n == 6:
        kill(2)
else:
    log.append('else')
print(n, m, log)
";
    assert_same(script, 3);
}

#[test]
fn functions_go_on_with_their_locals_and_closures() {
    let script = "
import sys
log = []

def work(n, *rest, scale=2, **more):
    'Works.'
    total, seen = 0, []
    def add(k):
        nonlocal total
        total += k * scale
        seen.append(total)
    last = lambda: total
    for i in range(n):
        add(i)
        log.append(('work', i, last()))
        if i == 3:
            checkpoint()
        if i == 4:
            kill(1)
    best = deeper(seen, add)
    log.append((best, last(), rest, more, scale))
    del best
    return total

def deeper(values, add):
    best = 0
    for value in values:
        if value > best:
            best = value
        if value == 6:
            checkpoint()
        if value == 12:
            kill(2)
        add(1)
        log.append(('deeper', value))
        if len(values) > 9:
            return best
    return best

class Trainer:
    def __init__(self):
        self.__steps = 0
    def fit(self, n):
        for i in range(n):
            self.__steps += 1
            log.append(('fit', self.__steps, super().__repr__()[:9]))
            if i == 1:
                checkpoint()
            if i == 2:
                kill(3)
        return self.__steps

if __name__ == '__main__':
    x = work(6, 'more', key=1)
    trainer = Trainer()
    same = trainer
    y = trainer.fit(5)
    log.append((x, y, same is trainer))
    print(log)
    sys.exit(abs(0))
";
    assert_same(script, 4);
}

#[test]
fn functions_that_call_one_another_go_on_in_the_innermost() {
    let script = "
calls = []
def even(n):
    calls.append(n)
    for i in range(2):
        if n == 4 and i == 0:
            checkpoint()
        if n == 4 and i == 1:
            kill(1)
    if n == 0:
        return True
    result = odd(n - 1)
    calls.append(('even', n, result))
    return result
def odd(n):
    for i in [1]:
        calls.append(-n)
    if n == 0:
        return False
    return even(n - 1)
result = even(8)
print(result, calls)
";
    assert_same(script, 2);
}

#[test]
fn objects_stay_the_same_objects() {
    let script = "
import random
random.seed(3)
items = [5, 3, 8]
alias = items
done = []
it = iter(items)
for item in it:
    done.append((item, random.random()))
    if item > 1:
        items.append(item // 2)
    if len(done) == 2:
        checkpoint()
    if len(done) == 3:
        kill(1)
    next(it, None)
table = {n: 0 for n in range(10)}
for n, (key, value) in enumerate(table.items()):
    table[9 - key] += value + n
    if n == 4:
        checkpoint()
    if n == 5:
        kill(2)
both = iter(range(9))
for a, b in zip(both, both):
    done.append((a, b))
    if a == 2:
        checkpoint()
    if a == 4:
        kill(3)
words = set()
for number, word in enumerate({'some', 'words', 'of', 'a', 'set'}):
    words.add(word)
    if number == 2:
        checkpoint()
    if number == 3:
        kill(4)
print(alias is items, done, table, sorted(words), random.random())
";
    assert_same(script, 5);
}

#[test]
fn what_cannot_be_saved_is_made_again_by_its_statement() {
    let script = "
import sqlite3, threading
conn = sqlite3.connect(':memory:')
def main():
    lock = threading.Lock()
    own = sqlite3.connect(':memory:')
    total = 0
    for n in range(6):
        with lock:
            total += conn.execute('select ? * 2', (n,)).fetchone()[0]
            total += own.execute('select ?', (n,)).fetchone()[0]
        if n == 2:
            checkpoint()
        if n == 3:
            kill(1)
    print(total)
main()
";
    let runs = assert_same(script, 2);
    let (first, second) = (runs[0].err(), runs[1].err());
    assert!(first.contains("conn cannot be saved"), "{first}");
    assert!(second.contains("again: conn could not be saved"), "{second}");
    assert!(second.contains("again: own could not be saved"), "{second}");
}

#[test]
fn loggers_keep_their_handlers() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        format!(
            "{STEPS}
import logging, sys
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format='%(levelname)s %(name)s %(message)s')
log = logging.getLogger('job')
file = logging.FileHandler('job.log', mode='w')
log.addHandler(file)
for n in range(6):
    log.info('step %d', n)
    if n == 2:
        checkpoint()
    if n == 3:
        kill(1)
print(file in log.handlers)
"
        ),
    );
    let runs = run_to_the_end(&sandbox, &[], 2);
    runs[1].assert_stdout("INFO job step 3\nINFO job step 4\nINFO job step 5\nTrue\n");
    let written = std::fs::read_to_string(sandbox.work().join("job.log")).unwrap();
    assert_eq!(written, "step 0\nstep 1\nstep 2\nstep 3\nstep 3\nstep 4\nstep 5\n");
}

#[test]
fn files_that_are_written_are_cut_and_written_on_when_asked() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        format!(
            "{STEPS}
out = open('out.txt', 'w')
class Holder: pass
holder = Holder()
holder.out = out
for n in range(6):
    holder.out.write(f'{{n}}\\n')
    if n == 2:
        checkpoint()
    if n == 3:
        out.flush()
        kill(1)
print(holder.out is out)
out.close()
"
        ),
    );
    sandbox.write("processes", "x");
    sandbox.snapcli(&["run", "script.py"]);
    sandbox.write("processes", "xx");
    let refused = sandbox.snapcli(&["run", "script.py"]);
    refused.assert_code(1);
    assert!(refused.err().contains("out.txt was open for writing"), "{}", refused.err());
    sandbox.snapcli(&["run", "--reopen", "script.py"]).assert_code(0).assert_stdout("True\n");
    assert_eq!(std::fs::read_to_string(sandbox.work().join("out.txt")).unwrap(), "0\n1\n2\n3\n4\n5\n");
}

#[test]
fn a_generator_can_be_replayed() {
    let script = "
import snapcli
def numbers():
    for n in range(8):
        yield n * n
for n in snapcli.replay(numbers()):
    print(n, flush=True)
    if n == 9:
        checkpoint()
    if n == 16:
        kill(1)
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    runs[1].assert_stdout("16\n25\n36\n49\n");
}

#[test]
fn a_loop_over_a_generator_is_one_step_and_named_once() {
    let script = "
for n in (n for n in range(3)):
    checkpoint()
for n in range(2):
    pass
kill(1)
";
    let sandbox = Sandbox::new();
    sandbox.write("script.py", format!("{STEPS}{script}"));
    let runs = run_to_the_end(&sandbox, &[], 2);
    let line = STEPS.lines().count() + 2;
    let said = runs[0].err().matches(&format!("line {line}: this loop is one step")).count();
    assert_eq!(said, 1, "{}", runs[0].err());
}

#[test]
fn a_function_that_mentions_itself_goes_on() {
    let script = "
def walk(depth):
    names = [walk.__name__, __import__('sys')._getframe().f_code.co_name]
    for n in range(3):
        if depth == 1 and n == 1:
            checkpoint()
            names.append(n)
        if depth == 1 and n == 2:
            kill(1)
        if depth < 2 and n == 1:
            names += walk(depth + 1)
    def inner():
        pass
    names.append(inner.__qualname__)
    names.append((lambda: walk)() is globals()['walk'])
    return names
class Tree:
    def walk(self):
        for n in range(3):
            if n == 1:
                checkpoint()
            if n == 2:
                kill(2)
        return walk(5)
found = walk(0)
found += Tree().walk()
print(found)
";
    assert_same(script, 3);
}

#[test]
fn annotated_variables_that_inner_functions_share_go_on() {
    let script = "
def main():
    best: float = -1.5
    other: int
    first = lambda: best
    for n in range(4):
        if n == 1:
            checkpoint()
        if n == 2:
            kill(1)
        best: float = n
    other: int = 5
    second = lambda: other
    print(best, first(), second())
main()
";
    assert_same(script, 2);
}
