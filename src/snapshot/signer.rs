//! Who signed a file: the user, somebody else, or nobody.

use super::reader::{Contents, Snapshot};
use super::signature::SigningKey;

/// Who signed a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// This user.
    User,
    /// Someone with another key.
    Other,
    /// The file is a snapshot without a signature.
    None,
    /// Another program wrote the file. Only snapshots can be signed.
    NotSnapcli,
}

impl Signer {
    /// The signer of a file. If the user has no readable key, every signed file counts as signed by someone else.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        if matches!(snapshot.contents(), Contents::Foreign { .. }) {
            return Self::NotSnapcli;
        }
        match SigningKey::existing() {
            Ok(Some(key)) if snapshot.is_signed_by(&key) => Self::User,
            _ if snapshot.is_signed() => Self::Other,
            _ => Self::None,
        }
    }

    /// In words, after "it is".
    pub fn words(self) -> &'static str {
        match self {
            Self::User => "signed with your key",
            Self::Other => "signed with a key that is not yours",
            Self::None => "not signed",
            Self::NotSnapcli => "not saved by snapcli",
        }
    }
}
