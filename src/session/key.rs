//! The key that a session is signed with, for the command and for a script that saves itself.

use std::sync::Once;

use crate::report::say::Talk;
use crate::snapshot::trust::Key;

/// The user's key. A session is saved without one, too: then it is not known again as this user's, which is said once.
pub fn key(talk: Talk) -> Option<Key> {
    static SAID: Once = Once::new();
    match Key::existing_or_new() {
        Ok(key) => Some(key),
        Err(error) => {
            SAID.call_once(|| talk.note(&format!("the snapshot will not be signed: {error}")));
            None
        }
    }
}
