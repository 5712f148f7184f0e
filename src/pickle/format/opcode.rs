//! The one table of all opcodes of pickle protocols 0 to 5.
//!
//! Names and codes are those of CPython's `pickletools`. The parser takes the argument's form from here, the
//! symbolic machine what an opcode needs on the stack, the emitter the codes.

/// The newest protocol that [`TABLE`] covers.
pub const NEWEST_PROTOCOL: u8 = 5;

/// What follows an opcode's byte. Numbers are little-endian but for [`Operand::Float`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Nothing.
    Nothing,
    /// One unsigned byte.
    U8,
    /// Two unsigned bytes.
    U16,
    /// Four signed bytes.
    I32,
    /// Four unsigned bytes.
    U32,
    /// Eight unsigned bytes.
    U64,
    /// Eight bytes, a big-endian double.
    Float,
    /// A length of this form, then that many bytes.
    Bytes(Length),
    /// As `Bytes`, in UTF-8 with surrogates let through.
    Text(Length),
    /// As `Bytes`, a `str` of Python 2.
    OldText(Length),
    /// As `Bytes`, an integer in two's complement.
    Integer(Length),
    /// A line: an integer as `int(text, 0)` takes it, or a bool (`00`, `01`).
    IntegerLine,
    /// As `IntegerLine`, with an `L` at its end; never a bool.
    LongLine,
    /// A line: a float.
    FloatLine,
    /// A line: a quoted and escaped `str` of Python 2.
    QuotedLine,
    /// A line in raw-unicode-escape.
    EscapedLine,
    /// A line: a memo index in decimal.
    IndexLine,
    /// A line of ASCII.
    IdentifierLine,
    /// Two lines: module and name.
    TwoLines,
}

/// CallKind long a length is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// One unsigned byte.
    One,
    /// Four unsigned bytes.
    Four,
    /// Four signed bytes: an early mistake of the format, so a length can be negative.
    FourSigned,
    /// Eight unsigned bytes.
    Eight,
}

/// What an opcode takes from the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// So many items above the topmost mark. For opcodes that look at the top and leave it (DUP, PUT), one.
    Items(u8),
    /// All down to the topmost mark, the mark, and so many items below it.
    ToMark(u8),
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The opcode.
    pub opcode: Opcode,
    /// Its name in `pickletools`.
    pub name: &'static str,
    /// What follows its byte.
    pub form: Operand,
    /// What it takes from the stack.
    pub takes: Takes,
    /// CallKind many items it leaves in place of what it took.
    pub leaves: usize,
    /// The first protocol that has it.
    pub protocol: u8,
}

macro_rules! opcodes {
    ($($variant:ident $name:literal $code:literal $form:expr, $takes:expr => $leaves:literal, $protocol:literal;)*) => {
        /// An opcode; its value is its byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = $name] $variant = $code,)*
        }

        /// All opcodes.
        pub const TABLE: &[Row] = &[
            $(Row {
                opcode: Opcode::$variant,
                name: $name,
                form: $form,
                takes: $takes,
                leaves: $leaves,
                protocol: $protocol,
            },)*
        ];
    };
}

use Length::*;
use Operand::*;
use Takes::*;

opcodes! {
    Int             "INT"              b'I'  IntegerLine,         Items(0) => 1, 0;
    BinInt          "BININT"           b'J'  I32,                 Items(0) => 1, 1;
    BinInt1         "BININT1"          b'K'  U8,                  Items(0) => 1, 1;
    BinInt2         "BININT2"          b'M'  U16,                 Items(0) => 1, 1;
    Long            "LONG"             b'L'  LongLine,            Items(0) => 1, 0;
    Long1           "LONG1"            0x8a  Integer(One),        Items(0) => 1, 2;
    Long4           "LONG4"            0x8b  Integer(FourSigned), Items(0) => 1, 2;
    String          "STRING"           b'S'  QuotedLine,          Items(0) => 1, 0;
    BinString       "BINSTRING"        b'T'  OldText(FourSigned), Items(0) => 1, 1;
    ShortBinString  "SHORT_BINSTRING"  b'U'  OldText(One),        Items(0) => 1, 1;
    BinBytes        "BINBYTES"         b'B'  Bytes(Four),         Items(0) => 1, 3;
    ShortBinBytes   "SHORT_BINBYTES"   b'C'  Bytes(One),          Items(0) => 1, 3;
    BinBytes8       "BINBYTES8"        0x8e  Bytes(Eight),        Items(0) => 1, 4;
    ByteArray8      "BYTEARRAY8"       0x96  Bytes(Eight),        Items(0) => 1, 5;
    NextBuffer      "NEXT_BUFFER"      0x97  Nothing,             Items(0) => 1, 5;
    ReadonlyBuffer  "READONLY_BUFFER"  0x98  Nothing,             Items(1) => 1, 5;
    None            "NONE"             b'N'  Nothing,             Items(0) => 1, 0;
    NewTrue         "NEWTRUE"          0x88  Nothing,             Items(0) => 1, 2;
    NewFalse        "NEWFALSE"         0x89  Nothing,             Items(0) => 1, 2;
    Unicode         "UNICODE"          b'V'  EscapedLine,         Items(0) => 1, 0;
    ShortBinUnicode "SHORT_BINUNICODE" 0x8c  Text(One),           Items(0) => 1, 4;
    BinUnicode      "BINUNICODE"       b'X'  Text(Four),          Items(0) => 1, 1;
    BinUnicode8     "BINUNICODE8"      0x8d  Text(Eight),         Items(0) => 1, 4;
    Float           "FLOAT"            b'F'  FloatLine,           Items(0) => 1, 0;
    BinFloat        "BINFLOAT"         b'G'  Operand::Float,         Items(0) => 1, 1;
    EmptyList       "EMPTY_LIST"       b']'  Nothing,             Items(0) => 1, 1;
    Append          "APPEND"           b'a'  Nothing,             Items(2) => 1, 0;
    Appends         "APPENDS"          b'e'  Nothing,             ToMark(1) => 1, 1;
    List            "LIST"             b'l'  Nothing,             ToMark(0) => 1, 0;
    EmptyTuple      "EMPTY_TUPLE"      b')'  Nothing,             Items(0) => 1, 1;
    Tuple           "TUPLE"            b't'  Nothing,             ToMark(0) => 1, 0;
    Tuple1          "TUPLE1"           0x85  Nothing,             Items(1) => 1, 2;
    Tuple2          "TUPLE2"           0x86  Nothing,             Items(2) => 1, 2;
    Tuple3          "TUPLE3"           0x87  Nothing,             Items(3) => 1, 2;
    EmptyDict       "EMPTY_DICT"       b'}'  Nothing,             Items(0) => 1, 1;
    Dict            "DICT"             b'd'  Nothing,             ToMark(0) => 1, 0;
    SetItem         "SETITEM"          b's'  Nothing,             Items(3) => 1, 0;
    SetItems        "SETITEMS"         b'u'  Nothing,             ToMark(1) => 1, 1;
    EmptySet        "EMPTY_SET"        0x8f  Nothing,             Items(0) => 1, 4;
    AddItems        "ADDITEMS"         0x90  Nothing,             ToMark(1) => 1, 4;
    FrozenSet       "FROZENSET"        0x91  Nothing,             ToMark(0) => 1, 4;
    Pop             "POP"              b'0'  Nothing,             Items(0) => 0, 0; // or the topmost mark
    Dup             "DUP"              b'2'  Nothing,             Items(1) => 2, 0;
    Mark            "MARK"             b'('  Nothing,             Items(0) => 0, 0;
    PopMark         "POP_MARK"         b'1'  Nothing,             ToMark(0) => 0, 1;
    Get             "GET"              b'g'  IndexLine,           Items(0) => 1, 0;
    BinGet          "BINGET"           b'h'  U8,                  Items(0) => 1, 1;
    LongBinGet      "LONG_BINGET"      b'j'  U32,                 Items(0) => 1, 1;
    Put             "PUT"              b'p'  IndexLine,           Items(1) => 1, 0;
    BinPut          "BINPUT"           b'q'  U8,                  Items(1) => 1, 1;
    LongBinPut      "LONG_BINPUT"      b'r'  U32,                 Items(1) => 1, 1;
    Memoize         "MEMOIZE"          0x94  Nothing,             Items(1) => 1, 4;
    Ext1            "EXT1"             0x82  U8,                  Items(0) => 1, 2;
    Ext2            "EXT2"             0x83  U16,                 Items(0) => 1, 2;
    Ext4            "EXT4"             0x84  I32,                 Items(0) => 1, 2;
    Global          "GLOBAL"           b'c'  TwoLines,            Items(0) => 1, 0;
    StackGlobal     "STACK_GLOBAL"     0x93  Nothing,             Items(2) => 1, 4;
    Reduce          "REDUCE"           b'R'  Nothing,             Items(2) => 1, 0;
    Build           "BUILD"            b'b'  Nothing,             Items(2) => 1, 0;
    Inst            "INST"             b'i'  TwoLines,            ToMark(0) => 1, 0;
    Obj             "OBJ"              b'o'  Nothing,             ToMark(0) => 1, 1;
    NewObj          "NEWOBJ"           0x81  Nothing,             Items(2) => 1, 2;
    NewObjEx        "NEWOBJ_EX"        0x92  Nothing,             Items(3) => 1, 4;
    Proto           "PROTO"            0x80  U8,                  Items(0) => 0, 2;
    Stop            "STOP"             b'.'  Nothing,             Items(1) => 0, 0;
    Frame           "FRAME"            0x95  U64,                 Items(0) => 0, 4;
    PersId          "PERSID"           b'P'  IdentifierLine,      Items(0) => 1, 0;
    BinPersId       "BINPERSID"        b'Q'  Nothing,             Items(1) => 1, 1;
}

/// Row numbers by byte; [`NO_ROW`] for bytes that are no opcode.
const BY_BYTE: [u8; 256] = {
    let mut rows = [NO_ROW; 256];
    let mut number = 0;
    while number < TABLE.len() {
        rows[TABLE[number].opcode as usize] = number as u8;
        number += 1;
    }
    rows
};
const NO_ROW: u8 = u8::MAX;

/// What opcodes take, by byte: a pickle is little else than millions of them.
const TAKES: [Takes; 256] = {
    let mut takes = [Items(0); 256];
    let mut number = 0;
    while number < TABLE.len() {
        takes[TABLE[number].opcode as usize] = TABLE[number].takes;
        number += 1;
    }
    takes
};

/// CallKind an opcode is stepped over whose argument needs no look, or none but whether it is ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short {
    /// Which one it is.
    pub(super) opcode: Opcode,
    /// The bytes of its argument, or of the argument's length.
    pub(super) fixed: u8,
    /// Whether those are a length.
    pub(super) counted: bool,
    /// Whether what is counted is a text.
    pub(super) text: bool,
}

/// The opcodes that are stepped over, by byte.
const SHORT: [Option<Short>; 256] = {
    let mut all = [None; 256];
    let mut number = 0;
    while number < TABLE.len() {
        all[TABLE[number].opcode as usize] = Short::of(&TABLE[number]);
        number += 1;
    }
    all
};

impl Short {
    const fn of(row: &Row) -> Option<Self> {
        let (fixed, counted, text) = match row.form {
            Nothing if !matches!(row.opcode, Opcode::Stop) => (0, false, false),
            U8 if !matches!(row.opcode, Opcode::Proto) => (1, false, false),
            U16 => (2, false, false),
            I32 | U32 => (4, false, false),
            Operand::Float => (8, false, false),
            Text(One) => (1, true, true),
            Text(Four) => (4, true, true),
            Bytes(One) | OldText(One) | Integer(One) => (1, true, false),
            Bytes(Four) => (4, true, false),
            _ => return Option::None,
        };
        Some(Self { opcode: row.opcode, fixed, counted, text })
    }

    /// That of the opcode with this byte, where there is one.
    #[inline]
    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        SHORT[usize::from(byte)]
    }
}

/// The most bytes that such an opcode has, without what is counted.
pub(crate) const MAX_SHORT: usize = 9;

impl Opcode {
    /// The opcode with this byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        TABLE.get(usize::from(BY_BYTE[usize::from(byte)])).map(|row| row.opcode)
    }

    /// Its row in the table.
    pub fn row(self) -> &'static Row {
        &TABLE[usize::from(BY_BYTE[usize::from(self.byte())])]
    }

    /// What it takes from the stack.
    #[inline]
    pub fn takes(self) -> Takes {
        TAKES[usize::from(self.byte())]
    }

    /// Its byte.
    pub fn byte(self) -> u8 {
        self as u8
    }

    /// Its name in `pickletools`.
    pub fn name(self) -> &'static str {
        self.row().name
    }
}

impl std::fmt::Display for Opcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of protocols 0 to 5, as `pickletools.opcodes` of CPython lists them.
    const CODES: &[u8] = b"().012BCFGIJKLMNPQRSTUVX]abcdeghijlopqrstu}\
        \x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97\x98";

    #[test]
    fn every_byte_leads_to_its_own_row_or_to_none() {
        for byte in 0..=u8::MAX {
            let opcode = Opcode::from_byte(byte);
            assert_eq!(opcode.is_some(), CODES.contains(&byte), "{byte:#x}");
            assert!(opcode.is_none_or(|opcode| opcode.byte() == byte && opcode.row().opcode == opcode));
            assert!(opcode.is_none_or(|opcode| opcode.takes() == opcode.row().takes));
        }
        assert_eq!(TABLE.len(), CODES.len());
        assert_eq!(Opcode::BinUnicode8.name(), "BINUNICODE8");
    }
}
