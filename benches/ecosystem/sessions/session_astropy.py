"""Quantities, times, places in the sky, tables, images and models."""

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.modeling.models import Gaussian1D
from astropy.table import QTable
from astropy.time import Time
from astropy.wcs import WCS

distance = np.array([1.0, 2.0]) * u.pc
unit = u.erg / u.s / u.cm**2
when = Time(["2024-01-01T00:00:00", "2024-02-29T12:00:00"], scale="utc")
sky = SkyCoord(ra=[10.5, 20.25] * u.deg, dec=[-5.0, 45.0] * u.deg, frame="icrs")
table = QTable({"name": ["a", "b"], "flux": [1.5, 2.5] * u.Jy}, meta={"source": "made up"})
image = fits.PrimaryHDU(np.arange(6, dtype="i2").reshape(2, 3))
image.header["OBJECT"] = "M31"
line = Gaussian1D(amplitude=2.0, mean=1.0, stddev=0.5) + Gaussian1D(amplitude=1.0, mean=3.0, stddev=0.2)
wcs = WCS(naxis=2)
wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cdelt = [10.0, 20.0], [1.0, 1.0], [0.1, 0.1]
wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
wcs.wcs.set()

CHECKS = {
    "distance": "distance.unit, distance.value.tolist(), str(distance.to(u.lyr))",
    "unit": "str(unit), str(unit.decompose()), unit.physical_type",
    "when": "when.isot.tolist(), when.scale, when.tt.jd.tolist()",
    "sky": "sky.frame.name, sky.to_string('hmsdms'), sky.galactic.l.deg.tolist()",
    "table": "table.colnames, table['flux'].unit, table['flux'].value.tolist(), table['name'].tolist(), table.meta",
    "image": "image.data.tolist(), image.header['OBJECT'], image.header['NAXIS1']",
    "line": "line.param_names, line.parameters.tolist(), line(np.array([1.0, 3.0])).tolist()",
    "wcs": "wcs.to_header_string(), wcs.pixel_to_world_values(2.0, 3.0)",
}
