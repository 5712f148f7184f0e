//! The structure of the page, and that no string of a file becomes markup.

use super::*;
use crate::report::inspect_report::FileFormat;
use crate::snapshot::index::{Index, LeftOut, Variable};

const HOSTILE: [&str; 5] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "<!-- <script>",
    "]]>&lt;\u{2028}\u{202e}",
    "{{script}}{{data}}",
];

fn report() -> SessionReport {
    let variable = |name: &&str| Variable {
        name: (*name).to_owned(),
        type_name: (*name).to_owned(),
        preview: (*name).to_owned(),
        length: 10,
        ..Variable::default()
    };
    let variables = HOSTILE.iter().map(variable).collect();
    let item = LeftOut { name: "</script>".to_owned(), error: "<!-- <script>".to_owned(), ..LeftOut::default() };
    let index = Index { variables, left_out: vec![item], ..Index::default() };
    SessionReport {
        file: HOSTILE.join(" "),
        format: FileFormat::Snapcli,
        bytes: 50,
        index,
        verdict: None,
        is_believed: true,
        in_store: None,
        verified: None,
    }
}

fn contents() -> PageContents {
    let leaf = |label: &str| TraceTree { label: label.to_owned(), size: 5, ..TraceTree::default() };
    let tree = TraceTree { children: HOSTILE.map(leaf).to_vec(), ..leaf("all of them") };
    PageContents { signer: Some(Signer::Other), trees: vec![(HOSTILE[0].to_owned(), tree)], ..PageContents::default() }
}

fn page_of(report: &SessionReport) -> String {
    let mut out = Vec::new();
    write_page(&mut out, report, &contents()).expect("writing to memory");
    String::from_utf8(out).expect("a page is UTF-8")
}

/// The string between the first `begin` and the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no {begin}"));
    rest.split_once(end).unwrap_or_else(|| panic!("no {end}")).0
}

#[test]
fn the_data_is_the_report_and_cannot_end_its_element() {
    let report = report();
    let page = page_of(&report);
    let data = between(&page, "<script type=\"application/json\" id=\"data\">", "</script>");
    assert!(!data.contains(['<', '>', '&']), "{data}");
    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
    let mut expected = serde_json::to_value(&report).expect("JSON");
    expected["signed"] = serde_json::json!({"by": "other", "words": "signed with a key that is not yours"});
    let leaves: Vec<_> = HOSTILE.iter().map(|label| serde_json::json!([label, 5])).collect();
    expected["inside"] = serde_json::json!({HOSTILE[0]: ["all of them", 5, leaves]});
    assert_eq!(data, escaped(expected));
}

/// JSON whose strings are escaped.
fn escaped(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) => escape(&text).into(),
        Value::Array(items) => items.into_iter().map(escaped).collect(),
        Value::Object(items) => {
            items.into_iter().map(|(key, item)| (escape(&key).into_owned(), escaped(item))).collect()
        }
        other => other,
    }
}

#[test]
fn no_string_of_the_file_becomes_markup() {
    let page = page_of(&report());
    let plain = page_of(&SessionReport { file: String::new(), index: Index::default(), ..report() });
    for tag in ["<script", "</script", "<!--", "<img", "<style", "<title"] {
        assert_eq!(page.matches(tag).count(), plain.matches(tag).count(), "{tag}");
    }
    let title = between(&page, "<title>", "</title>");
    assert!(title.starts_with("&lt;img src=x onerror=alert(1)&gt; &lt;/script&gt;"), "{title}");
    assert!(
        title.contains("&amp;lt;") && title.contains("\\u202e") && title.ends_with("{{script}}{{data}}"),
        "{title}"
    );
}

#[test]
fn only_elements_with_the_nonce_run_or_load() {
    let page = page_of(&report());
    let nonce = between(&page, "script-src 'nonce-", "'");
    assert_eq!(nonce.len(), 32);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'"
    );
    assert_eq!(between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\">"), policy);
    let scripts = page.matches("<script").count();
    assert_eq!((scripts, page.matches(&format!("<script nonce=\"{nonce}\">")).count()), (2, 1));
    let own = PAGE.to_owned() + STYLE + &SCRIPTS.concat();
    for outside in ["http:", "https:", " src=", "@import", "url(", "innerHTML", "eval("] {
        assert_eq!(own.lines().find(|line| line.contains(outside)), None, "{outside}");
    }
    // Another report has another nonce.
    assert_ne!(between(&page_of(&SessionReport { bytes: 51, ..report() }), "'nonce-", "'"), nonce);
}

#[test]
fn a_page_of_very_many_variables_has_the_largest_and_stays_small() {
    let variable = |number: usize| Variable {
        name: format!("variable_{number}"),
        type_name: "dict".to_owned(),
        // The last ones are the largest.
        length: number as u64,
        blake3: "ab".repeat(32),
        preview: "{'key': 'a value of some length', 'other': [1, 2, 3]}".to_owned(),
        ..Variable::default()
    };
    let page_of = |number: usize| {
        let index = Index { variables: (0..number).map(variable).collect(), ..Index::default() };
        let mut report = SessionReport::of_own_index("a.pkl".to_owned(), FileFormat::Snapcli, 5, index);
        let mut contents = PageContents::default();
        contents.omit_variables(&mut report);
        let mut page = Vec::new();
        write_page(&mut page, &report, &contents).expect("a page");
        (String::from_utf8(page).expect("UTF-8"), report.index.variables.len(), contents.omitted_variables)
    };
    let (page, shown, omitted) = page_of(100_000);
    assert!(page.len() < 2_000_000 && shown > 5_000, "{} bytes, {shown} variables", page.len());
    assert_eq!(shown + omitted, 100_000);
    assert!(page.contains("with 100,000 variables") || page.contains("with 100000 variables"));
    assert!(page.contains("\"variable_99999\"") && !page.contains("\"variable_1\""));
    assert!(page.contains(&format!("\"omitted_variables\":{omitted}")));
    // One that fits is complete, in its order.
    let (page, shown, omitted) = page_of(3_000);
    assert_eq!((shown, omitted), (3_000, 0));
    assert!(!page.contains("\"omitted_variables\"") && page.contains(&"ab".repeat(32)));
    assert!(page.find("\"variable_1\"") < page.find("\"variable_2999\""));
}
