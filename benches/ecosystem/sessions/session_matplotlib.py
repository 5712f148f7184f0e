"""Figures and what is in them."""

import zlib

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, LogNorm

fig, axes = plt.subplots(1, 2, figsize=(4, 2))
line, = axes[0].plot([1, 2, 4], [3, 1, 2], "r--", label="a line")
axes[0].set(title="left", xlabel="time", xscale="log")
axes[0].legend()
axes[1].imshow(np.arange(6).reshape(2, 3), cmap="magma")
cmap = LinearSegmentedColormap.from_list("two", ["#000000", "#ff8000"])
norm = LogNorm(1, 100)

CHECKS = {
    "fig": "fig.axes[0].get_title(), fig.canvas.draw(), zlib.crc32(fig.canvas.buffer_rgba())",
    "axes": "[axis.get_xlabel() for axis in axes], axes[0].get_xscale(), axes[1].images[0].get_array().tolist()",
    "line": "line.get_xydata().tolist(), line.get_color(), line.get_linestyle(), line.get_label()",
    "cmap": "cmap.name, cmap([0.0, 0.3, 1.0]).tolist()",
    "norm": "norm([1, 10, 100]).tolist(), norm.vmin",
}
