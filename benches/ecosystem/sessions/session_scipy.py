"""Sparse matrices, distributions, interpolators, trees, filters and solutions."""

import numpy as np
from scipy import integrate, interpolate, optimize, signal, sparse, spatial, stats

rng = np.random.default_rng(11)
points = rng.random((20, 2))
csr = sparse.csr_matrix(([1.0, 2.0, 3.0], ([0, 1, 2], [2, 0, 1])), shape=(3, 4))
coo = sparse.coo_array(np.eye(3) * 2)
norm = stats.norm(loc=1.0, scale=2.0)
test = stats.ttest_ind(points[:, 0], points[:, 1])
kde = stats.gaussian_kde(points[:, 0])
spline = interpolate.CubicSpline([0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 4.0, 9.0])
surface = interpolate.RegularGridInterpolator(([0.0, 1.0], [0.0, 1.0]), np.array([[0.0, 1.0], [2.0, 3.0]]))
tree = spatial.cKDTree(points)
hull = spatial.ConvexHull(points)
turn = spatial.transform.Rotation.from_euler("xyz", [10, 20, 30], degrees=True)
best = optimize.minimize(lambda x: (x[0] - 1) ** 2 + (x[1] - 2) ** 2, [0.0, 0.0])
path = integrate.solve_ivp(lambda t, y: -y, (0.0, 1.0), [1.0], dense_output=True)
system = signal.dlti([1.0], [1.0, -0.5], dt=0.1)

CHECKS = {
    "csr": "type(csr).__name__, csr.toarray().tolist(), csr.indptr.tolist(), (csr @ csr.T).toarray().tolist()",
    "coo": "type(coo).__name__, coo.toarray().tolist(), coo.tocsr().nnz",
    "norm": "norm.cdf([0.0, 1.0]).tolist(), norm.mean(), norm.rvs(2, random_state=1).tolist()",
    "test": "type(test).__name__, float(test.statistic), float(test.pvalue), float(test.df)",
    "kde": "kde([0.2, 0.8]).tolist(), kde.factor",
    "spline": "spline([0.5, 2.5]).tolist(), spline.derivative()(1.0).tolist(), spline.c.tolist()",
    "surface": "surface([[0.5, 0.5]]).tolist(), surface.method",
    "tree": "tree.n, [one.tolist() for one in tree.query([[0.5, 0.5]], k=3)]",
    "hull": "hull.volume, hull.vertices.tolist(), hull.equations.tolist()",
    "turn": "turn.as_quat().tolist(), turn.apply([1.0, 0.0, 0.0]).tolist()",
    "best": "best.x.tolist(), best.fun, best.success, best.message",
    "path": "path.t.tolist(), path.y.tolist(), path.sol(0.5).tolist()",
    "system": "type(system).__name__, system.dt, [one.tolist() for one in system.impulse(n=4)[1]]",
}
