//! One tree: the leaf that gains most by a split is split, until there are enough.

use model::trees::Node;

use super::Slope;
use super::bins::{BINS, Binned};

/// Leaves of a tree, at most (count).
const LEAVES: usize = 8;
/// Rows of a leaf, at least (count): fewer are chance.
const ROWS_MIN: usize = 40;
/// Strength of the L2 penalty on what a leaf adds.
const PENALTY: f32 = 5.0;

/// What the second derivatives of a leaf's rows sum up to, at least: rows that are certain tell nothing.
const SECOND_MIN: f32 = 2.0;
/// What a split must gain: less is noise.
const GAIN_MIN: f32 = 0.5;

/// Sums over rows, of each part of each column.
type Histogram = Vec<Slope>;

/// Grows trees over the same rows.
pub(super) struct Grower<'b> {
    binned: &'b Binned,
    /// Rows, those of a leaf beside each other.
    order: Vec<u32>,
    slopes: Vec<Slope>,
}

/// A part of the tree that may be split.
struct Leaf {
    /// Where in the order its rows begin, and how many there are.
    start: usize,
    count: usize,
    sum: Slope,
    histogram: Histogram,
    best: Option<Split>,
    /// Its place in the tree.
    at: usize,
}

/// A way to split a leaf.
#[derive(Clone, Copy)]
struct Split {
    gain: f32,
    column: usize,
    /// The last part of the column that goes left.
    bin: usize,
}

/// A node of a tree under way; children are indices.
enum Growing {
    Split { column: usize, bin: usize, children: [usize; 2] },
    Leaf(f32),
}

impl<'b> Grower<'b> {
    pub(super) fn new(binned: &'b Binned) -> Self {
        Self { binned, order: (0..binned.rows() as u32).collect(), slopes: Vec::new() }
    }

    /// A tree that goes down these slopes; what it adds is added to each row's `odds`.
    pub(super) fn grow(&mut self, slopes: Vec<Slope>, rate: f32, odds: &mut [f32]) -> Vec<Node> {
        self.slopes = slopes;
        let mut nodes = vec![Growing::Leaf(0.0)];
        let mut leaves = vec![self.leaf(0, self.order.len(), 0)];
        while leaves.len() < LEAVES
            && let Some((nth, split)) = most(&leaves)
        {
            let leaf = leaves.swap_remove(nth);
            let children = [nodes.len(), nodes.len() + 1];
            nodes[leaf.at] = Growing::Split { column: split.column, bin: split.bin, children };
            nodes.extend([Growing::Leaf(0.0), Growing::Leaf(0.0)]);
            leaves.extend(self.split(leaf, split, children));
        }
        for leaf in &leaves {
            let adds = -rate * leaf.sum.first / (leaf.sum.second + PENALTY);
            nodes[leaf.at] = Growing::Leaf(adds);
            self.order[leaf.start..leaf.start + leaf.count]
                .iter()
                .for_each(|row| odds[*row as usize] += adds);
        }
        let mut tree = Vec::with_capacity(nodes.len());
        self.flatten(&nodes, 0, &mut tree);
        tree
    }

    fn leaf(&self, start: usize, count: usize, at: usize) -> Leaf {
        let mut histogram = vec![Slope::default(); self.binned.columns() * BINS];
        let mut sum = Slope::default();
        for row in &self.order[start..start + count] {
            let slope = self.slopes[*row as usize];
            sum.add(slope);
            let parts = histogram.chunks_exact_mut(BINS);
            parts.zip(self.binned.row(*row)).for_each(|(parts, bin)| parts[*bin as usize % BINS].add(slope));
        }
        let best = best(&histogram, sum, count);
        Leaf { start, count, sum, histogram, best, at }
    }

    /// The two leaves that a split makes of one. Only the smaller is counted; the other is the rest.
    fn split(&mut self, leaf: Leaf, split: Split, at: [usize; 2]) -> [Leaf; 2] {
        let rows = &mut self.order[leaf.start..leaf.start + leaf.count];
        let goes_left = |row: &u32| self.binned.row(*row)[split.column] as usize <= split.bin;
        let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|row| goes_left(row));
        rows[..left.len()].copy_from_slice(&left);
        rows[left.len()..].copy_from_slice(&right);
        let starts = [leaf.start, leaf.start + left.len()];
        let counts = [left.len(), right.len()];
        let smaller = usize::from(counts[1] < counts[0]);
        let counted = self.leaf(starts[smaller], counts[smaller], at[smaller]);
        let other = 1 - smaller;
        let mut histogram = leaf.histogram;
        histogram.iter_mut().zip(&counted.histogram).for_each(|(all, part)| *all = all.without(*part));
        let sum = leaf.sum.without(counted.sum);
        let best = best(&histogram, sum, counts[other]);
        let rest = Leaf { start: starts[other], count: counts[other], sum, histogram, best, at: at[other] };
        if smaller == 0 { [counted, rest] } else { [rest, counted] }
    }

    /// Writes nodes in the order in which they are met going left; `skip` leads to the right branch.
    fn flatten(&self, nodes: &[Growing], from: usize, tree: &mut Vec<Node>) {
        match nodes[from] {
            Growing::Leaf(adds) => tree.push(Node::Leaf(adds)),
            Growing::Split { column, bin, children: [left, right] } => {
                let at = tree.len();
                tree.push(Node::Leaf(0.0));
                self.flatten(nodes, left, tree);
                let (feature, skip) = (column as u16, (tree.len() - at) as u16);
                tree[at] = Node::Split { feature, limit: self.binned.limit(column, bin), skip };
                self.flatten(nodes, right, tree);
            }
        }
    }
}

/// The leaf that gains most by its best split.
fn most(leaves: &[Leaf]) -> Option<(usize, Split)> {
    let splits = leaves.iter().enumerate().filter_map(|(nth, leaf)| leaf.best.map(|split| (nth, split)));
    splits.max_by(|a, b| a.1.gain.total_cmp(&b.1.gain))
}

/// The best split of a leaf with this histogram.
fn best(histogram: &[Slope], sum: Slope, count: usize) -> Option<Split> {
    if count < 2 * ROWS_MIN {
        return None;
    }
    let worth = |slope: Slope| slope.first * slope.first / (slope.second + PENALTY);
    let whole = worth(sum);
    let mut best: Option<Split> = None;
    for (column, parts) in histogram.chunks_exact(BINS).enumerate() {
        let mut left = Slope::default();
        for (bin, part) in parts.iter().enumerate().take(BINS - 1) {
            left.add(*part);
            let right = sum.without(left);
            let gain = worth(left) + worth(right) - whole;
            if gain > best.map_or(GAIN_MIN, |it| it.gain) && left.second.min(right.second) > SECOND_MIN {
                best = Some(Split { gain, column, bin });
            }
        }
    }
    best
}
