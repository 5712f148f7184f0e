//! Recipes for instances of classes on a list, whose attributes are declared.
//!
//! The instance is made by `object.__new__`, and gets its attributes one by one. No method of its class runs: what
//! `__setstate__` of scikit-learn does, which is to compare versions and to warn, is done by the builder.

use super::instance_attributes::AttributeCheck;
use super::{Fill, Make, PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::known::Attributes;
use crate::pickle::machine::KeyedDict;
use crate::pickle::machine::value::Ref;

/// The attribute in which scikit-learn writes its version. An instance does not have it.
const VERSION: &str = "_sklearn_version";
/// The version that scikit-learn shows for a file without one.
const NO_VERSION: &str = "pre-0.18";
/// The most attributes of an instance.
const MAX_ATTRIBUTES: usize = 1024;
/// The most characters of a version.
const MAX_VERSION: usize = 40;

/// Which recipe a row of the registry asks for.
#[derive(Clone, Copy, Debug)]
pub(in crate::pickle) enum InstanceBuilder {
    /// An estimator of scikit-learn, which has its version among its attributes.
    Estimator(&'static [Attributes]),
    /// An instance of another class with these attributes.
    Plain(&'static [Attributes]),
    /// A function that may be a value, and is not called.
    Uncalled,
}

/// How an object is made, with checked arguments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct InstanceMake {
    /// The module of the class.
    pub module: String,
    /// The name of the class.
    pub name: String,
    /// The version of scikit-learn that wrote it, for an estimator.
    pub version: Option<String>,
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: InstanceBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    let is_usual = call.is_new && call.base.is_none() && call.arguments.is_empty() && call.keywords.is_empty();
    if !is_usual || call.added.is_some() {
        return Err("is made in a way that pickle does not write".to_owned());
    }
    let (groups, mut version) = match builder {
        InstanceBuilder::Estimator(groups) => (groups, Some(NO_VERSION.to_owned())),
        InstanceBuilder::Plain(groups) => (groups, None),
        InstanceBuilder::Uncalled => return Err("is called".to_owned()),
    };
    let mut check = AttributeCheck::new(context);
    let mut attributes: Vec<(String, Ref)> = Vec::new();
    // An instance without attributes has no state.
    let state = call.state.map_or(Ok(KeyedDict::default()), |state| context.keyed(state, MAX_ATTRIBUTES))?;
    for (name, value) in state.into_pairs() {
        if version.is_some() && name == VERSION {
            version = Some(checked_version(context, value)?);
            continue;
        }
        let declared = groups.iter().copied().flatten().find(|(known, _)| *known == name);
        let (name, kinds) = declared.ok_or_else(|| format!("has an attribute that is not declared: {name}"))?;
        check.attribute(name, kinds, value)?;
        attributes.push(((*name).to_owned(), value));
    }
    let (module, name) = (call.module.as_ref().to_owned(), call.name.as_ref().to_owned());
    let make = Make::Instance(InstanceMake { module, name, version });
    // The state was read here, so nothing may change it later.
    Ok(Recipe { make, needs: call.state.into_iter().collect(), reads: true, fill: Fill::Attributes(attributes) })
}

/// A version, which is shown in a warning.
fn checked_version(context: &PlanContext<'_, '_>, version: Ref) -> Result<String, Refused> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || ".+-_".contains(character);
    let version = context.text(version).filter(|text| text.len() <= MAX_VERSION && text.chars().all(is_part));
    version.ok_or_else(|| "has a version that scikit-learn does not write".to_owned())
}
