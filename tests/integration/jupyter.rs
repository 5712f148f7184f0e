//! Jupyter kernels and IPython: sessions saved and restored within them, the extension `%snap`, and notebooks as
//! scripts. The kernels are real ones, driven by `jupyter/kernels.py`.

mod cell_sources;
mod kernel_sessions;
mod notebooks;
mod snap_magic;

use crate::env::{Run, Sandbox, Stack, main_python, venv};

/// A sandbox with a Python that has IPython and ipykernel.
fn jupyter() -> Sandbox {
    Sandbox::with(venv(main_python(), Stack::Jupyter))
}

/// Runs cells in kernels. See `kernels.py` for the lines between them.
fn in_kernels(sandbox: &Sandbox, cells: &str) -> Run {
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/integration/jupyter/kernels.py");
    let cells = sandbox.write("cells.txt", cells);
    sandbox.call_importing(&[driver, cells.to_str().unwrap()]).env("JUPYTER_PLATFORM_DIRS", "1").run()
}

/// A notebook with these code cells.
fn notebook(cells: &[&str]) -> String {
    let cell = |source: &&str| {
        serde_json::json!({"cell_type": "code", "metadata": {}, "source": source, "outputs": [],
            "execution_count": null})
    };
    let cells: Vec<_> = cells.iter().map(cell).collect();
    let metadata = serde_json::json!({"kernelspec": {"name": "python3", "language": "python"}});
    serde_json::json!({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}).to_string()
}
