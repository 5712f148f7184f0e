//! Recipes for numpy's random generators: a new one, which then gets a checked state.
//!
//! The compiled code of the generators trusts the positions in their state, so each number has a range. numpy 1 writes
//! the name of a bit generator and the state of the bit generator; numpy 2 its class, and its seed as well.

use super::array_description::{ArrayDescription, ArrayMake};
use super::array_recipe::simple;
use super::value_recipe::wide_int;
use super::{PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::format::lines::TextInteger;
use crate::pickle::format::opcode::Opcode;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The longest opcode of an integer in a seed, in bytes, and the most integers of a seed.
const MAX_SEED_BYTES: usize = 1024;
const MAX_SEEDS: usize = 1024;
/// The least integers in the pool of a seed that numpy accepts, and the most.
const MIN_POOL: i64 = 4;
const MAX_POOL: i64 = 256;
const UNUSUAL: &str = "has arguments or a state that numpy does not write";

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pickle) enum RandomBuilder {
    /// `__bit_generator_ctor(class)`.
    BitGenerator,
    /// `__generator_ctor(bit generator)`.
    Generator,
    /// `__randomstate_ctor(bit generator)`.
    RandomState,
    /// `__pyx_unpickle_SeedSequence(class, checksum, None)`.
    SeedSequence,
}

/// A random generator or a part of one, with checked parts.
#[derive(Debug)]
pub(crate) enum RandomMake {
    /// A bit generator.
    BitGenerator(BitGeneratorMake),
    /// A `Generator` of a bit generator, which it needs.
    Generator,
    /// A `Generator` with the bit generator that numpy 1 writes as a part of it.
    WholeGenerator(BitGeneratorMake),
    /// A `RandomState`.
    RandomState {
        /// The state of its bit generator, which it needs unless `is_whole`.
        state: BitGeneratorMake,
        /// Whether it has a new bit generator.
        is_whole: bool,
        /// Whether a number of a normal distribution is waiting.
        has_gauss: bool,
        /// That number.
        gauss: f64,
    },
    /// A `SeedSequence`. It needs its entropy.
    SeedSequence {
        /// Which child of its parent it is.
        spawn_key: Vec<i64>,
        /// The integers in its pool.
        pool_size: i64,
        /// How many children it has.
        children: i64,
        /// The bytes of its pool. numpy makes them of the rest, but no unpickler checks that.
        pool: Vec<u8>,
    },
}

/// A bit generator and its state.
#[derive(Debug)]
pub(crate) struct BitGeneratorMake {
    /// The class in `numpy.random`.
    pub(crate) name: &'static str,
    /// The entries of its state.
    pub(crate) entries: Vec<StateEntry>,
    /// Where its seed is in the needs.
    pub(crate) seed: BitGeneratorSeed,
}

/// The seed of a bit generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BitGeneratorSeed {
    /// A `SeedSequence`, which is the last of the needs.
    Sequence,
    /// `None`: the generator was seeded as in numpy 1.16, or got a key instead of a seed.
    Missing,
    /// Not in the file.
    Unknown,
}

/// An entry of the state of a bit generator.
#[derive(Debug)]
pub(crate) struct StateEntry {
    /// The key.
    pub(crate) key: &'static str,
    /// Whether it is in the dict under `state`.
    pub(crate) is_inner: bool,
    /// The value.
    pub(crate) value: StateValue,
}

/// A value in the state of a bit generator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum StateValue {
    /// A small integer.
    Number(i64),
    /// An integer of up to 128 bits, by its index in the needs.
    Large(usize),
    /// An array of integers, by its index in the needs.
    Array(usize),
}

/// The expected kind of a value.
#[derive(Clone, Copy)]
enum Expected {
    /// An integer from 0 to this one.
    UpTo(i64),
    /// An integer of up to 128 bits.
    Large,
    /// An array of unsigned integers: the code of its dtype, and its length.
    Array(&'static str, u64),
}

type Entries = &'static [(bool, &'static str, Expected)];

const UINT32: [(bool, &str, Expected); 2] =
    [(false, "has_uint32", Expected::UpTo(1)), (false, "uinteger", Expected::UpTo(u32::MAX as i64))];
const PCG: Entries = &[(true, "state", Expected::Large), (true, "inc", Expected::Large), UINT32[0], UINT32[1]];

/// Each bit generator: its class, its module, and its state.
const BIT_GENERATORS: &[(&str, &str, Entries)] = &[
    ("PCG64", "numpy.random._pcg64", PCG),
    ("PCG64DXSM", "numpy.random._pcg64", PCG),
    (
        "MT19937",
        "numpy.random._mt19937",
        &[(true, "key", Expected::Array("u4", 624)), (true, "pos", Expected::UpTo(624))],
    ),
    (
        "Philox",
        "numpy.random._philox",
        &[
            (true, "counter", Expected::Array("u8", 4)),
            (true, "key", Expected::Array("u8", 2)),
            (false, "buffer", Expected::Array("u8", 4)),
            (false, "buffer_pos", Expected::UpTo(4)),
            UINT32[0],
            UINT32[1],
        ],
    ),
    ("SFC64", "numpy.random._sfc64", &[(true, "state", Expected::Array("u8", 4)), UINT32[0], UINT32[1]]),
];

/// The recipe for a call.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: RandomBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let (make, needs) = match builder {
        RandomBuilder::BitGenerator => bit_generator(context, call)?,
        RandomBuilder::Generator => generator(context, call)?,
        RandomBuilder::RandomState => random_state(context, call)?,
        RandomBuilder::SeedSequence => seed_sequence(context, call)?,
    };
    let recipe = simple(ArrayMake::Random(Box::new(make)), needs);
    // The arrays and the seed are read.
    Ok(Recipe { reads: true, ..recipe })
}

/// `__bit_generator_ctor(class)` with the state (dict, seed), or the dict alone.
fn bit_generator(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<(RandomMake, Vec<Ref>), Refused> {
    let (&[class], Some(state)) = (call.arguments, call.state) else { return Err(UNUSUAL.to_owned()) };
    let (state, seed) = match context.items(state, NodeKind::Tuple) {
        Some(&[state, seed]) => (state, Some(seed)),
        Some(_) => return Err(UNUSUAL.to_owned()),
        None => (state, None),
    };
    let (mut make, mut needs) = bit_generator_state(context, class, state, 0)?;
    if let Some(seed) = seed {
        make.seed = if matches!(context.leaf(seed), Some(Leaf::None)) {
            BitGeneratorSeed::Missing
        } else if is_seed_sequence(context, seed) {
            needs.push(seed);
            BitGeneratorSeed::Sequence
        } else {
            return Err("has a seed that numpy does not write".to_owned());
        };
    }
    Ok((RandomMake::BitGenerator(make), needs))
}

/// `__generator_ctor(bit generator)`, or `__generator_ctor('PCG64')` with the state of that.
fn generator(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<(RandomMake, Vec<Ref>), Refused> {
    let made_of = parts(context, call)?;
    match call.state.filter(|state| !matches!(context.leaf(*state), Some(Leaf::None))) {
        None if is_bit_generator(context, made_of) => Ok((RandomMake::Generator, vec![made_of])),
        Some(state) if !is_bit_generator(context, made_of) => {
            let (make, needs) = bit_generator_state(context, made_of, state, 0)?;
            Ok((RandomMake::WholeGenerator(make), needs))
        }
        _ => Err(UNUSUAL.to_owned()),
    }
}

/// `__randomstate_ctor(bit generator)` or `__randomstate_ctor('MT19937')`, with a state.
fn random_state(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<(RandomMake, Vec<Ref>), Refused> {
    let (made_of, state) = (parts(context, call)?, call.state.ok_or(UNUSUAL)?);
    let is_whole = !is_bit_generator(context, made_of);
    // Its bit generator comes first.
    let class = if is_whole {
        made_of
    } else {
        let bit_generator = context.call(made_of).ok_or(UNUSUAL)?;
        *bit_generator.arguments.first().ok_or(UNUSUAL)?
    };
    let (make, mut needs) = bit_generator_state(context, class, state, usize::from(!is_whole))?;
    if !is_whole {
        needs.insert(0, made_of);
    }
    let state = context.state_dict(state)?;
    let part = |key| state.get(key).ok_or(UNUSUAL);
    let has_gauss = context.flag(part("has_gauss")?).ok_or(UNUSUAL)?;
    let gauss = match context.leaf(part("gauss")?) {
        Some(Leaf::Float(gauss)) => gauss,
        Some(Leaf::Int(0)) => 0.0,
        _ => return Err(UNUSUAL.to_owned()),
    };
    Ok((RandomMake::RandomState { state: make, is_whole, has_gauss, gauss }, needs))
}

/// The bit generator that a generator is made of: the only argument, or the first one before `__bit_generator_ctor`.
fn parts(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<Ref, Refused> {
    match *call.arguments {
        [made_of] => Ok(made_of),
        [made_of, maker] => {
            let maker = context.global(maker).filter(|(module, _)| &**module == "numpy.random._pickle");
            maker.filter(|(_, name)| &**name == "__bit_generator_ctor").map(|_| made_of).ok_or_else(|| UNUSUAL.into())
        }
        _ => Err(UNUSUAL.to_owned()),
    }
}

/// The state of a bit generator of a class, or of the class of this name. As many other needs come `before` its own.
fn bit_generator_state(
    context: &PlanContext<'_, '_>,
    class: Ref,
    state: Ref,
    before: usize,
) -> Result<(BitGeneratorMake, Vec<Ref>), Refused> {
    let (module, name) = match context.global(class) {
        Some((module, name)) => (Some(module), name.to_string()),
        None => (None, context.short_text(class, 64).ok_or(UNUSUAL)?),
    };
    let known = BIT_GENERATORS
        .iter()
        .find(|(known, of, _)| *known == name && module.as_deref().is_none_or(|module| module == *of));
    let (name, _, entries) = known.ok_or("makes a bit generator that is not known")?;
    let state = context.state_dict(state)?;
    let named = state.get("bit_generator").and_then(|named| context.short_text(named, 64));
    let inner = state.get("state").filter(|_| named.as_deref() == Some(*name)).ok_or(UNUSUAL)?;
    let inner = context.state_dict(inner)?;
    let mut needs = Vec::new();
    let mut checked = Vec::new();
    for (is_inner, key, expected) in entries.iter().copied() {
        let value = (if is_inner { &inner } else { &state }).get(key).ok_or(UNUSUAL)?;
        let value = match expected {
            Expected::UpTo(most) => {
                let number = context.int(value).filter(|number| (0..=most).contains(number));
                StateValue::Number(number.ok_or_else(|| format!("has a {key} that is not from 0 to {most}"))?)
            }
            Expected::Large => {
                is_large(context, value).then_some(()).ok_or_else(|| format!("has no integer for {key}"))?;
                needs.push(value);
                StateValue::Large(before + needs.len() - 1)
            }
            Expected::Array(code, length) => {
                let array = context.array_of(value);
                let fits = array.is_some_and(|array| array.dtype.1.code() == Some(code) && array.shape == [length]);
                fits.then_some(()).ok_or_else(|| format!("has no {length} integers for {key}"))?;
                needs.push(value);
                StateValue::Array(before + needs.len() - 1)
            }
        };
        checked.push(StateEntry { key, is_inner, value });
    }
    Ok((BitGeneratorMake { name, entries: checked, seed: BitGeneratorSeed::Unknown }, needs))
}

/// `__pyx_unpickle_SeedSequence(SeedSequence, checksum, None)` with the state (entropy, children, pool, size of the
/// pool, spawn key).
fn seed_sequence(context: &PlanContext<'_, '_>, call: &PlannedCall<'_>) -> Result<(RandomMake, Vec<Ref>), Refused> {
    let (&[class, checksum, first], Some(state)) = (call.arguments, call.state) else {
        return Err(UNUSUAL.to_owned());
    };
    let class = context
        .global(class)
        .filter(|(module, _)| matches!(&**module, "numpy.random.bit_generator" | "numpy.random._bit_generator"));
    let is_written = class.is_some_and(|(_, name)| &*name == "SeedSequence")
        && context.int(checksum).is_some()
        && matches!(context.leaf(first), Some(Leaf::None));
    let state = context.items(state, NodeKind::Tuple).filter(|_| is_written);
    let Some(&[entropy, children, pool, pool_size, spawn_key]) = state else { return Err(UNUSUAL.to_owned()) };
    let within = |value, most| context.int(value).filter(|number| (0..=most).contains(number)).ok_or(UNUSUAL);
    let (children, pool_size) = (within(children, i64::from(u32::MAX))?, within(pool_size, MAX_POOL)?);
    if pool_size < MIN_POOL {
        return Err(UNUSUAL.to_owned());
    }
    let spawn_key = context.items(spawn_key, NodeKind::Tuple).filter(|key| key.len() <= MAX_SEEDS).ok_or(UNUSUAL)?;
    let spawn_key = spawn_key.iter().map(|key| within(*key, i64::MAX)).collect::<Result<_, _>>()?;
    let pool = context.array_of(pool).filter(|pool| pool.dtype.1.code() == Some("u4") && !pool.dtype.1.is_swapped());
    let pool = pool.filter(|pool| u64::try_from(pool_size).is_ok_and(|size| pool.shape == [size]));
    let pool = pool.and_then(|pool| pool.bytes()).ok_or(UNUSUAL)?.to_vec();
    if !is_entropy(context, entropy) {
        return Err("has an entropy that numpy does not write".to_owned());
    }
    Ok((RandomMake::SeedSequence { spawn_key, pool_size, children, pool }, vec![entropy]))
}

/// An integer that is not negative, or some of them.
fn is_entropy(context: &PlanContext<'_, '_>, entropy: Ref) -> bool {
    let is_seed = |seed: Ref| match context.leaf(seed) {
        Some(Leaf::Int(number)) => number >= 0,
        Some(Leaf::LargeInt) => {
            let opcode = context.opcode_bytes(seed);
            opcode.len() <= MAX_SEED_BYTES && !is_negative(opcode)
        }
        _ => false,
    };
    let items = context.items(entropy, NodeKind::List).or_else(|| context.items(entropy, NodeKind::Tuple));
    match items {
        Some(items) => items.len() <= MAX_SEEDS && items.iter().all(|seed| is_seed(*seed)),
        None => {
            is_seed(entropy)
                || context.array_of(entropy).is_some_and(|seeds| {
                    seeds.dtype.1.letter() == 'u' && !seeds.shape.is_empty() && seeds.count() <= MAX_SEEDS as u64
                        || has_no_negative(seeds)
                })
        }
    }
}

/// Whether the opcode of a large integer makes a negative one.
fn is_negative(opcode: &[u8]) -> bool {
    match opcode.first().copied().and_then(Opcode::from_byte) {
        Some(Opcode::Int | Opcode::Long) => TextInteger::of_opcode(opcode).is_none_or(|integer| integer.negative),
        _ => opcode.last().is_some_and(|last| last & 0x80 != 0),
    }
}

/// Whether this is an array of signed integers that can be a seed: none of them is negative.
fn has_no_negative(seeds: &ArrayDescription<'_>) -> bool {
    let dtype = &seeds.dtype.1;
    let Ok(size) = usize::try_from(dtype.size) else { return false };
    let sign = if dtype.is_swapped() { 0 } else { size.saturating_sub(1) };
    let is_small = dtype.letter() == 'i' && !seeds.shape.is_empty() && seeds.count() <= MAX_SEEDS as u64;
    let has_none =
        |bytes: &[u8]| bytes.chunks(size.max(1)).all(|number| number.get(sign).is_some_and(|byte| byte & 0x80 == 0));
    is_small && seeds.bytes().is_some_and(has_none)
}

/// Whether this is an integer of up to 128 bits without a sign.
fn is_large(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    wide_int(context, value).is_some()
}

/// Whether a value is a `SeedSequence`.
fn is_seed_sequence(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    let made = context.array_make(value);
    matches!(made, Some(ArrayMake::Random(made)) if matches!(**made, RandomMake::SeedSequence { .. }))
}

/// Whether this value is a bit generator that has a recipe.
fn is_bit_generator(context: &PlanContext<'_, '_>, value: Ref) -> bool {
    matches!(context.array_make(value), Some(ArrayMake::Random(made)) if matches!(**made, RandomMake::BitGenerator(_)))
}
