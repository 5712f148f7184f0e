//! The key by which a user knows the files that they saved again, and what is signed with it.
//!
//! A trailer ends with the keyed BLAKE3 of its first 64 bytes (DESIGN, section 8). Those hold the lengths and places of
//! all parts and the hash of the index, and the index holds the hash of every segment and of what lies between them:
//! so a signature that is right, together with hashes that are right, proves every byte of a file.
//!
//! The key is a file in the user's config folder that nobody else may read. `SNAPCLI_KEY` takes its place: 64 hex
//! digits are a key, any other text of at least [`MIN_PASSPHRASE`] bytes is a passphrase that a key is derived from.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::layout::{SIGNATURE, TRAILER, Trailer, with_check_sum};

/// Carries a key to another machine.
pub const KEY_VARIABLE: &str = "SNAPCLI_KEY";
/// The fewest bytes of a passphrase: what is shorter can be guessed from one file that was signed with it.
pub const MIN_PASSPHRASE: usize = 16;
/// How many bytes a key has.
const LENGTH: usize = 32;
/// How many bytes of a trailer are signed: all but the signature.
const SIGNED: usize = TRAILER - SIGNATURE;
/// Keeps keys that are derived from a passphrase apart from those of other programs.
const CONTEXT: &str = "snapcli 2026-11-24 signing key from the passphrase in SNAPCLI_KEY";
/// Where random bytes come from: there on every Unix, and never short of them once the system has started.
const RANDOM: &str = "/dev/urandom";

/// A key. It is not shown, not even to a debugger's formatting.
#[derive(Clone)]
pub struct Key([u8; LENGTH]);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Key(…)")
    }
}

/// Why there is no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// The system names no folder for it.
    #[error("there is no config folder for a key: set HOME, or put a key into {KEY_VARIABLE}")]
    NoFolder,
    /// Someone else may have read it, or may put another one in its place.
    #[error("{} can be read or changed by others, so it proves nothing: run chmod {mode} on it", path.display())]
    Open {
        /// The key's file or folder.
        path: PathBuf,
        /// What its mode should be.
        mode: &'static str,
    },
    /// It belongs to someone else.
    #[error("{} belongs to another user, so it proves nothing: remove it, and save again", .0.display())]
    NotOwn(PathBuf),
    /// It is not what snapcli makes.
    #[error("{} is not a key of {LENGTH} bytes: remove it, and the next save makes a new one", .0.display())]
    NoKey(PathBuf),
    /// The passphrase is too short.
    #[error("{KEY_VARIABLE} has fewer than {MIN_PASSPHRASE} bytes: take 64 hex digits, or a longer passphrase")]
    ShortPassphrase,
    /// It cannot be read or made.
    #[error("cannot read or make the key {}: check its folder", path.display())]
    File {
        /// The key's place.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Key {
    /// The user's key; `None` where none was made yet.
    pub fn existing() -> Result<Option<Self>, KeyError> {
        match Self::from_environment()? {
            Some(key) => Ok(Some(key)),
            None => Self::read(&place().ok_or(KeyError::NoFolder)?),
        }
    }

    /// The user's key, which is made where there is none.
    pub fn existing_or_new() -> Result<Self, KeyError> {
        match Self::from_environment()? {
            Some(key) => Ok(key),
            None => Self::read_or_make(&place().ok_or(KeyError::NoFolder)?),
        }
    }

    fn from_environment() -> Result<Option<Self>, KeyError> {
        let value = std::env::var_os(KEY_VARIABLE).filter(|value| !value.is_empty());
        value.map(|value| Self::from_text(value.as_encoded_bytes())).transpose()
    }

    fn from_text(text: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = blake3::Hash::from_hex(text) {
            return Ok(Self(*key.as_bytes()));
        }
        if text.len() < MIN_PASSPHRASE {
            return Err(KeyError::ShortPassphrase);
        }
        Ok(Self(blake3::derive_key(CONTEXT, text)))
    }

    fn read(path: &Path) -> Result<Option<Self>, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        // A link could lead to what another user writes; a pipe would be waited for.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file = match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let found = file.metadata().map_err(failed)?;
        let folder = folder(path);
        let around = fs::metadata(folder).map_err(failed)?;
        if found.uid() != own_user()? || around.uid() != own_user()? {
            return Err(KeyError::NotOwn(path.to_owned()));
        }
        if found.mode() & 0o077 != 0 {
            return Err(KeyError::Open { path: path.to_owned(), mode: "600" });
        }
        if around.mode() & 0o022 != 0 {
            return Err(KeyError::Open { path: folder.to_owned(), mode: "700" });
        }
        let mut key = [0; LENGTH];
        if !found.is_file() || found.len() != LENGTH as u64 {
            return Err(KeyError::NoKey(path.to_owned()));
        }
        file.read_exact(&mut key).map_err(failed)?;
        // What a full disk leaves of a file may be zeros, which everybody knows.
        if key == [0; LENGTH] { Err(KeyError::NoKey(path.to_owned())) } else { Ok(Some(Self(key))) }
    }

    /// Two programs may make one at the same time: the first one's stays.
    fn read_or_make(path: &Path) -> Result<Self, KeyError> {
        if let Some(key) = Self::read(path)? {
            return Ok(key);
        }
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        match make(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
        Self::read(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// Signs a trailer.
    #[must_use]
    pub fn sign(&self, trailer: &Trailer) -> Trailer {
        Trailer { signature: self.signature(trailer), ..trailer.clone() }
    }

    /// Whether this key signed a trailer. How long that takes does not depend on how much of the signature is right.
    #[must_use]
    pub fn has_signed(&self, trailer: &Trailer) -> bool {
        // Only hashes are compared in such a way.
        blake3::Hash::from_bytes(self.signature(trailer)) == trailer.signature
    }

    fn signature(&self, trailer: &Trailer) -> [u8; SIGNATURE] {
        let bytes = trailer.encode();
        with_check_sum(blake3::keyed_hash(&self.0, bytes.get(..SIGNED).unwrap_or(&bytes)).as_bytes())
    }
}

/// Where the user's key is, or will be.
#[must_use]
pub fn place() -> Option<PathBuf> {
    dirs::config_dir().map(|folder| folder.join("snapcli/key"))
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// The user whose rights this process has: the owner of what it makes. Only `/proc` and the like know it without unsafe
/// code, and those are not everywhere.
fn own_user() -> Result<u32, KeyError> {
    let made = tempfile::tempfile().and_then(|file| file.metadata());
    made.map(|found| found.uid()).map_err(|source| KeyError::File { path: std::env::temp_dir(), source })
}

fn make(path: &Path) -> io::Result<()> {
    let folder = folder(path);
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let mut key = [0; LENGTH];
    File::open(RANDOM)?.read_exact(&mut key)?;
    // Its mode is 0600 from the start.
    let mut file = tempfile::Builder::new().prefix(".key-").tempfile_in(folder)?;
    file.write_all(&key)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    fn trailer() -> Trailer {
        Trailer { index_offset: 100, index_length: 50, index_hash: [1; 32], signature: [0; SIGNATURE] }
    }

    fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    #[test]
    fn a_key_is_made_once_and_for_its_user_only() -> Outcome {
        let home = tempfile::tempdir()?;
        let place = home.path().join("a/snapcli/key");
        assert!(Key::read(&place)?.is_none());
        let key = Key::read_or_make(&place)?;
        assert_eq!(Key::read_or_make(&place)?.0, key.0);
        assert_ne!(key.0, [0; LENGTH]);
        let mode = |path: &Path| fs::metadata(path).map(|found| found.mode() & 0o777);
        assert_eq!((mode(&place)?, mode(folder(&place))?), (0o600, 0o700));
        let names: Vec<_> = fs::read_dir(folder(&place))?.map(|entry| entry.map(|entry| entry.file_name())).collect();
        assert_eq!(names.len(), 1);
        Ok(())
    }

    #[test]
    fn keys_made_at_once_are_one() -> Outcome {
        let home = tempfile::tempdir()?;
        let place = home.path().join("snapcli/key");
        let keys: Vec<[u8; LENGTH]> = std::thread::scope(|scope| {
            let make = || scope.spawn(|| Key::read_or_make(&place).expect("a key").0);
            let threads: Vec<_> = (0..8).map(|_| make()).collect();
            threads.into_iter().map(|thread| thread.join().expect("a key")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        Ok(())
    }

    #[test]
    fn a_key_that_others_may_read_or_change_is_refused() -> Outcome {
        let home = tempfile::tempdir()?;
        let place = home.path().join("snapcli/key");
        Key::read_or_make(&place)?;
        set_mode(&place, 0o640)?;
        let text = Key::read(&place).map(drop).map_err(|error| error.to_string());
        assert!(text.is_err_and(|text| text.ends_with("run chmod 600 on it")));
        set_mode(&place, 0o600)?;
        set_mode(folder(&place), 0o770)?;
        let text = Key::read(&place).map(drop).map_err(|error| error.to_string());
        assert!(text.is_err_and(|text| text.ends_with("run chmod 700 on it")));
        Ok(())
    }

    #[test]
    fn what_is_no_key_is_never_overwritten() -> Outcome {
        let home = tempfile::tempdir()?;
        let place = home.path().join("key");
        set_mode(home.path(), 0o700)?;
        for bytes in [&b"short"[..], &[0; LENGTH], &[1; LENGTH + 1]] {
            fs::write(&place, bytes)?;
            set_mode(&place, 0o600)?;
            assert!(matches!(Key::read_or_make(&place), Err(KeyError::NoKey(_))));
            assert_eq!(fs::read(&place)?, bytes);
        }
        fs::rename(&place, home.path().join("other"))?;
        symlink("other", &place)?;
        assert!(matches!(Key::read_or_make(&place), Err(KeyError::File { .. })));
        Ok(())
    }

    #[test]
    fn a_key_comes_from_hex_or_from_a_passphrase() -> Outcome {
        assert_eq!(Key::from_text("2a".repeat(32).as_bytes())?.0, [42; LENGTH]);
        let derived = Key::from_text(b"correct horse battery staple")?;
        assert_eq!(derived.0, Key::from_text(b"correct horse battery staple")?.0);
        assert_ne!(derived.0, Key::from_text(b"correct horse battery stapler")?.0);
        assert!(matches!(Key::from_text(b"hunter2"), Err(KeyError::ShortPassphrase)));
        assert_eq!(format!("{derived:?}"), "Key(…)");
        Ok(())
    }

    #[test]
    fn every_bit_of_a_trailer_is_signed() -> Outcome {
        let (key, other) = (Key([7; LENGTH]), Key([8; LENGTH]));
        let signed = key.sign(&trailer());
        assert!(key.has_signed(&signed) && !other.has_signed(&signed) && !key.has_signed(&trailer()));
        for changed in [
            Trailer { index_offset: 101, index_length: 49, ..signed.clone() },
            Trailer { index_length: 51, ..signed.clone() },
            Trailer { index_hash: [2; 32], ..signed.clone() },
        ] {
            assert!(!key.has_signed(&changed), "{changed:?}");
        }
        for bit in 0..256 {
            let mut changed = signed.clone();
            changed.signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.has_signed(&changed));
        }
        Ok(())
    }
}
