"""Labelled arrays and data sets."""

import numpy as np
import xarray as xr

grid = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("y", "x"), coords={"x": [10, 20, 30]}, attrs={"unit": "K"})
data = xr.Dataset({"t": grid, "p": ("y", [1.0, 2.0])}, attrs={"title": "two fields"})
means = data.t.groupby("x").mean()

CHECKS = {
    "grid": "grid.to_dict(), grid.sel(x=20).values.tolist()",
    "data": "data.to_dict(), data.mean().t.item()",
    "means": "means.to_dict(), means.dims",
}
