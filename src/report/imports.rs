//! Imports on one line, apart from the data: `26 imports: numpy as np, pandas as pd, …`.
//!
//! An import is what a restore imports again instead of loading it: a module, or a function or class of one. A session
//! of real work has dozens, and none of them says what the session holds.

use textwrap::core::display_width;

use crate::snapshot::index::{Variable, VariableKind};
use crate::ui::{count, escape};

/// Whether a variable is an import.
pub(crate) fn is_import(variable: &Variable) -> bool {
    variable.kind == VariableKind::Import
}

/// The number of variables, with the imports counted apart: `2 variables and 3 imports`.
pub(crate) fn counted<'v>(variables: impl IntoIterator<Item = &'v Variable>) -> String {
    let (imports, data): (Vec<_>, Vec<_>) = variables.into_iter().partition(|variable| is_import(variable));
    count_apart(data.len(), imports.len())
}

/// The same for numbers that are known.
pub(crate) fn count_apart(data: usize, imports: usize) -> String {
    match (data, imports) {
        (data, 0) => count(data, "variable"),
        (0, imports) => count(imports, "import"),
        (data, imports) => format!("{} and {}", count(data, "variable"), count(imports, "import")),
    }
}

/// The imports among variables as one line, and `None` if there are none. All names are there, unless the line has to
/// fit into `width` columns.
pub(crate) fn import_line<'v>(
    variables: impl IntoIterator<Item = &'v Variable>,
    width: Option<usize>,
) -> Option<String> {
    let names: Vec<String> = variables.into_iter().filter(|variable| is_import(variable)).map(name_of).collect();
    (!names.is_empty()).then(|| listed(&format!("{}: ", count(names.len(), "import")), &names, width))
}

fn name_of(variable: &Variable) -> String {
    name_as(&variable.name, variable.preview.strip_prefix("module ").filter(|_| variable.type_name == "module"))
}

/// The name as the script has it: `numpy as np` for a module that has another one.
pub(crate) fn name_as(name: &str, module: Option<&str>) -> String {
    match module {
        // `import a.b` binds `a`; only a module that is not called like its variable is named.
        Some(module) if module != name => format!("{} as {}", escape(module), escape(name)),
        _ => escape(name).into_owned(),
    }
}

/// `head` and as many names as fit into `width` columns, then an ellipsis for the others.
pub(crate) fn listed(head: &str, names: &[String], width: Option<usize>) -> String {
    let whole = format!("{head}{}", names.join(", "));
    let Some(width) = width.filter(|width| display_width(&whole) > *width) else { return whole };
    let mut used = display_width(head) + display_width("…");
    let fitting = names.iter().take_while(|name| {
        used += display_width(name) + 2;
        used <= width
    });
    // One name at least, which the terminal breaks if it must.
    let shown = fitting.count().max(1);
    let names = names.iter().take(shown).map(String::as_str);
    format!("{head}{}", names.chain(["…"]).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(name: &str, module: Option<&str>) -> Variable {
        let preview = module.map_or_else(String::new, |module| format!("module {module}"));
        let type_name = if module.is_some() { "module" } else { "type" }.to_owned();
        Variable { name: name.into(), kind: VariableKind::Import, type_name, preview, ..Variable::default() }
    }

    #[test]
    fn imports_are_named_as_the_script_has_them() {
        let variables = [
            import("np", Some("numpy")),
            import("json", Some("json")),
            Variable { name: "data".into(), ..Variable::default() },
            import("Path", None),
        ];
        assert_eq!(import_line(&variables, None).as_deref(), Some("3 imports: numpy as np, json, Path"));
        assert_eq!(import_line(&variables[1..2], Some(20)).as_deref(), Some("1 import: json"));
        assert_eq!(import_line(&variables[2..3], None), None);
        assert_eq!(counted(&variables), "1 variable and 3 imports");
        assert_eq!(counted(&variables[1..2]), "1 import");
        assert_eq!(counted(&[]), "0 variables");
    }

    #[test]
    fn a_line_of_imports_fits_the_terminal() {
        let variables: Vec<Variable> = (0..40).map(|number| import(&format!("name{number}"), None)).collect();
        for width in 40..200 {
            let line = import_line(&variables, Some(width)).unwrap_or_default();
            assert!(display_width(&line) <= width && line.starts_with("40 imports: name0, name1, "), "{line}");
            assert!(line.ends_with(", …"), "{line}");
        }
    }
}
