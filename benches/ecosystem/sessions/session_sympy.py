"""Symbols, expressions, and a function made of one."""

import sympy as sp

x, y = sp.symbols("x y", positive=True)
g = sp.Function("g")
expression = sp.integrate(sp.sin(x) * sp.exp(-y * x), x)
matrix = sp.Matrix([[x, 1], [y, x * y]])
roots = sp.solve(x**2 - 2 * y, x)
equation = sp.Eq(g(x).diff(x), g(x))
f = sp.lambdify((x, y), sp.sin(x) + y**2)

CHECKS = {
    "x": "x.assumptions0['positive'], sp.srepr(x), sp.sqrt(x**2)",
    "expression": "sp.srepr(expression), sorted(map(str, expression.free_symbols))",
    "matrix": "matrix.det(), matrix.shape, sp.srepr(matrix)",
    "roots": "sp.srepr(roots)",
    "equation": "sp.srepr(equation), sp.dsolve(equation)",
    "f": "f(0.5, 2), f.__doc__",
}
