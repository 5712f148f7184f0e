# More output than a pipe or a buffer holds.
for number in range(60_000):
    print(number, "x" * (number % 30))
