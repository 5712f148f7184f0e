//! `cargo bench --bench stores`: what stores, background saves and small saves cost, beside a save to a file, dill and
//! other tools. Prints tables with the limits that were set for the project.
//!
//! Each part is a script that snapcli runs, which measures everything in turn in one process. Compare only the ratios
//! between machines. A figure that misses its limit is marked, but is not a failure.
//!
//! `-- large small` runs only these parts, and `-- --quick` a few rounds. zstd, restic and a Python with kishu, which
//! `KISHU_PYTHON` names, are measured if they are there. Needs 8 GB of memory and 8 GB of disk.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

#[path = "../peers/process_cost.rs"]
#[allow(dead_code, reason = "the bench of peers measures more")]
mod process_cost;
#[path = "../peers/table.rs"]
mod table;

#[path = "../../tests/integration"]
mod integration {
    #[allow(dead_code, unused_imports, reason = "the tests need more of it")]
    pub(crate) mod env;
}

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use integration::env::{Sandbox, Stack, main_python, venv};
use process_cost::compare;
use serde::Deserialize;
use table::{CellStyle, Item, Table};

/// The parts, each with its script.
const PARTS: [(&str, &str); 6] = [
    ("large", "session_large.py"),
    ("small", "small.py"),
    ("fixed", "session_fixed.py"),
    ("mixed", "session_mixed.py"),
    ("background", "session_background.py"),
    ("remote", "remote.py"),
];
/// How far a step of `every.py` counts: it has a hundred steps, and takes some ten seconds.
const ROUNDS: u32 = 1_500_000;

/// A table that a script has measured.
#[derive(Deserialize)]
struct MeasuredTable {
    title: String,
    heads: Vec<String>,
    rows: Vec<MeasuredRow>,
}

#[derive(Deserialize)]
struct MeasuredRow {
    name: String,
    #[serde(default)]
    value: f64,
    limit: Option<f64>,
    #[serde(default)]
    decimals: usize,
    /// What the figure is made of.
    #[serde(default)]
    notes: Vec<String>,
    /// Why there is no figure.
    missing: Option<String>,
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let (flags, names): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word == "--quick");
    if let Some(unknown) = names.iter().find(|name| !PARTS.iter().any(|(part, _)| part == name)) {
        let known: Vec<_> = PARTS.iter().map(|(part, _)| *part).collect();
        eprintln!("{unknown} is no part: name some of {}, or --quick", known.join(", "));
        std::process::exit(2);
    }
    let chosen = PARTS.iter().filter(|(part, _)| names.is_empty() || names.iter().any(|name| name == part));
    std::process::exit(i32::from(!run(&chosen.collect::<Vec<_>>(), !flags.is_empty())));
}

/// Returns whether all parts could be measured; the figures themselves do not matter.
fn run(parts: &[&(&str, &str)], quick: bool) -> bool {
    let sandbox = Sandbox::with(venv(main_python(), Stack::Full));
    let mut all = true;
    for (part, script) in parts {
        eprintln!("measuring {part} …");
        // On the project's disk, because the directory for temporary files may be in memory.
        let scratch = tempfile::Builder::new().prefix("stores-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut tables = measure(&sandbox, scratch.path(), script, quick).unwrap_or_default();
        all &= !tables.is_empty();
        if ["large", "small"].contains(part) && !tables.is_empty() {
            tables.push(whole_processes(&sandbox, scratch.path(), part, quick));
        }
        if *part == "background" && !tables.is_empty() {
            tables.push(regular_saves(&sandbox, scratch.path(), quick));
        }
        let mut out = std::io::stdout().lock();
        // A reader that closes the pipe is not an error.
        let _ = tables.iter().try_for_each(|table| table.print(&mut out)).and_then(|()| out.flush());
    }
    all
}

/// Runs a script with snapcli, and returns the tables that it has measured.
fn measure(sandbox: &Sandbox, scratch: &Path, script: &str, quick: bool) -> Option<Vec<Table>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/stores").join(script);
    let answer = scratch.join("answer.json");
    let output = scratch.join("session.pkl");
    let words = ["save", "--quiet", "--exclude", "*", "-o"].map(PathBuf::from);
    let mode = if quick { "quick" } else { "full" };
    let more = [output, script, answer.clone(), scratch.to_owned(), mode.into()];
    let words: Vec<PathBuf> = words.into_iter().chain(more).collect();
    let call = sandbox.call_snapcli(&words).env("PYTHONDONTWRITEBYTECODE", "1").timeout(Duration::from_secs(1800));
    let run = call.run();
    if !run.status.success() {
        eprintln!("{}", run.whole());
        return None;
    }
    let tables: Vec<MeasuredTable> = serde_json::from_slice(&std::fs::read(answer).unwrap()).unwrap();
    Some(tables.into_iter().map(shown).collect())
}

fn shown(measured: MeasuredTable) -> Table {
    let mut table = Table::new(&measured.title, &measured.heads);
    for row in measured.rows {
        let figure = match row.missing {
            Some(why) => Item::dim(why),
            None => Item::figure(row.value, row.limit, row.decimals),
        };
        let mut items = vec![Item::name(row.name, CellStyle::Plain), figure];
        items.extend(row.notes.into_iter().map(Item::dim));
        items.resize_with(measured.heads.len(), Item::default);
        table.rows.push(items);
    }
    table
}

/// A script that is saved ten times while it runs, over the same script that is saved at its end.
fn regular_saves(sandbox: &Sandbox, scratch: &Path, quick: bool) -> Table {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/stores/every.py");
    let output = scratch.join("every.snaps/").display().to_string();
    let seconds = |more: &[&str], rounds: u32| -> f64 {
        let rounds = rounds.to_string();
        let words = [&["save", "-q", "-o", &output], more, &[script, &rounds]].concat();
        let run = sandbox.call_snapcli(&words).timeout(Duration::from_secs(600)).run();
        run.assert_code(0);
        run.out().trim().parse().unwrap()
    };
    let rounds = if quick { ROUNDS / 5 } else { ROUNDS };
    let every = format!("{:.1}s", (seconds(&[], rounds) / 10.0).max(0.1));
    let turns = if quick { 1 } else { 4 };
    let (bare, saved): (Vec<_>, Vec<_>) =
        (0..turns).map(|_| (seconds(&[], rounds), seconds(&["--every", &every], rounds))).unzip();
    let fastest = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
    let (bare, saved) = (fastest(&bare), fastest(&saved));
    let title = format!("A script that computes, with --every {every}: its own time");
    let mut table = Table::new(&title, &["", "ratio", "its time", "of"]);
    table.rows.push(vec![
        Item::name("save --every, of save", CellStyle::Plain),
        Item::figure(saved / bare, Some(1.02), 3),
        Item::dim(format!("{saved:.2} s")),
        Item::dim(format!("{bare:.2} s")),
    ]);
    table
}

/// Restores of whole processes: of some snapshots of a store, over those of a file.
fn whole_processes(sandbox: &Sandbox, scratch: &Path, part: &str, quick: bool) -> Table {
    let title = format!("The {part} session: whole processes, medians in ms");
    let mut table = Table::new(&title, &["", "ratio", "its time", "of"]);
    let path = |ending: &str| scratch.join(format!("{part}.{ending}"));
    let (store, file) = (path("snaps").display().to_string(), path("pkl").display().to_string());
    let turns = if quick { 3 } else { 15 };
    let snapshots = std::fs::read_dir(path("snaps").join("snapshots")).unwrap().count();
    let restore = |path: String, mapped: bool| {
        let mut words = vec!["restore".to_owned(), path, "-c".to_owned(), "pass".to_owned()];
        if mapped {
            words.insert(1, "--mmap".to_owned());
        }
        move || sandbox.call_snapcli(&words)
    };
    let has_arrays = part == "large";
    let ways = [(false, "restore"), (true, "restore --mmap")];
    for (mapped, name) in ways.into_iter().filter(|(mapped, _)| !mapped || has_arrays) {
        for number in [1, snapshots / 2, snapshots] {
            let ours = restore(format!("{store}/@{number}"), mapped);
            let (ours, of) = compare(turns, &ours, &restore(file.clone(), mapped));
            table.rows.push(vec![
                Item::name(format!("{name} …/@{number}, of a file"), CellStyle::Plain),
                Item::figure(ours / of, Some(1.1), 2),
                Item::dim(format!("{ours:.1}")),
                Item::dim(format!("{of:.1}")),
            ]);
        }
    }
    if has_arrays {
        let mapped = restore(format!("{store}/@{snapshots}"), true);
        let (ours, bare) = compare(turns, &mapped, &|| sandbox.call_python(&["-c", "import numpy"]));
        table.rows.push(vec![
            Item::name("restore --mmap, ms over python -c 'import numpy'", CellStyle::Plain),
            Item::figure(ours - bare, Some(50.0), 1),
            Item::dim(format!("{ours:.1}")),
            Item::dim(format!("{bare:.1}")),
        ]);
    }
    table
}
