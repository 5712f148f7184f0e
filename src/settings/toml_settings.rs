//! Reads a table of settings from TOML. Every error has the line that it is about.

use glob::Pattern;
use toml::de::{DeTable, DeValue};

use super::setting_keys::{KEYS, KeyKind, REFUSED, SettingKey, size_of};
use super::{Setting, SettingValue};
use crate::cli::glob_of;
use crate::ui::nearest_names::{did_you_mean, nearest};

/// What is wrong with a file.
#[derive(Debug)]
pub(super) struct WrongSetting {
    /// From 1.
    pub(super) line: usize,
    pub(super) problem: String,
    pub(super) advice: Option<String>,
}

/// The settings of the table at `path`; none if there is no such table.
pub(super) fn read_table(text: &str, path: &[&str]) -> Result<Vec<Setting>, WrongSetting> {
    let line_of = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
    let wrong = |offset: usize, problem: String, advice| WrongSetting { line: line_of(offset), problem, advice };
    let parsed = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        wrong(offset, format!("this is not TOML: {}", error.message()), None)
    })?;
    let mut table = parsed.get_ref();
    for name in path {
        match table.get(*name).map(|value| (value.span(), value.get_ref())) {
            None => return Ok(Vec::new()),
            Some((_, DeValue::Table(inner))) => table = inner,
            Some((span, _)) => return Err(wrong(span.start, format!("{name} is not a table"), None)),
        }
    }
    let name = if path.is_empty() { String::new() } else { format!(" in [{}]", path.join(".")) };
    let mut settings = Vec::new();
    for (key, value) in table {
        let (offset, typed) = (key.span().start, key.get_ref().as_ref());
        let Some(known) = SettingKey::named(typed) else {
            let advice = REFUSED.iter().find(|(refused, _)| *refused == typed).map(|(_, why)| (*why).to_owned());
            let advice = advice.or_else(|| did_you_mean(nearest(typed, KEYS.iter().map(|key| key.name)).into_iter()));
            return Err(wrong(offset, format!("unknown key {typed}{name}"), advice));
        };
        let found = value_of(known.kind, value.get_ref()).map_err(|why| {
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            wrong(value.span().start, format!("{typed} must be {}{why}", known.kind.expected()), None)
        })?;
        settings.push(Setting { key: known.name, value: found, line: line_of(offset) });
    }
    settings.sort_by_key(|setting| setting.line);
    Ok(settings)
}

/// The value of a key. The error says more than that it has the wrong type, if there is more to say.
fn value_of(kind: KeyKind, value: &DeValue<'_>) -> Result<SettingValue, Option<String>> {
    match (kind, value) {
        (KeyKind::Switch, DeValue::Boolean(on)) => Ok(SettingValue::Switch(*on)),
        (KeyKind::Size, DeValue::String(text)) => size_of(text).map_err(Some),
        (KeyKind::Size, DeValue::Integer(number)) if number.radix() == 10 => size_of(number.as_str()).map_err(Some),
        (KeyKind::Color, DeValue::String(text)) => {
            let choice = ["auto", "always", "never"].into_iter().find(|choice| choice == text);
            choice.map(SettingValue::Choice).ok_or(None)
        }
        (KeyKind::Store, DeValue::String(text)) if !text.is_empty() => Ok(SettingValue::Store(text.as_ref().into())),
        (KeyKind::Patterns, DeValue::String(text)) => Ok(SettingValue::Patterns(patterns(text)?)),
        (KeyKind::Patterns, DeValue::Array(items)) => {
            let lists = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => patterns(text),
                _ => Err(None),
            });
            lists.collect::<Result<Vec<_>, _>>().map(|lists| SettingValue::Patterns(lists.concat()))
        }
        _ => Err(None),
    }
}

/// The patterns in a string, separated by commas as on the command line.
fn patterns(text: &str) -> Result<Vec<Pattern>, Option<String>> {
    let pattern = |text: &str| match text.trim() {
        "" => Err(Some("a pattern is empty: is there a comma too many?".to_owned())),
        text => glob_of(text).map_err(|error| Some(format!("{text}: {error}"))),
    };
    text.split(',').map(pattern).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(text: &str) -> Result<Vec<String>, (usize, String, Option<String>)> {
        let shown = |setting: &Setting| format!("{} {}={}", setting.line, setting.key, setting.value);
        match read_table(text, &["tool", "snapcli"]) {
            Ok(settings) => Ok(settings.iter().map(shown).collect()),
            Err(wrong) => Err((wrong.line, wrong.problem, wrong.advice)),
        }
    }

    #[test]
    fn a_table_is_read_with_its_lines() {
        let text = "[project]\nname = 'x'\n\n[tool.snapcli]\nexclude = ['a', 'b_*']\nredact = true\nmax-size = '2k'\n\
                    color = \"never\"\n[tool.other]\nexclude = 1\n";
        assert_eq!(
            project(text),
            Ok(["5 exclude=a, b_*", "6 redact=true", "7 max-size=2000", "8 color=never"].map(String::from).to_vec())
        );
        for text in ["'a,b_*'", "'a, b_*'", "['a,b_*']", "['a', ' b_*']"] {
            let table = format!("[tool.snapcli]\nexclude = {text}\n");
            assert_eq!(project(&table), Ok(vec!["2 exclude=a, b_*".to_owned()]), "{text}");
        }
        assert_eq!(project("[project]\nname = 'snapcli'\n"), Ok(Vec::new()));
        assert_eq!(project("tool.snapcli.max-size = 5_000\n"), Ok(vec!["1 max-size=5000".to_owned()]));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let in_table = |line: &str| project(&format!("[tool.snapcli]\n{line}\n"));
        let (line, problem, advice) = in_table("exlude = ['a']").expect_err("a wrong key");
        assert_eq!((line, problem.as_str()), (2, "unknown key exlude in [tool.snapcli]"));
        assert_eq!(advice.as_deref(), Some("did you mean 'exclude'?"));
        for (text, part) in [
            ("trust = true", "unknown key trust"),
            ("redact = 'yes'", "redact must be true or false"),
            ("exclude = [1]", "exclude must be a list"),
            ("exclude = ['[']", "exclude must be a list"),
            ("max-size = '3 parsecs'", "max-size must be a size"),
            ("color = 'pink'", "color must be \"auto\""),
            ("exclude_type = []", "unknown key exclude_type"),
        ] {
            let (line, problem, _) = in_table(text).expect_err("a wrong setting");
            assert!(line == 2 && problem.contains(part), "{text}: {line} {problem}");
        }
        assert_eq!(project("a = 1\nb = = 2\n").expect_err("no TOML").0, 2);
        assert_eq!(project("[tool]\nsnapcli = 3\n").expect_err("no table").0, 2);
    }
}
