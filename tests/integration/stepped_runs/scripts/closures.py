import sys, time
def main(n, step=2):
    total, parts = 0, []
    def add(k):
        nonlocal total
        total += k
        parts.append(total)
    getter = lambda: total
    for i in range(n):
        add(i * step)
        time.sleep(0.005)
        if i % 10 == 0:
            print(i, getter())
    result = inner(parts)
    print("inner", result)
    return getter() + result
def inner(parts):
    best = 0
    for p in parts:
        time.sleep(0.004)
        if p > best:
            best = p
    else:
        best += 1
    return best
if __name__ == "__main__":
    x = main(70)
    result = repr((x, main(20)))
    y = main(20)
    result += repr(y)
    print(result)
    sys.exit(abs(0))
