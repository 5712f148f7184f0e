//! A recipe as a plan keeps it. A pickle of a few megabytes can have a million calls, so it is small: recipes that
//! differ only in the objects that they need share everything else.

use std::borrow::Cow;
use std::ops::Deref;
use std::rc::Rc;

use super::{
    ArrayContents, ArrayDescription, ArrayMake, Fill, Given, HarmlessCall, Make, MaskedMake, NestedPickle,
    PandasArgument, PandasMake, RandomMake, Recipe, ValueMake,
};
use crate::pickle::machine::value::Ref;
use crate::pickle::work_budget::ALLOCATION;

/// How many different ways to make an object are compared with the next one.
const COMPARED: usize = 8;
const NOTHING: &Fill = &Fill::Nothing;

/// A recipe of a plan.
#[derive(Debug)]
pub(crate) struct PlannedRecipe<'a> {
    /// See [`Recipe::make`].
    pub make: Rc<Make<'a>>,
    /// See [`Recipe::needs`].
    pub needs: Needs,
    /// See [`Recipe::reads`].
    pub reads: bool,
    fill: Option<Box<Fill>>,
}

impl PlannedRecipe<'_> {
    /// See [`Recipe::fill`].
    pub(crate) fn fill(&self) -> &Fill {
        self.fill.as_deref().unwrap_or(NOTHING)
    }
}

/// The objects that a recipe needs. Most need one or two, which take no memory of their own.
#[derive(Debug)]
pub(crate) enum Needs {
    None,
    One([Ref; 1]),
    Two([Ref; 2]),
    Many(Box<[Ref]>),
}

impl From<Vec<Ref>> for Needs {
    fn from(needs: Vec<Ref>) -> Self {
        match *needs {
            [] => Self::None,
            [need] => Self::One([need]),
            [first, second] => Self::Two([first, second]),
            _ => Self::Many(needs.into()),
        }
    }
}

impl Deref for Needs {
    type Target = [Ref];

    fn deref(&self) -> &[Ref] {
        match self {
            Self::None => &[],
            Self::One(needs) => needs,
            Self::Two(needs) => needs,
            Self::Many(needs) => needs,
        }
    }
}

/// Finds equal parts of recipes.
#[derive(Debug, Default)]
pub(super) struct SharedMakes<'a> {
    recent: Vec<Rc<Make<'a>>>,
    /// The one that is replaced next.
    next: usize,
}

impl<'a> SharedMakes<'a> {
    /// The recipe in the form of a plan, and the memory that it takes besides the struct.
    pub(super) fn planned(&mut self, recipe: Recipe<'a>) -> (PlannedRecipe<'a>, usize) {
        let Recipe { make, needs, reads, fill } = recipe;
        let needs = Needs::from(needs);
        let fill = if matches!(fill, Fill::Nothing) { None } else { Some(Box::new(fill)) };
        let of_needs = if let Needs::Many(needs) = &needs { size_of_val(&needs[..]) + ALLOCATION } else { 0 };
        let of_fill = fill.as_ref().map_or(0, |fill| size_of::<Fill>() + ALLOCATION + of_fill(fill));
        let (make, of_make) = self.shared(make);
        (PlannedRecipe { make, needs, reads, fill }, of_needs + of_fill + of_make)
    }

    fn shared(&mut self, make: Make<'a>) -> (Rc<Make<'a>>, usize) {
        if let Some(same) = self.recent.iter().find(|recent| are_same(recent, &make)) {
            return (Rc::clone(same), 0);
        }
        let memory = size_of::<Make<'_>>() + 2 * ALLOCATION + of_make(&make);
        let make = Rc::new(make);
        if are_same(&make, &make) {
            match self.recent.get_mut(self.next) {
                Some(slot) => *slot = Rc::clone(&make),
                None => self.recent.push(Rc::clone(&make)),
            }
            self.next = (self.next + 1) % COMPARED;
        }
        (make, memory)
    }
}

/// Whether objects are made in the same way, as far as that is easy to see.
fn are_same(one: &Make<'_>, other: &Make<'_>) -> bool {
    match (one, other) {
        (Make::Value(one), Make::Value(other)) => match (one, other) {
            (ValueMake::Call(one), ValueMake::Call(other)) => one == other,
            (ValueMake::Clock(one), ValueMake::Clock(other)) => one == other,
            (ValueMake::Uuid { safe: one }, ValueMake::Uuid { safe: other }) => one == other,
            (ValueMake::New(module, name), ValueMake::New(other, same)) => (module, name) == (other, same),
            _ => false,
        },
        (Make::Array(ArrayMake::Scalar(one, None)), Make::Array(ArrayMake::Scalar(other, None))) => {
            Rc::ptr_eq(one, other)
        }
        (Make::Instance(one), Make::Instance(other)) => one == other,
        (Make::Pandas(one), Make::Pandas(other)) => one.is_same_scalar(other),
        _ => false,
    }
}

/// The memory that a fill refers to.
fn of_fill(fill: &Fill) -> usize {
    let refs = size_of::<Ref>() * fill.len() + ALLOCATION;
    match fill {
        Fill::Attributes(attributes) => {
            let names = attributes.iter().map(|(name, _)| size_of::<String>() + name.capacity() + ALLOCATION);
            refs + names.sum::<usize>()
        }
        _ => refs,
    }
}

/// The memory that a way to make an object refers to, about.
fn of_make(make: &Make<'_>) -> usize {
    match make {
        Make::Value(ValueMake::Call(call)) => {
            let given = call.arguments.iter().chain(call.keywords.iter().map(|(_, given)| given));
            let texts = given.map(|given| if let Given::Text(Cow::Owned(text)) = given { text.len() } else { 0 });
            let lists = size_of_val(&call.arguments[..]) + size_of_val(&call.keywords[..]) + 2 * ALLOCATION;
            size_of::<HarmlessCall<'_>>() + ALLOCATION + lists + texts.sum::<usize>() + of_names(call)
        }
        Make::Value(ValueMake::NewError(error)) => error.module.len() + error.name.len() + 2 * ALLOCATION,
        Make::Value(ValueMake::Zone { key, .. }) => key.len() + ALLOCATION,
        Make::Value(ValueMake::Sentinel { name, module }) => {
            name.len() + module.as_ref().map_or(0, String::len) + 2 * ALLOCATION
        }
        Make::Value(ValueMake::NamedMember(module, name)) | Make::Global(module, name) => {
            module.len() + name.len() + 2 * ALLOCATION
        }
        Make::Value(_) => ALLOCATION,
        Make::Array(make) => of_array(make),
        Make::Pandas(make) => size_of::<PandasMake<'_>>() + ALLOCATION + of_arguments(&make.arguments),
        Make::Instance(make) => make.module.len() + make.name.len() + 2 * ALLOCATION,
        Make::Module(name) => name.len() + ALLOCATION,
        // The machine and the plan in it have paid for themselves.
        Make::Pickle(_) => size_of::<NestedPickle<'_>>() + ALLOCATION,
    }
}

fn of_names(call: &HarmlessCall<'_>) -> usize {
    let owned = |name: &str, is_owned: bool| if is_owned { name.len() + ALLOCATION } else { 0 };
    owned(&call.module, matches!(call.module, Cow::Owned(_))) + owned(&call.name, matches!(call.name, Cow::Owned(_)))
}

fn of_array(make: &ArrayMake<'_>) -> usize {
    match make {
        ArrayMake::Owned(array)
        | ArrayMake::Objects(array)
        | ArrayMake::Strings(array)
        | ArrayMake::FromBuffer(array)
        | ArrayMake::Shared(array) => {
            let shape = if array.shape.is_empty() { 0 } else { size_of_val(&array.shape[..]) + ALLOCATION };
            let bytes = if let ArrayContents::Bytes(Cow::Owned(bytes)) = &array.contents { bytes.len() } else { 0 };
            size_of::<ArrayDescription<'_>>() + 2 * ALLOCATION + shape + bytes
        }
        ArrayMake::Scalar(_, Some(Cow::Owned(bytes))) => bytes.len() + ALLOCATION,
        ArrayMake::Masked(_) => size_of::<MaskedMake<'_>>() + ALLOCATION,
        ArrayMake::Random(_) => size_of::<RandomMake>() + ALLOCATION,
        _ => ALLOCATION,
    }
}

fn of_arguments(arguments: &[PandasArgument<'_>]) -> usize {
    let inner = arguments.iter().map(|argument| match argument {
        PandasArgument::Text(text) => text.len() + ALLOCATION,
        PandasArgument::Bytes(Cow::Owned(bytes)) => bytes.len() + ALLOCATION,
        PandasArgument::Tuple(arguments) => of_arguments(arguments),
        _ => 0,
    });
    size_of_val(arguments) + ALLOCATION + inner.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pickle::explain::labels::Labels;
    use crate::pickle::machine::Machine;

    #[test]
    fn dates_share_all_but_their_bytes() {
        let date = |day: u8| [&b"h\x00C\x04\x07\xd0\x01"[..], &[day], b"\x85R"].concat();
        let dates: Vec<u8> = (1..=20).flat_map(date).collect();
        let pickle = [&b"cdatetime\ndate\nq\x000("[..], &dates, b"l."].concat();
        let (machine, value) = Machine::run(&pickle).expect("a pickle");
        let plan = super::super::BuildPlan::of_pickle(&Labels::new(&machine), value);
        assert_eq!(plan.refusals(), []);
        let recipes: Vec<_> = (0..machine.nodes().len()).filter_map(|node| plan.recipe(node)).collect();
        assert_eq!(recipes.len(), 20);
        assert!(recipes.windows(2).all(|pair| Rc::ptr_eq(&pair[0].make, &pair[1].make)));
        assert!(size_of::<PlannedRecipe<'_>>() <= 48 && size_of::<Make<'_>>() <= 80);
    }
}
