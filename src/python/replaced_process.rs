//! Replaces this process with another program, and keeps the environment as it is: the order of its variables, and
//! entries that are no variables, which a script may see. `std::process::Command` sorts the variables by name.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr, OsString, c_char};
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::ptr::null;

unsafe extern "C" {
    /// The environment of this process.
    static environ: *const *const c_char;
}

/// The program that is to run in this process, and what its environment has that this one has not.
pub(super) struct NextProgram {
    path: OsString,
    /// `argv`, with the name of the program.
    words: Vec<OsString>,
    changed: Vec<(OsString, OsString)>,
}

impl NextProgram {
    /// Takes a path that contains a slash: `PATH` is not searched.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.into(), words: vec![path.into()], changed: Vec::new() }
    }

    /// Sets `argv[0]`, which is the path otherwise.
    pub(super) fn name(&mut self, name: impl Into<OsString>) {
        self.words.splice(..1, [name.into()]);
    }

    pub(super) fn args(&mut self, words: impl IntoIterator<Item = impl Into<OsString>>) {
        self.words.extend(words.into_iter().map(Into::into));
    }

    /// Sets an environment variable where it is, or as the last one.
    pub(super) fn env(&mut self, name: &str, value: impl Into<OsString>) {
        self.changed.push((name.into(), value.into()));
    }

    /// Executes the program. Returns only on failure.
    pub(super) fn execute(self) -> io::Error {
        self.try_execute().err().unwrap_or_else(io::Error::last_os_error)
    }

    fn try_execute(self) -> io::Result<()> {
        let environment = changed_environment(inherited(), self.changed);
        let environment = environment.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let words = self.words.into_iter().map(c_string).collect::<io::Result<Vec<_>>>()?;
        let path = c_string(self.path)?;
        let (words, environment) = (pointers(&words), pointers(&environment));
        // Rust's runtime ignores it, and programs expect the default, as `Command` does.
        // SAFETY: sets the default action, which is always valid.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        // SAFETY: a C string, and two lists of C strings that end with null.
        unsafe { libc::execve(path.as_ptr(), words.as_ptr(), environment.as_ptr()) };
        let error = io::Error::last_os_error();
        // SAFETY: as above. This process goes on, and reports the error.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        Err(error)
    }
}

/// The entries of this process's environment, in their order.
fn inherited() -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    // SAFETY: a global variable of the C library.
    let mut next = unsafe { environ };
    loop {
        // SAFETY: null, or a list that ends with null; no other thread changes it, as this process starts and ends.
        let entry = if next.is_null() { null() } else { unsafe { *next } };
        if entry.is_null() {
            return entries;
        }
        // SAFETY: an entry is a C string.
        entries.push(unsafe { CStr::from_ptr(entry) }.to_bytes().to_vec());
        // SAFETY: the list has at least one more element, which may be null.
        next = unsafe { next.add(1) };
    }
}

/// An environment with these variables set.
fn changed_environment(mut entries: Vec<Vec<u8>>, changed: Vec<(OsString, OsString)>) -> Vec<Vec<u8>> {
    for (name, value) in changed {
        let mut start = name.into_vec();
        start.push(b'=');
        let mut assignment = Some([start.clone(), value.into_vec()].concat());
        let mut kept = Vec::with_capacity(entries.len() + 1);
        for entry in entries {
            // A name may be there twice. The loader takes the last value, Python the first one.
            if entry.starts_with(&start) { kept.extend(assignment.take()) } else { kept.push(entry) }
        }
        kept.extend(assignment);
        entries = kept;
    }
    entries
}

fn c_string(text: impl AsRef<OsStr>) -> io::Result<CString> {
    Ok(CString::new(text.as_ref().to_owned().into_vec())?)
}

fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([null()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_set_in_its_place_or_at_the_end() {
        let entries = ["Z=1", "no variable", "LD=/a", "A=2", "LD=/b"].map(|entry| entry.as_bytes().to_vec());
        let changed = vec![("LD".into(), "/x:/a".into()), ("NEW".into(), "3".into())];
        let expected = ["Z=1", "no variable", "LD=/x:/a", "A=2", "NEW=3"].map(|entry| entry.as_bytes().to_vec());
        assert_eq!(changed_environment(entries.to_vec(), changed), expected);
    }
}
