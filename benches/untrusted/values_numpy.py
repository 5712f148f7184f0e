"""Arrays, scalars, dtypes and random generators of numpy."""

import numpy as np

base = np.arange(12.0).reshape(3, 4)
record = np.dtype([("id", "<i4"), ("name", "U5"), ("xy", "<f8", (2,))])
frozen = np.arange(4)
frozen.flags.writeable = False
big = np.arange(40_000.0)


def filled(dtype):
    return np.zeros(3, dtype)


VALUES = {
    **{f"array_{code}": filled(code) for code in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
        "float64", "longdouble", "complex64", "complex128")},
    "scalar_array": np.array(1.5),
    "empty": np.empty((0, 3)),
    "fortran": np.asfortranarray(base),
    "transposed": base.T,
    "strided": base[:, ::2],
    "reversed_rows": base[::-1],
    "big_endian": np.arange(3, dtype=">i4"),
    "frozen": frozen,
    "large": big,
    "views": {"base": big, "view": big[10:20], "again": big[15:30]},
    "strings": np.array(["a", "bcd"]),
    "byte_strings": np.array([b"a", b"bcd"]),
    "objects": np.array([1, "a", None, [2]], dtype=object),
    "object_matrix": np.array([[1, "a"], [None, 2.5]], dtype=object),
    "dates": np.array(["2026-11-28", "NaT"], dtype="M8[D]"),
    "moments": np.array(["2026-11-28T01:02"], dtype="M8[ns]"),
    "deltas": np.array([1, 2], dtype="m8[25s]"),
    "records": np.array([(1, "ab", (1.0, 2.0)), (2, "c", (3.0, 4.0))], dtype=record),
    "rec_array": np.rec.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
    "void": np.zeros(2, dtype="V5"),
    "masked": np.ma.masked_array([1.0, 2.0, 3.0], mask=[False, True, False], fill_value=-1),
    "masked_constant": np.ma.masked,
    "matrix": np.matrix([[1, 2], [3, 4]]),
    "string_dtype": np.array(["a", "long " * 20], dtype=np.dtypes.StringDType()) if hasattr(np.dtypes, "StringDType")
    else np.array(["a"]),
    "scalars": [np.float64(1.5), np.int32(3), np.bool_(True), np.complex64(1j), np.str_("x"), np.bytes_(b"y"),
                np.float16(2), np.uint8(255)],
    "date_scalars": [np.datetime64("2026-11-28"), np.timedelta64(5, "s"), np.datetime64("NaT")],
    "record_scalar": np.zeros(1, dtype=record)[0],
    "dtypes": [np.dtype(code) for code in ("f8", ">i2", "U7", "S3", "M8[ns]", "O", "?", "V3")],
    "record_dtype": record,
    "aligned_dtype": np.dtype([("a", "u1"), ("b", "f8")], align=True),
    "titled_dtype": np.dtype({"names": ["a"], "formats": ["i4"], "titles": ["A"], "offsets": [4], "itemsize": 12}),
    "metadata_dtype": np.dtype("f8", metadata={"unit": "m"}),
    "array_class": np.ndarray,
    "type_class": np.float32,
    "function_sum": np.sum,
    "universal_function": np.add,
    "generator": np.random.default_rng(3),
    "generators": [np.random.Generator(bits(4)) for bits in (np.random.MT19937, np.random.Philox, np.random.SFC64)],
    "random_state": np.random.RandomState(5),
    "bit_generator": np.random.PCG64DXSM(7),
    "seed_sequence": np.random.SeedSequence(8),
    "polynomial": np.polynomial.Polynomial([1.0, 2.0]),
    "old_polynomial": np.poly1d([1, 2, 3]),
    "nested": {"weights": [base, base.T.copy()], "meta": (np.int64(1), "a")},
    "same_twice": [base, base],
}
