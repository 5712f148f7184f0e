"""Figures."""

import json

import plotly.express as px
import plotly.graph_objects as go

scatter = px.scatter(x=[1, 2, 3], y=[3, 1, 2], color=["a", "b", "a"], title="three points")
surface = go.Figure(go.Surface(z=[[1, 2], [3, 4]]), layout={"width": 300})
trace = go.Bar(x=["a", "b"], y=[1, 2], marker={"color": "red"})

CHECKS = {
    "scatter": "json.dumps(scatter.to_dict(), sort_keys=True, default=list), scatter.layout.title.text",
    "surface": "json.dumps(json.loads(surface.to_json()), sort_keys=True)",
    "trace": "trace.to_plotly_json(), trace.marker.color",
}
