//! Only for the feature `embed`: links the program so that it finds the libpython that it is built with, and so that extension modules find Python's
//! symbols in it. Fails with an explanation if that Python cannot be embedded.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "embed")]
    embed_python();
}

#[cfg(feature = "embed")]
fn embed_python() {
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    assert!(
        target == "linux" || target == "macos",
        "snapcli can only embed Python on Linux and macOS: build with --no-default-features for the commands that need \
         no Python"
    );
    let python = pyo3_build_config::get();
    assert!(
        python.shared(),
        "the Python found for the build has no shared library, so it cannot be embedded: set PYO3_PYTHON to one that \
         has (pyenv: PYTHON_CONFIGURE_OPTS=--enable-shared, Debian: libpython3-dev), or use a Python from conda or uv"
    );
    // Without an rpath the loader may find another libpython3.N of the system, and mix it with the wrong standard
    // library. It must be a RUNPATH: a RPATH would take precedence over LD_LIBRARY_PATH, which `python::libpython` sets
    // to use the libpython of another interpreter.
    pyo3_build_config::add_libpython_rpath_link_args();
    if target == "linux" {
        println!("cargo::rustc-link-arg=-Wl,--enable-new-dtags");
    }
    // Extension modules take Python's symbols from the process, not from a libpython of their own.
    println!("cargo::rustc-link-arg=-rdynamic");
}
