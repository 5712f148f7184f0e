//! The fuzz targets: they read arbitrary bytes, and assert what must hold for any input. The fuzz crate in `tests/fuzz`
//! includes this file by its path, so that the fuzzer and the short run in the tests do the same.
//!
//! A panic is a finding. The caller limits time and memory: both must stay proportional to the length of the input.

use snapcli::internals::{
    Argument, Changes, Contents, DiffAnswer, FileFormat, Index, Machine, MachineError, Memory, Opcode, PageContents,
    Parser, PartPiece, RawArray, SIGNATURE, SessionAnswer, SessionReport, Snapshot, StackCheck, TRAILER, TableStyle,
    TraceAnswer, Trailer, ValueSpans, Variable, VerdictClass, VerifyAnswer, Wanted, beyond_plain, changes, diff_report,
    opcodes_around, scan_segment, verify, verify_report, walk_plan, write_annotations, write_failures, write_json,
    write_page, write_session, write_tree, write_verdict,
};

/// Parses the bytes as a complete pickle and as a segment: the lengths of the opcodes must add up to the bytes read.
pub(crate) fn parser(bytes: &[u8]) {
    let (end, complete) = steps(Parser::new(bytes), bytes, 0);
    assert!(!complete || bytes[..end].ends_with(b"."), "a whole pickle ends with STOP");
    let base = 1 << 40;
    let (end, complete) = steps(Parser::segment(bytes, base), bytes, base);
    assert!(!complete || end == bytes.len(), "a segment ends with its bytes");
    let scanned = scan_segment(bytes, 3);
    assert!(complete || scanned.is_err(), "a scan reads the same opcodes");
}

/// The offset that the parser reached, and whether it met no error.
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
                assert!(length >= 1 && length <= bytes.len() - end, "it ends within the bytes");
                assert!(argument_len(&op.argument) <= 2 * length, "its argument comes from its bytes");
                end += length;
            }
            Err(found) => error = Some(found.to_string()),
        }
    }
    (end, error.is_none())
}

/// The length of an argument in bytes. Also converts its strings for display, which must not fail.
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

/// Runs the pickle machine as `inspect`, `verify` and the guard of `restore` do.
pub(crate) fn machine(bytes: &[u8]) {
    if is_packed(bytes) {
        return;
    }
    let followed = Machine::run(bytes);
    let raw = followed.as_ref().map_or(&[][..], |(machine, _)| machine.raw());
    // Only the machine knows where the bytes of a joblib array are.
    if followed.is_ok() || !has(bytes, b"NumpyArrayWrapper") {
        assert_eq!(balance(bytes, raw), followed.as_ref().map(drop).map_err(Clone::clone), "verify finds the same");
    }
    let _ = beyond_plain(bytes);
    value_spans(bytes);
    match Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed) {
        Ok(snapshot) => inspect_all(&snapshot),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Plans what an untrusted load builds: each step can be carried out, and a file is plain data if there is a plan.
pub(crate) fn plan(bytes: &[u8]) {
    let steps = walk_plan(bytes).unwrap();
    if steps.is_some() {
        assert_eq!(beyond_plain(bytes), [], "what is built is plain data");
        assert!(Machine::run(bytes).is_ok());
    }
    if is_packed(bytes) {
        return;
    }
    let Ok(snapshot) = Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed) else { return };
    let verdict = snapshot.verdict(false).unwrap();
    if let (Contents::Foreign { .. }, Some(verdict)) = (snapshot.contents(), verdict) {
        assert_eq!(verdict.class == VerdictClass::Plain, steps.is_some(), "{verdict:?}");
    }
}

/// Cuts single objects out of a segment: what is left is balanced, and reads no slot that is not filled.
fn value_spans(bytes: &[u8]) {
    let Ok(spans) = ValueSpans::new(bytes, 3) else { return };
    let all: Vec<u64> = (3..spans.memo_end()).collect();
    for slots in all.chunks(1).take(16).chain([&all[..], &all[all.len() / 2..]]) {
        let Some(pieces) = spans.pieces(bytes, &spans.part(bytes, slots)) else { continue };
        let mut balance = StackCheck::new(0, spans.memo_end());
        let opcodes = pieces.iter().flat_map(|piece| match piece {
            PartPiece::Opcodes(opcodes) => opcodes.as_slice(),
            PartPiece::Segment(range) => &bytes[range.clone()],
        });
        let opcodes: Vec<u8> = opcodes.copied().collect();
        Parser::segment(&opcodes, 0).try_for_each(|op| balance.step(&op.unwrap())).unwrap();
        assert!(balance.is(1), "an object is left: None");
    }
}

/// Skips compressed input: `niffler` unpacks it, up to a limit of a gigabyte, and the old lzma format takes memory.
fn is_packed(bytes: &[u8]) -> bool {
    [&b"\x1f\x8b"[..], b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"]\0\0"]
        .iter()
        .any(|magic| bytes.starts_with(magic))
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}

fn balance(bytes: &[u8], raw: &[RawArray]) -> Result<(), MachineError> {
    let mut balance = StackCheck::new(0, 0);
    opcodes_around(bytes, raw).try_for_each(|op| balance.step(&op?))
}

/// Calls everything that inspects an open file, and writes each result in every format.
fn inspect_all(snapshot: &Snapshot) {
    inspect(snapshot);
    check(snapshot);
    for variable in names(snapshot).iter().take(8) {
        if let Ok(Some(tree)) = snapshot.trace(variable) {
            written(|out| write_tree(out, &tree, TableStyle::PLAIN));
            is_json(&written_raw(|out| write_json(out, &TraceAnswer::of(variable, &tree, None))));
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
        let style = TableStyle { width, colour, unicode: colour };
        let text = written_raw(|out| write_session(out, &answer, style, true));
        assert!(colour || is_plain(&text), "{:?}", String::from_utf8_lossy(&text));
    }
    written(|out| write_annotations(out, &answer));
    if let Some(verdict) = &answer.verdict {
        written(|out| write_verdict(out, verdict, true, TableStyle::PLAIN));
    }
    is_json(&written_raw(|out| write_json(out, &SessionAnswer::of(&answer, None))));
    let trees = snapshot.traces(&names(snapshot).iter().map(String::as_str).collect::<Vec<_>>()).unwrap_or_default();
    let contents = PageContents { trees, ..PageContents::default() };
    let page = written_raw(|out| write_page(out, &answer, &contents));
    assert_eq!(page.split(|byte| *byte == b'<').count(), tags(), "no string of the file is a tag");
    answer.keep_failures_only();
    written(|out| write_failures(out, &answer, TableStyle::PLAIN, true));
}

/// The number of pieces that `<` cuts a page without any file data into.
fn tags() -> usize {
    static TAGS: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| {
        let snapshot = Snapshot::from_bytes(b"N.".to_vec()).unwrap();
        let page = written_raw(|out| {
            write_page(out, &SessionReport::of("file".to_owned(), &snapshot).unwrap(), &PageContents::default())
        });
        page.split(|byte| *byte == b'<').count()
    });
    *TAGS
}

fn check(snapshot: &Snapshot) {
    let Ok(verified) = verify(snapshot, &|_| {}) else { return };
    let whole = verified.is_whole();
    match snapshot.contents() {
        Contents::Foreign { lost_index } => {
            assert_eq!(whole, !lost_index, "a file that opened is intact: {verified:?}");
            snapshot.check(&|_| {}).unwrap();
        }
        Contents::Own { .. } => assert!(!whole || snapshot.check(&|_| {}).is_ok(), "an intact file matches its hashes"),
    }
    let (format, bytes) = (Some(FileFormat::of(snapshot).unwrap()), Some(snapshot.file_len()));
    let answer = verify_report::VerifyReport { file: "file".to_owned(), format, bytes, whole, verified };
    written(|out| verify_report::write_text(out, &answer, TableStyle::PLAIN));
    is_json(&written_raw(|out| write_json(out, &VerifyAnswer::of(&answer, None))));
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

/// Writes terminal output, which must not hold control characters.
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

/// Opens a snapshot as every command does: as it is, and with its hashes corrected, so that the reader goes on.
pub(crate) fn snapshot(bytes: &[u8]) {
    if is_packed(bytes) {
        return;
    }
    open(bytes);
    if let Ok((left, Some(_))) = Snapshot::partial_from_bytes(bytes, None) {
        inspect_all(&left);
    }
    let Some((pickle, json)) = parts(bytes) else { return };
    open(&sealed(pickle, json));
    if let Some(json) = with_correct_hashes(pickle, json) {
        open(&sealed(pickle, &json));
    }
}

fn open(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed) else { return };
    inspect_all(&snapshot);
    if let Contents::Own { index } = snapshot.contents() {
        fetch(&snapshot, index, true);
        fetch(&snapshot, index, false);
    }
}

/// Reads all raw buffers into memory, as `restore` does, or, for `mapped`, only checks the bytes around them.
fn fetch(snapshot: &Snapshot, index: &Index, mapped: bool) {
    let length = |length: u64| usize::try_from(length).unwrap();
    let buffers = |variable: &Variable| variable.buffers.iter().map(|buffer| vec![0; length(buffer.length)]).collect();
    let mut memory: Vec<Vec<Vec<u8>>> = index.variables.iter().map(buffers).collect();
    let wanted = index.variables.iter().zip(&mut memory).map(|(variable, memory)| Wanted {
        variable,
        role: Default::default(),
        memory: match mapped {
            true => Memory::Mapped,
            false => Memory::Filled(memory.iter_mut().map(Vec::as_mut_slice).collect()),
        },
    });
    let damage = snapshot.fetch(index, wanted.collect(), &|_| {}).unwrap();
    assert_eq!(damage.whole.len() + damage.damaged.len(), index.variables.len(), "each variable is reported");
}

/// Splits a file into pickle and index by the offset in its trailer; the other fields may hold anything.
fn parts(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (rest, trailer) = bytes.split_last_chunk::<TRAILER>()?;
    let offset = u64::from_le_bytes(*trailer.get(8..)?.first_chunk()?);
    // If a mutation moved the index, it is found by its first field.
    let found = || rest.windows(10).rposition(|window| window == b"{\"schema\":");
    let boundary = usize::try_from(offset).ok().filter(|boundary| rest.get(*boundary) == Some(&b'{')).or_else(found)?;
    rest.split_at_checked(boundary)
}

/// Joins pickle and index, with a valid trailer.
fn sealed(pickle: &[u8], json: &[u8]) -> Vec<u8> {
    let trailer = Trailer {
        index_offset: pickle.len() as u64,
        index_length: json.len() as u64,
        index_hash: *blake3::hash(json).as_bytes(),
        signature: [0; SIGNATURE],
    };
    [pickle, json, &trailer.encode()].concat()
}

/// The index with the hashes and lengths of the pickle. `None` if an offset is outside the pickle.
fn with_correct_hashes(pickle: &[u8], json: &[u8]) -> Option<Vec<u8>> {
    let mut index: Index = serde_json::from_slice(json).ok()?;
    index.stream.length = pickle.len() as u64;
    let range = |from: u64, to: u64| pickle.get(usize::try_from(from).ok()?..usize::try_from(to).ok()?);
    let mut outside = blake3::Hasher::new();
    let mut end = 0;
    for variable in &mut index.variables {
        let segment = range(variable.offset, variable.offset.checked_add(variable.length)?)?;
        variable.blake3 = blake3::hash(segment).to_hex().to_string();
        outside.update(range(end, variable.offset)?);
        end = variable.offset + variable.length;
        if !variable.buffers.is_empty() {
            let (mut opcodes, mut from) = (blake3::Hasher::new(), variable.offset);
            for buffer in &variable.buffers {
                opcodes.update(range(from, buffer.offset)?);
                from = buffer.offset.checked_add(buffer.length)?;
            }
            opcodes.update(range(from, end)?);
            variable.opcodes = opcodes.finalize().to_hex().to_string();
        }
    }
    outside.update(range(end, pickle.len() as u64)?);
    index.stream.blake3 = outside.finalize().to_hex().to_string();
    serde_json::to_vec(&index).ok()
}

/// Compares two pickles; the second starts after the STOP of the first.
pub(crate) fn diff(bytes: &[u8]) {
    let first = Parser::new(bytes).map_while(Result::ok).find(|op| op.opcode == Opcode::Stop);
    let Some(boundary) = first.and_then(|op| usize::try_from(op.end).ok()) else { return };
    let (first, second) = bytes.split_at(boundary);
    if is_packed(first) || is_packed(second) {
        return;
    }
    let open = |bytes: &[u8]| Snapshot::from_bytes(bytes.to_vec()).and_then(Snapshot::followed).ok();
    let (Some(first), Some(second)) = (open(first), open(second)) else { return };
    let there = compared(&first, &second);
    let back = compared(&second, &first);
    assert_eq!(there.unchanged, back.unchanged, "the same number is unchanged in both directions: {there:?} {back:?}");
    assert_eq!(there.changes.len(), back.changes.len(), "the same number differs in both directions");
    for file in [&first, &second] {
        assert!(compared(file, file).changes.is_empty(), "a file is the same as itself");
    }
}

fn compared(before: &Snapshot, after: &Snapshot) -> Changes {
    let changes = changes(before, after, &|_| {}).map_err(|(_, error)| error).unwrap();
    let (same, copy) = (changes.changes.is_empty(), changes.clone());
    let [before, after] = ["before", "after"].map(str::to_owned);
    let answer = diff_report::DiffReport { before, after, same, changes };
    written(|out| diff_report::write_text(out, &answer, TableStyle::PLAIN));
    is_json(&written_raw(|out| write_json(out, &DiffAnswer::of(&answer, [None, None]))));
    copy
}
