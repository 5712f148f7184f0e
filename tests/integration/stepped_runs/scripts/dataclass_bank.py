import time
from dataclasses import dataclass, field
import collections, itertools
@dataclass
class Account:
    name: str
    balance: int = 0
    history: list = field(default_factory=list)
    def deposit(self, n):
        self.balance += n; self.history.append(n)
class Bank:
    def __init__(self): self.accounts = {}
    def run(self, days):
        for day in range(days):
            for name, account in self.accounts.items():
                account.deposit(day * len(name))
                time.sleep(0.002)
            self.log(day)
        return sum(a.balance for a in self.accounts.values())
    def log(self, day): print(day, [a.balance for a in self.accounts.values()])
bank = Bank()
for name in ("ann", "bob", "carol"):
    bank.accounts[name] = Account(name)
total = bank.run(50)
first = bank.accounts["ann"]
print(total, first)
q = collections.deque(range(10))
for a, b in zip(itertools.count(), [3] * 40):
    q.rotate(b); q.append(a); q.popleft()
    time.sleep(0.006)
result = repr((q, first is bank.accounts["ann"],))
print(result)
