"""Plots of a data frame, and a palette."""

import pandas as pd
import seaborn as sns

frame = pd.DataFrame({"size": [1, 2, 3, 4, 5, 6], "tip": [1.0, 1.5, 2.5, 2.0, 4.0, 3.5], "day": list("aabbcc")})
ax = sns.barplot(data=frame, x="day", y="tip", errorbar=None)
facets = sns.relplot(data=frame, x="size", y="tip", hue="day", col="day")
palette = sns.color_palette("viridis", 4)

CHECKS = {
    "ax": "[bar.get_height() for bar in ax.patches], ax.get_xlabel(), [one.get_text() for one in ax.get_xticklabels()]",
    "facets": "facets.axes.shape, facets.data.to_dict(), [one.get_title() for one in facets.axes.flat]",
    "palette": "list(palette), palette.as_hex()",
}
