//! What is pickled under a variable, as a tree with sizes.

use std::io::{self, Write};

use super::{plain, size};
use crate::pickle::tree::Tree;

/// Writes a tree, each level indented by two more spaces.
pub fn text(out: &mut dyn Write, tree: &Tree) -> io::Result<()> {
    let mut waiting = vec![(0, tree)];
    while let Some((depth, tree)) = waiting.pop() {
        writeln!(out, "{:>8}  {}{}", size(tree.size), "  ".repeat(depth), plain(&tree.label))?;
        waiting.extend(tree.children.iter().rev().map(|child| (depth + 1, child)));
    }
    Ok(())
}
