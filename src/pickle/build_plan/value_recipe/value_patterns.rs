//! Recipes for compiled patterns. Matching may take any time, but no load matches; compiling takes time for each
//! character of a pattern, and recurses for each group.

use super::pattern_syntax;
use super::value_arguments::{byte_string_or_text, int_in, is_bytes, is_str, size};
use super::value_make::{ValueMake, made};
use super::value_numbers::checked;
use super::{PlanContext, PlannedCall, Recipe, Refused};

/// The longest pattern, in bytes of its opcode.
const MAX_PATTERN: u64 = 1 << 16;
/// The most ranges of characters in a pattern that ignores case or has characters beyond ASCII: compiling visits each
/// character of each range.
const MAX_FOLDED_RANGES: usize = 64;
/// The cost of compiling such a range, and of any pattern, in the time for one byte of a pattern.
const FOLDED_RANGE: usize = 2_500;
const PATTERN: usize = 25;
/// `re.IGNORECASE`.
const IGNORE_CASE: i64 = 2;
/// All flags of `re` but `DEBUG`, which prints, and `TEMPLATE`, which no pattern can have that repeats anything.
const PATTERN_FLAGS: i64 = 0x1ff & !0x81;

/// `re._compile(pattern, flags)`.
pub(super) fn recipe<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let (pattern, flags) = match *call.arguments {
        [pattern] => (pattern, 0),
        [pattern, flags] => {
            let flags = int_in(context, flags, 0..=0x1ff).filter(|flags| flags & !PATTERN_FLAGS == 0);
            (pattern, flags.ok_or("with flags that may not be set")?)
        }
        _ => return Err("with these arguments".into()),
    };
    checked(is_str(context, pattern) || is_bytes(context, pattern), "of anything but a string")?;
    checked(size(context, pattern) <= MAX_PATTERN, "with a pattern of more than 65536 bytes")?;
    context.spend(usize::try_from(size(context, pattern)).unwrap_or(usize::MAX))?;
    let text = byte_string_or_text(context, pattern, MAX_PATTERN).ok_or("of anything but a string")?;
    // `(?i)` and the like set it within the pattern.
    let sets = |flag: u8| text.windows(2).any(|pair| pair == b"(?") && text.contains(&flag);
    // An escape such as `\uffff` may mean any character.
    let is_ascii = text.is_ascii() && !text.windows(2).any(|pair| matches!(pair, b"\\u" | b"\\U" | b"\\N" | b"\\x"));
    let mut ranges = 0;
    if flags & IGNORE_CASE != 0 || sets(b'i') || !is_ascii {
        ranges = text.iter().filter(|byte| **byte == b'-').count();
        checked(ranges <= MAX_FOLDED_RANGES, "with more than 64 ranges of characters beyond ASCII or without case")?;
    }
    context.compile(PATTERN + text.len() + ranges * FOLDED_RANGE)?;
    pattern_syntax::check(&text, is_str(context, pattern), flags)?;
    Ok(made(ValueMake::Regex { flags }, vec![pattern]))
}
