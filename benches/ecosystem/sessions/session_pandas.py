"""Frames, series, indexes, and what is made of them."""

import jinja2  # For the styler.
import numpy as np
import pandas as pd
from pandas.api.types import CategoricalDtype

days = pd.date_range("2024-02-28", periods=4, tz="Europe/Oslo", name="day")
frame = pd.DataFrame({"n": [1, 2, 3, 4], "s": ["x", None, "y", "z"], "f": [0.5, np.nan, 1.5, 2.0]}, index=days)
frame.attrs["source"] = "made up"
multi = frame.reset_index().assign(half=["a", "a", "b", "b"]).set_index(["half", "n"])
series = pd.Series([1, None, 3], dtype="Int64", name="counts")
cat = pd.Series(["lo", "hi", "lo"], dtype=CategoricalDtype(["lo", "mid", "hi"], ordered=True))
iv = pd.interval_range(0, 3, closed="left")
per = pd.period_range("2024Q1", periods=3, freq="Q")
td = pd.Timedelta("1 days 02:03:04")
na = pd.NA
sparse = pd.Series(pd.arrays.SparseArray([0, 0, 1, 0, 2]))
groups = frame.groupby("n", sort=True)
rolling = frame.f.rolling(2, min_periods=1)
styler = frame.reset_index(drop=True).style.format({"f": "{:.1f}"}).highlight_max("n", color="red")
offset = pd.offsets.CustomBusinessDay(weekmask="Sun Mon", holidays=["2024-03-04"])

CHECKS = {
    "days": "days.tolist(), str(days.tz), days.freqstr, days.name",
    "frame": "frame.to_dict(), frame.dtypes.to_dict(), frame.index.freqstr, frame.attrs",
    "multi": "multi.index.tolist(), multi.index.names, multi.loc['b'].s.tolist()",
    "series": "series.tolist(), series.dtype, series.name, series.sum()",
    "cat": "cat.tolist(), cat.cat.codes.tolist(), cat.max(), cat.dtype",
    "iv": "iv.tolist(), iv.closed, iv.get_loc(1.5)",
    "per": "per.tolist(), per.freqstr, per.to_timestamp().tolist()",
    "td": "td.value, td.components, td.unit",
    "na": "na is pd.NA, na | True",
    "sparse": "sparse.tolist(), sparse.dtype, sparse.sparse.density",
    "groups": "groups.f.sum().to_dict(), groups.ngroups, sorted(groups.groups)",
    "rolling": "rolling.mean().tolist(), rolling.window, rolling.min_periods",
    "styler": "styler.set_uuid('u').to_html()",
    "offset": "(pd.Timestamp('2024-03-01') + offset).isoformat(), offset.weekmask, offset.name",
}
