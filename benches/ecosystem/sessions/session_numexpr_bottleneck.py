"""A compiled expression, and results of fast functions."""

import bottleneck as bn
import numexpr as ne
import numpy as np

e = ne.NumExpr("2 * a + b", signature=[("a", np.float64), ("b", np.float64)])
result = ne.evaluate("a ** 2 + 1", {"a": np.arange(4.0)})
moving = bn.move_mean(np.array([1.0, 2.0, np.nan, 4.0]), window=2, min_count=1)

CHECKS = {
    "e": "e(np.array([1.0]), np.array([2.0])).tolist(), e.input_names",
    "result": "result.dtype, result.tolist()",
    "moving": "moving.tolist(), bn.nansum(moving)",
}
