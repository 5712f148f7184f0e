"""Charts."""

import altair as alt
import pandas as pd

frame = pd.DataFrame({"a": ["x", "y", "z"], "b": [3, 1, 2]})
chart = alt.Chart(frame, name="bars").mark_bar().encode(x="a:N", y="b:Q", color=alt.Color("a:N", legend=None))
layered = chart + alt.Chart(frame, name="rule").mark_rule().encode(y="mean(b):Q")

CHECKS = {
    "chart": "chart.to_dict()",
    "layered": "layered.to_dict(), len(layered.layer)",
}
