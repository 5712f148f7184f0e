//! The file of a snapshot in a store: what `snapcli log` lists, the name of its description, and a signature.
//!
//! | bytes | contents |
//! | --- | --- |
//! | 8 | `SNAPSTO`, 1 |
//! | 4 | length of the JSON, little-endian |
//! | … | the JSON of [`SnapshotHeader`] |
//! | 32 | BLAKE3 of all before |
//! | 32 | signature: as in the trailer of a file, but of the first 8 bytes, 24 zeros, and the BLAKE3; or zeros |
//!
//! The description is named by its hash, and names all other objects by theirs. So the signature proves every byte.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::object_name::ObjectName;
use super::store_error::MAX_MESSAGE;
#[cfg(feature = "python")]
use super::store_files::random_id;
use crate::snapshot::index::{Variable, VariableKind};
use crate::snapshot::layout::{SIGNATURE, with_checksum};
use crate::snapshot::signature::SigningKey;

const MAGIC: &[u8; 8] = b"SNAPSTO\x01";
/// The length of the checksum of a header.
pub(super) const HASH: usize = 32;
/// How many changed variables a header names.
const MOST_NAMED: usize = 12;
/// The longest name of a variable that a header gives, in bytes.
const LONGEST_NAMED: usize = 80;

/// What is known of a snapshot without reading its description.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct SnapshotHeader {
    /// Its number, from 1 on.
    pub(crate) number: u64,
    /// When the save began, UTC, as RFC 3339.
    pub(crate) created: String,
    /// What the user said about it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) message: String,
    /// The script that made it: `script`, `module`, `code` or `prompt`.
    pub(crate) kind: String,
    /// The script's path, the module's name, or `-c`.
    pub(crate) script: String,
    /// How the script had ended: `finished`, `exit`, `exception`, `interrupted`, or `running`.
    pub(crate) how: String,
    /// Whether the script failed, or a check of the snapshot: it does not count as the newest one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) failed: bool,
    /// The number of variables.
    pub(crate) variables: u64,
    /// The number of variables that are new or differ from the snapshot before.
    pub(crate) changed: u64,
    /// The number of variables of the snapshot before that are gone.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) removed: u64,
    /// The first variables that are new, differ or are gone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) names: Vec<String>,
    /// The number of the snapshot that these changes are relative to.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) parent: u64,
    /// The length of the pickle that it stands for, in bytes.
    pub(crate) pickle: u64,
    /// The bytes of new objects.
    pub(crate) added: u64,
    /// A random number of the run that it is a snapshot of, for `save --every` and `--on-signal`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) run: String,
    /// A random number of the save, in object storage.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) save: String,
    /// The name and the length of the object that describes it.
    pub(crate) description: Option<(ObjectName, u64)>,
}

/// A random number for the run of a script; empty if there is none to be had.
#[cfg(feature = "python")]
pub(crate) fn new_run_id() -> String {
    random_id::<8>().unwrap_or_default()
}

/// The runs of scripts that failed, as far as they are known from the snapshots seen so far.
#[derive(Debug, Default)]
pub(super) struct FailedRuns(HashSet<String>);

impl FailedRuns {
    /// Whether the script of a snapshot failed, or a check of it. Must be asked for newer snapshots first: a script
    /// that was saved while it ran fails later.
    pub(super) fn include(&mut self, header: &SnapshotHeader) -> bool {
        let has_failed = header.failed || self.0.contains(&header.run);
        if has_failed && !header.run.is_empty() {
            self.0.insert(header.run.clone());
        }
        has_failed
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A header as it was read: the signature is of these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeaderSeal {
    hash: [u8; HASH],
    signature: [u8; SIGNATURE],
}

impl HeaderSeal {
    /// Whether there is a signature.
    pub(crate) fn is_signed(&self) -> bool {
        self.signature != [0; SIGNATURE]
    }

    /// Whether it is that of the header with this checksum.
    pub(super) fn is_of(&self, hash: &[u8; HASH]) -> bool {
        self.hash == *hash
    }

    /// Whether the owner of this key signed it.
    pub(crate) fn is_signed_by(&self, key: &SigningKey) -> bool {
        key.has_signed_bytes(&signed_bytes(&self.hash), &self.signature)
    }
}

fn signed_bytes(hash: &[u8; HASH]) -> Vec<u8> {
    [&MAGIC[..], &[0; 24], hash].concat()
}

impl SnapshotHeader {
    /// Whether the script went on after it.
    pub(super) fn is_of_running_script(&self) -> bool {
        self.how == "running"
    }

    /// The bytes of the file.
    pub(super) fn encode(&self, key: Option<&SigningKey>) -> serde_json::Result<Vec<u8>> {
        let json = serde_json::to_vec(self)?;
        let mut file = MAGIC.to_vec();
        file.extend((json.len() as u32).to_le_bytes());
        file.extend(json);
        let hash = *blake3::hash(&file).as_bytes();
        file.extend(hash);
        file.extend(key.map_or([0; SIGNATURE], |key| key.sign_bytes(&signed_bytes(&hash))));
        Ok(file)
    }

    /// Reads the bytes of a file. The error is in words.
    pub(super) fn decode(file: &[u8]) -> Result<(Self, HeaderSeal), &'static str> {
        let (rest, signature) = file.split_last_chunk::<SIGNATURE>().ok_or("it is cut short")?;
        let (sealed, hash) = rest.split_last_chunk::<HASH>().ok_or("it is cut short")?;
        let json = sealed.strip_prefix(MAGIC).ok_or("it does not begin like a snapshot of this version")?;
        if blake3::hash(sealed) != *hash {
            return Err("its file does not match its checksum");
        }
        let (length, json) = json.split_first_chunk::<4>().ok_or("it is cut short")?;
        if u32::from_le_bytes(*length) as usize != json.len() {
            return Err("its length is wrong");
        }
        let seal = HeaderSeal { hash: *hash, signature: *signature };
        if seal.is_signed() && *signature != with_checksum(signature) {
            return Err("its signature does not match its checksum");
        }
        let header: Self = serde_json::from_slice(json).map_err(|_| "it cannot be parsed")?;
        let is_bounded = header.message.len() <= MAX_MESSAGE && header.names.len() <= MOST_NAMED;
        if is_bounded { Ok((header, seal)) } else { Err("it is longer than any that snapcli writes") }
    }

    /// Names the first variables that changed, data before imports, and then those that are gone.
    pub(super) fn name_changes<'n>(&mut self, changed: &[&'n Variable], removed: impl Iterator<Item = &'n str>) {
        let is_import = |variable: &&&Variable| variable.kind == VariableKind::Import;
        let (imports, data): (Vec<&Variable>, Vec<&Variable>) = changed.iter().partition(is_import);
        let names = data.into_iter().chain(imports).map(|variable| variable.name.as_str()).chain(removed);
        let shown = names.filter(|name| name.len() <= LONGEST_NAMED).take(MOST_NAMED);
        self.names = shown.map(str::to_owned).collect();
    }
}

/// The checksum in the bytes of a snapshot's file.
pub(super) fn checksum_of(file: &[u8]) -> Option<[u8; HASH]> {
    Some(*file.split_last_chunk::<SIGNATURE>()?.0.last_chunk::<HASH>()?)
}

/// The bytes of a snapshot's file with the signature of this key in place of the one that it has.
pub(super) fn signed_again(file: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    let (rest, _) = file.split_last_chunk::<SIGNATURE>()?;
    let (_, hash) = rest.split_last_chunk::<HASH>()?;
    Some([rest, &key.sign_bytes(&signed_bytes(hash))].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_noticed() -> Result<(), Box<dyn std::error::Error>> {
        let header = SnapshotHeader { number: 3, message: "é".to_owned(), changed: 2, ..SnapshotHeader::default() };
        let file = header.encode(None)?;
        assert_eq!(SnapshotHeader::decode(&file).map(|(header, seal)| (header, seal.is_signed())), Ok((header, false)));
        for at in 0..file.len() {
            let mut changed = file.clone();
            changed[at] ^= 0x10;
            assert!(SnapshotHeader::decode(&changed).is_err(), "{at}");
            assert!(SnapshotHeader::decode(&file[..at]).is_err(), "{at}");
        }
        Ok(())
    }

    #[test]
    fn a_signature_is_of_one_header() -> Result<(), Box<dyn std::error::Error>> {
        let (key, other) = (SigningKey::from_value(&[b'a'; 64])?, SigningKey::from_value(&[b'b'; 64])?);
        let seal = |number, key| -> Result<HeaderSeal, Box<dyn std::error::Error>> {
            let file = SnapshotHeader { number, ..SnapshotHeader::default() }.encode(key)?;
            Ok(SnapshotHeader::decode(&file)?.1)
        };
        let (third, fourth) = (seal(3, Some(&key))?, seal(4, Some(&key))?);
        assert!(third.is_signed_by(&key) && !third.is_signed_by(&other) && !seal(3, None)?.is_signed_by(&key));
        assert!(!HeaderSeal { signature: third.signature, ..fourth }.is_signed_by(&key));
        let file = SnapshotHeader { number: 3, ..SnapshotHeader::default() }.encode(None)?;
        assert_eq!(SnapshotHeader::decode(&signed_again(&file, &key).unwrap_or_default())?.1, third);
        Ok(())
    }
}
