//! Hides the credentials of the script in an index: in its arguments and its traceback. Nothing needs them there, and
//! everyone who sees the index sees them. In an index that somebody else made, previews may have credentials, too.

use super::{Index, ScriptInfo};
use crate::pickle::credentials::{NOT_SHOWN, hidden, hide_arguments, reason_in_name, word_in_message};

/// A shorter argument is a word or number that also occurs elsewhere.
const SHORTEST_REPEATED: usize = 4;

/// Hides the credentials of the script, and of its frames, in an index.
pub(crate) fn hide_in_index(index: &mut Index, redact: bool) {
    let before = index.script.argv.clone();
    let was_silent = index.script.ended.traceback.clone();
    hide_in_script(&mut index.script, redact);
    // With `redact`, the traceback has lost its messages and lines of code.
    let is_bare = redact && was_silent.is_some_and(|traceback| mentions_credential(&traceback));
    let repeated: Vec<&str> = before
        .iter()
        .zip(&index.script.argv)
        .filter(|(old, new)| old != new)
        .map(|(old, _)| old.split_once('=').map_or(old.as_str(), |(_, value)| value))
        .filter(|value| value.len() >= SHORTEST_REPEATED)
        .collect();
    let hide = |text: &mut String| {
        for value in &repeated {
            *text = text.replace(value, NOT_SHOWN);
        }
        hidden(text).into_iter().for_each(|shown| *text = shown);
    };
    for raised in &mut index.raised {
        hide(&mut raised.text);
        if is_bare && let Some((name, _)) = raised.text.split_once(':') {
            raised.text = format!("{name}: {NOT_SHOWN}");
        }
    }
    for frame in &mut index.frames {
        hide(&mut frame.source);
        if is_bare {
            frame.source.clear();
        }
    }
}

fn mentions_credential(traceback: &str) -> bool {
    traceback.lines().filter(|line| !is_place(line)).find_map(word_in_message).is_some()
}

/// Hides credentials, and notes them in `secrets`. The messages of a traceback that mentions a password are left out
/// with `redact` only: they usually tell what went wrong.
fn hide_in_script(script: &mut ScriptInfo, redact: bool) {
    let before = script.argv.clone();
    // The first is the script itself.
    let found = hide_arguments(script.argv.get_mut(1..).unwrap_or_default());
    script.secrets.extend(found.into_iter().map(|what| format!("{what} looks like a credential: it is not kept")));
    let Some(traceback) = script.ended.traceback.take() else { return };
    let mut shown = traceback.clone();
    for (old, _) in before.iter().zip(&script.argv).filter(|(old, new)| old != new) {
        let value = old.split_once('=').map_or(old.as_str(), |(_, value)| value);
        if value.len() >= SHORTEST_REPEATED {
            shown = shown.replace(value, NOT_SHOWN);
        }
    }
    shown =
        shown.split('\n').map(|line| hidden(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n");
    if shown != traceback {
        script.secrets.push("a part of the traceback looks like a credential: it is not kept".to_owned());
    }
    if let Some(word) = shown.lines().filter(|line| !is_place(line)).find_map(word_in_message) {
        script.secrets.push(if redact {
            format!("the traceback mentions '{word}': its messages and lines of code are not kept")
        } else {
            format!("the traceback mentions '{word}': use --redact to leave out its messages")
        });
        if redact {
            shown = without_messages(&shown);
        }
    }
    script.ended.traceback = Some(shown);
}

/// Hides the preview of a value that looks like a credential, in an index that this user's save did not make.
pub(crate) fn hide_in_preview(name: &str, preview: &mut String) {
    let string = preview.trim_matches(['\'', '"', '…']);
    let is_string = preview.starts_with(['\'', '"']);
    if is_string && reason_in_name(name, string).is_some() {
        NOT_SHOWN.clone_into(preview);
    } else if let Some(shown) = hidden(preview) {
        *preview = shown;
    }
}

/// Hides credentials in the values, the script and the errors that the index of somebody else's file shows.
pub(crate) fn hide_in_index_of_others(index: &mut Index) {
    let secrets = index.script.secrets.clone();
    hide_in_index(index, false);
    // Only a save knows which credentials were kept.
    index.script.secrets = secrets;
    let segments = index.variables.iter_mut().chain(&mut index.module_state);
    let segments = segments.chain(&mut index.frame_locals).chain(&mut index.ambient);
    segments.for_each(|variable| hide_in_preview(&variable.name, &mut variable.preview));
    for item in &mut index.left_out {
        item.error = hidden(&item.error).unwrap_or_else(|| std::mem::take(&mut item.error));
    }
}

/// Whether a line of a traceback is a place: `File "x.py", line 1, in f`, or `+-------- 1 ----` of a group.
fn is_place(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '|', '+', '-']);
    line.starts_with("File \"") || line.starts_with("Traceback (most recent call last):")
}

/// A traceback with only the places and types of its exceptions.
fn without_messages(traceback: &str) -> String {
    let mut kept = String::new();
    // The line that names an exception follows the places; its message may have more lines.
    let mut after_place = false;
    for line in traceback.lines() {
        let text = line.trim_start_matches([' ', '|']);
        let is_indented = text.len() + 2 < line.len() || line.starts_with("    ");
        if is_place(line) {
            (kept, after_place) = (kept + line + "\n", true);
        } else if after_place && !is_indented {
            let name = text.split(':').next().unwrap_or_default();
            let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
            let name = if is_name { name } else { "exception" };
            (kept, after_place) = (kept + name + ": " + NOT_SHOWN + "\n", false);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::index::ScriptEnd;

    const TRACEBACK: &str = "Traceback (most recent call last):\n  File \"s.py\", line 9, in <module>\n    \
                             login(\"bob\", \"code-pw\")\n    ~~~~~^^^^^^\n  File \"s.py\", line 2, in login\n    \
                             raise ValueError(x)\nValueError: no password\nlike message-pw: x\n\nDuring handling of \
                             the above exception, another exception occurred:\n\nTraceback (most recent call \
                             last):\n  File \"s.py\", line 12, in <module>\n    f()\nlib.Wrong\n";

    fn script(argv: &[&str], traceback: &str) -> ScriptInfo {
        let ended = ScriptEnd { traceback: Some(traceback.to_owned()), ..ScriptEnd::default() };
        ScriptInfo { argv: argv.iter().map(|word| (*word).to_owned()).collect(), ended, ..ScriptInfo::default() }
    }

    #[test]
    fn places_and_types_remain_of_a_redacted_traceback() {
        let mut found = script(&["s.py"], TRACEBACK);
        hide_in_script(&mut found, false);
        assert_eq!((found.ended.traceback.as_deref(), found.secrets.len()), (Some(TRACEBACK), 1));
        let mut found = script(&["s.py"], TRACEBACK);
        hide_in_script(&mut found, true);
        let expected = "Traceback (most recent call last):\n  File \"s.py\", line 9, in <module>\n  \
                        File \"s.py\", line 2, in login\nValueError: (not shown)\nTraceback (most recent call \
                        last):\n  File \"s.py\", line 12, in <module>\nlib.Wrong: (not shown)\n";
        assert_eq!(found.ended.traceback.as_deref(), Some(expected));
    }

    #[test]
    fn arguments_and_their_repetitions_are_hidden() {
        let mut found = script(&["s.py", "--db-password", "argv-pw", "--token=tok-pw"], "E: argv-pw tok-pw x\n");
        hide_in_script(&mut found, false);
        assert_eq!(found.argv, ["s.py", "--db-password", "(not shown)", "--token=(not shown)"]);
        assert_eq!(found.ended.traceback.as_deref(), Some("E: (not shown) (not shown) x\n"));
        assert_eq!(found.secrets.len(), 3, "{:?}", found.secrets);
        let mut harmless = script(&["s.py", "--epochs", "3"], "ValueError: bad shape\n");
        hide_in_script(&mut harmless, true);
        let traceback = harmless.ended.traceback.as_deref();
        assert_eq!((traceback, harmless.secrets.len()), (Some("ValueError: bad shape\n"), 0));
    }
}
