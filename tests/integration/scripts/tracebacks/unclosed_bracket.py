# A syntax error: a bracket is never closed.
print("not reached")
values = [1, 2,
for value in values:
    print(value)
