# Output without an end: only a closed pipe stops it. Each line is written at once, and whole, as a pipe takes 4 KiB.
line = "x" * 999
while True:
    print(line, flush=True)
