//! "Did you mean": the names that are most like one that does not exist, for options, commands, variables and files.

use std::path::Path;

use glob::Pattern;

/// The most names that are proposed.
const MOST: usize = 3;
/// How similar a name must be, from 0 to 1.
const SIMILAR: f64 = 0.8;

/// The names that may have been meant by `wrong`, the most similar first; none if nothing is similar.
pub(crate) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let mut scored: Vec<(f64, &str)> = names.map(|name| (similarity(&wrong, &name.to_lowercase()), name)).collect();
    scored.retain(|(score, _)| *score >= SIMILAR);
    // The order of the names decides between equal ones.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    let close = scored.into_iter().filter(|(score, _)| best - score < 0.05).map(|(_, name)| name);
    let mut found: Vec<&str> = Vec::new();
    for name in close.take(2 * MOST) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found.truncate(MOST);
    found
}

/// How similar two names are: 1 if only the case of their letters differs.
fn similarity(a: &str, b: &str) -> f64 {
    // A short name is similar to everything with its first letter, so a single edit must explain the difference.
    let shortest = a.chars().count().min(b.chars().count());
    if shortest < 3 {
        let edits = strsim::damerau_levenshtein(a, b);
        return if edits == 0 {
            1.0
        } else if edits == 1 && shortest == 2 {
            0.85
        } else {
            0.0
        };
    }
    // One name is the beginning or a part of the other: `scores` and `scores_test`.
    let is_part = b.contains(a) || a.contains(b);
    strsim::jaro_winkler(a, b).max(if is_part { 0.85 } else { 0.0 })
}

/// A pattern of names that matches none of them.
#[derive(Clone, Debug)]
pub(crate) struct Unmatched {
    /// The option that has it.
    pub option: &'static str,
    pub pattern: String,
    /// The names that may have been meant.
    pub nearest: Vec<String>,
}

impl Unmatched {
    /// What is wrong.
    pub(crate) fn message(&self) -> String {
        format!("{} {} matches no variable", self.option, self.pattern)
    }

    /// What may have been meant.
    pub(crate) fn advice(&self) -> Option<String> {
        did_you_mean(self.nearest.iter().map(String::as_str))
    }
}

/// The patterns that match none of the names, with the names that are most like them.
pub(crate) fn unmatched<'a>(
    patterns: &[Pattern],
    option: &'static str,
    names: impl Iterator<Item = &'a str> + Clone,
) -> Vec<Unmatched> {
    let wrong = patterns.iter().filter(|pattern| !names.clone().any(|name| pattern.matches(name)));
    let wrong = wrong.map(|pattern| {
        // The letters of a pattern are enough to find what it is like.
        let letters = pattern.as_str().replace(['*', '?', '[', ']'], "");
        let nearest = nearest(&letters, names.clone()).into_iter().map(String::from).collect();
        Unmatched { option, pattern: pattern.as_str().to_owned(), nearest }
    });
    wrong.collect()
}

/// The question with these names; `None` if there are none.
pub(crate) fn did_you_mean<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    let names: Vec<String> = names.map(|name| format!("'{name}'")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

/// The question with the files that are named like one that does not exist.
pub(crate) fn nearest_files(path: &Path) -> Option<String> {
    // The most entries of a directory that are looked at.
    const MOST_ENTRIES: usize = 10_000;
    let name = path.file_name().filter(|_| path.symlink_metadata().is_err())?.to_string_lossy().into_owned();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).ok()?.flatten().take(MOST_ENTRIES);
    let entries = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let entries: Vec<String> = entries.filter(|entry| has_similar_stem(&name, entry)).collect();
    let shown = |found: &str| path.with_file_name(found).display().to_string();
    let found: Vec<String> = nearest(&name, entries.iter().map(String::as_str)).into_iter().map(shown).collect();
    did_you_mean(found.iter().map(String::as_str))
}

/// Whether two names are similar without their endings: that of `e.pkl` is a part of `nofile.pkl`.
fn has_similar_stem(a: &str, b: &str) -> bool {
    let stem = |name: &str| Path::new(name).file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    similarity(&stem(a), &stem(b)) >= SIMILAR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_do_not_make_files_similar() {
        for (a, b, is_similar) in [
            ("nofile.pkl", "e.pkl", false),
            ("nosuch.pkl", "h.pkl", false),
            ("sesion.pkl", "session.pkl", true),
            ("session", "session.pkl", true),
            ("trian.py", "train.py", true),
            ("a.pkl", "a.py", true),
        ] {
            assert_eq!(has_similar_stem(a, b), is_similar, "{a} {b}");
        }
    }

    #[test]
    fn similar_names_are_found_and_others_are_not() {
        let names = ["best", "scores", "models", "model", "x", "api_key", "predictions", "test_scores"];
        let found = |wrong: &str| nearest(wrong, names.into_iter());
        assert_eq!(found("bset"), ["best"]);
        assert_eq!(found("Scores"), ["scores"]);
        assert_eq!(found("modles").first(), Some(&"models"));
        assert_eq!(found("predicitons"), ["predictions"]);
        assert_eq!(found("api_kye"), ["api_key"]);
        assert_eq!(found("key"), ["api_key"]);
        assert!(found("connection").is_empty());
        assert!(found("y").is_empty());
        assert!(found("").is_empty());
    }
}
