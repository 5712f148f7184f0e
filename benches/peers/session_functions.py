"""2,000 functions of the script."""

offset = 3

for number in range(2_000):
    exec(
        f"def function_{number}(x, scale={number}):\n"
        f"    'Scales and shifts.'\n"
        f"    shifted = [item * scale + offset for item in x]\n"
        f"    return sum(shifted) % {number + 1}\n"
    )
del number

__import__("measure").run()
