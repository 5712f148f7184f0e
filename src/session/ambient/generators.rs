//! The states of random generators: `random`, numpy's global one, torch's.
//!
//! A generator that was neither seeded nor used is left out: its state is the system's, and two restores
//! should not share it.

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyTuple};
use serde_json::{Value, json};

use super::twister::{KnownStates, TwisterState, WORDS};
use super::{Found, integer, seen_random, string, unexpected};
use crate::python::deferred_signals::Tolerated as _;

/// The states of `random` and of numpy's generator.
static OF_RANDOM: KnownStates = KnownStates::new();
static OF_NUMPY: KnownStates = KnownStates::new();
/// Where a value has the steps that lead from the words in the file to those of the generator.
const STEPS: &str = "twists";
/// The first word after seeding by an array, and so by the operating system.
const FIRST_WORD: u32 = 0x8000_0000;
/// The longest seed of `random` that shows in its state, in words: eleven words are repeated.
const LONGEST_SEED: usize = 610;
/// torch takes its first seed from the operating system, with 53 bits. Seeds of users are shorter.
const MAX_SEED: u64 = u32::MAX as u64;
/// How many bytes of torch's state come before `left` and `next`: the seed.
const TORCH_LEFT: usize = 8;
const TORCH_NEXT: usize = 16;

pub(super) fn find_random(random: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let py = random.py();
    let memory = seen_random::memory_of(random).tolerated().flatten();
    if let Some(known) = memory.as_deref().and_then(seen_random::known) {
        return Ok(known);
    }
    let parts = random.call_method0(intern!(py, "getstate"))?;
    let (version, state, gauss): (i64, Bound<'_, PyTuple>, Option<f64>) = parts.extract()?;
    let state: Vec<u32> = state.iter().map(|word| word.extract()).collect::<PyResult<_>>()?;
    let Some((words, [index])) = state.split_first_chunk::<WORDS>() else { return Ok(None) };
    if version != 3 {
        return Ok(None);
    }
    // After an earlier save had a state of the user, the present one is the user's as well.
    let found = if gauss.is_none() && OF_RANDOM.is_empty() && is_from_system(words, *index) {
        None
    } else {
        let (base, steps) = OF_RANDOM.base_of(words);
        let value = json!({"state": hex(&base), STEPS: steps, "index": index, "gauss": gauss.map(f64::to_bits)});
        Some((value, "seeded or used".to_owned()))
    };
    if let Some(memory) = memory.filter(|_| gauss.is_none()) {
        seen_random::note(memory, words, *index, &found);
    }
    Ok(found)
}

pub(super) fn set_random(random: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let py = random.py();
    let mut state = followed(&OF_RANDOM, value, "state")?.to_vec();
    state.push(u32::try_from(integer(value, "index")?).map_err(|_| unexpected())?);
    let gauss = value.get("gauss").and_then(Value::as_u64).map(f64::from_bits);
    random.call_method1("setstate", ((3, PyTuple::new(py, state)?, gauss),)).map(drop)
}

/// Whether the state of `random` is fresh from the operating system: nothing was drawn, and no seed explains it.
///
/// Seeding by numbers (`init_by_array` of the reference implementation) adds the words of the seed again and again,
/// first to last, to known numbers. Undone, a seed shows as a period; the operating system gives 624 words. Nothing
/// tells a seed of more than [`LONGEST_SEED`] words from these.
fn is_from_system(state: &[u32], index: u32) -> bool {
    if index as usize != WORDS || state.first() != Some(&FIRST_WORD) {
        return false;
    }
    let added = added_words(state);
    // The words of a seed have their index in it added. Of one that is repeated, any words are those one period later.
    !(1..=LONGEST_SEED).any(|period| {
        let pairs = added.iter().zip(added.iter().skip(period));
        pairs.take(2 * period + 8).all(|(word, later)| word == later)
    })
}

/// What seeding has added to the words from the fourth on.
fn added_words(state: &[u32]) -> Vec<u32> {
    let mixed = |word: u32, factor: u32| (word ^ (word >> 30)).wrapping_mul(factor);
    let at = |words: &[u32], index: usize| words.get(index).copied().unwrap_or_default();
    let mut base = vec![19_650_218_u32];
    for index in 1..WORDS {
        base.push(mixed(at(&base, index - 1), 1_812_433_253).wrapping_add(index as u32));
    }
    // The second loop of `init_by_array`, backwards: it begins with word 2 and ends with word 1.
    let mut words = state.to_vec();
    for index in std::iter::once(1).chain((2..WORDS).rev()) {
        let before = at(&words, if index > 1 { index - 1 } else { WORDS - 1 });
        let undone = at(&words, index).wrapping_add(index as u32) ^ mixed(before, 1_566_083_941);
        if let Some(word) = words.get_mut(index) {
            *word = undone;
        }
    }
    let added =
        |index: usize| at(&words, index).wrapping_sub(at(&base, index) ^ mixed(at(&words, index - 1), 1_664_525));
    (3..WORDS).map(added).collect()
}

pub(super) fn find_numpy(random: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let options = PyDict::new(random.py());
    options.set_item("legacy", false)?;
    let state = random.getattr("get_state")?.call((), Some(&options))?.cast_into::<PyDict>()?;
    let item = |key: &str| state.get_item(key)?.ok_or_else(unexpected);
    // `set_bit_generator` allows others, whose states are of other forms.
    if item("bit_generator")?.extract::<String>()? != "MT19937" {
        return Ok(None);
    }
    let inner = item("state")?;
    let key = inner.get_item("key")?;
    let (position, has_gauss): (u32, u32) = (inner.get_item("pos")?.extract()?, item("has_gauss")?.extract()?);
    let key: Vec<u32> = key.call_method0("tolist")?.extract()?;
    // numpy itself begins at position 623, and `seed` at 624.
    let may_be_first = has_gauss == 0 && position as usize == WORDS - 1 && key.first() == Some(&FIRST_WORD);
    if may_be_first && OF_NUMPY.is_empty() && first_of_numpy(random)?.is_none_or(|first| key.get(1..) == first.get(1..))
    {
        return Ok(None);
    }
    let gauss: f64 = item("gauss")?.extract()?;
    let (base, steps) = OF_NUMPY.base_of(key.as_slice().try_into().map_err(|_| unexpected())?);
    let (key, gauss) = (hex(&base), gauss.to_bits());
    let value = json!({"key": key, STEPS: steps, "pos": position, "has_gauss": has_gauss, "gauss": gauss});
    Ok(Some((value, "seeded or used".to_owned())))
}

/// The words that numpy's generator began with; `None` for a numpy that does not say. A generator that was seeded since
/// has none.
fn first_of_numpy(random: &Bound<'_, PyModule>) -> PyResult<Option<Vec<u32>>> {
    let generator = random.getattr("get_state")?.getattr("__self__")?.getattr("_bit_generator")?;
    // Before numpy 1.25, the name was private.
    let mut names = ["seed_seq", "_seed_seq"].into_iter();
    let Some(sequence) = names.find_map(|name| generator.getattr_opt(name).transpose()).transpose()? else {
        return Ok(None);
    };
    if sequence.is_none() {
        return Ok(Some(Vec::new()));
    }
    sequence.call_method1("generate_state", (WORDS,))?.call_method0("tolist")?.extract().map(Some)
}

pub(super) fn set_numpy(random: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let gauss = value.get("gauss").and_then(Value::as_u64).map(f64::from_bits).ok_or_else(unexpected)?;
    let (position, has_gauss) = (integer(value, "pos")?, integer(value, "has_gauss")?);
    let words = followed(&OF_NUMPY, value, "key")?.to_vec();
    let state = ("MT19937", words, position, has_gauss, gauss);
    random.call_method1("set_state", (state,)).map(drop)
}

pub(super) fn find_torch(torch: &Bound<'_, PyModule>, _: &mut Vec<String>) -> PyResult<Found> {
    let bytes_of = |state: &Bound<'_, PyAny>| state.call_method0("tolist")?.extract::<Vec<u8>>();
    let mut value = serde_json::Map::new();
    let cpu = bytes_of(&torch.call_method0("get_rng_state")?)?;
    let number = |at: usize| cpu.get(at).copied();
    let is_unused = number(TORCH_LEFT) == Some(1) && number(TORCH_NEXT) == Some(0);
    let seed: u64 = torch.call_method0("initial_seed")?.extract()?;
    if !is_unused || seed <= MAX_SEED {
        value.insert("cpu".to_owned(), json!(hex_bytes(&cpu)));
    }
    let cuda = torch.getattr("cuda")?;
    // Asking for the state of a device would initialize CUDA.
    if cuda.call_method0("is_initialized")?.is_truthy()? {
        let states = cuda.call_method0("get_rng_state_all")?;
        let states = states.try_iter()?.map(|state| Ok(hex_bytes(&bytes_of(&state?)?)));
        value.insert("cuda".to_owned(), json!(states.collect::<PyResult<Vec<_>>>()?));
    }
    let preview = value.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Ok((!value.is_empty()).then_some((Value::Object(value), format!("random state: {preview}"))))
}

pub(super) fn set_torch(torch: &Bound<'_, PyModule>, value: &Value) -> PyResult<()> {
    let options = PyDict::new(torch.py());
    options.set_item("dtype", torch.getattr("uint8")?)?;
    let tensor = |text: &str| {
        // Bytes would become a Python object that torch does not take for a list.
        let numbers: Vec<u32> = bytes(text)?.into_iter().map(u32::from).collect();
        torch.getattr("tensor")?.call((numbers,), Some(&options))
    };
    if let Some(state) = value.get("cpu").and_then(Value::as_str) {
        torch.call_method1("set_rng_state", (tensor(state)?,))?;
    }
    let cuda = torch.getattr("cuda")?;
    let states = value.get("cuda").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if states.is_empty() {
        return Ok(());
    }
    let devices: usize = cuda.call_method0("device_count")?.extract()?;
    for (device, state) in states.iter().filter_map(Value::as_str).enumerate().take(devices) {
        cuda.call_method1("set_rng_state", (tensor(state)?, device))?;
    }
    if devices < states.len() {
        return Err(PyValueError::new_err(format!("{} CUDA devices were used, and {devices} are here", states.len())));
    }
    Ok(())
}

fn hex(words: &[u32]) -> String {
    hex_bytes(&words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())
}

fn hex_bytes(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn bytes(text: &str) -> PyResult<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect::<Option<_>>().ok_or_else(unexpected)
}

/// The words that the steps of a value lead to. Files of earlier versions have no steps.
fn followed(known: &KnownStates, value: &Value, words_key: &str) -> PyResult<TwisterState> {
    let steps = if value.get(STEPS).is_some() { integer(value, STEPS)? } else { 0 };
    let steps = u32::try_from(steps).map_err(|_| unexpected())?;
    known.follow(words(string(value, words_key)?)?, steps).ok_or_else(unexpected)
}

fn words(text: &str) -> PyResult<TwisterState> {
    let bytes = bytes(text)?;
    let (words, rest) = bytes.as_chunks::<4>();
    let words: &[[u8; 4]; WORDS] = words.try_into().map_err(|_| unexpected())?;
    if rest.is_empty() { Ok(words.map(u32::from_le_bytes)) } else { Err(unexpected()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeding of the reference implementation, which `random` uses.
    fn init_by_array(key: &[u32]) -> Vec<u32> {
        let mut words = vec![19_650_218_u32];
        for index in 1..WORDS {
            let before = words[index - 1];
            words.push((before ^ (before >> 30)).wrapping_mul(1_812_433_253).wrapping_add(index as u32));
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..WORDS.max(key.len()) {
            let before = words[i - 1];
            words[i] = (words[i] ^ (before ^ (before >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            (i, j) = (i + 1, (j + 1) % key.len());
            if i >= WORDS {
                words[0] = words[WORDS - 1];
                i = 1;
            }
        }
        for _ in 0..WORDS - 1 {
            let before = words[i - 1];
            words[i] = (words[i] ^ (before ^ (before >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= WORDS {
                words[0] = words[WORDS - 1];
                i = 1;
            }
        }
        words[0] = FIRST_WORD;
        words
    }

    #[test]
    fn a_seed_is_told_from_the_operating_system() {
        for key in [&[0][..], &[1], &[7, 9, 11], &[1681713168; 17], &[u32::MAX, 0, 5, 5, 8]] {
            assert!(!is_from_system(&init_by_array(key), 624), "{key:?}");
        }
        for length in [156, 157, 312, 500, LONGEST_SEED] {
            let key: Vec<u32> = (0..length as u32).map(|at| at.wrapping_mul(2_654_435_761)).collect();
            assert!(!is_from_system(&init_by_array(&key), 624), "{length}");
            assert!(!is_from_system(&init_by_array(&vec![u32::MAX; length]), 624), "{length}");
        }
        let mut word = 1_u32;
        let random = (0..WORDS).map(|_| {
            word = word.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            word ^ (word >> 16)
        });
        let fresh = init_by_array(&random.collect::<Vec<_>>());
        assert!(is_from_system(&fresh, 624));
        assert!(!is_from_system(&fresh, 3));
    }

    #[test]
    fn words_are_read_as_they_were_written() {
        let state = init_by_array(&[5]);
        assert_eq!(words(&hex(&state)).ok().as_ref().map(|words| &words[..]), Some(&state[..]));
        assert!(words("00").is_err() && words("zz").is_err());
    }
}
