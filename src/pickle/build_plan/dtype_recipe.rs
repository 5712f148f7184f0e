//! Dtypes of numpy, parsed and checked as a pickle describes them. `dtype.__setstate__` is never called.
//!
//! numpy pickles a dtype as `dtype(code, False, True)` with a state of 8 items, or 9 with metadata (`arraydescr_reduce`
//! in `numpy/_core/src/multiarray/descriptor.c`). Only this form is accepted: numpy's constructor makes an equal dtype
//! of the parts, and the size that it computes is compared with ours.

use std::rc::Rc;

use super::dtype_layout::{Dtype, DtypeField, DtypeKind};
use super::{ArrayMake, Fill, Make, PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::known::dtype::{
    ALIGNED_FLAG, DtypeCode, DtypeState, OBJECT_FLAGS, POINTER_FLAGS, STRUCTURE_FLAG, TEXT_FLAG, is_scalar_code,
};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The deepest nesting of structures and subarrays.
const MAX_DEPTH: usize = 16;
/// numpy keeps the size of an item in an `int`.
const MAX_SIZE: u64 = i32::MAX as u64;
/// How many times as many scalars as bytes an item may have, as fields may overlap. It bounds the time that an item
/// takes.
const MAX_OVERLAP: u64 = 8;
/// The cost of examining a field, relative to an item.
const FIELD: usize = 64;
/// The versions of states that numpy reads, and in which they have the form that is parsed here.
const VERSIONS: std::ops::RangeInclusive<i64> = 2..=4;
/// The longest name of a field, in bytes of the pickle.
const MAX_NAME: usize = 4096;
/// The units of dates and time differences. `generic` is none.
const UNITS: &[&str] = &["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"];

/// The recipe for a dtype.
pub(super) fn recipe<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let dtype = Rc::new(parse(context, call)?);
    let mut needs = match &dtype.kind {
        DtypeKind::Structure { fields, .. } => fields.iter().map(|field| field.dtype.0).collect::<Vec<_>>(),
        DtypeKind::Subarray { base, .. } => vec![base.0],
        DtypeKind::Strings { missing, .. } => missing.iter().copied().collect(),
        DtypeKind::Code { .. } | DtypeKind::Object => Vec::new(),
    };
    // numpy copies the metadata.
    needs.extend(dtype.metadata);
    let reads = dtype.metadata.is_some();
    Ok(Recipe { make: Make::Array(ArrayMake::Dtype(dtype)), needs, reads, fill: Fill::Nothing })
}

/// Parses the call that makes a dtype.
fn parse(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<Dtype, Refused> {
    let parsed = match call.module.as_ref() {
        "numpy" => DtypeParser { context }.dtype(call)?,
        _ => string_dtype(context, call)?,
    };
    if parsed.depth > MAX_DEPTH {
        return Err(format!("has a dtype that is nested more than {MAX_DEPTH} deep"));
    }
    if parsed.size > MAX_SIZE {
        return Err(format!("has a dtype of {} bytes", parsed.size));
    }
    if parsed.scalars > parsed.size.saturating_mul(MAX_OVERLAP).saturating_add(64) {
        return Err("has a dtype whose fields overlap too often".to_owned());
    }
    Ok(parsed)
}

/// `_convert_to_stringdtype_kwargs(coerce)`, with the object for missing values as a second argument.
fn string_dtype(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<Dtype, Refused> {
    let (coerce, missing) = match call.arguments {
        [coerce] => (*coerce, None),
        [coerce, missing] => (*coerce, Some(*missing)),
        _ => return Err("has arguments that numpy does not write".to_owned()),
    };
    let coerce = context.flag(coerce).filter(|_| call.state.is_none());
    let coerce = coerce.ok_or("has arguments that numpy does not write")?;
    let is_plain = |missing| match context.leaf(missing) {
        Some(Leaf::None | Leaf::Float(_) | Leaf::Str(_) | Leaf::Int(_) | Leaf::Bool(_)) => true,
        // `pandas.NA` is a global.
        _ => context.global(missing).is_some(),
    };
    if missing.is_some_and(|missing| !is_plain(missing)) {
        return Err("has an object for missing values that numpy does not write".to_owned());
    }
    // A string takes 16 bytes in the array, wherever its characters are.
    Ok(Dtype::of_references(DtypeKind::Strings { coerce, missing }, 16))
}

/// Parses `numpy.dtype(code, False, True)` and its state.
struct DtypeParser<'p, 'm, 'a> {
    context: &'p PlanContext<'m, 'a>,
}

impl DtypeParser<'_, '_, '_> {
    fn dtype(&self, call: &PlannedCall<'_>) -> Result<Dtype, Refused> {
        let [spec, flags @ ..] = call.arguments else {
            return Err("has no arguments".to_owned());
        };
        let flags: Option<Vec<bool>> = flags.iter().map(|flag| self.context.flag(*flag)).collect();
        let is_written = match flags.as_deref() {
            // Without a copy, this is a dtype that all arrays share, and numpy ignores the state.
            Some(flags) if call.state.is_some() => *flags == [false, true],
            Some(flags) => flags.len() <= 2,
            None => false,
        };
        if !is_written {
            return Err("has arguments that numpy does not write".to_owned());
        }
        let (order, code) = self.code(*spec)?;
        let state = match call.state {
            None => return simple(&code, order, None),
            Some(state) => self.context.items(state, NodeKind::Tuple).and_then(DtypeState::of),
        };
        let state = state.filter(|_| order.is_none()).ok_or("has a state that numpy does not write")?;
        if !self.context.int(state.version).is_some_and(|version| VERSIONS.contains(&version)) {
            return Err("has a state of an unknown version".to_owned());
        }
        let is_none = |value| matches!(self.context.leaf(value), Some(Leaf::None));
        let dtype = match (is_none(state.subarray), is_none(state.names) && is_none(state.fields)) {
            (true, true) => self.simple(&code, &state),
            (true, false) => self.structure(&code, &state),
            (false, true) => self.subarray(&code, &state),
            (false, false) => Err("has both fields and a shape".to_owned()),
        }?;
        Ok(Dtype { metadata: self.metadata(&code, &state)?, ..dtype })
    }

    /// The dict that a user has attached to a dtype. For dates, it is in front of the unit, and may be empty.
    fn metadata(&self, code: &str, state: &DtypeState<Ref>) -> Result<Option<Ref>, Refused> {
        let metadata = match state.metadata {
            Some(pair) if matches!(code, "M8" | "m8") => {
                self.context.items(pair, NodeKind::Tuple).and_then(|pair| pair.first().copied())
            }
            metadata => metadata,
        };
        let metadata = metadata.filter(|metadata| !matches!(self.context.leaf(*metadata), Some(Leaf::None)));
        let Some(metadata) = metadata else { return Ok(None) };
        let items = self.context.items(metadata, NodeKind::Dict).ok_or("has metadata that is no dict")?;
        Ok((!items.is_empty()).then_some(metadata))
    }

    /// The byte order in front of a code, and the code. `numpy.record` means a structure whose scalars are records.
    fn code(&self, spec: Ref) -> Result<(Option<char>, String), Refused> {
        if let Some((module, name)) = self.context.global(spec) {
            let is_record = (module.as_ref(), name.as_ref()) == ("numpy", "record");
            return if is_record {
                Ok((None, "record".to_owned()))
            } else {
                Err(format!("makes a dtype of {module}.{name}"))
            };
        }
        let code = self.context.short_text(spec, MAX_NAME).ok_or("has a code that is no string")?;
        Ok(match code.strip_prefix(['<', '>', '=', '|']) {
            Some(rest) => (code.chars().next(), rest.to_owned()),
            None => (None, code),
        })
    }

    fn simple(&self, code: &str, state: &DtypeState<Ref>) -> Result<Dtype, Refused> {
        let forged = || format!("has a state that does not fit the code {code:?}");
        let order = self.context.short_text(state.order, 8).and_then(|order| single(&order)).ok_or_else(forged)?;
        let numbers = [state.size, state.alignment, state.flags].map(|number| self.context.int(number));
        let [Some(size), Some(alignment), Some(flags)] = numbers else { return Err(forged()) };
        let unit = match state.metadata {
            Some(metadata) if matches!(code, "M8" | "m8") => self.unit(metadata)?,
            _ => String::new(),
        };
        let mut dtype = simple(code, Some(order), Some(&unit))?;
        let fits = match dtype.kind {
            DtypeKind::Object => (size, alignment, flags) == (-1, -1, OBJECT_FLAGS),
            // Only dtypes of variable length state their size.
            _ => {
                let is_sized = code.starts_with(['S', 'U', 'V']);
                let is_stated = is_sized && u64::try_from(size) == Ok(dtype.size);
                let own_alignment = if code.starts_with('U') { 4 } else { 1 };
                let is_written = size == -1 && alignment == -1 || is_stated && alignment == own_alignment;
                let own_flags = if code.starts_with('U') { TEXT_FLAG } else { 0 };
                flags == own_flags && is_written
            }
        };
        if let (DtypeKind::Code { order, .. }, 0..=1) = (&mut dtype.kind, dtype.size) {
            *order = '|';
        }
        if fits { Ok(dtype) } else { Err(forged()) }
    }

    /// The unit of a date or a time difference: `({}, (b'ns', 25, 1, 1))` is `[25ns]`.
    fn unit(&self, metadata: Ref) -> Result<String, Refused> {
        let forged = || "has a unit of time that numpy does not write".to_owned();
        let items = self.context.items(metadata, NodeKind::Tuple).ok_or_else(forged)?;
        let &[_, unit] = items else { return Err(forged()) };
        let Some(&[unit, count, divisor, ref rest @ ..]) = self.context.items(unit, NodeKind::Tuple) else {
            return Err(forged());
        };
        let name = self.context.short_bytes(unit, 16).ok_or_else(forged)?;
        let name = UNITS.iter().find(|known| known.as_bytes() == name).ok_or_else(forged)?;
        let count = self.context.int(count).filter(|count| (1..=i64::from(i32::MAX)).contains(count));
        let is_written = self.context.int(divisor) == Some(1) && rest.len() <= 1;
        match count.filter(|_| is_written).ok_or_else(forged)? {
            1 if *name == "generic" => Ok(String::new()),
            _ if *name == "generic" => Err(forged()),
            1 => Ok(format!("[{name}]")),
            count => Ok(format!("[{count}{name}]")),
        }
    }

    fn structure(&self, code: &str, state: &DtypeState<Ref>) -> Result<Dtype, Refused> {
        let StructureHead { size, flags, alignment } = self.structure_head(state)?;
        let is_aligned = flags & ALIGNED_FLAG != 0;
        let is_record = code == "record";
        let stated = DtypeCode::parse(code).filter(|_| code.starts_with('V')).and_then(DtypeCode::item_size);
        if !is_record && stated != Some(size) {
            return Err(forged_structure("whose code does not say its size"));
        }
        let fields = self.fields(state)?;
        if fields.iter().any(|field| field.offset.saturating_add(field.dtype.1.size) > size) {
            return Err(forged_structure("with a field beyond its end"));
        }
        check_alignment(&fields, alignment, is_aligned)?;
        if overlaps_objects(&fields) {
            return Err(forged_structure("with a field over one of objects"));
        }
        let has = |what: fn(&Dtype) -> bool| fields.iter().any(|field| what(&field.dtype.1));
        let has_objects = has(|dtype| dtype.has_objects);
        if has_objects != (flags & POINTER_FLAGS != 0) {
            return Err(forged_structure("whose flags do not say whether it holds objects"));
        }
        if has(|dtype| dtype.letter() == 'T') {
            return Err(forged_structure("with strings of any length"));
        }
        Ok(Dtype {
            size,
            scalars: fields.iter().fold(0, |sum, field| sum.saturating_add(field.dtype.1.scalars)),
            has_objects,
            has_limits: has(|dtype| dtype.has_limits),
            depth: fields.iter().map(|field| field.dtype.1.depth + 1).max().unwrap_or_default(),
            metadata: None,
            kind: DtypeKind::Structure { is_aligned, alignment, is_record, fields },
        })
    }

    /// The numbers of a structure, which no field says.
    fn structure_head(&self, state: &DtypeState<Ref>) -> Result<StructureHead, Refused> {
        let context = self.context;
        let number = |reference| context.int(reference).and_then(|number| u64::try_from(number).ok());
        let size = number(state.size).filter(|size| *size <= MAX_SIZE);
        let size = size.ok_or_else(|| forged_structure("without a size"))?;
        let flags = context.int(state.flags).filter(|flags| flags & STRUCTURE_FLAG != 0);
        let flags = flags.ok_or_else(|| forged_structure("without its flags"))?;
        let alignment = number(state.alignment).filter(|alignment| matches!(alignment, 1 | 2 | 4 | 8 | 16));
        let alignment = alignment.ok_or_else(|| forged_structure("with an alignment that nothing has"))?;
        // With another byte order, numpy would swap the bytes of all fields.
        if context.short_text(state.order, 8).as_deref() != Some("|") {
            return Err(forged_structure("with a byte order"));
        }
        Ok(StructureHead { size, flags, alignment })
    }

    fn fields(&self, state: &DtypeState<Ref>) -> Result<Vec<DtypeField>, Refused> {
        let context = self.context;
        let names = context.items(state.names, NodeKind::Tuple);
        let names = names.ok_or_else(|| forged_structure("without names"))?;
        context.spend(names.len().saturating_mul(FIELD))?;
        let pairs = Fields::new(context, state.fields)?;
        let fields: Option<Vec<DtypeField>> = names.iter().map(|name| pairs.field(context, *name)).collect();
        let fields = fields.ok_or_else(|| forged_structure("with a field that numpy does not write"))?;
        // Each field is listed under its name and its title, and nothing else is.
        let listed = fields.len() + fields.iter().filter(|field| field.title.is_some()).count();
        match listed == pairs.len() {
            true => Ok(fields),
            false => Err(forged_structure("with other fields than it names")),
        }
    }

    /// (base, shape), where a shape of one axis may be a plain number.
    fn subarray(&self, code: &str, state: &DtypeState<Ref>) -> Result<Dtype, Refused> {
        let forged = || "has a dtype of subarrays that numpy does not write".to_owned();
        let Some(&[base, shape]) = self.context.items(state.subarray, NodeKind::Tuple) else { return Err(forged()) };
        let reference = base;
        let base = self.context.dtype(base)?;
        let lengths = self.context.items(shape, NodeKind::Tuple).unwrap_or(std::slice::from_ref(&shape));
        let length = |length: &Ref| self.context.int(*length).and_then(|length| u64::try_from(length).ok());
        let shape: Vec<u64> = lengths.iter().map(length).collect::<Option<_>>().ok_or_else(forged)?;
        let count = shape.iter().try_fold(1_u64, |count, length| count.checked_mul(*length)).ok_or_else(forged)?;
        let size = base.size.checked_mul(count).filter(|size| *size <= MAX_SIZE).ok_or_else(forged)?;
        let is_stated = code.starts_with('V')
            && DtypeCode::parse(code).and_then(DtypeCode::item_size) == Some(size)
            && self.context.int(state.size).and_then(|stated| u64::try_from(stated).ok()) == Some(size);
        let flags = self.context.int(state.flags).ok_or_else(forged)?;
        let has_dimensions = !shape.is_empty() && shape.len() <= super::array_recipe::MAX_DIMENSIONS;
        if !is_stated || !has_dimensions || (flags & POINTER_FLAGS != 0 && !base.has_objects) || base.letter() == 'T' {
            return Err(forged());
        }
        Ok(Dtype {
            size,
            scalars: base.scalars.saturating_mul(count),
            has_objects: base.has_objects,
            has_limits: base.has_limits,
            depth: base.depth + 1,
            metadata: None,
            kind: DtypeKind::Subarray { base: (reference, base), shape },
        })
    }
}

/// Refuses an alignment that the fields do not give. numpy gives 1 to some fields of an aligned structure.
/// The numbers of a structured dtype.
struct StructureHead {
    size: u64,
    flags: i64,
    alignment: u64,
}

fn forged_structure(what: &str) -> Refused {
    format!("has a structured dtype {what}")
}

fn check_alignment(fields: &[DtypeField], alignment: u64, is_aligned: bool) -> Result<(), Refused> {
    let of_fields = fields.iter().map(|field| field.dtype.1.alignment()).max().unwrap_or(1);
    let are_at_multiples = || fields.iter().all(|field| field.offset.is_multiple_of(field.dtype.1.alignment()));
    match (is_aligned, alignment) {
        (false, 1) => Ok(()),
        (true, _) if (alignment == 1 || alignment == of_fields) && are_at_multiples() => Ok(()),
        _ => Err("has a structured dtype with an alignment that its fields do not give".to_owned()),
    }
}

/// A dtype without fields or a shape. Without a state, it has the byte order of the machine.
fn simple(code: &str, order: Option<char>, unit: Option<&str>) -> Result<Dtype, Refused> {
    let unknown = || format!("has a dtype that numpy does not write ({code:?})");
    let native = if cfg!(target_endian = "big") { '>' } else { '<' };
    if code.starts_with('O') {
        // The size is that of a pointer on the machine that wrote the file.
        let is_written = matches!(code, "O" | "O8" | "O4");
        return if is_written { Ok(Dtype::of_references(DtypeKind::Object, 8)) } else { Err(unknown()) };
    }
    let size = DtypeCode::parse(code).and_then(DtypeCode::item_size).ok_or_else(unknown)?;
    if !is_scalar_code(code) && !code.starts_with(['S', 'U', 'V']) {
        return Err(unknown());
    }
    let has_no_order = size <= 1 || code.starts_with(['S', 'V']);
    let order = match order {
        None | Some('=') => native,
        Some(order @ ('<' | '>')) => order,
        Some('|') if has_no_order => '|',
        Some(_) => return Err(unknown()),
    };
    let order = if has_no_order { '|' } else { order };
    Ok(Dtype::of_code(&format!("{code}{}", unit.unwrap_or_default()), order, size))
}

/// Whether a field of objects shares bytes with another one: numbers of the file would become pointers.
fn overlaps_objects(fields: &[DtypeField]) -> bool {
    let mut spans: Vec<(u64, u64, bool)> = fields
        .iter()
        .map(|field| (field.offset, field.offset.saturating_add(field.dtype.1.size), field.dtype.1.has_objects))
        .filter(|(start, end, _)| start < end)
        .collect();
    spans.sort_unstable();
    // The ends of all fields before, and of those of objects.
    let (mut end_of_any, mut end_of_objects) = (0, 0);
    spans.into_iter().any(|(start, end, has_objects)| {
        let overlaps = start < end_of_objects || has_objects && start < end_of_any;
        end_of_any = end_of_any.max(end);
        end_of_objects = end_of_objects.max(if has_objects { end } else { 0 });
        overlaps
    })
}

/// The only character of a string.
fn single(string: &str) -> Option<char> {
    let mut characters = string.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// The dict of the fields of a structure.
struct Fields<'a>(std::collections::HashMap<std::borrow::Cow<'a, str>, Ref>);

impl<'a> Fields<'a> {
    fn new(context: &PlanContext<'_, 'a>, fields: Ref) -> Result<Self, Refused> {
        let fields = context.keyed(fields, usize::MAX)?.into_pairs();
        context.spend(fields.len().saturating_mul(FIELD))?;
        Ok(Self(fields.into_iter().collect()))
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    /// (dtype, offset) or (dtype, offset, title).
    fn field(&self, context: &PlanContext<'_, '_>, name: Ref) -> Option<DtypeField> {
        let name = context.short_text(name, MAX_NAME)?;
        let items = context.items(*self.0.get(name.as_str())?, NodeKind::Tuple)?;
        let (&[dtype, offset], title) = (items.get(..2)?, items.get(2..)?) else { return None };
        let title = match title {
            [] => None,
            [title] => Some(context.short_text(*title, MAX_NAME)?),
            _ => return None,
        };
        // Both entries are alike: unpickling takes whatever is under the title for a field as well.
        let is_alike = |listed: &Ref| match context.items(*listed, NodeKind::Tuple) {
            Some(&[other_dtype, other_offset, other_title]) => {
                context.resolve(other_dtype) == context.resolve(dtype)
                    && context.int(other_offset) == context.int(offset)
                    && context.short_text(other_title, MAX_NAME) == title
            }
            _ => false,
        };
        let is_listed = |title: &String| *title != name && self.0.get(title.as_str()).is_some_and(is_alike);
        if !title.as_ref().is_none_or(is_listed) {
            return None;
        }
        let offset = context.int(offset).and_then(|offset| u64::try_from(offset).ok())?;
        Some(DtypeField { name, title, offset, dtype: (dtype, context.dtype(dtype).ok()?) })
    }
}
