//! Refusals as a user reads them: each callee once, with a reason if there is one.

use std::collections::HashMap;
use std::hash::Hash;

/// Leaves out earlier refusals of the same callee where `place` is the same: a lookup of a global says only its name, a
/// call of it also says why.
pub(crate) fn each_once<P: Copy + Eq + Hash>(refusals: impl IntoIterator<Item = (P, String)>) -> Vec<(P, String)> {
    let mut known: HashMap<(P, String), usize> = HashMap::new();
    let mut all: Vec<(P, String)> = Vec::new();
    for (place, what) in refusals {
        let callee = callee(&what);
        // A use of a global is described as `import NAME`, its lookup only as `NAME`.
        let name = callee.strip_prefix("import ").unwrap_or(callee);
        match known.get(&(place, name.to_owned())).and_then(|index| all.get_mut(*index)) {
            Some((_, found)) if !found.contains(" (") && (what.contains(" (") || found.starts_with("import ")) => {
                *found = what;
            }
            Some(_) => {}
            None => {
                known.insert((place, name.to_owned()), all.len());
                all.push((place, what));
            }
        }
    }
    all
}

/// The reason for refusing a module, before its name.
pub(super) const IMPORTS_MODULE: &str = "imports the module ";

/// The module that may not be imported, if a module was refused.
#[cfg(feature = "python")]
pub(crate) fn refused_module(what: &str) -> Option<&str> {
    let with_reason = || what.strip_suffix(')')?.split_once(" (")?.1.strip_prefix(IMPORTS_MODULE);
    what.strip_prefix("import ").or_else(with_reason)
}

/// The part before the reason, which is in parentheses.
pub(crate) fn callee(what: &str) -> &str {
    what.split_once(" (").map_or(what, |(callee, _)| callee)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(refusals: &[(u8, &str)]) -> Vec<String> {
        let refusals = refusals.iter().map(|(place, what)| (*place, (*what).to_owned()));
        each_once(refusals).into_iter().map(|(place, what)| format!("{place} {what}")).collect()
    }

    #[test]
    fn a_callee_is_named_once_with_its_first_reason() {
        assert_eq!(once(&[(0, "m.f"), (0, "m.g"), (0, "m.f (why)")]), ["0 m.f (why)", "0 m.g"]);
        assert_eq!(once(&[(0, "m.f (why)"), (0, "m.f"), (0, "m.f (other)")]), ["0 m.f (why)"]);
        assert_eq!(once(&[(0, "m.f (why)"), (1, "m.f")]), ["0 m.f (why)", "1 m.f"]);
        assert_eq!(once(&[(0, "m.f"), (0, "import m.f"), (0, "m.f (why)")]), ["0 m.f (why)"]);
        assert_eq!(once(&[(0, "a second state"), (0, "a second state")]), ["0 a second state"]);
    }
}
