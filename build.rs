//! Links the program so that it finds the libpython it was built with, and so that extension modules
//! find Python's symbols in it. Stops with a sentence where the Python at hand cannot be embedded.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "python")]
    embed_python();
}

#[cfg(feature = "python")]
fn embed_python() {
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    assert!(
        target == "linux" || target == "macos",
        "snapcli runs Python inside itself on Linux and macOS only; \
         build with --no-default-features for the commands that need no Python"
    );
    let python = pyo3_build_config::get();
    assert!(
        python.shared(),
        "the Python found for the build has no shared library, so it cannot be embedded: point PYO3_PYTHON at one \
         that has (pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared, Debian: libpython3-dev), or use a conda or uv Python"
    );
    // The loader must find this very libpython: without an rpath it may pick another 3.N of the system,
    // and mix it with the wrong standard library. It has to be a RUNPATH, as a RPATH would win over the
    // LD_LIBRARY_PATH by which `python::libpython` puts another interpreter in its place.
    pyo3_build_config::add_libpython_rpath_link_args();
    if target == "linux" {
        println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    }
    // Extension modules take Python's symbols from the process, not from a library of their own.
    println!("cargo::rustc-link-arg=-rdynamic");
}
