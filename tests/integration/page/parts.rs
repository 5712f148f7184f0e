//! What is inside the variables, on the page: pages of real sessions.

use std::fs;
use std::path::{Path, PathBuf};

use super::browser::Browser;
use super::screenshots;
use crate::env::Sandbox;

/// A session with imports, and with a large variable whose parts have names that would do harm as markup.
const SESSION: &str = r#"
import json, os, sys
from pathlib import Path
import collections as c
class Model:
    def __init__(self, seed):
        self.weights = [seed * number / 7 for number in range(20000)]
        self.options = {"<img src=x onerror=alert(1)>": {"</script>": [1, 2, 3]}, "rate": 0.5}
models = {"small": Model(1), "<b>large</b>": [Model(2), Model(3), Model(4)]}
settings = {"layers": [64, 64], "name": "run"}
rate = 0.5
api_key = {"token": "AKIAIOSFODNN7EXAMPLE"}
"#;

fn page_of(sandbox: &Sandbox, options: &[&str]) -> PathBuf {
    let page = sandbox.out().join("page.html");
    sandbox
        .snapcli(&[&["inspect", "--html", page.to_str().unwrap()], options].concat())
        .assert_code(0)
        .assert_stdout("");
    page
}

fn data(page: &Path) -> serde_json::Value {
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn the_page_has_what_is_inside_the_variables_and_who_signed_the_file() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SESSION);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let page = data(&page_of(&sandbox, &[]));
    assert_eq!(page["signed"]["by"], "you");
    let inside = page["inside"].as_object().unwrap();
    assert!(!inside.contains_key("json") && !inside.contains_key("rate"), "{:?}", inside.keys());
    assert_eq!(inside["models"][0], "models: dict (2)");
    assert_eq!(inside["models"][2][1][2].as_array().unwrap().len(), 3);
    // What looks like a credential is not shown here, either.
    assert!(!page.to_string().contains("AKIAIOSFODNN7EXAMPLE"), "{page}");
    // With another key, the file is somebody else's.
    let key = "00".repeat(32);
    let html = sandbox.out().join("other.html");
    let call = sandbox.call_snapcli(&["inspect", "--html", html.to_str().unwrap()]).env("SNAPCLI_KEY", &key);
    call.run().assert_code(0);
    assert_eq!(data(&html)["signed"]["by"], "other");
}

#[test]
fn a_page_of_deep_and_wide_data_stays_small() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "script.py",
        "def tree(depth): return [depth] if depth == 0 else {f'{depth}<&>{n}': tree(depth - 1) for n in range(9)}\n\
         forest = {f'tree {n}': tree(5) for n in range(9)}\n\
         for number in range(40): globals()[f'v{number}'] = tree(3)\n",
    );
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let page = page_of(&sandbox, &[]);
    let size = fs::metadata(&page).unwrap().len();
    assert!((500_000..2_000_000).contains(&size), "{size}");
    let inside = data(&page)["inside"].as_object().unwrap().clone();
    // Each variable opens, and the largest one to the greatest depth.
    assert_eq!(inside.len(), 42);
    assert!(inside["forest"][2][0][2][0][2].is_array(), "{}", inside["forest"][2][0]);
    assert!(fs::read_to_string(&page).unwrap().contains("u003c"));
}

#[test]
#[ignore = "needs Chromium: install chromium and chromium-driver, then cargo test page -- --ignored"]
fn a_click_on_a_rectangle_opens_what_is_inside() {
    let sandbox = Sandbox::new();
    sandbox.write("script.py", SESSION);
    sandbox.snapcli(&["save", "-q", "script.py"]).assert_code(0);
    let page = page_of(&sandbox, &[]);
    let browser = Browser::start();
    for (width, scheme) in [(400, "light"), (400, "dark"), (1280, "light"), (1280, "dark")] {
        browser.open(&page, width, scheme);
        // Data first: imports are one line.
        let names = browser.value("[...document.querySelectorAll('.pick')].map((name) => name.textContent)");
        assert_eq!(names, serde_json::json!(["Model", "models", "settings", "rate", "api_key"]));
        let imports = browser.value("$('imports').textContent");
        assert_eq!(imports, "5 imports: json, os, sys, Path, collections as c Show them");
        assert!(browser.value("$('marks').textContent").as_str().unwrap().starts_with("signed with your key"));
        assert_eq!(browser.value("document.querySelectorAll('#marks .bad').length"), 0);
        browser.value("$('map').querySelector('[data-name=models]').click()");
        let tiles = "[...$('map').children].map((tile) => tile.dataset.name)";
        let expected = ["['<b>large</b>']: list (3)", "['small']: __main__.Model"];
        assert_eq!(browser.value(tiles), serde_json::json!(expected));
        // The details open, too, as a list.
        assert_eq!(browser.value("$('chosen').querySelector('h3').textContent"), "models");
        browser.value("$('chosen').querySelectorAll('summary')[0].click()");
        let later = "new Promise((done) =>
            requestAnimationFrame(() => requestAnimationFrame(() => done($('chosen').textContent))))";
        let text = browser.value(later);
        assert!(text.as_str().unwrap().contains("['options']: dict (2)"), "{text}");
        // By keyboard: Enter is a click of a focused button, Escape goes back to it.
        assert_eq!(browser.value("document.activeElement.dataset.name"), expected[0]);
        browser.value("document.activeElement.click()");
        assert_eq!(browser.value("$('map').children.length"), 3);
        browser.screenshot(&screenshots().join(format!("inside-{width}-{scheme}.png")));
        let over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(over, 0, "at {width}");
        let press =
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }))";
        browser.value(press);
        assert_eq!(browser.value("document.activeElement.dataset.name"), expected[0]);
        browser.value("document.querySelector('#path button').click()");
        assert_eq!(browser.value("document.activeElement.dataset.name"), "models");
        assert_eq!(browser.value("$('path').hidden"), true);
        browser.value("document.querySelector('#imports button').click()");
        assert_eq!(browser.value("document.querySelectorAll('.pick').length"), 10);
    }
    assert_eq!(browser.value("document.querySelectorAll('img, b').length"), 0);
    assert_eq!(browser.value("seen"), serde_json::json!([]));
}
