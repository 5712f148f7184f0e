//! Runs the documentation: every command in README.md and docs/ is executed, and what it prints is compared with what
//! the page shows. `SNAPSHOTS=overwrite cargo test --test docs` writes the new output into the pages.
//!
//! In a page, a `console` block holds commands (`$ `, continued with `> `) and their output, including standard error.
//! All commands of a page share a working directory. A command may fail only if the next one shows its exit status
//! (`$ echo $?`). In the output on the page, `[..]` matches any characters within a line, and a line `...` matches any
//! lines. A block such as ```` ```python train.py ```` becomes a file of that name. `sh` blocks hold what a test cannot
//! run: logins on other machines, builds and installations.
#![allow(clippy::unwrap_used)]

mod compare;
mod format;
mod page;
mod session;

#[path = "../integration"]
mod integration {
    #[allow(dead_code, unused_imports, reason = "the integration tests need more of it")]
    pub(crate) mod env;
}

use std::path::{Path, PathBuf};

use self::page::Page;
use self::session::Session;

/// The pages in docs/ and the README, each with a test of its own so that they run at the same time.
macro_rules! pages {
    ($($test:ident: $path:literal),+ $(,)?) => {
        const PAGES: &[&str] = &[$($path),+];
        $(#[test] fn $test() { run_page($path); })+
    };
}

pages! {
    readme: "README.md",
    batch_jobs: "docs/batch-jobs.md",
    ci: "docs/ci.md",
    compare_and_verify: "docs/compare.md",
    environment_and_exit_codes: "docs/reference.md",
    file_format: "docs/format.md",
    inspect: "docs/inspect.md",
    json: "docs/json.md",
    jupyter: "docs/jupyter.md",
    options: "docs/options.md",
    python_api: "docs/python-api.md",
    run: "docs/run.md",
    scripts: "docs/scripts.md",
    stores: "docs/stores.md",
    trust: "docs/trust.md",
}

/// Words of commands that a test cannot run.
const NOT_RUN: &[&str] =
    &["ssh", "cargo", "git", "sbatch", "squeue", "scp", "mkdir", "apt", "source", "pip", "uv", "python/build_wheel.py"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn run_page(name: &str) {
    let path = repository().join(name);
    let page = Page::read(&path);
    let session = Session::new(&repository().join("examples"));
    let overwrite = std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite");
    let mut new_outputs = Vec::new();
    let mut failures = Vec::new();
    let mut differences = Vec::new();
    // A page may show a command before the file that it needs. Of two versions of a file, the first is there first.
    for block in page.blocks().iter().rev().filter(|block| block.file.is_some()) {
        session.write(block, &page);
    }
    for block in page.blocks() {
        session.write(&block, &page);
        if block.language != "console" {
            continue;
        }
        let steps = page.steps(&block);
        for (number, step) in steps.iter().enumerate() {
            let (actual, status) = session.run(&step.command);
            let status_is_shown = steps.get(number + 1).is_some_and(|next| next.command.contains("$?"));
            if status != 0 && !status_is_shown {
                failures.push(format!("{name}:{}: `{}` exits with {status}\n{actual}", step.line, step.command));
            }
            let expected = page.output(step);
            if let Some(difference) = compare::difference(&expected, &actual) {
                differences.push(format!("{name}:{}: `{}`\n{difference}", step.line, step.command));
                new_outputs.push((step.output.clone(), compare::with_wildcards(&expected, &actual)));
            }
        }
    }
    if overwrite {
        page.write(&path, new_outputs);
    } else if !differences.is_empty() {
        failures.extend(differences);
        failures.push("`SNAPSHOTS=overwrite cargo test --test docs` updates the pages: read what changed".to_owned());
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn every_page_is_run() {
    let mut found: Vec<PathBuf> = std::fs::read_dir(repository().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    found.push(repository().join("README.md"));
    found.sort();
    let mut listed: Vec<PathBuf> = PAGES.iter().map(|name| repository().join(name)).collect();
    listed.sort();
    assert_eq!(found, listed);
}

#[test]
fn only_what_a_test_cannot_run_is_not_run() {
    for name in PAGES {
        let page = Page::read(&repository().join(name));
        for block in page.blocks().into_iter().filter(|block| block.language == "sh") {
            for line in page.contents(&block).lines().filter(|line| !line.trim().is_empty()) {
                let excused = line.split([' ', '(']).any(|word| NOT_RUN.contains(&word));
                assert!(excused, "{name}: `{line}` can be run: put it into a console block");
            }
        }
    }
}

/// The README shows the output of `snapcli save examples/quickstart.py` in a block, which is tested, and in a picture.
#[test]
fn the_picture_of_the_terminal_is_current() {
    let page = Page::read(&repository().join("README.md"));
    let steps = page.blocks().into_iter().filter(|block| block.language == "console");
    let mut steps = steps.flat_map(|block| page.steps(&block));
    let step = steps.find(|step| step.command == "snapcli save examples/quickstart.py").unwrap();
    let svg = std::fs::read_to_string(repository().join("docs/pictures/terminal.svg")).unwrap();
    let svg = svg.replace("&#x27;", "'").replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">");
    let strings = svg.lines().filter_map(|line| line.strip_suffix("</text>")?.split_once("\">"));
    let picture: Vec<String> = strings.map(|(_, string)| compare::fold_line(string)).collect();
    // The terminal of the picture has 100 columns and breaks longer lines.
    for line in page.output(&step).lines().filter(|line| line.chars().count() <= 100) {
        let hint = "is not in the picture: draw it again, as CONTRIBUTING.md says";
        assert!(picture.contains(&compare::fold_line(line.trim())), "{line}\n{hint}");
    }
}

#[test]
fn links_lead_to_files_and_headings() {
    for name in PAGES.iter().chain(&["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]) {
        let path = repository().join(name);
        for link in Page::read(&path).links().iter().filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            assert!(target.exists(), "{name}: the link {link} leads nowhere");
            if !heading.is_empty() {
                assert!(Page::read(&target).has_heading(heading), "{name}: {link} names no heading");
            }
        }
    }
}
