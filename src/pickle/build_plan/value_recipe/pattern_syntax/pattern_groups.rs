//! Groups, references to them, flags, and everything else that begins with a bracket in a pattern.

use super::{ASCII, LOCALE, MAX_REPEAT, Parsed, PatternParser, Stop, Token, UNICODE, VERBOSE, Width, Wrong};
use crate::pickle::known::is_identifier;

const OPEN: Wrong = "with brackets that are not closed";
const BAD_FLAGS: Wrong = "with flags that do not fit it";
/// The flags of which a pattern has one.
const TYPE_FLAGS: i64 = ASCII | LOCALE | UNICODE;

impl PatternParser<'_> {
    /// The contents of brackets, after the first one; `None` if they cannot be repeated.
    pub(super) fn group(&mut self, is_verbose: bool, may_set_flags: bool) -> Parsed<Option<Width>> {
        if !self.takes('?') {
            return self.captured(None, is_verbose).map(Some);
        }
        let kind = self.plain_letter().ok_or(OPEN)?;
        match kind {
            'P' if self.takes('<') => {
                let name = self.name('>')?;
                self.captured(Some(name), is_verbose).map(Some)
            }
            'P' if self.takes('=') => {
                let name = self.name(')')?;
                let group = self.names.get(&name).copied().ok_or("with a group that it does not have")?;
                Ok(Some(self.reference(group)?))
            }
            ':' | '>' => self.closed(is_verbose).map(Some),
            '#' => loop {
                match self.next() {
                    Some(token) if !token.is_escaped && token.letter == u32::from(')') => return Ok(None),
                    Some(_) => {}
                    None => return Err(OPEN.into()),
                }
            },
            '=' | '!' => self.closed(is_verbose).map(|_| Some(Width::NONE)),
            '<' => self.lookbehind(is_verbose),
            '(' => self.conditional(is_verbose).map(Some),
            _ => match self.inline_flags(kind)? {
                Some((add, remove)) => {
                    let is_verbose = (is_verbose || add & VERBOSE != 0) && remove & VERBOSE == 0;
                    self.closed(is_verbose).map(Some)
                }
                None if !may_set_flags => Err("with flags that are not at the start".into()),
                None if self.flags & VERBOSE != 0 && !is_verbose => Err(Stop::Verbose),
                None => Ok(None),
            },
        }
    }

    /// The next character, if it has no backslash.
    fn plain_letter(&mut self) -> Option<char> {
        self.next().filter(|token| !token.is_escaped).and_then(|token| char::from_u32(token.letter))
    }

    /// Alternatives and the bracket that closes them.
    fn closed(&mut self, is_verbose: bool) -> Parsed<Width> {
        let width = self.alternatives(is_verbose)?;
        self.needs(')', OPEN)?;
        Ok(width)
    }

    fn captured(&mut self, name: Option<Vec<u32>>, is_verbose: bool) -> Parsed<Width> {
        let number = self.groups.len() + 1;
        if name.is_some_and(|name| self.names.insert(name, number).is_some()) {
            return Err("with two groups of one name".into());
        }
        self.groups.push(None);
        let width = self.closed(is_verbose)?;
        if let Some(group) = self.groups.get_mut(number - 1) {
            *group = Some(width);
        }
        Ok(width)
    }

    /// The name of a group, up to this character.
    fn name(&mut self, end: char) -> Result<Vec<u32>, Wrong> {
        const BAD: Wrong = "with a group whose name is no identifier";
        let mut name = Vec::new();
        loop {
            match self.next().ok_or(OPEN)? {
                Token { letter, is_escaped: false } if letter == u32::from(end) => break,
                Token { letter, is_escaped: false } => name.push(letter),
                Token { is_escaped: true, .. } => return Err(BAD),
            }
        }
        let text: Option<String> = name.iter().map(|letter| char::from_u32(*letter)).collect();
        // Signs that are letters to Unicode, but not to Python.
        let is_sign = |letter: char| {
            !letter.is_ascii()
                && (!letter.is_alphabetic() || matches!(letter, '\u{2000}'..='\u{2bff}' | '\u{1f000}'..='\u{1ffff}'))
        };
        let is_name = text.is_some_and(|text| {
            is_identifier(&text) && !text.chars().any(is_sign) && (self.is_text || text.is_ascii())
        });
        if is_name { Ok(name) } else { Err(BAD) }
    }

    /// A reference to a group that is closed.
    pub(super) fn reference(&mut self, group: usize) -> Result<Width, Wrong> {
        let width = group.checked_sub(1).and_then(|index| self.groups.get(index).copied());
        let width = width.ok_or("with a reference to a group that it does not have")?;
        self.check_lookbehind(group as u64)?;
        width.ok_or("with a reference to a group within itself")
    }

    /// A look-behind may only refer to groups that are closed before it begins.
    fn check_lookbehind(&self, group: u64) -> Result<(), Wrong> {
        let Some(before) = self.before_lookbehind else { return Ok(()) };
        let index = usize::try_from(group).ok().and_then(|group| group.checked_sub(1));
        let is_closed =
            index.is_some_and(|index| index < before && self.groups.get(index).is_some_and(Option::is_some));
        if is_closed { Ok(()) } else { Err("with a look-behind that refers to a group in it") }
    }

    fn lookbehind(&mut self, is_verbose: bool) -> Parsed<Option<Width>> {
        if !self.takes('=') && !self.takes('!') {
            return Err("with an extension that does not exist".into());
        }
        let outer = self.before_lookbehind;
        self.before_lookbehind = outer.or(Some(self.groups.len()));
        let Width(least, most) = self.closed(is_verbose)?;
        self.before_lookbehind = outer;
        match least == most && most < MAX_REPEAT / 2 {
            true => Ok(Some(Width::NONE)),
            false => Err("with a look-behind of no fixed width".into()),
        }
    }

    /// `(?(group)yes|no)`, after its second bracket.
    fn conditional(&mut self, is_verbose: bool) -> Parsed<Width> {
        let number = self.digits(10, usize::MAX);
        let group = if number.is_empty() {
            let name = self.name(')')?;
            self.names.get(&name).copied().ok_or("with a group that it does not have")? as u64
        } else {
            self.needs(')', "with a group whose name is no identifier")?;
            let group = number.parse().ok().filter(|group| (1..MAX_REPEAT / 4).contains(group));
            group.ok_or("with a group that it does not have")?
        };
        self.conditions.insert(group);
        self.check_lookbehind(group)?;
        self.depth += 1;
        let yes = self.items(is_verbose, false)?;
        let no = if self.takes('|') { self.items(is_verbose, false)? } else { Width::NONE };
        self.depth -= 1;
        if self.is_next('|') {
            return Err("with a condition of more than two branches".into());
        }
        self.needs(')', OPEN)?;
        Ok(yes.or(no))
    }

    /// Flags, of which the first was read: the flags that are set and removed for a group, or `None` for flags of the
    /// whole pattern.
    fn inline_flags(&mut self, first: char) -> Result<Option<(i64, i64)>, Wrong> {
        let (mut add, mut remove, mut letter) = (0, 0, first);
        while letter != '-' {
            let flag = flag(letter).ok_or("with an extension that does not exist")?;
            let is_other = letter == if self.is_text { 'L' } else { 'u' };
            add |= flag;
            if is_other || flag & TYPE_FLAGS != 0 && add & TYPE_FLAGS != flag {
                return Err(BAD_FLAGS);
            }
            letter = self.plain_letter().ok_or(OPEN)?;
            match letter {
                ')' => {
                    self.flags |= add;
                    return Ok(None);
                }
                ':' => return Ok(Some((add, 0))),
                _ => {}
            }
        }
        loop {
            letter = self.plain_letter().ok_or(OPEN)?;
            if letter == ':' && remove != 0 {
                break;
            }
            remove |= flag(letter).filter(|flag| flag & TYPE_FLAGS == 0).ok_or(BAD_FLAGS)?;
        }
        if add & remove == 0 { Ok(Some((add, remove))) } else { Err(BAD_FLAGS) }
    }
}

/// The flag of a letter, except flags that print, or that newer Pythons do not have.
fn flag(letter: char) -> Option<i64> {
    Some(match letter {
        'i' => 2,
        'L' => LOCALE,
        'm' => 8,
        's' => 16,
        'u' => UNICODE,
        'x' => VERBOSE,
        'a' => ASCII,
        _ => return None,
    })
}
