//! Lets tests make the disk fail: every call that changes a file passes through [`point`], which does nothing outside
//! of this crate's unit tests.

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
        static FAIL_FROM: Cell<Option<u64>> = const { Cell::new(None) };
        static PASSED: Cell<u64> = const { Cell::new(0) };
    }

    /// Resets the counter; from then on, call `number` and all later ones fail on this thread, as on a full disk.
    pub(in super::super) fn fail_at(number: Option<u64>) {
        FAIL_FROM.set(number);
        PASSED.set(0);
    }

    /// The number of calls since the last [`fail_at`].
    pub(in super::super) fn passed() -> u64 {
        PASSED.get()
    }

    pub(in super::super) fn point() -> io::Result<()> {
        let number = PASSED.get();
        PASSED.set(number + 1);
        match FAIL_FROM.get() {
            Some(first) if number >= first => Err(io::Error::from(io::ErrorKind::StorageFull)),
            _ => Ok(()),
        }
    }
}
