//! The opcodes around the value of a segment: the way a load uses the value.
//!
//! | role | before the value | after the value |
//! | --- | --- | --- |
//! | variable | name | SETITEM |
//! | variable of another module | `_import_module(module)`, EMPTY_DICT, name | SETITEM, BUILD, POP |
//! | local variable of a frame | EMPTY_DICT, name | SETITEM, POP |
//! | ambient state | name | TUPLE2, POP |
//!
//! All leave the stack as it was. The opcodes follow from the role and the name, so the index stores neither.

use crate::pickle::format::emit;
use crate::pickle::format::opcode::Opcode;
use crate::snapshot::index::SegmentRole;

/// The opcodes around a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) struct SegmentFrame {
    /// They fill no memo slots.
    pub(in crate::snapshot) head: Vec<u8>,
    pub(in crate::snapshot) tail: &'static [u8],
    /// The globals that they look up.
    pub(in crate::snapshot) imports: &'static [&'static str],
}

impl SegmentFrame {
    /// The lengths of the opcodes before the name and after SETITEM: the bytes between them are like the segment of a
    /// variable.
    pub(in crate::snapshot) fn around(role: SegmentRole, name: &str) -> (u64, u64) {
        let mut alone = Vec::new();
        let own = module_and_name(name).filter(|_| role == SegmentRole::ModuleItem).map_or(name, |(_, own)| own);
        let _ = emit::string(&mut alone, own);
        let Self { head, tail, .. } = Self::new(role, name);
        (head.len().saturating_sub(alone.len()) as u64, tail.len().saturating_sub(1) as u64)
    }

    /// The opcodes for a segment with this role and name.
    pub(in crate::snapshot) fn new(role: SegmentRole, name: &str) -> Self {
        let mut head = Vec::with_capacity(name.len() + 2);
        // Writing to a vector cannot fail.
        let _ = match (role, module_and_name(name)) {
            (SegmentRole::ModuleItem, Some((module, name))) => emit::module_item(&mut head, module, name),
            (SegmentRole::FrameLocal, _) => emit::frame_local(&mut head, name),
            _ => emit::string(&mut head, name),
        };
        let tail: &[u8] = match role {
            SegmentRole::Variable => &[Opcode::SetItem as u8],
            SegmentRole::ModuleItem => emit::MODULE_ITEM_END,
            SegmentRole::FrameLocal => emit::FRAME_LOCAL_END,
            SegmentRole::Ambient => emit::AMBIENT_END,
        };
        let imports: &[&str] = if role == SegmentRole::ModuleItem { &["dill._dill _import_module"] } else { &[] };
        Self { head, tail, imports }
    }
}

/// The module and the name of a variable of another module: `pkg.settings` and `MODE` for `pkg.settings.MODE`. `None`
/// if there is no dot, which only a forged index has.
pub(crate) fn module_and_name(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(module, name)| !module.is_empty() && !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_of_a_module_item_sets_it_in_the_module() {
        let frame = SegmentFrame::new(SegmentRole::ModuleItem, "pkg.settings.MODE");
        let head = b"\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c\x0cpkg.settings\x85R}\x8c\x04MODE";
        assert_eq!(SegmentFrame::around(SegmentRole::ModuleItem, "pkg.settings.MODE"), (head.len() as u64 - 6, 2));
        assert_eq!(SegmentFrame::around(SegmentRole::Variable, "x"), (0, 0));
        assert_eq!((frame.head.as_slice(), frame.tail), (&head[..], &b"sb0"[..]));
    }

    #[test]
    fn names_without_a_module_belong_to_none() {
        for name in ["MODE", ".MODE", "settings."] {
            assert_eq!(module_and_name(name), None);
        }
    }
}
