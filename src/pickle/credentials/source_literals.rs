//! Credentials in Python source: literals that are assigned to a variable, an attribute, a key or a keyword argument
//! with the name of a credential.
//!
//! The source is split into tokens but not parsed, so a cell with magics or a syntax error can be searched, too. Where
//! no credential may remain, all literals of a statement with such a name are hidden, and comments that mention one.

use std::ops::Range;

use super::NOT_SHOWN;
use super::credential_names::{is_secret_option, reason_in_name, word_in_message};
use super::credential_values::{is_placeholder, is_plain_word};
use super::environment_variables::ENVIRONMENT_NAMES;

/// The longest literal that may be a name.
const MAX_NAME: usize = 64;
/// How many tokens of an annotation are skipped to find the name before it.
const MAX_ANNOTATION: usize = 16;
/// Words of a statement that reads or sets environment variables.
const ENVIRONMENT: [&str; 4] = ["environ", "putenv", "setenv", "getenv"];

/// A token of Python.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SourceToken<'s> {
    /// An identifier, a keyword, or a number.
    Word(&'s str),
    /// The span between the quotes of a literal.
    Literal(Range<usize>),
    Comment(Range<usize>),
    Sign(char),
}

/// The source with its credentials hidden, and their names; `None` if it has none. The number of lines does not change.
/// With `all`, hides everything that may be a credential.
pub(crate) fn hidden_in_source(source: &str, all: bool) -> Option<(String, Vec<String>)> {
    let (mut spans, mut names) = (Vec::new(), Vec::new());
    for statement in statements(source) {
        for (at, token) in statement.iter().enumerate() {
            let SourceToken::Literal(span) = token else { continue };
            let name = name_of(source, &statement, at).filter(|name| is_credential(name, text(source, span)));
            if let Some(name) = name {
                spans.push(span.clone());
                names.push(name.to_owned());
            }
        }
        if all {
            hide_all(source, &statement, &mut spans, &mut names);
        }
    }
    spans.retain(|span| !span.is_empty());
    names.sort();
    names.dedup();
    (!spans.is_empty()).then(|| (without_spans(source, spans), names))
}

/// Hides all literals except keys in a statement that has a name of a credential, and comments that mention one.
fn hide_all(source: &str, statement: &[SourceToken<'_>], spans: &mut Vec<Range<usize>>, names: &mut Vec<String>) {
    let is_environment = statement.iter().any(|token| matches!(token, SourceToken::Word(w) if ENVIRONMENT.contains(w)));
    let is_name = |name: &str| {
        let of_environment = || ENVIRONMENT_NAMES.iter().any(|part| name.to_uppercase().contains(part));
        is_secret_option(name) || is_environment && of_environment()
    };
    let named = statement.iter().find_map(|token| match token {
        SourceToken::Word(word) => is_name(word).then_some(*word),
        SourceToken::Literal(span) => Some(text(source, span)).filter(|text| text.len() <= MAX_NAME && is_name(text)),
        _ => None,
    });
    let before = spans.len();
    for (at, token) in statement.iter().enumerate() {
        let is_key = matches!(statement.get(at + 1), Some(SourceToken::Sign(':' | ']')));
        match token {
            SourceToken::Literal(span) if named.is_some() && !is_key && !is_name(text(source, span)) => {
                spans.push(span.clone());
            }
            SourceToken::Comment(span) if word_in_message(text(source, span)).is_some() => spans.push(span.clone()),
            _ => {}
        }
    }
    if spans.len() > before {
        names.extend(named.map(str::to_owned));
    }
}

fn text<'s>(source: &'s str, span: &Range<usize>) -> &'s str {
    source.get(span.clone()).unwrap_or_default()
}

/// Whether a literal is a credential under this name: the rule for all names, and a few short names if the value is
/// more than a word.
fn is_credential(name: &str, value: &str) -> bool {
    let is_other = || is_plain_word(value) || is_placeholder(value) || value.starts_with(['/', '~', '.']);
    reason_in_name(name, value).is_some() || is_secret_option(name) && name != "token" && !is_other()
}

/// The name that a literal is assigned to: `name = "…"`, `x.name = "…"`, `x["name"] = "…"`, `name="…"`, `"name": "…"`,
/// `name: str = "…"`, and `"name", "…"` of a pair.
fn name_of<'s>(source: &'s str, tokens: &[SourceToken<'s>], literal: usize) -> Option<&'s str> {
    let is_sign = |at: usize, sign: char| tokens.get(at) == Some(&SourceToken::Sign(sign));
    let literal_at = |at: usize| match tokens.get(at) {
        Some(SourceToken::Literal(span)) => Some(text(source, span)).filter(|name| name.len() <= MAX_NAME),
        _ => None,
    };
    // Adjacent literals are one string, also within parentheses.
    let mut at = literal.checked_sub(1)?;
    while matches!(tokens.get(at), Some(SourceToken::Literal(_) | SourceToken::Comment(_)) | None) || is_sign(at, '(') {
        at = at.checked_sub(1)?;
    }
    if is_sign(at, ',') {
        // Two words may be anything.
        let is_word =
            matches!(tokens.get(literal), Some(SourceToken::Literal(span)) if is_plain_word(text(source, span)));
        return literal_at(at.checked_sub(1)?).filter(|_| at + 1 == literal && !is_word);
    }
    if is_sign(at, ':') {
        return literal_at(at.checked_sub(1)?);
    }
    if !is_sign(at, '=') {
        return None;
    }
    at = at.checked_sub(1)?;
    // `==` and `!=` compare; `+=` and `:=` assign.
    if matches!(tokens.get(at), Some(SourceToken::Sign('=' | '!' | '<' | '>'))) {
        let before = at.checked_sub(1).filter(|_| is_sign(at, '='))?;
        return literal_at(before).or_else(|| word_at(tokens, before));
    }
    if matches!(tokens.get(at), Some(SourceToken::Sign('+' | ':' | '|'))) {
        at = at.checked_sub(1)?;
    }
    if is_sign(at, ']')
        && let Some(key) = at.checked_sub(1).and_then(literal_at)
    {
        return Some(key);
    }
    annotated(tokens, at).or_else(|| word_at(tokens, at))
}

fn word_at<'s>(tokens: &[SourceToken<'s>], at: usize) -> Option<&'s str> {
    if let Some(SourceToken::Word(word)) = tokens.get(at) { Some(word) } else { None }
}

/// The name before an annotation whose last token is this one.
fn annotated<'s>(tokens: &[SourceToken<'s>], last: usize) -> Option<&'s str> {
    let colon = (last.saturating_sub(MAX_ANNOTATION)..last)
        .rev()
        .take_while(|at| !matches!(tokens.get(*at), Some(SourceToken::Sign(',' | '=' | '{'))))
        .find(|at| tokens.get(*at) == Some(&SourceToken::Sign(':')))?;
    word_at(tokens, colon.checked_sub(1)?)
}

/// The tokens of each logical line.
fn statements(source: &str) -> Vec<Vec<SourceToken<'_>>> {
    let (mut all, mut now, mut depth) = (Vec::new(), Vec::new(), 0_usize);
    let mut at = 0;
    while let Some(first) = source.get(at..).and_then(|rest| rest.chars().next()) {
        let (token, length) = token_at(source, at, first);
        match token {
            Some(SourceToken::Sign('(' | '[' | '{')) => depth += 1,
            Some(SourceToken::Sign(')' | ']' | '}')) => depth = depth.saturating_sub(1),
            None if first == '\n' && depth == 0 && !now.is_empty() => all.push(std::mem::take(&mut now)),
            _ => {}
        }
        now.extend(token);
        at += length;
    }
    all.push(now);
    all
}

/// The token at an offset whose first character is `first`, and the number of bytes to skip. White space, line
/// continuations and the prefixes of literals are no tokens.
fn token_at(source: &str, start: usize, first: char) -> (Option<SourceToken<'_>>, usize) {
    let rest = source.get(start..).unwrap_or_default();
    match first {
        '#' => {
            let length = rest.find('\n').unwrap_or(rest.len());
            (Some(SourceToken::Comment(start + 1..start + length)), length)
        }
        '"' | '\'' => {
            let (inner, length) = literal(rest, first);
            (Some(SourceToken::Literal(start + inner.start..start + inner.end)), length)
        }
        '\\' => (None, 1 + rest.chars().nth(1).map_or(0, char::len_utf8)),
        _ if first.is_alphanumeric() || first == '_' => {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (word, after) = rest.split_at(length);
            // `rb"…"`
            let is_prefix = length <= 2 && after.starts_with(['"', '\'']) && word.is_ascii();
            ((!is_prefix).then_some(SourceToken::Word(word)), length)
        }
        _ => ((!first.is_whitespace()).then_some(SourceToken::Sign(first)), first.len_utf8()),
    }
}

/// The span between the quotes of the literal that `text` begins with, and the length of the literal. One that is not
/// closed ends with its line or, if it has three quotes, with the text.
fn literal(text: &str, quote: char) -> (Range<usize>, usize) {
    let three = quote.to_string().repeat(3);
    let is_long = text.starts_with(&three);
    let quotes = if is_long { 3 } else { 1 };
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(quotes) {
        let rest = text.get(at..).unwrap_or_default();
        if is_escaped {
            is_escaped = false;
        } else if letter == '\\' {
            is_escaped = true;
        } else if is_long && rest.starts_with(&three) || !is_long && letter == quote {
            return (quotes..at, at + quotes);
        } else if !is_long && letter == '\n' {
            return (quotes..at, at);
        }
    }
    (quotes.min(text.len())..text.len(), text.len())
}

/// The source without these parts, with the same lines.
fn without_spans(source: &str, mut spans: Vec<Range<usize>>) -> String {
    spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
    let (mut shown, mut end) = (String::new(), 0);
    for span in spans.into_iter().filter(|span| !span.is_empty()) {
        if span.start >= end {
            shown.push_str(source.get(end..span.start).unwrap_or_default());
            shown.push_str(NOT_SHOWN);
            shown.extend(text(source, &span).matches('\n'));
            end = span.end;
        }
    }
    shown + source.get(end..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_with_the_name_of_a_credential_are_hidden() {
        for source in [
            "password = \"hunter2-xyz\"\n",
            "os.environ[\"MYSQL_PWD\"]=\"hunter2-xyz\"\n",
            "client = dict(host='h', api_key='hunter2-xyz')\n",
            "connect(password = b'hunter2-xyz')",
            "self.db_password: Optional[str] = 'hunter2-xyz'",
            "c = {'user': 'bob', 'password': ('hunter2'\n   '-xyz')}\n",
            "def f(a, password: str = 'hunter2-xyz'): pass",
            "setattr(x, 'api_key', 'hunter2-xyz')",
            "x = password = '''hunter2-xyz'''",
            "if (secret := 'hunter2-xyz'): pass",
            "%matplotlib inline\npassword = \\\n    'hunter2-xyz' # mine",
            "auth = 'it\\'s'; pw = 'hunter2-xyz'",
        ] {
            let (shown, names) = hidden_in_source(source, false).unwrap_or_default();
            assert!(shown.contains(NOT_SHOWN) && !shown.contains("hunter2") && !names.is_empty(), "{source}: {shown}");
            assert_eq!(shown.lines().count(), source.lines().count());
        }
    }

    #[test]
    fn ordinary_source_stays_as_it_is() {
        for source in [
            "token_count = 'x-1'\nkeyboard = 'qwerty-1'\n",
            "x = {'token': 'the', 'password': None}\n",
            "if password == '': raise ValueError('no password-1')\n",
            "password = getpass('Password-1: ')\n",
            "def f(password):\n    '''The password-1 of it.'''\n",
            "print('password', 'x')\nauth = ('basic', 'digest')\npwd = '/home/ada-1'\n",
        ] {
            assert_eq!(hidden_in_source(source, false), None, "{source}");
        }
    }

    #[test]
    fn a_statement_with_such_a_name_keeps_no_literal_where_nothing_may_be_left() {
        for source in [
            "user, password = 'bob', 'hunter2'\n",
            "password = os.getenv('X') or 'hunter2'\n",
            "os.environ['SESSION_ID'] = f('hunter2')\n",
            "x = 1  # the password is hunter2\n",
            "connect('bob', 'hunter2', token=None)\n",
        ] {
            let (shown, _) = hidden_in_source(source, true).unwrap_or_default();
            assert!(shown.contains(NOT_SHOWN) && !shown.contains("hunter2"), "{source}: {shown}");
        }
        assert_eq!(hidden_in_source("x = 'a'  # b\ny = d['token_count']\n", true), None);
    }
}
