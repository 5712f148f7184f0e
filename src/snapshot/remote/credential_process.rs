//! `credential_process` of an AWS profile: a program of the user that prints keys as JSON. The format is described in
//! the AWS documentation, "Sourcing credentials with an external process".
//!
//! Its words are split as a shell splits them, but no shell runs. It has the terminal of snapcli: it may ask for a
//! code.

use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use super::aws_files::AwsKeys;
use super::remote_error::{FaultKind, RemoteError};

/// A command makes several clients for one address, and a program that saves after each step makes many. The keys that
/// such a program prints are valid for at least some minutes.
const KEPT: Duration = Duration::from_secs(60);
/// The longest answer that is read, in bytes.
const LONGEST: usize = 1 << 20;

/// The answer of the program.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessAnswer {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

/// The keys of a command, and when it printed them.
struct KeptKeys {
    command: String,
    keys: AwsKeys,
    since: Instant,
}

fn words_of(command: &str) -> Vec<String> {
    shlex::split(command).unwrap_or_default()
}

/// The keys that the command of a profile prints. It is run again after a minute.
///
/// # Errors
/// If it cannot be run, fails, or prints something else.
pub(super) fn keys(command: &str, profile: &str) -> Result<AwsKeys, RemoteError> {
    static KNOWN: Mutex<Option<KeptKeys>> = Mutex::new(None);
    // Held while the program runs: two threads need not run it twice.
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = known.as_ref().filter(|kept| kept.command == command && kept.since.elapsed() < KEPT) {
        return Ok(kept.keys.clone());
    }
    let keys = run(command).map_err(|why| {
        let why = format!("credential_process of the AWS profile {profile}: {why}");
        RemoteError::new(FaultKind::Settings, "use", "", why)
    })?;
    *known = Some(KeptKeys { command: command.to_owned(), keys: keys.clone(), since: Instant::now() });
    Ok(keys)
}

fn run(command: &str) -> Result<AwsKeys, String> {
    let words = words_of(command);
    let (program, arguments) = words.split_first().ok_or("its quotes are not closed, or it names no program")?;
    let output = Command::new(program).args(arguments).stdin(Stdio::inherit()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("cannot run {program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed ({})", output.status));
    }
    keys_in(&output.stdout).map_err(|why| format!("{program} printed {why}"))
}

/// The keys in an answer. No error quotes it.
fn keys_in(answer: &[u8]) -> Result<AwsKeys, String> {
    if answer.len() > LONGEST {
        return Err(format!("{} bytes, which is too much", answer.len()));
    }
    let expected = "no JSON with Version, AccessKeyId and SecretAccessKey";
    let answer: ProcessAnswer = serde_json::from_slice(answer).map_err(|_| expected)?;
    match answer.version {
        1 => {
            let ProcessAnswer { access_key_id: id, secret_access_key: secret, session_token: token, .. } = answer;
            Ok(AwsKeys { id, secret, token })
        }
        version => Err(format!("version {version}, and only 1 is known: update snapcli")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_and_errors_do_not_quote_them() {
        let keys = keys_in(br#"{"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "S", "Expiration": "later"}"#);
        assert_eq!(keys.map(|keys| (keys.id, keys.secret, keys.token)), Ok(("A".into(), "S".into(), None)));
        let token = br#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"S","SessionToken":"T"}"#;
        assert_eq!(keys_in(token).ok().and_then(|keys| keys.token).as_deref(), Some("T"));
        for answer in
            [&b""[..], b"{}", b"AKIASECRET", br#"{"Version":2,"AccessKeyId":"AKIA","SecretAccessKey":"SECRET"}"#]
        {
            let error = keys_in(answer).err().unwrap_or_default();
            assert!(!error.is_empty() && !error.contains("AKIA") && !error.contains("SECRET"), "{error}");
        }
    }

    #[test]
    fn words_are_split_as_in_a_shell_and_no_shell_runs() {
        assert_eq!(words_of(r#""/opt/my tool" --for 'a b' $HOME"#), ["/opt/my tool", "--for", "a b", "$HOME"]);
        for (command, words) in [("", "names no program"), ("'open", "not closed"), ("/no/such/tool", "cannot run")] {
            let error = run(command).err().unwrap_or_default();
            assert!(error.contains(words), "{command}: {error}");
        }
        assert!(run("false").err().is_some_and(|error| error.contains("false failed (exit status: 1)")));
        let keys = run(r#"printf '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"%s"}' S"#);
        assert_eq!(keys.map(|keys| keys.secret), Ok("S".to_owned()));
    }
}
