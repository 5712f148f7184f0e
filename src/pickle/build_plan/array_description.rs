//! The parts of a recipe for an array, a scalar or a random generator of numpy, all of them checked.
//!
//! `array_recipe` and its neighbours make these descriptions; `session/restore/builder/array_objects` makes arrays of
//! them, and recipes for frames and estimators ask them for shapes, dtypes and contents.

use std::borrow::Cow;
use std::rc::Rc;

use super::dtype_layout::Dtype;
use super::masked_recipe::MaskedMake;
use super::random_recipe::RandomMake;
use crate::pickle::machine::value::Ref;

/// How an object is made, with checked arguments.
#[derive(Debug)]
pub(crate) enum ArrayMake<'a> {
    /// A dtype. It needs the dtypes of its fields, the dtype of its items, or its object for missing values.
    Dtype(Rc<Dtype>),
    /// An array with memory of its own, which gets these bytes. It needs its dtype.
    Owned(Rc<ArrayDescription<'a>>),
    /// An array of objects, still empty. It needs its dtype.
    Objects(Rc<ArrayDescription<'a>>),
    /// An array of the strings of a list. It needs its dtype and the list.
    Strings(Rc<ArrayDescription<'a>>),
    /// `frombuffer(buffer, dtype).reshape(shape, order)`. It needs its dtype and the buffer.
    FromBuffer(Rc<ArrayDescription<'a>>),
    /// An array within the memory of another one or of a buffer. It needs its dtype and that.
    Shared(Rc<ArrayDescription<'a>>),
    /// A memmap without a file over the memory of an array, which it needs.
    Mapped,
    /// A scalar. It needs its dtype, and its bytes if they are not given here.
    Scalar(Rc<Dtype>, Option<Cow<'a, [u8]>>),
    /// A masked array.
    Masked(Box<MaskedMake<'a>>),
    /// A random generator or a part of one.
    Random(Box<RandomMake>),
}

/// The classes of arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArrayClass {
    /// `numpy.ndarray`.
    Array,
    /// `numpy.matrix`.
    Matrix,
    /// `numpy.recarray`.
    Records,
    /// `numpy.char.chararray`: strings of a fixed length.
    Characters,
    /// `numpy.memmap`, which a pickle separates from its file.
    Mapped,
}

/// The order of the items in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ItemOrder {
    /// C order.
    C,
    /// Fortran order.
    Fortran,
    /// The contents are in C order for other axes; transposing by these axes gives the array.
    Axes(Vec<usize>),
}

/// An array that was checked.
#[derive(Debug)]
pub(crate) struct ArrayDescription<'a> {
    /// The class.
    pub(crate) class: ArrayClass,
    /// The dtype, and the call that makes it.
    pub(crate) dtype: (Ref, Rc<Dtype>),
    /// The shape.
    pub(crate) shape: Vec<u64>,
    /// The order of the contents.
    pub(crate) order: ItemOrder,
    /// Its contents.
    pub(crate) contents: ArrayContents<'a>,
}

/// Where the contents of an array are.
#[derive(Debug)]
pub(crate) enum ArrayContents<'a> {
    /// In the pickle. The array gets a copy. Numbers whose bytes are swapped are brought into the machine's order.
    Bytes(Cow<'a, [u8]>),
    /// As [`Bytes`](Self::Bytes), written by joblib: numbers keep their byte order.
    Joblib(&'a [u8]),
    /// References, in C order.
    Objects(Rc<[Ref]>),
    /// The strings of a list that our own pickler writes as one string: the list.
    Strings(Ref),
    /// In the memory of a buffer, which may be in the pickle.
    Buffer {
        /// `bytes`, a `bytearray`, or a buffer outside of the pickle.
        buffer: Ref,
        /// Its contents, if they are in the pickle.
        bytes: Option<&'a [u8]>,
    },
    /// In a part of the memory of an array or a buffer.
    Shared {
        /// The array or the buffer.
        base: Ref,
        /// The offset of the first item, in bytes.
        offset: u64,
        /// The distance from one item to the next, in bytes, for each axis.
        strides: Vec<i64>,
        /// Whether `setflags` makes it read-only.
        is_read_only: bool,
    },
}

impl ArrayDescription<'_> {
    /// The number of items.
    pub(crate) fn count(&self) -> u64 {
        self.shape.iter().fold(1, |count, length| count.saturating_mul(*length))
    }

    /// The number of bytes of all items.
    pub(crate) fn length(&self) -> u64 {
        self.count().saturating_mul(self.dtype.1.size)
    }

    /// The contents, in the order of [`order`](Self::order), if they are bytes in the pickle.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match &self.contents {
            ArrayContents::Bytes(bytes) => Some(bytes),
            ArrayContents::Joblib(bytes) | ArrayContents::Buffer { bytes: Some(bytes), .. } => Some(bytes),
            _ => None,
        }
    }

    /// The items in C order, if they are objects.
    pub(crate) fn objects(&self) -> Option<&[Ref]> {
        if let ArrayContents::Objects(items) = &self.contents { Some(items) } else { None }
    }
}
