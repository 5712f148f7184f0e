//! Recipes for frames and series.
//!
//! The state of a frame has a `BlockManager`: the axes (columns, then rows), and blocks of columns that have one dtype,
//! each with the positions of its columns. pandas writes it as `BlockManager((_unpickle_block(values, places, 2), …),
//! [columns, index])`; up to 1.2, and for series, with the state `(…, …, …, {'0.14.1': {'axes': […], 'blocks':
//! [{'values': …, 'mgr_locs': …}]}})`.

use super::extension_recipe::Backed;
use super::pandas_parts::{
    StateDict, bool_of, check_hashes, check_name, instance_state, integers, is_array, is_none, length, plain_array,
    sequence, spend, text, unexpected_arguments, unexpected_state, vector,
};
use super::{ArrayKind, Made, PandasArgument, PandasMake, PlanContext, PlannedCall, Refused, call_of, made};
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The key of the state of a manager in the form of pandas 0.14.1.
const STATE_KEY: &str = "0.14.1";
/// The letters of dtypes of numpy that columns have.
const COLUMN_LETTERS: &str = "biufcmMO";
/// The most columns of a frame. Columns need bytes, unless the frame has no rows or its rows share memory.
const MAX_COLUMNS: u64 = 1 << 24;
const MAX_EMPTY_COLUMNS: u64 = 1 << 20;
/// The most columns of a block of periods or of times with a zone: each takes pandas 50 microseconds.
const MOST_TIME_COLUMNS: u64 = 1 << 15;

/// The parts that the states of frames and series have in common.
struct FrameParts {
    manager: Manager,
    attrs: Option<Ref>,
    allows_duplicates: bool,
}

struct Manager {
    axes: Vec<Ref>,
    /// Values and positions.
    blocks: Vec<(Ref, Ref)>,
}

/// The columns that a block has in the frame.
enum Places {
    Range { start: i64, stop: i64, step: i64 },
    Array { reference: Ref, numbers: Option<Vec<i64>>, length: u64 },
}

/// `DataFrame`.
pub(super) fn frame<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let mut state = instance_state(context, call)?;
    let FrameParts { manager, attrs, allows_duplicates } = parts(context, &mut state, "dataframe")?;
    state.end()?;
    let &[columns, index] = manager.axes.as_slice() else { return Err("has another number of axes".to_owned()) };
    let (width, rows) = (axis(context, columns)?, axis(context, index)?);
    let mut taken = Taken::new(context, width, rows)?;
    let mut blocks = Vec::with_capacity(manager.blocks.len());
    for (values, places) in manager.blocks {
        let places = Places::of(context, places)?;
        let (values, dtype) = block_values(context, values, places.count()?, rows)?;
        taken.take(&places)?;
        blocks.push(PandasArgument::Tuple(vec![
            PandasArgument::Object(values),
            places.argument(),
            PandasArgument::optional(dtype),
        ]));
    }
    taken.end()?;
    if !allows_duplicates {
        check_hashes(context, columns)?;
        check_hashes(context, index)?;
    }
    let arguments = vec![
        PandasArgument::Tuple(blocks),
        PandasArgument::Object(columns),
        PandasArgument::Object(index),
        PandasArgument::optional(attrs),
        PandasArgument::Bool(allows_duplicates),
    ];
    Ok(call_of("frame", arguments, Made::Whole))
}

/// `Series`.
pub(super) fn series<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<PandasMake<'a>, Refused> {
    let mut state = instance_state(context, call)?;
    let FrameParts { manager, attrs, allows_duplicates } = parts(context, &mut state, "series")?;
    let name = state.take_either("_name", "name");
    state.end()?;
    let (&[index], &[(values, places)]) = (manager.axes.as_slice(), manager.blocks.as_slice()) else {
        return Err("has another number of axes or blocks".to_owned());
    };
    let rows = axis(context, index)?;
    let found = match made(context, values) {
        Some(Made::Array { length, .. }) => length,
        _ => length(vector(context, values, COLUMN_LETTERS)?),
    };
    if found != rows || Places::of(context, places)?.count()? != rows {
        return Err(format!("has {found} values for {rows} rows"));
    }
    if let Some(name) = name {
        check_name(context, name)?;
    }
    if !allows_duplicates {
        check_hashes(context, index)?;
    }
    let arguments = vec![
        PandasArgument::Object(values),
        PandasArgument::Object(index),
        PandasArgument::optional(name),
        PandasArgument::optional(attrs),
        PandasArgument::Bool(allows_duplicates),
    ];
    Ok(call_of("series", arguments, Made::Whole))
}

fn parts(context: &PlanContext<'_, '_>, state: &mut StateDict<'_>, kind: &str) -> Result<FrameParts, Refused> {
    let held = state.take_either("_mgr", "_data").ok_or("has no _mgr in its state")?;
    let manager = manager(context, held)?;
    if state.take("_typ").is_some_and(|typ| text(context, typ).as_deref() != Some(kind)) {
        return Err(unexpected_state());
    }
    // The names of the attributes that the class keeps: of a series, its name.
    if let Some(metadata) = state.take("_metadata") {
        let names = sequence(context, metadata).ok_or_else(unexpected_state)?;
        let is_known = |name: &Ref| text(context, *name).is_some_and(|name| matches!(name.as_str(), "_name" | "name"));
        if !names.iter().all(is_known) {
            return Err("has attributes that pandas does not give it".to_owned());
        }
    }
    let attrs = state.take_either("attrs", "_attrs");
    let attrs = attrs.filter(|attrs| !is_none(context, *attrs));
    if let Some(attrs) = attrs {
        let is_dict = context.is_plain(attrs, NodeKind::Dict);
        is_dict.then_some(()).ok_or_else(unexpected_state)?;
    }
    let allows_duplicates = match state.take("_flags") {
        None => true,
        Some(flags) => {
            let mut flags = StateDict::of(context, Some(flags))?;
            let allows = flags.take("allows_duplicate_labels");
            flags.end()?;
            allows.map_or(Some(true), |allows| bool_of(context, allows)).ok_or_else(unexpected_state)?
        }
    };
    Ok(FrameParts { manager, attrs, allows_duplicates })
}

/// The length of an axis.
fn axis(context: &PlanContext<'_, '_>, reference: Ref) -> Result<u64, Refused> {
    match made(context, reference) {
        Some(Made::Index { length, .. }) => Ok(length),
        _ => Err("has an axis that is not an index".to_owned()),
    }
}

fn manager(context: &PlanContext<'_, '_>, reference: Ref) -> Result<Manager, Refused> {
    let unknown = || "has no BlockManager in its state".to_owned();
    let call = context.call(reference).ok_or_else(unknown)?;
    let modules = ["pandas.core.internals.managers", "pandas.core.internals", "pandas._libs.internals"];
    let is_manager = modules.contains(&&*call.module) && matches!(&*call.name, "BlockManager" | "SingleBlockManager");
    if !is_manager || call.added.is_some() || !call.keywords.is_empty() || call.base.is_some() {
        return Err(unknown());
    }
    let manager = match (call.is_new, call.arguments, call.state) {
        (false, &[blocks, axes], None) => {
            let blocks = sequence(context, blocks).ok_or_else(unexpected_state)?;
            let blocks = blocks.iter().map(|block| unpickled_block(context, *block)).collect::<Result<_, _>>()?;
            Manager { axes: sequence(context, axes).ok_or_else(unexpected_state)?.to_vec(), blocks }
        }
        (true, &[], Some(state)) => of_state(context, state)?,
        _ => return Err("has a BlockManager that pandas does not write".to_owned()),
    };
    context.consume(reference);
    Ok(manager)
}

/// The manager with the state `(axes, values, items, {'0.14.1': {…}})`: pandas reads the last item only.
fn of_state(context: &PlanContext<'_, '_>, state: Ref) -> Result<Manager, Refused> {
    let items = context.items(state, NodeKind::Tuple).filter(|items| items.len() == 4);
    let last = items.and_then(|items| items.last().copied());
    let mut versions = StateDict::of(context, last)?;
    let mut state = StateDict::of(context, versions.take(STATE_KEY))?;
    versions.end()?;
    let axes = sequence(context, state.need("axes")?).ok_or_else(unexpected_state)?.to_vec();
    let blocks = sequence(context, state.need("blocks")?).ok_or_else(unexpected_state)?;
    state.end()?;
    let blocks = blocks.iter().map(|block| {
        let mut block = StateDict::of(context, Some(*block))?;
        let found = (block.need("values")?, block.need("mgr_locs")?);
        block.end()?;
        Ok(found)
    });
    Ok(Manager { axes, blocks: blocks.collect::<Result<_, Refused>>()? })
}

/// The values and the positions of `_unpickle_block(values, places, 2)`.
fn unpickled_block(context: &PlanContext<'_, '_>, reference: Ref) -> Result<(Ref, Ref), Refused> {
    let call = context.call(reference).ok_or("has something else in place of a block")?;
    let is_block = (&*call.module, &*call.name) == ("pandas._libs.internals", "_unpickle_block");
    if !is_block || call.is_new || call.state.is_some() || call.added.is_some() || !call.keywords.is_empty() {
        return Err("has something else in place of a block".to_owned());
    }
    let &[values, places, dimensions] = call.arguments else { return Err(unexpected_arguments()) };
    if context.int(dimensions) != Some(2) {
        return Err("has a block of another number of dimensions".to_owned());
    }
    context.consume(reference);
    Ok((values, places))
}

/// The values of a block and, if they are an array of numpy under a dtype of pandas, that dtype.
fn block_values(
    context: &PlanContext<'_, '_>,
    values: Ref,
    columns: u64,
    rows: u64,
) -> Result<(Ref, Option<Ref>), Refused> {
    let wrong = |found: &[u64]| format!("has a block of shape {found:?} for {columns} columns and {rows} rows");
    if let Some(Made::Array { length, .. }) = made(context, values) {
        return if (columns, length) == (1, rows) { Ok((values, None)) } else { Err(wrong(&[length])) };
    }
    let (values, dtype) = match context.call(values).filter(|_| !is_array(context, values)) {
        Some(call) => {
            // Times and periods with one row for each column, which is no array outside of a frame.
            let array = Backed::of(context, &call)?;
            if !matches!(array.kind, ArrayKind::Datetime | ArrayKind::Timedelta | ArrayKind::Period) {
                return Err("has a block of an array that pandas keeps in one dimension".to_owned());
            }
            array.check_times(context)?;
            context.consume(values);
            (array.values, made(context, array.dtype).is_some().then_some(array.dtype))
        }
        None => (values, None),
    };
    let array = plain_array(context, values)?;
    if !COLUMN_LETTERS.contains(array.dtype.1.letter()) {
        return Err("has a block of another dtype than pandas writes".to_owned());
    }
    if array.shape != [columns, rows] {
        return Err(wrong(&array.shape));
    }
    if dtype.is_some() && columns > MOST_TIME_COLUMNS {
        return Err(format!("has more than {MOST_TIME_COLUMNS} columns of periods or of times with a zone"));
    }
    Ok((values, dtype))
}

impl Places {
    /// `slice(start, stop, step)` or an array.
    fn of(context: &PlanContext<'_, '_>, reference: Ref) -> Result<Self, Refused> {
        if is_array(context, reference) {
            let array = vector(context, reference, "i")?;
            spend(context, array)?;
            let numbers = integers(array).map(Iterator::collect);
            return Ok(Self::Array { reference, numbers, length: length(array) });
        }
        let unknown = || "has a block at places that are neither a slice nor an array".to_owned();
        let call = context.call(reference).ok_or_else(unknown)?;
        if (&*call.module, &*call.name) != ("builtins", "slice") || call.is_new || call.state.is_some() {
            return Err(unknown());
        }
        let &[start, stop, step] = call.arguments else { return Err(unknown()) };
        let number = |value| match context.leaf(value) {
            Some(Leaf::Int(number)) => Ok(Some(number)),
            Some(Leaf::None) => Ok(None),
            _ => Err(unknown()),
        };
        let step = number(step)?.unwrap_or(1);
        // Without a stop, a slice with a negative step ends at the first column.
        let stop = number(stop)?.or_else(|| (step < 0).then_some(-1)).ok_or_else(unknown)?;
        let start = number(start)?.or_else(|| (step > 0).then_some(0)).ok_or_else(unknown)?;
        if step == 0 || start < 0 || stop < -1 || (step > 0 && stop < 0) {
            return Err(unknown());
        }
        context.consume(reference);
        Ok(Self::Range { start, stop, step })
    }

    /// The number of columns.
    fn count(&self) -> Result<u64, Refused> {
        match *self {
            Self::Array { length, .. } => Ok(length),
            Self::Range { start, stop, step } => {
                super::index_recipe::range_length(start, stop, step).ok_or_else(|| "has too many columns".to_owned())
            }
        }
    }

    fn argument<'a>(self) -> PandasArgument<'a> {
        match self {
            Self::Range { start, stop, step } => PandasArgument::Range(start, stop, step),
            Self::Array { reference, .. } => PandasArgument::Object(reference),
        }
    }
}

/// The columns that blocks have taken: each must be taken once.
struct Taken {
    columns: Vec<bool>,
    left: u64,
    /// Whether the positions of a block are outside of the pickle.
    is_unknown: bool,
}

impl Taken {
    fn new(context: &PlanContext<'_, '_>, width: u64, rows: u64) -> Result<Self, Refused> {
        let most = if rows == 0 { MAX_EMPTY_COLUMNS } else { MAX_COLUMNS };
        let count = usize::try_from(width).ok().filter(|_| width <= most);
        let count = count.ok_or_else(|| format!("has more than {most} columns"))?;
        context.spend(count)?;
        Ok(Self { columns: vec![false; count], left: width, is_unknown: false })
    }

    fn take(&mut self, places: &Places) -> Result<(), Refused> {
        let count = places.count()?;
        self.left = self.left.checked_sub(count).ok_or("has more columns in its blocks than names")?;
        match places {
            Places::Array { numbers: None, .. } => self.is_unknown = true,
            Places::Array { numbers: Some(numbers), .. } => {
                numbers.iter().try_for_each(|place| self.take_one(*place))?;
            }
            &Places::Range { start, step, .. } => {
                // No position overflows: there are `count` of them between start and stop.
                let places = (0..i64::try_from(count).unwrap_or(0)).map(|number| start + number * step);
                for place in places {
                    self.take_one(place)?;
                }
            }
        }
        Ok(())
    }

    fn take_one(&mut self, place: i64) -> Result<(), Refused> {
        let column = usize::try_from(place).ok().and_then(|place| self.columns.get_mut(place));
        match column {
            Some(taken) if !*taken => {
                *taken = true;
                Ok(())
            }
            Some(_) => Err(format!("has two columns at place {place}")),
            None => Err(format!("has a column at place {place}, which is beyond its columns")),
        }
    }

    fn end(&self) -> Result<(), Refused> {
        if self.left != 0 || !(self.is_unknown || self.columns.iter().all(|taken| *taken)) {
            return Err("has fewer columns in its blocks than names".to_owned());
        }
        Ok(())
    }
}
