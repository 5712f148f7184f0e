//! Arrays that share a buffer: `numpy.ndarray(shape, dtype, buffer, offset, strides)`. They are compared by their
//! elements, like an array with its own buffer.

use std::borrow::Cow;
use std::cell::Cell;

use super::canonical::{Canonicalizer, Compound, CompoundTag, PartRole};
use crate::pickle::known::dtype::DtypeCode;
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};

/// The most bytes that are copied for all arrays of a pickle: a small one can have any number of arrays over one
/// buffer. Beyond that, arrays compare by how they were made.
const MAX_COPIED: usize = 1 << 30;

/// Elements that overlap can take any number of times the length of the buffer.
const MAX_GROWTH: usize = 4;
const SMALL: usize = 16 << 10;
const MAX_DIMENSIONS: usize = 64;

/// An array over a buffer.
struct Layout<'a> {
    shape: Vec<usize>,
    dtype: Ref,
    shape_tuple: Ref,
    /// The memory of the array, from its first element on, and the memory before it.
    bytes: &'a [u8],
    offset: usize,
    strides: Vec<isize>,
    item: usize,
}

impl<'m, 'a> Canonicalizer<'m, 'a> {
    /// The canonical form of an array over a buffer. `None` if it is none, or if its elements cannot be found.
    pub(super) fn buffer_array(&self, node: &Node, copied: &Cell<usize>) -> Option<Compound<'m, 'a>> {
        let layout = self.layout(node, true)?;
        let (fortran, contents) = match (layout.is_contiguous(false), layout.is_contiguous(true)) {
            (false, true) => (true, Cow::Borrowed(layout.slice()?)),
            (true, _) => (false, Cow::Borrowed(layout.slice()?)),
            (false, false) => {
                let length = layout.length().filter(|length| *length / MAX_GROWTH <= layout.bytes.len().max(SMALL))?;
                copied.set(copied.get().saturating_add(length));
                if copied.get() > MAX_COPIED {
                    return None;
                }
                (false, Cow::Owned(layout.copy(length)?))
            }
        };
        let compound = Compound::new(CompoundTag::Array { fortran }).with(PartRole::Dtype, layout.dtype);
        Some(Compound { contents: Some(contents), ..compound.with(PartRole::Shape, layout.shape_tuple) })
    }

    fn layout(&self, node: &Node, may_be_view: bool) -> Option<Layout<'a>> {
        let is_array = node.kind == NodeKind::Call(CallKind::NewObj)
            && node.state().is_none()
            && self.is_global(*node.items.first()?, "numpy", "ndarray");
        let &[shape, dtype, buffer, offset, strides] = self.tuple(*node.items.get(1)?).filter(|_| is_array)? else {
            return None;
        };
        let (bytes, before) = match self.machine.value(buffer) {
            Value::Leaf(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => (bytes, 0),
            Value::Node(base) if may_be_view => {
                let base = self.layout(base, false)?;
                (base.bytes, base.offset)
            }
            _ => return None,
        };
        let items = |tuple| self.tuple(tuple).filter(|items| items.len() <= MAX_DIMENSIONS);
        let numbers = |tuple| items(tuple)?.iter().map(|number| self.int(*number)).collect::<Option<Vec<i64>>>();
        let code = self.call_arguments(dtype)?.first().copied()?;
        let Value::Leaf(Leaf::Str(code)) = self.machine.value(code) else { return None };
        Some(Layout {
            shape: numbers(shape)?.into_iter().map(|length| usize::try_from(length).ok()).collect::<Option<_>>()?,
            dtype,
            shape_tuple: shape,
            bytes,
            offset: before.checked_add(usize::try_from(self.int(offset)?).ok()?)?,
            strides: numbers(strides)?.into_iter().map(|stride| isize::try_from(stride).ok()).collect::<Option<_>>()?,
            item: usize::try_from(DtypeCode::parse(code.as_str()?)?.item_size()?).ok()?,
        })
    }

    fn int(&self, number: Ref) -> Option<i64> {
        match self.machine.value(number) {
            Value::Leaf(Leaf::Int(number)) => Some(number),
            _ => None,
        }
    }
}

impl<'a> Layout<'a> {
    /// The length of all elements in bytes.
    fn length(&self) -> Option<usize> {
        self.shape.iter().try_fold(self.item, |all, length| all.checked_mul(*length))
    }

    /// Whether the elements follow one another, with the last axis the fastest, or the first one for Fortran's order.
    fn is_contiguous(&self, fortran: bool) -> bool {
        let mut expected = self.item;
        let mut axes: Vec<(usize, isize)> = self.shape.iter().copied().zip(self.strides.iter().copied()).collect();
        if !fortran {
            axes.reverse();
        }
        axes.into_iter().all(|(length, stride)| {
            let fits = length == 1 || usize::try_from(stride) == Ok(expected);
            expected = expected.saturating_mul(length);
            fits
        })
    }

    fn slice(&self) -> Option<&'a [u8]> {
        self.bytes.get(self.offset..self.offset.checked_add(self.length()?)?)
    }

    /// The elements in C's order.
    fn copy(&self, length: usize) -> Option<Vec<u8>> {
        if self.shape.len() != self.strides.len() || self.item == 0 {
            return None;
        }
        let mut index = vec![0; self.shape.len()];
        let mut out = Vec::with_capacity(length);
        while out.len() < length {
            let steps = index.iter().zip(&self.strides);
            let at = steps.into_iter().try_fold(isize::try_from(self.offset).ok()?, |at, (index, stride)| {
                at.checked_add(stride.checked_mul(isize::try_from(*index).ok()?)?)
            });
            let at = usize::try_from(at?).ok()?;
            out.extend_from_slice(self.bytes.get(at..at.checked_add(self.item)?)?);
            for (index, length) in index.iter_mut().zip(&self.shape).rev() {
                *index += 1;
                if *index < *length {
                    break;
                }
                *index = 0;
            }
        }
        Some(out)
    }
}
