//! The name of an object in a store: BLAKE3 of the bytes of its file, in hex.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::{Serialize, Serializer};

/// The hash that is the name of an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectName([u8; 32]);

impl ObjectName {
    /// The name of an object with these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The name that 64 lower-case hex digits spell; `None` for anything else.
    pub(super) fn from_hex(text: &[u8]) -> Option<Self> {
        // `from_hex` takes upper-case digits, too, and two names of one file would be a trap.
        let is_lower = text.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte));
        blake3::Hash::from_hex(text).ok().filter(|_| is_lower).map(Self::from)
    }

    pub(super) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<blake3::Hash> for ObjectName {
    fn from(hash: blake3::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ObjectName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HexVisitor;
        impl Visitor<'_> for HexVisitor {
            type Value = ObjectName;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("64 hex digits")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<ObjectName, E> {
                ObjectName::from_hex(text.as_bytes()).ok_or_else(|| E::custom("expected 64 hex digits"))
            }
        }
        deserializer.deserialize_str(HexVisitor)
    }
}
