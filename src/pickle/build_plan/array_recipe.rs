//! Recipes for arrays and scalars of numpy, and the questions of other recipes about an array.
//!
//! numpy pickles an array as `_reconstruct(ndarray, (0,), b'b')` with a state, or in protocol 5 as
//! `_frombuffer(buffer, dtype, shape, order)`. Its contents must be exactly as long as its shape and its dtype say.

use std::rc::Rc;

pub(super) use super::array_description::{ArrayClass, ArrayContents, ArrayDescription, ArrayMake, ItemOrder};
use super::dtype_layout::{Dtype, DtypeField, DtypeKind};
use super::random_recipe::{self, RandomBuilder};
use super::{
    Fill, Make, PlanContext, PlannedCall, Recipe, Refused, ValueMake, array_arguments, dtype_recipe, joblib_recipe,
    masked_recipe, shared_array_recipe,
};
use crate::pickle::machine::KeyedDict;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The most dimensions of an array in numpy 2.
pub(super) const MAX_DIMENSIONS: usize = 64;
/// The most items of an array whose items take no bytes.
const MAX_EMPTY_ITEMS: u64 = 1 << 20;
/// The bytes of a reference to an object.
const REFERENCE: usize = 8;
/// More than the memory of any machine, and small enough that sums of such numbers do not overflow.
pub(super) const MAX_BYTES: u64 = 1 << 47;

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum ArrayBuilder {
    /// `_reconstruct(class, (0,), b'b')` with a state.
    Reconstruct,
    /// dill's `_create_array(_reconstruct, arguments, state, attributes)`.
    Dill,
    /// `_frombuffer(buffer, dtype, shape, order)`.
    FromBuffer,
    /// `ndarray(shape, dtype, buffer, offset, strides)`, as our own pickler writes arrays that share memory.
    Shared,
    /// `ndarray.setflags(array, False)`.
    SetFlags,
    /// `ndarray.view(array, memmap)`, as our own pickler writes a memmap.
    View,
    /// `scalar(dtype, bytes)`.
    Scalar,
    /// `dtype(code, False, True)` with a state.
    Dtype,
    /// `_mareconstruct(MaskedArray, ndarray, (0,), 'b')` with a state.
    Masked,
    /// joblib's description of an array, or the array that it describes.
    Joblib,
    /// A class that other calls have as an argument. It is not called.
    Class,
    /// A random generator or a part of one.
    Random(RandomBuilder),
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: ArrayBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let is_usual = match builder {
        ArrayBuilder::Shared => call.is_new,
        ArrayBuilder::Joblib => true,
        _ => !call.is_new,
    };
    if call.added.is_some() || !call.keywords.is_empty() || !is_usual {
        return Err("is used in a way that numpy does not write".to_owned());
    }
    if call.state.is_some() && matches!(builder, ArrayBuilder::Dill | ArrayBuilder::FromBuffer | ArrayBuilder::Shared) {
        return Err("has a state that numpy does not write".to_owned());
    }
    match builder {
        ArrayBuilder::Reconstruct => reconstruct(context, call.arguments, call.state).map(array),
        ArrayBuilder::Dill => dill_array(context, call).map(array),
        ArrayBuilder::FromBuffer => from_buffer(context, call.arguments).map(array),
        ArrayBuilder::Shared => shared_array_recipe::describe(context, call).map(array),
        ArrayBuilder::SetFlags => Err("changes an array that shares its memory with nothing".to_owned()),
        ArrayBuilder::View => view(context, call),
        ArrayBuilder::Scalar => scalar(context, call),
        ArrayBuilder::Dtype => dtype_recipe::recipe(context, call),
        ArrayBuilder::Masked => masked_recipe::recipe(context, call),
        ArrayBuilder::Joblib => joblib_recipe::describe(context, call).map(array),
        ArrayBuilder::Class => Err("is called".to_owned()),
        ArrayBuilder::Random(builder) => random_recipe::recipe(context, builder, call),
    }
}

/// The recipe for an array.
fn array(description: ArrayDescription<'_>) -> Recipe<'_> {
    let description = Rc::new(description);
    let dtype = description.dtype.0;
    match &description.contents {
        ArrayContents::Bytes(_) | ArrayContents::Joblib(_) => simple(ArrayMake::Owned(description), vec![dtype]),
        ArrayContents::Buffer { buffer, .. } => {
            let needs = vec![dtype, *buffer];
            simple(ArrayMake::FromBuffer(description), needs)
        }
        ArrayContents::Shared { base, .. } => {
            let needs = vec![dtype, *base];
            simple(ArrayMake::Shared(description), needs)
        }
        ArrayContents::Strings(list) => {
            let needs = vec![dtype, *list];
            Recipe { reads: true, ..simple(ArrayMake::Strings(description), needs) }
        }
        ArrayContents::Objects(items) => {
            let fill = Fill::Elements(Rc::clone(items));
            Recipe { make: Make::Array(ArrayMake::Objects(description)), needs: vec![dtype], reads: false, fill }
        }
    }
}

/// A recipe without contents.
pub(super) fn simple(make: ArrayMake<'_>, needs: Vec<Ref>) -> Recipe<'_> {
    Recipe { make: Make::Array(make), needs, reads: false, fill: Fill::Nothing }
}

impl<'m, 'a> PlanContext<'m, 'a> {
    /// The array of class `ndarray` that a value is, if its opcodes end before those of the call that is being planned.
    pub(in crate::pickle) fn array_of(&self, reference: Ref) -> Option<&'m ArrayDescription<'a>> {
        match self.array_make(reference)? {
            ArrayMake::Owned(array)
            | ArrayMake::Objects(array)
            | ArrayMake::Strings(array)
            | ArrayMake::FromBuffer(array)
            | ArrayMake::Shared(array) => Some(&**array).filter(|array| array.class == ArrayClass::Array),
            _ => None,
        }
    }

    /// The dtype that a value is.
    pub(in crate::pickle) fn dtype_of(&self, reference: Ref) -> Option<&'m Rc<Dtype>> {
        if let ArrayMake::Dtype(dtype) = self.array_make(reference)? { Some(dtype) } else { None }
    }

    /// The recipe of `array_recipe` for a value.
    pub(super) fn array_make(&self, reference: Ref) -> Option<&'m ArrayMake<'a>> {
        if let Make::Array(make) = &*self.recipe(reference)?.make { Some(make) } else { None }
    }

    pub(super) fn dtype(&self, reference: Ref) -> Result<Rc<Dtype>, Refused> {
        self.dtype_of(reference).cloned().ok_or_else(|| "uses something that is no dtype of numpy".to_owned())
    }
}

/// `_reconstruct(class, (0,), b'b')` with the state (1, shape, dtype, is Fortran, contents).
fn reconstruct<'a>(
    context: &PlanContext<'_, 'a>,
    arguments: &[Ref],
    state: Option<Ref>,
) -> Result<ArrayDescription<'a>, Refused> {
    let &[class, shape, code] = arguments else { return Err("has arguments that numpy does not write".to_owned()) };
    let class = array_class(context, class).ok_or("makes an array of a class that is not allowed")?;
    let is_written = context.shape(shape).is_some_and(|shape| shape == [0])
        && context.short_bytes(code, 8).is_some_and(|code| code == b"b");
    let state = state.and_then(|state| context.items(state, NodeKind::Tuple)).filter(|_| is_written);
    let Some(&[version, shape, dtype, is_fortran, contents]) = state else {
        return Err("has arguments or a state that numpy does not write".to_owned());
    };
    if context.int(version) != Some(1) {
        return Err("has a state of an unknown version".to_owned());
    }
    from_state(context, class, [shape, dtype, is_fortran, contents])
}

/// dill's `_create_array(_reconstruct, (class, (0,), b'b'), state, attributes)`.
fn dill_array<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<ArrayDescription<'a>, Refused> {
    let (&[maker, arguments, state], attributes) = match call.arguments {
        [maker, arguments, state] => (&[*maker, *arguments, *state], None),
        [maker, arguments, state, attributes] => (&[*maker, *arguments, *state], Some(*attributes)),
        _ => return Err("has arguments that dill does not write".to_owned()),
    };
    let has_attributes = attributes.is_some_and(|attributes| !is_initial(context, attributes));
    let maker = context.global(maker).filter(|_| !has_attributes);
    let maker = maker.and_then(|(module, name)| array_arguments::array_builder(&module, &name));
    let arguments = context.items(arguments, NodeKind::Tuple).filter(|_| maker == Some(ArrayBuilder::Reconstruct));
    reconstruct(context, arguments.ok_or("has arguments that dill does not write")?, Some(state))
}

/// Whether these are the attributes that a new array has: none, or those of a matrix or of a memmap without a file.
fn is_initial(context: &PlanContext<'_, '_>, attributes: Ref) -> bool {
    if matches!(context.leaf(attributes), Some(Leaf::None)) {
        return true;
    }
    let is_initial = |name: &str, value: Ref| match name {
        "_getitem" => context.flag(value) == Some(false),
        "_mmap" | "filename" | "offset" | "mode" => matches!(context.leaf(value), Some(Leaf::None)),
        _ => false,
    };
    let attributes = context.state_dict(attributes).map(KeyedDict::into_pairs);
    attributes.is_ok_and(|attributes| attributes.iter().all(|(name, value)| is_initial(name, *value)))
}

/// An array of a shape, a dtype, whether it is in Fortran order, and contents.
fn from_state<'a>(
    context: &PlanContext<'_, 'a>,
    class: ArrayClass,
    [shape, dtype, is_fortran, contents]: [Ref; 4],
) -> Result<ArrayDescription<'a>, Refused> {
    let (shape, dtype) = (checked_shape(context, shape)?, (dtype, checked_dtype(context, dtype)?));
    let count = checked_count(&shape, &dtype.1)?;
    let is_fortran = context.flag(is_fortran).ok_or("does not say in which order its items are")?;
    if class == ArrayClass::Characters && !['U', 'S'].contains(&dtype.1.letter()) {
        return Err("makes an array of characters of something else".to_owned());
    }
    if class == ArrayClass::Matrix && shape.len() != 2 {
        return Err("makes a matrix that has not two axes".to_owned());
    }
    let contents = if dtype.1.has_objects {
        match joined_count(context, contents) {
            Some(strings) if strings == count && matches!(dtype.1.kind, DtypeKind::Object) => {
                // Each array gets a reference to each string.
                context.spend(usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(REFERENCE))?;
                ArrayContents::Strings(contents)
            }
            Some(strings) => return Err(format!("has {strings} strings for {count} items")),
            None => ArrayContents::Objects(objects(context, &dtype.1, count, contents)?),
        }
    } else {
        let bytes = array_arguments::contents(context, contents)?;
        check_bytes(context, &dtype.1, count, &bytes)?;
        ArrayContents::Bytes(bytes)
    };
    let order = if is_fortran { ItemOrder::Fortran } else { ItemOrder::C };
    Ok(ArrayDescription { class, dtype, shape, order, contents })
}

/// The number of strings in a list that our own pickler writes as one string.
fn joined_count(context: &PlanContext<'_, '_>, list: Ref) -> Option<u64> {
    let recipe = context.recipe(list)?;
    if let Make::Value(ValueMake::JoinedStrings { count }) = *recipe.make { Some(count) } else { None }
}

/// The items of an array of objects, which are in a list.
pub(super) fn objects(
    context: &PlanContext<'_, '_>,
    dtype: &Dtype,
    count: u64,
    contents: Ref,
) -> Result<Rc<[Ref]>, Refused> {
    let items = context.items(contents, NodeKind::List).ok_or("is an array of objects over bytes")?;
    if items.len() as u64 != count {
        return Err(format!("has {} objects for {count} items", items.len()));
    }
    let fits = match &dtype.kind {
        DtypeKind::Object => true,
        DtypeKind::Strings { missing, .. } => items.iter().all(|item| is_string(context, *item, *missing)),
        DtypeKind::Structure { fields, .. } => items.iter().all(|item| is_structure(context, *item, fields)),
        _ => false,
    };
    if fits { Ok(items.into()) } else { Err("has an item that does not fit its dtype".to_owned()) }
}

/// Whether this is a tuple with a value for each field. numpy would convert any object to the type of a field, and call
/// its methods: only values that need no conversion are allowed.
fn is_structure(context: &PlanContext<'_, '_>, item: Ref, fields: &[DtypeField]) -> bool {
    let Some(values) = context.items(item, NodeKind::Tuple).filter(|values| values.len() == fields.len()) else {
        return false;
    };
    fields.iter().zip(values).all(|(field, value)| {
        matches!(
            (field.dtype.1.letter(), context.leaf(*value)),
            ('O', _)
                | ('b', Some(Leaf::Bool(_)))
                | ('i' | 'u' | 'm' | 'M', Some(Leaf::Int(_)))
                | ('f', Some(Leaf::Float(_)))
                | ('U', Some(Leaf::Str(_)))
        ) || field.dtype.1.letter() == 'S' && array_arguments::is_bytes(context, *value)
    })
}

/// Whether this is a string or the object for missing values.
fn is_string(context: &PlanContext<'_, '_>, item: Ref, missing: Option<Ref>) -> bool {
    match context.leaf(item) {
        Some(Leaf::Str(_)) => true,
        Some(Leaf::None | Leaf::Float(_)) => missing.is_some(),
        _ => missing.is_some_and(|missing| {
            let same_global = context.global(missing).is_some_and(|global| context.global(item) == Some(global));
            context.resolve(missing) == context.resolve(item) || same_global
        }),
    }
}

/// `_frombuffer(buffer, dtype, shape, order)`, with the order of the axes if the order is `K`.
fn from_buffer<'a>(context: &PlanContext<'_, 'a>, arguments: &[Ref]) -> Result<ArrayDescription<'a>, Refused> {
    let (&[buffer, dtype, shape, order], axes) = match arguments {
        [buffer, dtype, shape, order] => (&[*buffer, *dtype, *shape, *order], None),
        [buffer, dtype, shape, order, axes] => (&[*buffer, *dtype, *shape, *order], Some(*axes)),
        _ => return Err("has arguments that numpy does not write".to_owned()),
    };
    let (shape, dtype) = (checked_shape(context, shape)?, (dtype, checked_dtype(context, dtype)?));
    let count = checked_count(&shape, &dtype.1)?;
    if dtype.1.has_objects || dtype.1.size == 0 {
        return Err("takes objects from the bytes of a buffer".to_owned());
    }
    let (order, shape) = match (context.short_text(order, 8).as_deref(), axes) {
        (Some("C"), None) => (ItemOrder::C, shape),
        (Some("F"), None) => (ItemOrder::Fortran, shape),
        (Some("K"), Some(axes)) => {
            let axes = checked_axes(context, axes, shape.len())?;
            let shape = axes.iter().filter_map(|axis| shape.get(*axis).copied()).collect();
            (ItemOrder::Axes(axes), shape)
        }
        _ => return Err("has an order that numpy does not write".to_owned()),
    };
    let bytes = match context.leaf(buffer) {
        Some(Leaf::Bytes(bytes) | Leaf::ByteArray(bytes)) => Some(bytes),
        _ => None,
    };
    match (bytes, context.buffer(buffer)) {
        (Some(bytes), _) => check_bytes(context, &dtype.1, count, bytes)?,
        (None, Some(facts)) => check_length(context, &dtype.1, count, facts.length)?,
        (None, None) => return Err("uses something that is no buffer".to_owned()),
    }
    let contents = ArrayContents::Buffer { buffer, bytes };
    Ok(ArrayDescription { class: ArrayClass::Array, dtype, shape, order, contents })
}

/// A permutation of the axes.
fn checked_axes(context: &PlanContext<'_, '_>, axes: Ref, dimensions: usize) -> Result<Vec<usize>, Refused> {
    let axes = context.shape(axes).unwrap_or_default();
    let axes: Vec<usize> = axes.iter().filter_map(|axis| usize::try_from(*axis).ok()).collect();
    let is_permutation = axes.len() == dimensions && (0..dimensions).all(|axis| axes.contains(&axis));
    if is_permutation { Ok(axes) } else { Err("has an order of axes that numpy does not write".to_owned()) }
}

/// `ndarray.view(array, memmap)`.
fn view<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    match *call.arguments {
        [array, class]
            if call.state.is_none()
                && context.array_of(array).is_some()
                && array_class(context, class) == Some(ArrayClass::Mapped) =>
        {
            Ok(simple(ArrayMake::Mapped, vec![array]))
        }
        _ => Err("has arguments that snapcli does not write".to_owned()),
    }
}

/// `scalar(dtype, bytes)`.
fn scalar<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let &[reference, contents] = call.arguments else {
        return Err("has arguments that numpy does not write".to_owned());
    };
    let dtype = checked_dtype(context, reference)?;
    if call.state.is_some() || dtype.has_objects {
        return Err("makes a scalar that holds objects".to_owned());
    }
    let bytes = array_arguments::contents(context, contents)?;
    check_bytes(context, &dtype, 1, &bytes)?;
    Ok(match context.leaf(contents) {
        Some(Leaf::Bytes(_)) => simple(ArrayMake::Scalar(dtype, None), vec![reference, contents]),
        _ => simple(ArrayMake::Scalar(dtype, Some(bytes)), vec![reference]),
    })
}

/// The shape of an array.
pub(super) fn checked_shape(context: &PlanContext<'_, '_>, shape: Ref) -> Result<Vec<u64>, Refused> {
    let shape = context.shape(shape).ok_or("has a shape that numpy does not write")?;
    if shape.len() > MAX_DIMENSIONS {
        return Err(format!("has more than {MAX_DIMENSIONS} dimensions"));
    }
    Ok(shape)
}

/// The dtype of an array. One of subarrays would add to the shape.
pub(super) fn checked_dtype(context: &PlanContext<'_, '_>, dtype: Ref) -> Result<Rc<Dtype>, Refused> {
    let dtype = context.dtype(dtype)?;
    match dtype.kind {
        DtypeKind::Subarray { .. } => Err("has a dtype of subarrays".to_owned()),
        _ => Ok(dtype),
    }
}

/// The number of items of an array.
pub(super) fn checked_count(shape: &[u64], dtype: &Dtype) -> Result<u64, Refused> {
    let too_large = || "has a shape that is too large".to_owned();
    // numpy multiplies all lengths except those that are 0.
    let lengths = shape.iter().filter(|length| **length > 0);
    let whole = lengths.copied().try_fold(dtype.size.max(1), u64::checked_mul);
    whole.filter(|whole| *whole <= MAX_BYTES).ok_or_else(too_large)?;
    let count = shape.iter().product();
    if dtype.size == 0 && count > MAX_EMPTY_ITEMS { Err(too_large()) } else { Ok(count) }
}

/// Checks that an array of this many items has these contents.
pub(super) fn check_bytes(
    context: &PlanContext<'_, '_>,
    dtype: &Dtype,
    count: u64,
    bytes: &[u8],
) -> Result<(), Refused> {
    check_length(context, dtype, count, bytes.len() as u64)?;
    dtype.fault_of(bytes).map_or(Ok(()), |fault| Err(format!("has {fault}")))
}

fn check_length(context: &PlanContext<'_, '_>, dtype: &Dtype, count: u64, length: u64) -> Result<(), Refused> {
    let size = dtype.size;
    if count.checked_mul(size) != Some(length) {
        return Err(format!("has {count} items of {size} bytes, and {length} bytes for them"));
    }
    // Each bool and each character is examined, and many arrays may share one buffer.
    let looks = if dtype.has_limits() { length.max(count.saturating_mul(dtype.scalars)) } else { 0 };
    context.spend(usize::try_from(looks).unwrap_or(usize::MAX))
}

/// The class of an array that a pickle makes by `_reconstruct`, or that joblib names.
pub(super) fn array_class(context: &PlanContext<'_, '_>, class: Ref) -> Option<ArrayClass> {
    let (module, name) = context.global(class)?;
    match (module.as_ref(), name.as_ref()) {
        ("numpy", "ndarray") => Some(ArrayClass::Array),
        ("numpy" | "numpy.matrixlib.defmatrix", "matrix") => Some(ArrayClass::Matrix),
        ("numpy" | "numpy.rec" | "numpy._core.records" | "numpy.core.records", "recarray") => Some(ArrayClass::Records),
        ("numpy" | "numpy.char" | "numpy._core.defchararray" | "numpy.core.defchararray", "chararray") => {
            Some(ArrayClass::Characters)
        }
        ("numpy" | "numpy._core.memmap" | "numpy.core.memmap", "memmap") => Some(ArrayClass::Mapped),
        _ => None,
    }
}
