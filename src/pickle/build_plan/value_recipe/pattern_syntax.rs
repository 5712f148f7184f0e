//! The syntax of Python's regular expressions, as `re._parser` of CPython reads it: whether a pattern compiles.
//!
//! A pattern is compiled when it is built, and one that does not compile would end the load. Syntax that only some
//! Pythons accept, such as flags after the start or characters by their names, is refused here, apart from the
//! possessive quantifiers and atomic groups of 3.11.

mod pattern_escapes;
mod pattern_groups;
#[cfg(test)]
mod pattern_tests;

use std::collections::{HashMap, HashSet};

use self::pattern_escapes::Escape;

/// How deep groups may be nested. Python reaches the limit of its stack at about 300.
const MAX_DEPTH: usize = 100;
/// Counts of repetitions, and the widths of look-behinds, are less than this.
const MAX_REPEAT: u64 = u32::MAX as u64;
/// `re.LOCALE`, `re.UNICODE`, `re.VERBOSE` and `re.ASCII`.
const LOCALE: i64 = 4;
const UNICODE: i64 = 32;
const VERBOSE: i64 = 64;
const ASCII: i64 = 256;

/// Why a pattern does not compile.
type Wrong = &'static str;

/// A character of a pattern, and whether a backslash is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Token {
    letter: u32,
    is_escaped: bool,
}

/// How many characters something matches, at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Width(u64, u64);

impl Width {
    const NONE: Self = Self(0, 0);
    const ONE: Self = Self(1, 1);

    fn then(self, next: Self) -> Self {
        Self(self.0.saturating_add(next.0), self.1.saturating_add(next.1))
    }

    fn or(self, other: Self) -> Self {
        Self(self.0.min(other.0), self.1.max(other.1))
    }

    fn repeated(self, least: u64, most: u64) -> Self {
        Self(self.0.saturating_mul(least), self.1.saturating_mul(most))
    }
}

/// An item that can be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PatternItem {
    /// A character, a set, a group, or a look around.
    Part(Width),
    /// `^`, `\b` and the like.
    Position,
    /// An item that is repeated already.
    Repeat(Width),
}

impl PatternItem {
    fn width(self) -> Width {
        match self {
            Self::Part(width) | Self::Repeat(width) => width,
            Self::Position => Width::NONE,
        }
    }
}

/// Why the parser stops.
enum Stop {
    Wrong(Wrong),
    /// `(?x)` at the start: all of the pattern is read once more.
    Verbose,
}

impl From<Wrong> for Stop {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

type Parsed<T> = Result<T, Stop>;

/// Checks a pattern of a string, in UTF-8 with surrogates, or of bytes.
///
/// # Errors
/// Why it does not compile.
pub(super) fn check(pattern: &[u8], is_text: bool, flags: i64) -> Result<(), Wrong> {
    let tokens = tokens(pattern, is_text)?;
    let parse = |flags| {
        let mut parser = PatternParser::new(&tokens, is_text, flags);
        parser.whole()
    };
    match parse(flags) {
        Ok(()) => Ok(()),
        Err(Stop::Wrong(wrong)) => Err(wrong),
        Err(Stop::Verbose) => parse(flags | VERBOSE).map_err(|stop| match stop {
            Stop::Wrong(wrong) => wrong,
            Stop::Verbose => "with flags that are not at the start",
        }),
    }
}

fn tokens(pattern: &[u8], is_text: bool) -> Result<Vec<Token>, Wrong> {
    let letters: Vec<u32> = match is_text {
        true => pattern.chunk_by(|_, next| next & 0xc0 == 0x80).map(letter).collect(),
        false => pattern.iter().map(|byte| u32::from(*byte)).collect(),
    };
    let (mut tokens, mut letters) = (Vec::with_capacity(letters.len()), letters.into_iter());
    while let Some(letter) = letters.next() {
        tokens.push(match letter == u32::from(b'\\') {
            true => Token { letter: letters.next().ok_or("with a backslash at its end")?, is_escaped: true },
            false => Token { letter, is_escaped: false },
        });
    }
    Ok(tokens)
}

/// A character of UTF-8.
fn letter(bytes: &[u8]) -> u32 {
    let lead = bytes.first().map_or(0, |lead| u32::from(*lead));
    let lead = if bytes.len() == 1 { lead } else { lead & (0x7f >> bytes.len()) };
    bytes.iter().skip(1).fold(lead, |letter, byte| letter << 6 | u32::from(byte & 0x3f))
}

struct PatternParser<'t> {
    tokens: &'t [Token],
    at: usize,
    is_text: bool,
    flags: i64,
    /// The widths of the groups, from number 1 on; `None` for open groups.
    groups: Vec<Option<Width>>,
    names: HashMap<Vec<u32>, usize>,
    /// The groups that conditions refer to by number, which may come later.
    conditions: HashSet<u64>,
    /// The number of groups before the outermost look-behind.
    before_lookbehind: Option<usize>,
    depth: usize,
}

impl<'t> PatternParser<'t> {
    fn new(tokens: &'t [Token], is_text: bool, flags: i64) -> Self {
        let (groups, names, conditions) = Default::default();
        Self { tokens, at: 0, is_text, flags, groups, names, conditions, before_lookbehind: None, depth: 0 }
    }

    fn whole(&mut self) -> Parsed<()> {
        self.alternatives(self.flags & VERBOSE != 0)?;
        if self.peek().is_some() {
            return Err("with a bracket that closes nothing".into());
        }
        if self.conditions.iter().any(|group| *group > self.groups.len() as u64) {
            return Err("with a reference to a group that it does not have".into());
        }
        let (is_wrong, both) = match self.is_text {
            true => (self.flags & LOCALE != 0, ASCII | UNICODE),
            false => (self.flags & UNICODE != 0, ASCII | LOCALE),
        };
        if is_wrong || self.flags & both == both {
            return Err("with flags that do not fit it".into());
        }
        Ok(())
    }

    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Whether the next character is this one, without a backslash.
    fn is_next(&self, letter: char) -> bool {
        self.peek() == Some(Token { letter: letter.into(), is_escaped: false })
    }

    /// Takes the next character, if it is this one.
    fn takes(&mut self, letter: char) -> bool {
        let found = self.is_next(letter);
        self.at += usize::from(found);
        found
    }

    fn needs(&mut self, letter: char, wrong: Wrong) -> Result<(), Wrong> {
        if self.takes(letter) { Ok(()) } else { Err(wrong) }
    }

    /// The next digits of this base, at most this many.
    fn digits(&mut self, base: u32, most: usize) -> String {
        let mut digits = String::new();
        while digits.len() < most
            && let Some(Token { letter, is_escaped: false }) = self.peek()
            && let Some(digit) = char::from_u32(letter).filter(|digit| digit.is_digit(base))
        {
            digits.push(digit);
            self.at += 1;
        }
        digits
    }

    /// Alternatives up to the end of their group.
    fn alternatives(&mut self, is_verbose: bool) -> Parsed<Width> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("with more than 100 groups within one another".into());
        }
        let mut width = self.items(is_verbose, self.depth == 1)?;
        while self.takes('|') {
            width = width.or(self.items(is_verbose, false)?);
        }
        self.depth -= 1;
        Ok(width)
    }

    /// The items of an alternative. `is_first` says that flags for all of the pattern may come first.
    fn items(&mut self, is_verbose: bool, is_first: bool) -> Parsed<Width> {
        let (mut width, mut last) = (Width::NONE, None);
        while !self.is_next('|') && !self.is_next(')') {
            let Some(token) = self.next() else { break };
            let letter = char::from_u32(token.letter).unwrap_or(char::REPLACEMENT_CHARACTER);
            let item = match letter {
                _ if token.is_escaped => match self.escape(letter)? {
                    Escape::Position => PatternItem::Position,
                    Escape::Group(width) => PatternItem::Part(width),
                    Escape::Letter(_) | Escape::Class => PatternItem::Part(Width::ONE),
                },
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if is_verbose => continue,
                '#' if is_verbose => {
                    while self.next().is_some_and(|token| token.is_escaped || token.letter != u32::from('\n')) {}
                    continue;
                }
                '[' => PatternItem::Part(self.set()?),
                '*' | '+' | '?' | '{' => match self.quantifier(letter)? {
                    Some((least, most)) => {
                        last = Some(self.repeat(last, least, most)?);
                        continue;
                    }
                    None => PatternItem::Part(Width::ONE),
                },
                '(' => match self.group(is_verbose, is_first && last.is_none())? {
                    Some(width) => PatternItem::Part(width),
                    None => continue,
                },
                '^' | '$' => PatternItem::Position,
                _ => PatternItem::Part(Width::ONE),
            };
            width = width.then(last.map_or(Width::NONE, PatternItem::width));
            last = Some(item);
        }
        Ok(width.then(last.map_or(Width::NONE, PatternItem::width)))
    }

    /// How often the item before it occurs; `None` if the bracket is no quantifier.
    fn quantifier(&mut self, first: char) -> Result<Option<(u64, u64)>, Wrong> {
        match first {
            '?' => return Ok(Some((0, 1))),
            '*' => return Ok(Some((0, MAX_REPEAT))),
            '+' => return Ok(Some((1, MAX_REPEAT))),
            _ => {}
        }
        let start = self.at;
        if self.is_next('}') {
            return Ok(None);
        }
        let least = self.digits(10, usize::MAX);
        let most = if self.takes(',') { self.digits(10, usize::MAX) } else { least.clone() };
        if !self.takes('}') {
            self.at = start;
            return Ok(None);
        }
        let number = |digits: &str, without: u64| match digits {
            "" => Ok(without),
            _ => digits.parse().ok().filter(|number| *number < MAX_REPEAT).ok_or("with a repetition that is too large"),
        };
        let (least, most) = (number(&least, 0)?, number(&most, MAX_REPEAT)?);
        if most < least { Err("with fewer repetitions at most than at least") } else { Ok(Some((least, most))) }
    }

    fn repeat(&mut self, item: Option<PatternItem>, least: u64, most: u64) -> Result<PatternItem, Wrong> {
        let width = match item {
            Some(PatternItem::Part(width)) => width,
            Some(PatternItem::Repeat(_)) => return Err("with a repetition of a repetition"),
            Some(PatternItem::Position) | None => return Err("with nothing to repeat"),
        };
        // Lazy or possessive.
        if !self.takes('?') {
            self.takes('+');
        }
        Ok(PatternItem::Repeat(width.repeated(least, most)))
    }

    /// A set of characters after its bracket. A bracket that closes is a member if it is the first one.
    fn set(&mut self) -> Result<Width, Wrong> {
        const OPEN: Wrong = "with a set of characters that has no end";
        self.takes('^');
        let mut is_empty = true;
        loop {
            let first = self.next().ok_or(OPEN)?;
            if !is_empty && !first.is_escaped && first.letter == u32::from(']') {
                return Ok(Width::ONE);
            }
            is_empty = false;
            let low = self.member(first)?;
            if !self.takes('-') {
                continue;
            }
            let last = self.next().ok_or(OPEN)?;
            if !last.is_escaped && last.letter == u32::from(']') {
                return Ok(Width::ONE);
            }
            match (low, self.member(last)?) {
                (Escape::Letter(low), Escape::Letter(high)) if low <= high => {}
                _ => return Err("with a range of characters that is none"),
            }
        }
    }

    fn member(&mut self, token: Token) -> Result<Escape, Wrong> {
        if token.is_escaped { self.escape_in_set(token.letter) } else { Ok(Escape::Letter(token.letter)) }
    }
}
