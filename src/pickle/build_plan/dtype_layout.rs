//! A checked dtype of numpy: its kind, its size, and the contents of its items.

use std::rc::Rc;

use crate::pickle::machine::value::Ref;

/// The number of code points of Unicode.
const CODE_POINTS: u32 = 0x11_0000;

/// A dtype that was checked.
#[derive(Debug)]
pub(crate) struct Dtype {
    /// Its kind and its parts.
    pub(crate) kind: DtypeKind,
    /// The bytes of an item.
    pub(crate) size: u64,
    /// The scalars in an item: more than one for structures and subarrays.
    pub(crate) scalars: u64,
    /// Whether an item holds references to objects, or strings of any length. Such items are never made of bytes.
    pub(crate) has_objects: bool,
    /// Whether an item holds bools, whose bytes must be 0 or 1, or characters, which must exist.
    pub(super) has_limits: bool,
    /// How deep structures and subarrays are nested in it.
    pub(super) depth: usize,
    /// A dict that its user has attached to it.
    pub(crate) metadata: Option<Ref>,
}

/// The kinds of dtypes.
#[derive(Debug)]
pub(crate) enum DtypeKind {
    /// Numbers, bools, dates, and strings of a fixed length, by numpy's code: `f8`, `U5`, `M8[ns]`.
    Code {
        /// The code, without the byte order.
        code: String,
        /// `<`, `>`, or `|` if it has no meaning.
        order: char,
    },
    /// References to objects.
    Object,
    /// Strings of any length (`StringDType`).
    Strings {
        /// Whether other objects become strings.
        coerce: bool,
        /// The object for missing values.
        missing: Option<Ref>,
    },
    /// A structure.
    Structure {
        /// Its fields, in the order of their names.
        fields: Vec<DtypeField>,
        /// Whether numpy aligns the fields.
        is_aligned: bool,
        /// The alignment of an item. A structure of some of the fields of an aligned one has 1.
        alignment: u64,
        /// Whether its scalars are `numpy.record`.
        is_record: bool,
    },
    /// Each item is an array.
    Subarray {
        /// The dtype of that array.
        base: (Ref, Rc<Dtype>),
        /// Its shape.
        shape: Vec<u64>,
    },
}

/// A field of a structure.
#[derive(Debug)]
pub(crate) struct DtypeField {
    /// The name.
    pub(crate) name: String,
    /// The second name that a field may have.
    pub(crate) title: Option<String>,
    /// The offset in the item, in bytes.
    pub(crate) offset: u64,
    /// The dtype, and where it is made.
    pub(crate) dtype: (Ref, Rc<Dtype>),
}

impl Dtype {
    /// A dtype that numpy makes of a code.
    pub(super) fn of_code(code: &str, order: char, size: u64) -> Self {
        let kind = DtypeKind::Code { code: code.to_owned(), order };
        let has_limits = code == "b1" || code.starts_with('U');
        Self { kind, size, scalars: 1, has_objects: false, has_limits, depth: 0, metadata: None }
    }

    /// A dtype whose items are references.
    pub(super) fn of_references(kind: DtypeKind, size: u64) -> Self {
        Self { kind, size, scalars: 1, has_objects: true, has_limits: false, depth: 0, metadata: None }
    }

    /// The code, if it is a number, a bool, a date or a string of a fixed length.
    pub(crate) fn code(&self) -> Option<&str> {
        if let DtypeKind::Code { code, .. } = &self.kind { Some(code) } else { None }
    }

    /// The kind as a letter, as numpy has it: `i`, `f`, `M`, `O`; `V` for structures, `T` for strings of any length.
    pub(crate) fn letter(&self) -> char {
        match &self.kind {
            DtypeKind::Code { code, .. } => code.chars().next().unwrap_or('V'),
            DtypeKind::Object => 'O',
            DtypeKind::Strings { .. } => 'T',
            DtypeKind::Structure { .. } | DtypeKind::Subarray { .. } => 'V',
        }
    }

    /// Whether a number of this dtype can have this value.
    pub(super) fn holds_integer(&self, number: i64) -> bool {
        let bits = u32::try_from(self.size.saturating_mul(8)).unwrap_or(0).min(64);
        let number = i128::from(number);
        match self.letter() {
            'u' => (0..1 << bits).contains(&number),
            'i' => bits > 0 && (-(1 << (bits - 1))..1 << (bits - 1)).contains(&number),
            // Any float has so small an integer.
            'f' | 'c' => number.abs() < 1 << 11,
            _ => false,
        }
    }

    /// The alignment of an item, in bytes.
    pub(super) fn alignment(&self) -> u64 {
        match &self.kind {
            DtypeKind::Object | DtypeKind::Strings { .. } => 8,
            DtypeKind::Structure { alignment, .. } => *alignment,
            DtypeKind::Subarray { base, .. } => base.1.alignment(),
            DtypeKind::Code { .. } => match self.letter() {
                'S' | 'V' | 'b' => 1,
                'U' => 4,
                // A pair of numbers.
                'c' => self.size / 2,
                _ => self.size,
            },
        }
        .max(1)
    }

    /// Whether the bytes of a number are not in the order of this machine.
    pub(crate) fn is_swapped(&self) -> bool {
        let native = if cfg!(target_endian = "big") { '>' } else { '<' };
        matches!(self.kind, DtypeKind::Code { order: order @ ('<' | '>'), .. } if order != native)
    }

    /// Whether not all bytes are items of this dtype.
    pub(crate) fn has_limits(&self) -> bool {
        self.has_limits
    }

    /// The fault in the bytes of some items, if any. When numpy counts bools, it relies on each being 0 or 1, and
    /// Python relies on characters being code points of Unicode.
    pub(crate) fn fault_of(&self, items: &[u8]) -> Option<&'static str> {
        let size = usize::try_from(self.size).unwrap_or(0);
        if !self.has_limits || size == 0 {
            return None;
        }
        match &self.kind {
            DtypeKind::Structure { fields, .. } => items.chunks_exact(size).find_map(|item| {
                fields.iter().filter(|field| field.dtype.1.has_limits).find_map(|field| {
                    let from = usize::try_from(field.offset).unwrap_or(usize::MAX);
                    let to = from.saturating_add(usize::try_from(field.dtype.1.size).unwrap_or(usize::MAX));
                    item.get(from..to).map_or(Some("a field beyond its end"), |bytes| field.dtype.1.fault_of(bytes))
                })
            }),
            DtypeKind::Subarray { base, .. } => base.1.fault_of(items),
            DtypeKind::Code { order, code } if code.starts_with('U') => {
                let is_big_endian = *order == '>';
                let code_of = |bytes: &[u8; 4]| match is_big_endian {
                    true => u32::from_be_bytes(*bytes),
                    false => u32::from_le_bytes(*bytes),
                };
                let exist = items.as_chunks::<4>().0.iter().all(|bytes| code_of(bytes) < CODE_POINTS);
                (!exist).then_some("characters that do not exist")
            }
            _ => items.iter().any(|byte| *byte > 1).then_some("bools that are neither 0 nor 1"),
        }
    }
}
