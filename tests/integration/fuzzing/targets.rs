//! What is done to bytes that are fuzzed, and what must hold of the outcome whatever they are. The fuzz crate in
//! `tests/fuzz` includes this file by its path, so that its targets and the short run in the tests do the same.
//!
//! A panic is a finding. The caller bounds time and memory: all that is done here takes about as much of both
//! as there are bytes.

use snapcli::internals::{
    Argument, Changes, Contents, FileFormat, Index, Machine, MachineError, Memory, Opcode, Parser, RawArray, SCHEMA,
    SIGNATURE, SessionReport, Snapshot, StackCheck, TRAILER, TableStyle, Trailer, Variable, Wanted, beyond_plain,
    changes, diff_report, intact_memo_slots, opcodes_around, scan_segment, verify, verify_report, write_annotations,
    write_failures, write_json, write_page, write_session, write_tree, write_verdict,
};

/// Steps every opcode, as a whole pickle and as a segment: what is stepped over adds up to what was read.
pub(crate) fn parser(bytes: &[u8]) {
    let (end, complete) = steps(Parser::new(bytes), bytes, 0);
    assert!(!complete || bytes[..end].ends_with(b"."), "a whole pickle ends with STOP");
    let base = 1 << 40;
    let (end, complete) = steps(Parser::segment(bytes, base), bytes, base);
    assert!(!complete || end == bytes.len(), "a segment ends with its bytes");
    let scanned = scan_segment(bytes, 3);
    assert!(complete || scanned.is_err(), "a scan reads the same opcodes");
}

/// Where the steps came to, and whether that was without an error.
fn steps(parser: Parser<'_>, bytes: &[u8], base: u64) -> (usize, bool) {
    let mut end = 0;
    let mut error = None;
    for op in parser {
        assert!(error.is_none(), "nothing follows an error");
        match op {
            Ok(op) => {
                assert_eq!(op.start, base + end as u64, "an opcode begins where the last one ended");
                assert_eq!(bytes.get(end), Some(&op.opcode.byte()));
                let length = usize::try_from(op.end - op.start).unwrap();
                assert!(length >= 1 && length <= bytes.len() - end, "it is no longer than there are bytes");
                assert!(argument_len(&op.argument) <= 2 * length, "its argument comes from its bytes");
                end += length;
            }
            Err(found) => error = Some(found.to_string()),
        }
    }
    (end, error.is_none())
}

/// The bytes that an argument holds, after all its texts were made readable.
fn argument_len(argument: &Argument<'_>) -> usize {
    match argument {
        Argument::Str(text) => {
            assert!(text.start(80).0.chars().count() <= 80);
            assert!(text.characters() <= text.bytes().len() as u64);
            text.lossy().len().min(text.bytes().len())
        }
        Argument::Name(module, name) => module.bytes().len() + name.bytes().len(),
        Argument::Bytes(bytes) => bytes.len(),
        Argument::OldStr(bytes) => bytes.len(),
        _ => 0,
    }
}

/// Follows a pickle as `inspect`, `verify` and the guard of `restore` do.
pub(crate) fn machine(bytes: &[u8]) {
    if is_packed(bytes) {
        return;
    }
    let followed = Machine::run(bytes);
    let raw = followed.as_ref().map_or(&[][..], |(machine, _)| machine.raw());
    // Where bytes of an array stand is told by the machine only.
    if followed.is_ok() || !has(bytes, b"NumpyArrayWrapper") {
        assert_eq!(balance(bytes, raw), followed.as_ref().map(drop).map_err(Clone::clone), "verify finds the same");
    }
    let _ = beyond_plain(bytes);
    let _ = intact_memo_slots(bytes, 3, 2);
    match Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed) {
        Ok(snapshot) => look(&snapshot),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// What `niffler` unpacks is not ours, and may by its own limit be a gigabyte.
fn is_packed(bytes: &[u8]) -> bool {
    [&b"\x1f\x8b"[..], b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"].iter().any(|magic| bytes.starts_with(magic))
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn balance(bytes: &[u8], raw: &[RawArray]) -> Result<(), MachineError> {
    let mut balance = StackCheck::new(0, 0);
    opcodes_around(bytes, raw).try_for_each(|op| balance.step(&op?))
}

/// Asks all that can be asked of a file that was opened, and writes it in every form.
fn look(snapshot: &Snapshot) {
    inspect(snapshot);
    check(snapshot);
    for variable in names(snapshot).iter().take(8) {
        if let Ok(Some(tree)) = snapshot.trace(variable) {
            written(|out| write_tree(out, &tree));
            is_json(&written_raw(|out| write_json(out, &tree)));
        }
    }
    if let Ok(found) = changes(snapshot, snapshot, &|_| {}) {
        assert!(found.changes.is_empty(), "a file is the same as itself: {found:?}");
    }
}

fn inspect(snapshot: &Snapshot) {
    let mut answer = SessionReport::of("file".to_owned(), snapshot).unwrap();
    answer.verdict = snapshot.verdict(true).unwrap();
    for (width, colour) in [(None, false), (Some(80), true)] {
        let look = TableStyle { width, colour, unicode: colour };
        let text = written_raw(|out| write_session(out, &answer, look, true));
        assert!(colour || is_plain(&text), "{:?}", String::from_utf8_lossy(&text));
    }
    written(|out| write_annotations(out, &answer));
    if let Some(verdict) = &answer.verdict {
        written(|out| write_verdict(out, verdict, true, false));
    }
    is_json(&written_raw(|out| write_json(out, &answer)));
    let page = written_raw(|out| write_page(out, &answer));
    assert_eq!(page.split(|byte| *byte == b'<').count(), tags(), "no text of the file is a tag");
    answer.keep_failures_only();
    written(|out| write_failures(out, &answer, true));
}

/// How many pieces a page is cut into by `<` that tells of nothing.
fn tags() -> usize {
    static TAGS: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| {
        let snapshot = Snapshot::from_bytes(b"N.".to_vec()).unwrap();
        let page = written_raw(|out| write_page(out, &SessionReport::of("file".to_owned(), &snapshot).unwrap()));
        page.split(|byte| *byte == b'<').count()
    });
    *TAGS
}

fn check(snapshot: &Snapshot) {
    let Ok(verified) = verify(snapshot, &|_| {}) else { return };
    let whole = verified.is_whole();
    match snapshot.contents() {
        Contents::Foreign { lost_index } => {
            assert_eq!(whole, !lost_index, "what was opened is whole: {verified:?}");
            snapshot.check(&|_| {}).unwrap();
        }
        Contents::Own { .. } => assert!(!whole || snapshot.check(&|_| {}).is_ok(), "what is whole has its hashes"),
    }
    let (format, bytes) = (Some(FileFormat::of(snapshot).unwrap()), Some(snapshot.file_len()));
    let answer =
        verify_report::VerifyReport { schema: SCHEMA, file: "file".to_owned(), format, bytes, whole, verified };
    written(|out| verify_report::write_text(out, &answer));
    is_json(&written_raw(|out| write_json(out, &answer)));
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    SessionReport::of(String::new(), snapshot)
        .unwrap()
        .index
        .variables
        .into_iter()
        .map(|variable| variable.name)
        .collect()
}

fn written_raw(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    out
}

/// A text for people, which has nothing in it that does something to a terminal.
fn written(write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) {
    let text = written_raw(write);
    assert!(is_plain(&text), "{:?}", String::from_utf8_lossy(&text));
}

fn is_plain(text: &[u8]) -> bool {
    std::str::from_utf8(text).unwrap().chars().all(|c| c == '\n' || !c.is_control())
}

fn is_json(text: &[u8]) {
    let _: serde_json::Value = serde_json::from_slice(text).unwrap();
}

/// Opens a file of ours as every command does: as it is, and with the hashes mended that would end it.
pub(crate) fn snapshot(bytes: &[u8]) {
    if is_packed(bytes) {
        return;
    }
    open(bytes);
    if let Ok((left, Some(_))) = Snapshot::partial_from_bytes(bytes) {
        look(&left);
    }
    let Some((pickle, json)) = parts(bytes) else { return };
    open(&sealed(pickle, json));
    if let Some(json) = mended(pickle, json) {
        open(&sealed(pickle, &json));
    }
}

fn open(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed) else { return };
    look(&snapshot);
    if let Contents::Own { index } = snapshot.contents() {
        fetch(&snapshot, index, true);
        fetch(&snapshot, index, false);
    }
}

/// Brings all raw buffers to memory, as `restore` does, or checks what is around them.
fn fetch(snapshot: &Snapshot, index: &Index, mapped: bool) {
    let length = |length: u64| usize::try_from(length).unwrap();
    let buffers = |variable: &Variable| variable.buffers.iter().map(|buffer| vec![0; length(buffer.length)]).collect();
    let mut memory: Vec<Vec<Vec<u8>>> = index.variables.iter().map(buffers).collect();
    let wanted = index.variables.iter().zip(&mut memory).map(|(variable, memory)| Wanted {
        variable,
        memory: match mapped {
            true => Memory::Mapped,
            false => Memory::Filled(memory.iter_mut().map(Vec::as_mut_slice).collect()),
        },
    });
    let damage = snapshot.fetch(index, wanted.collect(), &|_| {}).unwrap();
    assert_eq!(damage.whole.len() + damage.damaged.len(), index.variables.len(), "each one is told");
}

/// Pickle and index of a file, by its trailer, whose other fields may be anything.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, trailer) = bytes.split_last_chunk::<TRAILER>()?;
    let offset = u64::from_le_bytes(*trailer.get(8..)?.first_chunk()?);
    // The index that a mutation has moved is found by its first field.
    let found = || rest.windows(10).rposition(|window| window == b"{\"schema\":");
    let place = usize::try_from(offset).ok().filter(|place| rest.get(*place) == Some(&b'{')).or_else(found)?;
    rest.split_at_checked(place)
}

/// A file whose trailer is right.
fn sealed(pickle: &[u8], json: &[u8]) -> Vec<u8> {
    let trailer = Trailer {
        index_offset: pickle.len() as u64,
        index_length: json.len() as u64,
        index_hash: *blake3::hash(json).as_bytes(),
        signature: [0; SIGNATURE],
    };
    [pickle, json, &trailer.encode()].concat()
}

/// The index with the hashes and lengths that the pickle has, where its places are within it.
fn mended(pickle: &[u8], json: &[u8]) -> Option<Vec<u8>> {
    let mut index: Index = serde_json::from_slice(json).ok()?;
    index.stream.length = pickle.len() as u64;
    let stretch = |from: u64, to: u64| pickle.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
    let mut outside = blake3::Hasher::new();
    let mut end = 0;
    for variable in &mut index.variables {
        let segment = stretch(variable.offset, variable.offset.checked_add(variable.length)?)?;
        variable.blake3 = blake3::hash(segment).to_hex().to_string();
        outside.update(stretch(end, variable.offset)?);
        end = variable.offset + variable.length;
        if !variable.buffers.is_empty() {
            let (mut opcodes, mut from) = (blake3::Hasher::new(), variable.offset);
            for buffer in &variable.buffers {
                opcodes.update(stretch(from, buffer.offset)?);
                from = buffer.offset.checked_add(buffer.length)?;
            }
            opcodes.update(stretch(from, end)?);
            variable.opcodes = opcodes.finalize().to_hex().to_string();
        }
    }
    outside.update(stretch(end, pickle.len() as u64)?);
    index.stream.blake3 = outside.finalize().to_hex().to_string();
    serde_json::to_vec(&index).ok()
}

/// Compares two pickles, the second of which stands behind the first one's STOP.
pub(crate) fn diff(bytes: &[u8]) {
    let first = Parser::new(bytes).map_while(Result::ok).find(|op| op.opcode == Opcode::Stop);
    let Some(place) = first.and_then(|op| usize::try_from(op.end).ok()) else { return };
    let (first, second) = bytes.split_at(place);
    if is_packed(first) || is_packed(second) {
        return;
    }
    let open = |bytes: &[u8]| Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed).ok();
    let (Some(first), Some(second)) = (open(first), open(second)) else { return };
    let there = compared(&first, &second);
    let back = compared(&second, &first);
    assert_eq!(there.unchanged, back.unchanged, "as much is the same from either side: {there:?} {back:?}");
    assert_eq!(there.changes.len(), back.changes.len(), "as much is different from either side");
    for file in [&first, &second] {
        assert!(compared(file, file).changes.is_empty(), "a file is the same as itself");
    }
}

fn compared(before: &Snapshot, after: &Snapshot) -> Changes {
    let changes = changes(before, after, &|_| {}).map_err(|(_, error)| error).unwrap();
    let (same, copy) = (changes.changes.is_empty(), changes.clone());
    let [before, after] = ["before", "after"].map(str::to_owned);
    let answer = diff_report::DiffReport { schema: SCHEMA, before, after, same, changes };
    written(|out| diff_report::write_text(out, &answer));
    is_json(&written_raw(|out| write_json(out, &answer)));
    copy
}
