//! A pattern as instructions.

use super::node::{Body, Node, Place, Repeat};
use super::parse::{Parsed, parse};
use crate::operator::OperatorError;
use crate::operator::rx::set::Set;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(in crate::operator::rx) struct Program {
    pub(super) code: Vec<Instruction>,
    /// Where the bodies end, by their number.
    pub(super) ends: Vec<u32>,
    /// How many `Split`s there are.
    pub(super) splits: u32,
    /// Offsets that are remembered: three for each group, then where iterations began.
    pub(super) slots: usize,
    pub(super) groups: u16,
    /// The bytes that a match may begin with; `None` when it may be empty.
    pub(super) first: Option<Set>,
    /// Whether what follows a `Split` depends on nothing but the offset: no references, and in bodies neither
    /// groups, nor repeats of what may match nothing, nor look-behind of several lengths.
    pub(super) is_memorable: bool,
}

/// One step; numbers without name are the instruction to go on with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    Set(Set),
    Place(Place),
    /// Goes on with `first`, and with `second` if that fails.
    Split {
        first: u32,
        second: u32,
        number: u32,
        body: Option<u32>,
    },
    Jump(u32),
    Open(u16),
    Close(u16),
    /// Remembers where an iteration begins.
    Mark(u32),
    /// Leaves the loop after an iteration that matched nothing.
    IfEmpty {
        slot: u32,
        exit: u32,
    },
    Reference {
        group: u16,
        fold: bool,
    },
    /// Begins a body; with `otherwise`, it must not match, and that is where to go on.
    Begin {
        body: u32,
        otherwise: Option<u32>,
    },
    End {
        body: u32,
        kind: Body,
    },
    /// Goes back some bytes.
    Back(u32),
    /// The offset is where the body began.
    Whence(u32),
    Match,
}

impl Program {
    pub(in crate::operator::rx) fn compile(pattern: &str) -> Result<Self, OperatorError> {
        let Parsed { node, groups } = parse(pattern)?;
        let mut compiler = Compiler::new(groups, node.first());
        compiler.node(&node)?;
        compiler.push(Instruction::Match);
        Ok(compiler.program)
    }
}

struct Compiler {
    program: Program,
    /// Nodes written so far, copies counted.
    nodes: usize,
    /// The body that is being written.
    body: Option<u32>,
}

impl Compiler {
    fn new(groups: u16, first: Option<Set>) -> Self {
        let program = Program {
            code: Vec::new(),
            ends: Vec::new(),
            splits: 0,
            slots: 3 * usize::from(groups),
            groups,
            first,
            is_memorable: true,
        };
        Self { program, nodes: 0, body: None }
    }

    fn node(&mut self, node: &Node) -> Result<(), OperatorError> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let why = format!("the pattern compiles to more than {NODES_MAX} steps");
            return Err(OperatorError::new("regex-too-large", why).help("lower the counts in `{n,m}`"));
        }
        match node {
            Node::Set(set) => {
                self.push(Instruction::Set(*set));
            }
            Node::Place(place) => {
                self.push(Instruction::Place(*place));
            }
            Node::Sequence(nodes) => nodes.iter().try_for_each(|node| self.node(node))?,
            Node::Choice(nodes) => self.choice(nodes, Self::node)?,
            Node::Group(group, node) => self.group(*group, node)?,
            Node::Repeat(node, repeat) => self.repeat(node, *repeat)?,
            Node::Body(kind, node) => self.body(*kind, node)?,
            Node::Reference { group, fold } => {
                self.program.is_memorable = false;
                self.push(Instruction::Reference { group: *group, fold: *fold });
            }
        }
        Ok(())
    }

    fn choice(
        &mut self,
        nodes: &[Node],
        mut write: impl FnMut(&mut Self, &Node) -> Result<(), OperatorError>,
    ) -> Result<(), OperatorError> {
        let Some((last, others)) = nodes.split_last() else { return Ok(()) };
        let mut jumps = Vec::new();
        for node in others {
            let split = self.split();
            write(self, node)?;
            jumps.push(self.push(Instruction::Jump(0)));
            self.branch(split, split + 1, self.here());
        }
        write(self, last)?;
        jumps.into_iter().for_each(|jump| self.set(jump, Instruction::Jump(self.here())));
        Ok(())
    }

    fn group(&mut self, group: u16, node: &Node) -> Result<(), OperatorError> {
        self.program.is_memorable &= self.body.is_none();
        self.push(Instruction::Open(group));
        self.node(node)?;
        self.push(Instruction::Close(group));
        Ok(())
    }

    fn repeat(&mut self, node: &Node, repeat: Repeat) -> Result<(), OperatorError> {
        let copies = if repeat.most.is_none() { repeat.least.saturating_sub(1) } else { repeat.least };
        for _ in 0..copies {
            self.node(node)?;
        }
        match repeat.most {
            None if repeat.least == 0 => self.any(node, repeat.lazy),
            None => self.some(node, repeat.lazy),
            Some(most) => self.optional(node, most - repeat.least, repeat.lazy),
        }
    }

    /// `x*`.
    fn any(&mut self, node: &Node, lazy: bool) -> Result<(), OperatorError> {
        let split = self.split();
        let check = self.mark(node);
        self.node(node)?;
        let check = check.map(|slot| (slot, self.push(Instruction::Jump(0))));
        self.push(Instruction::Jump(split));
        let exit = self.here();
        self.enter(split, split + 1, exit, lazy);
        self.check(check, exit);
        Ok(())
    }

    /// `x+`.
    fn some(&mut self, node: &Node, lazy: bool) -> Result<(), OperatorError> {
        let start = self.here();
        let check = self.mark(node);
        self.node(node)?;
        let check = check.map(|slot| (slot, self.push(Instruction::Jump(0))));
        let split = self.split();
        let exit = self.here();
        self.enter(split, start, exit, lazy);
        self.check(check, exit);
        Ok(())
    }

    /// `x{0,most}`.
    fn optional(&mut self, node: &Node, most: u32, lazy: bool) -> Result<(), OperatorError> {
        let mut splits = Vec::new();
        for _ in 0..most {
            splits.push(self.split());
            self.node(node)?;
        }
        let exit = self.here();
        splits.into_iter().for_each(|split| self.enter(split, split + 1, exit, lazy));
        Ok(())
    }

    /// Remembers where an iteration begins, if it may match nothing.
    fn mark(&mut self, node: &Node) -> Option<u32> {
        (node.width().least == 0).then(|| {
            self.program.is_memorable &= self.body.is_none();
            let slot = u32::try_from(self.program.slots).unwrap_or(u32::MAX);
            self.program.slots += 1;
            self.push(Instruction::Mark(slot));
            slot
        })
    }

    fn check(&mut self, check: Option<(u32, u32)>, exit: u32) {
        if let Some((slot, at)) = check {
            self.set(at, Instruction::IfEmpty { slot, exit });
        }
    }

    fn body(&mut self, kind: Body, node: &Node) -> Result<(), OperatorError> {
        let body = u32::try_from(self.program.ends.len()).unwrap_or(u32::MAX);
        self.program.ends.push(0);
        let outer = self.body.replace(body);
        let begin = self.push(Instruction::Begin { body, otherwise: None });
        match (kind, node) {
            (Body::Behind { .. }, Node::Choice(nodes)) => {
                self.choice(nodes, |it, node| it.behind(body, node))?;
            }
            (Body::Behind { .. }, node) => self.behind(body, node)?,
            _ => self.node(node)?,
        }
        let end = self.push(Instruction::End { body, kind });
        self.body = outer;
        if let Some(place) = self.program.ends.get_mut(body as usize) {
            *place = end;
        }
        if kind.is_negated() {
            self.set(begin, Instruction::Begin { body, otherwise: Some(self.here()) });
        }
        Ok(())
    }

    /// A branch of a look-behind: goes back as far as it may be long, shortest first.
    fn behind(&mut self, body: u32, node: &Node) -> Result<(), OperatorError> {
        let width = node.width();
        let Some(most) = width.most.filter(|most| *most <= BEHIND_BYTES_MAX) else {
            let why =
                format!("a look-behind is longer than {BEHIND_BYTES_MAX} bytes, or has no longest match");
            return Err(OperatorError::new("unsupported-regex", why).help("bound its quantifiers"));
        };
        self.push(Instruction::Back(width.least));
        let mut splits = Vec::new();
        for _ in width.least..most {
            self.program.is_memorable = false;
            splits.push(self.split());
            self.push(Instruction::Back(1));
        }
        let start = self.here();
        splits.into_iter().for_each(|split| self.branch(split, start, split + 1));
        self.node(node)?;
        self.push(Instruction::Whence(body));
        Ok(())
    }

    fn here(&self) -> u32 {
        u32::try_from(self.program.code.len()).unwrap_or(u32::MAX)
    }

    fn push(&mut self, instruction: Instruction) -> u32 {
        let at = self.here();
        self.program.code.push(instruction);
        at
    }

    fn set(&mut self, at: u32, instruction: Instruction) {
        if let Some(place) = self.program.code.get_mut(at as usize) {
            *place = instruction;
        }
    }

    /// A `Split` whose branches are not known yet.
    fn split(&mut self) -> u32 {
        let number = self.program.splits;
        self.program.splits += 1;
        self.push(Instruction::Split { first: 0, second: 0, number, body: self.body })
    }

    fn branch(&mut self, split: u32, to: u32, or: u32) {
        if let Some(Instruction::Split { first, second, .. }) = self.program.code.get_mut(split as usize) {
            (*first, *second) = (to, or);
        }
    }

    fn enter(&mut self, split: u32, start: u32, exit: u32, lazy: bool) {
        if lazy { self.branch(split, exit, start) } else { self.branch(split, start, exit) }
    }
}

/// Nodes of a pattern, copies for counts included.
const NODES_MAX: usize = 1 << 16;
/// As in PCRE2.
const BEHIND_BYTES_MAX: u32 = 255;
