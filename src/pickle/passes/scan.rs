//! The slots and globals that a segment of snapcli's own stream needs from outside, and the slots that it provides to
//! later segments: one pass over its opcodes.
//!
//! A save runs the scan over everything that it writes, so it keeps no more than it must: the number of memo slots,
//! the memoized strings that can be part of the name of a global, and the memoized globals that make code objects. It
//! does not follow the stack beyond the last two strings; [`crate::pickle::machine`] does.

use std::collections::{HashMap, HashSet};

use super::filled_slots::FilledSlots;
use crate::pickle::format::opcode::{MemoUse, Opcode};
use crate::pickle::format::parse::{Argument, Op, ParseError, Parser};
use crate::pickle::format::py_str::PyStr;
use crate::pickle::known;

/// The facts that a scan finds in a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentFacts {
    /// The memo slots that it fills: the first one, and the one after the last.
    pub memo: (u64, u64),
    /// The slots of earlier segments that it reads, ascending, each once.
    pub takes: Vec<u64>,
    /// The globals that loading it looks up, as `module name`, in order of appearance, each once. `?` replaces a module
    /// or name that is not a string right before its use; snapcli's pickler never writes that.
    pub imports: Vec<String>,
    /// Whether it contains code objects, which only the same minor version of Python can load.
    pub has_code: bool,
}

/// Scans one segment on its own: the strings in the slots before `memo_start` are unknown.
pub fn scan_segment(bytes: &[u8], memo_start: u64) -> Result<SegmentFacts, ParseError> {
    Scanner::new(memo_start).segment(bytes)
}

/// Scans the segments of a stream in order.
#[derive(Debug, Default)]
pub(crate) struct Scanner {
    memo_len: u64,
    known: KnownSlots,
}

/// The facts about the memo slots of earlier segments that later ones need.
#[derive(Debug, Default)]
struct KnownSlots {
    strings: NameStrings,
    /// Slots that hold a global that makes code objects.
    code_makers: HashSet<u64>,
}

impl Scanner {
    /// A scanner for a stream whose first `memo_start` memo slots are filled already.
    pub(crate) fn new(memo_start: u64) -> Self {
        Self { memo_len: memo_start, known: KnownSlots::default() }
    }

    /// Skips a segment that cannot be scanned and that, by the index, fills the slots before `memo_end`.
    pub(crate) fn skip_to(&mut self, memo_end: u64) {
        self.memo_len = self.memo_len.max(memo_end);
    }

    /// Scans the next segment: opcodes without PROTO and STOP. An error leaves the scanner as it was.
    pub(crate) fn segment(&mut self, bytes: &[u8]) -> Result<SegmentFacts, ParseError> {
        self.segment_at(bytes, 0)
    }

    /// As [`segment`](Self::segment), for a segment at offset `base` of its file.
    pub(crate) fn segment_at(&mut self, bytes: &[u8], base: u64) -> Result<SegmentFacts, ParseError> {
        let first = self.memo_len;
        let scanned = SegmentScan::new(&mut self.known, first).run(bytes, base);
        match &scanned {
            Ok(facts) => self.memo_len = facts.memo.1,
            Err(_) => {
                // A failed segment is rolled back, and later ones fill its slots again.
                self.known.strings.truncate(first);
                self.known.code_makers.retain(|slot| *slot < first);
            }
        }
        scanned
    }
}

struct SegmentScan<'s, 'a> {
    known: &'s mut KnownSlots,
    first: u64,
    memo: FilledSlots,
    /// Whether a global that makes code objects is on top of the stack.
    code_maker: bool,
    /// The last two strings that were pushed, unless something else was pushed since.
    recent: [Option<RecentString<'a>>; 2],
    takes: HashSet<u64>,
    imports: Vec<String>,
    imported: HashSet<String>,
    has_code: bool,
}

/// A string on top of the stack.
enum RecentString<'a> {
    Literal(PyStr<'a>),
    Memo(u64),
}

impl<'s, 'a> SegmentScan<'s, 'a> {
    fn new(known: &'s mut KnownSlots, first: u64) -> Self {
        let memo = FilledSlots::new(first);
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
        match op.opcode.memo() {
            MemoUse::Unused => {}
            // MEMOIZE has no index: it fills the next slot.
            MemoUse::Writes => {
                self.put(op.argument.index().unwrap_or_else(|| self.memo.len()));
                return Ok(());
            }
            MemoUse::Reads => return self.get(op.argument.index().unwrap_or(u64::MAX), op.start),
        }
        match (op.opcode, op.argument) {
            // These do not change the stack.
            (Opcode::Frame | Opcode::Proto, _) => {}
            (Opcode::StackGlobal, _) => {
                let [module, name] = std::mem::take(&mut self.recent);
                let (module, name) = (self.name_of(module.as_ref()), self.name_of(name.as_ref()));
                self.import(&module, &name);
            }
            (_, Argument::Name(module, name)) => {
                self.import(&module.lossy(), &name.lossy());
            }
            // PERSID has a string, too, but pushes the object that `persistent_load` returns for it.
            (opcode, Argument::Str(string)) if opcode != Opcode::PersId => self.pushed(RecentString::Literal(string)),
            _ => self.pushed_other(),
        }
        Ok(())
    }

    fn pushed(&mut self, string: RecentString<'a>) {
        // The last string becomes the one before the last.
        self.recent.swap(0, 1);
        self.recent[1] = Some(string);
        self.code_maker = false;
    }

    fn pushed_other(&mut self) {
        self.recent = [None, None];
        self.code_maker = false;
    }

    /// The value on top of the stack is stored in a slot.
    fn put(&mut self, slot: u64) {
        // A slot can be filled again, so all three notes about it are replaced.
        self.memo.fill(slot);
        if self.code_maker {
            self.known.code_makers.insert(slot);
        } else {
            self.known.code_makers.remove(&slot);
        }
        match &self.recent[1] {
            Some(RecentString::Literal(string)) => self.known.strings.put(slot, string.as_str()),
            Some(RecentString::Memo(from)) => self.known.strings.copy(slot, *from),
            None => self.known.strings.put(slot, None),
        }
    }

    fn get(&mut self, slot: u64, at: u64) -> Result<(), ParseError> {
        if !self.memo.is_filled(slot) {
            return Err(ParseError::EmptyMemo { at, index: slot });
        }
        // Values of this segment are not taken from outside.
        if slot < self.first {
            self.takes.insert(slot);
        }
        self.pushed(RecentString::Memo(slot));
        self.code_maker = self.known.code_makers.contains(&slot);
        self.has_code |= self.code_maker;
        Ok(())
    }

    fn name_of(&self, string: Option<&RecentString<'a>>) -> String {
        let name = match string {
            Some(RecentString::Literal(name)) => Some(name.lossy().into_owned()),
            Some(RecentString::Memo(slot)) => self.known.strings.get(*slot).map(str::to_owned),
            None => None,
        };
        name.unwrap_or_else(|| "?".to_owned())
    }

    fn import(&mut self, module: &str, name: &str) {
        self.pushed_other();
        self.code_maker = known::makes_code(module, name);
        self.has_code |= self.code_maker;
        // The global itself is now on top of the stack, and not a string.
        let import = format!("{module} {name}");
        // The list keeps the order, the set finds repetitions.
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

/// The memoized strings that can be names of modules and globals, by slot, all in one allocation.
#[derive(Debug, Default)]
struct NameStrings {
    /// Offset and length in `joined`.
    ranges: HashMap<u64, (usize, u8)>,
    joined: String,
    /// The slot after the highest one with a string.
    end: u64,
}

impl NameStrings {
    fn get(&self, slot: u64) -> Option<&str> {
        let (start, length) = *self.ranges.get(&slot)?;
        self.joined.get(start..start.checked_add(usize::from(length))?)
    }

    fn put(&mut self, slot: u64, string: Option<&str>) {
        match string.filter(|string| can_be_a_name(string)).map(|string| (string, u8::try_from(string.len()))) {
            Some((string, Ok(length))) => {
                self.set(slot, (self.joined.len(), length));
                self.joined.push_str(string);
            }
            _ => self.forget(slot),
        }
    }

    fn copy(&mut self, slot: u64, from: u64) {
        match self.ranges.get(&from).copied() {
            Some(range) => self.set(slot, range),
            None => self.forget(slot),
        }
    }

    fn set(&mut self, slot: u64, range: (usize, u8)) {
        self.ranges.insert(slot, range);
        self.end = self.end.max(slot.saturating_add(1));
    }

    /// The slot holds another value now. MEMOIZE only fills new slots, so a look-up is rarely needed.
    fn forget(&mut self, slot: u64) {
        if slot < self.end {
            self.ranges.remove(&slot);
        }
    }

    /// Forgets this slot and all after it.
    fn truncate(&mut self, slot: u64) {
        self.ranges.retain(|known, _| *known < slot);
    }
}

/// Module names and qualified names, such as `f.<locals>.g`, contain no blanks or control characters.
fn can_be_a_name(string: &str) -> bool {
    !string.is_empty() && string.bytes().all(|byte| byte > b' ')
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
    fn slots_of_earlier_segments_are_listed() {
        assert_eq!(scan(b"]\x94h\x02h\x03h\x00g2\nj\x00\x00\x00\x00").takes, [0, 2]);
        assert_eq!(scan_segment(b"]\x94h\x04", 3), Err(ParseError::EmptyMemo { at: 2, index: 4 }));
    }

    #[test]
    fn globals_of_every_opcode_are_listed() {
        assert_eq!(scan(b"cos\npath\n(ios\nstat\n").imports, ["os path", "os stat"]);
        assert_eq!(
            scan(b"\x8c\x02os\x94\x8c\x04path\x94\x93\x94h\x03\x8c\x04stat\x93h\x03h\x04\x93").imports,
            ["os path", "os stat"]
        );
        assert_eq!(scan(b"\x8c\x02osN0\x8c\x04path\x93").imports, ["? path"]);
    }

    #[test]
    fn strings_of_earlier_segments_are_used() -> Result<(), ParseError> {
        let mut scanner = Scanner::new(1);
        scanner.segment(b"\x8c\x02os\x94")?;
        let facts = scanner.segment(b"h\x01\x8c\x04path\x94\x93\x94")?;
        assert_eq!((facts.memo, facts.imports), ((2, 4), vec!["os path".to_owned()]));
        assert_eq!(facts.takes, [1]);
        Ok(())
    }

    #[test]
    fn a_failed_scan_leaves_the_scanner_as_it_was() -> Result<(), ParseError> {
        let mut scanner = Scanner::new(0);
        assert!(scanner.segment(b"\x8c\x02os\x94\xff").is_err());
        assert_eq!(scanner.memo_len, 0);
        scanner.segment(b"]\x94")?;
        assert_eq!(scanner.segment(b"h\x00\x8c\x04path\x93")?.imports, ["? path"]);
        Ok(())
    }

    #[test]
    fn a_slot_that_is_overwritten_forgets_its_string() {
        assert_eq!(scan(b"\x8c\x02osq\x03]q\x03h\x03\x8c\x04path\x93").imports, ["? path"]);
    }

    #[test]
    fn code_is_found_by_its_makers() {
        assert!(scan(b"\x8c\x0adill._dill\x8c\x0c_create_code\x93").has_code);
        assert!(scan(b"ctypes\nCodeType\n").has_code);
        assert!(!scan(b"cos\npath\n").has_code);
    }

    #[test]
    fn code_is_found_by_memoized_makers() -> Result<(), ParseError> {
        let mut scanner = Scanner::new(0);
        assert!(scanner.segment(b"ctypes\nCodeType\n\x94]\x94").is_ok_and(|facts| facts.has_code));
        assert!(scanner.segment(b"h\x00\x94").is_ok_and(|facts| facts.has_code));
        assert!(scanner.segment(b"h\x01").is_ok_and(|facts| !facts.has_code));
        assert!(scanner.segment(b"h\x02").is_ok_and(|facts| facts.has_code));
        // Slots that a failed scan has filled are forgotten.
        assert!(scanner.segment(b"h\x00\x94\xff").is_err());
        assert!(scanner.segment(b"]\x94h\x03").is_ok_and(|facts| !facts.has_code));
        Ok(())
    }
}
