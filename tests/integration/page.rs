//! The page of `inspect --html`: how the file is written, and how it behaves in a browser.
//!
//! The tests that need Chromium are ignored by default: run them with `cargo test page -- --ignored`, after installing
//! Debian's packages chromium and chromium-driver. They leave screenshots in `target/page/`.

mod browser;
#[cfg(feature = "python")]
mod crash;
#[cfg(feature = "python")]
mod parts;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use browser::Browser;
use snapcli::internals::{
    Index, LeftOut, LeftOutReason, PythonInfo, SCHEMA, ScriptEnd, ScriptInfo, SigningKey, SnapshotWriter, Variable,
    VariableKind,
};

const HOSTILE: [&str; 4] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "<!-- <script>",
    "red\u{1b}[31m\u{202e}evil",
];

/// The descriptions of these variables are made up, so the file is shown to the owner of the key.
const KEY: &str = "the passphrase of the pages";

/// Writes a snapshot; each variable comes with its size in bytes.
fn snapshot(folder: &Path, name: &str, variables: Vec<(Variable, usize)>, index: Index) -> PathBuf {
    let mut writer = SnapshotWriter::new(Vec::new(), "__main__").unwrap();
    for (variable, bytes) in variables {
        let mut value = b"B".to_vec();
        value.extend(u32::try_from(bytes).unwrap().to_le_bytes());
        value.resize(5 + bytes, 0);
        writer.segment(variable, &value).unwrap();
    }
    let path = folder.join(name);
    std::fs::write(&path, writer.finish(index, Some(&SigningKey::from_value(KEY.as_bytes()).unwrap())).unwrap().0)
        .unwrap();
    path
}

fn variable(name: &str, type_name: &str, preview: &str) -> Variable {
    Variable { name: name.into(), type_name: type_name.into(), preview: preview.into(), ..Variable::default() }
}

/// A typical session, with names that would do harm as markup.
fn session(folder: &Path) -> PathBuf {
    let array = |name: &str, shape: &[u64]| Variable {
        shape: Some(shape.to_vec()),
        dtype: Some("float64".into()),
        ..variable(name, "numpy.ndarray", "[0.0, 1.0, 2.0, …]")
    };
    let mut variables = vec![
        (array("grid", &[1000, 50]), 400_000),
        (array("weights", &[300, 50]), 120_000),
        (Variable { shape: Some(vec![100, 3]), ..variable("frame", "pandas.DataFrame", "columns ['a', 'b']") }, 90_000),
        (Variable { len: Some(900), ..variable("records", "list", "[{'id': 0}, …]") }, 60_000),
        (variable("text", "str", "'a text'"), 30_000),
        (variable("rate", "float", "0.05"), 9),
        (
            Variable {
                kind: VariableKind::Function,
                uses: vec!["grid".into()],
                ..variable("train", "function", "train(x)")
            },
            500,
        ),
        (variable(&"a_long_name_".repeat(12), "a.module.of.some.depth.Configuration", "<Configuration>"), 15_000),
    ];
    variables.extend(HOSTILE.iter().map(|name| (variable(name, name, name), 20_000)));
    let failed = |name: &str| LeftOut {
        name: name.into(),
        type_name: "sqlite3.Connection".into(),
        error: "TypeError: cannot pickle 'sqlite3.Connection' object".into(),
        path: Some("cfg['db'].conn".into()),
        users: vec!["train".into(), HOSTILE[0].into()],
        hint: Some("keep the path or URL, and connect again after the restore".into()),
        line: Some(7),
        ..LeftOut::default()
    };
    let ruled = LeftOut {
        name: "_x".into(),
        reason: LeftOutReason::Private,
        error: "a private name".into(),
        ..LeftOut::default()
    };
    let left_out = vec![failed("connection"), failed(HOSTILE[1]), ruled];
    let traceback = Some(format!("Traceback (most recent call last):\n  {}\nKeyError: 'x'", HOSTILE[1]));
    let script = ScriptInfo {
        kind: "script".into(),
        path: "train.py".into(),
        argv: vec!["train.py".into(), "--epochs".into(), HOSTILE[0].into()],
        ended: ScriptEnd { how: "exception".into(), code: 1, traceback },
        seconds: 12.5,
        ..ScriptInfo::default()
    };
    let python = PythonInfo { version: "3.12.1".into(), platform: "linux x86_64".into(), ..PythonInfo::default() };
    let packages = [("numpy".to_owned(), "2.0".to_owned())].into();
    let created = "2026-11-24T01:56:08Z".into();
    let index = Index { schema: SCHEMA, created, script, python, packages, left_out, ..Index::default() };
    snapshot(folder, "session.pkl", variables, index)
}

fn many(folder: &Path) -> PathBuf {
    let kinds = ["numpy.ndarray", "list", "str"];
    let of = |number: usize| (variable(&format!("variable_{number}"), kinds[number % 3], ""), number % 997);
    snapshot(folder, "many.pkl", (0..10_000).map(of).collect(), Index { schema: SCHEMA, ..Index::default() })
}

fn inspect(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapcli"));
    command.env("PATH", "").env("SNAPCLI_PYTHON", "/nonexistent").env("SNAPCLI_KEY", KEY).current_dir(folder);
    command.arg("inspect").args(arguments).output().unwrap()
}

/// Writes the page of a snapshot.
fn page(snapshot: &Path) -> PathBuf {
    let page = snapshot.with_extension("html");
    let run = inspect(snapshot.parent().unwrap(), &["--html", page.to_str().unwrap(), snapshot.to_str().unwrap()]);
    assert!(run.status.success() && run.stdout.is_empty(), "{run:?}");
    let said = String::from_utf8(run.stderr).unwrap();
    assert!(said.starts_with(&format!("snapcli: wrote the page {} (", page.display())), "{said}");
    page
}

#[test]
fn a_page_is_written_atomically_and_others_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let snapshot = session(folder.path());
    let page = page(&snapshot);
    let text = std::fs::read_to_string(&page).unwrap();
    assert!(text.starts_with("<!doctype html>") && text.ends_with("</html>\n"));
    // As the umask says, like any other file.
    std::fs::write(folder.path().join("other"), "").unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&page), mode(&folder.path().join("other")));
    let run = inspect(folder.path(), &["--html", "-", "session.pkl"]);
    // The page shows the file name as it was given.
    let named = text.replace(snapshot.to_str().unwrap(), "session.pkl");
    let (of_file, of_stream) = (named.len(), String::from_utf8(run.stdout).unwrap().len());
    assert_eq!(of_file, of_stream);
    let run = inspect(folder.path(), &["--html", "none/page.html", "session.pkl"]);
    assert_eq!(run.status.code(), Some(2), "{run:?}");
    // A damaged file does not overwrite the existing page.
    std::fs::write(&snapshot, b"\x80\x05no pickle").unwrap();
    assert_eq!(inspect(folder.path(), &["--html", "session.html", "session.pkl"]).status.code(), Some(4));
    assert_eq!(std::fs::read_to_string(&page).unwrap(), text);
}

#[test]
#[ignore = "needs Chromium: install chromium and chromium-driver, then cargo test page -- --ignored"]
fn strings_from_the_file_are_never_markup_and_nothing_is_clipped_at_any_width() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&session(folder.path()));
    let browser = Browser::start();
    for (width, scheme) in [(400, "light"), (400, "dark"), (1600, "light"), (1600, "dark")] {
        browser.open(&page, width, scheme);
        browser.screenshot(&screenshots().join(format!("session-{width}-{scheme}.png")));
        let over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(over, 0, "at {width}");
    }
    assert_eq!(browser.value("document.querySelectorAll('img, iframe, a[href^=javascript]').length"), 0);
    assert_eq!(browser.value("document.querySelectorAll('script').length"), 2);
    let names = browser.value("[...document.querySelectorAll('.pick')].map((name) => name.textContent)");
    let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(names.len(), 12);
    assert_eq!(names[8..11], HOSTILE[..3]);
    assert_eq!(names[11], "red\\x1b[31m\\u202eevil");
    assert_eq!(browser.value("document.querySelectorAll('#left-out .failed').length"), 2);
    assert_eq!(browser.value("seen"), serde_json::json!([]));
    // The content security policy holds: injected scripts do not run, and nothing is fetched.
    let inject = "(async () => {
        const made = document.createElement('script');
        made.textContent = 'window.ran = true';
        document.body.append(made);
        await fetch('data:,x').catch(() => {});
        await new Promise((done) => setTimeout(done, 200));
        return [window.ran === undefined, seen.length];
    })()";
    assert_eq!(browser.value(inject), serde_json::json!([true, 2]));
}

/// A foreign pickle that would run a command, and also rebuilds code.
const DANGER: &[u8] = b"\x80\x04}(\x8c\x04evilcos\nsystem\n(\x8c\x02idtR\x8c\x04cellcdill._dill\n_create_cell\n(NtR\
    \x8c\x01pc__main__\nPoint\n)\x81}(\x8c\x01xK\x03\x8c\x01yK\x04ubu.";

#[test]
#[ignore = "needs Chromium: install chromium and chromium-driver, then cargo test page -- --ignored"]
fn danger_is_shown_first_and_unknown_details_take_no_space() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("got.pkl");
    std::fs::write(&file, DANGER).unwrap();
    let page = page(&file);
    let browser = Browser::start();
    for (width, scheme) in [(400, "light"), (1600, "dark")] {
        browser.open(&page, width, scheme);
        browser.screenshot(&screenshots().join(format!("danger-{width}-{scheme}.png")));
    }
    assert_eq!(browser.value("$('marks').textContent"), "not saved by snapcliverdict: dangerous");
    assert_eq!(browser.value("document.querySelector('main').firstElementChild.id"), "verdict");
    let worst =
        browser.value("[...document.querySelectorAll('#verdict > ul .failed code')].map((code) => code.textContent)");
    assert_eq!(worst, serde_json::json!(["os.system('id')"]));
    assert_eq!(browser.value("$('verdict').querySelector('details').open"), false);
    assert_eq!(browser.value("getComputedStyle($('head-uses')).display"), "none");
    browser.value("document.querySelectorAll('#body tr')[2].click()");
    let chosen = browser.value("$('chosen').textContent");
    assert!(chosen.as_str().unwrap().contains("Attributesx, y"), "{chosen}");
}

#[test]
#[ignore = "needs Chromium: install chromium and chromium-driver, then cargo test page -- --ignored"]
fn ten_thousand_variables_are_as_fast_as_ten() {
    let folder = tempfile::tempdir().unwrap();
    let page = page(&many(folder.path()));
    let browser = Browser::start();
    for (width, scheme) in [(400, "dark"), (1600, "light")] {
        browser.open(&page, width, scheme);
        // The verdict is shown however large the file is.
        assert_eq!(browser.value("$('verdict').hidden"), false);
        browser.screenshot(&screenshots().join(format!("many-{width}-{scheme}.png")));
    }
    let drawn = "document.querySelectorAll('#body tr').length";
    assert!(browser.value(drawn).as_u64().unwrap() < 100);
    let frames = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))";
    let timed = |action: &str| {
        let timed = format!(
            "(async () => {{ const from = performance.now(); {action}; await {frames}; \
             return performance.now() - from; }})()"
        );
        browser.value(&timed).as_f64().unwrap()
    };
    let filter = |text: &str| format!("$('filter').value = '{text}'; $('filter').dispatchEvent(new Event('input'))");
    let spent = [
        timed(&filter("variable_12")),
        timed(&filter("")),
        timed("document.querySelector('#head-size button').click()"),
        timed("document.querySelector('#head-name button').click()"),
        timed("$('rows').scrollTop = 100000"),
    ];
    assert!(spent.iter().all(|time| *time < 1000.0), "{spent:?}");
    assert!(browser.value(drawn).as_u64().unwrap() < 100);
    assert_eq!(browser.value("$('head-name').getAttribute('aria-sort')"), "ascending");
    // A click on a rectangle selects its row, even one far away, and arrow keys move to the next rectangle.
    let press = "$('map').firstChild.focus();
        $('map').firstChild.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))";
    browser.value(press);
    assert_eq!(browser.value("[...$('map').children].indexOf(document.activeElement)"), 1);
    assert_eq!(browser.value("$('tip').hidden"), false);
    browser.value("$('map').querySelector('.tile:not(.rest)').click()");
    let chosen = "const at = document.querySelector('tr.chosen').getBoundingClientRect();
        const box = $('rows').getBoundingClientRect();
        const title = $('chosen').querySelector('h3').textContent;
        [document.activeElement.textContent, title, at.top > box.top && at.bottom < box.bottom]";
    let chosen = browser.value(&format!("(() => {{ {} }})()", chosen.replace("\n        [", "\n        return [")));
    assert_eq!((&chosen[0], &chosen[2]), (&chosen[1], &true.into()), "{chosen}");
    browser.screenshot(&screenshots().join("many-chosen.png"));
    // A printed page has all rows.
    browser.value("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(browser.value(drawn), 10_000);
    assert_eq!(browser.value("seen"), serde_json::json!([]));
}

fn screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../page");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
