//! Matches a program by trying branches in order, within a budget.
//!
//! What is left to try is on a stack of our own. Where a program is memorable, a `Split` that failed at an
//! offset is not tried there again, and one that led to the end of a body leads there again, so that the
//! time grows with the value and not with the ways to match it. The budget bounds all programs.

use std::collections::HashMap;
use std::ops::Range;

use super::node::{Body, Place};
use super::program::{Instruction, Program};
use crate::operator::rx::set::is_word;

/// The budget was used up before it was known whether the pattern matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::operator::rx) struct Exhausted;

/// A match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::operator::rx) struct Hit {
    pub(in crate::operator::rx) range: Range<usize>,
    /// The groups, without the whole.
    pub(in crate::operator::rx) groups: Vec<Option<Range<usize>>>,
}

impl Program {
    /// The first match that begins at `from` or later; takes the steps it needs from `steps`.
    pub(in crate::operator::rx) fn find_at(
        &self,
        value: &[u8],
        from: usize,
        steps: &mut u64,
    ) -> Result<Option<Hit>, Exhausted> {
        let mut machine = Machine::new(self, value, *steps);
        let found = machine.search(from);
        *steps = machine.steps;
        found
    }
}

/// What to undo or to try when a branch fails.
#[derive(Clone, Copy)]
enum Undo {
    /// Go on with an instruction at an offset.
    Try { next: u32, offset: usize },
    /// Remember that a `Split` failed at an offset.
    Fail { state: u64 },
    /// Give a slot the value it had.
    Slot { slot: usize, value: usize },
}

/// A body that is being matched.
#[derive(Clone, Copy, Default)]
struct Frame {
    stack: usize,
    offset: usize,
}

/// What became of a branch.
enum Branch {
    Goes { next: u32, offset: usize },
    Fails,
    Matches,
}

struct Machine<'p, 'v> {
    program: &'p Program,
    value: &'v [u8],
    steps: u64,
    slots: Vec<usize>,
    stack: Vec<Undo>,
    frames: Vec<Frame>,
    /// `Split`s of which it is known what they lead to at an offset; empty when that is not remembered.
    known: Vec<u64>,
    /// Those that led to the end of their body, and where that was; the others failed.
    led: HashMap<u64, usize>,
}

impl<'p, 'v> Machine<'p, 'v> {
    fn new(program: &'p Program, value: &'v [u8], steps: u64) -> Self {
        let bits = u64::from(program.splits).saturating_mul(value.len() as u64 + 1);
        let words = if program.is_memorable && bits <= KNOWN_MAX { bits.div_ceil(64) } else { 0 };
        Self {
            program,
            value,
            steps,
            slots: vec![usize::MAX; program.slots],
            stack: Vec::new(),
            frames: vec![Frame::default(); program.ends.len()],
            known: vec![0; usize::try_from(words).unwrap_or(0)],
            led: HashMap::new(),
        }
    }

    fn search(&mut self, from: usize) -> Result<Option<Hit>, Exhausted> {
        for start in from..=self.value.len() {
            let may_begin = match (&self.program.first, self.value.get(start)) {
                (None, _) => true,
                (Some(first), Some(byte)) => first.contains(*byte),
                (Some(_), None) => false,
            };
            if may_begin && let Some(end) = self.run(start)? {
                return Ok(Some(Hit { range: start..end, groups: self.groups() }));
            }
        }
        Ok(None)
    }

    fn groups(&self) -> Vec<Option<Range<usize>>> {
        (1..=self.program.groups).map(|group| self.group(group)).collect()
    }

    fn group(&self, group: u16) -> Option<Range<usize>> {
        let slot = group_slot(group);
        match (self.slots.get(slot + 1), self.slots.get(slot + 2)) {
            (Some(start), Some(end)) if *end != usize::MAX => Some(*start..*end),
            _ => None,
        }
    }

    /// Where a match ends that begins at `start`.
    fn run(&mut self, start: usize) -> Result<Option<usize>, Exhausted> {
        self.stack.clear();
        self.slots.fill(usize::MAX);
        let (mut next, mut offset) = (0, start);
        loop {
            self.spend(1)?;
            match self.step(next, offset)? {
                Branch::Goes { next: then, offset: at } => (next, offset) = (then, at),
                Branch::Matches => return Ok(Some(offset)),
                Branch::Fails => match self.back() {
                    Some((then, at)) => (next, offset) = (then, at),
                    None => return Ok(None),
                },
            }
        }
    }

    fn spend(&mut self, steps: u64) -> Result<(), Exhausted> {
        self.steps = self.steps.checked_sub(steps).ok_or(Exhausted)?;
        Ok(())
    }

    fn step(&mut self, at: u32, offset: usize) -> Result<Branch, Exhausted> {
        let Some(instruction) = self.program.code.get(at as usize) else { return Ok(Branch::Fails) };
        let on = |is: bool, offset| if is { Branch::Goes { next: at + 1, offset } } else { Branch::Fails };
        Ok(match *instruction {
            Instruction::Set(set) => {
                on(self.value.get(offset).is_some_and(|byte| set.contains(*byte)), offset + 1)
            }
            Instruction::Place(place) => on(self.is_at(place, offset), offset),
            Instruction::Split { first, second, number, body } => {
                return self.split((first, second), (number, body), offset);
            }
            Instruction::Jump(next) => Branch::Goes { next, offset },
            Instruction::Open(group) => {
                self.save(group_slot(group), offset)?;
                on(true, offset)
            }
            Instruction::Close(group) => {
                let slot = group_slot(group);
                let start = self.slots.get(slot).copied().unwrap_or(usize::MAX);
                self.save(slot + 1, start)?;
                self.save(slot + 2, offset)?;
                on(true, offset)
            }
            Instruction::Mark(slot) => {
                self.save(slot as usize, offset)?;
                on(true, offset)
            }
            Instruction::IfEmpty { slot, exit } if self.slots.get(slot as usize) == Some(&offset) => {
                Branch::Goes { next: exit, offset }
            }
            Instruction::IfEmpty { .. } => on(true, offset),
            Instruction::Reference { group, fold } => match self.repeated(group, fold, offset)? {
                Some(end) => on(true, end),
                None => Branch::Fails,
            },
            Instruction::Begin { body, otherwise } => {
                self.begin(body, otherwise, offset)?;
                on(true, offset)
            }
            Instruction::End { body, kind } => return self.end(body, kind, at + 1, offset),
            Instruction::Back(bytes) => {
                let bytes = bytes as usize;
                on(offset >= bytes, offset.saturating_sub(bytes))
            }
            Instruction::Whence(body) => on(self.frame(body).offset == offset, offset),
            Instruction::Match => Branch::Matches,
        })
    }

    fn split(
        &mut self,
        (first, second): (u32, u32),
        (number, body): (u32, Option<u32>),
        offset: usize,
    ) -> Result<Branch, Exhausted> {
        if !self.known.is_empty() {
            let state = u64::from(number) * (self.value.len() as u64 + 1) + offset as u64;
            if self.is_known(state) {
                let end = body.and_then(|body| self.program.ends.get(body as usize)).copied();
                return Ok(match end.zip(self.led.get(&state)) {
                    Some((next, offset)) => Branch::Goes { next, offset: *offset },
                    None => Branch::Fails,
                });
            }
            self.push(Undo::Fail { state })?;
        }
        self.push(Undo::Try { next: second, offset })?;
        Ok(Branch::Goes { next: first, offset })
    }

    fn is_known(&self, state: u64) -> bool {
        let word = usize::try_from(state / 64).ok().and_then(|word| self.known.get(word));
        word.is_some_and(|word| word >> (state % 64) & 1 == 1)
    }

    fn know(&mut self, state: u64) {
        if let Some(word) = usize::try_from(state / 64).ok().and_then(|word| self.known.get_mut(word)) {
            *word |= 1 << (state % 64);
        }
    }

    /// The next branch to try.
    fn back(&mut self) -> Option<(u32, usize)> {
        loop {
            match self.stack.pop()? {
                Undo::Try { next, offset } => return Some((next, offset)),
                Undo::Fail { state } => self.know(state),
                Undo::Slot { slot, value } => {
                    if let Some(place) = self.slots.get_mut(slot) {
                        *place = value;
                    }
                }
            }
        }
    }

    fn push(&mut self, undo: Undo) -> Result<(), Exhausted> {
        if self.stack.len().max(self.led.len()) >= STACK_MAX {
            return Err(Exhausted);
        }
        self.stack.push(undo);
        Ok(())
    }

    fn save(&mut self, slot: usize, value: usize) -> Result<(), Exhausted> {
        let Some(place) = self.slots.get_mut(slot) else { return Ok(()) };
        let before = std::mem::replace(place, value);
        self.push(Undo::Slot { slot, value: before })
    }

    fn frame(&self, body: u32) -> Frame {
        self.frames.get(body as usize).copied().unwrap_or_default()
    }

    fn begin(&mut self, body: u32, otherwise: Option<u32>, offset: usize) -> Result<(), Exhausted> {
        let frame = Frame { stack: self.stack.len(), offset };
        if let Some(place) = self.frames.get_mut(body as usize) {
            *place = frame;
        }
        match otherwise {
            Some(next) => self.push(Undo::Try { next, offset }),
            None => Ok(()),
        }
    }

    /// A body matched up to `offset`: nothing goes back into it.
    fn end(&mut self, body: u32, kind: Body, next: u32, offset: usize) -> Result<Branch, Exhausted> {
        let frame = self.frame(body);
        self.cut(frame.stack, offset)?;
        Ok(match kind {
            Body::Atomic => Branch::Goes { next, offset },
            _ if kind.is_negated() => Branch::Fails,
            _ => Branch::Goes { next, offset: frame.offset },
        })
    }

    /// Leaves out the branches above that height of the stack, which led to the end of a body at `offset`;
    /// slots are still given back.
    fn cut(&mut self, height: usize, offset: usize) -> Result<(), Exhausted> {
        self.spend((self.stack.len().saturating_sub(height) / 8) as u64)?;
        let mut kept = height;
        for at in height..self.stack.len() {
            match self.stack.get(at).copied() {
                Some(Undo::Slot { .. }) => {
                    self.stack.swap(kept, at);
                    kept += 1;
                }
                Some(Undo::Fail { state }) => {
                    self.know(state);
                    self.led.insert(state, offset);
                }
                Some(Undo::Try { .. }) | None => {}
            }
        }
        self.stack.truncate(kept);
        Ok(())
    }

    /// Where what the group matched ends when it stands at `offset` again.
    fn repeated(&mut self, group: u16, fold: bool, offset: usize) -> Result<Option<usize>, Exhausted> {
        let Some(text) = self.group(group).and_then(|range| self.value.get(range)) else { return Ok(None) };
        self.spend((text.len() / 16) as u64)?;
        let end = offset + text.len();
        let is_same = |here: &[u8]| if fold { here.eq_ignore_ascii_case(text) } else { here == text };
        Ok(self.value.get(offset..end).filter(|here| is_same(here)).map(|_| end))
    }

    fn is_at(&self, place: Place, offset: usize) -> bool {
        let rest = self.value.get(offset..).unwrap_or_default();
        let before = offset.checked_sub(1).and_then(|before| self.value.get(before)).copied();
        let is_edge = || before.is_some_and(is_word) != rest.first().copied().is_some_and(is_word);
        match place {
            Place::Start => before.is_none(),
            Place::End => rest.is_empty(),
            Place::EndOrNewline => matches!(rest, [] | [b'\n']),
            Place::LineStart => matches!(before, None | Some(b'\n')),
            Place::LineEnd => matches!(rest, [] | [b'\n', ..]),
            Place::WordEdge => is_edge(),
            Place::NoWordEdge => !is_edge(),
        }
    }
}

fn group_slot(group: u16) -> usize {
    3 * usize::from(group.saturating_sub(1))
}

/// `Split`s and offsets that are remembered (bits); beyond, only the budget bounds the time.
const KNOWN_MAX: u64 = 1 << 26;
/// Branches left to try (count).
const STACK_MAX: usize = 1 << 20;
