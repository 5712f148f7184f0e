//! Where a test makes the disk fail: every call that changes a file passes here. Outside of this crate's own tests it is
//! nothing at all.

#[cfg(not(test))]
#[inline]
#[allow(clippy::unnecessary_wraps, reason = "it fails in tests")]
pub(super) fn point() -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(super) use under_test::{fail_at, passed, point};

#[cfg(test)]
mod under_test {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
        static PASSED: Cell<u64> = const { Cell::new(0) };
    }

    /// From now on, the call with this number fails on this thread, and all behind it, as on a disk that is full or gone.
    pub(in super::super) fn fail_at(number: Option<u64>) {
        LEFT.set(number);
        PASSED.set(0);
    }

    /// How many calls there were.
    pub(in super::super) fn passed() -> u64 {
        PASSED.get()
    }

    pub(in super::super) fn point() -> io::Result<()> {
        let number = PASSED.get();
        PASSED.set(number + 1);
        match LEFT.get() {
            Some(failing) if number >= failing => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(()),
        }
    }
}
