//! The judge of one pickle: goes over imports, calls and changes in the order in which a load does them, and collects
//! findings.
//!
//! It watches the machine, which prunes data as it goes ([`Watch`]), so that a file of millions of records is judged in
//! little memory. The other files of this folder judge calls and changes.

use std::collections::HashMap;
use std::rc::Rc;

use super::symbol::Symbol;
use super::{Finding, MAX_FINDINGS, Verdict, VerdictClass, buffer_arrays, forged_arrays, show};
use crate::pickle::explain::labels::{Labels, MAX_NAME};
use crate::pickle::known::packages::{is_known_module, runs_on_import};
use crate::pickle::machine::value::{Leaf, Node, NodeKind, Ref, Value};
use crate::pickle::machine::{FarSlot, Machine, MachineError, Watch};
use crate::pickle::work_budget::{WorkBudget, table_entry};

/// Why an array is dangerous whose elements numpy would read from memory that is gone.
const CHANGED_BUFFER: &str = "uses a buffer that is changed after the array was made";
/// Why a memo slot with a high number is dangerous, after the number.
const FAR_SLOT: &str = "is so far beyond the others that CPython would take memory for a gap that no pickler leaves";
/// Why a forged dtype is dangerous, after its name.
pub(super) const FORGED: &str = "is forged: numpy would use numbers in the file as memory addresses";

/// How far a machine's values were judged.
#[derive(Default)]
pub(super) struct JudgedSoFar {
    looked_up: usize,
    changes: usize,
    nodes: usize,
    /// Nodes whose state or added items were judged, too; ascending.
    filled: Vec<usize>,
    /// The values whose symbols were noted since nodes were last pruned.
    pub(super) fresh: Vec<Ref>,
}

/// The facts about the instances of one class: pickles have many in a row.
pub(super) struct LastClass {
    pub(super) class: Ref,
    pub(super) symbol: Symbol,
    /// As in [`Judge::instances`].
    pub(super) finding: Option<Option<usize>>,
    pub(super) is_data: Option<bool>,
}

/// Code of a class in the pickle that a load runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EmbeddedCode {
    pub(super) class: VerdictClass,
    /// The method and the dangerous name that it uses, as a [`Finding`] has it.
    pub(super) why: String,
}

pub(super) struct Judge {
    pub(super) so_far: JudgedSoFar,
    /// How many pickles enclose this one.
    pub(super) depth: usize,
    /// Whether joblib may be its reader.
    by_joblib: bool,
    pub(super) findings: Vec<Finding>,
    /// The index of a finding by class, callee and reason.
    known: HashMap<(VerdictClass, String, String), usize>,
    more: u64,
    worst: VerdictClass,
    pub(super) symbols: HashMap<Ref, Symbol>,
    /// For each class in the pickle: the worst of its code that a load runs.
    pub(super) class_code: HashMap<Ref, Option<EmbeddedCode>>,
    /// Whether an instance of a class in the pickle does harm as an argument.
    pub(super) harmful_arguments: HashMap<Ref, bool>,
    /// Values that hold no harm as deep as this, by whether any function counts: see `harmful_arguments`.
    pub(super) searched_arguments: HashMap<(Ref, bool), u8>,
    /// The states that classes in the pickle were given after they were made.
    pub(super) class_states: HashMap<Ref, Vec<Ref>>,
    /// Functions of `__main__` that are called, with the offset of the call.
    pub(super) main_calls: Vec<(Rc<str>, u64)>,
    /// States that `__main__` is given.
    pub(super) main_states: Vec<Ref>,
    /// Namespaces that objects were given, with the offset of the call.
    pub(super) namespaces: Vec<(Ref, u64)>,
    /// The classes whose instances were judged, with the index of the finding if there is one: not judged again.
    pub(super) instances: HashMap<Ref, Option<usize>>,
    last_class: Option<LastClass>,
    /// Whether the pickle has made a generator.
    pub(super) has_generators: bool,
    /// Whether the call that is judged makes a generator.
    pub(super) is_generator_call: bool,
    /// How many values were searched for generators.
    pub(super) searched: usize,
    /// Keys of namespaces, seen lately, that are not names of methods.
    pub(super) plain_keys: Vec<Ref>,
    /// The budget for everything that is remembered here.
    pub(super) budget: Rc<WorkBudget>,
    #[cfg(test)]
    pub(super) steps: u64,
}

impl Watch for Judge {
    fn before_pruning(&mut self, machine: &Machine<'_>) {
        self.judge_new(&Labels::new(machine));
    }

    fn is_data(&mut self, machine: &Machine<'_>, call: Ref) -> bool {
        let class = machine.node(call).and_then(|node| node.items.first()).map(|class| machine.resolve(*class));
        if let Some(known) = self.last_class(class).and_then(|last| last.is_data) {
            return known;
        }
        let labels = &Labels::new(machine);
        let is_data = match self.symbol(labels, call) {
            Symbol::Instance(class) => match class.as_ref() {
                // The states of dtypes are checked at the end.
                Symbol::Import(module, name) => !forged_arrays::is_dtype_class(module, name),
                Symbol::Class(class) => {
                    let code = self.load_methods(labels, *class);
                    code.is_none_or(|code| code.class < VerdictClass::Dangerous)
                        && !self.harms_as_argument(labels, *class)
                }
                _ => false,
            },
            _ => false,
        };
        if let Some(last) = self.last_class(class) {
            last.is_data = Some(is_data);
        }
        is_data
    }

    fn after_pruning(&mut self, nodes: usize) {
        for value in std::mem::take(&mut self.so_far.fresh) {
            if value.node_index().is_some_and(|index| index >= nodes)
                && let Some(symbol) = self.symbols.remove(&value)
            {
                self.budget.release(table_entry::<Ref, Symbol>() + symbol.allocated());
            }
        }
        // The indexes of pruned nodes are reused for other values.
        self.forget_searched_arguments();
        self.last_class.take_if(|last| last.class.node_index().is_some_and(|index| index >= nodes));
        self.so_far.filled.truncate(self.so_far.filled.partition_point(|index| *index < nodes));
        self.so_far.nodes = nodes;
    }
}

impl Judge {
    pub(super) fn new(depth: usize, budget: &Rc<WorkBudget>) -> Self {
        Self {
            so_far: JudgedSoFar::default(),
            depth,
            by_joblib: true,
            findings: Vec::new(),
            known: HashMap::new(),
            more: 0,
            worst: VerdictClass::Plain,
            symbols: HashMap::new(),
            class_code: HashMap::new(),
            harmful_arguments: HashMap::new(),
            searched_arguments: HashMap::new(),
            class_states: HashMap::new(),
            main_calls: Vec::new(),
            main_states: Vec::new(),
            namespaces: Vec::new(),
            instances: HashMap::new(),
            last_class: None,
            has_generators: false,
            is_generator_call: false,
            searched: 0,
            plain_keys: Vec::new(),
            budget: Rc::clone(budget),
            #[cfg(test)]
            steps: 0,
        }
    }

    /// A judge of a pickle that `pickle.loads` reads, not joblib.
    pub(super) fn of_plain(depth: usize, budget: &Rc<WorkBudget>) -> Self {
        Self { by_joblib: false, ..Self::new(depth, budget) }
    }

    pub(super) fn verdict(mut self) -> Verdict {
        self.findings.sort_by_key(|finding| (std::cmp::Reverse(finding.class), finding.offset));
        Verdict { class: self.worst, findings: self.findings, more: self.more }
    }

    /// Pays for a step. The tests count them, too.
    #[inline(always)]
    pub(super) fn count_step(&mut self) {
        self.budget.steps(1);
        #[cfg(test)]
        {
            self.steps += 1;
        }
    }

    /// Notes something that a load does. Returns its class.
    pub(super) fn note(
        &mut self,
        class: VerdictClass,
        offset: u64,
        callee: &str,
        arguments: &str,
        why: &str,
    ) -> VerdictClass {
        // Once the budget is spent, nothing is resolved any more: that is no finding.
        if self.budget.is_spent() {
            return class;
        }
        // The list of findings is limited, the class is not.
        self.worst = self.worst.max(class);
        if self.count_again(class, callee, why) {
            return class;
        }
        let key = (class, callee.to_owned(), why.to_owned());
        let (callee, why, arguments) = (callee.to_owned(), why.to_owned(), arguments.to_owned());
        let finding = Finding { class, offset, callee, arguments, why, count: 1 };
        if self.findings.len() < MAX_FINDINGS {
            self.known.insert(key, self.findings.len());
            self.findings.push(finding);
            return class;
        }
        self.more += 1;
        // The list is full: the mildest finding makes room for a worse one.
        let mildest = self.findings.iter().enumerate().min_by_key(|(_, finding)| finding.class);
        if let Some((index, _)) = mildest.filter(|(_, finding)| finding.class < class) {
            if let Some(slot) = self.findings.get_mut(index) {
                self.known.remove(&(slot.class, slot.callee.clone(), slot.why.clone()));
                *slot = finding;
            }
            self.known.insert(key, index);
        }
        class
    }

    /// Counts a finding that is known. The same callee with other arguments is the same finding.
    pub(super) fn count_again(&mut self, class: VerdictClass, callee: &str, why: &str) -> bool {
        let known = self.known.get(&(class, callee.to_owned(), why.to_owned()));
        let finding = known.and_then(|index| self.findings.get_mut(*index));
        finding.map(|finding| finding.count += 1).is_some()
    }

    /// Takes over the findings of a pickle within this one that begins at `base`.
    pub(super) fn take(&mut self, inner: Judge, base: u64, prefix: &str) -> VerdictClass {
        let worst = inner.worst;
        for finding in inner.findings {
            let why = format!("{prefix}{}", finding.why);
            let offset = base.saturating_add(finding.offset);
            self.note(finding.class, offset, &finding.callee, &finding.arguments, &why);
        }
        // Findings that were not listed count, too.
        self.worst = self.worst.max(worst);
        worst
    }

    /// Runs a machine over one pickle, and judges all that it does.
    pub(super) fn run<'a>(&mut self, bytes: &'a [u8]) -> Result<(Machine<'a>, Ref), MachineError> {
        let (machine, value) = if self.by_joblib {
            Machine::run_watched(bytes, &Rc::clone(&self.budget), self)?
        } else {
            Machine::run_nested(bytes, &Rc::clone(&self.budget), self)?
        };
        self.judge_run(bytes, &Labels::new(&machine));
        Ok((machine, value))
    }

    /// Judges everything that was not judged while the machine ran over `bytes`, which can be all.
    pub(super) fn judge_run(&mut self, bytes: &[u8], labels: &Labels<'_, '_>) {
        self.judge_opcodes(labels);
        if let Some(FarSlot { at, index }) = labels.machine().far_slot() {
            self.note(VerdictClass::Dangerous, at, &format!("memo slot {index}"), "", FAR_SLOT);
        }
        self.array_contents(bytes, labels.machine());
        self.other_readers(bytes, labels.machine());
    }

    /// As [`judge_run`](Self::judge_run), without the bytes of joblib's arrays.
    pub(super) fn judge_opcodes(&mut self, labels: &Labels<'_, '_>) {
        let early = self.so_far.nodes;
        self.judge_new(labels);
        // Nodes that were judged early may have been given a state or items since.
        for (index, node) in labels.machine().nodes().iter().enumerate().take(early) {
            if self.budget.is_spent() {
                return;
            }
            if self.so_far.filled.binary_search(&index).is_err() {
                self.filled(labels, Ref::node(index), node);
            }
        }
        // These need the whole pickle: a definition or a state can come after the call that it affects.
        self.redefined_main_calls(labels);
        self.shared_namespaces(labels);
        self.given_generators(labels);
        for at in forged_arrays::forged_dtypes(labels) {
            self.note(VerdictClass::Dangerous, at, "numpy.dtype", "", FORGED);
        }
        for at in buffer_arrays::changed_buffers(labels) {
            self.note(VerdictClass::Dangerous, at, "numpy.ndarray", "", CHANGED_BUFFER);
        }
    }

    /// Judges everything that the machine has made since the last time.
    fn judge_new(&mut self, labels: &Labels<'_, '_>) {
        self.forget_searched_arguments();
        let machine = labels.machine();
        for at in machine.looked_up().iter().skip(self.so_far.looked_up) {
            self.lookup(labels, Ref::leaf(*at), *at);
        }
        // From here on they count as judged.
        self.so_far.looked_up = machine.looked_up().len();
        // A class keeps whatever a change gave it, so changes are judged in order with the nodes.
        let mut changes = machine.changes().iter().skip(self.so_far.changes).peekable();
        for (index, node) in machine.nodes().iter().enumerate().skip(self.so_far.nodes) {
            while let Some(change) = changes.next_if(|change| change.at < node.end()) {
                self.change(labels, change);
            }
            self.node(labels, Ref::node(index), node);
            // Nodes without a state may be given one later, see `judge_run`.
            if node.state().is_some() || node.added().is_some() {
                let _ = self.budget.push(&mut self.so_far.filled, index);
            }
            if self.budget.is_spent() {
                break;
            }
        }
        changes.for_each(|change| self.change(labels, change));
        self.so_far.changes = machine.changes().len();
        self.so_far.nodes = machine.nodes().len();
    }

    fn node(&mut self, labels: &Labels<'_, '_>, reference: Ref, node: &Node) {
        match node.kind {
            NodeKind::Global => self.lookup(labels, reference, node.end().saturating_sub(1)),
            NodeKind::Persistent => self.external(node.end().saturating_sub(1), "a persistent ID"),
            NodeKind::Call(how) => self.call(labels, reference, node, how),
            NodeKind::Tuple
            | NodeKind::List
            | NodeKind::Dict
            | NodeKind::Set
            | NodeKind::FrozenSet
            | NodeKind::Array => {}
        }
        self.filled(labels, reference, node);
    }

    /// Judges the state and the items that a value was given.
    fn filled(&mut self, labels: &Labels<'_, '_>, reference: Ref, node: &Node) {
        let at = node.end().saturating_sub(1);
        if let Some(state) = node.state() {
            self.build(labels, reference, state, at);
        }
        if let Some(added) = node.added() {
            self.added(labels, reference, &added.items, at);
            self.added(labels, reference, &added.pairs, at);
        }
    }

    /// Judges an opcode that finds something outside the pickle.
    fn lookup(&mut self, labels: &Labels<'_, '_>, reference: Ref, at: u64) {
        match labels.machine().value(reference) {
            Value::Leaf(Leaf::Extension(code)) => return self.external(at, &format!("copyreg extension {code}")),
            Value::Leaf(Leaf::Persistent(_)) => return self.external(at, "a persistent ID"),
            _ => {}
        }
        // The import itself; whether the name is called is another finding.
        if let Symbol::Import(module, _) = self.symbol(labels, reference) {
            self.import(&module, at);
        } else {
            self.note(VerdictClass::Dangerous, at, "an import", "", "has a name that cannot be resolved statically");
        }
    }

    pub(super) fn import(&mut self, module: &str, at: u64) -> VerdictClass {
        let callee = format!("import {}", show::name(module));
        if runs_on_import(module) {
            return self.note(VerdictClass::Dangerous, at, &callee, "", "runs code when it is imported");
        }
        if is_known_module(module) {
            return VerdictClass::Plain;
        }
        self.note(VerdictClass::Calls, at, &callee, "", "runs the code of an unknown module")
    }

    /// Notes an object that the pickle refers to only by a number or an identifier.
    pub(super) fn external(&mut self, at: u64, what: &str) {
        self.note(VerdictClass::Dangerous, at, what, "", "is resolved by the program that loads the file");
    }

    /// Remembers the symbol of a value, if the budget pays for that.
    pub(super) fn remember_symbol(&mut self, value: Ref, symbol: &Symbol) {
        let table = table_entry::<Ref, Symbol>() + symbol.allocated();
        if self.budget.charge(table).is_ok() && self.budget.push(&mut self.so_far.fresh, value).is_ok() {
            self.symbols.insert(value, symbol.clone());
        }
    }

    /// The facts about the instances of this class, if the last instance was of it.
    pub(super) fn last_class(&mut self, class: Option<Ref>) -> Option<&mut LastClass> {
        self.last_class.as_mut().filter(|last| Some(last.class) == class)
    }

    pub(super) fn set_last_class(&mut self, last: Option<LastClass>) {
        self.last_class = last;
    }

    /// A string that is short enough for a name.
    pub(super) fn short_string(&self, labels: &Labels<'_, '_>, reference: Ref) -> Option<Rc<str>> {
        match labels.machine().value(reference) {
            Value::Leaf(Leaf::Str(string)) if string.bytes().len() <= MAX_NAME => Some(string.lossy().into()),
            Value::Leaf(Leaf::OldStr(string)) if string.len() <= MAX_NAME => {
                Some(String::from_utf8_lossy(&string).into())
            }
            _ => None,
        }
    }

    pub(super) fn item(&self, labels: &Labels<'_, '_>, tuple: Ref, index: usize) -> Option<Ref> {
        match labels.machine().node(tuple) {
            Some(Node { kind: NodeKind::Tuple, items, .. }) => items.get(index).copied(),
            _ => None,
        }
    }
}

/// Keys and values of a dict; nothing of other values.
pub(super) fn pairs<'m>(labels: &Labels<'m, '_>, dict: Ref) -> impl Iterator<Item = (Ref, Ref)> + use<'m> {
    let items = match labels.machine().node(dict) {
        Some(Node { kind: NodeKind::Dict, items, .. }) => items.as_slice(),
        _ => &[],
    };
    items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value))
}
