//! Hides credentials among the arguments of a program: `--password x`, `--token=x`, `db.password=x`.

use super::credential_names::{is_secret_option, reason_in_name};
use super::credential_values::is_placeholder;
use super::{NOT_SHOWN, find, hidden};

/// Hides the credentials among the arguments of a program. Returns descriptions of the hidden arguments: `the argument
/// of --password`.
pub(crate) fn hide_arguments(arguments: &mut [String]) -> Vec<String> {
    let (mut found, mut option) = (Vec::new(), None);
    for argument in arguments {
        if let Some(name) = option.take().filter(|_| !argument.starts_with('-')) {
            *argument = NOT_SHOWN.to_owned();
            found.push(format!("the argument of {name}"));
            continue;
        }
        match argument.split_once('=') {
            Some((name, value)) if is_secret_option(name) && !is_placeholder(value) => {
                found.push(format!("the argument {name}"));
                *argument = format!("{name}={NOT_SHOWN}");
            }
            None if argument.starts_with('-') && is_secret_option(argument) => option = Some(argument.clone()),
            _ if is_short_option(argument) => {
                found.push("the argument of -p".to_owned());
                *argument = format!("-p{NOT_SHOWN}");
            }
            _ => {
                if let Some(shown) = hidden(argument) {
                    let what = find(argument).first().map_or_else(String::new, |found| found.what.clone());
                    found.push(format!("an argument that contains {what}"));
                    *argument = shown;
                }
            }
        }
    }
    found
}

/// Whether an argument is `-pPASSWORD`, as many database clients have it, and no name or number.
fn is_short_option(argument: &str) -> bool {
    argument.strip_prefix("-p").is_some_and(|value| reason_in_name("pw", value).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_credentials_are_hidden() {
        let hide = |line: &str| {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let found = hide_arguments(&mut words);
            (words.join(" "), found.len())
        };
        for (line, expected, found) in [
            ("s.py --password x1 y", "s.py --password (not shown) y", 1),
            ("--token=abc --db-pw a --auth b", "--token=(not shown) --db-pw (not shown) --auth (not shown)", 3),
            ("db.password=y https://a:b@c", "db.password=(not shown) https://a:(not shown)@c", 2),
            ("-pa1b2c3d4 -p8080 -pthread -p", "-p(not shown) -p8080 -pthread -p", 1),
            ("--password --verbose x", "--password --verbose x", 0),
            (
                "--epochs 3 --pad-token x --tokens 5 --key a --out=b",
                "--epochs 3 --pad-token x --tokens 5 --key a --out=b",
                0,
            ),
        ] {
            assert_eq!(hide(line), (expected.to_owned(), found), "{line}");
        }
    }
}
