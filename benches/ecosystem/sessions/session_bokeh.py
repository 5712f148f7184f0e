"""A plot and its data."""

from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

src = ColumnDataSource({"x": [1, 2, 3], "y": [3.0, 1.0, 2.0]})
p = figure(title="points", width=200, height=100)
p.scatter("x", "y", source=src, size=8)

CHECKS = {
    "src": "type(src).__name__, dict(src.data), src.column_names",
    "p": "p.title.text, p.width, [(type(one.glyph).__name__, dict(one.data_source.data)) for one in p.renderers]",
}
