# A syntax error: a block is not indented.
def f():
print("not reached")
