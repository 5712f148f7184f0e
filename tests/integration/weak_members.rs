//! Weak containers of a restored session have the objects that are alive, and forget them when they die.

use crate::env::{Sandbox, Stack, pythons, venv};

/// A class that knows its living instances, and five of them.
pub(crate) const SESSIONS: &str = "
import weakref
class Session:
    live = weakref.WeakSet()
    def __init__(self, n):
        self.n = n
        Session.live.add(self)
sessions = [Session(n) for n in range(5)]
";

/// Checks that a session prints the same after a restore as in the process that made it.
fn assert_same(script: &str, rest: &str) {
    for python in pythons() {
        let sandbox = Sandbox::with(venv(python, Stack::Dill));
        sandbox.write("script.py", script);
        sandbox.snapcli(&["save", "script.py"]).assert_code(0);
        sandbox.write("whole.py", format!("{script}\n{rest}"));
        let expected = sandbox.python(&["whole.py"]);
        expected.assert_code(0);
        sandbox.snapcli(&["restore", "-c", rest]).assert_code(0).assert_stdout(&expected.out());
    }
}

#[test]
fn a_weak_set_forgets_members_that_die_after_a_restore() {
    let script = format!("{SESSIONS}_ = sessions.pop()\ndel _\n");
    assert_same(&script, "print(len(Session.live))\ndel sessions[1:]\nprint([item.n for item in Session.live])");
}

#[test]
fn a_weak_set_that_is_saved_again_can_be_restored() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        "import weakref\nclass Item: pass\nitems = [Item() for _ in range(4)]\nlive = weakref.WeakSet(items)\n",
    );
    sandbox.snapcli(&["save", "script.py"]).assert_code(0);
    let again = "import snapcli; items.pop(); snapcli.save('again.pkl')";
    sandbox.snapcli(&["restore", "-c", again]).assert_code(0);
    let check = "print(len(live)); items.clear(); print(len(live))";
    sandbox.snapcli(&["restore", "again.pkl", "-c", check]).assert_code(0).assert_stdout("3\n0\n");
}

#[test]
fn a_member_that_only_a_cycle_keeps_alive_goes_with_the_load() {
    let script = "
import gc, weakref
gc.disable()
class Node: pass
live, by_name, by_node = weakref.WeakSet(), weakref.WeakValueDictionary(), weakref.WeakKeyDictionary()
def make(name):
    node = Node()
    node.own = node
    live.add(node)
    by_name[name] = node
    by_node[node] = name
    return node
kept = make('kept')
make('gone')
";
    assert_same(
        script,
        "import gc; gc.collect(); print(len(live), list(by_name), list(by_node.values()), kept in live)",
    );
}

#[test]
fn subclasses_of_a_weak_set_keep_their_attributes_and_their_own_reductions() {
    let script = "
import weakref
class Thing: pass
class Group(weakref.WeakSet):
    def __init__(self, title, items=()):
        super().__init__(items)
        self.title = title
class Listed(weakref.WeakSet):
    def __reduce__(self): return Listed, (list(self),)
things = [Thing(), Thing()]
group, listed = Group('mine', things), Listed(things)
";
    assert_same(script, "del things[-1]; print(group.title, len(group), len(listed), things[0] in group)");
}
