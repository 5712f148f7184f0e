import numpy as np

base = np.arange(12, dtype="f8").reshape(3, 4).copy()
view = base[1:, ::2]
reversed_view = base[::-1].T
frozen = base[0]
frozen.flags.writeable = False
alone = np.arange(5)
large = np.zeros((300, 1000))
rows = large[10:20]
holder = {"column": large[:, 3], "again": [large[0]]}
hidden = np.arange(100.0)
left, right = hidden[:60], hidden[40:]
apart = hidden[:2], hidden[98:]
del hidden
huge = np.zeros(10**6)
first, second, third = huge[:10], huge[5:15], huge[500:510]
del huge
repeated = np.broadcast_to(np.arange(3.0), (1000, 3))
records = np.zeros(4, dtype=[("a", "i4"), ("b", "f8")])
field = records["b"]
dates = np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]").copy()
later = dates[1:]
big_endian = np.arange(4, dtype=">i4")
inner = big_endian[1:3]
fortran = np.array(np.arange(6.0).reshape(2, 3), order="F")
column = fortran[:, 1]
transposed = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1) * 1.0
part = transposed[1]
pair = [np.arange(3)]
pair.append(pair[0][1:])
text = np.array(["one", "two", "three"])
words = text[::2]
bits = np.zeros(8).view("u1").reshape(8, 8)
locked = np.arange(4.0)
writable_view = locked[1:]
locked.flags.writeable = False
nothing = base[3:]


class Holder:
    def __init__(self):
        self.weights = base
        self.bias = base[:, 0]


thing = Holder()
transposed_strides = transposed.strides
