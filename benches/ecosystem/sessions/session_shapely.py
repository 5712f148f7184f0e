"""Geometries, a tree of them, and a prepared one."""

import numpy as np
import shapely
from shapely.prepared import prep

square = shapely.Polygon([(0, 0), (2, 0), (2, 2), (0, 2)], [[(0.5, 0.5), (1, 0.5), (1, 1)]])
geoms = np.array([shapely.Point(n, n % 3) for n in range(5)])
tree = shapely.STRtree(geoms)
both = shapely.union_all([square, shapely.box(1, 1, 3, 3)])
pp = prep(square)

CHECKS = {
    "square": "square.wkt, square.area, len(square.interiors)",
    "geoms": "geoms.dtype, [one.wkt for one in geoms]",
    "tree": "len(tree), [one.wkt for one in tree.geometries], tree.query(shapely.box(0.5, 0.5, 2.5, 2.5)).tolist()",
    "both": "both.wkt, both.bounds",
    "pp": "pp.contains(shapely.Point(1.5, 1.5)), pp.contains(shapely.Point(5, 5))",
}
