"""A file, and what was read from it."""

import h5py
import numpy as np

f = h5py.File("data.h5", "w")
f["grid"] = np.arange(6.0).reshape(2, 3)
f["grid"].attrs["unit"] = "K"
f.flush()
grid = f["grid"][:]
record = f.create_dataset("people", data=np.array([(1, b"ann"), (2, b"bob")], [("id", "i4"), ("name", "S5")]))[:]
text = h5py.string_dtype("utf-8", 8)

CHECKS = {
    "f": "sorted(f), f['grid'].attrs['unit'], f['grid'][:].tolist()",
    "grid": "grid.dtype, grid.tolist()",
    "record": "record.dtype, record.tolist()",
    "text": "text, h5py.check_string_dtype(text)",
}
