//! What is inside the variables, for the page: the trees of `--trace`, cut to a size that a browser opens at once.
//!
//! A node is `[label, bytes, parts]`, where `parts` is a list of nodes, or the number of parts that the page does not
//! have. Each variable is opened once; after that, the largest values are opened first, as long as there is room.

use std::collections::{BinaryHeap, HashSet};
use std::io::{self, Write};

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

use super::JsonText;
use crate::pickle::explain::trace_tree::TraceTree;

/// The bytes of a page.
const PAGE_SIZE: usize = 2_000_000;
/// The bytes of a node besides its label: brackets, commas, a size.
const NODE: usize = 24;

/// The trees of variables, by name, largest first.
pub(super) struct PageParts<'a> {
    trees: &'a [(String, TraceTree)],
    /// The nodes whose parts are in the page, by address.
    open: HashSet<*const TraceTree>,
}

impl<'a> PageParts<'a> {
    /// Chooses what fits into a page that has `used` bytes already.
    pub(super) fn new(trees: &'a [(String, TraceTree)], used: usize) -> Self {
        let mut room = PAGE_SIZE.saturating_sub(used);
        let mut open = HashSet::new();
        let mut waiting = BinaryHeap::new();
        let mut next = |tree: &'a TraceTree, waiting: &mut BinaryHeap<Waiting<'a>>| {
            let cost: usize = tree.children.iter().map(cost).sum();
            if tree.children.is_empty() || cost > room {
                return;
            }
            room -= cost;
            open.insert(std::ptr::from_ref(tree));
            waiting.extend(tree.children.iter().filter(|part| !part.children.is_empty()).map(Waiting));
        };
        for (_, tree) in trees {
            next(tree, &mut waiting);
        }
        while let Some(Waiting(tree)) = waiting.pop() {
            next(tree, &mut waiting);
        }
        Self { trees, open }
    }
}

/// The bytes that a node takes without its parts.
fn cost(tree: &TraceTree) -> usize {
    NODE + json_length(&tree.label)
}

/// The bytes that a value takes in the data of the page.
pub(super) fn json_length(value: &impl Serialize) -> usize {
    let mut counted = CountedBytes(0);
    let mut json = serde_json::ser::Serializer::with_formatter(&mut counted, JsonText::in_page());
    // Counting does not fail.
    let _ = value.serialize(&mut json);
    counted.0
}

struct CountedBytes(usize);

impl Write for CountedBytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A node that may still be opened; the largest comes first.
struct Waiting<'a>(&'a TraceTree);

impl Ord for Waiting<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.size.cmp(&other.0.size)
    }
}

impl PartialOrd for Waiting<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.size == other.0.size
    }
}

impl Eq for Waiting<'_> {}

impl Serialize for PageParts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.trees.len()))?;
        for (name, tree) in self.trees {
            if self.open.contains(&std::ptr::from_ref(tree)) {
                map.serialize_entry(name, &PageNode { tree, open: &self.open })?;
            }
        }
        map.end()
    }
}

struct PageNode<'a> {
    tree: &'a TraceTree,
    open: &'a HashSet<*const TraceTree>,
}

impl Serialize for PageNode<'_> {
    /// Recurses as deep as the tree is, which is limited.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { tree, open } = *self;
        let mut node = serializer.serialize_seq(None)?;
        node.serialize_element(&tree.label)?;
        node.serialize_element(&tree.size)?;
        if open.contains(&std::ptr::from_ref(tree)) {
            let parts: Vec<PageNode<'_>> = tree.children.iter().map(|tree| PageNode { tree, open }).collect();
            node.serialize_element(&parts)?;
        } else if !tree.children.is_empty() {
            node.serialize_element(&tree.children.len())?;
        }
        node.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(label: &str, size: u64) -> TraceTree {
        TraceTree { label: label.to_owned(), size, ..TraceTree::default() }
    }

    fn json(parts: &PageParts<'_>) -> String {
        let mut out = Vec::new();
        let done = parts.serialize(&mut serde_json::ser::Serializer::with_formatter(&mut out, JsonText::in_page()));
        assert!(done.is_ok());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn the_largest_values_are_opened_as_far_as_there_is_room() {
        let inner = |size| TraceTree { children: vec![leaf("</x>", 1); 3], ..leaf("inner", size) };
        let tree = TraceTree { children: vec![inner(5), inner(900), leaf("small", 2)], ..leaf("v", 1000) };
        let trees = [("v".to_owned(), tree), ("n".to_owned(), leaf("n: int 1", 3))];
        let leaves = r#"[["\u003c/x\u003e",1],["\u003c/x\u003e",1],["\u003c/x\u003e",1]]"#;
        let all = format!(r#"{{"v":["v",1000,[["inner",5,{leaves}],["inner",900,{leaves}],["small",2]]]}}"#);
        assert_eq!(json(&PageParts::new(&trees, 0)), all);
        let some = format!(r#"{{"v":["v",1000,[["inner",5,3],["inner",900,{leaves}],["small",2]]]}}"#);
        assert_eq!(json(&PageParts::new(&trees, PAGE_SIZE - 260)), some);
        assert_eq!(json(&PageParts::new(&trees, PAGE_SIZE)), "{}");
    }

    #[test]
    fn the_parts_of_a_page_never_take_more_than_it_may() {
        let wide = |label: &str, depth: usize| {
            (0..depth).fold(leaf(label, 1), |inner, _| TraceTree { children: vec![inner; 4], ..leaf(label, 9) })
        };
        let trees: Vec<(String, TraceTree)> =
            (0..50).map(|number| (number.to_string(), wide(&"<\u{202e}&>".repeat(10), 6))).collect();
        for used in [0, 1_000_000, 1_990_000, 3_000_000] {
            let length = json(&PageParts::new(&trees, used)).len();
            assert!(length < PAGE_SIZE.saturating_sub(used) + 5000, "{length} bytes beside {used}");
        }
    }
}
