//! Escapes in a pattern, outside and inside of sets of characters.

use super::{PatternParser, Width, Wrong};

const BAD: Wrong = "with an escape that means nothing";
const TOO_LARGE: Wrong = "with an octal number beyond 0o377";
/// The highest number of a character that is written in octal digits.
const MAX_OCTAL: u32 = 0o377;

/// The meaning of an escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// A character.
    Letter(u32),
    /// One of several characters: `\d`.
    Class,
    /// A position: `\b`.
    Position,
    /// The text that a group has matched, which has this width.
    Group(Width),
}

impl PatternParser<'_> {
    /// An escape outside of a set.
    pub(super) fn escape(&mut self, letter: char) -> Result<Escape, Wrong> {
        match letter {
            'A' | 'b' | 'B' | 'Z' => Ok(Escape::Position),
            '1'..='9' => self.group_or_octal(letter),
            '0' => {
                let digits = self.digits(8, 2);
                Ok(Escape::Letter(u32::from_str_radix(&digits, 8).unwrap_or(0)))
            }
            _ => self.common_escape(letter),
        }
    }

    /// An escape within a set.
    pub(super) fn escape_in_set(&mut self, letter: u32) -> Result<Escape, Wrong> {
        match char::from_u32(letter).unwrap_or(char::REPLACEMENT_CHARACTER) {
            'b' => Ok(Escape::Letter(8)),
            digit @ '0'..='7' => {
                let digits = format!("{digit}{}", self.digits(8, 2));
                let number = u32::from_str_radix(&digits, 8).map_err(|_| BAD)?;
                if number > MAX_OCTAL { Err(TOO_LARGE) } else { Ok(Escape::Letter(number)) }
            }
            '8' | '9' => Err(BAD),
            char::REPLACEMENT_CHARACTER => Ok(Escape::Letter(letter)),
            letter => self.common_escape(letter),
        }
    }

    fn common_escape(&mut self, letter: char) -> Result<Escape, Wrong> {
        let number = match letter {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escape::Class),
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' => self.hexadecimal(2)?,
            'u' if self.is_text => self.hexadecimal(4)?,
            'U' if self.is_text => {
                self.hexadecimal(8).and_then(|number| if number > 0x10_ffff { Err(BAD) } else { Ok(number) })?
            }
            'N' if self.is_text => return Err("with a character by its name"),
            letter if letter.is_ascii_alphabetic() => return Err(BAD),
            letter => letter.into(),
        };
        Ok(Escape::Letter(number))
    }

    fn hexadecimal(&mut self, count: usize) -> Result<u32, Wrong> {
        let digits = self.digits(16, count);
        u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == count).ok_or(BAD)
    }

    /// `\12` is a group, `\123` a character.
    fn group_or_octal(&mut self, first: char) -> Result<Escape, Wrong> {
        let second = self.digits(10, 1);
        let start = self.at;
        let third = self.digits(8, 1);
        let octal = format!("{first}{second}{third}");
        if octal.len() == 3
            && let Ok(number) = u32::from_str_radix(&octal, 8)
        {
            return if number > MAX_OCTAL { Err(TOO_LARGE) } else { Ok(Escape::Letter(number)) };
        }
        self.at = start;
        let group = format!("{first}{second}").parse().map_err(|_| BAD)?;
        self.reference(group).map(Escape::Group)
    }
}
