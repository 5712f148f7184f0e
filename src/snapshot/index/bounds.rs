//! What an index may take up in memory: a few times the length of its JSON, however that is made.
//!
//! Three bytes of `"",` would be 24 in a list of strings, and `{},` hundreds in a list of variables. So each item of a
//! list is weighed as it is read, and the read ends where all of them weigh more than an index of that length may.
//! [`encode`] makes no index that would not be read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::mem::size_of;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Buffer, Fault, Index, LeftOut, Reason, Variable};

/// An index may always take so many bytes of memory.
const ALWAYS: usize = 16 << 20;
/// And so many more for each byte of its JSON. A variable takes not quite three, a name of one letter among many that another uses ten.
const PER_BYTE: usize = 3;
/// What a list may take up in all, for a JSON of this length.
const fn most(length: usize) -> usize {
    length.saturating_mul(PER_BYTE).saturating_add(ALWAYS)
}

thread_local! {
    /// What the index that is being read may still take up. What is not read from a file may take anything.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Reads an index.
pub(in crate::snapshot) fn parse(json: &[u8]) -> serde_json::Result<Index> {
    LEFT.set(most(json.len()));
    let index = serde_json::from_slice(json);
    LEFT.set(usize::MAX);
    index
}

/// The JSON of an index in so many bytes at the most. Where it takes more, it goes without what says least: what was left
/// out by a rule, then all that was left out, then what describes values.
pub(in crate::snapshot) fn encode(index: &mut Index, most: u64) -> io::Result<Vec<u8>> {
    const SHORTER: [fn(&mut Index); 4] = [
        |_| {},
        |index| index.left_out.retain(|item| item.reason == Reason::Failed),
        |index| index.left_out.clear(),
        |index| index.variables.iter_mut().for_each(Variable::describe_no_more),
    ];
    for shorten in SHORTER {
        shorten(index);
        let mut json = serde_json::to_vec(index)?;
        // Many short texts weigh more than their length allows: blanks make up for it.
        json.resize(json.len().max(least(index)), b' ');
        if json.len() as u64 <= most {
            return Ok(json);
        }
    }
    Err(io::Error::other("the names of the session are longer than an index may be: save fewer variables"))
}

/// How long the JSON of an index must be at the least, to be read again.
fn least(index: &Index) -> usize {
    let variables = index.variables.iter().map(|variable| variable.weight().saturating_add(variable.lists()));
    let left_out = index.left_out.iter().map(|item| item.weight().saturating_add(item.lists()));
    let packages = index.packages.iter().map(entry);
    let all = variables.chain(left_out).chain(packages).fold(weight(&index.script.argv), usize::saturating_add);
    all.saturating_sub(ALWAYS).div_ceil(PER_BYTE)
}

fn take<E: Error>(weight: usize) -> Result<(), E> {
    let left =
        LEFT.get().checked_sub(weight).ok_or_else(|| E::custom("its lists are longer than any that are saved"))?;
    LEFT.set(left);
    Ok(())
}

/// Something that an index has many of.
pub(super) trait Item: DeserializeOwned {
    /// The memory that it takes up without the lists in it, which are weighed for themselves.
    fn weight(&self) -> usize;

    /// Whether it has what each one has that was ever written.
    fn is_plausible(&self) -> bool {
        true
    }
}

/// What an allocator takes for a text.
fn text(text: &str) -> usize {
    const LEAST: usize = 32;
    const HEAD: usize = 16;
    if text.is_empty() { 0 } else { text.len().saturating_add(HEAD).max(LEAST) }
}

fn optional(content: Option<&String>) -> usize {
    content.map_or(0, |content| text(content))
}

fn weight<T: Item>(items: &[T]) -> usize {
    items.iter().map(Item::weight).fold(0, usize::saturating_add)
}

fn entry((name, version): (&String, &String)) -> usize {
    // Its place in a tree whose nodes are half full.
    4 * size_of::<String>() + text(name) + text(version)
}

/// The shortest segment: an empty name with its length, a value, SETITEM.
const SHORTEST: u64 = 4;

impl Variable {
    fn describe_no_more(&mut self) {
        (self.dtype, self.shape) = (None, None);
        self.preview.clear();
        self.type_name.clear();
    }

    fn lists(&self) -> usize {
        let texts = [&self.uses, &self.imports, &self.globals, &self.secrets, &self.notes];
        let numbers = self.shape.as_deref().map_or(0, weight);
        texts.into_iter().map(|texts| weight(texts)).fold(numbers + weight(&self.buffers), usize::saturating_add)
    }
}

impl Item for Variable {
    fn weight(&self) -> usize {
        let texts = [&self.name, &self.type_name, &self.blake3, &self.opcodes, &self.preview];
        let texts = texts.into_iter().map(|content| text(content)).sum::<usize>();
        size_of::<Self>() + texts + optional(self.dtype.as_ref())
    }

    fn is_plausible(&self) -> bool {
        self.length >= SHORTEST && self.blake3.len() == blake3::OUT_LEN * 2
    }
}

impl LeftOut {
    fn lists(&self) -> usize {
        weight(&self.users).saturating_add(weight(&self.faults))
    }
}

impl Item for LeftOut {
    fn weight(&self) -> usize {
        let texts = [&self.name, &self.type_name, &self.error].map(|content| text(content));
        let more = [&self.path, &self.fault_type, &self.hint].map(|content| optional(content.as_ref()));
        size_of::<Self>() + texts.into_iter().chain(more).sum::<usize>()
    }

    fn is_plausible(&self) -> bool {
        !(self.name.is_empty() && self.type_name.is_empty() && self.error.is_empty())
    }
}

impl Item for Fault {
    fn weight(&self) -> usize {
        size_of::<Self>() + text(&self.path) + text(&self.type_name) + text(&self.error)
    }
}

impl Item for String {
    fn weight(&self) -> usize {
        size_of::<Self>() + text(self)
    }
}

impl Item for Buffer {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

impl Item for u64 {
    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

struct Items<T>(PhantomData<T>);

impl<'de, T: Item> Visitor<'de> for Items<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut found: Vec<T> = Vec::new();
        while let Some(item) = items.next_element::<T>()? {
            if !item.is_plausible() {
                return Err(A::Error::custom("an item of a list is empty"));
            }
            take(item.weight())?;
            found.push(item);
        }
        // The first item makes room for four.
        found.shrink_to_fit();
        Ok(found)
    }
}

/// Reads a list, as long as there is room for it.
pub(super) fn list<'de, D: Deserializer<'de>, T: Item>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Items(PhantomData))
}

/// As [`list`], of a field that may be `null`.
pub(super) fn optional_list<'de, D: Deserializer<'de>, T: Item>(deserializer: D) -> Result<Option<Vec<T>>, D::Error> {
    struct List<T>(Vec<T>);
    impl<'de, T: Item> Deserialize<'de> for List<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            list(deserializer).map(List)
        }
    }
    Ok(Option::<List<T>>::deserialize(deserializer)?.map(|List(items)| items))
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("names with texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut found = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry()? {
            take(entry((&name, &value)))?;
            found.insert(name, value);
        }
        Ok(found)
    }
}

/// Reads texts by their names, as long as there is room for them.
pub(super) fn map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_map(Entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, uses: &[String]) -> Variable {
        let blake3 = "0".repeat(64);
        Variable { name: name.to_owned(), length: 9, blake3, uses: uses.to_vec(), ..Variable::default() }
    }

    fn left_out(name: &str, reason: Reason) -> LeftOut {
        LeftOut { name: name.to_owned(), error: "x".repeat(1000), reason, ..LeftOut::default() }
    }

    #[test]
    fn a_list_is_read_as_long_as_there_is_room_for_it() {
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
            let expected = if item == ",0" || item == ",[0,0,true]" {
                "an item of a list is empty"
            } else {
                "its lists are longer"
            };
            assert!(problem.starts_with(expected), "{head} {problem}");
        }
    }

    #[test]
    fn a_list_of_many_short_names_is_read_as_it_was_written() -> io::Result<()> {
        let names: Vec<String> = (b'a'..=b'z').map(|letter| char::from(letter).to_string()).collect();
        let variables = (0..40_000).map(|number| named(&number.to_string(), &names)).collect();
        let mut index = Index { variables, ..Index::default() };
        let json = encode(&mut index, u64::MAX)?;
        assert!(json.ends_with(b"  "));
        assert_eq!(parse(&json)?.variables.len(), 40_000);
        Ok(())
    }

    #[test]
    fn an_index_that_would_be_too_long_goes_without_what_says_least() -> io::Result<()> {
        let long = Variable { preview: "x".repeat(1000), ..named("a", &[]) };
        let items = vec![left_out("_a", Reason::Private), left_out("b", Reason::Failed)];
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
