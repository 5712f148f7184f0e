//! The hashes of the objects of recipes, as far as a file can choose them.
//!
//! Two objects with the same hash here need not have the same in Python. But where a file can make many objects with
//! one hash in Python, they have one here, also as parts of tuples. So equal objects must have the same hash, however
//! the pickle writes them: numbers by their value, strings by their contents, paths and dates in one form. Objects
//! that are hashed by their identity have the number of their node.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::key_hashes::{self, of_contents, of_string, of_tuple};
use super::scalar_hashes::{scalar, wide};
use super::{
    ArrayMake, ClockClass, ClockNumbers, Given, HarmlessCall, Make, PandasArgument, PandasMake, PlannedRecipe,
    RecipeTable, ValueMake,
};
use crate::pickle::machine::Machine;
use crate::pickle::machine::value::{Leaf, Ref, Value};

/// The kinds of contents that [`of_contents`] distinguishes.
pub(super) const TEXT: u8 = b's';
/// Python hashes both alike.
pub(super) const BYTES: u8 = TEXT;
const NAME: u8 = b'n';
const PATH: u8 = b'p';
const CLOCK: u8 = b'c';
/// The days before the first of January of the year 1, as [`days`] counts them.
const BEFORE_FIRST: i128 = 306;
const IDENTITY: u8 = b'i';
/// The hash of all objects of a kind that is not examined.
pub(super) const ANY: u64 = 1;
/// The stand-in for the hash of `None`.
pub(super) const NONE: u64 = 0xfca8_6420;
const MICROSECONDS: i128 = 1_000_000;

/// The hash of the object of a recipe.
pub(super) struct RecipeHash<'h, 'a> {
    pub(super) machine: &'h Machine<'a>,
    pub(super) recipes: &'h RecipeTable<'a>,
    pub(super) recipe: &'h PlannedRecipe<'a>,
    /// The index of its node.
    pub(super) node: usize,
    /// The hashes of the objects that it needs.
    pub(super) parts: &'h [u64],
}

impl RecipeHash<'_, '_> {
    /// The hash.
    pub(super) fn get(&self) -> u64 {
        match &*self.recipe.make {
            Make::Value(make) => self.of_value(make),
            Make::Array(ArrayMake::Scalar(dtype, bytes)) => {
                let bytes = bytes.as_deref().or_else(|| self.bytes(1));
                bytes.map_or(ANY, |bytes| scalar(dtype, bytes).unwrap_or_else(|| self.identity()))
            }
            Make::Array(ArrayMake::Random(_)) | Make::Instance(_) => self.identity(),
            Make::Pandas(make) => self.pandas(make),
            Make::Global(module, name) => named(module, name),
            Make::Module(name) => named(name, ""),
            Make::Array(_) | Make::Pickle(_) => ANY,
        }
    }

    fn of_value(&self, make: &ValueMake<'_>) -> u64 {
        match make {
            ValueMake::Call(call) => self.call(call),
            ValueMake::Uuid { .. } | ValueMake::WeakReference => self.part(0),
            ValueMake::Clock(class) => self.clock_bytes().map_or(ANY, |bytes| {
                ClockNumbers::of(*class, &bytes).map_or(ANY, |found| self.clock(*class, found.numbers(), 1))
            }),
            ValueMake::Regex { flags } => of_tuple([self.part(0), key_hashes::of_int(*flags)]),
            ValueMake::Zone { key, .. } => of_contents(NAME, key.bytes()),
            ValueMake::NamedMember(module, name) => named(module, name),
            _ => self.identity(),
        }
    }

    fn call(&self, call: &HarmlessCall<'_>) -> u64 {
        match (&*call.module, &*call.name) {
            ("builtins", "int" | "float" | "bool") => self.parts.first().copied().unwrap_or(0),
            ("builtins", "str") => self.parts.first().copied().unwrap_or_else(|| of_contents(TEXT, [])),
            ("builtins", "bytes") => self.encoded(call),
            ("builtins", "object") => self.identity(),
            ("builtins", "complex") => self.complex(),
            ("builtins", "range") => self.range(call).unwrap_or(ANY),
            ("decimal", "Decimal") => {
                self.text(0).map_or(ANY, |text| key_hashes::of_decimal(&text).unwrap_or_else(|| self.identity()))
            }
            ("fractions", "Fraction") => self.fraction(),
            ("datetime", "timedelta") => of_span(self.span()),
            ("datetime", "timezone") => self.part(0),
            ("datetime", name) => self.date(call, name),
            ("ipaddress", name) => self.address(name),
            ("pathlib", name) => self.path(name),
            (module, name) => {
                let given = call.arguments.iter().chain(call.keywords.iter().map(|(_, given)| given));
                let given = given.map(|given| match given {
                    Given::Int(number) => key_hashes::of_int(*number),
                    Given::Wide(number) => key_hashes::of_signed(**number),
                    Given::Text(text) => of_string(text.as_bytes()),
                    Given::Needed | Given::Encoded => 0,
                });
                of_tuple([named(module, name)].into_iter().chain(given).chain(self.parts.iter().copied()))
            }
        }
    }

    fn part(&self, index: usize) -> u64 {
        self.parts.get(index).copied().unwrap_or(ANY)
    }

    fn identity(&self) -> u64 {
        of_contents(IDENTITY, self.node.to_le_bytes())
    }

    fn leaf(&self, index: usize) -> Option<Leaf<'_>> {
        match self.machine.value(*self.recipe.needs.get(index)?) {
            Value::Leaf(leaf) => Some(leaf),
            Value::Node(_) => None,
        }
    }

    fn text(&self, index: usize) -> Option<String> {
        match self.leaf(index)? {
            Leaf::Str(text) => text.as_str().map(str::to_owned),
            Leaf::OldStr(bytes) => String::from_utf8(bytes.into_owned()).ok(),
            _ => None,
        }
    }

    fn bytes(&self, index: usize) -> Option<&[u8]> {
        match self.leaf(index)? {
            Leaf::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn integer(&self, index: usize) -> Option<i128> {
        let need = *self.recipe.needs.get(index)?;
        match self.leaf(index)? {
            Leaf::Int(number) => Some(number.into()),
            Leaf::Bool(value) => Some(value.into()),
            Leaf::LargeInt => match self.machine.opcode_bytes(need) {
                // LONG1: a length and little-endian two's complement.
                [0x8a, _, digits @ ..] => wide(digits),
                [_, line @ ..] => {
                    let line = line.trim_ascii();
                    std::str::from_utf8(line.strip_suffix(b"L").unwrap_or(line)).ok()?.parse().ok()
                }
                [] => None,
            },
            _ => None,
        }
    }

    /// The bytes of a date or a time.
    fn clock_bytes(&self) -> Option<Cow<'_, [u8]>> {
        if let Some(bytes) = self.bytes(0) {
            return Some(Cow::Borrowed(bytes));
        }
        // As protocols 0 to 2 write them.
        let encode = self.recipes.get(self.machine.resolve(*self.recipe.needs.first()?).node_index()?)?;
        let text = Self { recipe: encode, parts: &[], ..*self }.text(0)?;
        let bytes = text.chars().map(|character| u8::try_from(u32::from(character)).ok());
        Some(Cow::Owned(bytes.collect::<Option<_>>()?))
    }

    /// Bytes that are a string in Latin-1, as protocols 0 to 2 write them.
    fn encoded(&self, call: &HarmlessCall<'_>) -> u64 {
        match call.arguments.first() {
            None => of_contents(BYTES, []),
            Some(Given::Encoded) => self.text(0).map_or(ANY, |text| {
                of_contents(BYTES, text.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(0)))
            }),
            _ => self.part(0),
        }
    }

    fn complex(&self) -> u64 {
        let float = |index| match self.leaf(index) {
            Some(Leaf::Int(number)) => key_hashes::of_float(number as f64),
            Some(Leaf::Float(number)) => key_hashes::of_float(number),
            _ => Some(0),
        };
        let hash = float(0).zip(float(1)).map(|(real, imaginary)| key_hashes::of_complex(real, imaginary));
        hash.unwrap_or_else(|| self.identity())
    }

    /// A range is hashed as the tuple of its length, its start and its step, if these matter.
    fn range(&self, call: &HarmlessCall<'_>) -> Option<u64> {
        let mut needed = 0..;
        let numbers = call.arguments.iter().map(|given| match given {
            Given::Needed => self.integer(needed.next()?),
            Given::Int(number) => Some((*number).into()),
            Given::Wide(number) => Some(**number),
            Given::Encoded | Given::Text(_) => None,
        });
        let numbers: Vec<i128> = numbers.collect::<Option<_>>()?;
        let (start, stop, step) = match numbers[..] {
            [stop] => (0, stop, 1),
            [start, stop] => (start, stop, 1),
            [start, stop, step] => (start, stop, step),
            _ => return None,
        };
        let distance = if step > 0 { stop.checked_sub(start)? } else { start.checked_sub(stop)? };
        let length = match distance {
            ..=0 => 0,
            _ => (distance - 1).unsigned_abs() / step.unsigned_abs() + 1,
        };
        let start = if length == 0 { NONE } else { key_hashes::of_signed(start) };
        let step = if length < 2 { NONE } else { key_hashes::of_signed(step) };
        Some(of_tuple([key_hashes::of_wide(length), start, step]))
    }

    fn fraction(&self) -> u64 {
        match self.text(0) {
            Some(text) => {
                let (above, below) = text.split_once('/').unwrap_or((&text, "1"));
                key_hashes::of_fraction(key_hashes::of_digits(above), key_hashes::of_digits(below))
            }
            None => key_hashes::of_fraction(self.part(0), self.parts.get(1).copied().unwrap_or(1)),
        }
    }

    /// A date or a time whose numbers the recipe has.
    fn date(&self, call: &HarmlessCall<'_>, name: &str) -> u64 {
        let numbers: Vec<i64> = call
            .arguments
            .iter()
            .filter_map(|given| match given {
                Given::Int(number) => Some(*number),
                _ => None,
            })
            .collect();
        let class = match name {
            "date" => ClockClass::Date,
            "datetime" => ClockClass::DateTime,
            "time" => ClockClass::Time,
            _ => return ANY,
        };
        self.clock(class, &numbers, 0)
    }

    /// A date or a time. `zone` is the position of its time zone among the needs of the recipe, if it has one.
    fn clock(&self, class: ClockClass, numbers: &[i64], zone: usize) -> u64 {
        let (date, time) = numbers.split_at_checked(3).filter(|_| class != ClockClass::Time).unwrap_or((&[], numbers));
        let Some(zone) = self.recipe.needs.get(zone) else { return state(class, date, time) };
        let days = if let &[year, month, day] = date { days(year, month, day) - BEFORE_FIRST } else { 0 };
        let units = [3_600 * MICROSECONDS, 60 * MICROSECONDS, MICROSECONDS, 1];
        let of_day: i128 = time.iter().zip(units).map(|(number, unit)| i128::from(*number) * unit).sum();
        let local = days * 86_400 * MICROSECONDS + of_day;
        of_span(local.saturating_sub(self.offset(*zone)))
    }

    /// The offset of a `timezone` in microseconds; 0 for other time zones.
    fn offset(&self, zone: Ref) -> i128 {
        let call_of = |reference: Ref, name: &str| {
            let index = self.machine.resolve(reference).node_index()?;
            let recipe = self.recipes.get(index)?;
            let is_call = matches!(&*recipe.make, Make::Value(ValueMake::Call(call)) if call.name == name);
            is_call.then_some((index, recipe))
        };
        let delta = call_of(zone, "timezone").and_then(|(_, zone)| call_of(*zone.needs.first()?, "timedelta"));
        let Some((node, recipe)) = delta else { return 0 };
        Self { recipe, node, parts: &[], ..*self }.span()
    }

    /// The microseconds of a `timedelta`.
    fn span(&self) -> i128 {
        let units = [86_400 * MICROSECONDS, MICROSECONDS, 1];
        let numbers = (0..3).zip(units).map(|(index, unit)| self.integer(index).unwrap_or(0).saturating_mul(unit));
        numbers.fold(0, i128::saturating_add)
    }

    /// As `ipaddress` does: IPv4 addresses by their text, networks by their bits outside of the mask, and all others by
    /// a tuple.
    fn address(&self, name: &str) -> u64 {
        let text = self.text(0);
        let text = match &text {
            Some(text) => text.as_str(),
            // Only addresses are pickled as numbers.
            None if name == "IPv6Address" => return of_tuple([self.part(0), NONE]),
            None => return self.integer(0).map_or(ANY, hexadecimal),
        };
        let bits: u32 = if name.starts_with("IPv4") { 32 } else { 128 };
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let prefix = prefix.map_or(bits, |prefix| prefix.parse().unwrap_or(0).min(bits));
        let (address, scope) =
            address.split_once('%').map_or((address, None), |(address, scope)| (address, Some(scope)));
        let (number, all) = match bits {
            32 => (address.parse::<Ipv4Addr>().map_or(0, |address| u32::from(address).into()), u128::from(u32::MAX)),
            _ => (address.parse::<Ipv6Addr>().map_or(0, u128::from), u128::MAX),
        };
        let mask = all & all.checked_shl(bits - prefix).unwrap_or(0);
        match name {
            "IPv4Address" => hexadecimal(number as i128),
            "IPv6Address" => {
                let scope = scope.map_or(NONE, |scope| of_string(scope.as_bytes()));
                of_tuple([key_hashes::of_wide(number), scope])
            }
            "IPv4Network" | "IPv6Network" => key_hashes::of_wide(number & mask ^ mask),
            _ => of_tuple([key_hashes::of_wide(number), prefix.into(), key_hashes::of_wide(number & mask)]),
        }
    }

    /// A path, in the form in which `pathlib` compares it.
    fn path(&self, name: &str) -> u64 {
        let is_windows = name.contains("Windows");
        let parts = (0..self.recipe.needs.len()).filter_map(|part| self.text(part));
        let joined = parts.fold(String::new(), |path, part| {
            if part.starts_with('/') && !is_windows || path.is_empty() { part } else { format!("{path}/{part}") }
        });
        let joined = if is_windows { joined.replace('\\', "/").to_lowercase() } else { joined };
        let parts = joined.split('/').filter(|part| !matches!(*part, "" | "."));
        let root = joined.starts_with('/').then_some(b'/');
        of_contents(PATH, root.into_iter().chain(parts.flat_map(|part| part.bytes().chain([0]))))
    }

    fn pandas(&self, make: &PandasMake<'_>) -> u64 {
        let mut parts = self.parts.iter().copied();
        let count = |argument: Option<&PandasArgument<'_>>| match argument {
            Some(PandasArgument::Object(_)) => self.integer(0),
            Some(PandasArgument::Int(number)) => Some((*number).into()),
            _ => None,
        };
        let unit = |argument: Option<&PandasArgument<'_>>| match argument {
            Some(PandasArgument::Text(unit)) => ["ns", "us", "ms", "s"].iter().position(|name| name == unit),
            _ => None,
        };
        match (make.function, &make.arguments[..]) {
            ("timestamp" | "timedelta", [number, rest @ ..]) => {
                let power = unit(rest.first()).and_then(|power| u32::try_from(power).ok()).unwrap_or(0);
                let moment = count(Some(number)).unwrap_or(0) * 1_000_i128.pow(power);
                of_contents(CLOCK, moment.to_le_bytes())
            }
            ("period", [number, _freq]) => of_tuple([count(Some(number)).map_or(ANY, key_hashes::of_signed), ANY]),
            // pandas hashes a tuple of the name and the numbers.
            ("offset" | "date_offset", arguments) => of_tuple(arguments.iter().map(argument)),
            ("interval", _) => of_tuple([parts.next().unwrap_or(ANY), parts.next().unwrap_or(ANY)]),
            _ => ANY,
        }
    }
}

/// An argument of an offset. Other objects are not examined.
fn argument(argument: &PandasArgument<'_>) -> u64 {
    match argument {
        PandasArgument::None => NONE,
        PandasArgument::Bool(value) => (*value).into(),
        PandasArgument::Int(number) => key_hashes::of_int(*number),
        PandasArgument::Text(text) => of_string(text.as_bytes()),
        PandasArgument::Tuple(items) => of_tuple(items.iter().map(self::argument)),
        _ => ANY,
    }
}

/// An IPv4 address: `hash(hex(number))`.
fn hexadecimal(number: i128) -> u64 {
    of_string(format!("{number:#x}").as_bytes())
}

/// A global by its name.
fn named(module: &str, name: &str) -> u64 {
    of_contents(NAME, module.bytes().chain([b'.']).chain(name.bytes()))
}

/// A `timedelta`: the tuple of its days, seconds and microseconds.
fn of_span(microseconds: i128) -> u64 {
    let (seconds, rest) = (microseconds.div_euclid(MICROSECONDS), microseconds.rem_euclid(MICROSECONDS));
    of_tuple([seconds.div_euclid(86_400), seconds.rem_euclid(86_400), rest].map(key_hashes::of_signed))
}

/// A date or a time without a time zone: its bytes, as it is pickled.
fn state(class: ClockClass, date: &[i64], time: &[i64]) -> u64 {
    let bytes = |number: i64, count: usize| number.to_be_bytes().into_iter().skip(8 - count);
    let date = date.iter().zip([2, 1, 1]).flat_map(|(number, count)| bytes(*number, count));
    let widths = if class == ClockClass::Date { &[][..] } else { &[1, 1, 1, 3] };
    let time = time.iter().copied().chain(std::iter::repeat(0)).zip(widths);
    of_contents(BYTES, date.chain(time.flat_map(|(number, count)| bytes(number, *count))))
}

/// The days from 0000-03-01 to a date that exists.
fn days(year: i64, month: i64, day: i64) -> i128 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    i128::from(
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (month * 153 + 2) / 5 + day,
    )
}
