//! Brings the ways in which a pickle can call something into one form, for the makers of recipes.
//!
//! NEWOBJ, NEWOBJ_EX, INST and OBJ without arguments, and `copyreg`'s functions all make an instance by the `__new__`
//! of its class. Protocols before 4 write `getattr(Class, name)` for a method of a class, which is one name here.

use std::rc::Rc;

use super::value_recipe::global_of;
use super::{PlannedCall, Refused};
use crate::pickle::explain::labels::Labels;
use crate::pickle::known::ARRAY_WRAPPER_NAME;
use crate::pickle::machine::value::{CallKind, Node, NodeKind, Ref};

/// The module of joblib's wrapper of an array. It has had other names.
const WRAPPER_MODULE: &str = "joblib.numpy_pickle";
/// The most keyword arguments.
const MAX_KEYWORDS: usize = 64;

/// A call of a node, or an array of joblib, which counts as a call of the class of its wrapper with the contents of the
/// array.
pub(super) fn planned_call<'n>(labels: &Labels<'n, '_>, reference: Ref) -> Result<PlannedCall<'n>, Refused> {
    let node = labels.machine().node(reference).ok_or("is no call")?;
    match node.kind {
        NodeKind::Call(kind) => Call { labels, reference, node }.planned(kind),
        NodeKind::Array => array(labels, reference, node),
        _ => Err("is no call".into()),
    }
}

struct Call<'l, 'n, 'a> {
    labels: &'l Labels<'n, 'a>,
    reference: Ref,
    node: &'n Node,
}

impl<'n> Call<'_, 'n, '_> {
    fn planned(self, kind: CallKind) -> Result<PlannedCall<'n>, Refused> {
        let callee = *self.node.items.first().ok_or("has no callee")?;
        let arguments = self.node.items.get(1).and_then(|arguments| plain_tuple(self.labels, *arguments));
        let arguments = arguments.ok_or("has arguments that are not a tuple")?;
        let is_new = match kind {
            CallKind::Reduce => false,
            // A class of Python 2 without arguments is not called, either.
            CallKind::Instance => arguments.is_empty(),
            CallKind::NewObj | CallKind::NewObjEx => true,
        };
        let (module, name) = self.name(callee)?;
        if (module.as_ref(), kind) == ("copyreg", CallKind::Reduce) {
            match (name.as_ref(), arguments) {
                ("_reconstructor", [class, base, value]) => return self.reconstructed(*class, *base, value),
                ("__newobj__", [class, rest @ ..]) => return self.made_by_new(*class, rest, None),
                ("__newobj_ex__", &[class, arguments, keywords]) => {
                    let arguments = plain_tuple(self.labels, arguments).ok_or("has arguments that are not a tuple")?;
                    return self.made_by_new(class, arguments, Some(keywords));
                }
                _ => {}
            }
        }
        let keywords = match self.node.items.get(2) {
            Some(keywords) => keyword_arguments(self.labels, *keywords)?,
            None => Vec::new(),
        };
        Ok(self.call(module, name, is_new, arguments, keywords))
    }

    /// `copyreg._reconstructor(class, base, value)`: how protocols 0 and 1 write instances.
    fn reconstructed(self, class: Ref, base: Ref, value: &'n Ref) -> Result<PlannedCall<'n>, Refused> {
        let (module, base) = self.name(base)?;
        if module.as_ref() != "builtins" {
            return Err(format!("has the base {module}.{base}, which is not built in"));
        }
        if base.as_ref() == "object" {
            return self.made_by_new(class, &[], None);
        }
        let call = self.made_by_new(class, std::slice::from_ref(value), None)?;
        Ok(PlannedCall { base: Some(base), ..call })
    }

    fn made_by_new(self, class: Ref, arguments: &'n [Ref], keywords: Option<Ref>) -> Result<PlannedCall<'n>, Refused> {
        let (module, name) = self.name(class)?;
        let keywords = keywords.map_or(Ok(Vec::new()), |keywords| keyword_arguments(self.labels, keywords))?;
        Ok(self.call(module, name, true, arguments, keywords))
    }

    fn call(
        self,
        module: Rc<str>,
        name: Rc<str>,
        is_new: bool,
        arguments: &'n [Ref],
        keywords: Vec<(Rc<str>, Ref)>,
    ) -> PlannedCall<'n> {
        let Self { reference, node, .. } = self;
        let added = node.added();
        PlannedCall {
            node: reference,
            module,
            name,
            is_new,
            arguments,
            keywords,
            base: None,
            state: node.state(),
            added,
        }
    }

    /// The current module and name of a callee: a global, or a call that finds one.
    fn name(&self, callee: Ref) -> Result<(Rc<str>, Rc<str>), Refused> {
        global_of(self.labels, callee).ok_or_else(|| "calls an object that is no global".to_owned())
    }
}

/// An array whose contents are between the opcodes.
fn array<'n>(labels: &Labels<'n, '_>, reference: Ref, node: &'n Node) -> Result<PlannedCall<'n>, Refused> {
    let [wrapper, contents, ..] = &node.items[..] else {
        return Err("has no wrapper".into());
    };
    let wrapper = labels.machine().node(*wrapper).ok_or("has no wrapper")?;
    if node.state().is_some() || node.added().is_some() || wrapper.added().is_some() {
        return Err("is changed after it was made".into());
    }
    Ok(PlannedCall {
        node: reference,
        module: WRAPPER_MODULE.into(),
        name: ARRAY_WRAPPER_NAME.into(),
        is_new: true,
        arguments: std::slice::from_ref(contents),
        keywords: Vec::new(),
        base: None,
        state: wrapper.state(),
        added: None,
    })
}

/// The items of a tuple that no opcode has changed.
fn plain_tuple<'n>(labels: &Labels<'n, '_>, tuple: Ref) -> Option<&'n [Ref]> {
    let node = labels.machine().node(tuple)?;
    let is_plain = node.kind == NodeKind::Tuple && node.state().is_none() && node.added().is_none();
    is_plain.then(|| node.items.as_slice())
}

fn keyword_arguments(labels: &Labels<'_, '_>, keywords: Ref) -> Result<Vec<(Rc<str>, Ref)>, Refused> {
    let dict = labels.machine().keyed_dict(keywords, MAX_KEYWORDS);
    let dict = dict.map_err(|_| "has keyword arguments that are not a dict of few literal names".to_owned())?;
    Ok(dict.into_pairs().into_iter().map(|(name, value)| (Rc::from(name), value)).collect())
}
