"""Frames of geometries."""

import geopandas as gpd
import pyproj
from shapely import Point, box

crs = pyproj.CRS.from_epsg(4326)
points = [Point(10.7, 59.9), Point(7.4, 46.9)]
places = gpd.GeoDataFrame({"name": ["Oslo", "Bern"], "n": [1, 2]}, geometry=points, crs=crs)
moved = places.to_crs(3857).geometry
joined = gpd.sjoin(places, gpd.GeoDataFrame({"part": ["north"]}, geometry=[box(0, 50, 20, 70)], crs=crs))

CHECKS = {
    "crs": "crs.to_epsg(), crs.name, crs.to_wkt()",
    "places": "type(places).__name__, places.to_wkt().to_dict(), places.crs.to_epsg(), places.geometry.name",
    "moved": "type(moved).__name__, moved.to_wkt().tolist(), moved.crs.name",
    "joined": "joined.drop(columns='geometry').to_dict(), joined.total_bounds.tolist()",
}
