//! Writes the opcodes that a snapshot consists of besides its values, in protocol 5 and without frames.
//!
//! The prelude is shaped for `dill.load_module`: its `_identify_module` reads the first 256 bytes, looks for a
//! SHORT_BINUNICODE that ends with `_import_module`, and takes the next text as the module's name.

use std::io::{self, Write};

use super::opcode::Opcode;

/// The number of memo slots that the prelude fills: the module is in slot 0.
pub const PRELUDE_MEMO: u64 = 1;

/// CallKind every snapshot begins; the module's name follows.
pub const HEAD: &[u8] = b"\x80\x05\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c";

/// The longest module name whose end `_identify_module` still sees.
const MAX_MODULE_NAME: usize = 200;

/// Begins a snapshot: PROTO, the import of the module, a dict. While segments run, the stack is `[module, dict]`.
pub fn prelude(out: &mut impl Write, module: &str) -> io::Result<()> {
    if module.len() > MAX_MODULE_NAME {
        let problem = format!("the module name is longer than {MAX_MODULE_NAME} bytes: save another module");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    // `HEAD` ends within the module's text.
    let (_, before_text) = HEAD.split_last().unwrap_or((&0, HEAD));
    out.write_all(before_text)?;
    text(out, module)?;
    opcodes(out, &[Opcode::Tuple1, Opcode::Reduce, Opcode::Memoize, Opcode::EmptyDict])
}

/// Ends a snapshot: the dict becomes the module's state.
pub fn end(out: &mut impl Write) -> io::Result<()> {
    opcodes(out, &[Opcode::Build, Opcode::Stop])
}

/// Pushes a text. It is not memoized.
pub fn text(out: &mut impl Write, text: &str) -> io::Result<()> {
    match (u8::try_from(text.len()), u32::try_from(text.len())) {
        (Ok(length), _) => out.write_all(&[Opcode::ShortBinUnicode.byte(), length])?,
        (_, Ok(length)) => {
            out.write_all(&[Opcode::BinUnicode.byte()])?;
            out.write_all(&length.to_le_bytes())?;
        }
        _ => {
            out.write_all(&[Opcode::BinUnicode8.byte()])?;
            out.write_all(&(text.len() as u64).to_le_bytes())?;
        }
    }
    out.write_all(text.as_bytes())
}

/// Pushes what `module` has under `name`, which may have dots. Nothing is memoized.
pub fn global(out: &mut impl Write, module: &str, name: &str) -> io::Result<()> {
    text(out, module)?;
    text(out, name)?;
    opcodes(out, &[Opcode::StackGlobal])
}

/// Puts the value on the stack under the name below it into the dict below that.
pub fn set_item(out: &mut impl Write) -> io::Result<()> {
    opcodes(out, &[Opcode::SetItem])
}

/// Opcodes without arguments.
fn opcodes(out: &mut impl Write, opcodes: &[Opcode]) -> io::Result<()> {
    opcodes.iter().try_for_each(|opcode| out.write_all(&[opcode.byte()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prelude_is_what_dill_looks_for() -> io::Result<()> {
        let mut bytes = Vec::new();
        prelude(&mut bytes, "__main__")?;
        end(&mut bytes)?;
        assert_eq!(bytes, b"\x80\x05\x8c\x0adill._dill\x8c\x0e_import_module\x93\x8c\x08__main__\x85R\x94}b.");
        assert!(prelude(&mut Vec::new(), &"m".repeat(201)).is_err());
        Ok(())
    }

    #[test]
    fn long_texts_get_long_lengths() -> io::Result<()> {
        let mut bytes = Vec::new();
        text(&mut bytes, &"é".repeat(128))?;
        assert_eq!(bytes.get(..6), Some(&b"X\x00\x01\x00\x00\xc3"[..]));
        assert_eq!(bytes.len(), 5 + 256);
        Ok(())
    }
}
