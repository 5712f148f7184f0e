//! Each variable stands on its own: without any other one, because it is excluded, damaged or cannot be loaded, the
//! rest comes back as it was, with the same objects shared. `verify`, `--partial` and `--exclude` agree.

use std::fs;

use snapcli::internals::{Contents, Index, Snapshot, TRAILER, Trailer, Variable};

use crate::env::{Numbers, Run, Sandbox, Stack, main_python, pythons, venv};

const SHAPES: &str = include_str!("isolation/shapes.py");
/// A session whose variables share lists, dicts, instances, arrays, closures and cycles.
const SHARED: &str = include_str!("isolation/shared.py");

/// A sandbox with the snapshot of a script.
fn saved(sandbox: Sandbox, script: &str) -> Sandbox {
    sandbox.write("shapes.py", SHAPES);
    sandbox.write("script.py", script);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    sandbox
}

fn index(sandbox: &Sandbox) -> Index {
    let snapshot = Snapshot::open(&sandbox.work().join("session.pkl")).unwrap();
    let Contents::Own { index } = snapshot.contents() else { panic!("a snapshot") };
    index.clone()
}

fn names(index: &Index) -> Vec<&str> {
    index.variables.iter().map(|variable| variable.name.as_str()).collect()
}

/// Restores and describes the variables of these names.
fn shape_of(sandbox: &Sandbox, options: &[&str], file: &str, names: &[&str]) -> Run {
    let code = format!("import sys; sys.path.insert(0, '.'); import shapes; print(shapes.session({names:?}))");
    let run = sandbox.snapcli(&[&["restore"], options, &[file, "-c", &code]].concat());
    run.assert_code(0);
    run
}

#[test]
fn all_but_one_variable_come_back_as_they_were() {
    for python in pythons() {
        let sandbox = saved(Sandbox::with(venv(python, Stack::Dill)), SHARED);
        let index = index(&sandbox);
        for (number, excluded) in names(&index).into_iter().enumerate() {
            let rest: Vec<&str> = names(&index).into_iter().filter(|name| *name != excluded).collect();
            let full = shape_of(&sandbox, &[], "session.pkl", &rest);
            // Arrays are read, or mapped.
            let options = &["--mmap", "--exclude", excluded][number % 2..];
            let run = shape_of(&sandbox, options, "session.pkl", &rest);
            run.assert_stderr("");
            assert!(run.out() == full.out(), "without {excluded}:\n{}\n{}", run.out(), full.out());
        }
    }
}

#[test]
fn a_single_variable_comes_back_as_it_was() {
    let sandbox = saved(Sandbox::new(), SHARED);
    let index = index(&sandbox);
    for name in names(&index) {
        let run = shape_of(&sandbox, &["--only", name], "session.pkl", &[name]);
        run.assert_stderr("");
        assert_eq!(run.out(), shape_of(&sandbox, &[], "session.pkl", &[name]).out(), "{name}");
    }
    // Two of them still share what they shared.
    let pair = ["from_list", "from_dict"];
    let run = shape_of(&sandbox, &["--only", "from_list", "--only", "from_dict"], "session.pkl", &pair);
    assert_eq!(run.out(), shape_of(&sandbox, &[], "session.pkl", &pair).out());
}

/// The intact variables by `verify`, those that `restore --partial` brings back, and their shape.
fn intact_and_restored(sandbox: &Sandbox, file: &str) -> (Vec<String>, Vec<String>, String) {
    let report = sandbox.snapcli(&["verify", "--json", file]).json();
    let variables = report["variables"].as_array().cloned().unwrap_or_default();
    // In a truncated file, no checksum proves any.
    let whole = variables.iter().filter(|variable| variable["whole"] != false);
    let intact = whole.map(|variable| variable["name"].as_str().unwrap().to_owned()).collect();
    let code = "
names = [name for name in list(globals()) if not name.startswith('__')]
import sys; sys.path.insert(0, '.'); import shapes
print(*names); print(shapes.session(names))";
    let run = sandbox.snapcli(&["restore", "-q", "--trust", "--partial", file, "-c", code]);
    let out = run.out();
    let (restored, shape) = out.split_once('\n').unwrap_or_default();
    (intact, restored.split_whitespace().map(str::to_owned).collect(), shape.trim_end().to_owned())
}

#[test]
fn verify_and_a_partial_restore_agree_wherever_the_damage_is() {
    let sandbox = saved(Sandbox::new(), SHARED);
    let index = index(&sandbox);
    let bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let mut numbers = Numbers(5);
    // Outside of the segments, spread over all of them, and in the contents of buffers.
    let mut offsets: Vec<usize> = vec![1, 20, bytes.len() - 1, bytes.len() - 90, bytes.len() - 300];
    for variable in &index.variables {
        offsets.extend((0..2).map(|_| variable.offset as usize + numbers.below(variable.length as usize)));
        offsets.extend(variable.buffers.iter().map(|buffer| buffer.offset as usize + 1000));
    }
    for offset in offsets {
        let mut damaged = bytes.clone();
        damaged[offset] ^= 1 << (offset % 8);
        sandbox.write("damaged.pkl", damaged);
        let (intact, restored, shape) = intact_and_restored(&sandbox, "damaged.pkl");
        assert_eq!(intact, restored, "byte {offset}");
        let is_in =
            |variable: &&Variable| (variable.offset..variable.offset + variable.length).contains(&(offset as u64));
        let hit = index.variables.iter().find(is_in);
        assert!(hit.is_none_or(|hit| !restored.contains(&hit.name)), "byte {offset}: {restored:?}");
        // This one shares nothing.
        let is_lost = hit.is_some_and(|hit| hit.name == "plain");
        assert_eq!(restored.contains(&"plain".to_owned()), !is_lost, "byte {offset}: {restored:?}");
        let rest: Vec<&str> = restored.iter().map(String::as_str).collect();
        assert_eq!(shape, shape_of(&sandbox, &[], "session.pkl", &rest).out().trim_end(), "byte {offset}");
    }
}

#[test]
fn what_truncation_leaves_is_restored_and_called_intact() {
    let sandbox = saved(Sandbox::new(), "a = [1]\nb = {'a': a}\nc = 'x' * 1000\nd = (a, b)\n");
    let index = index(&sandbox);
    let bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    for variable in &index.variables {
        for at in [variable.offset + 1, variable.offset + variable.length] {
            sandbox.write("cut.pkl", &bytes[..at as usize]);
            let (intact, restored, _) = intact_and_restored(&sandbox, "cut.pkl");
            assert_eq!(intact, restored, "cut at byte {at}");
        }
    }
    sandbox.write("cut.pkl", &bytes[..index.stream.length as usize + 10]);
    assert_eq!(intact_and_restored(&sandbox, "cut.pkl").0, ["a", "b", "c", "d"]);
}

/// Damage in the contents of one array leaves the opcodes of its variable intact, and what they make without it.
#[test]
fn damaged_contents_of_an_array_cost_what_holds_that_array() {
    let script = "
import numpy as np
owner = {'shared': [1], 'array': np.arange(50_000.0)}
shares_list = [owner['shared']]
shares_array = [owner['array']]
both = (shares_list, shares_list[0])
";
    let sandbox = saved(Sandbox::new(), script);
    let mut bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    bytes[index(&sandbox).variables[1].buffers[0].offset as usize + 9] ^= 1;
    sandbox.write("damaged.pkl", bytes);
    let (intact, restored, _) = intact_and_restored(&sandbox, "damaged.pkl");
    assert_eq!((&intact, &restored[..]), (&restored, &["np", "shares_list", "both"].map(str::to_owned)[..]));
    let run = sandbox.snapcli(&["restore", "--partial", "damaged.pkl", "-c", "both, both[1] is shares_list[0]"]);
    run.assert_stdout("(([[1]], [1]), True)\n");
    assert!(run.err().contains("shares_array (list): shares an object with owner, which is damaged"), "{}", run.err());
    // Without the damaged variable, nothing of its buffers is needed but by one other.
    let run =
        sandbox.snapcli(&["restore", "--exclude", "owner", "--exclude", "shares_array", "damaged.pkl", "-c", "both"]);
    run.assert_code(0).assert_stdout("([[1]], [1])\n").assert_stderr("");
    sandbox.snapcli(&["restore", "--exclude", "owner", "damaged.pkl", "-c", "both"]).assert_code(4);
}

#[test]
fn a_variable_that_cannot_be_loaded_costs_only_those_that_need_what_failed() {
    let failures = [
        ("helper.Gone()", "needs the module helper, which was beside"),
        ("Raises()", "ValueError: no state today"),
        ("Reduced()", "ZeroDivisionError: division by zero"),
        ("renamed.Old()", "has no attribute Old"),
        ("fractured.Thing()", "RuntimeError: not today"),
    ];
    for (expression, why) in failures {
        let sandbox = Sandbox::new();
        sandbox.write("helper.py", "class Gone: pass\n");
        sandbox.write("renamed.py", "class Old: pass\n");
        sandbox.write("fractured.py", "class Thing: pass\n");
        let script = format!(
            "
import numpy as np
import os
import helper, renamed, fractured
class Raises:
    def __init__(self): self.value = 1
    def __setstate__(self, state):
        if not os.path.exists('saving'): raise ValueError('no state today')
def divide(by): return 1 if os.path.exists('saving') else 1 / by
class Reduced:
    def __reduce__(self): return divide, (0,)
before = ['before']
owner = {{'early': [1, before], 'array': np.arange(20_000.0), 'bad': [{expression}], 'late': [2, before]}}
owner['again'] = owner['late']
early, late, array = owner['early'], (owner['late'],), [owner['array']]
inner, whole = [owner['bad']], (owner,)
after = [early, late[0], array[0]]
del helper, renamed, fractured
"
        );
        // A save loads such objects itself, so they must fail only afterwards.
        sandbox.write("saving", "");
        let sandbox = saved(sandbox, &script);
        fs::remove_file(sandbox.work().join("saving")).unwrap();
        fs::remove_file(sandbox.work().join("helper.py")).unwrap();
        sandbox.write("renamed.py", "class Renamed: pass\n");
        sandbox.write("fractured.py", "raise RuntimeError('not today')\n");
        let code = "
print(early, late, array[0][-1], [name in globals() for name in ('owner', 'inner', 'whole')])
print(after[0] is early, after[1] is late[0], after[2] is array[0], early[1] is before is late[0][1])";
        let run = sandbox.snapcli(&["restore", "session.pkl", "-c", code]);
        run.assert_code(0);
        run.assert_stdout("[1, ['before']] ([2, ['before']],) 19999.0 [False, False, False]\nTrue True True True\n");
        assert!(run.err().contains(why), "{}", run.err());
        for (name, kind) in [("inner", "list"), ("whole", "tuple")] {
            assert!(run.err().contains(&format!("{name} ({kind})")), "{}", run.err());
        }
        // What a missing module costs is named together.
        let is_import = !why.contains("Error");
        let shares = run.err().contains("shares an object with owner, which cannot be restored\n");
        assert!(shares != is_import, "{}", run.err());
        // Excluded, it costs the same, and those who need it say why.
        let run = sandbox.snapcli(&["restore", "--exclude", "owner", "session.pkl", "-c", code]);
        run.assert_code(0)
            .assert_stdout("[1, ['before']] ([2, ['before']],) 19999.0 [False, False, False]\nTrue True True True\n");
        assert!(run.err().contains("owner, which cannot be restored: ") != is_import, "{}", run.err());
        assert!(run.err().contains(why), "{}", run.err());
    }
}

#[test]
fn a_module_that_fails_is_imported_once() {
    let sandbox = Sandbox::new();
    sandbox.write("helper.py", "class Thing: pass\ndef make(): return Thing()\n");
    let variables: String = (0..10).map(|number| format!("v{number} = [helper.make(), {number}]\n")).collect();
    let sandbox = saved(sandbox, &format!("import helper\n{variables}last = 'here'\n"));
    sandbox.write("helper.py", "print('imported')\nraise RuntimeError('no licence')\n");
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "print(last)"]);
    run.assert_code(0).assert_stdout("imported\nhere\n");
    assert_eq!(run.err().matches("no licence").count(), 1, "{}", run.err());
    for number in 0..10 {
        assert!(run.err().contains(&format!("v{number} (list)")), "{}", run.err());
    }
}

/// The peak memory of a restore, in KiB.
fn peak(sandbox: &Sandbox, options: &[&str], code: &str) -> u64 {
    let code = format!("{code}\nimport resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)");
    let run = sandbox.snapcli(&[&["restore"], options, &["session.pkl", "-c", &code]].concat());
    run.assert_code(0).assert_stderr("");
    run.out().trim().parse().unwrap()
}

#[test]
fn large_buffers_that_nobody_asked_for_are_not_read() {
    let script = "
import numpy as np
big = {'shared': [1, 2], 'array': np.ones(12_000_000), 'other': np.ones(12_000_000), 'view': np.arange(9_000.0)}
small = [big['shared'], big['view']]
lists = [[number] for number in range(300_000)]
one = lists[299_999]
tiny = 3
";
    let sandbox = saved(Sandbox::new(), script);
    let base = peak(&sandbox, &["--only", "tiny"], "import numpy\nassert tiny == 3");
    let small = peak(&sandbox, &["--only", "small"], "assert small[0] == [1, 2] and small[1][-1] == 8999");
    assert!(small < base + 16_000, "{small} KiB, and {base} KiB for a number");
    let one = peak(&sandbox, &["--only", "one"], "import numpy\nassert one == [299_999]");
    assert!(one < base + 40_000, "{one} KiB, and {base} KiB for a number");
    // Their contents are not checked either.
    let mut bytes = fs::read(sandbox.work().join("session.pkl")).unwrap();
    let index = index(&sandbox);
    let big = index.variables.iter().find(|variable| variable.name == "big").unwrap();
    bytes[big.buffers[0].offset as usize + 5] ^= 1;
    sandbox.write("damaged.pkl", bytes);
    let only = ["restore", "--only", "shared_list", "damaged.pkl", "-c", "0"];
    sandbox.snapcli(&only).assert_code(2);
}

#[test]
fn an_untrusted_variable_is_judged_by_what_is_loaded_for_it() {
    let script = "
import collections, fractions
owner = [fractions.Fraction(1, 2), ['plain'], lambda: 0]
plain = {'list': owner[1]}
needs = [owner[0], owner[2]]
";
    let sandbox = saved(Sandbox::new(), script);
    let stranger = |arguments: &[&str]| {
        sandbox.call_snapcli(arguments).env("XDG_CONFIG_HOME", sandbox.out().join("stranger")).run()
    };
    stranger(&["restore", "--only", "plain", "-c", "plain"]).assert_code(0).assert_stdout("{'list': ['plain']}\n");
    let run = stranger(&["restore", "--only", "needs", "-c", "needs"]);
    run.assert_code(5).assert_stdout("");
    assert!(run.err().contains("owner needs "), "{}", run.err());
    let run = stranger(&["restore", "--exclude", "owner", "--exclude", "needs", "-c", "plain"]);
    run.assert_code(0).assert_stdout("{'list': ['plain']}\n");
    stranger(&["restore", "-c", "plain"]).assert_code(5);
}

#[test]
fn code_that_looks_at_its_callers_finds_as_many_frames_as_with_dill() {
    let script = "
import sys
class Deep:
    def __setstate__(self, state):
        frames = sys._getframe(1), sys._getframe(2), sys._getframe(3)
        self.names = [frame.f_globals['__name__'] for frame in frames]
        self.__dict__.update(state)
deep = Deep()
deep.value = 1
";
    let sandbox = saved(Sandbox::new(), script);
    let run = sandbox.snapcli(&["restore", "session.pkl", "-c", "deep.value, deep.names[2]"]);
    run.assert_stderr("").assert_stdout("(1, '__main__')\n");
}

#[test]
fn the_objects_of_an_excluded_class_are_loaded_with_the_class() {
    let script = "
import abc, dataclasses, enum
class Base(abc.ABC):
    registry = []
    @abc.abstractmethod
    def go(self): ...
class Child(Base):
    def go(self): return super().go, self.registry
Base.registry.append(Child)
Base.extra = {'late': Child}
class Colour(enum.Enum):
    RED = 1
@dataclasses.dataclass
class Point:
    x: int
    colour: Colour = Colour.RED
@Base.register
class Virtual: pass
points = [Point(1), Point(2, Colour.RED)]
child = Child()
virtual = Virtual()
";
    for python in [main_python()] {
        let sandbox = saved(Sandbox::with(venv(python, Stack::Dill)), script);
        let check = "
print(child.go()[1][0] is type(child), type(child).extra['late'] is type(child), type(child).__mro__[1].__name__)
print(points, points[0].colour is points[1].colour, type(points[0]) is type(points[1]))
print(isinstance(virtual, type(child).__mro__[1]))";
        let full = sandbox.snapcli(&["restore", "session.pkl", "-c", check]);
        full.assert_code(0).assert_stderr("");
        for names in
            [&["Base"][..], &["Child"], &["Point"], &["Colour"], &["Base", "Child", "Point", "Colour", "Virtual"]]
        {
            let options: Vec<&str> = names.iter().flat_map(|name| ["--exclude", name]).collect();
            let run = sandbox.snapcli(&[&["restore"], &options[..], &["session.pkl", "-c", check]].concat());
            run.assert_stdout(&full.out()).assert_stderr("");
        }
    }
}

/// A file of 0.1.0, which wrote bytes, dtypes and time zones once, in the first variable that has them:
///
/// ```python
/// big = np.arange(60.0)
/// owner = {"shared": [1, [2]], "when": timezone(timedelta(hours=1)), "key": b"bytes", "n": np.arange(3)}
/// small, mean = np.ones(2), np.float64(2.5)
/// part = [owner["shared"], owner["shared"][1], owner["key"]]
/// moment = datetime.datetime(2026, 11, 28, tzinfo=owner["when"])
/// ```
fn saved_by_an_old_version() -> Vec<u8> {
    // The paths in its index were replaced, so the hash of the index is computed again.
    let bytes = include_bytes!("isolation/saved_by_0_1_0.pkl");
    let (rest, trailer) = bytes.split_last_chunk::<TRAILER>().unwrap();
    let trailer = Trailer::decode(trailer, bytes.len() as u64).unwrap().unwrap();
    let index_hash = *blake3::hash(&rest[trailer.index_offset as usize..]).as_bytes();
    [rest, &Trailer { index_hash, ..trailer }.encode()].concat()
}

#[test]
fn variables_of_old_files_stand_on_their_own_as_well() {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("old.pkl", saved_by_an_old_version());
        let run = |options: &[&str], code: &str| {
            sandbox.snapcli(&[&["restore", "--trust"], options, &["old.pkl", "-c", code]].concat())
        };
        let check = "
assert 'big' not in globals() and 'owner' not in globals()
assert small.tolist() == [1, 1] and small.dtype == mean.dtype and float(mean) == 2.5
assert part == [[1, [2]], [2], b'bytes'] and part[0][1] is part[1]
assert moment.utcoffset().seconds == 3600 and counts['a'] == 1
print('right')";
        run(&["--exclude", "big", "--exclude", "owner"], check).assert_stderr("").assert_stdout("right\n");
        run(&["--only", "small"], "small.tolist()").assert_stderr("").assert_stdout("[1.0, 1.0]\n");
        run(&[], "part[0] is owner['shared'], len(big)").assert_stderr("").assert_stdout("(True, 60)\n");
    }
}
