//! Long lists of numbers or texts as our pickler writes them: `list.extend(list, array)` for each stretch of numbers that the
//! list begins with, `str.split(text, separator)` for texts; and how to read the items from there.
//!
//! The array is that of Python's `array` module, made by `array._array_reconstructor(array, type code, format, bytes)`: the
//! formats are those of `Modules/arraymodule.c` (`enum machine_format_code`), which say the byte order, too.

use std::borrow::Cow;

/// The fewest items of a list that is written so.
pub const SHORTEST: usize = 512;
/// What stands between texts.
pub const SEPARATOR: u8 = 0;

/// How numbers are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Numbers {
    /// Signed, little-endian, of so many bytes: 1, 2, 4 or 8.
    Ints(usize),
    /// IEEE 754, double precision, little-endian.
    Floats,
}

/// Type codes, `machine_format_code`s and encodings.
const ENCODINGS: [(&str, u8, Numbers); 5] = [
    ("b", 1, Numbers::Ints(1)),
    ("h", 4, Numbers::Ints(2)),
    ("i", 8, Numbers::Ints(4)),
    ("q", 12, Numbers::Ints(8)),
    ("d", 16, Numbers::Floats),
];

impl Numbers {
    /// The shortest encoding that holds ints from the least to the greatest.
    pub fn for_range(least: i64, greatest: i64) -> Self {
        let fits = |bits: u32| least >= -(1 << (bits - 1)) && greatest < 1 << (bits - 1);
        Self::Ints([1, 2, 4].into_iter().find(|width| fits(8 * *width as u32)).unwrap_or(8))
    }

    /// What `array` calls it.
    pub fn type_code(self) -> &'static str {
        self.row().0
    }

    /// Its `machine_format_code`.
    pub fn format(self) -> u8 {
        self.row().1
    }

    /// The bytes of one number.
    pub fn width(self) -> usize {
        match self {
            Self::Ints(width) => width,
            Self::Floats => 8,
        }
    }

    /// The encoding with this type code and this format.
    pub fn find(type_code: &str, format: i64) -> Option<Self> {
        let row = |row: &&(&str, u8, Self)| row.0 == type_code && i64::from(row.1) == format;
        ENCODINGS.iter().find(row).map(|(.., numbers)| *numbers)
    }

    fn row(self) -> &'static (&'static str, u8, Self) {
        ENCODINGS.iter().find(|(.., numbers)| *numbers == self).unwrap_or(&ENCODINGS[4])
    }
}

/// The items of such a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packed<'a> {
    /// Numbers.
    Numbers(Numbers, &'a [u8]),
    /// Texts in UTF-8.
    Texts(Cow<'a, [u8]>),
}

/// An item.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'p> {
    /// An int.
    Int(i64),
    /// A float.
    Float(f64),
    /// A text.
    Text(&'p [u8]),
}

impl Packed<'_> {
    /// The number of items.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(numbers, bytes) => bytes.len() / numbers.width(),
            Self::Texts(text) => text.iter().filter(|byte| **byte == SEPARATOR).count() + 1,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items, in order.
    pub fn items(&self) -> Box<dyn Iterator<Item = Item<'_>> + '_> {
        match self {
            Self::Numbers(numbers, bytes) => {
                Box::new(bytes.chunks_exact(numbers.width()).map(|bytes| number(*numbers, bytes)))
            }
            Self::Texts(text) => Box::new(text.split(|byte| *byte == SEPARATOR).map(Item::Text)),
        }
    }
}

fn number(numbers: Numbers, bytes: &[u8]) -> Item<'static> {
    let negative = numbers != Numbers::Floats && bytes.last().is_some_and(|highest| *highest >= 0x80);
    let mut all = [if negative { 0xff } else { 0 }; 8];
    all.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
    match numbers {
        Numbers::Ints(_) => Item::Int(i64::from_le_bytes(all)),
        Numbers::Floats => Item::Float(f64::from_le_bytes(all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_encoding_that_holds_all_is_chosen() {
        let width = |least, greatest| Numbers::for_range(least, greatest).width();
        assert_eq!([width(-128, 127), width(-129, 0), width(0, 128), width(0, 32_768)], [1, 2, 2, 4]);
        assert_eq!([width(0, 1 << 31), width(i64::MIN, i64::MAX), width(-(1 << 31), (1 << 31) - 1)], [8, 8, 4]);
        assert_eq!(Numbers::find("q", 12), Some(Numbers::Ints(8)));
        assert_eq!(Numbers::find("q", 13), None);
    }

    #[test]
    fn items_are_read_back() {
        let ints = Packed::Numbers(Numbers::Ints(2), &[0xff, 0xff, 0, 1]);
        assert_eq!((ints.len(), ints.items().collect::<Vec<_>>()), (2, vec![Item::Int(-1), Item::Int(256)]));
        let texts = Packed::Texts(Cow::Borrowed(b"a\0\0bc"));
        assert_eq!((texts.len(), texts.items().last()), (3, Some(Item::Text(b"bc"))));
    }
}
