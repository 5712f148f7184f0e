//! What is known about a Python interpreter. `probe` fills it, `discover` chooses one, and `libpython` and `launch` use
//! it.
//!
//! It is stored in the cache of known Pythons, and passed to a second start of the program.

use std::path::PathBuf;

use super::preload;

use serde::{Deserialize, Serialize};

/// The suffix of the file name of a libpython.
pub(super) const LIBPYTHON_SUFFIX: &str = if cfg!(target_os = "macos") { ".dylib" } else { ".so.1.0" };

/// A Python interpreter, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Interpreter {
    /// `sys.executable`: in a virtual environment its own, not that of its base.
    pub executable: PathBuf,
    /// Major, minor, patch.
    pub version: (u8, u8, u8),
    /// The version as it prints itself, such as `3.13.0rc1`.
    pub version_text: String,
    /// `cpython`, `pypy`, ….
    pub implementation: String,
    /// `sys.base_prefix`, where the standard library is.
    pub base_prefix: PathBuf,
    /// `sys.prefix`: the virtual environment, or the same as `base_prefix`.
    pub prefix: PathBuf,
    /// The Python that a virtual environment was made from.
    pub base_executable: PathBuf,
    /// Its libpython, if it has one.
    pub library: Option<PathBuf>,
    /// Whether its executable contains Python itself, and loads no libpython.
    pub static_executable: bool,
    /// Whether its executable is a wrapper that starts Python as another program, as those of Nix are.
    pub is_wrapper: bool,
    /// Whether it was built with a shared library. Conda and uv ship one even where this is false.
    pub shared: bool,
    /// Whether it was built without the global interpreter lock.
    pub free_threaded: bool,
    /// `sys.platform`.
    pub platform: String,
    /// `x86_64`, `arm64`, ….
    pub machine: String,
}

/// How the program runs a Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartWay {
    /// Its libpython is loaded into the program.
    Embedded,
    /// Its executable is started with the engine in it.
    Injected,
}

impl Interpreter {
    /// How this program runs the Python. A program that can embed it does so, but not where the executable is static
    /// and an engine is at hand: such a Python is faster than its libpython, if it has one at all.
    pub(crate) fn start_way(&self) -> StartWay {
        let is_better_alone = self.static_executable || self.library.is_none();
        if cfg!(not(feature = "embed")) || (is_better_alone && preload::engine().is_some()) {
            StartWay::Injected
        } else {
            StartWay::Embedded
        }
    }
}
