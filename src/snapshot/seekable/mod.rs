//! Compressed snapshots: seekable zstd, of which any part can be read without the rest.
//!
//! The format is that of zstd's `contrib/seekable_format`: independent frames, and a skippable frame at the end that
//! lists their lengths. Any other program decompresses it as one zstd file, to the bytes of the uncompressed snapshot.
//! [`SeekableTarget`] writes such files, and [`SeekableFile`] reads them.

mod frame_compressor;
mod frame_walk;
mod seek_table;
mod seekable_file;
mod seekable_target;
#[cfg(all(test, feature = "python"))]
mod seekable_tests;

pub(super) use self::seek_table::SKIPPABLE;
pub(super) use self::seekable_file::{PackedBytes, SeekableFile, Strictness};
pub(crate) use self::seekable_target::SeekableTarget;

use std::path::Path;

/// The level of zstd for those who name none.
pub(crate) const USUAL_LEVEL: i32 = 3;
/// The lowest and the highest level.
pub(crate) const LEVELS: (i32, i32) = (-7, 22);

/// The level with which a file is compressed: the one that was asked for, or the usual one if its name ends in `.zst`.
pub(crate) fn level_for(file: &Path, asked: Option<i32>) -> Option<i32> {
    asked.or_else(|| is_named_so(file).then_some(USUAL_LEVEL))
}

/// Whether a path is named as zstd files are.
pub(crate) fn is_named_so(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zst"))
}

/// Most of the data of a frame, in bytes.
const FRAME: usize = 1 << 20;
