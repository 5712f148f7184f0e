//! The modules that were renamed since the save, as `restore --map OLD=NEW` says: what a module is called now, and
//! which of the renames nothing has needed. One that is misspelt would have no effect without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The renames of a restore. Clones note what is used together.
#[derive(Clone, Default)]
pub(crate) struct ModuleRenames(Arc<[Rename]>);

struct Rename {
    old: String,
    new: String,
    is_used: AtomicBool,
}

impl ModuleRenames {
    pub(crate) fn new(renames: &[(String, String)]) -> Self {
        let rename = |(old, new): &(String, String)| Rename {
            old: old.clone(),
            new: new.clone(),
            is_used: AtomicBool::new(false),
        };
        Self(renames.iter().map(rename).collect())
    }

    /// The present name of a module. Renaming a package renames its submodules as well.
    pub(super) fn present(&self, module: &str) -> String {
        let new = |rename: &Rename| {
            let rest = module.strip_prefix(rename.old.as_str())?;
            (rest.is_empty() || rest.starts_with('.')).then(|| {
                rename.is_used.store(true, Ordering::Relaxed);
                format!("{}{rest}", rename.new)
            })
        };
        self.0.iter().find_map(new).unwrap_or_else(|| module.to_owned())
    }

    /// A note for each rename that nothing has needed.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let unused = self.0.iter().filter(|rename| !rename.is_used.load(Ordering::Relaxed));
        unused.map(|Rename { old, new, .. }| {
            format!("the renaming of {old} to {new} had no effect: nothing that was restored needs the module {old}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_renamed_with_its_submodules_and_nothing_else() {
        let renames = ModuleRenames::new(&[("a.b".into(), "x".into()), ("c".into(), "d.e".into())]);
        let present = ["a.b", "a.b.c", "a.bc", "a", "c", "c.y", "cc"].map(|module| renames.present(module));
        assert_eq!(present, ["x", "x.c", "a.bc", "a", "d.e", "d.e.y", "cc"]);
        assert_eq!(renames.notes().count(), 0);
    }

    #[test]
    fn a_rename_that_nothing_needs_is_noted() {
        let renames = ModuleRenames::new(&[("helper".into(), "tools".into()), ("c".into(), "d".into())]);
        renames.clone().present("c.x");
        renames.present("helpers");
        let notes: Vec<String> = renames.notes().collect();
        assert_eq!(
            notes,
            ["the renaming of helper to tools had no effect: nothing that was restored needs the module helper"]
        );
    }
}
