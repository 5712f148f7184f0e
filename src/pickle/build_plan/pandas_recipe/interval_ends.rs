//! The ends of intervals. pandas' constructors refuse intervals that end before they begin, so the plan does, too, as
//! far as the numbers are in the pickle.

use super::super::array_recipe::ArrayDescription;
use super::extension_recipe::UNITS;
use super::pandas_parts::{length, plain_array, spend};
use super::{ArrayKind, Made, PandasArgument, PandasMake, PlanContext, Refused, made};
use crate::pickle::build_plan::Make;
use crate::pickle::machine::value::Ref;

/// How deep an index wraps an array, and that another one.
const MAX_DEPTH: usize = 4;
const MIXED: &str = "has ends that are neither numbers nor times, or of different kinds";

/// One end of all intervals.
struct Ends<'m, 'a> {
    kind: NumberKind,
    length: u64,
    numbers: Numbers<'m, 'a>,
}

/// The ends whose kinds are equal can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberKind {
    Number,
    /// The letter of numpy, the unit of pandas, and whether there is a zone.
    Time(char, usize, bool),
}

enum Numbers<'m, 'a> {
    Range { start: i64, step: i64 },
    Array(&'m ArrayDescription<'a>),
}

/// A number at the end of an interval.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Missing,
    Integer(i128),
    Float(f64),
}

/// The number of intervals with these ends.
///
/// # Errors
/// If an interval ends before it begins, or only one of its ends is missing.
pub(super) fn check_ends(context: &PlanContext<'_, '_>, left: Ref, right: Ref) -> Result<u64, Refused> {
    let (left, right) = (ends(context, left)?, ends(context, right)?);
    if left.kind != right.kind {
        return Err(MIXED.to_owned());
    }
    if left.length != right.length {
        return Err(format!("has {} left ends and {} right ends", left.length, right.length));
    }
    let (Some(starts), Some(stops)) = (left.values(), right.values()) else { return Ok(left.length) };
    let is_missing = |start: End, stop: End| matches!((start, stop), (End::Missing, End::Missing));
    if starts.zip(stops).all(|(start, stop)| is_missing(start, stop) || start.is_before(stop)) {
        Ok(left.length)
    } else {
        Err("has an interval that ends before it begins".to_owned())
    }
}

impl End {
    /// Whether an interval from here to there may exist: both ends may be equal, and none may be missing.
    pub(super) fn is_before(self, stop: Self) -> bool {
        match (self, stop) {
            (Self::Integer(start), Self::Integer(stop)) => start <= stop,
            // As numpy compares them.
            (start, stop) => start.float() <= stop.float(),
        }
    }

    fn float(self) -> f64 {
        match self {
            Self::Missing => f64::NAN,
            Self::Integer(number) => number as f64,
            Self::Float(number) => number,
        }
    }

    /// An item of an array, whose dtype has this letter of numpy.
    pub(super) fn of_item(letter: char, item: &[u8]) -> Self {
        let float = |number: f64| if number.is_nan() { Self::Missing } else { Self::Float(number) };
        match (letter, item) {
            ('f', &[a, b, c, d]) => float(f32::from_ne_bytes([a, b, c, d]).into()),
            ('f', &[a, b, c, d, e, f, g, h]) => float(f64::from_ne_bytes([a, b, c, d, e, f, g, h])),
            ('i', &[a]) => Self::Integer(i8::from_ne_bytes([a]).into()),
            ('i', &[a, b]) => Self::Integer(i16::from_ne_bytes([a, b]).into()),
            ('i', &[a, b, c, d]) => Self::Integer(i32::from_ne_bytes([a, b, c, d]).into()),
            ('u', &[a]) => Self::Integer(a.into()),
            ('u', &[a, b]) => Self::Integer(u16::from_ne_bytes([a, b]).into()),
            ('u', &[a, b, c, d]) => Self::Integer(u32::from_ne_bytes([a, b, c, d]).into()),
            ('u', &[a, b, c, d, e, f, g, h]) => Self::Integer(u64::from_ne_bytes([a, b, c, d, e, f, g, h]).into()),
            (_, &[a, b, c, d, e, f, g, h]) => match i64::from_ne_bytes([a, b, c, d, e, f, g, h]) {
                // The missing time.
                i64::MIN if letter != 'i' => Self::Missing,
                number => Self::Integer(number.into()),
            },
            _ => Self::Missing,
        }
    }
}

fn ends<'m, 'a>(context: &PlanContext<'m, 'a>, bound: Ref) -> Result<Ends<'m, 'a>, Refused> {
    let is_known = match made(context, bound) {
        None | Some(Made::Index { has_levels: false, .. }) => true,
        Some(Made::Array { class, .. }) => matches!(class, ArrayKind::Datetime | ArrayKind::Timedelta),
        _ => false,
    };
    let (mut data, mut is_zoned) = (bound, false);
    for _ in 0..MAX_DEPTH {
        let Some(Make::Pandas(make)) = context.recipe(data).map(|recipe| &*recipe.make).filter(|_| is_known) else {
            break;
        };
        if let Some(range) = of_range(make) {
            return Ok(range);
        }
        is_zoned |=
            make.function == "datetime_array" && matches!(make.arguments.get(1), Some(PandasArgument::Object(_)));
        let wraps = matches!(
            make.function,
            "index" | "datetime_index" | "timedelta_index" | "datetime_array" | "timedelta_array" | "numpy_array"
        );
        let Some(PandasArgument::Object(inner)) = make.arguments.first().filter(|_| wraps) else {
            return Err(MIXED.to_owned());
        };
        data = *inner;
    }
    let array = plain_array(context, data).ok().filter(|array| is_known && array.shape.len() == 1).ok_or(MIXED)?;
    spend(context, array)?;
    let kind = kind_of(array, is_zoned).ok_or(MIXED)?;
    Ok(Ends { kind, length: length(array), numbers: Numbers::Array(array) })
}

fn of_range<'m, 'a>(make: &PandasMake<'_>) -> Option<Ends<'m, 'a>> {
    let ("range_index", [PandasArgument::Int(start), _, PandasArgument::Int(step), ..]) =
        (make.function, &make.arguments[..])
    else {
        return None;
    };
    let Made::Index { length, .. } = make.made else { return None };
    Some(Ends { kind: NumberKind::Number, length, numbers: Numbers::Range { start: *start, step: *step } })
}

fn kind_of(array: &ArrayDescription<'_>, is_zoned: bool) -> Option<NumberKind> {
    let dtype = &array.dtype.1;
    match (dtype.letter(), dtype.size) {
        _ if dtype.is_swapped() => None,
        ('i' | 'u', 1 | 2 | 4 | 8) | ('f', 4 | 8) => Some(NumberKind::Number),
        (letter @ ('m' | 'M'), 8) => {
            let code = dtype.code()?;
            let unit = code.get(3..code.len().checked_sub(1)?)?;
            UNITS.iter().position(|known| *known == unit).map(|unit| NumberKind::Time(letter, unit, is_zoned))
        }
        _ => None,
    }
}

impl Ends<'_, '_> {
    /// The numbers; `None` if they are not in the pickle in one piece.
    fn values(&self) -> Option<Box<dyn Iterator<Item = End> + '_>> {
        match self.numbers {
            Numbers::Range { start, step } => {
                let numbers = (0_i128..).map(move |place| End::Integer(i128::from(start) + place * i128::from(step)));
                Some(Box::new(numbers))
            }
            Numbers::Array(array) => {
                let size = usize::try_from(array.dtype.1.size).ok().filter(|size| *size > 0)?;
                let (letter, bytes) = (array.dtype.1.letter(), array.bytes()?);
                Some(Box::new(bytes.chunks_exact(size).map(move |item| End::of_item(letter, item))))
            }
        }
    }
}
