"""An array in memory, and one on disk."""

import numpy as np
import zarr

memory = zarr.create_array({}, shape=(4, 4), chunks=(2, 2), dtype="i4", fill_value=7)
memory[:2, :2] = np.arange(4).reshape(2, 2)
disk = zarr.create_array("data.zarr", shape=(3,), dtype="f8", overwrite=True, attributes={"unit": "m"})
disk[:] = [1.5, 2.5, 3.5]

CHECKS = {
    "memory": "memory.shape, memory.chunks, memory.fill_value, memory[:].tolist()",
    "disk": "dict(disk.attrs), disk[:].tolist()",
}
