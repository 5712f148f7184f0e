//! The words on a command line that is being typed: where the cursor is, which file the command is about, and from
//! where on the words belong to a script.

use clap::Command;

use crate::cli::is_script;

/// The words of a command line, without quotes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TypedWords {
    /// All words; the first one is the program.
    pub(super) words: Vec<String>,
    /// Which of them the cursor is in.
    pub(super) index: usize,
    /// What the shell replaces is that word from this byte on.
    pub(super) start: usize,
    /// The quote that is open at the cursor.
    pub(super) quote: Option<char>,
}

impl TypedWords {
    /// The word that is being completed, up to the cursor.
    pub(super) fn current(&self) -> &str {
        self.words.get(self.index).map_or("", String::as_str)
    }

    /// The words of a line for bash, which is cut at the cursor. Bash replaces only what follows the last of its
    /// `breaks`, such as the `=` of `--only=`, or what begins with the `@` of `runs.snaps/@3`.
    pub(super) fn of_line(before: &str, after: &str, breaks: &str) -> Self {
        let mut all = Self::split(before, breaks);
        all.index = all.words.len().saturating_sub(1);
        // The rest of the word at the cursor is no word of its own.
        let rest = after.find(char::is_whitespace).map_or("", |end| after.get(end..).unwrap_or_default());
        let rest = Self::split(rest, breaks).words;
        all.words.extend(rest.into_iter().filter(|word| !word.is_empty()));
        all
    }

    /// Splits as bash does, without expanding anything. The last word is the open one, which may be empty.
    fn split(line: &str, breaks: &str) -> Self {
        let mut found = Self::default();
        let (mut word, mut is_open, mut chars) = (String::new(), false, line.chars());
        while let Some(c) = chars.next() {
            match (found.quote, c) {
                (None, c) if c.is_whitespace() => {
                    if is_open {
                        found.words.push(std::mem::take(&mut word));
                    }
                    (is_open, found.start) = (false, 0);
                    continue;
                }
                (None, '\\') => word.extend(chars.next()),
                (None, '"' | '\'') => (found.quote, found.start) = (Some(c), word.len()),
                (Some(quote), c) if c == quote => found.quote = None,
                (Some('"'), '\\') => match chars.next() {
                    Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                    other => word.extend(std::iter::once('\\').chain(other)),
                },
                (quote, c) => {
                    word.push(c);
                    if quote.is_none() && matches!(c, '=' | ':') && breaks.contains(c) {
                        found.start = word.len();
                    }
                    // Bash breaks before this one, and not after it.
                    if quote.is_none() && c == '@' && breaks.contains(c) {
                        found.start = word.len() - c.len_utf8();
                    }
                }
            }
            is_open = true;
        }
        found.words.push(word);
        found
    }
}

/// What a command line says, as far as completion needs it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TypedCommand {
    /// The name of the subcommand.
    pub(super) name: String,
    /// Its positional arguments.
    pub(super) operands: Vec<String>,
    /// The value of `-o`.
    pub(super) output: Option<String>,
    /// The first word that belongs to a script.
    pub(super) program: Option<usize>,
}

impl TypedCommand {
    /// Reads the words as clap would, but takes them as they are: an incomplete line has errors.
    pub(super) fn of(command: &Command, words: &[String]) -> Self {
        let mut found = Self::default();
        let mut current = command;
        let mut index = 1;
        while let Some(word) = words.get(index) {
            index += 1;
            if found.program.is_some() {
                break;
            }
            if let Some(option) = option_with_value(current, word) {
                if option.get_id() == "output" {
                    found.output = words.get(index).cloned();
                }
                index += 1;
                // Everything after `-c CODE` and `-m MODULE` is passed on.
                if option.get_num_args().is_some_and(|range| range.max_values() > 1) {
                    found.program = Some(index);
                }
            } else if word.starts_with('-') && word.len() > 1 {
                found.output = word.strip_prefix("--output=").map(str::to_owned).or(found.output);
            } else if let Some(next) = current.find_subcommand(word).filter(|_| found.name.is_empty()) {
                word.clone_into(&mut found.name);
                current = next;
            } else {
                found.operands.push(word.clone());
                if found.ends_with_script() {
                    found.program = Some(index);
                }
            }
        }
        found
    }

    /// Whether the last operand is a script, whose arguments follow.
    fn ends_with_script(&self) -> bool {
        match (self.name.as_str(), self.operands.as_slice()) {
            ("save" | "run", [_]) | ("restore", [_, _]) => true,
            ("inspect", [file]) => is_script(file.as_ref()),
            _ => false,
        }
    }

    /// The files whose variables the command is about.
    pub(super) fn files(&self) -> Vec<String> {
        let default = || "session.pkl".to_owned();
        match self.name.as_str() {
            // What the last save left: the names are mostly the same.
            "save" => vec![self.output.clone().unwrap_or_else(default)],
            "diff" => self.operands.clone(),
            _ if self.program.is_some() && self.name == "inspect" => vec![default()],
            _ => vec![self.operands.first().cloned().unwrap_or_else(default)],
        }
    }
}

/// The option that a word is, if its value is the next word.
fn option_with_value<'c>(command: &'c Command, word: &str) -> Option<&'c clap::Arg> {
    let takes_value = |option: &&clap::Arg| option.get_num_args().is_some_and(|range| range.takes_values());
    if let Some(long) = word.strip_prefix("--") {
        return command.get_arguments().find(|option| option.get_long() == Some(long)).filter(takes_value);
    }
    // In `-qo`, only the last letter can take the next word.
    let letters = word.strip_prefix('-')?;
    let mut options = letters.chars().map(|c| command.get_arguments().find(|option| option.get_short() == Some(c)));
    let last = options.next_back()??;
    let others_take_none = options.flatten().all(|option| !takes_value(&option));
    (others_take_none && takes_value(&last)).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::completions::whole_command;

    const BREAKS: &str = " \t\n\"'><=;|&(:";

    fn split(line: &str) -> (Vec<String>, usize, Option<char>) {
        let TypedWords { words, start, quote, .. } = TypedWords::of_line(line, "", BREAKS);
        (words, start, quote)
    }

    #[test]
    fn lines_are_split_as_bash_does() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(split("snapcli "), (words(&["snapcli", ""]), 0, None));
        assert_eq!(split(r"snapcli save my\ scr"), (words(&["snapcli", "save", "my scr"]), 0, None));
        assert_eq!(split(r#"snapcli save "my scr"#), (words(&["snapcli", "save", "my scr"]), 0, Some('"')));
        assert_eq!(split("snapcli restore --only=mö"), (words(&["snapcli", "restore", "--only=mö"]), 7, None));
        let at = |line: &str, breaks: &str| TypedWords::of_line(line, "", breaks).start;
        assert_eq!((at("x runs.snaps/@3", " @="), at("x runs.snaps/@3", " =")), (11, 0));
        assert_eq!(split("x --only='a b"), (words(&["x", "--only=a b"]), 7, Some('\'')));
        assert_eq!(split(r#"x "a\"b\c" '' d"#), (words(&["x", r#"a"b\c"#, "", "d"]), 0, None));
        let typed = TypedWords::of_line("snapcli restore --only ba", "r b.pkl", BREAKS);
        assert_eq!((typed.words, typed.index), (words(&["snapcli", "restore", "--only", "ba", "b.pkl"]), 3));
    }

    #[test]
    fn files_and_scripts_are_found_between_options() {
        let mut command = whole_command();
        command.build();
        let of = |line: &str| TypedCommand::of(&command, &split(line).0);
        assert_eq!(of("snapcli restore --only x -q a.pkl ").files(), ["a.pkl"]);
        assert_eq!(of("snapcli restore --only ").files(), ["session.pkl"]);
        assert_eq!(of("snapcli save -qo b.pkl --exclude ").files(), ["b.pkl"]);
        assert_eq!(of("snapcli save --output=b.pkl --exclude ").files(), ["b.pkl"]);
        assert_eq!(of("snapcli --python 3.12 save run.py --lr ").program, Some(5));
        assert_eq!(of("snapcli save -m pkg.mod x").program, Some(4));
        assert_eq!(of("snapcli restore a.pkl -c code x").program, Some(5));
        assert_eq!(of("snapcli restore a.pkl plot.py x").program, Some(4));
        assert_eq!(of("snapcli inspect a.pkl --trace ").program, None);
        assert_eq!(of("snapcli inspect a.py x").program, Some(3));
    }
}
