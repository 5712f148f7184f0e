//! A writer with two owners: the saver, which begins and ends segments, and the pickler, which writes the opcodes.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::pickler::SegmentSink;
use crate::snapshot::atomic::signals;
use crate::snapshot::save_target::SaveTarget;
use crate::snapshot::writer::SnapshotWriter;

/// While a buffer of this many bytes or more is written, other threads may run.
const LONG_WRITE: usize = 4 << 20;

/// A writer that several owners use in turn.
///
/// The pickler is a Python object: a reducer of the script may keep it alive after the save. So [`take`](Self::take)
/// cannot wait until the saver is the only owner. It replaces the writer with `None`.
pub(super) struct SharedWriter<T: SaveTarget>(Arc<Mutex<Option<SnapshotWriter<T>>>>);

impl<T: SaveTarget> SharedWriter<T> {
    pub(super) fn new(writer: SnapshotWriter<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(writer))))
    }

    pub(super) fn with<R>(&self, action: impl FnOnce(&mut SnapshotWriter<T>) -> io::Result<R>) -> io::Result<R> {
        action(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().ok_or_else(already_taken)?)
    }

    pub(super) fn take(&self) -> io::Result<SnapshotWriter<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(already_taken)
    }
}

fn already_taken() -> io::Error {
    io::Error::other("the snapshot is already complete")
}

impl<T: SaveTarget> Clone for SharedWriter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: SaveTarget> SegmentSink for SharedWriter<T> {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        signals::check()?;
        self.with(|writer| writer.value(bytes))
    }

    fn take_buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        signals::check()?;
        if bytes.len() < LONG_WRITE {
            return self.with(|writer| writer.buffer(bytes));
        }
        // Other threads of the program run meanwhile. The buffer stays where it is: the pickler holds a view of it.
        Python::attach(|py| py.detach(|| self.with(|writer| writer.buffer(bytes))))
    }
}
