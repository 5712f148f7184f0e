# Checks that the snapshots of faults.py hold the session without the variables that failed:
# `faults_check.py`, with a line of faults.py for each file on standard input, for Python and dill;
# `faults_check.py restored`, with one such line, for `snapcli restore`.
import json
import sys

import canonical

with open("faults_session.py") as file:
    SOURCE = compile(file.read(), "faults_session.py", "exec")


def expected_session():
    namespace = {"__name__": "__main__"}
    exec(SOURCE, namespace)
    return {name: value for name, value in namespace.items() if not name.startswith("__")}


def reaching(session, tag):
    """The variables that hold the fuse."""
    names = set()
    for name, value in session.items():
        walk = canonical.Walk(False)
        walk.walk(value)
        if any(getattr(item, "tag", None) == tag and type(item).__module__ == "fuses" for item in walk.kept):
            names.add(name)
    return names


def check(session, seen, case):
    missing = {name for name in session if name not in seen}
    touching = reaching(session, case["broken"])
    assert touching or case["broken"] is None, case
    if case["mode"] == "once":
        # Only the variable that was being saved is lost.
        assert len(missing) == bool(touching) and missing <= touching, f"{case}: {missing} are missing, of {touching}"
    else:
        assert missing == touching, f"{case}: {missing} are missing, and should be {touching}"
    left = [name for name in session if name not in missing]
    before = canonical.canonical([session[name] for name in left])
    different = canonical.difference(before, canonical.canonical([seen[name] for name in left]))
    assert not different, f"{case}: {different}"


present = dict(globals())
session = expected_session()
cases = [json.loads(line) for line in sys.stdin]
for case in cases:
    if sys.argv[1:] == ["restored"]:
        seen = {name: present[name] for name in session if name in present}
    else:
        import dill

        seen = dill.load_module_asdict(case["file"])
    check(session, seen, case)
print(f"{len(cases)} sessions are what they should be")
