//! The page of a crash snapshot: its tracebacks, with the local variables of each frame.

use super::browser::Browser;
use super::{HOSTILE, screenshots};
use crate::env::Sandbox;

/// A script that fails in a function, while it handles another exception.
const SCRIPT: &str = "
import json, socket
def parse(text):
    kept = {'text': text}
    return json.loads(text)
def load(number):
    peer = socket.socket()
    rows = [number, 2, 3]
    try: parse('<img src=x onerror=alert(1)>')
    except ValueError as error: raise KeyError('</script><script>alert(2)</script>') from error
load(41)
";

#[test]
fn the_page_of_deep_recursion_stays_small() {
    let sandbox = Sandbox::new();
    let locals: String = (0..60).map(|number| format!("    name_{number} = ['x' * 300, depth]\n")).collect();
    sandbox.write("deep.py", format!("def f(depth):\n{locals}    return f(depth + 1)\nf(0)\n"));
    sandbox.snapcli(&["save", "-q", "deep.py"]).assert_code(1);
    sandbox.snapcli(&["inspect", "-q", "session.crash.pkl", "--html", "page.html"]).assert_code(0);
    let page = std::fs::read_to_string(sandbox.work().join("page.html")).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("\"name_59\"") || page.contains(".name_59\""), "the innermost frame is there");
}

#[test]
#[ignore = "needs Chromium: install chromium and chromium-driver, then cargo test page -- --ignored"]
fn frames_open_their_local_variables_and_strings_are_never_markup() {
    let sandbox = Sandbox::new();
    sandbox.write("job.py", SCRIPT);
    sandbox.snapcli(&["save", "-q", "job.py"]).assert_code(1);
    sandbox.snapcli(&["inspect", "-q", "session.crash.pkl", "--html", "page.html"]).assert_code(0);
    let page = sandbox.work().join("page.html");
    let browser = Browser::start();
    for (width, scheme) in [(400, "light"), (1280, "dark")] {
        browser.open(&page, width, scheme);
        browser.screenshot(&screenshots().join(format!("crash-{width}-{scheme}.png")));
        let over = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(over, 0, "at {width}");
    }
    assert_eq!(browser.value("document.querySelectorAll('img').length"), 0);
    assert_eq!(browser.value("seen"), serde_json::json!([]));
    let text = |selector: &str| {
        let all = format!("[...document.querySelectorAll('{selector}')].map((made) => made.textContent).join('\\n')");
        browser.value(&all).as_str().unwrap().to_owned()
    };
    let errors = text("#crash .error");
    assert!(errors.contains("JSONDecodeError") && errors.contains(HOSTILE[1]), "{errors}");
    let frames = text("#crash ol.frames > li");
    for part in ["in load", "in parse", "kept dict{'text': ", "rows list[41, 2, 3]", "peer socket.socketnot saved"] {
        assert!(frames.contains(part), "{part} is not in\n{frames}");
    }
    // The innermost frame with variables of each exception is open, and the others can be.
    assert_eq!(browser.value("document.querySelectorAll('#crash details[open]').length"), 2);
    assert!(text("#marks").contains("the script failed"));
    assert_eq!(browser.value("document.querySelector('#marks a[href=\"#crash\"]') !== null"), true);
}
