# Checks that a session of round_trips.py was restored unchanged: `round_trips_check.py SEED VARIABLES [FILE]`, a script for
# `snapcli restore`, or, with the file, for Python and dill.
import sys

seed, variables, *file = sys.argv[1:]
if file:
    import dill

    dill.load_module(file[0])

import canonical
import graphs

expected = graphs.session(int(seed), int(variables), globals())
missing = [name for name in expected if name not in globals()]
assert not missing, f"{len(missing)} of {len(expected)} variables are missing: {missing[:20]}"
for name, value in expected.items():
    different = canonical.difference(canonical.canonical(value, True), canonical.canonical(globals()[name], True))
    assert not different, f"session from seed {seed}: {name} {different}"
seen = {name: globals()[name] for name in expected}
different = canonical.difference(canonical.canonical(expected, True), canonical.canonical(seen, True))
assert not different, f"session from seed {seed}, between variables: {different}"
print(f"{len(seen)} variables from seed {seed} are as they were")
