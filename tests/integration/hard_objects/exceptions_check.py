"""The exceptions of exceptions.py are what they were."""

for key, error in errs.items():
    now = describe(error)
    assert now == before[key], f"{key}:\n was {before[key]}\n now {now}"
assert errs["loop"].me[0] is errs["loop"]
assert errs["holder"].err.args[0] is errs["holder"]
assert errs["ga"].k == 1
try:
    errs["frozen"].z = 1
    raise SystemExit("not frozen")
except AttributeError:
    pass
print("fine")
