//! Definitions that are edited between two processes of a run: the objects that exist get the new code.

use super::STEPS;
use super::edited_scripts::{edited, mended};

/// A script with a class, and functions that the run has not called yet.
const DEFINITIONS: &str = "
class Model:
    made = 0
    def __init__(self):
        Model.made += 1
    def score(self, n):
        return n / 0
def finish(model):
    return model.score(3)
model = Model()
for n in range(4):
    if n == 2:
        checkpoint()
print(finish(model), isinstance(model, Model), Model.made)
";

#[test]
fn a_change_of_a_function_is_shown_with_its_own_lines() {
    let line = u32::try_from(STEPS.lines().count()).unwrap();
    let after = DEFINITIONS.replace("n / 0", "n / 2");
    let others = [
        after.clone(),
        format!("'''What it does.'''\n\n# a comment\n{after}"),
        after.replace("def finish", "def added():\n    pass\ndef finish").replace("class Model", "\n\nclass Model"),
        after.replace("class Model:", "import math\n\nclass Model:\n    '''Scores.'''\n"),
    ];
    for after in others {
        let number = |text: &str, script: &str| {
            line + u32::try_from(script.lines().position(|line| line.contains(text)).unwrap()).unwrap() + 1
        };
        let (refused, accepted) = mended(DEFINITIONS, &after);
        let (old, new, err) = (number("n / 0", DEFINITIONS), number("n / 2", &after), refused.err());
        let said = format!("line {new}, in Model.score(), has changed since Model.score() was defined");
        assert!(err.contains(&said), "{err}");
        let shown = match old == new {
            true => "it was: return n / 0\n  it is:  return n / 2".to_owned(),
            false => format!("it was (line {old}): return n / 0\n  it is (line {new}):  return n / 2"),
        };
        assert!(err.contains(&shown), "{err}");
        assert!(err.contains("from its next call: snapcli run --accept-changes script.py\n"), "{err}");
        accepted.assert_code(0).assert_stdout("1.5 True 1\n");
        let resumed = format!("resuming at line {}\n", number("for n in", &after));
        assert!(accepted.err().contains(&resumed), "{}\n{resumed}", accepted.err());
    }
}

#[test]
fn parts_of_a_class_that_are_added_belong_to_the_objects_that_exist() {
    let after = DEFINITIONS
        .replace(
            "    def score(self, n):\n        return n / 0",
            "    factor = 2\n    def score(self, n):\n        return self.twice(n)\n    @property\n    \
             def own(self):\n        return super().__repr__() != ''\n    \
             def twice(self, n, *, by=2):\n        return n * by * self.factor",
        )
        .replace("Model.made)", "Model.made, model.own)");
    let (refused, accepted) = mended(DEFINITIONS, &after);
    let err = refused.err();
    assert!(err.contains("in class Model, was added since class Model was defined"), "{err}");
    assert!(err.contains("it was: (nothing)\n") && err.contains("factor = 2"), "{err}");
    accepted.assert_code(0).assert_stdout("12 True 1 True\n");
}

#[test]
fn definitions_may_change_their_order_and_get_docstrings() {
    let finish = "def finish(model):\n    return model.score(3)\n";
    let after = DEFINITIONS.replace(finish, "").replace("class Model", &format!("{finish}class Model"));
    let after = after.replace("class Model:\n", "class Model:\n    '''Scores.'''\n");
    let after = after.replace("def finish(model):\n", "def finish(model):\n    '''Ends.'''\n");
    let after = after.replace("print(finish(model),", "print(");
    edited(DEFINITIONS, &after, &[]).assert_code(0).assert_stdout("True 1\n");
}

#[test]
fn a_decorator_that_was_added_is_shown_and_used_once_it_is_accepted() {
    let after = DEFINITIONS.replace("def finish", "def twice(f):\n    return lambda x: 2\n@twice\ndef finish");
    let (refused, accepted) = mended(DEFINITIONS, &after);
    let err = refused.err();
    assert!(err.contains("in finish(), was added since finish() was defined"), "{err}");
    assert!(err.contains("it was: (nothing)\n") && err.contains(":  @twice\n"), "{err}");
    accepted.assert_code(0).assert_stdout("2 True 1\n");
}

#[test]
fn objects_of_all_kinds_of_classes_use_a_mended_method() {
    let before = "
import enum, functools
from dataclasses import dataclass
made = []
def register(kind):
    made.append(kind)
    return kind
@dataclass
class Data:
    a: int = 1
    def m(self): return 1 / 0
class Slots:
    __slots__ = ('v',)
    def m(self): return 1 / 0
class Kind(enum.Enum):
    A = 1
    def m(self): return 1 / 0
class Base:
    def m(self): return 1 / 0
class Derived(Base):
    def m(self): return super().m() + 1
class Bound:
    count = 0
    @classmethod
    def c(cls): return 1 / 0
    @property
    def m(self): return 1 / 0
@functools.total_ordering
class Ordered:
    def __lt__(self, other): return 1 / 0
@register
class Registered:
    def m(self): return 1 / 0
Bound.count = 5
box = {'all': [Data(2), Slots(), Kind.A, Derived(), Bound(), Ordered(), Registered()]}
checkpoint()
print(box['all'][0].m())
";
    let shown = "
data, slots, kind, derived, bound, ordered, registered = box['all']
print(data.m(), slots.m(), kind.m(), derived.m(), bound.c(), bound.m, Bound.count, ordered < 1, registered.m())
print(data == Data(2), kind is Kind.A, [type(registered)] == made == [Registered], isinstance(slots, Slots))
";
    let after = before.replace("1 / 0", "7").replace("print(box['all'][0].m())\n", shown);
    let (refused, accepted) = mended(before, &after);
    assert!(refused.err().contains("8 changes in the script"), "{}", refused.err());
    accepted.assert_code(0).assert_stdout("7 7 7 8 7 7 5 7 7\nTrue True True True\n");
}

#[test]
fn objects_get_the_fields_members_and_bases_that_were_added() {
    let before = "
import enum
from dataclasses import dataclass
@dataclass
class Data:
    a: int = 1
@dataclass(frozen=True)
class Frozen:
    a: int = 1
class Kind(enum.Enum):
    A = 1
class Flags(enum.IntFlag):
    X = 1
class Other:
    def hi(self): return 'hi'
class Plain:
    count = 0
class Derived(Plain): pass
Plain.count = 5
data, frozen, kind, flag, plain, derived = Data(2), Frozen(3), Kind.A, Flags.X, Plain(), Derived()
checkpoint()
print(data.b)
";
    let shown = "
print(data.b, data, Data(3), frozen, Frozen(b=2))
print(Kind.B, Kind(2), Kind.B.low(), len(Kind), kind is Kind.A, isinstance(Kind.B, Kind), (Flags.X | Flags.Y) == 3)
print(plain.hi(), derived.hi(), isinstance(plain, Plain), isinstance(derived, Plain), Plain.count, Derived.count)
";
    let after = before
        .replace("    a: int = 1\n", "    a: int = 1\n    b: int = 9\n")
        .replace("    A = 1\n", "    A = 1\n    B = 2\n    def low(self): return self.name.lower()\n")
        .replace("    X = 1\n", "    X = 1\n    Y = 2\n")
        .replace("class Plain:", "class Plain(Other):")
        .replace("print(data.b)\n", shown);
    let (refused, accepted) = mended(before, &after);
    assert!(refused.err().contains("in class Kind, was added since class Kind was defined"), "{}", refused.err());
    let data = "9 Data(a=2, b=9) Data(a=3, b=9) Frozen(a=3, b=9) Frozen(a=1, b=2)\n";
    let kinds = "Kind.B Kind.B b 2 True True True\n";
    accepted.assert_code(0).assert_stdout(&format!("{data}{kinds}hi hi True True 5 5\n"));
}

/// A function that fails, inside of one that is under way: by itself, from a factory, in a container, and in a class.
const INNER: &str = "
def make(limit):
    def check(n):
        if n == limit:
            raise ValueError(n)
        return n
    return check
def main(bonus):
    def own(n):
        if n == 3:
            return 1 / 0
        return n + bonus
    class Local:
        def score(self, n):
            return n / 0 if n == 3 else n
    made, listed, local, total = make(3), [make(3)], Local(), 0
    for n in range(5):
        if n == 2:
            checkpoint()
        total += CALL
    print(total)
main(1)
";

#[test]
fn functions_that_a_function_under_way_has_made_get_the_new_code() {
    for (call, old, new, total) in [
        ("own(n)", "return 1 / 0", "return 100 + bonus", 112),
        ("made(n)", "raise ValueError(n)", "return 100", 107),
        ("listed[0](n)", "raise ValueError(n)", "return 100", 107),
        ("int(local.score(n))", "n / 0 if", "100 if", 107),
    ] {
        let before = INNER.replace("CALL", call);
        let (refused, accepted) = mended(&before, &before.replace(old, new));
        assert!(refused.err().contains("from its next call: snapcli run --accept-changes"), "{}", refused.err());
        accepted.assert_code(0).assert_stdout(&format!("{total}\n"));
    }
}

#[test]
fn a_function_that_needs_other_variables_is_not_silently_the_old_one() {
    let before = INNER.replace("CALL", "own(n)");
    let (_, accepted) = mended(&before, &before.replace("return 1 / 0", "return total"));
    accepted.assert_code(1);
    let err = accepted.err();
    assert!(err.contains("the new main.own()") && err.contains("--fresh starts over"), "{err}");
}
