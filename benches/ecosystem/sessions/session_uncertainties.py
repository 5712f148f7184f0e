"""Numbers with errors, and arrays of them."""

from uncertainties import correlation_matrix, ufloat, umath, unumpy

length = ufloat(2.5, 0.1, tag="length")
area = length * ufloat(4.0, 0.2) + umath.sin(length)
series = unumpy.uarray([1.0, 2.0], [0.1, 0.3])
pair = (length, length**2)

CHECKS = {
    "length": "length.n, length.s, length.tag, f'{length:.2u}'",
    "area": "area.n, area.s, len(area.derivatives)",
    "series": "series.shape, unumpy.nominal_values(series).tolist(), unumpy.std_devs(series * 2).tolist()",
    "pair": "(pair[1] - pair[0] ** 2).s, correlation_matrix(pair).tolist()",
}
