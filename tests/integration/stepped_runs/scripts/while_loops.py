import time
n, log = 0, []
while n < 60:
    n += 1
    time.sleep(0.008)
    m = 0
    while m < 3:
        m += 1
        if n % 7 == 0 and m == 2: break
        time.sleep(0.002)
    else:
        log.append(n)
    if n == 20:
        continue
    print(n, m)
else:
    log.append("done")
while True:
    n -= 1
    time.sleep(0.004)
    if n < 10:
        break
result = repr((log, n,))
print(result)
