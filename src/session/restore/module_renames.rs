//! The modules that were renamed since the save, as `restore --map OLD=NEW` says: what a module is called now, and
//! which of the renames nothing has needed. One that is misspelt would have no effect without a word.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::restore_context::LostVariable;

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

    /// Corrects the reason of variables that are lost because a rename leads to a module that was not found: it is not
    /// the module of the file that is missing.
    pub(super) fn explain(&self, lost: &mut [LostVariable]) {
        for variable in lost {
            let advice = variable.import.as_ref().filter(|import| import.name.is_none());
            if let Some(advice) = advice.and_then(|import| self.advice(&import.module)) {
                (variable.why, variable.import) = (advice, None);
            }
        }
    }

    /// What is wrong if this module was not found, and a rename leads to it.
    pub(super) fn advice(&self, module: &str) -> Option<String> {
        let leads_there = |rename: &&Rename| {
            let within = |part: &str, whole: &str| {
                whole.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            // The package of the new name may be what is missing.
            within(&rename.new, module) || within(module, &rename.new)
        };
        let Rename { old, new, .. } = self.0.iter().find(leads_there)?;
        Some(format!(
            "--map {old}={new} names the module {module}, which was not found: correct the name, install it, or put \
             its directory on PYTHONPATH"
        ))
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
    fn only_a_module_that_a_rename_leads_to_is_explained_by_it() {
        let renames = ModuleRenames::new(&[("helper".into(), "tools.new".into())]);
        let advice = |module| renames.advice(module);
        assert!(["tools", "tools.new", "tools.new.parts"].iter().all(|module| advice(module).is_some()));
        assert!(["helper", "tools.newer", "tool", "tools.other"].iter().all(|module| advice(module).is_none()));
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
