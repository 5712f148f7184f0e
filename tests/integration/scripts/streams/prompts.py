# input() with prompts, and the end of the input.
print(repr(input("name? ")), repr(input()))
for line in iter(input, "stop"):
    print("line:", line)
input("more? ")
