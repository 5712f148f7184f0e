//! Calls of functions of the pickle that only make a generator: our pickler writes generators that have not started in
//! this way, and the call runs none of their code.
//!
//! Since CPython 3.11 the opcode RETURN_GENERATOR makes the generator, so its position in the code counts; in 3.10 a
//! flag of the code does. A file for one version could be loaded by another, in which the opcodes have other numbers.
//! So such a call is not `code`, but `calls`, whatever the function does.

use super::judge::Judge;
use super::symbol::Symbol;
use crate::pickle::explain::labels::Labels;
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};

/// The flags of generators, coroutines and async generators.
const GENERATOR_FLAGS: i64 = 0x20 | 0x80 | 0x200;
/// The positions of the flags and of the bytecode among the arguments of a code object. dill's `_create_code` has one
/// argument before them.
const FLAGS: usize = 5;
const BYTECODE: usize = 6;
/// The number of arguments of a code object in 3.10, and since 3.11.
const ARGUMENTS: [usize; 2] = [16, 18];
/// The numbers of RETURN_GENERATOR, COPY_FREE_VARS and MAKE_CELL in 3.11 and 3.12, and in 3.13.
const PROLOGUES: [[u8; 3]; 2] = [[75, 149, 135], [35, 62, 94]];

impl Judge {
    /// Whether a call of this symbol only makes a generator.
    pub(super) fn makes_generator(&mut self, labels: &Labels<'_, '_>, callee: &Symbol) -> bool {
        match callee {
            Symbol::Function(function) => self.is_generator_function(labels, *function),
            Symbol::Partial(call) => {
                let Some(node) = labels.machine().node(*call) else { return false };
                let state = node.state.and_then(|state| self.item(labels, state, 0));
                let functions = [labels.argument(node, 0), state].into_iter().flatten();
                functions.into_iter().any(|function| match self.symbol(labels, function) {
                    Symbol::Function(function) => self.is_generator_function(labels, function),
                    _ => false,
                })
            }
            _ => false,
        }
    }

    /// Whether the code of a function begins with the making of a generator.
    pub(super) fn is_generator_function(&mut self, labels: &Labels<'_, '_>, function: Ref) -> bool {
        let code = labels.machine().node(function).and_then(|call| labels.argument(call, 0));
        let Some(code) = code else { return false };
        if self.symbol(labels, code) != Symbol::CodeObject {
            return false;
        }
        let node = labels.machine().node(code);
        let arguments = node.and_then(|call| labels.machine().node(*call.items.get(1)?));
        let Some(Node { kind: NodeKind::Tuple, items, .. }) = arguments else { return false };
        let extra = items.len() % 2;
        let value = |index: usize| items.get(index + extra).map(|item| labels.machine().value(*item));
        let flags = match value(FLAGS) {
            Some(Value::Leaf(Leaf::Int(flags))) => flags,
            _ => return false,
        };
        let makes = match value(BYTECODE) {
            Some(Value::Leaf(Leaf::Bytes(bytes))) => {
                items.len() - extra == ARGUMENTS[0] || PROLOGUES.iter().any(|numbers| begins_with(bytes, numbers))
            }
            _ => false,
        };
        flags & GENERATOR_FLAGS != 0 && ARGUMENTS.contains(&(items.len() - extra)) && makes
    }
}

/// Whether bytecode begins with RETURN_GENERATOR, after the opcodes that prepare cells.
fn begins_with(bytecode: &[u8], [make, copy, cell]: &[u8; 3]) -> bool {
    let mut opcodes = bytecode.chunks_exact(2).map(|unit| unit[0]);
    opcodes.find(|opcode| opcode != copy && opcode != cell) == Some(*make)
}
