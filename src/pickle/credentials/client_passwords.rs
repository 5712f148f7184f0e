//! Passwords among the words of a command: `mysql -pSECRET`, `sshpass -p SECRET`, `tool --password SECRET`.
//!
//! A short option means a password for some programs only, so the search remembers the program.

use super::FoundCredential;
use super::credential_names::is_secret_option;
use super::credential_values::{is_placeholder, is_plain_word, is_word_in_capitals};

/// The option of a program whose argument is a password: attached, as the next word, or either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PasswordPlace {
    Attached,
    Next,
    Either,
}

/// Programs, their option, and where its argument is. `mysql -p secret` asks for a password, and opens `secret`.
const PROGRAMS: &[(&str, &str, PasswordPlace)] = &[
    ("mysql", "-p", PasswordPlace::Attached),
    ("mysqldump", "-p", PasswordPlace::Attached),
    ("mysqladmin", "-p", PasswordPlace::Attached),
    ("mysqlimport", "-p", PasswordPlace::Attached),
    ("mysqlshow", "-p", PasswordPlace::Attached),
    ("mysqlcheck", "-p", PasswordPlace::Attached),
    ("mariadb", "-p", PasswordPlace::Attached),
    ("mariadb-dump", "-p", PasswordPlace::Attached),
    ("mariadb-admin", "-p", PasswordPlace::Attached),
    ("sshpass", "-p", PasswordPlace::Either),
    ("redis-cli", "-a", PasswordPlace::Next),
    ("mongosh", "-p", PasswordPlace::Next),
    ("mongodump", "-p", PasswordPlace::Next),
    ("sqlcmd", "-P", PasswordPlace::Either),
];
/// The longest option.
const MAX_OPTION: usize = 64;
/// A longer word is neither a password nor the path of a program.
const MAX_WORD: usize = 4096;

/// Follows the words of a command.
#[derive(Debug, Default)]
pub(crate) struct PasswordOption {
    program: Option<(&'static str, PasswordPlace)>,
    /// The word before, if it is an option whose argument is a password.
    before: Option<String>,
}

impl PasswordOption {
    /// Where a password begins in the next word of a command, and the option that it belongs to.
    pub(crate) fn in_word(&mut self, word: &str) -> Option<(usize, String)> {
        let before = self.before.take();
        if word.len() > MAX_WORD {
            return None;
        }
        if let Some(option) = before.filter(|_| !word.starts_with('-') && is_password(word)) {
            return Some((0, option));
        }
        let name = word.rsplit(['/', '\\']).next().unwrap_or_default();
        if let Some((_, option, argument)) = PROGRAMS.iter().find(|(program, ..)| *program == name) {
            self.program = Some((option, *argument));
            return None;
        }
        if let Some((option, argument)) = self.program
            && let Some(attached) = word.strip_prefix(option)
        {
            if attached.is_empty() && argument != PasswordPlace::Attached {
                self.before = Some(option.to_owned());
            } else if argument != PasswordPlace::Next && is_password(attached.trim_matches(['"', '\''])) {
                return Some((option.len(), option.to_owned()));
            }
            return None;
        }
        let is_long = word.starts_with("--") && word.len() <= MAX_OPTION && !word.contains('=');
        self.before = (is_long && is_secret_option(word)).then(|| word.to_owned());
        None
    }
}

/// Whether the argument of an option may be a password.
fn is_password(word: &str) -> bool {
    !is_placeholder(word) && !is_word_in_capitals(word) && !is_plain_word(word) && !word.starts_with(['[', '\'', '"'])
}

/// The passwords in a command line.
pub(super) fn client_passwords(string: &str) -> impl Iterator<Item = FoundCredential> {
    let mut command = PasswordOption::default();
    string.split([' ', '\n', '\t']).filter(|word| !word.is_empty()).filter_map(move |word| {
        let bare = word.trim_matches(['"', '\'']);
        let (at, option) = command.in_word(bare)?;
        let start = bare.as_ptr() as usize - string.as_ptr() as usize + at;
        let end = start + bare.len() - at;
        Some(FoundCredential { span: start..end, what: format!("the argument of {option}") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_programs_are_found() {
        for (line, password) in [
            ("mysql -uroot -pa1b2c3 db", "a1b2c3"),
            ("sudo /usr/bin/mysqldump -h db -p'x-1y2' db > out", "'x-1y2"),
            ("sshpass -p a1b2c3 ssh host", "a1b2c3"),
            ("sshpass -pa1b2c3 ssh host", "a1b2c3"),
            ("redis-cli -h db -a a1b2c3", "a1b2c3"),
            ("tool --db-password a1b2c3 run", "a1b2c3"),
            ("sqlcmd -S db -P 'a1b2!c3'", "a1b2!c3"),
        ] {
            let found: Vec<_> = client_passwords(line).filter_map(|found| line.get(found.span)).collect();
            assert_eq!(found, [password], "{line}");
        }
    }

    #[test]
    fn other_options_are_not() {
        for line in [
            "mkdir -p /tmp/dir1",
            "ssh -p 2222 host1",
            "docker run -p 8080:80 image1",
            "mysql -p db1",
            "mysql -P3306 -uroot db1",
            "psql -p5432 -U bob",
            "usage: prog [--password PASSWORD] [--token TOKEN]",
            "pass --password to be asked, or --password=PASSWORD",
            "tool --password $PASSWORD --verbose x1",
            "tool --password --port 5432",
            "train.py --pad-token x1 --tokens 5 --key a",
            "sshpass -p $SSHPASS ssh host1",
        ] {
            assert_eq!(client_passwords(line).next(), None, "{line}");
        }
    }
}
