//! Reads the rows of `sessions_that_break_dill/rows/*.py`: `sessions_that_break_dill.rs` describes their format.

use std::fs;
use std::path::Path;

/// A session, how dill handles it, and what must hold with snapcli.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// The name of its file, without the extension.
    pub(super) family: String,
    pub(super) name: String,
    /// How dill 0.4.1 handles it: `fine`, `wrong`, or `dump fails: ` or `load fails: ` and the type of the error.
    pub(super) dill: String,
    /// The variables that the save must report: a name, and words of the reason.
    pub(super) left_out: Vec<(String, String)>,
    /// The variables that the restore must report: a name, and words of the reason.
    pub(super) lost: Vec<(String, String)>,
    /// The variables that `--verify` must report as different.
    pub(super) differs: Vec<String>,
    /// An expression that must be true after the restore.
    pub(super) check: String,
    /// Why the check fails before the save, if it does.
    pub(super) restored_only: String,
    /// The first Python that can run the script.
    pub(super) since: (u32, u32),
    pub(super) script: String,
    pub(super) files: Vec<(String, String)>,
    /// Python code that is run between save and restore.
    pub(super) between: String,
}

/// All rows, ordered by file name.
pub(super) fn table() -> Vec<Row> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/sessions_that_break_dill/rows");
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().flat_map(|path| rows_of(&path.file_stem().unwrap().to_string_lossy(), path)).collect()
}

fn rows_of(family: &str, path: &Path) -> Vec<Row> {
    let text = fs::read_to_string(path).unwrap();
    let rows: Vec<Row> = text.split("#### ").skip(1).map(|row| Row::parse(family, row)).collect();
    assert!(!rows.is_empty(), "{} holds no rows", path.display());
    rows
}

impl Row {
    fn parse(family: &str, text: &str) -> Self {
        let (name, mut rest) = text.split_once('\n').unwrap();
        let mut row = Self { family: family.to_owned(), name: name.to_owned(), ..Self::default() };
        while let Some(line) = rest.strip_prefix("# ") {
            let (line, after) = line.split_once('\n').unwrap();
            let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{name}: {line} has no value"));
            row.set(key, value);
            rest = after;
        }
        let mut sections = rest.split("\n## ");
        let (body, sections) = (sections.next().unwrap(), sections);
        for section in sections {
            let (title, content) = section.split_once('\n').unwrap();
            match title.strip_prefix("file ") {
                Some(file) => row.files.push((file.to_owned(), content.to_owned() + "\n")),
                None if title == "between" => row.between = content.to_owned(),
                None => panic!("{name}: what is a section {title}?"),
            }
        }
        row.script = format!("before_{name} = ['{name}']\n{body}\nafter_{name} = [before_{name}, '{name}']\n");
        row.check = format!("({}) and after_{name}[0] is before_{name} and before_{name} == ['{name}']", row.check);
        row
    }

    fn set(&mut self, key: &str, value: &str) {
        let named = || value.split_once(": ").map(|(name, words)| (name.to_owned(), words.to_owned())).unwrap();
        match key {
            "dill" => self.dill = value.to_owned(),
            "check" => self.check = value.to_owned(),
            "restored only" => self.restored_only = value.to_owned(),
            "left out" => self.left_out.push(named()),
            "lost" => self.lost.push(named()),
            "differs" => self.differs.push(value.to_owned()),
            "since" => {
                self.since = value.split_once('.').map(|(a, b)| (a.parse().unwrap(), b.parse().unwrap())).unwrap()
            }
            // Issues that report the problem, and remarks.
            "seen" | "note" => {}
            _ => panic!("{}: what is {key}?", self.name),
        }
    }
}
