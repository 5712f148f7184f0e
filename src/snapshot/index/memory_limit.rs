//! Limits the memory that an index takes: at most a few times the length of its JSON, however it was made.
//!
//! Without a limit, three bytes of `"",` would become the 24 of an empty string, and the three of `{},` hundreds for a
//! variable. So [`parse`] first walks through the JSON without keeping anything, adds up the memory that deserializing
//! it would allocate, and refuses an index that needs more than its length allows. [`encode`] pads an index that would
//! be refused.

use std::mem::size_of;
use std::{fmt, io};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Index, LeftOut, LeftOutReason, UnsavableObject, Variable};

/// The bytes of memory that any index may take.
const ALWAYS: usize = 16 << 20;
/// The bytes of memory that it may take in addition for each byte of its JSON. An ordinary variable takes almost three;
/// a variable that uses many others with one-letter names takes ten, and is padded.
const PER_BYTE: usize = 3;
/// An element of `variables` or `left_out`.
const ITEM: usize =
    if size_of::<Variable>() > size_of::<LeftOut>() { size_of::<Variable>() } else { size_of::<LeftOut>() };
/// An entry of `packages`, in a B-tree whose nodes are half full.
const MAP_ENTRY: usize = 4 * size_of::<String>();
/// A `Vec` allocates this many elements for the first one, and then doubles.
const LEAST_CAPACITY: usize = 4;
/// The bytes that an allocator adds to each block.
const HEADER: usize = 16;
/// The smallest block of an allocator, in bytes.
const SMALLEST_BLOCK: usize = 32;
/// The lost objects of a variable that a short index keeps.
const FEW_LOST: usize = 10;
/// The shortest segment: an empty name with its length, a value, SETITEM.
const SHORTEST_SEGMENT: u64 = 4;

pub(in crate::snapshot) fn parse(json: &[u8]) -> serde_json::Result<Index> {
    let most = json.len().saturating_mul(PER_BYTE).saturating_add(ALWAYS);
    // Walking the JSON allocates nothing, so the limit is known to hold before anything is deserialized.
    if memory_bound(json) > most && memory_estimate(json)? > most {
        return Err(serde_json::Error::custom("it needs more memory than its length allows"));
    }
    let index: Index = serde_json::from_slice(json)?;
    // Absent fields get default values, so short items could still be cheap in JSON and large in memory.
    if index.segments().all(|(_, segment)| is_plausible_variable(segment))
        && index.left_out.iter().all(is_plausible_left_out)
    {
        Ok(index)
    } else {
        Err(serde_json::Error::custom("an item of a list lacks required fields"))
    }
}

fn is_plausible_variable(variable: &Variable) -> bool {
    variable.length >= SHORTEST_SEGMENT && variable.blake3.len() == blake3::OUT_LEN * 2
}

fn is_plausible_left_out(item: &LeftOut) -> bool {
    !(item.name.is_empty() && item.type_name.is_empty() && item.error.is_empty())
}

/// The JSON of an index in at most `most` bytes. If it is too long, the least important parts are removed: the names
/// left out by a rule, most of the lost objects, all names left out, the descriptions of values.
pub(in crate::snapshot) fn encode(index: &mut Index, most: u64) -> io::Result<Vec<u8>> {
    const SHORTEN: [fn(&mut Index); 5] = [
        |_| {},
        |index| index.left_out.retain(|item| item.reason == LeftOutReason::Failed),
        |index| {
            let variables = index.variables.iter_mut().chain(&mut index.frame_locals);
            variables.for_each(|variable| variable.lost.truncate(FEW_LOST));
        },
        |index| index.left_out.clear(),
        |index| {
            let segments = [&mut index.variables, &mut index.module_state, &mut index.frame_locals, &mut index.ambient];
            segments.into_iter().flatten().for_each(remove_description);
        },
    ];
    for shorten in SHORTEN {
        shorten(index);
        // About what a variable takes, so that the vector seldom grows.
        let count = index.variables.len() + index.ambient.len() + index.left_out.len();
        let mut json = Vec::with_capacity(2048 + 512 * count.min(1 << 16));
        serde_json::to_writer(&mut json, index)?;
        // Spaces after the JSON are valid, and count as length.
        json.resize(json.len().max(least_length(&json)?), b' ');
        if json.len() as u64 <= most {
            return Ok(json);
        }
    }
    Err(io::Error::other("the names of the session do not fit into the index: save fewer variables"))
}

fn remove_description(variable: &mut Variable) {
    (variable.dtype, variable.shape) = (None, None);
    variable.preview.clear();
    variable.type_name.clear();
}

/// The length to which JSON must be padded, so that [`parse`] accepts it.
fn least_length(json: &[u8]) -> serde_json::Result<usize> {
    // Even if every byte were an item: skip the walk for the index of an ordinary session.
    if json.len() < ALWAYS / ITEM {
        return Ok(0);
    }
    Ok(memory_estimate(json)?.saturating_sub(ALWAYS).div_ceil(PER_BYTE))
}

/// At least the bytes of memory that deserializing this JSON allocates, from the numbers of certain characters alone.
/// For the index of an ordinary session that is within the limit. An element of a list of the index that is neither an
/// object nor an array ends the deserialization, and is not counted.
fn memory_bound(json: &[u8]) -> usize {
    const CHUNK: usize = u8::MAX as usize;
    // Counting in single bytes, a processor compares many at once.
    let in_chunk = |chunk: &[u8], character: u8| chunk.iter().map(|byte| u8::from(*byte == character)).sum::<u8>();
    let count =
        |character: u8| -> usize { json.chunks(CHUNK).map(|chunk| usize::from(in_chunk(chunk, character))).sum() };
    let containers = count(b'{') + count(b'[');
    // A container may be an element of a list, and itself a list that has allocated more than it uses.
    let container = ITEM + (2 + LEAST_CAPACITY) * size_of::<UnsavableObject>() + HEADER;
    let strings = (count(b'"') / 2).saturating_mul(SMALLEST_BLOCK + HEADER);
    let elements = count(b',').saturating_mul(2 * size_of::<String>());
    let entries = count(b':').saturating_mul(MAP_ENTRY);
    let parts = [containers.saturating_mul(container), strings, elements, entries];
    parts.into_iter().fold(json.len(), usize::saturating_add)
}

/// At least the bytes of memory that deserializing this JSON into an [`Index`] allocates.
fn memory_estimate(json: &[u8]) -> serde_json::Result<usize> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    MemoryEstimator { depth: 0 }.deserialize(&mut deserializer).map(|estimate| estimate.bytes)
}

/// The bytes that an allocator takes for a string.
fn string_cost(string: &str) -> usize {
    if string.is_empty() { 0 } else { string.len().saturating_add(HEADER).max(SMALLEST_BLOCK) }
}

/// Walks through a JSON value and estimates its cost. It does not know the types of the fields: their depth is enough.
#[derive(Clone, Copy)]
struct MemoryEstimator {
    /// The number of arrays and objects around the value.
    depth: usize,
}

/// The memory that a value allocates outside of the struct or list that it is in.
#[derive(Default)]
struct ValueEstimate {
    bytes: usize,
    /// The number of elements or entries of an array or an object.
    entries: Option<usize>,
    /// Whether it is the name of a field that allocates nothing, although its JSON is a string or an array.
    is_inline_field: bool,
}

impl<'de> DeserializeSeed<'de> for MemoryEstimator {
    type Value = ValueEstimate;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<ValueEstimate, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MemoryEstimator {
    type Value = ValueEstimate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<ValueEstimate, E> {
        Ok(ValueEstimate::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<ValueEstimate, E> {
        Ok(ValueEstimate::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<ValueEstimate, E> {
        Ok(ValueEstimate::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<ValueEstimate, E> {
        Ok(ValueEstimate::default())
    }

    fn visit_unit<E>(self) -> Result<ValueEstimate, E> {
        Ok(ValueEstimate::default())
    }

    fn visit_str<E>(self, string: &str) -> Result<ValueEstimate, E> {
        let is_inline_field = matches!(string, "memo" | "kind");
        Ok(ValueEstimate { bytes: string_cost(string), entries: None, is_inline_field })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<ValueEstimate, A::Error> {
        let (mut bytes, mut count, mut has_containers) = (0_usize, 0_usize, false);
        while let Some(element) = elements.next_element_seed(Self { depth: self.depth + 1 })? {
            bytes = bytes.saturating_add(element.bytes);
            has_containers |= element.entries.is_some();
            if self.depth == 1 && element.entries == Some(0) {
                return Err(A::Error::custom("an item of a list is empty"));
            }
            count += 1;
        }
        let slots = match (self.depth, count) {
            (_, 0) => 0,
            // The lists of the index itself. The unused half of a long list is never touched, so it takes no memory.
            (0 | 1, _) => count.saturating_mul(ITEM),
            // The lists within an item: `faults` and `lost` have the largest elements.
            _ => {
                let element = if has_containers { size_of::<UnsavableObject>() } else { size_of::<String>() };
                let capacity = count.checked_next_power_of_two().unwrap_or(count).max(LEAST_CAPACITY);
                capacity.saturating_mul(element).saturating_add(HEADER)
            }
        };
        Ok(ValueEstimate { bytes: bytes.saturating_add(slots), entries: Some(count), is_inline_field: false })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<ValueEstimate, A::Error> {
        let inner = Self { depth: self.depth + 1 };
        let (mut bytes, mut count) = (0_usize, 0_usize);
        while let Some(key) = entries.next_key_seed(inner)? {
            count += 1;
            // The fields of a variable are at depth 2.
            if key.is_inline_field && self.depth == 2 {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            bytes = bytes.saturating_add(entries.next_value_seed(inner)?.bytes);
            // `packages` is a map. `script` and the like are structs, but they have only a few fields.
            if self.depth == 1 {
                bytes = bytes.saturating_add(key.bytes).saturating_add(MAP_ENTRY);
            }
        }
        Ok(ValueEstimate { bytes, entries: Some(count), is_inline_field: false })
    }
}

#[cfg(test)]
mod tests {
    use super::super::VariableKind;
    use super::*;

    fn named(name: &str, uses: &[String]) -> Variable {
        let blake3 = "0".repeat(64);
        Variable { name: name.to_owned(), length: 9, blake3, uses: uses.to_vec(), ..Variable::default() }
    }

    fn left_out(name: &str, reason: LeftOutReason) -> LeftOut {
        LeftOut { name: name.to_owned(), error: "x".repeat(1000), reason, ..LeftOut::default() }
    }

    #[test]
    fn lists_of_tiny_items_are_refused() {
        for (head, item, tail) in [
            ("{\"script\":{\"argv\":[\"\"", ",\"\"", "]}}"),
            ("{\"script\":{\"argv\":[\"\"", ",\"a\"", "]}}"),
            ("{\"packages\":{\"\":\"\"", ",\"\":\"\"", "}}"),
            ("{\"variables\":[{\"shape\":[0", ",0", "]}]}"),
            ("{\"variables\":[{\"uses\":[\"a\"", ",\"\"", "]}]}"),
            ("{\"variables\":[{\"buffers\":[[0,0,true]", ",[0,0,true]", "]}]}"),
            ("{\"left_out\":[{\"faults\":[[]", ",[]", "]}]}"),
            ("{\"left_out\":[[\"a\"]", ",[\"a\"]", "]}"),
        ] {
            let json = format!("{head}{}{tail}", item.repeat((5 << 20) / item.len()));
            let problem = parse(json.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default();
            assert_eq!(problem, "it needs more memory than its length allows", "{head}");
        }
    }

    #[test]
    fn a_list_of_many_short_names_is_padded_and_can_be_read() -> io::Result<()> {
        let names: Vec<String> = (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect();
        let variables = (0..40_000).map(|number| named(&number.to_string(), &names)).collect();
        let mut index = Index { variables, ..Index::default() };
        let json = encode(&mut index, u64::MAX)?;
        assert!(json.ends_with(b"  "));
        assert_eq!(parse(&json)?.variables.len(), 40_000);
        Ok(())
    }

    #[test]
    fn the_estimate_counts_what_an_index_allocates() -> io::Result<()> {
        let variable = Variable { kind: VariableKind::Class, memo: (1, 2), ..named("x", &["a".to_owned()]) };
        let json = serde_json::to_vec(&Index { variables: vec![variable], ..Index::default() })?;
        let empty = serde_json::to_vec(&Index::default())?;
        let strings = string_cost("x") + string_cost(&"0".repeat(64)) + string_cost("a");
        let uses = LEAST_CAPACITY * size_of::<String>() + HEADER;
        assert_eq!(memory_estimate(&json)? - memory_estimate(&empty)?, ITEM + strings + uses);
        Ok(())
    }

    #[test]
    fn the_bound_is_never_less_than_the_estimate() -> io::Result<()> {
        let names: Vec<String> = (0..40).map(|number: u32| number.to_string()).collect();
        let lost = vec![UnsavableObject { path: "a".to_owned(), ..UnsavableObject::default() }; 9];
        let variables = vec![named("a", &names), named("", &[]), Variable { lost, ..named("b", &names[..1]) }];
        let packages = [("x".to_owned(), "1".to_owned())].into();
        let left_out = vec![left_out("c", LeftOutReason::Failed); 3];
        let index = serde_json::to_vec(&Index { variables, packages, left_out, ..Index::default() })?;
        let rows = ["{}", "[]", "\"\"", "\"a\"", "0", "[[[0,0],[0]],{}]", "{\"a\":[\"b\",{\"c\":{\"\":[]}}]}"];
        let forged = rows.into_iter().flat_map(|row| {
            let many = vec![row; 70].join(",");
            let inner = if row.starts_with(['{', '[']) { "#" } else { "[#]" };
            ["{\"a\":[#]}", "[[#]]", "{\"a\":{\"b\":[#]}}"]
                .map(|around| around.replace('#', inner).replace('#', &many).into_bytes())
        });
        // An empty item of a list is refused at once.
        let estimated = forged.chain([index]).filter_map(|json| memory_estimate(&json).ok().map(|bytes| (json, bytes)));
        for (json, estimate) in estimated {
            assert!(memory_bound(&json) >= estimate, "{}", String::from_utf8_lossy(&json));
        }
        Ok(())
    }

    #[test]
    fn items_without_the_required_fields_are_refused() {
        for json in [r#"{"variables":[{"length":9}]}"#, r#"{"left_out":[{"line":1}]}"#] {
            let problem = parse(json.as_bytes()).err().map(|error| error.to_string());
            assert_eq!(problem.as_deref(), Some("an item of a list lacks required fields"), "{json}");
        }
    }

    #[test]
    fn an_index_that_is_too_long_is_shortened() -> io::Result<()> {
        let long = Variable { preview: "x".repeat(1000), ..named("a", &[]) };
        let items = vec![left_out("_a", LeftOutReason::Private), left_out("b", LeftOutReason::Failed)];
        let index = Index { variables: vec![long], left_out: items, ..Index::default() };
        for (most, left, preview) in [(9000, 2, 1000), (3500, 1, 1000), (2500, 0, 1000), (1000, 0, 0)] {
            let mut index = index.clone();
            assert_eq!(encode(&mut index, most)?.len(), serde_json::to_vec(&index)?.len());
            assert_eq!((index.left_out.len(), index.variables[0].preview.len()), (left, preview));
        }
        assert!(encode(&mut index.clone(), 100).is_err());
        Ok(())
    }
}
