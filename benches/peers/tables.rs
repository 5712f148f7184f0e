//! The tables: first the figures that are comparable between machines (ratios, memory, whole processes), then seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Result, Write};

use crate::inspect_speed::Inspected;
use crate::process_cost::ProcessCost;
use crate::results::{Cell, Measured, Session};
use crate::table::{CellStyle, Item, Table};

const SAVERS: [&str; 7] = ["dill", "dill 5", "C pickle", "cloudpickle", "joblib", "plain write", "snapcli"];
const LOADERS: [&str; 3] = ["dill", "C pickle", "snapcli"];
/// Loads of a file that another user signed: only plain data is built.
fn untrusted(sessions: &Sessions<'_>) -> Table {
    let mut table = Table::new(
        "Loading snapcli's file as another user, untrusted: the time, as a multiple of a trusted load; the peak in MB",
        &["", "time", "MB"],
    );
    for (session, measured) in sessions {
        let Some(cell) = measured.load.get("untrusted") else { continue };
        let trusted = measured.load.get("snapcli").and_then(|cell| cell.seconds);
        let time = cell.seconds.zip(trusted).map(|(seconds, trusted)| Item::figure(seconds / trusted, None, 2));
        let mut row = vec![Item::name(session.name, CellStyle::Plain), time.unwrap_or_else(|| reason(cell))];
        row.extend(cell.peak_mb().zip(measured.loaded_mb()).map(|(peak, loaded)| Item::figure(peak - loaded, None, 0)));
        table.rows.push(row);
    }
    table
}

/// Loads of the array session that do not read the array's bytes.
const PARTS: [&str; 2] = ["mapped", "only small"];
const SYNCED: [&str; 3] = ["C pickle", "plain write", "snapcli"];

type Sessions<'a> = [(&'a Session, Measured)];

/// Prints all tables and notes.
pub(crate) fn print_all(
    out: &mut impl Write,
    sessions: &Sessions<'_>,
    processes: &[ProcessCost],
    inspected: &[Inspected],
) -> Result<()> {
    writeln!(out)?;
    for table in [save(sessions), save_extra(sessions), load(sessions), load_extra(sessions), untrusted(sessions)] {
        table.print(out)?;
    }
    if let Some(table) = parts_of_array(sessions) {
        table.print(out)?;
    }
    process_costs(processes).print(out)?;
    inspection(inspected).print(out)?;
    for table in [
        seconds("Seconds: saving, without fsync", sessions, &SAVERS, |measured| &measured.save),
        seconds("Seconds: saving, with fsync", sessions, &SYNCED, |measured| &measured.synced),
        seconds("Seconds: loading", sessions, &LOADERS, |measured| &measured.load),
    ] {
        table.print(out)?;
    }
    notes(out, sessions)
}

fn save(sessions: &Sessions<'_>) -> Table {
    let mut table = Table::new(
        "Saving, without fsync: the time, as a multiple of what the peer in the last column takes",
        &with_ends(&SAVERS, &["of"]),
    );
    for (session, measured) in sessions {
        let base = measured.save.get(session.base).and_then(|cell| cell.seconds);
        let mut row = row(session, &SAVERS, &measured.save, |name, cell| {
            let target = session.save.filter(|_| name == "snapcli");
            Some(Item::figure(cell.seconds? / base?, target, 2))
        });
        row.push(Item::name(session.base, CellStyle::Dim));
        table.rows.push(row);
    }
    table
}

fn save_extra(sessions: &Sessions<'_>) -> Table {
    let mut table = Table::new("Saving: the peak of memory over the session, in MB", &with_ends(&SAVERS, &[]));
    for (session, measured) in sessions {
        table.rows.push(row(session, &SAVERS, &measured.save, |name, cell| {
            let target = session.save_extra.filter(|_| name == "snapcli");
            Some(Item::figure(cell.peak_mb()?, target, 0))
        }));
    }
    table
}

fn load(sessions: &Sessions<'_>) -> Table {
    let mut table = Table::new(
        "Loading: the time, as a multiple of what dill takes for its own file (dill.load_module_asdict)",
        &with_ends(&LOADERS, &[]),
    );
    for (session, measured) in sessions {
        let base = measured.load.get("dill").and_then(|cell| cell.seconds);
        table.rows.push(row(session, &LOADERS, &measured.load, |name, cell| {
            let target = session.load.filter(|_| name == "snapcli");
            Some(Item::figure(cell.seconds? / base?, target, 2))
        }));
    }
    table
}

fn load_extra(sessions: &Sessions<'_>) -> Table {
    let mut table =
        Table::new("Loading: the peak of memory over the loaded session, in MB", &with_ends(&LOADERS, &["loaded"]));
    for (session, measured) in sessions {
        let loaded = measured.loaded_mb();
        let figure = |_: &str, cell: &Cell| Some(Item::figure(cell.peak_mb()? - loaded?, None, 0));
        let mut row = row(session, &LOADERS, &measured.load, figure);
        row.push(loaded.map_or_else(Item::default, |loaded| Item::dim(format!("{loaded:.0}"))));
        table.rows.push(row);
    }
    table
}

/// Loads of the array session that do not read the array's bytes.
fn parts_of_array(sessions: &Sessions<'_>) -> Option<Table> {
    let (_, measured) = sessions.iter().find(|(session, _)| session.name == "array")?;
    let mut table = Table::new("Loading parts of the array session, in a running interpreter", &["", "snapcli"]);
    for name in PARTS {
        let cell = measured.load.get(name)?;
        let time = cell.seconds.map(|seconds| Item::figure(seconds * 1e3, Some(30.0), 1));
        let memory = cell.peak_mb().map(|peak| Item::figure(peak, None, 1));
        for (what, figure) in [("ms", time), ("MB of memory", memory)] {
            let name = Item::name(format!("{name}, {what}"), CellStyle::Plain);
            table.rows.push(vec![name, figure.unwrap_or_else(|| reason(cell))]);
        }
    }
    let reads = measured.small.as_ref();
    let megabytes = |bytes: Option<u64>| {
        let known = bytes.map(|bytes| Item::figure(bytes as f64 / 1e6, Some(1.0), 2));
        known.unwrap_or_else(|| Item::dim(if reads.is_some() { "not known" } else { "not yet" }))
    };
    let calls = megabytes(reads.and_then(|reads| reads.calls));
    let touched = megabytes(reads.and_then(|reads| reads.touched));
    table.rows.push(vec![Item::name("only small, MB by calls of read", CellStyle::Plain), calls]);
    table.rows.push(vec![Item::name("only small, MB of the file in the page cache", CellStyle::Plain), touched]);
    Some(table)
}

fn process_costs(processes: &[ProcessCost]) -> Table {
    let mut table = Table::new("Whole processes: medians, in ms", &["", "over", "costs more", "all", "bare"]);
    for process in processes {
        let mut row = vec![Item::name(process.name, CellStyle::Plain), Item::name(process.over, CellStyle::Dim)];
        match process.medians {
            Some((ours, bare)) => row.extend([
                Item::figure(ours - bare, process.target, 1),
                Item::dim(format!("{ours:.1}")),
                Item::dim(format!("{bare:.1}")),
            ]),
            None => row.push(Item::dim("not yet")),
        }
        table.rows.push(row);
    }
    table
}

/// Inspecting files, compared with loading them.
fn inspection(inspected: &[Inspected]) -> Table {
    let heads = ["", "MB", "ms", "MB/s", "MB of memory", "loading it, ms", "MB of memory"];
    let mut table = Table::new("snapcli inspect FILE, a whole process: the best of all turns", &heads);
    for file in inspected {
        let (ms, size) = (file.milliseconds(), file.megabytes());
        let mut row = vec![
            Item::name(&file.name, CellStyle::Plain),
            Item::dim(format!("{size:.1}")),
            Item::figure(ms, Some(file.target_milliseconds()), 1),
            Item::dim(format!("{:.0}", size / ms * 1e3)),
            Item::figure(file.peak(), Some(file.target_peak()), 1),
        ];
        if let Some((ms, peak)) = file.load() {
            row.extend([Item::dim(format!("{ms:.1}")), Item::dim(format!("{peak:.0}"))]);
        }
        table.rows.push(row);
    }
    table
}

fn seconds(
    title: &str,
    sessions: &Sessions<'_>,
    names: &[&str],
    cells: fn(&Measured) -> &BTreeMap<String, Cell>,
) -> Table {
    let mut table = Table::new(title, &with_ends(names, &[]));
    table.dim = true;
    for (session, measured) in sessions {
        let figure = |_: &str, cell: &Cell| Some(Item::figure(cell.seconds?, None, 3));
        table.rows.push(row(session, names, cells(measured), figure));
    }
    table
}

/// The versions of the peers, and why some did not save or load a session.
fn notes(out: &mut impl Write, sessions: &Sessions<'_>) -> Result<()> {
    let Some((_, measured)) = sessions.first() else { return Ok(()) };
    let versions: Vec<_> = measured.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    writeln!(out, "{}", versions.join(", "))?;
    writeln!(out, "C pickle and joblib save the data only, the others functions and classes of the script too.")?;
    let mut reasons = BTreeSet::new();
    for (session, measured) in sessions {
        for (name, cell) in measured.save.iter().chain(&measured.load) {
            let reason = cell.cannot.as_ref().map(|reason| format!("cannot: {name}, {}: {reason}", session.name));
            reasons.extend(reason.or_else(|| cell.not_yet.as_ref().map(|reason| format!("not yet: {reason}"))));
        }
    }
    for reason in reasons {
        writeln!(out, "{reason}")?;
    }
    Ok(())
}

fn with_ends(names: &[&str], last: &[&str]) -> Vec<String> {
    [""].iter().chain(names).chain(last).map(|name| (*name).to_owned()).collect()
}

/// The cells of a session in the order of the columns: a figure, or the reason why there is none.
fn row(
    session: &Session,
    names: &[&str],
    cells: &BTreeMap<String, Cell>,
    figure: impl Fn(&str, &Cell) -> Option<Item>,
) -> Vec<Item> {
    let item = |name: &&str| match cells.get(*name) {
        Some(cell) => figure(name, cell).unwrap_or_else(|| reason(cell)),
        None => Item::default(),
    };
    [Item::name(session.name, CellStyle::Plain)].into_iter().chain(names.iter().map(item)).collect()
}

fn reason(cell: &Cell) -> Item {
    match cell {
        Cell { cannot: Some(_), .. } => Item::dim("cannot"),
        Cell { not_yet: Some(_), .. } => Item::dim("not yet"),
        _ => Item::dim("-"),
    }
}
