"""Rows, a relation and a type."""

import duckdb

rows = duckdb.sql("select range as n, 'item ' || range as name from range(3)").fetchall()
rel = duckdb.sql("select 42 as answer")
typ = duckdb.struct_type({"id": "INTEGER", "name": "VARCHAR"})

CHECKS = {
    "rows": "rows",
    "rel": "rel.columns, rel.fetchall()",
    "typ": "str(typ), typ.id",
}
