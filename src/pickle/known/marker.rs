//! The marker that a save writes in place of an object that cannot be saved: a `types.SimpleNamespace` with these two
//! attributes and no others.

/// The attribute with the type of the lost object.
pub(crate) const TYPE: &str = "lost";
/// The attribute with the reason.
pub(crate) const REASON: &str = "reason";

/// What is shown for a marker.
pub(crate) fn shown(type_name: &str, reason: &str) -> String {
    format!("<lost {type_name}: {reason}>")
}
