#### pandas_categoricals
# dill: fine
# check: sizes.cat.ordered and list(sizes.cat.categories) == ["s", "m", "l"] and (sizes < "l").tolist() == [True, True]
import pandas as pd
sizes = pd.Series(pd.Categorical(["s", "m"], categories=["s", "m", "l"], ordered=True))

#### pandas_nullable_types
# dill: fine
# check: str(nullable.dtype) == "Int64" and nullable[1] is pd.NA and nothing is pd.NA and no_time is pd.NaT and texts.isna().tolist() == [False, True] and (nullable + 1)[0] == 2
import pandas as pd
nullable = pd.Series([1, None], dtype="Int64")
texts = pd.Series(["a", None], dtype="string")
nothing, no_time = pd.NA, pd.NaT

#### pandas_multi_index
# dill: fine
# check: sales.loc[("a", 1), "n"] == 5 and sales.index.names == ["k", "i"] and sales.attrs == {"unit": "EUR"}
import pandas as pd
sales = pd.DataFrame({"n": [5, 6]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", "i"]))
sales.attrs["unit"] = "EUR"

#### pandas_times
# dill: fine
# check: str(stamps.dt.tz) == "Europe/Berlin" and stamps[0].utcoffset().seconds == 3600 and period.year == 2024 and interval.right == 2
import pandas as pd
stamps = pd.Series(pd.to_datetime(["2024-01-01"]).tz_localize("Europe/Berlin"))
period, interval = pd.Period("2024-01"), pd.Interval(1, 2)

#### pandas_apply_with_a_function_of_the_script
# dill: fine
# check: numbers_frame.x.apply(times_factor).tolist() == [3, 6] and numbers_frame.groupby("x").agg(spread).shape == (2, 1)
import pandas as pd
factor = 3
def times_factor(x): return x * factor
def spread(column): return column.max() - column.min()
numbers_frame = pd.DataFrame({"x": [1, 2], "y": [3, 4]})

#### pandas_subclass_of_the_script
# dill: fine
# check: type(own_frame) is OwnFrame and own_frame.total() == 3 and own_frame.label == "l" and type(own_frame[["x"]]) is OwnFrame
import pandas as pd
class OwnFrame(pd.DataFrame):
    _metadata = ["label"]
    @property
    def _constructor(self): return OwnFrame
    def total(self): return self.x.sum()
own_frame = OwnFrame({"x": [1, 2]})
own_frame.label = "l"

#### pipeline_with_functions_of_the_script
# dill: fine
# check: pipeline_model.predict(np.array([[3.0]])).round(6).tolist() == [6.0] and type(pipeline_model[1]) is Doubler
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
def shifted(x): return x + 1
class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, x, y=None): return self
    def transform(self, x): return x * 2
pipeline_model = make_pipeline(FunctionTransformer(shifted), Doubler(), LinearRegression())
pipeline_model.fit(np.array([[0.0], [1.0], [2.0]]), np.array([0.0, 2.0, 4.0]))

#### grid_search_with_a_scorer_of_the_script
# dill: fine
# check: search.best_params_["max_depth"] in (1, 2) and search.score([[0.0]], [0]) in (0.0, 1.0)
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier
def hit(truth, guess): return float((truth == guess).mean())
search = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, scoring=make_scorer(hit), cv=2)
search.fit([[0.0], [1.0], [0.1], [0.9]], [0, 1, 0, 1])

#### memory_mapped_arrays
# seen: numpy#2049
# dill: dump fails: TypeError
# check: (mapped.tolist(), part.tolist(), type(mapped).__name__, len(model.coef_), view.shape) == ([0, 1, 2], [1, 2], "memmap", 1, (2, 3))
import joblib, numpy as np, os, tempfile
from sklearn.linear_model import LinearRegression
mapped_folder = tempfile.mkdtemp()
np.save(mapped_folder + "/a.npy", np.arange(3))
joblib.dump(LinearRegression().fit([[0.0], [1.0]], [1, 2]), mapped_folder + "/m.joblib")
mapped = np.load(mapped_folder + "/a.npy", mmap_mode="r")
part = mapped[1:]
model = joblib.load(mapped_folder + "/m.joblib", mmap_mode="r")
view = np.memmap(mapped_folder + "/b", dtype="f4", mode="w+", shape=(3, 2)).T
