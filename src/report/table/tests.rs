//! The table as text: complete in a file, cut to the width of a terminal.

use super::*;

const PLAIN: TableStyle = TableStyle { width: None, colour: false, unicode: true };

fn variable(name: &str, type_name: &str, length: u64, preview: &str) -> Variable {
    Variable { name: name.into(), type_name: type_name.into(), length, preview: preview.into(), ..Variable::default() }
}

fn index() -> Index {
    let grid = variable("grid", "numpy.ndarray", 24_000_000, "[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, …]");
    let grid = Variable { shape: Some(vec![1000, 3000]), dtype: Some("float64".into()), ..grid };
    let left = |name: &str, reason, error: &str| LeftOut {
        name: name.into(),
        type_name: "generator".into(),
        reason,
        error: error.into(),
        ..LeftOut::default()
    };
    Index {
        variables: vec![
            grid,
            Variable { len: Some(3), ..variable("half", "list", 13_500_000, "[1, 2, 3]") },
            variable("名前", "str", 49, "'日本語'"),
            variable("a\u{1b}[2Jb", "int", 11, "1"),
        ],
        left_out: vec![
            left("rows", LeftOutReason::Failed, "TypeError: cannot pickle 'generator' object"),
            left("_x", LeftOutReason::Private, "a private name that no kept function or class uses"),
        ],
        ..Index::default()
    }
}

fn drawn(index: &Index, style: TableStyle) -> String {
    let mut out = Vec::new();
    write_table(&mut Lines::new(&mut out), index, style, false).expect("writing to memory");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_file_gets_the_whole_table_without_colours() {
    let expected = "
  name       type            size           shape              value
  grid       numpy.ndarray  24 MB ████████  1000×3000 float64  [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, …]
  half       list           14 MB ████▌     3                  [1, 2, 3]
  名前       str             49 B                              '日本語'
  a\\x1b[2Jb  int             11 B                              1
✗ rows       generator      left out: TypeError: cannot pickle 'generator' object
- _x         generator      left out: a private name that no kept function or class uses
";
    assert_eq!(format!("\n{}", drawn(&index(), PLAIN)), expected);
}

#[test]
fn without_unicode_the_table_is_ascii() {
    let mut index = index();
    index.variables.remove(2);
    index.variables[0].preview.clear();
    let text = drawn(&index, TableStyle { width: Some(72), unicode: false, ..PLAIN });
    assert!(text.is_ascii() && text.contains(" ########  1000x3000 float64") && text.contains("\nx rows"), "{text}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let mut index = index();
    index.variables.push(variable(&"long_name_".repeat(9), &"a.module.".repeat(9), 1_000_000, &"日本".repeat(40)));
    index.variables.push(variable(&"名".repeat(50), "型", 5, &"👨\u{200d}👩\u{200d}👧☎\u{fe0f}".repeat(20)));
    for width in 1..=250 {
        let text = drawn(&index, TableStyle { width: Some(width), ..PLAIN });
        let over = text.lines().find(|line| measure_text_width(line) > width);
        assert_eq!(over, None, "at {width}");
    }
    let text = drawn(&index, TableStyle { width: Some(80), ..PLAIN });
    // Sizes are never cut, and long names keep their start and end. Values come before bars.
    for whole in ["  24 MB  1000×3000 float64  [0.0, 1.0", "  half ", "\n  long_", "_name_  a.mod", "49 B"] {
        assert!(text.contains(whole), "no {whole}\n{text}");
    }
}

#[test]
fn names_stay_readable_in_sixty_columns() {
    let array = variable("layer_0_weights", "numpy.ndarray", 24_000_000, "[0.1, …]");
    let array = Variable { shape: Some(vec![1000, 3000]), dtype: Some("float64".into()), ..array };
    let index = Index { variables: vec![array; 9], ..Index::default() };
    for width in [60, 70] {
        let text = drawn(&index, TableStyle { width: Some(width), ..PLAIN });
        assert!(text.contains("\n  layer_0_weights  numpy.ndarray  24 MB"), "{text}");
        assert!(!text.contains("shape") && text.contains("value"), "{text}");
    }
}

#[test]
fn a_terminal_only_adds_colours() {
    let coloured = drawn(&index(), TableStyle { colour: true, ..PLAIN });
    assert!(coloured.contains("\u{1b}[2mrows\u{1b}[0m"), "{coloured}");
    assert_eq!(console::strip_ansi_codes(&coloured), drawn(&index(), PLAIN));
}
