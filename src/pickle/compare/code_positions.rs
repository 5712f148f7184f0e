//! What a code object says about the place where it was written: moving a function within its file changes that, and
//! nothing that the function does.

use super::canonical::{Canonicalizer, PartRole};
use crate::pickle::machine::value::{Leaf, Ref, Value};

/// Where the arguments of a code object are, by their number. dill's `_create_code` takes `co_lnotab` first.
#[derive(Debug)]
struct Layout {
    count: usize,
    code: usize,
    consts: usize,
    names: usize,
    first_line: usize,
    /// `co_filename`, `co_firstlineno` and `co_linetable`, and `co_lnotab`.
    positions: &'static [usize],
}

const LAYOUTS: [Layout; 4] = [
    Layout { count: 16, code: 6, consts: 7, names: 8, first_line: 12, positions: &[10, 12, 13] },
    Layout { count: 17, code: 7, consts: 8, names: 9, first_line: 13, positions: &[0, 11, 13, 14] },
    Layout { count: 18, code: 6, consts: 7, names: 8, first_line: 13, positions: &[10, 13, 14] },
    Layout { count: 19, code: 7, consts: 8, names: 9, first_line: 14, positions: &[0, 11, 14, 15] },
];

impl<'m> Canonicalizer<'m, '_> {
    /// The arguments of a code object that say what it does.
    pub(super) fn code_parts(&self, arguments: &'m [Ref]) -> Vec<(PartRole, Ref)> {
        let all = arguments.iter().copied().enumerate();
        let Some(layout) = LAYOUTS.iter().find(|layout| layout.count == arguments.len()) else {
            return all.map(|(index, item)| (PartRole::Argument(index), item)).collect();
        };
        let shown = all.filter(|(index, _)| !layout.positions.contains(index));
        let Some((line, consts)) = self.line_of_class(arguments, layout) else {
            return shown.map(|(index, item)| (PartRole::Argument(index), item)).collect();
        };
        let shown = shown.filter(|(index, _)| *index != layout.consts);
        let shown = shown.map(|(index, item)| (PartRole::Argument(index), item));
        let consts = consts.iter().copied().enumerate().filter(|(index, _)| *index != line);
        shown.chain(consts.map(|(index, item)| (PartRole::Item(index), item))).collect()
    }

    /// The index of the constant that the body of a class stores as `__firstlineno__`, and all constants. From CPython
    /// 3.13 on, a body does so. There is none if the body uses the constant for something else, too.
    fn line_of_class(&self, arguments: &'m [Ref], layout: &Layout) -> Option<(usize, &'m [Ref])> {
        let (names, consts) = (self.tuple(arguments[layout.names])?, self.tuple(arguments[layout.consts])?);
        let Value::Leaf(Leaf::Bytes(code)) = self.machine.value(arguments[layout.code]) else { return None };
        // A hostile pickle may use the same long ones in many code objects.
        if self.budget().steps((names.len() + consts.len() + code.len()) as u64) {
            return None;
        }
        let name = names.iter().position(|name| self.is_string(*name, b"__firstlineno__"))?;
        let Value::Leaf(Leaf::Int(first_line)) = self.machine.value(arguments[layout.first_line]) else { return None };
        let is_line = |part: &Ref| matches!(self.machine.value(*part), Value::Leaf(Leaf::Int(n)) if n == first_line);
        let line = consts.iter().position(is_line)?;
        let units = || code.chunks_exact(2);
        // LOAD_CONST and STORE_NAME. The numbers of the opcodes differ between the versions of CPython.
        let is_stored = |(load, store): &(&[u8], &[u8])| usize::from(load[1]) == line && usize::from(store[1]) == name;
        let (load, _) = units().zip(units().skip(1)).find(is_stored)?;
        let uses = units().filter(|unit| *unit == load).count();
        (uses == 1).then_some((line, consts))
    }
}
