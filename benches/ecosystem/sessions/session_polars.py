"""A frame, a series, a lazy query, an expression and a schema."""

import polars as pl

df = pl.DataFrame({"city": ["Oslo", "Bern", None], "t": [1.5, 2.25, -3.0], "n": [1, 2, 3]})
series = pl.Series("day", ["2024-01-01", "2024-02-29"]).str.to_date()
lazy = df.lazy().filter(pl.col("n") > 1).with_columns(double=pl.col("t") * 2)
expression = pl.col("t").mean().over("city").alias("mean")
schema = pl.Schema({"id": pl.Int32, "at": pl.Datetime("us", "UTC"), "tags": pl.List(pl.String)})

CHECKS = {
    "df": "df.to_dict(as_series=False), df.schema",
    "series": "series.name, series.dtype, series.to_list()",
    "lazy": "lazy.collect().to_dict(as_series=False)",
    "expression": "str(expression), expression.meta.output_name(), expression.meta.root_names()",
    "schema": "list(schema.items())",
}
