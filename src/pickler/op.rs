//! The opcodes that the pickler writes, from the one table in [`crate::pickle::opcode`].

use crate::pickle::opcode::Opcode;

macro_rules! opcodes {
    ($($name:ident = $opcode:ident),* $(,)?) => {
        $(pub(super) const $name: u8 = Opcode::$opcode as u8;)*
    };
}

opcodes! {
    PROTO = Proto, STOP = Stop, MARK = Mark, POP = Pop, POP_MARK = PopMark,
    NONE = None, TRUE = NewTrue, FALSE = NewFalse,
    BININT = BinInt, BININT1 = BinInt1, BININT2 = BinInt2, LONG1 = Long1, LONG4 = Long4, BINFLOAT = BinFloat,
    SHORT_BINUNICODE = ShortBinUnicode, BINUNICODE = BinUnicode, BINUNICODE8 = BinUnicode8,
    SHORT_BINBYTES = ShortBinBytes, BINBYTES = BinBytes, BINBYTES8 = BinBytes8, BYTEARRAY8 = ByteArray8, NEXT_BUFFER = NextBuffer, READONLY_BUFFER = ReadonlyBuffer,
    EMPTY_LIST = EmptyList, APPEND = Append, APPENDS = Appends,
    EMPTY_DICT = EmptyDict, SETITEM = SetItem, SETITEMS = SetItems,
    EMPTY_TUPLE = EmptyTuple, TUPLE = Tuple, TUPLE1 = Tuple1, TUPLE2 = Tuple2, TUPLE3 = Tuple3,
    EMPTY_SET = EmptySet, ADDITEMS = AddItems, FROZENSET = FrozenSet,
    STACK_GLOBAL = StackGlobal, REDUCE = Reduce, NEWOBJ = NewObj, NEWOBJ_EX = NewObjEx, BUILD = Build,
    EXT1 = Ext1, EXT2 = Ext2, EXT4 = Ext4, MEMOIZE = Memoize, BINGET = BinGet, LONG_BINGET = LongBinGet,
}
