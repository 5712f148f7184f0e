//! Weak containers in a resumed run forget what has died, also after further checkpoints.

use super::assert_same;
use crate::weak_members::SESSIONS;

#[test]
fn weak_containers_shrink_in_every_process_of_a_run() {
    let steps = "
by_name = weakref.WeakValueDictionary((item.n, item) for item in sessions)
names = weakref.WeakKeyDictionary((item, item.n) for item in sessions)
seen = []
for n in range(9):
    if n % 2:
        del sessions[-1]
    seen.append((len(sessions), len(Session.live), len(by_name), len(names)))
    if n in (1, 3, 5):
        checkpoint()
    if n == 2:
        kill(1)
    if n == 4:
        kill(2)
    if n == 6:
        kill(3)
print(seen)
";
    assert_same(&format!("{SESSIONS}{steps}"), 4);
}
