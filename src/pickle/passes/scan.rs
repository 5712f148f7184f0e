//! What a segment of our own stream needs from outside and gives to the rest: one pass over its opcodes.
//!
//! The save runs it over all that it writes, so it keeps no more than it must: a count of memo slots, those memoized
//! strings that can be half of a global's name, and the memoized globals that make code objects. It follows no stack; for that see [`super::machine`].

use std::collections::{HashMap, HashSet};

use crate::pickle::format::opcode::Opcode;
use crate::pickle::format::parse::{Argument, Op, ParseError, Parser};
use crate::pickle::format::py_str::PyStr;
use crate::pickle::rules;

/// What is known of a segment after a scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The memo slots that it fills: the first, and the one after the last.
    pub memo: (u64, u64),
    /// The slots filled before it that it takes objects from, ascending, each once.
    pub takes: Vec<u64>,
    /// The globals that loading it looks up, as `module name`, in order of appearance, each once. `?` stands for
    /// what is not written as a string right before its use, which our own pickler never does.
    pub imports: Vec<String>,
    /// Whether it holds code objects, which only the same minor version of Python can load.
    pub has_code: bool,
}

/// Scans one segment that takes no strings from earlier ones.
pub fn scan_segment(bytes: &[u8], memo_start: u64) -> Result<SegmentFacts, ParseError> {
    Scanner::new(memo_start).segment(bytes)
}

/// Scans the segments of a stream in order.
#[derive(Debug, Default)]
pub struct Scanner {
    memo_len: u64,
    known: Known,
}

/// What is known of memo slots.
#[derive(Debug, Default)]
struct Known {
    strings: Strings,
    /// Slots that hold a global that makes code objects: later segments take it from there.
    code_makers: HashSet<u64>,
}

impl Scanner {
    /// A scanner for a stream in which so many memo slots are filled already.
    pub fn new(memo_start: u64) -> Self {
        Self { memo_len: memo_start, known: Known::default() }
    }

    /// The number of memo slots that are filled.
    pub fn memo_len(&self) -> u64 {
        self.memo_len
    }

    /// Goes on behind a segment that cannot be scanned, and that is said to fill the slots up to this one.
    pub fn skip_to(&mut self, memo_end: u64) {
        self.memo_len = self.memo_len.max(memo_end);
    }

    /// Scans the next segment: opcodes without PROTO and STOP. After an error the scanner is as it was.
    pub fn segment(&mut self, bytes: &[u8]) -> Result<SegmentFacts, ParseError> {
        self.segment_at(bytes, 0)
    }

    /// As [`segment`](Self::segment), of a segment whose first byte is at `base` in its file.
    pub fn segment_at(&mut self, bytes: &[u8], base: u64) -> Result<SegmentFacts, ParseError> {
        let first = self.memo_len;
        let scanned = Scan::new(&mut self.known, first).run(bytes, base);
        match &scanned {
            Ok(facts) => self.memo_len = facts.memo.1,
            Err(_) => {
                self.known.strings.truncate(first);
                self.known.code_makers.retain(|slot| *slot < first);
            }
        }
        scanned
    }
}

/// One segment's scan.
struct Scan<'s, 'a> {
    known: &'s mut Known,
    first: u64,
    memo: Slots,
    /// Whether a global that makes code objects is on top of the stack.
    code_maker: bool,
    /// The two strings pushed last, where nothing else was pushed since.
    recent: [Option<Recent<'a>>; 2],
    takes: HashSet<u64>,
    imports: Vec<String>,
    imported: HashSet<String>,
    has_code: bool,
}

/// A string on top of the stack.
enum Recent<'a> {
    Literal(PyStr<'a>),
    Memo(u64),
}

impl<'s, 'a> Scan<'s, 'a> {
    fn new(known: &'s mut Known, first: u64) -> Self {
        let memo = Slots::new(first);
        let (takes, imported) = Default::default();
        Self {
            known,
            first,
            memo,
            code_maker: false,
            recent: [None, None],
            takes,
            imports: Vec::new(),
            imported,
            has_code: false,
        }
    }

    fn run(mut self, bytes: &'a [u8], base: u64) -> Result<SegmentFacts, ParseError> {
        for op in Parser::segment(bytes, base) {
            self.step(op?)?;
        }
        Ok(self.facts())
    }

    fn step(&mut self, op: Op<'a>) -> Result<(), ParseError> {
        match (op.opcode, op.argument) {
            // These leave the stack alone.
            (Opcode::Frame | Opcode::Proto, _) => {}
            (Opcode::Memoize, _) => self.put(self.memo.len()),
            (Opcode::Put | Opcode::BinPut | Opcode::LongBinPut, argument) => self.put(argument.index().unwrap_or(0)),
            (Opcode::Get | Opcode::BinGet | Opcode::LongBinGet, argument) => {
                self.get(argument.index().unwrap_or(u64::MAX), op.start)?;
            }
            (Opcode::StackGlobal, _) => {
                let [module, name] = std::mem::take(&mut self.recent);
                let (module, name) = (self.text(module.as_ref()), self.text(name.as_ref()));
                self.import(&module, &name);
            }
            (_, Argument::Name(module, name)) => {
                self.import(&module.lossy(), &name.lossy());
            }
            // PERSID has a text, too, but pushes whatever its reader makes of it.
            (opcode, Argument::Text(text)) if opcode != Opcode::PersId => self.pushed(Recent::Literal(text)),
            _ => self.pushed_other(),
        }
        Ok(())
    }

    fn pushed(&mut self, string: Recent<'a>) {
        self.recent.swap(0, 1);
        self.recent[1] = Some(string);
        self.code_maker = false;
    }

    fn pushed_other(&mut self) {
        self.recent = [None, None];
        self.code_maker = false;
    }

    fn put(&mut self, slot: u64) {
        self.memo.fill(slot);
        if self.code_maker {
            self.known.code_makers.insert(slot);
        } else {
            self.known.code_makers.remove(&slot);
        }
        match &self.recent[1] {
            Some(Recent::Literal(text)) => self.known.strings.put(slot, text.as_str()),
            Some(Recent::Memo(from)) => self.known.strings.copy(slot, *from),
            None => self.known.strings.put(slot, None),
        }
    }

    fn get(&mut self, slot: u64, at: u64) -> Result<(), ParseError> {
        if !self.memo.is_filled(slot) {
            return Err(ParseError::EmptyMemo { at, index: slot });
        }
        if slot < self.first {
            self.takes.insert(slot);
        }
        self.pushed(Recent::Memo(slot));
        self.code_maker = self.known.code_makers.contains(&slot);
        self.has_code |= self.code_maker;
        Ok(())
    }

    fn text(&self, string: Option<&Recent<'a>>) -> String {
        let text = match string {
            Some(Recent::Literal(text)) => Some(text.lossy().into_owned()),
            Some(Recent::Memo(slot)) => self.known.strings.get(*slot).map(str::to_owned),
            None => None,
        };
        text.unwrap_or_else(|| "?".to_owned())
    }

    fn import(&mut self, module: &str, name: &str) {
        self.pushed_other();
        self.code_maker = rules::makes_code(module, name);
        self.has_code |= self.code_maker;
        let import = format!("{module} {name}");
        if self.imported.insert(import.clone()) {
            self.imports.push(import);
        }
    }

    fn facts(self) -> SegmentFacts {
        let mut takes: Vec<u64> = self.takes.into_iter().collect();
        takes.sort_unstable();
        SegmentFacts { memo: (self.first, self.memo.len()), takes, imports: self.imports, has_code: self.has_code }
    }
}

/// Which memo slots are filled: all up to `count`, and some beyond, which only PUT can do.
#[derive(Debug)]
pub(crate) struct Slots {
    count: u64,
    scattered: HashSet<u64>,
}

impl Slots {
    /// So many are filled.
    pub(crate) fn new(count: u64) -> Self {
        Self { count, scattered: HashSet::new() }
    }

    /// CPython's MEMOIZE fills the slot whose number is the number of filled slots.
    pub(crate) fn len(&self) -> u64 {
        self.count.saturating_add(self.scattered.len() as u64)
    }

    /// CallKind many are filled out of order, which take memory.
    pub(crate) fn scattered(&self) -> usize {
        self.scattered.len()
    }

    pub(crate) fn is_filled(&self, slot: u64) -> bool {
        slot < self.count || self.scattered.contains(&slot)
    }

    pub(crate) fn fill(&mut self, slot: u64) {
        if slot > self.count {
            self.scattered.insert(slot);
        } else if slot == self.count {
            self.count += 1;
            while self.scattered.remove(&self.count) {
                self.count += 1;
            }
        }
    }
}

/// The memoized strings that can be names, by slot, all in one allocation.
#[derive(Debug, Default)]
struct Strings {
    places: HashMap<u64, (usize, u8)>,
    text: String,
    /// One after the highest slot with a string.
    end: u64,
}

impl Strings {
    fn get(&self, slot: u64) -> Option<&str> {
        let (start, length) = *self.places.get(&slot)?;
        self.text.get(start..start.checked_add(usize::from(length))?)
    }

    fn put(&mut self, slot: u64, text: Option<&str>) {
        match text.filter(|text| can_be_a_name(text)).map(|text| (text, u8::try_from(text.len()))) {
            Some((text, Ok(length))) => {
                self.set(slot, (self.text.len(), length));
                self.text.push_str(text);
            }
            _ => self.forget(slot),
        }
    }

    fn copy(&mut self, slot: u64, from: u64) {
        match self.places.get(&from).copied() {
            Some(place) => self.set(slot, place),
            None => self.forget(slot),
        }
    }

    fn set(&mut self, slot: u64, place: (usize, u8)) {
        self.places.insert(slot, place);
        self.end = self.end.max(slot.saturating_add(1));
    }

    /// The slot holds something else now. MEMOIZE fills new slots only, so this seldom has to look.
    fn forget(&mut self, slot: u64) {
        if slot < self.end {
            self.places.remove(&slot);
        }
    }

    /// Forgets all slots from this one on.
    fn truncate(&mut self, slot: u64) {
        self.places.retain(|place, _| *place < slot);
    }
}

/// Module names and qualified names have no blanks; `f.<locals>.g` is one.
fn can_be_a_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte > b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(bytes: &[u8]) -> SegmentFacts {
        scan_segment(bytes, 3).expect("opcodes")
    }

    #[test]
    fn memo_slots_are_counted() {
        assert_eq!(scan(b"]\x94(\x8c\x01a\x94K\x01e").memo, (3, 5));
        assert_eq!(scan(b"]q\x03]r\x04\x00\x00\x00]p5\n").memo, (3, 6));
        // A slot filled twice is one slot, and slots may be filled in any order.
        assert_eq!(scan(b"]q\x05]q\x05]q\x04]q\x03]\x94").memo, (3, 7));
    }

    #[test]
    fn takes_are_slots_of_earlier_segments() {
        assert_eq!(scan(b"]\x94h\x02h\x03h\x00g2\nj\x00\x00\x00\x00").takes, [0, 2]);
        assert_eq!(scan_segment(b"]\x94h\x04", 3), Err(ParseError::EmptyMemo { at: 2, index: 4 }));
    }

    #[test]
    fn globals_are_found_however_they_are_named() {
        assert_eq!(scan(b"cos\npath\n(ios\nstat\n").imports, ["os path", "os stat"]);
        assert_eq!(
            scan(b"\x8c\x02os\x94\x8c\x04path\x94\x93\x94h\x03\x8c\x04stat\x93h\x03h\x04\x93").imports,
            ["os path", "os stat"]
        );
        assert_eq!(scan(b"\x8c\x02osN0\x8c\x04path\x93").imports, ["? path"]);
    }

    #[test]
    fn strings_of_earlier_segments_are_known() -> Result<(), ParseError> {
        let mut scanner = Scanner::new(1);
        scanner.segment(b"\x8c\x02os\x94")?;
        let facts = scanner.segment(b"h\x01\x8c\x04path\x94\x93\x94")?;
        assert_eq!((facts.memo, facts.imports), ((2, 4), vec!["os path".to_owned()]));
        assert_eq!(facts.takes, [1]);
        Ok(())
    }

    #[test]
    fn a_scan_that_fails_leaves_the_scanner_as_it_was() -> Result<(), ParseError> {
        let mut scanner = Scanner::new(0);
        assert!(scanner.segment(b"\x8c\x02os\x94\xff").is_err());
        assert_eq!(scanner.memo_len(), 0);
        scanner.segment(b"]\x94")?;
        assert_eq!(scanner.segment(b"h\x00\x8c\x04path\x93")?.imports, ["? path"]);
        Ok(())
    }

    #[test]
    fn a_slot_that_is_filled_again_forgets_its_string() {
        assert_eq!(scan(b"\x8c\x02osq\x03]q\x03h\x03\x8c\x04path\x93").imports, ["? path"]);
    }

    #[test]
    fn code_is_known_by_what_makes_it() {
        assert!(scan(b"\x8c\x0adill._dill\x8c\x0c_create_code\x93").has_code);
        assert!(scan(b"ctypes\nCodeType\n").has_code);
        assert!(!scan(b"cos\npath\n").has_code);
    }

    #[test]
    fn code_is_known_by_what_makes_it_from_the_memo() -> Result<(), ParseError> {
        let mut scanner = Scanner::new(0);
        assert!(scanner.segment(b"ctypes\nCodeType\n\x94]\x94").is_ok_and(|facts| facts.has_code));
        assert!(scanner.segment(b"h\x00\x94").is_ok_and(|facts| facts.has_code));
        assert!(scanner.segment(b"h\x01").is_ok_and(|facts| !facts.has_code));
        assert!(scanner.segment(b"h\x02").is_ok_and(|facts| facts.has_code));
        // What a scan that failed has put there is forgotten.
        assert!(scanner.segment(b"h\x00\x94\xff").is_err());
        assert!(scanner.segment(b"]\x94h\x03").is_ok_and(|facts| !facts.has_code));
        Ok(())
    }
}
