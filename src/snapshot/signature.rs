//! The user's signing key, and what is signed with it.
//!
//! A trailer ends with the keyed BLAKE3 of its first 64 bytes. Those hold the lengths and offsets of all parts and
//! the hash of the index, and the index holds the hash of every segment and of the bytes between them: so a valid
//! signature, together with matching hashes, proves every byte of a file.
//!
//! The key is a file in the user's config directory that only the user may read. `SNAPCLI_KEY` overrides it: 64 hex
//! digits are a key, and any other value of at least [`MIN_PASSPHRASE`] bytes is a passphrase that a key is derived
//! from.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::atomic::persist_new;
use super::layout::{SIGNATURE, TRAILER, Trailer, with_checksum};
use super::reader::{RangeReader as _, WantedRange};
use super::remote::{RemoteAddress, RemoteClient};
use super::seekable::{PackedBytes, SeekableFile, Strictness};
use super::store;
use super::system::{user_id, without_temporary_name};

/// The environment variable that overrides the key file.
pub(crate) const KEY_VARIABLE: &str = "SNAPCLI_KEY";
/// The shortest passphrase in bytes: a shorter one could be guessed from a single signed file.
pub(crate) const MIN_PASSPHRASE: usize = 16;
/// The length of a key in bytes.
const KEY_LENGTH: usize = 32;
/// How many digits of a key in hex may be missing, added or wrong for it to be told from a passphrase.
const MOST_WRONG: usize = 4;
/// How many bytes of a trailer are signed: all but the signature.
const SIGNED: usize = TRAILER - SIGNATURE;
/// Separates keys derived from a passphrase from those of other programs (`blake3::derive_key`). Never change it.
const CONTEXT: &str = "snapcli 2026-11-24 signing key from the passphrase in SNAPCLI_KEY";

/// A signing key. `Debug` does not show its bytes.
#[derive(Clone)]
pub struct SigningKey([u8; KEY_LENGTH]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SigningKey(…)")
    }
}

/// Why there is no usable key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Neither HOME nor XDG_CONFIG_HOME is set.
    #[error("there is no config directory for the key: set HOME, or set {KEY_VARIABLE} to a key")]
    NoFolder,
    /// Another user may have read the key file, or may replace it.
    #[error("{} is accessible to other users, so it proves nothing: run chmod {mode} on it", path.display())]
    Exposed {
        /// The key file or its directory.
        path: PathBuf,
        /// The mode that it should have, in octal.
        mode: &'static str,
    },
    /// The key file or its directory has another owner.
    #[error("{} belongs to another user, so it proves nothing: remove it, and save again", .0.display())]
    NotOwn(PathBuf),
    /// The file is not one that snapcli creates.
    #[error("{} is not a key of {KEY_LENGTH} bytes: remove it, and the next save creates a new one", .0.display())]
    Invalid(PathBuf),
    /// The passphrase is too short.
    #[error("{KEY_VARIABLE} is shorter than {MIN_PASSPHRASE} bytes: use 64 hex digits, or a longer passphrase")]
    ShortPassphrase,
    /// The variable is set, but to nothing: a secret that is missing.
    #[error("{KEY_VARIABLE} is empty: set it to a key, or unset it to use the key of this machine")]
    Empty,
    /// The value was meant as hex digits, but is not 64 of them: as a passphrase, it would be another key.
    #[error("{KEY_VARIABLE} looks like a key in hex, but is not 64 hex digits ({0}): copy all of it, without spaces")]
    MalformedHex(String),
    /// The key file cannot be read or created.
    #[error("cannot read or create the key {}: check its directory", path.display())]
    File {
        /// The key file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// What is wrong with a value that has nearly the length and the digits of a key in hex; `None` if it is a passphrase.
fn malformed_hex(value: &[u8]) -> Option<String> {
    let digits = value.iter().filter(|byte| byte.is_ascii_hexdigit()).count();
    let others = value.len() - digits;
    let is_near = digits.abs_diff(2 * KEY_LENGTH) <= MOST_WRONG && others <= MOST_WRONG;
    is_near.then(|| match others {
        0 => format!("{digits} digits"),
        1 => format!("{digits} digits, and 1 other byte"),
        _ => format!("{digits} digits, and {others} other bytes"),
    })
}

impl SigningKey {
    /// The user's key; `None` if none was created yet.
    pub fn existing() -> Result<Option<Self>, KeyError> {
        match Self::from_environment()? {
            Some(key) => Ok(Some(key)),
            None => Self::read(&key_path().ok_or(KeyError::NoFolder)?),
        }
    }

    /// The user's key, which is created if there is none.
    pub fn existing_or_new() -> Result<Self, KeyError> {
        match Self::from_environment()? {
            Some(key) => Ok(key),
            None => Self::read_or_create(&key_path().ok_or(KeyError::NoFolder)?),
        }
    }

    fn from_environment() -> Result<Option<Self>, KeyError> {
        let Some(value) = std::env::var_os(KEY_VARIABLE) else { return Ok(None) };
        if value.is_empty() {
            return Err(KeyError::Empty);
        }
        Self::from_value(value.as_encoded_bytes()).map(Some)
    }

    /// A key of 64 hex digits, or made of a passphrase.
    ///
    /// # Errors
    /// If it is too short, or nearly 64 hex digits.
    pub fn from_value(value: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = blake3::Hash::from_hex(value) {
            return Ok(Self(*key.as_bytes()));
        }
        if value.len() < MIN_PASSPHRASE {
            return Err(KeyError::ShortPassphrase);
        }
        match malformed_hex(value) {
            Some(why) => Err(KeyError::MalformedHex(why)),
            None => Ok(Self(blake3::derive_key(CONTEXT, value))),
        }
    }

    fn read(path: &Path) -> Result<Option<Self>, KeyError> {
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        // A symlink could point to a file of another user, and opening a named pipe would wait.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let mut file = match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        // Ask the open descriptor, not the path: the file cannot be swapped between the check and the read.
        let found = file.metadata().map_err(failed)?;
        let folder = directory(path);
        let around = fs::metadata(folder).map_err(failed)?;
        if found.uid() != user_id() || around.uid() != user_id() {
            return Err(KeyError::NotOwn(path.to_owned()));
        }
        // A user who can read the key can sign, and one who can write to its directory can replace it.
        if found.mode() & 0o077 != 0 {
            return Err(KeyError::Exposed { path: path.to_owned(), mode: "600" });
        }
        if around.mode() & 0o022 != 0 {
            return Err(KeyError::Exposed { path: folder.to_owned(), mode: "700" });
        }
        let mut key = [0; KEY_LENGTH];
        if !found.is_file() || found.len() != KEY_LENGTH as u64 {
            return Err(KeyError::Invalid(path.to_owned()));
        }
        file.read_exact(&mut key).map_err(failed)?;
        // A full disk can leave a file of zeros, which everyone could guess.
        if key == [0; KEY_LENGTH] { Err(KeyError::Invalid(path.to_owned())) } else { Ok(Some(Self(key))) }
    }

    /// If two processes create one at the same time, both use the first.
    fn read_or_create(path: &Path) -> Result<Self, KeyError> {
        if let Some(key) = Self::read(path)? {
            return Ok(key);
        }
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        create(path).map_err(failed)?;
        Self::read(path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))
    }

    /// A copy of the trailer with this key's signature.
    #[must_use]
    pub fn sign(&self, trailer: &Trailer) -> Trailer {
        Trailer { signature: self.signature(trailer), ..trailer.clone() }
    }

    /// Whether this key signed a trailer. Takes the same time wherever a wrong signature differs.
    #[must_use]
    pub fn has_signed(&self, trailer: &Trailer) -> bool {
        // `blake3::Hash` compares in constant time; arrays do not.
        blake3::Hash::from_bytes(self.signature(trailer)) == trailer.signature
    }

    fn signature(&self, trailer: &Trailer) -> [u8; SIGNATURE] {
        // Encoded with whatever signature it has, which is not part of the signed bytes.
        let bytes = trailer.encode();
        self.sign_bytes(bytes.get(..SIGNED).unwrap_or(&bytes))
    }

    /// The signature of other bytes than a trailer, which must not begin like one.
    pub(super) fn sign_bytes(&self, bytes: &[u8]) -> [u8; SIGNATURE] {
        with_checksum(blake3::keyed_hash(&self.0, bytes).as_bytes())
    }

    /// Whether this key made a signature of [`sign_bytes`](Self::sign_bytes), as [`has_signed`](Self::has_signed).
    pub(super) fn has_signed_bytes(&self, bytes: &[u8], signature: &[u8; SIGNATURE]) -> bool {
        blake3::Hash::from_bytes(self.sign_bytes(bytes)) == *signature
    }
}

/// Whether the trailer of a regular file has this user's signature. What the trailer stands for is not checked, and
/// only the trailer is read.
#[must_use]
pub(crate) fn is_signed_by_user(path: &Path) -> bool {
    let key = SigningKey::existing().ok().flatten();
    if let Some(is_signed) = key.as_ref().and_then(|key| store::is_signed_by(path, key)) {
        return is_signed;
    }
    let read = || -> io::Result<(Vec<u8>, u64)> {
        if let Some(address) = RemoteAddress::of(path)? {
            let (version, bytes) = RemoteClient::new(&address)?.read_end(TRAILER as u64)?;
            return Ok((bytes, version.length));
        }
        // Opening a named pipe would wait, and reading it would take from it.
        let length = path.metadata().ok().filter(fs::Metadata::is_file).map_or(0, |found| found.len());
        let start = length.checked_sub(TRAILER as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
        let (file, mut bytes) = (File::open(path)?, vec![0; TRAILER]);
        // A file that `save --compress` wrote has the trailer at the end of its data.
        match SeekableFile::open(PackedBytes::File(file, length), Strictness::Checked)? {
            Ok(seekable) => {
                let length = seekable.length();
                let offset = length.checked_sub(TRAILER as u64).ok_or(io::ErrorKind::UnexpectedEof)?;
                seekable.read(&mut [WantedRange { offset, buffer: &mut bytes }])?;
                Ok((bytes, length))
            }
            Err(packed) => packed.read(start, &mut bytes).map(|()| (bytes, length)),
        }
    };
    let Ok((bytes, length)) = read() else { return false };
    let trailer = bytes.as_slice().try_into().ok().and_then(|bytes| Trailer::decode(bytes, length).ok().flatten());
    trailer.zip(key).is_some_and(|(trailer, key)| key.has_signed(&trailer))
}

/// The path of the user's key, whether it exists or not; `None` if there is no config directory.
#[must_use]
pub(crate) fn key_path() -> Option<PathBuf> {
    dirs::config_dir().map(|folder| folder.join("snapcli/key"))
}

fn directory(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn create(path: &Path) -> io::Result<()> {
    let folder = directory(path);
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key)?;
    // `tempfile` creates it with mode 0600.
    let made = tempfile::Builder::new().prefix(".key-").tempfile_in(folder);
    let mut file = made.map_err(without_temporary_name)?;
    file.as_file_mut().write_all(&key)?;
    file.as_file().sync_all()?;
    // Another process may have been faster.
    persist_new(file, path).map(drop)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    type TestOutcome = Result<(), Box<dyn std::error::Error>>;

    fn trailer() -> Trailer {
        Trailer { index_offset: 100, index_length: 50, index_hash: [1; 32], signature: [0; SIGNATURE] }
    }

    fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    }

    #[test]
    fn a_key_is_created_once_and_only_for_its_user() -> TestOutcome {
        let home = tempfile::tempdir()?;
        let path = home.path().join("a/snapcli/key");
        assert!(SigningKey::read(&path)?.is_none());
        let key = SigningKey::read_or_create(&path)?;
        assert_eq!(SigningKey::read_or_create(&path)?.0, key.0);
        assert_ne!(key.0, [0; KEY_LENGTH]);
        let mode = |path: &Path| fs::metadata(path).map(|found| found.mode() & 0o777);
        assert_eq!((mode(&path)?, mode(directory(&path))?), (0o600, 0o700));
        let names: Vec<_> = fs::read_dir(directory(&path))?.map(|entry| entry.map(|entry| entry.file_name())).collect();
        assert_eq!(names.len(), 1);
        Ok(())
    }

    #[test]
    fn concurrent_creators_share_one_key() -> TestOutcome {
        let home = tempfile::tempdir()?;
        let path = home.path().join("snapcli/key");
        let keys: Vec<[u8; KEY_LENGTH]> = std::thread::scope(|scope| {
            let create = || scope.spawn(|| SigningKey::read_or_create(&path).expect("a key").0);
            let threads: Vec<_> = (0..8).map(|_| create()).collect();
            threads.into_iter().map(|thread| thread.join().expect("a key")).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
        Ok(())
    }

    #[test]
    fn a_key_that_others_may_read_or_change_is_refused() -> TestOutcome {
        let home = tempfile::tempdir()?;
        let path = home.path().join("snapcli/key");
        SigningKey::read_or_create(&path)?;
        set_mode(&path, 0o640)?;
        let text = SigningKey::read(&path).map(drop).map_err(|error| error.to_string());
        assert!(text.is_err_and(|text| text.ends_with("run chmod 600 on it")));
        set_mode(&path, 0o600)?;
        set_mode(directory(&path), 0o770)?;
        let text = SigningKey::read(&path).map(drop).map_err(|error| error.to_string());
        assert!(text.is_err_and(|text| text.ends_with("run chmod 700 on it")));
        Ok(())
    }

    #[test]
    fn an_invalid_key_file_is_never_overwritten() -> TestOutcome {
        let home = tempfile::tempdir()?;
        let path = home.path().join("key");
        set_mode(home.path(), 0o700)?;
        for bytes in [&b"short"[..], &[0; KEY_LENGTH], &[1; KEY_LENGTH + 1]] {
            fs::write(&path, bytes)?;
            set_mode(&path, 0o600)?;
            assert!(matches!(SigningKey::read_or_create(&path), Err(KeyError::Invalid(_))));
            assert_eq!(fs::read(&path)?, bytes);
        }
        fs::rename(&path, home.path().join("other"))?;
        symlink("other", &path)?;
        assert!(matches!(SigningKey::read_or_create(&path), Err(KeyError::File { .. })));
        Ok(())
    }

    #[test]
    fn a_key_comes_from_hex_or_from_a_passphrase() -> TestOutcome {
        assert_eq!(SigningKey::from_value("2a".repeat(32).as_bytes())?.0, [42; KEY_LENGTH]);
        let derived = SigningKey::from_value(b"correct horse battery staple")?;
        assert_eq!(derived.0, SigningKey::from_value(b"correct horse battery staple")?.0);
        assert_ne!(derived.0, SigningKey::from_value(b"correct horse battery stapler")?.0);
        assert!(matches!(SigningKey::from_value(b"hunter2"), Err(KeyError::ShortPassphrase)));
        assert_eq!(format!("{derived:?}"), "SigningKey(…)");
        let hex = "2a".repeat(32);
        let spoiled =
            [hex[1..].to_owned(), format!("{hex}a"), format!("{hex}\n"), format!("0x{hex}"), format!("z{}", &hex[1..])];
        for value in spoiled {
            assert!(matches!(SigningKey::from_value(value.as_bytes()), Err(KeyError::MalformedHex(_))), "{value:?}");
        }
        // Passphrases: an MD5 checksum, and Base64.
        for value in
            ["d41d8cd98f00b204e9800998ecf8427e", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kKvN7xI0"]
        {
            assert!(SigningKey::from_value(value.as_bytes()).is_ok(), "{value:?}");
        }
        Ok(())
    }

    #[test]
    fn every_bit_of_a_trailer_is_signed() -> TestOutcome {
        let (key, other) = (SigningKey([7; KEY_LENGTH]), SigningKey([8; KEY_LENGTH]));
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
