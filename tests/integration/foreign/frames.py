"""Values of pandas and scikit-learn; appended to `mixed.py`."""

import pandas as pd
from sklearn import linear_model, pipeline, preprocessing

# pandas.
frame = pd.DataFrame({"key": [1, 2, 3], "name": ["x", "y", "z"], "when": pd.to_datetime(["2024-05-17"] * 3)})
indexed = frame.set_index("name")
multi = frame.set_index(["key", "name"])
numbered = pd.DataFrame(np.zeros((4, 3)))
no_rows = pd.DataFrame({"a": [], "b": []})
by_date = pd.DataFrame({"v": [1.0, 2.0]}, index=pd.date_range("2024", periods=2))
two_levels = pd.DataFrame(np.zeros((2, 2)), columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
series, names, when = frame["key"], frame["name"], frame["when"]
categories = frame["name"].astype("category")
category_frame = frame.astype({"name": "category"})
nullable = pd.Series([1, None], dtype="Int64")
zoned = pd.Series(pd.date_range("2024", periods=2, tz="Europe/Vienna"))
index, range_index, multi_index = pd.Index(["a", "b"]), pd.RangeIndex(2, 11, 3), multi.index
date_index, delta_index = pd.date_range("2024", periods=3), pd.to_timedelta([1, 2], unit="h")
period_index, interval_index = pd.period_range("2024", periods=3, freq="M"), pd.interval_range(0, 3)
category_index, number_index = pd.CategoricalIndex(["a", "b", "a"]), pd.Index([1.5, 2.5])
categorical, integer_array = pd.Categorical(["a", "b", "a"]), pd.array([1, None], dtype="Int64")
string_array, boolean_array = pd.array(["a", None], dtype="string"), pd.array([True, None], dtype="boolean")
date_array, sparse = pd.array(pd.to_datetime(["2024-05-17"])), pd.arrays.SparseArray([0, 0, 1])
stamp, lapse, period = pd.Timestamp("2024-05-17", tz="UTC"), pd.Timedelta(1, "h"), pd.Period("2024-05", "M")
missing, no_time, interval, offset = pd.NA, pd.NaT, pd.Interval(0, 1), pd.offsets.MonthEnd(2)

# scikit-learn.
scaler = preprocessing.StandardScaler().fit(doubles)
model = linear_model.LogisticRegression().fit(doubles, [0, 1, 1])
steps = pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge()).fit(doubles, [0, 1, 1])
