//! Boosted regression trees (Friedman 2001): what takes several features of a row together.

use std::fmt;

/// A node that is a leaf has this instead of a feature.
const LEAF: u16 = u16::MAX;
/// Bytes of a node in a file.
const NODE_BYTES: usize = 8;

/// A node of a tree. Nodes stand in the order in which they are first met going left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Node {
    /// Rows whose feature is at most `limit` go on with the next node, others with the one `skip` further on.
    Split {
        /// The feature (index into a row).
        feature: u16,
        /// What it is compared with.
        limit: f32,
        /// Nodes from here to the right branch.
        skip: u16,
    },
    /// What the tree adds to the log-odds.
    Leaf(f32),
}

/// Trees, each of which adds to the log-odds of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trees {
    nodes: Vec<Node>,
    /// Where each tree begins.
    roots: Vec<u32>,
}

/// Why nodes are no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeError(&'static str);

impl Trees {
    /// Adds a tree over rows of so many columns.
    ///
    /// # Errors
    /// When a branch leads out of the tree or back, there is no such column, or a number is not finite.
    pub fn push(&mut self, tree: &[Node], columns: usize) -> Result<(), TreeError> {
        if tree.is_empty() {
            return Err(TreeError("a tree has no nodes"));
        }
        for (at, node) in tree.iter().enumerate() {
            check(node, tree.len() - at, columns)?;
        }
        self.roots.push(self.nodes.len() as u32);
        self.nodes.extend_from_slice(tree);
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// What all trees add to the log-odds of a row.
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f32 {
        self.roots.iter().map(|root| self.leaf(*root as usize, row)).sum()
    }

    /// Every branch leads on within its tree ([`Trees::push`]), so that this ends at a leaf.
    fn leaf(&self, root: usize, row: &[f32]) -> f32 {
        let mut at = root;
        loop {
            match self.nodes.get(at) {
                Some(Node::Split { feature, limit, skip }) => {
                    let is_left = row.get(*feature as usize).is_none_or(|value| value <= limit);
                    at += if is_left { 1 } else { *skip as usize };
                }
                Some(Node::Leaf(adds)) => return *adds,
                None => return 0.0,
            }
        }
    }

    /// ```text
    /// u32 number of trees  of each: u32 number of nodes  of each: u16 feature  u16 skip  f32 limit or what is added
    /// ```
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend((self.roots.len() as u32).to_le_bytes());
        let ends = self.roots.iter().skip(1).copied().chain([self.nodes.len() as u32]);
        for (root, end) in self.roots.iter().zip(ends) {
            out.extend((end - root).to_le_bytes());
            for node in &self.nodes[*root as usize..end as usize] {
                let (feature, skip, number) = match *node {
                    Node::Split { feature, limit, skip } => (feature, skip, limit),
                    Node::Leaf(adds) => (LEAF, 0, adds),
                };
                out.extend(feature.to_le_bytes());
                out.extend(skip.to_le_bytes());
                out.extend(number.to_le_bytes());
            }
        }
    }

    /// Reads what [`Trees::write`] wrote; what follows it is left in `bytes`.
    pub(crate) fn read(bytes: &mut &[u8], columns: usize) -> Result<Self, TreeError> {
        let mut trees = Self::default();
        for _ in 0..read_count(bytes)? {
            let length = read_count(bytes)?.checked_mul(NODE_BYTES).ok_or(TreeError::TOO_SHORT)?;
            let (nodes, rest) = bytes.split_at_checked(length).ok_or(TreeError::TOO_SHORT)?;
            *bytes = rest;
            let nodes: Vec<Node> = nodes.chunks_exact(NODE_BYTES).map(read_node).collect();
            trees.push(&nodes, columns)?;
        }
        Ok(trees)
    }
}

impl TreeError {
    const TOO_SHORT: Self = Self("it ends within its trees");
}

fn check(node: &Node, left: usize, columns: usize) -> Result<(), TreeError> {
    match *node {
        Node::Split { feature, .. } if feature == LEAF || feature as usize >= columns => {
            Err(TreeError("a tree asks for a feature that there is not"))
        }
        Node::Split { skip, .. } if skip < 2 || skip as usize >= left => {
            Err(TreeError("a branch leads out of its tree"))
        }
        Node::Split { limit: number, .. } | Node::Leaf(number) if !number.is_finite() => {
            Err(TreeError("a number of a tree is not finite"))
        }
        _ => Ok(()),
    }
}

fn read_count(bytes: &mut &[u8]) -> Result<usize, TreeError> {
    let (count, rest) = bytes.split_first_chunk::<4>().ok_or(TreeError::TOO_SHORT)?;
    *bytes = rest;
    Ok(u32::from_le_bytes(*count) as usize)
}

fn read_node(bytes: &[u8]) -> Node {
    let [a, b, c, d, e, f, g, h] = *bytes else { return Node::Leaf(f32::NAN) };
    let (feature, skip) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    let number = f32::from_le_bytes([e, f, g, h]);
    if feature == LEAF { Node::Leaf(number) } else { Node::Split { feature, limit: number, skip } }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: usize = 2;

    fn split(feature: u16, limit: f32, skip: u16) -> Node {
        Node::Split { feature, limit, skip }
    }

    /// `row[0] <= 1 ? (row[1] <= 5 ? 1 : 2) : 4`, and a tree of one leaf.
    fn sample() -> Trees {
        let mut trees = Trees::default();
        let nodes = [split(0, 1.0, 4), split(1, 5.0, 2), Node::Leaf(1.0), Node::Leaf(2.0), Node::Leaf(4.0)];
        trees.push(&nodes, COLUMNS).unwrap();
        trees.push(&[Node::Leaf(10.0)], COLUMNS).unwrap();
        trees
    }

    #[test]
    fn adds_up() {
        for (row, expected) in [
            ([0.0, 0.0], 11.0),
            ([1.0, 5.0], 11.0),
            ([1.0, 5.1], 12.0),
            ([1.1, 0.0], 14.0),
            ([9.0, 9.0], 14.0),
        ] {
            assert_eq!(sample().score(&row), expected, "{row:?}");
        }
        assert_eq!(Trees::default().score(&[1.0]), 0.0);
    }

    #[test]
    fn round_trips() {
        let mut bytes = Vec::new();
        sample().write(&mut bytes);
        bytes.extend(b"more");
        let mut rest = bytes.as_slice();
        assert_eq!(Trees::read(&mut rest, COLUMNS).unwrap(), sample());
        assert_eq!(rest, b"more");
    }

    #[test]
    fn says_what_is_no_tree() {
        let leaf = Node::Leaf(0.0);
        for (nodes, reason) in [
            (&[][..], "no nodes"),
            (&[split(0, 1.0, 2), leaf], "out of its tree"),
            (&[split(0, 1.0, 3), leaf, leaf], "out of its tree"),
            (&[split(0, 1.0, 1), leaf, leaf], "out of its tree"),
            (&[split(0, 1.0, 0), leaf, leaf], "out of its tree"),
            (&[split(2, 1.0, 2), leaf, leaf], "feature"),
            (&[split(0, f32::NAN, 2), leaf, leaf], "not finite"),
            (&[Node::Leaf(f32::INFINITY)], "not finite"),
        ] {
            let message = Trees::default().push(nodes, COLUMNS).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}, expected {reason}");
        }
    }

    proptest! {
        #[test]
        fn ends_at_a_leaf(bytes in any::<Vec<u8>>(), count in 0_u8..3, row in any::<[f32; COLUMNS]>()) {
            let bytes = [&u32::from(count).to_le_bytes(), bytes.as_slice()].concat();
            if let Ok(trees) = Trees::read(&mut bytes.as_slice(), COLUMNS) {
                assert!(trees.score(&row).is_finite() || trees.len() > 1);
            }
        }
    }
}
