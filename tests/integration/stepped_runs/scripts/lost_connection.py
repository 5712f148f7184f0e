import sqlite3, threading, time
conn = sqlite3.connect(":memory:")
lock = threading.Lock()
rows = []
for i in range(60):
    time.sleep(0.008)
    with lock:
        rows.append(conn.execute("select ? * 2", (i,)).fetchone()[0])
    if i % 10 == 0: print(i, rows[-1])
result = repr((sum(rows),))
print(result)
