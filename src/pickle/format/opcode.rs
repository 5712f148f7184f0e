//! The one table of the opcodes of pickle protocols 0 to 5.
//!
//! Names and codes are the same as in CPython's `pickletools`. Everything that the rest of the program must know about
//! an opcode is a column here: the parser reads the operand, the symbolic machine and the stack check read the stack
//! effect and the memo use, the passes read which opcodes can run code, and the emitters read the codes.

/// The newest protocol that [`TABLE`] covers.
pub(crate) const NEWEST_PROTOCOL: u8 = 5;

/// The operand after an opcode's byte. Numbers are little-endian except for [`Operand::Double`].
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
    /// Eight bytes: a big-endian double.
    Double,
    /// A length of this size, then that many bytes.
    Bytes(Length),
    /// As `Bytes`: a string in UTF-8, in which surrogates may occur.
    Str(Length),
    /// As `Bytes`: a `str` of Python 2.
    OldStr(Length),
    /// As `Bytes`: an integer in two's complement.
    Integer(Length),
    /// A line: an integer as `int(line, 0)` accepts it, or a bool (`00`, `01`).
    IntegerLine,
    /// A line: an integer, followed by an `L`; never a bool.
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
    /// Two lines: a module, and a name in it.
    TwoLines,
}

impl Operand {
    /// Whether it is one line.
    pub(super) fn is_line(self) -> bool {
        matches!(
            self,
            Self::IntegerLine
                | Self::LongLine
                | Self::FloatLine
                | Self::QuotedLine
                | Self::EscapedLine
                | Self::IndexLine
                | Self::IdentifierLine
        )
    }
}

/// The size of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// One unsigned byte.
    One,
    /// Four unsigned bytes.
    Four,
    /// Four signed bytes: an early mistake of the format, so the length can be negative.
    FourSigned,
    /// Eight unsigned bytes.
    Eight,
}

/// The items that an opcode takes from the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// This many items above the topmost mark. One for opcodes that read the top and leave it there (DUP, PUT).
    Items(u8),
    /// Everything down to the topmost mark, the mark, and this many items below it.
    ToMark(u8),
}

/// How an opcode uses the memo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoUse {
    /// It does not.
    Unused,
    /// It pushes the value of a slot.
    Reads,
    /// It stores the top of the stack in a slot.
    Writes,
}

/// Which code, other than the unpickler's own, an opcode can run. Each of these can also fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeRun {
    /// None.
    Nothing,
    /// Methods of values on the stack, such as `__hash__`, `append` and `__setstate__`.
    Methods,
    /// Finds an object outside of the pickle: an import, the extension registry, or `persistent_load`.
    Lookup,
    /// A callable on the stack.
    Call,
    /// A callable that the opcode looks up itself.
    LookupAndCall,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct OpcodeRow {
    /// The opcode.
    pub opcode: Opcode,
    /// The name in `pickletools`.
    pub name: &'static str,
    /// The operand after its byte.
    pub operand: Operand,
    /// The items that it takes from the stack.
    pub takes: Takes,
    /// How many items it pushes in their place.
    pub leaves: usize,
    /// How it uses the memo.
    pub memo: MemoUse,
    /// Which code it can run.
    pub runs: CodeRun,
}

/// The value of a column that a row may leave out.
macro_rules! or_default {
    ($default:expr) => {
        $default
    };
    ($default:expr, $value:expr) => {
        $value
    };
}

macro_rules! opcodes {
    ($(
        $variant:ident $name:literal $code:literal $operand:expr, $takes:expr => $leaves:literal
        $(, memo $memo:ident)? $(, runs $runs:ident)?;
    )*) => {
        /// An opcode; its value is its byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode {
            $(#[doc = $name] $variant = $code,)*
        }

        pub(crate) const TABLE: &[OpcodeRow] = &[
            $(OpcodeRow {
                opcode: Opcode::$variant,
                name: $name,
                operand: $operand,
                takes: $takes,
                leaves: $leaves,
                memo: or_default!(MemoUse::Unused $(, MemoUse::$memo)?),
                runs: or_default!(CodeRun::Nothing $(, CodeRun::$runs)?),
            },)*
        ];
    };
}

use Length::*;
use Operand::*;
use Takes::*;

// Variant, name, code, operand, stack effect (taken => left), and, where they are not the usual "none", the use of the
// memo and the code that the opcode can run.
opcodes! {
    Int             "INT"              b'I'  IntegerLine,          Items(0) => 1;
    BinInt          "BININT"           b'J'  I32,                  Items(0) => 1;
    BinInt1         "BININT1"          b'K'  U8,                   Items(0) => 1;
    BinInt2         "BININT2"          b'M'  U16,                  Items(0) => 1;
    Long            "LONG"             b'L'  LongLine,             Items(0) => 1;
    Long1           "LONG1"            0x8a  Integer(One),         Items(0) => 1;
    Long4           "LONG4"            0x8b  Integer(FourSigned),  Items(0) => 1;
    String          "STRING"           b'S'  QuotedLine,           Items(0) => 1;
    BinString       "BINSTRING"        b'T'  OldStr(FourSigned),   Items(0) => 1;
    ShortBinString  "SHORT_BINSTRING"  b'U'  OldStr(One),          Items(0) => 1;
    BinBytes        "BINBYTES"         b'B'  Bytes(Four),          Items(0) => 1;
    ShortBinBytes   "SHORT_BINBYTES"   b'C'  Bytes(One),           Items(0) => 1;
    BinBytes8       "BINBYTES8"        0x8e  Bytes(Eight),         Items(0) => 1;
    ByteArray8      "BYTEARRAY8"       0x96  Bytes(Eight),         Items(0) => 1;
    NextBuffer      "NEXT_BUFFER"      0x97  Nothing,              Items(0) => 1;
    ReadonlyBuffer  "READONLY_BUFFER"  0x98  Nothing,              Items(1) => 1;
    None            "NONE"             b'N'  Nothing,              Items(0) => 1;
    NewTrue         "NEWTRUE"          0x88  Nothing,              Items(0) => 1;
    NewFalse        "NEWFALSE"         0x89  Nothing,              Items(0) => 1;
    Unicode         "UNICODE"          b'V'  EscapedLine,          Items(0) => 1;
    ShortBinUnicode "SHORT_BINUNICODE" 0x8c  Str(One),             Items(0) => 1;
    BinUnicode      "BINUNICODE"       b'X'  Str(Four),            Items(0) => 1;
    BinUnicode8     "BINUNICODE8"      0x8d  Str(Eight),           Items(0) => 1;
    Float           "FLOAT"            b'F'  FloatLine,            Items(0) => 1;
    BinFloat        "BINFLOAT"         b'G'  Double,               Items(0) => 1;
    EmptyList       "EMPTY_LIST"       b']'  Nothing,              Items(0) => 1;
    Append          "APPEND"           b'a'  Nothing,              Items(2) => 1, runs Methods;
    Appends         "APPENDS"          b'e'  Nothing,              ToMark(1) => 1, runs Methods;
    List            "LIST"             b'l'  Nothing,              ToMark(0) => 1;
    EmptyTuple      "EMPTY_TUPLE"      b')'  Nothing,              Items(0) => 1;
    Tuple           "TUPLE"            b't'  Nothing,              ToMark(0) => 1;
    Tuple1          "TUPLE1"           0x85  Nothing,              Items(1) => 1;
    Tuple2          "TUPLE2"           0x86  Nothing,              Items(2) => 1;
    Tuple3          "TUPLE3"           0x87  Nothing,              Items(3) => 1;
    EmptyDict       "EMPTY_DICT"       b'}'  Nothing,              Items(0) => 1;
    Dict            "DICT"             b'd'  Nothing,              ToMark(0) => 1, runs Methods;
    SetItem         "SETITEM"          b's'  Nothing,              Items(3) => 1, runs Methods;
    SetItems        "SETITEMS"         b'u'  Nothing,              ToMark(1) => 1, runs Methods;
    EmptySet        "EMPTY_SET"        0x8f  Nothing,              Items(0) => 1;
    AddItems        "ADDITEMS"         0x90  Nothing,              ToMark(1) => 1, runs Methods;
    FrozenSet       "FROZENSET"        0x91  Nothing,              ToMark(0) => 1, runs Methods;
    Pop             "POP"              b'0'  Nothing,              Items(0) => 0; // or the topmost mark
    Dup             "DUP"              b'2'  Nothing,              Items(1) => 2;
    Mark            "MARK"             b'('  Nothing,              Items(0) => 0;
    PopMark         "POP_MARK"         b'1'  Nothing,              ToMark(0) => 0;
    Get             "GET"              b'g'  IndexLine,            Items(0) => 1, memo Reads;
    BinGet          "BINGET"           b'h'  U8,                   Items(0) => 1, memo Reads;
    LongBinGet      "LONG_BINGET"      b'j'  U32,                  Items(0) => 1, memo Reads;
    Put             "PUT"              b'p'  IndexLine,            Items(1) => 1, memo Writes;
    BinPut          "BINPUT"           b'q'  U8,                   Items(1) => 1, memo Writes;
    LongBinPut      "LONG_BINPUT"      b'r'  U32,                  Items(1) => 1, memo Writes;
    Memoize         "MEMOIZE"          0x94  Nothing,              Items(1) => 1, memo Writes;
    Ext1            "EXT1"             0x82  U8,                   Items(0) => 1, runs Lookup;
    Ext2            "EXT2"             0x83  U16,                  Items(0) => 1, runs Lookup;
    Ext4            "EXT4"             0x84  I32,                  Items(0) => 1, runs Lookup;
    Global          "GLOBAL"           b'c'  TwoLines,             Items(0) => 1, runs Lookup;
    StackGlobal     "STACK_GLOBAL"     0x93  Nothing,              Items(2) => 1, runs Lookup;
    Reduce          "REDUCE"           b'R'  Nothing,              Items(2) => 1, runs Call;
    Build           "BUILD"            b'b'  Nothing,              Items(2) => 1, runs Methods;
    Inst            "INST"             b'i'  TwoLines,             ToMark(0) => 1, runs LookupAndCall;
    Obj             "OBJ"              b'o'  Nothing,              ToMark(0) => 1, runs Call;
    NewObj          "NEWOBJ"           0x81  Nothing,              Items(2) => 1, runs Call;
    NewObjEx        "NEWOBJ_EX"        0x92  Nothing,              Items(3) => 1, runs Call;
    Proto           "PROTO"            0x80  U8,                   Items(0) => 0;
    Stop            "STOP"             b'.'  Nothing,              Items(1) => 0;
    Frame           "FRAME"            0x95  U64,                  Items(0) => 0;
    PersId          "PERSID"           b'P'  IdentifierLine,       Items(0) => 1, runs Lookup;
    BinPersId       "BINPERSID"        b'Q'  Nothing,              Items(1) => 1, runs Lookup;
}

/// The index of each byte's row in [`TABLE`]; [`NO_ROW`] for bytes that are no opcode.
const ROW_OF_BYTE: [u8; 256] = {
    let mut rows = [NO_ROW; 256];
    let mut number = 0;
    while number < TABLE.len() {
        rows[TABLE[number].opcode as usize] = number as u8;
        number += 1;
    }
    rows
};
const NO_ROW: u8 = u8::MAX;

/// The columns that are read for every opcode of a pickle, by byte. A pickle has millions of opcodes, and a look-up
/// by way of [`ROW_OF_BYTE`] would touch twice the memory.
const HOT_COLUMNS: [(Takes, MemoUse); 256] = {
    let mut columns = [(Items(0), MemoUse::Unused); 256];
    let mut number = 0;
    while number < TABLE.len() {
        columns[TABLE[number].opcode as usize] = (TABLE[number].takes, TABLE[number].memo);
        number += 1;
    }
    columns
};

/// The layout of an opcode that the parser can step over without decoding its argument; at most it must check that
/// a string is ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SkipLayout {
    pub(super) opcode: Opcode,
    /// The number of bytes of its argument or, if `has_payload`, of the argument's length.
    pub(super) fixed: u8,
    /// Whether the fixed bytes are the length of a payload that follows them.
    pub(super) has_payload: bool,
    pub(super) is_str: bool,
}

/// By byte: the layouts of the opcodes that can be stepped over.
const SKIP_LAYOUTS: [Option<SkipLayout>; 256] = {
    let mut all = [None; 256];
    let mut number = 0;
    while number < TABLE.len() {
        all[TABLE[number].opcode as usize] = SkipLayout::of_row(&TABLE[number]);
        number += 1;
    }
    all
};

impl SkipLayout {
    const fn of_row(row: &OpcodeRow) -> Option<Self> {
        let (fixed, has_payload, is_str) = match row.operand {
            // STOP ends the parser, and PROTO's argument must be checked.
            Nothing if !matches!(row.opcode, Opcode::Stop) => (0, false, false),
            U8 if !matches!(row.opcode, Opcode::Proto) => (1, false, false),
            // Arguments of fixed size.
            U16 => (2, false, false),
            I32 | U32 => (4, false, false),
            Double => (8, false, false),
            Str(One) => (1, true, true),
            Str(Four) => (4, true, true),
            Bytes(One) | OldStr(One) | Integer(One) => (1, true, false),
            Bytes(Four) => (4, true, false),
            _ => return Option::None,
        };
        Some(Self { opcode: row.opcode, fixed, has_payload, is_str })
    }

    #[inline]
    pub(super) fn of_byte(byte: u8) -> Option<Self> {
        SKIP_LAYOUTS[usize::from(byte)]
    }
}

/// The largest number of bytes of an opcode with a [`SkipLayout`], without its payload.
pub(super) const MAX_SKIP_HEADER: usize = 9;

impl Opcode {
    /// The opcode with this byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        TABLE.get(usize::from(ROW_OF_BYTE[usize::from(byte)])).map(|row| row.opcode)
    }

    /// Its row in the table.
    pub fn row(self) -> &'static OpcodeRow {
        &TABLE[usize::from(ROW_OF_BYTE[usize::from(self.byte())])]
    }

    /// The items that it takes from the stack.
    #[inline]
    pub fn takes(self) -> Takes {
        HOT_COLUMNS[usize::from(self.byte())].0
    }

    /// How it uses the memo.
    #[inline]
    pub fn memo(self) -> MemoUse {
        HOT_COLUMNS[usize::from(self.byte())].1
    }

    /// Which code it can run.
    pub fn runs(self) -> CodeRun {
        self.row().runs
    }

    /// Its byte.
    pub const fn byte(self) -> u8 {
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
    fn every_byte_has_its_own_row_or_none() {
        for byte in 0..=u8::MAX {
            let opcode = Opcode::from_byte(byte);
            assert_eq!(opcode.is_some(), CODES.contains(&byte), "{byte:#x}");
            assert!(opcode.is_none_or(|opcode| opcode.byte() == byte && opcode.row().opcode == opcode));
            assert!(opcode.is_none_or(|opcode| opcode.takes() == opcode.row().takes));
            assert!(opcode.is_none_or(|opcode| opcode.memo() == opcode.row().memo));
        }
        assert_eq!(TABLE.len(), CODES.len());
        assert_eq!(Opcode::BinUnicode8.name(), "BINUNICODE8");
    }
}
