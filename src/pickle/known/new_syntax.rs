//! The code that our own pickler writes for objects that only syntax can create: lazy imports (PEP 810), and type
//! aliases and type variables that Python evaluates at the first use (PEP 695).

/// The code of a function that is one instruction, without its argument: CALL_INTRINSIC_1 between `LOAD_FAST` and
/// `RETURN_VALUE`, in 3.12 to 3.15.
const UNARY: [(&[u8], &[u8]); 4] = [
    (&[0x97, 0, 0x7c, 0, 0xad], &[0x53, 0]),
    (&[0x95, 0, 0x55, 0, 0x37], &[0x24, 0]),
    (&[0x80, 0, 0x56, 0, 0x35], &[0x23, 0]),
    (&[0x80, 0, 0, 0, 0x55, 0, 0x33], &[0x21, 0]),
];
/// As [`UNARY`], for CALL_INTRINSIC_2.
const BINARY: [(&[u8], &[u8]); 4] = [
    (&[0x97, 0, 0x7c, 0, 0x7c, 1, 0xae], &[0x53, 0]),
    (&[0x95, 0, 0x58, 1, 0x38], &[0x24, 0]),
    (&[0x80, 0, 0x57, 1, 0x36], &[0x23, 0]),
    (&[0x80, 0, 0, 0, 0x56, 1, 0x34], &[0x21, 0]),
];
/// The arguments that make a type variable, a parameter specification, a tuple of type variables, or an alias.
const MAKE_ONE: [u8; 4] = [7, 8, 9, 11];
/// Opcodes that make a type variable with a bound or with constraints, or give it a default.
const MAKE_OF_TWO: [u8; 3] = [2, 3, 5];

/// Whether code of these bytes does nothing but make a type alias or a type variable of its arguments.
pub(in crate::pickle) fn makes_type(code: &[u8]) -> bool {
    let argument = |forms: &[(&[u8], &[u8])]| {
        let rest = |(start, end): &(&[u8], &[u8])| match code.strip_prefix(*start)?.strip_suffix(*end)? {
            [argument] => Some(*argument),
            _ => None,
        };
        forms.iter().find_map(rest)
    };
    argument(&UNARY).is_some_and(|argument| MAKE_ONE.contains(&argument))
        || argument(&BINARY).is_some_and(|argument| MAKE_OF_TWO.contains(&argument))
}

/// Whether a statement is a lazy import: to execute it imports nothing.
pub(in crate::pickle) fn is_lazy_import(statement: &str) -> bool {
    let statement = statement.strip_suffix(" as value").unwrap_or(statement);
    let words: Vec<&str> = statement.split(' ').collect();
    match *words.as_slice() {
        ["lazy", "import", module] => is_dotted_name(module),
        ["lazy", "from", module, "import", name] => is_dotted_name(module) && is_identifier(name),
        _ => false,
    }
}

/// Whether this is the name of a module, with or without its packages.
pub(crate) fn is_dotted_name(name: &str) -> bool {
    name.split('.').all(is_identifier)
}

/// Whether this is a name in Python's sense, as far as the letters of all languages go.
pub(crate) fn is_identifier(name: &str) -> bool {
    let starts = |first: char| first == '_' || first.is_alphabetic();
    name.starts_with(starts) && name.chars().all(|letter| letter == '_' || letter.is_alphanumeric())
}

/// The words that are no names. Those that are keywords in some places only, as `match`, are names.
const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Whether code can use this as the name of a variable, and it is not one that Python gives to attributes of modules.
pub(crate) fn is_variable_name(name: &str) -> bool {
    is_identifier(name) && !KEYWORDS.contains(&name) && !(name.starts_with("__") && name.ends_with("__"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lazy_imports_count_as_lazy_imports() {
        for text in ["lazy import json", "lazy import a.b as value", "lazy from a.b import c as value"] {
            assert!(is_lazy_import(text), "{text}");
        }
        for text in [
            "",
            "import json",
            "lazy import json; f()",
            "lazy import json\nf()",
            "lazy import json\nlazy import csv",
            "lazy import json\n",
            "lazy import f()",
            "lazy from a import *",
            "lazy import a as value as value",
            "lazy  import a",
            "lazy = 1",
            "lazy import a\x0cb",
            "lazy from a import b, c",
        ] {
            assert!(!is_lazy_import(text), "{text}");
        }
    }

    #[test]
    fn only_the_code_of_one_instruction_makes_a_type() {
        let alias_of_315 = [0x80, 0, 0, 0, 0x55, 0, 0x33, 11, 0x21, 0];
        assert!(makes_type(&alias_of_315));
        let with = |index: usize, byte: u8| {
            let mut changed = alias_of_315;
            changed[index] = byte;
            changed
        };
        // Another instruction, its neighbour in the table, and a longer function.
        assert!(!makes_type(&with(6, 0x34)) && !makes_type(&with(7, 1)) && !makes_type(&with(7, 10)));
        assert!(!makes_type(&[&alias_of_315[..], &[0x21, 0]].concat()) && !makes_type(&[]));
        assert!(makes_type(&[0x97, 0, 0x7c, 0, 0x7c, 1, 0xae, 5, 0x53, 0]));
        assert!(!makes_type(&[0x97, 0, 0x7c, 0, 0x7c, 1, 0xae, 4, 0x53, 0]));
    }
}
