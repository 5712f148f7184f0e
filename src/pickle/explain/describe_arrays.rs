//! The shape and the dtype of numpy's arrays, as numpy itself would show them.
//!
//! The state of a dtype is (version, byte order, subarray, names, fields, size, alignment, flags, metadata), by
//! `arraydescr_reduce` in numpy's `descriptor.c`.

use super::describe_value::{Describer, MAX_DEPTH};
use crate::pickle::dtype_call::{DtypeSpec, dtype_call, spec_of};
use crate::pickle::known::dtype::DtypeState;
use crate::pickle::known::{self, Makes};
use crate::pickle::machine::value::{CallKind, Leaf, Node, NodeKind, Ref, Value};

const MAX_DIMENSIONS: usize = 64;

impl<'m> Describer<'_, 'm, '_> {
    /// The shape of an array and its dtype, as numpy, dill and joblib write them.
    pub(super) fn array(&self, node: &Node) -> Option<(Vec<u64>, Ref)> {
        let machine = self.labels.machine();
        if node.kind == NodeKind::Array {
            return Some((self.shape(machine.described(node, "shape")?)?, machine.described(node, "dtype")?));
        }
        let argument = |index| self.labels.argument(node, index);
        // Arrays that share memory are `ndarray(shape, dtype, buffer, offset, strides)`.
        if node.kind == NodeKind::Call(CallKind::NewObj)
            && self.labels.class(*node.items.first()?).as_deref() == Some(known::ARRAY)
        {
            return Some((self.shape(argument(0)?)?, argument(1)?));
        }
        // numpy writes `_frombuffer(buffer, dtype, shape, order)`, where the order of the buffer's axes may follow,
        // or `_reconstruct(class, …)` with a state; dill writes `_create_array(reconstruct, arguments, state, …)`.
        let state = match self.labels.maker(node)? {
            Makes::Type(known::ARRAY) => {
                let shape = self.shape(argument(2)?)?;
                let shape = match argument(4) {
                    Some(axes) => self.transposed(&shape, axes)?,
                    None => shape,
                };
                return Some((shape, argument(1)?));
            }
            Makes::Call => argument(2)?,
            Makes::InstanceOf(0) => node.state()?,
            _ => return None,
        };
        // (version, shape, dtype, …)
        let &[_, shape, dtype, _, _, ..] = self.items(state) else { return None };
        // Objects other than arrays can have such a state, but no dtype in it.
        self.code(dtype)?;
        Some((self.shape(shape)?, dtype))
    }

    /// A shape whose axes come in another order.
    fn transposed(&self, shape: &[u64], axes: Ref) -> Option<Vec<u64>> {
        let length = |axis: &u64| shape.get(usize::try_from(*axis).ok()?).copied();
        self.shape(axes)?.iter().map(length).collect()
    }

    /// The dtype of an array. An array on a buffer keeps the byte order of its dtype; one that is given bytes swaps
    /// them to the order of the machine.
    pub(super) fn dtype_of_array(&self, array: &Node, dtype: Ref) -> Option<String> {
        let from_buffer = matches!(self.labels.maker(array), Some(Makes::Type(known::ARRAY)));
        let state = self.labels.machine().node(dtype)?.state().map_or(&[][..], |state| self.items(state));
        // The byte order in the state: `<`, `>`, or `|` where it does not matter.
        let order = state.get(1).and_then(|order| self.labels.string(*order));
        match order.as_deref() {
            Some(">") if from_buffer => Some(self.field(dtype, MAX_DEPTH)?.0.trim_matches('\'').to_owned()),
            _ => self.dtype(dtype, MAX_DEPTH),
        }
    }

    /// A tuple of lengths.
    pub(super) fn shape(&self, value: Ref) -> Option<Vec<u64>> {
        if !matches!(self.labels.machine().node(value)?.kind, NodeKind::Tuple) {
            return None;
        }
        let lengths = self.items(value);
        if lengths.len() > MAX_DIMENSIONS {
            return None;
        }
        lengths.iter().map(|length| u64::try_from(self.labels.int(*length)?).ok()).collect()
    }

    /// The call that makes a dtype, and its code, such as `f8`.
    pub(super) fn code(&self, dtype: Ref) -> Option<(&'m Node, std::rc::Rc<str>)> {
        let node = dtype_call(self.labels, dtype)?;
        // The dtype of records has their class instead of a code.
        let (DtypeSpec::Code(code) | DtypeSpec::Class(_, code)) = spec_of(self.labels, node)?;
        Some((node, code))
    }

    /// A dtype as numpy shows it.
    pub(super) fn dtype(&self, dtype: Ref, depth: usize) -> Option<String> {
        let depth = depth.checked_sub(1)?;
        let (node, code) = self.code(dtype)?;
        let state = node.state().and_then(|state| DtypeState::of(self.items(state)));
        if let Some(DtypeState { names, fields, size, flags, .. }) = state
            && matches!(self.labels.machine().node(fields), Some(Node { kind: NodeKind::Dict, .. }))
        {
            let shown = self.structure(names, fields, self.labels.int(size)?, self.labels.int(flags)?, depth)?;
            return Some(if code.as_ref() == "record" { format!("(numpy.record, {shown})") } else { shown });
        }
        let name = known::dtype::dtype_name(&code)?;
        // Dates and time differences have their unit in the metadata.
        match (code.as_ref(), state.and_then(|state| state.metadata)) {
            ("M8" | "m8", Some(metadata)) => Some(format!("{name}{}", self.unit(metadata)?)),
            _ => Some(name),
        }
    }

    /// The unit of a date or a time difference: `({}, (b'ns', 1, 1, 1))` is `[ns]`.
    fn unit(&self, metadata: Ref) -> Option<String> {
        let &[unit, count, ..] = self.items(*self.items(metadata).get(1)?) else { return None };
        let machine = self.labels.machine();
        let unit = match machine.node(unit) {
            // Protocol 2 writes `_codecs.encode('ns', 'latin1')`.
            Some(call) => self.string(self.labels.argument(call, 0)?)?,
            None if self.labels.type_name(unit).as_ref() == "bytes" => match machine.value(unit) {
                Value::Leaf(Leaf::Bytes(unit)) => String::from_utf8_lossy(unit.get(..unit.len().min(8))?).into_owned(),
                _ => return None,
            },
            None => self.string(unit)?,
        };
        match self.labels.int(count)? {
            // A time difference without a unit.
            1 if unit == "generic" => Some(String::new()),
            1 => Some(format!("[{unit}]")),
            count => Some(format!("[{count}{unit}]")),
        }
    }

    /// A structured dtype: its fields and, unless they follow one another without gaps, their offsets.
    fn structure(&self, names: Ref, fields: Ref, size: i64, flags: i64, depth: usize) -> Option<String> {
        /// The flag of a dtype whose fields numpy aligns.
        const ALIGNED: i64 = 128;
        let count = self.items(names).len();
        let names = self.items(names).iter().filter_map(|name| self.string(*name));
        let names = self.limited(names);
        // An aligned dtype is always written with its offsets.
        let (mut end, mut is_close) = (0, flags & ALIGNED == 0);
        let (mut formats, mut offsets) = (Vec::new(), Vec::new());
        for name in &names {
            let &[dtype, offset, ..] = self.items(self.labels.under(fields, name)?) else { return None };
            let (format, length) = self.field(dtype, depth)?;
            let offset = self.labels.int(offset)?;
            is_close &= offset == end;
            end = offset.checked_add(length)?;
            formats.push(format);
            offsets.push(offset.to_string());
        }
        // With some of the names cut off, the dtype is shown as bytes without structure.
        if names.len() < count {
            return Some(format!("|V{size}"));
        }
        if is_close && end == size {
            let pairs = names.iter().zip(&formats).map(|(name, format)| format!("('{name}', {format})"));
            return Some(format!("[{}]", pairs.collect::<Vec<_>>().join(", ")));
        }
        // Here numpy leaves out `|`, and puts parentheses around a format with a shape.
        let format = |format: &String| match format.strip_prefix("'|").filter(|code| !code.starts_with(['S', 'V'])) {
            Some(code) => format!("'{code}"),
            None if format.ends_with(')') => format!("({format})"),
            None => format.clone(),
        };
        let formats: Vec<String> = formats.iter().map(format).collect();
        let names: Vec<String> = names.iter().map(|name| format!("'{name}'")).collect();
        let aligned = if flags & ALIGNED == 0 { "" } else { ", 'aligned': True" };
        Some(format!(
            "{{'names': [{}], 'formats': [{}], 'offsets': [{}], 'itemsize': {size}{aligned}}}",
            names.join(", "),
            formats.join(", "),
            offsets.join(", ")
        ))
    }

    /// The dtype of a field with its byte order, and its size in bytes.
    fn field(&self, dtype: Ref, depth: usize) -> Option<(String, i64)> {
        let depth = depth.checked_sub(1)?;
        let (node, code) = self.code(dtype)?;
        let state = node.state().map_or(&[][..], |state| self.items(state));
        // A subarray: `('<f4', (2, 3))` becomes a field of 2 by 3 floats.
        if let Some(&[base, shape]) = state.get(2).map(|array| self.items(*array)) {
            let (base, size) = self.field(base, depth)?;
            let shape = self.shape(shape)?;
            let count = shape.iter().try_fold(1_u64, |count, length| count.checked_mul(*length))?;
            let lengths: Vec<String> = shape.iter().map(u64::to_string).collect();
            let comma = if lengths.len() == 1 { "," } else { "" };
            let shown = format!("{base}, ({}{comma})", lengths.join(", "));
            return Some((shown, size.checked_mul(i64::try_from(count).ok()?)?));
        }
        let size = i64::try_from(known::dtype::item_size(&code)?).ok()?;
        if let Some(fields) = state.get(4)
            && matches!(self.labels.machine().node(*fields), Some(Node { kind: NodeKind::Dict, .. }))
        {
            return Some((self.dtype(dtype, depth)?, size));
        }
        let order = state.get(1).and_then(|order| self.labels.string(*order));
        // Byte order has no meaning for items of one byte.
        let order = if size == 1 && !code.starts_with('U') { "|" } else { order.as_deref().unwrap_or("|") };
        let unit = match (code.as_ref(), state.get(8)) {
            ("M8" | "m8", Some(metadata)) => self.unit(*metadata)?,
            _ => String::new(),
        };
        Some((format!("'{order}{code}{unit}'"), size))
    }
}
