//! Saves what belongs to a session besides its variables: the state of the project's modules, and the ambient state.
//! Both follow the variables in the file.

use std::collections::HashSet;

use anyhow::Result;
use pyo3::prelude::*;
use pyo3::types::PyFunction;

use super::ambient::AmbientEntry;
use super::crash_frames::FrameLocal;
use super::definition_changes::is_constant;
use super::module_state::ProjectModules;
use super::object_description::type_name;
use super::select::{NamedValue, ProcessNames, left_out_by};
use super::variable_saver::{VariableSaver, left_out};
use crate::pickle::format::emit;
use crate::pickle::passes::scan::SegmentFacts;
use crate::pickler::ChangedAttribute;
use crate::python::deferred_signals::{Tolerated as _, check_signals};
use crate::snapshot::index::{LeftOut, LeftOutReason, PREVIEW, SegmentRole, Variable};
use crate::snapshot::save_target::SaveTarget;

impl<'py, T: SaveTarget> VariableSaver<'_, 'py, T> {
    /// Saves the globals that functions in the file use and that are not saved yet: a library's object may hold
    /// functions of the script, which are only known once it is pickled.
    pub(super) fn save_late_globals(
        &self,
        py: Python<'py>,
        saved: &[NamedValue<'py>],
        excluded: &[LeftOut],
    ) -> Result<Vec<LeftOut>> {
        let globals = self.source.globals;
        let mut seen: HashSet<String> = saved.iter().map(|named| named.name.clone()).collect();
        seen.extend(excluded.iter().map(|item| item.name.clone()));
        let of_process = ProcessNames::of(globals);
        let (mut left_out, mut slot) = (Vec::new(), 0);
        loop {
            let functions = self.pickler.functions_from(slot)?;
            slot = self.pickler.memo_len()?;
            let used = functions.iter().flat_map(|function| self.code_reader.globals_used(function, globals));
            let mut new: Vec<String> = used.filter(|name| seen.insert(name.clone())).collect();
            // A hash set has no stable order.
            new.sort_unstable();
            if new.is_empty() {
                return Ok(left_out);
            }
            for name in new {
                let Some(value) = globals.get_item(&name)?.filter(|value| !of_process.has(&name, value)) else {
                    continue;
                };
                if let Some(rule) = self.request.rules.excluding(&name, &value) {
                    let uses = |function: &&Bound<'py, PyFunction>| {
                        self.code_reader.globals_used(function, globals).contains(&name)
                    };
                    let users = functions.iter().filter(uses).map(|function| shown_name(function)).collect();
                    let item = left_out_by(name, &value, LeftOutReason::Filter, rule);
                    left_out.push(LeftOut { users, ..item });
                    continue;
                }
                left_out.extend(self.save(py, &NamedValue { name, value }, SegmentRole::Variable)?);
            }
        }
    }

    /// Saves the variables of the modules that the variables lead to. Returns those that cannot be saved.
    pub(super) fn save_module_state(&self, py: Python<'py>) -> Result<Vec<LeftOut>> {
        let roots = std::mem::take(&mut *self.needed_modules.borrow_mut());
        let mut left_out = Vec::new();
        // A script that goes on uses modules that no variable leads to: a function may import one.
        let roots = Some(roots).filter(|_| self.request.run.is_none());
        if roots.as_ref().is_some_and(HashSet::is_empty) {
            return Ok(left_out);
        }
        for item in ProjectModules::loaded(py, self.source.module)?.items(roots, &self.pickler)? {
            check_signals(py)?;
            let has_attributes = !item.attributes.is_empty();
            let attributes = self.without_credentials(item.attributes, &item.named.name, &mut left_out);
            if has_attributes && attributes.is_empty() {
                continue;
            }
            let Some(failed) = self.save_item(py, &item.named, attributes, &mut left_out)? else { continue };
            if item.is_changed || failed.reason != LeftOutReason::Failed {
                left_out.push(failed);
            } else {
                // The module makes it when it is imported, as far as its source shows: it is not lost.
                let module = item.named.name.rsplit_once('.').map_or("", |(module, _)| module);
                let error = format!("made again when {module} is imported; cannot be saved: {}", failed.error);
                left_out.push(LeftOut { reason: LeftOutReason::Filter, error, hint: None, ..failed });
            }
        }
        Ok(left_out)
    }

    /// Saves a variable of a module, or those of the `attributes` that can be saved. Returns why it was left out.
    fn save_item(
        &self,
        py: Python<'py>,
        named: &NamedValue<'py>,
        attributes: Vec<ChangedAttribute<'py>>,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Option<LeftOut>> {
        let save = |attributes: Vec<ChangedAttribute<'py>>| {
            *self.attributes.borrow_mut() = attributes;
            let failed = self.save_if_kept(py, named);
            self.attributes.take();
            failed
        };
        let is_plain = |attribute: &ChangedAttribute<'py>| is_constant(&attribute.value, 0);
        let failed = save(attributes.clone())?;
        if failed.is_none() || attributes.iter().all(is_plain) {
            return Ok(failed);
        }
        // One that cannot be saved costs only itself.
        let mut kept = Vec::new();
        for attribute in attributes {
            match self.reason_against(py, named, &attribute)? {
                None => kept.push(attribute),
                Some(failed) => {
                    let name = format!("{}.{}", named.name, attribute.path);
                    left_out.push(LeftOut { name, type_name: type_name(&attribute.value.get_type()), ..failed });
                }
            }
        }
        if kept.is_empty() { Ok(None) } else { save(kept) }
    }

    /// With `--redact`, takes out the attributes that look like credentials, and adds them to those left out.
    fn without_credentials(
        &self,
        attributes: Vec<ChangedAttribute<'py>>,
        definition: &str,
        found: &mut Vec<LeftOut>,
    ) -> Vec<ChangedAttribute<'py>> {
        if !self.request.rules.redact {
            return attributes;
        }
        let is_kept = |attribute: &ChangedAttribute<'py>| {
            let secrets = self.secrets.reasons(&attribute.path, &attribute.value);
            if !secrets.is_empty() {
                let named =
                    NamedValue { name: format!("{definition}.{}", attribute.path), value: attribute.value.clone() };
                let error = self.request.rules.redacted(&secrets);
                found.push(left_out(&named, LeftOutReason::Secret, error));
            }
            secrets.is_empty()
        };
        let mut attributes = attributes;
        attributes.retain(is_kept);
        attributes
    }

    /// Saves a variable of a module, unless a rule excludes it. Returns why it was left out.
    fn save_if_kept(&self, py: Python<'py>, named: &NamedValue<'py>) -> Result<Option<LeftOut>> {
        match self.request.rules.excluding(&named.name, &named.value) {
            Some(rule) => Ok(Some(left_out(named, LeftOutReason::Filter, rule))),
            None => self.save(py, named, SegmentRole::ModuleItem),
        }
    }

    /// Saves the local variables of frames, unless a rule excludes them. Returns those that cannot be saved.
    pub(super) fn save_locals(&self, py: Python<'py>, locals: &[FrameLocal<'py>]) -> Result<Vec<LeftOut>> {
        let mut left_out = Vec::new();
        for FrameLocal { named, bare_name } in locals {
            check_signals(py)?;
            left_out.extend(match self.request.rules.excluding(bare_name, &named.value) {
                Some(rule) => Some(super::variable_saver::left_out(named, LeftOutReason::Filter, rule)),
                None => self.save(py, named, SegmentRole::FrameLocal)?,
            });
        }
        Ok(left_out)
    }

    /// Saves an entry of the ambient state: a string that plain dill reads and drops.
    pub(super) fn save_ambient(&self, entry: &AmbientEntry) -> Result<()> {
        let slot = self.pickler.memo_len()? as u64;
        let mut opcodes = Vec::new();
        emit::string(&mut opcodes, &serde_json::to_string(&entry.value)?)?;
        let variable = Variable {
            preview: entry.preview.chars().take(PREVIEW).collect(),
            notes: entry.notes.clone(),
            ..Variable::default()
        };
        let facts = SegmentFacts { memo: (slot, slot), ..SegmentFacts::default() };
        self.write(|writer| {
            writer.begin(entry.name, SegmentRole::Ambient)?;
            writer.value(&opcodes)?;
            writer.end(variable, facts, Vec::new()).map(drop)
        })
    }
}

/// The name of a function. It may be in an object of a library, which does not say so.
fn shown_name(function: &Bound<'_, PyFunction>) -> String {
    function
        .getattr("__qualname__")
        .and_then(|name| name.extract())
        .tolerated()
        .unwrap_or_else(|| "a function".to_owned())
}
