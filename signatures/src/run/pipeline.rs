//! Pipelines of transformations, as a tree.

use std::collections::HashMap;

use crate::transformation::Transformation;

/// Pipelines of transformations. They form a tree, because most begin alike (`t:urlDecodeUni,...`): a value
/// is transformed once for each node, however many rules ask for it.
#[derive(Debug, Default)]
pub(super) struct Pipelines {
    nodes: Vec<Node>,
    children: HashMap<(Pipeline, Transformation), Pipeline>,
}

/// A node of the tree: the transformations from the root to it. 0 is the root, which changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pipeline(u32);

#[derive(Debug)]
struct Node {
    parent: Pipeline,
    transformation: Transformation,
}

impl Pipelines {
    /// The pipeline of these transformations; it comes into the tree with all that lead to it.
    pub(super) fn add(&mut self, transformations: &[Transformation]) -> Pipeline {
        let (nodes, children) = (&mut self.nodes, &mut self.children);
        transformations.iter().fold(Pipeline::ROOT, |parent, transformation| {
            *children.entry((parent, *transformation)).or_insert_with(|| {
                nodes.push(Node { parent, transformation: *transformation });
                Pipeline(nodes.len() as u32)
            })
        })
    }

    /// The pipeline without its last transformation, and that transformation; `None` for the root.
    pub(super) fn step(&self, pipeline: Pipeline) -> Option<(Pipeline, Transformation)> {
        let node = self.nodes.get((pipeline.0 as usize).checked_sub(1)?)?;
        Some((node.parent, node.transformation))
    }

    /// The transformations of a pipeline, the last one first.
    pub(super) fn backwards(&self, pipeline: Pipeline) -> impl Iterator<Item = Transformation> {
        let steps = std::iter::successors(self.step(pipeline), |(parent, _)| self.step(*parent));
        steps.map(|(_, transformation)| transformation)
    }
}

impl Pipeline {
    pub(super) const ROOT: Self = Self(0);

    /// As a part of a cache key.
    pub(super) fn index(self) -> u32 {
        self.0
    }
}
