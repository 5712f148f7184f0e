"""A file, and what was read from it."""

import netCDF4
import numpy as np

ds = netCDF4.Dataset("data.nc", "w")
ds.title = "one field"
ds.createDimension("x", 3)
field = ds.createVariable("t", "f4", ("x",), fill_value=-1.0)
field[:] = np.ma.array([1.0, 2.0, 3.0], mask=[False, True, False])
masked = field[:]
day = netCDF4.num2date(41, "days since 2024-01-01", calendar="noleap")
del field

CHECKS = {
    "ds": "ds.title, list(ds.variables), ds['t'][:].tolist()",
    "masked": "masked.tolist(), masked.mask.tolist(), float(masked.fill_value)",
    "day": "day.isoformat(), day.calendar, day.dayofyr",
}
