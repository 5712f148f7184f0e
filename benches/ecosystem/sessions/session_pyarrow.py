"""Tables, arrays and types."""

import pyarrow as pa
import pyarrow.compute as pc

arr = pa.array([1, None, 3], pa.int16())
chunked = pa.chunked_array([["a", "b"], ["c"]])
table = pa.table({"n": arr, "s": ["x", "y", None], "l": [[1], [], [2, 3]]})
times = pa.array([0, 1], pa.timestamp("ms", "UTC"))
batch = pa.record_batch({"at": times, "d": pa.array(["p", "p"]).dictionary_encode()})
schema = pa.schema([pa.field("id", pa.int64(), nullable=False), ("tags", pa.list_(pa.string()))], metadata={"k": "v"})
scalar = pa.scalar({"a": 1, "b": "two"})
expression = pc.field("n") > 1

CHECKS = {
    "arr": "arr.type, arr.to_pylist(), arr.null_count",
    "chunked": "chunked.num_chunks, chunked.to_pylist()",
    "table": "table.schema, table.to_pydict()",
    "batch": "batch.schema, batch.to_pylist()",
    "schema": "str(schema), schema.metadata, schema.field('id').nullable",
    "scalar": "scalar.type, scalar.as_py()",
    "expression": "str(expression), pa.table({'n': [1, 2, 3]}).filter(expression).to_pydict()",
}
