//! Writes the opcodes of a snapshot that belong to no value, in protocol 5 and without frames.
//!
//! The prelude is laid out for `dill.load_module`: its `_identify_module` reads the first 256 bytes of a file, finds
//! a SHORT_BINUNICODE that ends with `_import_module`, and takes the next string for the name of the module.

use std::io::{self, Write};

use super::opcode::Opcode;

/// The number of memo slots that the prelude fills: slot 0 holds the module.
pub(crate) const PRELUDE_MEMO: u64 = 1;

/// The start of every snapshot. The length and the name of the module follow.
pub(crate) const HEAD: &[u8] = b"\x80\x05\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c";

/// The end of every snapshot.
pub(crate) const END: &[u8] = &[Opcode::Build as u8, Opcode::Stop as u8];

/// The longest module name, in bytes, that still ends within the bytes that `_identify_module` reads.
const MAX_MODULE_NAME: usize = 200;

/// Begins a snapshot: PROTO, the import of the module, a dict. While segments run, the stack is `[module, dict]`.
///
/// # Errors
/// `InvalidInput` for a module name that dill could not find, and the errors of `out`.
pub(crate) fn prelude(out: &mut impl Write, module: &str) -> io::Result<()> {
    if module.len() > MAX_MODULE_NAME {
        let problem =
            format!("the module name is longer than {MAX_MODULE_NAME} bytes: save a module with a shorter name");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    // `HEAD` ends with the opcode of the module's name, which `string` writes itself.
    let (_, before_name) = HEAD.split_last().unwrap_or((&0, HEAD));
    out.write_all(before_name)?;
    string(out, module)?;
    // `_import_module(name)`, kept in slot 0 for the functions that refer to the module; then the empty namespace.
    opcodes(out, &[Opcode::Tuple1, Opcode::Reduce, Opcode::Memoize, Opcode::EmptyDict])
}

/// Ends a snapshot: the dict becomes the module's state.
pub(crate) fn end(out: &mut impl Write) -> io::Result<()> {
    out.write_all(END)
}

/// Pushes a string, by the shortest opcode for its length. It is not memoized.
pub(crate) fn string(out: &mut impl Write, string: &str) -> io::Result<()> {
    match (u8::try_from(string.len()), u32::try_from(string.len())) {
        (Ok(length), _) => out.write_all(&[Opcode::ShortBinUnicode.byte(), length])?,
        (_, Ok(length)) => {
            out.write_all(&[Opcode::BinUnicode.byte()])?;
            out.write_all(&length.to_le_bytes())?;
        }
        _ => {
            out.write_all(&[Opcode::BinUnicode8.byte()])?;
            out.write_all(&(string.len() as u64).to_le_bytes())?;
        }
    }
    out.write_all(string.as_bytes())
}

/// Pushes the global `name` of `module`. The name may have dots. Nothing is memoized.
pub(crate) fn global(out: &mut impl Write, module: &str, name: &str) -> io::Result<()> {
    string(out, module)?;
    string(out, name)?;
    opcodes(out, &[Opcode::StackGlobal])
}

/// The opcodes before the value of a variable of another module: the module, an empty dict, the name. The opcodes after
/// the value are [`MODULE_ITEM_END`].
///
/// # Errors
/// The errors of `out`.
pub(crate) fn module_item(out: &mut impl Write, module: &str, name: &str) -> io::Result<()> {
    // Nothing is memoized: the value alone fills memo slots.
    global(out, "dill._dill", "_import_module")?;
    string(out, module)?;
    opcodes(out, &[Opcode::Tuple1, Opcode::Reduce, Opcode::EmptyDict])?;
    string(out, name)
}

/// The dict with the one value becomes state of the module. The stack is then as it was.
pub(crate) const MODULE_ITEM_END: &[u8] = &[Opcode::SetItem as u8, Opcode::Build as u8, Opcode::Pop as u8];

/// The opcodes before the value of a local variable of a frame: an empty dict and the name. The opcodes after the value
/// are [`FRAME_LOCAL_END`].
///
/// # Errors
/// The errors of `out`.
pub(crate) fn frame_local(out: &mut impl Write, name: &str) -> io::Result<()> {
    opcodes(out, &[Opcode::EmptyDict])?;
    string(out, name)
}

/// The dict with the one value is dropped: other readers ignore it.
pub(crate) const FRAME_LOCAL_END: &[u8] = &[Opcode::SetItem as u8, Opcode::Pop as u8];

/// After a name and its value, which are made and dropped: other readers ignore them.
pub(crate) const AMBIENT_END: &[u8] = &[Opcode::Tuple2 as u8, Opcode::Pop as u8];

fn opcodes(out: &mut impl Write, opcodes: &[Opcode]) -> io::Result<()> {
    opcodes.iter().try_for_each(|opcode| out.write_all(&[opcode.byte()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dill_finds_the_module_name_in_the_prelude() -> io::Result<()> {
        let mut bytes = Vec::new();
        prelude(&mut bytes, "__main__")?;
        end(&mut bytes)?;
        assert_eq!(bytes, b"\x80\x05\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c\x08__main__\x85R\x94}b.");
        assert!(prelude(&mut Vec::new(), &"m".repeat(201)).is_err());
        Ok(())
    }

    #[test]
    fn long_strings_have_long_lengths() -> io::Result<()> {
        let mut bytes = Vec::new();
        string(&mut bytes, &"é".repeat(128))?;
        assert_eq!(bytes.get(..6), Some(&b"X\x00\x01\x00\x00\xc3"[..]));
        assert_eq!(bytes.len(), 5 + 256);
        Ok(())
    }
}
