//! The writer of a snapshot, shared with the pickler that fills it: opcodes go to the file as they are made.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use crate::pickler::Sink;
use crate::snapshot::signals;
use crate::snapshot::target::Target;
use crate::snapshot::writer::Writer;

/// One writer with two owners: the save, which begins and ends segments, and the pickler.
pub(super) struct SharedWriter<T: Target>(Arc<Mutex<Option<Writer<T>>>>);

impl<T: Target> SharedWriter<T> {
    pub(super) fn new(writer: Writer<T>) -> Self {
        Self(Arc::new(Mutex::new(Some(writer))))
    }

    /// Does something with the writer.
    pub(super) fn with<R>(&self, action: impl FnOnce(&mut Writer<T>) -> io::Result<R>) -> io::Result<R> {
        action(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut().ok_or_else(taken)?)
    }

    /// Takes the writer away from both.
    pub(super) fn take(&self) -> io::Result<Writer<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(taken)
    }
}

fn taken() -> io::Error {
    io::Error::other("the snapshot is complete already")
}

impl<T: Target> Clone for SharedWriter<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Target + Send> Sink for SharedWriter<T> {
    fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        signals::check()?;
        self.with(|writer| writer.value(bytes))
    }

    fn take_buffer(&mut self, bytes: &[u8]) -> io::Result<()> {
        signals::check()?;
        self.with(|writer| writer.buffer(bytes))
    }
}
