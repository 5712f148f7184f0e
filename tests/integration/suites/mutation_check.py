# Checks that all witnesses of mutation.py were restored: for `snapcli restore`, or, with a file, for Python and dill.
import sys

if sys.argv[1:]:
    import dill

    dill.load_module(sys.argv[1])

expected = [f"witness_{number}" for number in witnesses] + [f"witness_late_{number}" for number in range(5)]
missing = [name for name in expected if name not in globals()]
assert not missing, f"missing: {missing}"
for name in expected:
    value = globals()[name]
    assert value[0] is shared and value[1] == int(name.rpartition("_")[2]), f"{name} is {value!r}"
assert shared == {"shared": [[str(number)] for number in range(50)]}, shared
print(len(expected), "witnesses", len([name for name in globals() if name.startswith("v_")]), "others")
