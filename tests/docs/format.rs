//! Checks the worked example of docs/format.md: the offsets and lengths that the page states, the hashes and the
//! signature. `session` uses its reader of hex dumps to write the example into the working directory.

use std::ops::Range;

use serde_json::Value;

use crate::page::Page;
use crate::repository;

/// As the page says: the passphrase that signed the example.
const PASSPHRASE: &str = "correct horse battery staple";
/// As the page says: the context in which BLAKE3 derives a key from a passphrase.
const CONTEXT: &str = "snapcli 2026-11-24 signing key from the passphrase in SNAPCLI_KEY";

/// The bytes that the output of `hexdump -C` shows; `None` if the contents are something else. A line `*` stands for
/// repetitions of the line before, up to the offset of the line after.
pub(crate) fn bytes_of_hexdump(contents: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut last_line = Vec::new();
    for line in contents.lines().filter(|line| *line != "*") {
        let (offset, rest) = line.split_once("  ").unwrap_or((line, "|"));
        let offset = usize::from_str_radix(offset, 16).ok()?;
        while bytes.len() < offset && !last_line.is_empty() {
            bytes.extend_from_slice(&last_line);
        }
        if bytes.len() != offset {
            return None;
        }
        let (hex, _) = rest.split_once('|')?;
        last_line = hex.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?;
        bytes.extend_from_slice(&last_line);
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// A row of the table that takes the example apart: a range of bytes and its description.
struct Row {
    bytes: Range<usize>,
    description: String,
}

fn example(page: &Page) -> (Vec<u8>, Vec<Row>) {
    let blocks = page.blocks();
    let dump = blocks.iter().find(|block| block.language == "hexdump").unwrap();
    let bytes = bytes_of_hexdump(&page.contents(dump)).unwrap();
    (bytes, page.lines().filter_map(row).collect())
}

/// `| 0x02d | 12 | variable n |`.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [offset, length, description] = cells[..] else { return None };
    let start = usize::from_str_radix(offset.strip_prefix("0x")?, 16).ok()?;
    let length: usize = length.parse().ok()?;
    Some(Row { bytes: start..start + length, description: description.to_owned() })
}

fn number(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes.try_into().unwrap()) as usize
}

fn hex_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

#[test]
fn the_example_is_taken_apart_to_the_last_byte() {
    let (bytes, rows) = example(&Page::read(&repository().join("docs/format.md")));
    let mut end = 0;
    for row in &rows {
        assert_eq!(row.bytes.start, end, "{}", row.description);
        end = row.bytes.end;
    }
    assert_eq!(end, bytes.len());
}

#[test]
fn the_example_has_the_trailer_that_the_page_describes() {
    let page = Page::read(&repository().join("docs/format.md"));
    let (bytes, rows) = example(&page);
    let (rest, trailer) = bytes.split_at(bytes.len() - 96);
    assert_eq!(&trailer[..8], b"SNAPCLI\x01");
    let index = number(&trailer[8..16])..number(&trailer[8..16]) + number(&trailer[16..24]);
    assert_eq!((index.end, number(&trailer[24..32])), (rest.len(), bytes.len()));
    assert!(rows.iter().any(|row| row.bytes == index));
    assert_eq!(trailer[32..64], *blake3::hash(&rest[index]).as_bytes());
    assert!(page.lines().any(|line| line == CONTEXT));
    let key = blake3::derive_key(CONTEXT, PASSPHRASE.as_bytes());
    let signature = blake3::keyed_hash(&key, &trailer[..64]);
    assert_eq!(trailer[64..88], signature.as_bytes()[..24]);
    assert_eq!(trailer[88..], blake3::hash(&trailer[64..88]).as_bytes()[..8]);
}

#[test]
fn the_index_of_the_example_agrees_with_the_table() {
    let (bytes, rows) = example(&Page::read(&repository().join("docs/format.md")));
    let start = number(&bytes[bytes.len() - 88..bytes.len() - 80]);
    let index: Value = serde_json::from_slice(&bytes[start..bytes.len() - 96]).unwrap();
    let at = |value: &Value, key: &str| value[key].as_u64().unwrap() as usize;
    let prelude = at(&index["stream"], "prelude");
    let mut outside = bytes[..prelude].to_vec();
    let mut end = prelude;
    for variable in index["variables"].as_array().unwrap() {
        let segment = at(variable, "offset")..at(variable, "offset") + at(variable, "length");
        assert_eq!(variable["blake3"], hex_of(&bytes[segment.clone()]), "{variable}");
        assert!(rows.iter().any(|row| row.bytes.start == segment.start), "{variable}");
        let mut opcodes = bytes[segment.clone()].to_vec();
        for buffer in variable["buffers"].as_array().into_iter().flatten() {
            let contents = at(buffer, "offset")..at(buffer, "offset") + at(buffer, "length");
            assert_eq!(contents.start % 64, 0);
            assert!(rows.iter().any(|row| row.bytes == contents), "{variable}");
            opcodes.drain(contents.start - segment.start..contents.end - segment.start);
            assert_eq!(variable["opcodes"], hex_of(&opcodes), "{variable}");
        }
        end = segment.end;
    }
    outside.extend_from_slice(&bytes[end..at(&index["stream"], "length")]);
    assert_eq!(index["stream"]["blake3"], hex_of(&outside));
}
