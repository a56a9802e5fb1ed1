//! What a pattern says, as a tree.

use crate::operator::rx::set::Set;

/// A part of a pattern.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// One byte out of a set.
    Set(Set),
    Place(Place),
    Sequence(Vec<Node>),
    /// One of several, the first that leads to a match.
    Choice(Vec<Node>),
    Group(u16, Box<Node>),
    Repeat(Box<Node>, Repeat),
    /// The node as it matches first; nothing goes back into it.
    Body(Body, Box<Node>),
    /// What a group matched, once more.
    Reference {
        group: u16,
        fold: bool,
    },
}

/// A place between bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Start,
    End,
    /// `\Z`: the end, or before the newline that ends the value.
    EndOrNewline,
    LineStart,
    LineEnd,
    WordEdge,
    NoWordEdge,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Repeat {
    pub(super) least: u32,
    /// `None` without end.
    pub(super) most: Option<u32>,
    pub(super) lazy: bool,
}

/// What a body that is matched on its own is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    /// `(?>`, and possessive quantifiers.
    Atomic,
    /// `(?=`, `(?!`.
    Ahead { negated: bool },
    /// `(?<=`, `(?<!`.
    Behind { negated: bool },
}

impl Body {
    pub(super) fn is_negated(self) -> bool {
        matches!(self, Self::Ahead { negated: true } | Self::Behind { negated: true })
    }
}

/// How many bytes a node matches: at least, and at most if that is bounded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Width {
    pub(super) least: u32,
    pub(super) most: Option<u32>,
}

impl Width {
    const NONE: Self = Self { least: 0, most: Some(0) };

    fn then(self, next: Self) -> Self {
        let most = self.most.zip(next.most).and_then(|(most, next)| most.checked_add(next));
        Self { least: self.least.saturating_add(next.least), most }
    }

    fn or(self, other: Self) -> Self {
        let most = self.most.zip(other.most).map(|(most, other)| most.max(other));
        Self { least: self.least.min(other.least), most }
    }

    fn times(self, repeat: Repeat) -> Self {
        let most = match (self.most, repeat.most) {
            (Some(0), _) => Some(0),
            (Some(width), Some(times)) => width.checked_mul(times),
            _ => None,
        };
        Self { least: self.least.saturating_mul(repeat.least), most }
    }
}

impl Node {
    pub(super) fn width(&self) -> Width {
        match self {
            Self::Set(_) => Width { least: 1, most: Some(1) },
            Self::Place(_) | Self::Body(Body::Ahead { .. } | Body::Behind { .. }, _) => Width::NONE,
            Self::Sequence(nodes) => nodes.iter().map(Self::width).fold(Width::NONE, Width::then),
            Self::Choice(nodes) => nodes.iter().map(Self::width).reduce(Width::or).unwrap_or(Width::NONE),
            Self::Group(_, node) | Self::Body(Body::Atomic, node) => node.width(),
            Self::Repeat(node, repeat) => node.width().times(*repeat),
            Self::Reference { .. } => Width { least: 0, most: None },
        }
    }

    /// The bytes that a match may begin with, when every match begins with a byte.
    pub(super) fn first(&self) -> Option<Set> {
        match self {
            Self::Set(set) => Some(*set),
            Self::Place(_) | Self::Reference { .. } => None,
            Self::Body(Body::Ahead { .. } | Body::Behind { .. }, _) => None,
            Self::Sequence(nodes) => {
                let mut nodes = nodes.iter().skip_while(|node| node.width() == Width::NONE);
                nodes.next().and_then(Self::first)
            }
            Self::Choice(nodes) => nodes.iter().try_fold(Set::new(), |mut all, node| {
                all.insert_all(&node.first()?);
                Some(all)
            }),
            Self::Group(_, node) | Self::Body(Body::Atomic, node) => node.first(),
            Self::Repeat(node, repeat) if repeat.least > 0 => node.first(),
            Self::Repeat(..) => None,
        }
    }
}
