//! Recipes for instances of classes on a list, whose attributes are declared.
//!
//! The instance is made by `object.__new__`, and gets its attributes one by one. No method of its class runs. In place
//! of scikit-learn's `__setstate__`, the builder compares the versions and warns.

use super::instance_attributes::AttributeCheck;
use super::{Fill, Make, PlanContext, PlannedCall, Recipe, Refused};
use crate::pickle::known::Attributes;
use crate::pickle::machine::KeyedDict;
use crate::pickle::machine::value::{Leaf, NodeKind, Ref};

/// The attribute in which scikit-learn writes its version. An instance does not have it.
const VERSION: &str = "_sklearn_version";
/// The attribute with the number of columns that an estimator was fitted to.
const FEATURES: &str = "n_features_in_";
/// The version that scikit-learn shows for a file without one.
const NO_VERSION: &str = "pre-0.18";
/// Why a call is refused.
const UNUSUAL: &str = "is made in a way that pickle does not write";
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
    /// An instance of a compiled class, which is called with this many numbers.
    Made(usize),
    /// An instance with any attributes.
    Open,
    /// A named tuple with this many fields.
    Fields(usize),
    /// `statistics.NormalDist`, whose state is its mean and its deviation.
    Normal,
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
    /// How the instance is made.
    pub by: InstanceCall,
}

/// How an instance is made of its class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceCall {
    /// By `object.__new__`.
    New,
    /// By `tuple.__new__`, with the objects that the recipe needs.
    NewTuple,
    /// By a call with the objects that the recipe needs.
    Called,
}

/// The recipe for a call.
pub(super) fn recipe<'a>(
    context: &PlanContext<'_, 'a>,
    builder: InstanceBuilder,
    call: &PlannedCall<'_>,
) -> Result<Recipe<'a>, Refused> {
    match builder {
        InstanceBuilder::Made(arguments) => return made(context, arguments, call),
        InstanceBuilder::Fields(count) => return fields(count, call),
        InstanceBuilder::Normal => return normal(context, call),
        _ => {}
    }
    let is_usual = call.is_new && call.base.is_none() && call.arguments.is_empty() && call.keywords.is_empty();
    if !is_usual || call.added.is_some() {
        return Err(UNUSUAL.to_owned());
    }
    let (groups, mut version) = match builder {
        InstanceBuilder::Estimator(groups) => (groups, Some(NO_VERSION.to_owned())),
        InstanceBuilder::Plain(groups) => (groups, None),
        InstanceBuilder::Open => (&[][..], None),
        InstanceBuilder::Made(_) | InstanceBuilder::Fields(_) | InstanceBuilder::Normal => return Err(UNUSUAL.into()),
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
        match builder {
            InstanceBuilder::Open => check_open(&name)?,
            _ => check_declared(&mut check, groups, &name, value)?,
        }
        attributes.push((name.into_owned(), value));
    }
    // scikit-learn compares the columns of its input with this attribute, and with nothing if it is missing.
    if check.has_features() && !attributes.iter().any(|(name, _)| name == FEATURES) {
        return Err(format!("has arrays by feature, but no {FEATURES}"));
    }
    let (module, name) = (call.module.as_ref().to_owned(), call.name.as_ref().to_owned());
    let make = Make::Instance(InstanceMake { module, name, version, by: InstanceCall::New });
    // The state was read here, so nothing may change it later.
    Ok(Recipe { make, needs: call.state.into_iter().collect(), reads: true, fill: Fill::Attributes(attributes) })
}

/// Checks an attribute of an instance that may have any attributes.
fn check_open(name: &str) -> Result<(), Refused> {
    match name.starts_with("__") {
        true => Err(format!("has an attribute with two underscores: {name}")),
        false => Ok(()),
    }
}

/// Checks that an attribute is declared, with this kind of value.
fn check_declared(
    check: &mut AttributeCheck<'_, '_, '_>,
    groups: &[Attributes],
    name: &str,
    value: Ref,
) -> Result<(), Refused> {
    let declared = groups.iter().copied().flatten().find(|(known, _)| *known == name);
    let (name, kinds) = declared.ok_or_else(|| format!("has an attribute that is not declared: {name}"))?;
    check.attribute(name, kinds, value)
}

/// The recipe for a call with numbers.
fn made<'a>(context: &PlanContext<'_, 'a>, arguments: usize, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_number = |value: &Ref| matches!(context.leaf(*value), Some(Leaf::Int(_) | Leaf::Float(_)));
    let is_usual = !call.is_new && call.state.is_none() && call.added.is_none() && call.keywords.is_empty();
    if !is_usual || call.arguments.len() != arguments || !call.arguments.iter().all(is_number) {
        return Err(UNUSUAL.to_owned());
    }
    Ok(of_needs(InstanceCall::Called, call, call.arguments.to_vec()))
}

/// The recipe for a named tuple.
fn fields<'a>(count: usize, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_usual = call.is_new && call.base.is_none() && call.keywords.is_empty();
    if !is_usual || call.state.is_some() || call.added.is_some() || call.arguments.len() != count {
        return Err(UNUSUAL.to_owned());
    }
    Ok(of_needs(InstanceCall::NewTuple, call, call.arguments.to_vec()))
}

/// The recipe for `NormalDist(mean, deviation)`. The deviation is not negative.
fn normal<'a>(context: &PlanContext<'_, 'a>, call: &PlannedCall<'_>) -> Result<Recipe<'a>, Refused> {
    let is_usual = call.is_new && call.base.is_none() && call.keywords.is_empty() && call.arguments.is_empty();
    let state = call.state.and_then(|state| context.items(state, NodeKind::Tuple));
    let number = |value: Ref| match context.leaf(value) {
        Some(Leaf::Int(number)) => Some(number as f64),
        Some(Leaf::Float(number)) => Some(number),
        _ => None,
    };
    match state {
        Some(&[mean, deviation])
            if is_usual
                && call.added.is_none()
                && number(mean).is_some()
                && number(deviation).is_some_and(|it| it >= 0.0) =>
        {
            Ok(of_needs(InstanceCall::Called, call, vec![mean, deviation]))
        }
        _ => Err(UNUSUAL.to_owned()),
    }
}

/// A recipe whose instance is made of other objects alone.
fn of_needs<'a>(by: InstanceCall, call: &PlannedCall<'_>, needs: Vec<Ref>) -> Recipe<'a> {
    let (module, name) = (call.module.as_ref().to_owned(), call.name.as_ref().to_owned());
    let make = Make::Instance(InstanceMake { module, name, version: None, by });
    Recipe { make, needs, reads: true, fill: Fill::Nothing }
}

/// A version, which is shown in a warning.
fn checked_version(context: &PlanContext<'_, '_>, version: Ref) -> Result<String, Refused> {
    let is_part = |character: char| character.is_ascii_alphanumeric() || ".+-_".contains(character);
    let version = context.text(version).filter(|text| text.len() <= MAX_VERSION && text.chars().all(is_part));
    version.ok_or_else(|| "has a version that scikit-learn does not write".to_owned())
}
