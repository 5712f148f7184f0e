"""A registry of one's own, and quantities of it."""

import numpy as np
import pint

ureg = pint.UnitRegistry()
ureg.define("smoot = 1.7018 * meter")
pint.set_application_registry(ureg)
speed = 3.5 * ureg.km / ureg.hour
lengths = np.array([1.0, 2.0]) * ureg.meter
unit = ureg.newton
sm = 2 * ureg.smoot

CHECKS = {
    "ureg": "str(ureg('2 smoot').to('meter')), 'smoot' in ureg",
    "speed": "str(speed), str(speed.to('m/s')), speed.dimensionality",
    "lengths": "lengths.magnitude.tolist(), str(lengths.units), str(lengths.sum().to('cm'))",
    "unit": "str(unit), unit.dimensionality",
    "sm": "str(sm), str(sm.to('meter'))",
}
