//! Runs the code cells of a Jupyter notebook (`.ipynb`) as a script, in order: IPython runs them if the chosen Python
//! has it, and `notebook_cells.py` does otherwise.
//!
//! The format is that of nbformat 4, <https://nbformat.readthedocs.io/en/latest/format_description.html>. As with
//! nbconvert, the tag `skip-execution` skips a cell, and `raises-exception` ignores an exception in it.

use std::ffi::CStr;
use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::{PyAny, PyModule};
use serde::Deserialize;

use super::script_command::ScriptSource;

const RUNNER: &CStr = match CStr::from_bytes_with_nul(concat!(include_str!("notebook_cells.py"), "\0").as_bytes()) {
    Ok(source) => source,
    Err(_) => c"",
};

/// Whether a file is a notebook, by its name.
pub(crate) fn is_notebook(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "ipynb")
}

/// A code cell that is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotebookCell {
    /// As `In[…]` when all cells of the notebook are run in a new kernel.
    number: usize,
    source: String,
    /// Whether the notebook goes on after an exception.
    may_fail: bool,
}

#[derive(Deserialize)]
struct Notebook {
    #[serde(default)]
    metadata: Metadata,
    nbformat: u32,
    #[serde(default)]
    cells: Vec<Cell>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    kernelspec: Option<Language>,
    language_info: Option<Language>,
    #[serde(default)]
    tags: Vec<String>,
}

/// The language has another key in each of the two.
#[derive(Deserialize)]
struct Language {
    language: Option<String>,
    name: Option<String>,
}

#[derive(Deserialize)]
struct Cell {
    cell_type: String,
    source: Text,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Whole(String),
    Lines(Vec<String>),
}

/// The cells of a notebook that are to run.
///
/// # Errors
/// If it is no notebook of nbformat 4, or its language is another one.
pub(super) fn cells(bytes: &[u8]) -> Result<Vec<NotebookCell>, String> {
    let notebook: Notebook = serde_json::from_slice(bytes).map_err(|error| format!("it is not a notebook: {error}"))?;
    if notebook.nbformat != 4 {
        let version = notebook.nbformat;
        return Err(format!("it has nbformat {version}: convert it with `jupyter nbconvert --to notebook`"));
    }
    let Metadata { kernelspec, language_info, .. } = notebook.metadata;
    let language = language_info.and_then(|info| info.name).or(kernelspec.and_then(|spec| spec.language));
    if let Some(language) = language.filter(|language| !matches!(language.as_str(), "python" | "ipython" | "python3")) {
        return Err(format!("its language is {language}, not Python"));
    }
    let mut cells: Vec<NotebookCell> = Vec::new();
    for Cell { cell_type, source, metadata } in notebook.cells {
        let source = match source {
            Text::Whole(text) => text,
            Text::Lines(lines) => lines.concat(),
        };
        let has_tag = |tag: &str| metadata.tags.iter().any(|found| found == tag);
        // A kernel does not count a cell that is empty.
        if cell_type == "code" && !source.trim().is_empty() && !has_tag("skip-execution") {
            cells.push(NotebookCell { number: cells.len() + 1, source, may_fail: has_tag("raises-exception") });
        }
    }
    Ok(cells)
}

/// The source of a script in parts: those of a notebook are its cells, without what is not Python.
pub(crate) fn python_parts(source: &ScriptSource) -> Vec<Vec<u8>> {
    if !is_notebook(&source.path) {
        return vec![source.bytes.clone()];
    }
    let cells = sources(&source.bytes).into_iter().filter(|cell| !cell.trim_start().starts_with("%%"));
    cells.map(|cell| without_magics(&cell).into_bytes()).collect()
}

/// A cell in which the lines of IPython, such as `%matplotlib inline` and `!pip list`, do nothing.
fn without_magics(cell: &str) -> String {
    let line = |line: &str| match line.trim_start() {
        code if code.starts_with(['%', '!', '?']) || code.trim_end().ends_with('?') => {
            format!("{}pass\n", line.strip_suffix(code).unwrap_or_default())
        }
        _ => format!("{line}\n"),
    };
    cell.lines().map(line).collect()
}

/// The sources of the cells that are to run; empty if it is no notebook.
pub(crate) fn sources(bytes: &[u8]) -> Vec<String> {
    cells(bytes).unwrap_or_default().into_iter().map(|cell| cell.source).collect()
}

/// Returns the function that runs the cells. It returns the exception that ends the notebook, or None.
///
/// # Errors
/// If a cell needs IPython, and it is not installed.
pub(super) fn prepare<'py>(
    path: &Path,
    bytes: &[u8],
    main: &Bound<'py, PyModule>,
) -> anyhow::Result<Bound<'py, PyAny>> {
    let py = main.py();
    let found = cells(bytes).map_err(|why| anyhow::anyhow!("cannot run {}: {why}", path.display()))?;
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    // A name in angle brackets is no path to anybody who sees it in a traceback.
    let cells: Vec<_> =
        found.into_iter().map(|cell| (format!("<{file} In[{}]>", cell.number), cell.source, cell.may_fail)).collect();
    let runner = PyModule::from_code(py, RUNNER, c"<snapcli notebook>", c"_snapcli_notebook")?;
    // Scripts need not see it.
    py.import("sys")?.getattr("modules")?.call_method1("pop", ("_snapcli_notebook", py.None()))?;
    if let Some(place) = runner.call_method1("unusable", (&cells,))?.extract::<Option<String>>()? {
        let executable: String = py.import("sys")?.getattr("executable")?.extract().unwrap_or_default();
        anyhow::bail!("cannot run {place}: it needs IPython, which {executable} does not have (pip install ipython)");
    }
    let arguments = (cells, main);
    Ok(py.import("functools")?.getattr("partial")?.call1((runner.getattr("run")?, arguments.0, arguments.1))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_cells_are_numbered_as_a_kernel_numbers_them() {
        let notebook = r#"{"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": {"name": "python3"}},
            "cells": [{"cell_type": "markdown", "source": "x"}, {"cell_type": "code", "source": ["a = 1\n", "b = 2"]},
                      {"cell_type": "code", "source": " \n"}, {"cell_type": "raw", "source": "r"},
                      {"cell_type": "code", "source": "skipped", "metadata": {"tags": ["skip-execution"]}},
                      {"cell_type": "code", "source": "c", "metadata": {"tags": ["raises-exception"]}}]}"#;
        let expected = [(1, "a = 1\nb = 2", false), (2, "c", true)];
        let expected = expected.map(|(number, source, may_fail)| {
            let source = source.to_owned();
            NotebookCell { number, source, may_fail }
        });
        assert_eq!(cells(notebook.as_bytes()), Ok(expected.to_vec()));
    }

    #[test]
    fn other_files_are_refused_with_a_reason() {
        for (text, why) in [
            ("{", "not a notebook"),
            ("[]", "not a notebook"),
            (r#"{"cells": []}"#, "nbformat"),
            (r#"{"nbformat": 3, "worksheets": []}"#, "nbformat 3"),
            (r#"{"nbformat": 4, "metadata": {"language_info": {"name": "R"}}, "cells": []}"#, "its language is R"),
        ] {
            let refusal = cells(text.as_bytes()).err().unwrap_or_default();
            assert!(refusal.contains(why), "{refusal}");
        }
    }
}
