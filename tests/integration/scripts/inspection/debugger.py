# breakpoint() stops in the script: `where` shows its frames and no others.
def work(number):
    total = number * 2
    breakpoint()
    return total


print(work(21))
