//! The words of a command line, cut at the script: what comes before it is for snapcli, what comes after it is for the
//! script, as with `python`.
//!
//! clap does the parsing. This walk over the words before it knows the same options, and finds what clap does not tell:
//! where the script is, and which of its arguments look like options of snapcli.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

/// The words of a command line, with joined options such as `-c'x = 1'` taken apart where clap needs it.
#[derive(Debug, Default)]
pub(crate) struct CommandWords {
    pub(crate) words: Vec<OsString>,
    /// The name of the chosen subcommand; `None` if there is none of that name.
    command: Option<String>,
    /// The first word that is no option: the name of a subcommand, or what stands in its place.
    pub(crate) command_word: Option<usize>,
    /// The position of the snapshot, for `restore`.
    pub(crate) file: Option<usize>,
    /// The position of the script, or of the code or module after `-c` or `-m`.
    pub(crate) program: Option<usize>,
    /// Whether `--` stands before it.
    is_escaped: bool,
}

impl CommandWords {
    /// Walks the words up to the script.
    pub(super) fn of(words: Vec<OsString>, root: &Command) -> Self {
        let mut walk = Walk { root, command: root, rest: words.into_iter(), found: Self::default() };
        walk.found.words.extend(walk.rest.next());
        walk.run();
        walk.found.words.extend(walk.rest);
        walk.found
    }

    /// The name of the subcommand; empty if there is none.
    pub(crate) fn command_name(&self) -> &str {
        self.command.as_deref().unwrap_or_default()
    }

    /// The word at a position, as it is shown.
    pub(crate) fn shown(&self, position: usize) -> String {
        self.words.get(position).map(|word| word.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// The arguments of the script, as they are shown.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> {
        let first = self.program.map_or(self.words.len(), |program| program + 1);
        self.words.iter().skip(first).map(|word| word.to_string_lossy().into_owned())
    }

    /// The words before the script.
    pub(crate) fn for_snapcli(&self) -> impl Iterator<Item = &OsString> {
        self.words.iter().take(self.program.unwrap_or(self.words.len())).take_while(|word| *word != "--")
    }

    /// The words between the name of the subcommand and the option that has the program, `-c` or `-m`.
    pub(super) fn before_code(&self) -> Vec<OsString> {
        let (Some(command), Some(program)) = (self.command_word, self.program) else { return Vec::new() };
        self.words.get(command + 1..program.saturating_sub(1)).unwrap_or_default().to_vec()
    }

    /// The words for snapcli before a script, `-c` or `-m`, without the names of the program and of the subcommand.
    pub(super) fn before_program(&self) -> Vec<OsString> {
        let is_program = |position: &usize| self.words.get(*position).is_some_and(|word| word == "-c" || word == "-m");
        let end = self.program.unwrap_or(self.words.len());
        let end = end.checked_sub(1).filter(is_program).unwrap_or(end);
        let words = self.words.iter().enumerate().take(end).skip(1);
        let is_option = |(position, word): &(usize, &OsString)| Some(*position) != self.command_word && *word != "--";
        words.filter(is_option).map(|(_, word)| word.clone()).collect()
    }

    /// Whether an option that takes a value is among the words after the name of the subcommand.
    pub(super) fn has_after_command(&self, option: &str) -> bool {
        let after = self.command_word.unwrap_or(self.words.len());
        let words = self.for_snapcli().skip(after).map(|word| word.to_string_lossy());
        words.into_iter().any(|word| word.split('=').next() == Some(option))
    }

    /// The value of `--color`, even if the command line is wrong: errors have colours, too.
    pub(crate) fn color(&self) -> Option<String> {
        self.value_of(&["--color", "--colour"])
    }

    /// The value of `--report`, even if the command line is wrong.
    pub(crate) fn report(&self) -> Option<String> {
        self.value_of(&["--report"])
    }

    /// The last value of an option with these names.
    fn value_of(&self, names: &[&str]) -> Option<String> {
        let mut words = self.for_snapcli().map(|word| word.to_string_lossy());
        let mut value = None;
        while let Some(word) = words.next() {
            match word.split_once('=') {
                Some((name, given)) if names.contains(&name) => value = Some(given.to_owned()),
                None if names.contains(&word.as_ref()) => value = words.next().map(Into::into),
                _ => {}
            }
        }
        value
    }

    /// A note on the arguments of the script that are options of snapcli, if there are any. `--` before the script, or
    /// among its arguments, says that what follows is meant for it.
    pub(super) fn note(&self, root: &Command) -> Option<String> {
        let (command, program) = (root.find_subcommand(self.command_name())?, self.program?);
        if self.is_escaped {
            return None;
        }
        let mut options: Vec<String> = Vec::new();
        let is_run = |option: Option<&Arg>| option.is_some_and(is_option_of_run);
        for argument in self.arguments().take_while(|argument| argument != "--") {
            let name = argument.split_once('=').map_or(argument.as_str(), |(name, _)| name);
            let name = without_attached_path(name);
            let is_ours = match (name.strip_prefix("--"), name.strip_prefix('-')) {
                (Some(long), _) => is_run(by_long(command, root, long)),
                (None, Some(short)) => is_run(by_name(command, root, short)),
                (None, None) => false,
            };
            if is_ours && !options.iter().any(|option| option == name) {
                options.push(name.to_owned());
            }
        }
        let Some(first) = options.first() else { return self.note_on_code(program) };
        let (after, what) = match self.words.get(program.checked_sub(1)?) {
            Some(before) if before == "-c" => ("the code".to_owned(), "the code"),
            Some(before) if before == "-m" => (format!("-m {}", self.shown(program)), "the module"),
            _ => (self.shown(program), "the script"),
        };
        let (listed, command) = (options.join(", "), self.command_name());
        let (is_argument, it_is, it_was) = match options.len() {
            1 => ("is an argument", "it is", "it was"),
            _ => ("are arguments", "they are", "they were"),
        };
        Some(format!(
            "note: {listed} {is_argument} of {what}, because {it_is} after {after}: write `snapcli {command} {first} \
             …` if {it_was} meant for snapcli"
        ))
    }
}

/// `-o` for `-ox.pkl`. Other arguments of scripts begin with a single `-` as well, such as `-output`.
fn without_attached_path(argument: &str) -> &str {
    const ENDINGS: [&str; 7] = [".pkl", ".pickle", ".dill", ".joblib", ".zst", ".snaps", "/"];
    let is_output = argument.strip_prefix("-o").is_some_and(|path| ENDINGS.iter().any(|end| path.ends_with(end)));
    if is_output { "-o" } else { argument }
}

/// Whether an option that stands after the script could be meant for snapcli. `--help` is the script's own, and `-c`
/// and `-m` cannot be combined with a script.
fn is_option_of_run(option: &Arg) -> bool {
    !option.is_hide_set() && !["help", "version", "code", "run_module"].contains(&option.get_id().as_str())
}

impl CommandWords {
    /// A note on a `-c` behind the code or the script of `restore`, which runs one of them. With `save`, it is an
    /// option of the script.
    fn note_on_code(&self, program: usize) -> Option<String> {
        let is_code = self.words.get(program.checked_sub(1)?).is_some_and(|before| before == "-c");
        let can_be_ours = self.command_name() == "restore" || (is_code && self.command_name() == "save");
        if !can_be_ours || !self.arguments().take_while(|argument| argument != "--").any(|argument| argument == "-c") {
            return None;
        }
        let (of, advice) = match is_code {
            true => ("the code".to_owned(), "to run both, write them as one, with a `;` or a new line between"),
            false => (self.shown(program), "a script and code cannot be combined"),
        };
        Some(format!("note: -c is an argument of {of}, because it is after {of}: {advice}"))
    }
}

struct Walk<'c> {
    root: &'c Command,
    /// The subcommand, once it is known.
    command: &'c Command,
    rest: std::vec::IntoIter<OsString>,
    found: CommandWords,
}

impl<'c> Walk<'c> {
    fn run(&mut self) {
        while let Some(word) = self.rest.next() {
            match word.to_str() {
                Some("--") if !self.found.is_escaped => {
                    self.found.is_escaped = true;
                    self.found.words.push(word);
                }
                Some(text) if !self.found.is_escaped && text.starts_with('-') && text != "-" => {
                    if self.option(text, &word) {
                        return;
                    }
                }
                _ => {
                    if self.operand(word) {
                        return;
                    }
                }
            }
        }
    }

    /// Takes an option and its value. Returns whether that is the end of the options.
    fn option(&mut self, text: &str, word: &OsStr) -> bool {
        if let Some(long) = text.strip_prefix("--") {
            let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
            let takes_next = !has_value && self.by_long(name).is_some_and(takes_value);
            self.found.words.push(word.to_owned());
            self.take_value(takes_next);
            return false;
        }
        let mut rest = text.trim_start_matches('-').chars();
        let mut before = String::from("-");
        while let Some(short) = rest.next() {
            let option = self.by_short(short);
            if option.is_some_and(is_program) {
                self.found.words.extend((before != "-").then(|| before.into()));
                self.found.words.push(format!("-{short}").into());
                return self.program_of_option(rest.as_str());
            }
            before.push(short);
            if option.is_some_and(takes_value) {
                let takes_next = rest.as_str().is_empty();
                self.found.words.push(word.to_owned());
                self.take_value(takes_next);
                return false;
            }
        }
        self.found.words.push(word.to_owned());
        false
    }

    /// Takes the code or module of `-c` or `-m`, which may be joined to the option.
    fn program_of_option(&mut self, joined: &str) -> bool {
        let program = if joined.is_empty() { self.rest.next() } else { Some(joined.into()) };
        if program.is_some() {
            self.found.program = Some(self.found.words.len());
        }
        self.found.words.extend(program);
        true
    }

    fn take_value(&mut self, takes_next: bool) {
        if takes_next {
            self.found.words.extend(self.rest.next());
        }
    }

    /// Takes a word that is no option. Returns whether that is the end of the options.
    fn operand(&mut self, word: OsString) -> bool {
        let position = self.found.words.len();
        let name = self.found.command.clone();
        let is_end = match name.as_deref() {
            None => {
                self.found.command_word = Some(position);
                let command = self.root.find_subcommand(&word);
                self.command = command.unwrap_or(self.root);
                self.found.command = command.map(|command| command.get_name().to_owned());
                command.is_none()
            }
            Some("save" | "run" | "inspect") => true,
            Some("restore") if self.found.file.is_none() => {
                self.found.file = Some(position);
                false
            }
            Some("restore") => true,
            Some(_) => false,
        };
        if is_end && name.is_some() {
            self.found.program = Some(position);
        }
        self.found.words.push(word);
        is_end
    }

    fn by_long(&self, name: &str) -> Option<&'c Arg> {
        by_long(self.command, self.root, name)
    }

    fn by_short(&self, short: char) -> Option<&'c Arg> {
        by_short(self.command, self.root, short)
    }
}

fn takes_value(option: &Arg) -> bool {
    option.get_action().takes_values()
}

/// Whether an option takes all words after it: `-c` and `-m`.
fn is_program(option: &Arg) -> bool {
    takes_value(option) && ["code", "run_module"].contains(&option.get_id().as_str())
}

/// The option of a command with a long name, which may be a global one.
fn by_long<'c>(command: &'c Command, root: &'c Command, name: &str) -> Option<&'c Arg> {
    let is_named = |option: &&Arg| {
        option.get_long() == Some(name) || option.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    };
    command.get_arguments().find(is_named).or_else(|| globals(root).find(is_named))
}

fn by_short<'c>(command: &'c Command, root: &'c Command, short: char) -> Option<&'c Arg> {
    let is_named = |option: &&Arg| option.get_short() == Some(short);
    command.get_arguments().find(is_named).or_else(|| globals(root).find(is_named))
}

/// The option with a short name of one character.
fn by_name<'c>(command: &'c Command, root: &'c Command, name: &str) -> Option<&'c Arg> {
    let mut letters = name.chars();
    letters.next().filter(|_| letters.next().is_none()).and_then(|short| by_short(command, root, short))
}

fn globals(root: &Command) -> impl Iterator<Item = &Arg> {
    root.get_arguments().filter(|option| option.is_global_set())
}
