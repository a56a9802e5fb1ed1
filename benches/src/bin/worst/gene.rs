//! What a hostile request is made of, so that it can be made of any length and changed a little.

use portcullis_tests::random::Random;
use transaction::Record;

use crate::encode::Encoding;
use crate::place::{self, Place};

/// A hostile request of any length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gene {
    pub(crate) place: Place,
    pub(crate) split: Split,
    /// A value begins with it,
    pub(crate) head: Vec<u8>,
    /// repeats this,
    pub(crate) unit: Vec<u8>,
    /// and ends with it.
    pub(crate) tail: Vec<u8>,
    /// Applied to the value, in order.
    pub(crate) encodings: Vec<Encoding>,
    pub(crate) distinct: Distinct,
}

/// How text is divided into values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Split {
    /// Into so many: a longer request has longer ones.
    Into(usize),
    /// Into values of so many bytes: a longer request has more of them.
    Each(usize),
}

/// Whether what repeats is the same every time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distinct {
    No,
    /// Each value has a number at its end.
    Values,
    /// Each unit has.
    Units,
}

impl Gene {
    /// The request of at most so many bytes, or a little less.
    pub(crate) fn record(&self, host: &str, bytes: usize) -> Record {
        let mut wanted = bytes.saturating_sub(OVERHEAD);
        loop {
            let record = self.place.record(host, &self.values(wanted));
            let found = place::bytes(&record);
            if found <= bytes || wanted < 64 {
                return record;
            }
            // Encodings and names make it longer than what was put in.
            wanted = (wanted * bytes / found).min(wanted - wanted / 50);
        }
    }

    fn values(&self, bytes: usize) -> Vec<Vec<u8>> {
        let (count, each) = match self.split {
            Split::Into(count) => (count, bytes / count.max(1)),
            Split::Each(each) => (bytes / each.max(1), each),
        };
        let mut values = Vec::new();
        let (mut unit_number, mut total) = (0, 0);
        for value_number in 0..count.max(1) {
            // What a value begins and ends with may be more than its share.
            if value_number > 0 && total > bytes {
                break;
            }
            let mut value = self.head.clone();
            while value.len() + self.tail.len() < each {
                value.extend(if self.unit.is_empty() { b"a" } else { &self.unit[..] });
                if self.distinct == Distinct::Units {
                    value.extend(number(unit_number));
                    unit_number += 1;
                }
            }
            value.extend(&self.tail);
            if self.distinct == Distinct::Values {
                value.extend(number(value_number));
            }
            total += value.len();
            values.push(self.encodings.iter().fold(value, |value, encoding| encoding.apply(&value)));
        }
        values
    }

    /// The same but for one or two changes.
    pub(crate) fn mutated(&self, random: &mut Random, pieces: &[Vec<u8>], other: &Self) -> Self {
        let mut gene = self.clone();
        for _ in 0..=random.below(2) {
            gene.mutate(random, pieces, other);
        }
        gene
    }

    fn mutate(&mut self, random: &mut Random, pieces: &[Vec<u8>], other: &Self) {
        let some: Vec<&Vec<u8>> = (0..8).map(|_| random.pick(pieces)).collect();
        let slices: Vec<&[u8]> = some.into_iter().map(Vec::as_slice).collect();
        match random.below(16) {
            0 => self.place = Place::any(random),
            1 => self.place = other.place.clone(),
            2 => self.split = Split::any(random),
            3 => self.head.clone_from(&other.head),
            4 => self.tail.clone_from(&other.tail),
            5 => self.unit = [&self.unit[..], &other.unit].concat(),
            6 => self.unit = [&self.unit[..], &random.pick::<Vec<u8>>(pieces)[..]].concat(),
            7 => self.unit.clone_from(random.pick(pieces)),
            8 => self.unit.truncate(random.below(self.unit.len()).max(1)),
            9 => self.distinct = *random.pick(&[Distinct::No, Distinct::Values, Distinct::Units]),
            10 => self.encodings.push(Encoding::any(random)),
            11 => drop(self.encodings.pop()),
            12 => random.mutate(&mut self.head, &slices, &[]),
            13 => random.mutate(&mut self.tail, &slices, &[]),
            _ => random.mutate(&mut self.unit, &slices, &[]),
        }
        self.encodings.truncate(ENCODINGS_MAX);
        [&mut self.head, &mut self.unit, &mut self.tail]
            .into_iter()
            .for_each(|it| it.truncate(PART_BYTES_MAX));
    }

    /// What it is, in a few words.
    pub(crate) fn describe(&self) -> String {
        let part = |name: &str, bytes: &[u8]| match bytes {
            [] => String::new(),
            _ => format!(" {name} `{}`", shown(bytes)),
        };
        let split = match self.split {
            Split::Into(1) => String::new(),
            Split::Into(count) => format!(" in {count} values"),
            Split::Each(each) => format!(" in values of {each} bytes"),
        };
        let distinct = match self.distinct {
            Distinct::No => "",
            Distinct::Values => ", values numbered",
            Distinct::Units => ", units numbered",
        };
        let encodings: String = self.encodings.iter().map(|it| format!(", {it:?}").to_lowercase()).collect();
        format!(
            "{:?}{split}:{}{}{}{encodings}{distinct}",
            self.place,
            part("begins", &self.head),
            part("repeats", &self.unit),
            part("ends", &self.tail)
        )
    }
}

impl Split {
    pub(crate) fn any(random: &mut Random) -> Self {
        match random.below(8) {
            0..=2 => Self::Into(1),
            3 => Self::Into(1 + random.below(20)),
            4 => Self::Into(900),
            5 => Self::Each(1 + random.below(16)),
            6 => Self::Each(16 + random.below(256)),
            _ => Self::Each(512 + random.below(8000)),
        }
    }
}

fn number(number: usize) -> Vec<u8> {
    format!("{number:x}").into_bytes()
}

/// Its shape, fit for a table: words stand as `a` and numbers as `0`, since what words rules look for is theirs.
fn shown(bytes: &[u8]) -> String {
    let shape = |byte: &u8| match byte {
        byte if byte.is_ascii_digit() => b'0',
        byte if byte.is_ascii_alphabetic() => b'a',
        byte => *byte,
    };
    let mut shapes: Vec<u8> = bytes.iter().map(shape).collect();
    shapes.dedup_by(|next, before| next == before && next.is_ascii_alphanumeric());
    let text: String =
        shapes.iter().take(SHOWN).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
    let text = text.replace('`', "\\x60").replace('|', "\\x7c");
    if shapes.len() > SHOWN { format!("{text}…") } else { text }
}

/// Of a part, in a table (bytes).
const SHOWN: usize = 32;
/// Parts that grow longer are cut (bytes).
const PART_BYTES_MAX: usize = 2048;
const ENCODINGS_MAX: usize = 4;
/// Request line and usual headers (bytes).
const OVERHEAD: usize = 160;
