//! What the opcodes of a snapshot show of its variables: kind, type, length, shape, preview. The index says the same,
//! and more, but anybody can write anything into an index.
//!
//! The index of a file that this user signed is shown as it is. For any other file, these facts replace the claims of
//! the index ([`ProvenFacts::put_into`]), and all commands reject an index that contradicts them
//! ([`ProvenFacts::contradictions`]).

use std::rc::Rc;

use super::index::{Index, NOT_SHOWN, PREVIEW, SegmentRole, Variable, VariableKind};
use super::segment::VariableSegment;
use crate::pickle::explain::array_elements::HeadReader;
use crate::pickle::explain::describe_value::{Describer, ValueRole};
use crate::pickle::explain::labels::Labels;
use crate::pickle::explain::named_previews::PlaceName;
use crate::pickle::explain::outline::{OutlineRow, described, marker_offsets};
use crate::pickle::explain::value_preview::{ValuePreview, value_preview};
use crate::pickle::machine::value::Ref;
use crate::pickle::machine::{Machine, SegmentRange};
use crate::pickle::work_budget::WorkBudget;

/// The type that is shown for a variable without facts.
const UNKNOWN: &str = "?";
/// The note on such a variable.
const NOT_FOLLOWED: &str = "nothing shows what it is: it is damaged, or too large to follow (see --max-memory)";
/// The built-in types whose values opcodes make without a call.
const BUILTIN: [&str; 12] =
    ["NoneType", "bool", "int", "float", "str", "bytes", "bytearray", "list", "tuple", "dict", "set", "frozenset"];
/// The type of numpy's arrays.
const ARRAY: &str = "numpy.ndarray";
/// That of data frames of pandas.
const FRAME: &str = "pandas.DataFrame";
/// Packages whose types are never those of another one of them.
const PACKAGES: [&str; 7] = ["numpy", "pandas", "pyarrow", "scipy", "sklearn", "torch", "polars"];
/// The dtypes of numbers whose names index and pickle spell alike.
const NUMBERS: [&str; 14] = [
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
];

/// What the opcodes of each segment show, in the order of the index.
pub(crate) struct ProvenFacts {
    facts: Vec<Option<ProvenValue>>,
}

struct ProvenValue {
    row: OutlineRow,
    /// Whether the value is something that is imported by name, whose type the pickle does not show.
    is_global: bool,
    preview: ValuePreview,
    /// Whether a marker for a lost object may belong to it.
    has_marker: bool,
}

impl ProvenFacts {
    /// Follows the segments of a file, apart from those that are skipped because they are damaged. Those that cannot be
    /// followed have no facts. `head` reads the contents of arrays.
    pub(crate) fn of(
        segments: &[VariableSegment<'_>],
        file: &[u8],
        skip: impl Fn(usize) -> bool,
        budget: &WorkBudget,
        head: HeadReader<'_>,
    ) -> Self {
        // What the index says about ambient state is not shown as the contents of the file.
        let is_compared =
            |number: usize| segments.get(number).is_some_and(|segment| segment.role() != SegmentRole::Ambient);
        let numbers: Vec<usize> = (0..segments.len()).filter(|number| is_compared(*number) && !skip(*number)).collect();
        let mut facts: Vec<Option<ProvenValue>> = segments.iter().map(|_| None).collect();
        let followed: Vec<&VariableSegment<'_>> = numbers.iter().filter_map(|number| segments.get(*number)).collect();
        // All in one run, because a segment may change objects of an earlier one.
        if let Some(found) = together(file, &followed, budget, head) {
            for (number, found) in numbers.into_iter().zip(found) {
                if let Some(place) = facts.get_mut(number) {
                    *place = Some(found);
                }
            }
            return Self { facts };
        }
        for (number, segment) in numbers.into_iter().zip(followed) {
            if let Some(place) = facts.get_mut(number) {
                *place = alone(file, segment, budget, head);
            }
        }
        Self { facts }
    }

    /// The variables whose opcodes contradict the index: their numbers, and the property that differs. A property that
    /// the opcodes do not show is not compared.
    pub(crate) fn contradictions<'f>(
        &'f self,
        segments: &'f [VariableSegment<'_>],
    ) -> impl Iterator<Item = (usize, &'static str)> + 'f {
        segments.iter().zip(&self.facts).enumerate().filter_map(|(number, (segment, facts))| {
            Some((number, contradiction(segment.variable(), facts.as_ref()?)?))
        })
    }

    /// Whether the opcodes of all segments could be followed.
    pub(crate) fn is_complete(&self, index: &Index) -> bool {
        self.facts.iter().zip(index.compared()).all(|(facts, _)| facts.is_some())
    }

    /// Replaces what the index says of the values of variables.
    pub(crate) fn put_into(self, index: &mut Index) {
        let ambient = index.ambient.len();
        let compared = self.facts.len().saturating_sub(ambient);
        for (variable, facts) in index.segments_mut().zip(self.facts).take(compared) {
            set_facts(variable, facts);
        }
    }
}

/// The facts of segments that are followed as one.
fn together(
    file: &[u8],
    segments: &[&VariableSegment<'_>],
    budget: &WorkBudget,
    head: HeadReader<'_>,
) -> Option<Vec<ProvenValue>> {
    let budget = budget.rest();
    let ranges: Vec<SegmentRange> = segments.iter().map(|segment| segment.for_machine()).collect();
    let (machine, pairs) = Machine::run_segments(file, &ranges, &budget).ok()?;
    let labels = Labels::new(&machine);
    let follower = FactFinder::new(&labels, segments, head);
    let describer = Describer::new(&labels);
    let facts = segments.iter().zip(pairs);
    let facts = facts.map(|(segment, (_, value))| follower.facts(&describer, segment, value)).collect();
    budget.check().ok()?;
    Some(facts)
}

/// The facts of a segment that is followed without the others.
fn alone(file: &[u8], segment: &VariableSegment<'_>, budget: &WorkBudget, head: HeadReader<'_>) -> Option<ProvenValue> {
    let budget: Rc<WorkBudget> = budget.rest();
    let range = segment.for_machine();
    let start = usize::try_from(range.start).ok()?;
    let opcodes = file.get(start..usize::try_from(range.end).ok()?)?;
    let (machine, _, value) = Machine::run_segment(opcodes, range.start, range.memo, &budget).ok()?;
    let labels = Labels::new(&machine);
    let facts = FactFinder::new(&labels, &[segment], head).facts(&Describer::new(&labels), segment, value);
    budget.check().ok()?;
    Some(facts)
}

/// Describes the values of a run.
struct FactFinder<'f, 'm, 'a> {
    labels: &'f Labels<'m, 'a>,
    /// The offsets of the markers for lost objects, if the index claims any.
    markers: Vec<u64>,
    head: HeadReader<'f>,
}

impl<'f, 'm, 'a> FactFinder<'f, 'm, 'a> {
    fn new(labels: &'f Labels<'m, 'a>, segments: &[&VariableSegment<'_>], head: HeadReader<'f>) -> Self {
        let claims_any = segments.iter().any(|segment| !segment.variable().lost.is_empty());
        Self { labels, markers: if claims_any { marker_offsets(labels) } else { Vec::new() }, head }
    }

    fn facts(&self, describer: &Describer<'_, '_, '_>, segment: &VariableSegment<'_>, value: Ref) -> ProvenValue {
        let Variable { name, uses, .. } = segment.variable();
        let preview = value_preview(describer, &PlaceName::of_variable(name, false), value, PREVIEW, self.head);
        let mut row = described(self.labels, describer, value);
        if row.type_name == "function" {
            row.facts.role = ValueRole::Function;
        }
        // A marker of another variable may be shared.
        let first = if uses.is_empty() { segment.range().start } else { 0 };
        let next = self.markers.get(self.markers.partition_point(|offset| *offset < first));
        let has_marker = next.is_some_and(|offset| *offset < segment.range().end);
        ProvenValue { row, is_global: self.labels.global(value).is_some(), preview, has_marker }
    }
}

fn contradiction(variable: &Variable, facts: &ProvenValue) -> Option<&'static str> {
    let ProvenValue { row, is_global, preview, has_marker } = facts;
    let is_builtin = |name: &str| BUILTIN.contains(&name);
    if !variable.lost.is_empty() && !has_marker {
        return Some("number of lost objects");
    }
    if *is_global {
        return (variable.kind != VariableKind::Import && is_builtin(&variable.type_name)).then_some("kind");
    }
    let is_data = row.facts.role == ValueRole::Value && (is_builtin(&row.type_name) || row.facts.shape.is_some());
    if variable.kind == VariableKind::Import && is_data {
        return Some("kind");
    }
    let is_type_known = row.facts.role == ValueRole::Value && !["object", ""].contains(&row.type_name.as_str());
    let is_comparable = is_type_known && !row.type_name.starts_with('(') && !variable.type_name.is_empty();
    if is_comparable
        && variable.type_name != row.type_name
        && (is_builtin(&variable.type_name) || is_builtin(&row.type_name) || is_of_others(variable, &row.type_name))
    {
        return Some("type");
    }
    let differs =
        |said: Option<&Vec<u64>>, found: Option<&Vec<u64>>| said.zip(found).is_some_and(|(said, found)| said != found);
    if differs(variable.shape.as_ref(), row.facts.shape.as_ref()) {
        return Some("shape");
    }
    if let (Some(said), Some(found)) = (&variable.dtype, &row.facts.dtype)
        && said != found
        && [said, found].into_iter().all(|dtype| NUMBERS.contains(&dtype.as_str()))
    {
        return Some("dtype");
    }
    if !is_builtin(&row.type_name) && ![ARRAY, FRAME].contains(&row.type_name.as_str()) {
        let is_type = variable.preview.starts_with('<') && variable.preview.chars().count() == PREVIEW;
        let is_shown = is_type || is_hidden(variable);
        return (!is_shown && is_library_value(row)).then_some("value");
    }
    // The result of a call may have a length that the opcodes do not show.
    let has_none = ["NoneType", "bool", "int", "float", ARRAY].contains(&row.type_name.as_str());
    if variable.len.is_some() && variable.len != row.len && (row.len.is_some() || has_none) {
        return Some("length");
    }
    (preview.is_exact && !is_hidden(variable) && variable.preview != preview.text).then_some("value")
}

/// Whether an index shows no value: it looks like a credential, is shown as a lost object, or by its type alone.
fn is_hidden(variable: &Variable) -> bool {
    let Variable { preview, type_name, lost, .. } = variable;
    // A save names the type where Python cannot list the elements, such as those of an array of 33 axes.
    preview.is_empty() || preview.contains(NOT_SHOWN) || !lost.is_empty() || *preview == format!("<{type_name}>")
}

/// Whether a value is of a type of a library that a save shows by its name in angle brackets only.
fn is_library_value(row: &OutlineRow) -> bool {
    let package = row.type_name.split('.').next().unwrap_or_default();
    row.facts.role == ValueRole::Value && PACKAGES.contains(&package) && package != "numpy"
}

/// Whether the index claims the type of another package than the opcodes show.
fn is_of_others(variable: &Variable, type_name: &str) -> bool {
    let package = |name: &str| PACKAGES.into_iter().find(|package| name.split('.').next() == Some(package));
    package(&variable.type_name).zip(package(type_name)).is_some_and(|(said, found)| said != found)
}

fn set_facts(variable: &mut Variable, facts: Option<ProvenValue>) {
    let Some(ProvenValue { row, preview, .. }) = facts else {
        variable.kind = VariableKind::Value;
        UNKNOWN.clone_into(&mut variable.type_name);
        (variable.len, variable.shape, variable.dtype) = (None, None, None);
        variable.preview.clear();
        variable.notes.push(NOT_FOLLOWED.to_owned());
        return;
    };
    variable.kind = VariableKind::of_role(row.facts.role);
    // A save writes none of them.
    (variable.columns, variable.attributes, variable.source) = Default::default();
    (variable.type_name, variable.len) = (row.type_name, row.len);
    (variable.shape, variable.dtype) = (row.facts.shape, row.facts.dtype);
    // If the index says that a value looks like a credential, the value is hidden, even if the file is not signed.
    variable.preview = if variable.secrets.is_empty() { preview.text } else { NOT_SHOWN.to_owned() };
}
