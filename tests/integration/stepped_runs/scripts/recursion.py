import time
calls = []
def even(n, depth):
    calls.append(("even", n))
    for i in range(3):
        time.sleep(0.002)
    if n == 0:
        return True
    r = odd(n - 1, depth + 1)
    calls.append(("back", n, r, depth))
    return r
def odd(n, depth):
    time.sleep(0.005)
    k = n
    while k > n - 2:
        k -= 1
        time.sleep(0.003)
    if n == 0:
        return False
    r = even(n - 1, depth + 1)
    print("odd", n, r)
    return r
result = even(30, 0)
result = repr((result, len(calls),))
print(result)
