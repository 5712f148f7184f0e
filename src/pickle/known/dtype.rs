//! The one parser of numpy's dtypes, as pickles have them: a code such as `f8` or `U10`, and the flags of a state.
//!
//! numpy pickles a dtype as `dtype(code, False, True)` with a state. See `arraydescr_reduce` in
//! `numpy/_core/src/multiarray/descriptor.c`.

/// The flags of a dtype of objects: all that make numpy treat its items as references.
pub(in crate::pickle) const OBJECT_FLAGS: i64 = 63;
/// The flags by which numpy counts references or follows pointers (`NPY_ITEM_REFCOUNT` and the next two).
pub(in crate::pickle) const POINTER_FLAGS: i64 = 7;
/// The flag of strings of characters: their memory is cleared (`NPY_NEEDS_INIT`). Other codes of one value have none.
pub(in crate::pickle) const TEXT_FLAG: i64 = 8;
/// The flag of every structure: its items are read and written under the interpreter's lock (`NPY_NEEDS_PYAPI`).
pub(in crate::pickle) const STRUCTURE_FLAG: i64 = 16;
/// Items are references (`NPY_ITEM_REFCOUNT`).
pub(in crate::pickle) const REFERENCE_FLAG: i64 = 1;
/// numpy aligns the fields of a structure (`NPY_ALIGNED_STRUCT`). numpy 1 writes the flags as a signed byte.
pub(in crate::pickle) const ALIGNED_FLAG: i64 = 128;

/// The state of a dtype: (version, byte order, subarray, names, fields, size, alignment, flags), and metadata of dates.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) struct DtypeState<T> {
    /// 3 or 4 since numpy 1.0.
    pub version: T,
    /// `<`, `>`, or `|` where it has no meaning.
    pub order: T,
    /// The base dtype and the shape of a dtype of subarrays, else None.
    pub subarray: T,
    /// The names of the fields of a structured dtype, else None.
    pub names: T,
    /// A dict of the fields of a structured dtype, else None.
    pub fields: T,
    /// The size of an item, or -1 if the code determines it.
    pub size: T,
    /// The alignment of an item, or -1 if the code determines it.
    pub alignment: T,
    pub flags: T,
    /// The unit of dates and time differences.
    pub metadata: Option<T>,
}

impl<T: Copy> DtypeState<T> {
    /// From the items of the tuple; `None` if it is shorter than numpy writes it.
    pub(in crate::pickle) fn of(items: &[T]) -> Option<Self> {
        let &[version, order, subarray, names, fields, size, alignment, flags, ..] = items else { return None };
        Some(Self { version, order, subarray, names, fields, size, alignment, flags, metadata: items.get(8).copied() })
    }
}

/// The kinds whose codes numpy pickles: bool, int, uint, float, complex, datetime, timedelta, object, bytes, str, void.
const PICKLED_KINDS: &str = "biufcmMOSUV";

/// The dtypes of a fixed size: code, and name of the scalar class.
const SCALARS: &[(&str, &str)] = &[
    ("b1", "bool"),
    ("i1", "int8"),
    ("i2", "int16"),
    ("i4", "int32"),
    ("i8", "int64"),
    ("u1", "uint8"),
    ("u2", "uint16"),
    ("u4", "uint32"),
    ("u8", "uint64"),
    ("f2", "float16"),
    ("f4", "float32"),
    ("f8", "float64"),
    ("f16", "longdouble"),
    ("c8", "complex64"),
    ("c16", "complex128"),
    ("c32", "clongdouble"),
    ("M8", "datetime64"),
    ("m8", "timedelta64"),
];

/// Scalar classes of any size, by the kind of their dtype.
const SIZED_SCALARS: &[(char, &str)] = &[('U', "str_"), ('S', "bytes_"), ('V', "void"), ('O', "object_")];

/// Dtype classes whose name is not the scalar's name with a capital letter, by scalar.
const DTYPE_CLASSES: &[(&str, &str)] = &[
    ("longdouble", "LongDouble"),
    ("clongdouble", "CLongDouble"),
    ("datetime64", "DateTime64"),
    ("timedelta64", "TimeDelta64"),
    ("uint8", "UInt8"),
    ("uint16", "UInt16"),
    ("uint32", "UInt32"),
    ("uint64", "UInt64"),
    ("str_", "Str"),
    ("bytes_", "Bytes"),
    ("void", "Void"),
    ("object_", "Object"),
];

/// A code that is a letter and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) struct DtypeCode {
    pub kind: char,
    /// In bytes. Wide enough for all that is made of a number in a code, so no caller sees it wrap.
    size: i128,
    /// Whether the number has digits only. numpy reads a sign, too, and writes none.
    has_digits_only: bool,
}

impl DtypeCode {
    pub(in crate::pickle) fn parse(code: &str) -> Option<Self> {
        let kind = code.chars().next()?;
        let number = code.get(kind.len_utf8()..)?;
        let count: i128 = number.parse().ok()?;
        // A character of a `U` is a code point.
        let size = if kind == 'U' { count.checked_mul(4)? } else { count };
        Some(Self { kind, size, has_digits_only: number.bytes().all(|byte| byte.is_ascii_digit()) })
    }

    /// The size of an item, as numpy reads it from any code.
    pub(in crate::pickle) fn declared_size(self) -> Option<i64> {
        i64::try_from(self.size).ok()
    }

    /// The size of an item, if numpy could have written the code.
    pub(in crate::pickle) fn item_size(self) -> Option<u64> {
        let is_pickled = PICKLED_KINDS.contains(self.kind) && self.has_digits_only;
        u64::try_from(self.size).ok().filter(|_| is_pickled)
    }
}

/// The size of an item of a dtype with this code, if numpy could have written it: `f8`, `U5`, `V16`.
pub(in crate::pickle) fn item_size(code: &str) -> Option<u64> {
    DtypeCode::parse(code)?.item_size()
}

/// The size of an item of a dtype with this code, as numpy reads it.
pub(in crate::pickle) fn declared_size(code: &str) -> Option<i64> {
    DtypeCode::parse(code)?.declared_size()
}

/// Whether this is the code of a dtype of a fixed size.
pub(in crate::pickle) fn is_scalar_code(code: &str) -> bool {
    SCALARS.iter().any(|(of, _)| *of == code)
}

/// The scalar class of a dtype with this code, without its module; `generic` if it is not known.
fn scalar(code: &str) -> &'static str {
    let of_any_size = || SIZED_SCALARS.iter().find(|(kind, _)| code.starts_with(*kind)).map(|(_, class)| *class);
    let class = SCALARS.iter().find(|(of, _)| *of == code).map(|(_, class)| *class);
    class.or_else(of_any_size).unwrap_or("generic")
}

/// The class of a numpy scalar of a dtype with this code.
pub(in crate::pickle) fn scalar_name(code: &str) -> String {
    format!("numpy.{}", scalar(code))
}

/// The class of a dtype with this code, as numpy 2 calls it.
pub(in crate::pickle) fn dtype_class(code: &str) -> String {
    let scalar = scalar(code);
    if scalar == "generic" {
        return "numpy.dtype".to_owned();
    }
    if let Some((_, class)) = DTYPE_CLASSES.iter().find(|(of, _)| *of == scalar) {
        return format!("numpy.dtypes.{class}DType");
    }
    let (first, rest) = scalar.split_at(1);
    format!("numpy.dtypes.{}{rest}DType", first.to_ascii_uppercase())
}

/// How numpy writes a dtype with this code in the byte order of its machine: `float64`, `<U7`, `datetime64`.
pub(in crate::pickle) fn dtype_name(code: &str) -> Option<String> {
    match code.chars().next()? {
        'O' => Some("object".to_owned()),
        'U' => Some(format!("<{code}")),
        'S' | 'V' => Some(format!("|{code}")),
        _ => match scalar(code) {
            "generic" => None,
            // On platforms that pickle these codes, a long double takes 16 bytes.
            "longdouble" => Some("float128".to_owned()),
            "clongdouble" => Some("complex256".to_owned()),
            name => Some(name.to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn item_sizes_are_those_of_numpy() {
        let codes = ["f8", "U5", "V16", "M8", "b1", "S0", "i4,f8", "f", ">f8", "U99999999999999999999", "f+8", ""];
        let sizes = codes.map(item_size);
        let known = [Some(8), Some(20), Some(16), Some(8), Some(1), Some(0)];
        assert_eq!(sizes.get(..6), Some(&known[..]));
        assert!(sizes.iter().skip(6).all(Option::is_none), "{sizes:?}");
    }

    #[test]
    fn declared_sizes_are_those_that_numpy_reads() {
        let sizes = ["f8", "U5", "a10", "x3", "S+8", "V-5", "U3000000000000000000", "bfloat16", ""].map(declared_size);
        assert_eq!(sizes, [Some(8), Some(20), Some(10), Some(3), Some(8), Some(-5), None, None, None]);
    }
}
