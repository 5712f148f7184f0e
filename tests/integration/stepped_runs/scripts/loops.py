import time
seen = []
for a in range(4):
    for b in [1, 2, 3]:
        time.sleep(0.01)
        if b == 2 and a == 1:
            break
        for c in "xyz":
            time.sleep(0.004)
            if c == "y" and b == 1:
                continue
            seen.append((a, b, c))
            print(a, b, c)
    else:
        seen.append(("else", a))
        print("else", a)
else:
    print("outer else")
result = repr((len(seen), seen))
print(result)
