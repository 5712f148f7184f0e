# No __future__ statement is inherited from elsewhere: annotations are evaluated.
count: int = 3
print(__annotations__)
print(compile("x: int", "text", "exec").co_flags)
name: not_defined
