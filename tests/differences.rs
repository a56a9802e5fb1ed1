//! A list of what another program does otherwise, and why: nothing may differ that no row explains.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;

/// A value, and what each side makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// What both were given.
    pub value: Vec<u8>,
    /// Portcullis' answer.
    pub ours: Vec<u8>,
    /// The other program's answer.
    pub theirs: Vec<u8>,
}

/// Says whether a difference is of a class.
pub type Holds = fn(&Answers) -> bool;

/// A class of values that come out otherwise: a row of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// The transformation or operator.
    pub of: String,
    /// A name for the class, one word for each `of`.
    pub class: String,
    /// What Portcullis does.
    pub portcullis: String,
    /// What libmodsecurity does.
    pub modsecurity: String,
    /// Who does what the reference manual says, or for values that it says nothing about, what is safer.
    pub right: Right,
    /// Why that is so.
    pub reason: String,
    /// A value and the two answers, escaped as in Rust.
    pub example: Example,
}

/// A row's example.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// The value.
    pub value: String,
    /// What Portcullis makes of it.
    pub portcullis: String,
    /// What libmodsecurity makes of it.
    pub modsecurity: String,
}

/// Who is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Portcullis.
    Portcullis,
    /// libmodsecurity.
    Modsecurity,
    /// The reference manual does not say.
    Unsaid,
}

/// The list, with what it counted.
#[derive(Debug)]
pub struct Differences {
    rows: Vec<Difference>,
    holds: Vec<Holds>,
    /// For each `of`: values asked, and differences by class.
    counts: BTreeMap<String, (usize, BTreeMap<String, usize>)>,
    /// What no row explains.
    unexplained: Vec<String>,
}

impl Differences {
    /// A list in YAML, and what decides of each row whether a difference is of its class.
    ///
    /// # Panics
    /// When the YAML is wrong, or when a row has no predicate or a predicate no row.
    #[must_use]
    pub fn new(yaml: &str, classes: &[(&str, &str, Holds)]) -> Self {
        let rows: Vec<Difference> = serde_saphyr::from_str(yaml).expect("a valid list of differences");
        let holds = rows.iter().map(|row| {
            let class = classes.iter().find(|(of, class, _)| (*of, *class) == (&*row.of, &*row.class));
            class.unwrap_or_else(|| panic!("{} {}: no predicate", row.of, row.class)).2
        });
        let holds: Vec<Holds> = holds.collect();
        assert_eq!(holds.len(), classes.len(), "a row for each predicate");
        Self { rows, holds, counts: BTreeMap::new(), unexplained: Vec::new() }
    }

    /// Counts a value, and whether and why it comes out otherwise.
    pub fn count(&mut self, of: &str, answers: &Answers) {
        let (values, by_class) = self.counts.entry(of.to_owned()).or_default();
        *values += 1;
        if answers.ours == answers.theirs {
            return;
        }
        let row = self.rows.iter().zip(&self.holds).find(|(row, holds)| row.of == of && holds(answers));
        match row {
            Some((row, _)) => *by_class.entry(row.class.clone()).or_default() += 1,
            None => self.unexplained.push(format!("{of}: {}", shown(answers))),
        }
    }

    /// The values of the examples, each with what it is an example of.
    ///
    /// # Panics
    /// When an example is not escaped as in Rust.
    #[must_use]
    pub fn examples(&self) -> Vec<(String, Vec<u8>)> {
        self.rows.iter().map(|row| (row.of.clone(), unescaped(&row.example.value))).collect()
    }

    /// Compares an example, by its place in [`Self::examples`], with what both sides make of it now.
    pub fn check_example(&mut self, place: usize, answers: &Answers) {
        let (row, holds) = (&self.rows[place], self.holds[place]);
        let said = [&row.example.portcullis, &row.example.modsecurity].map(|text| unescaped(text));
        if said != [&answers.ours[..], &answers.theirs[..]]
            || answers.ours == answers.theirs
            || !holds(answers)
        {
            let problem = format!("{} {}: the example is not one: {}", row.of, row.class, shown(answers));
            self.unexplained.push(problem);
        }
    }

    /// Fails with what no row explains, the shortest values first.
    ///
    /// # Panics
    /// When there is anything.
    pub fn assert_explained(&mut self) {
        for (of, (values, by_class)) in &self.counts {
            println!("{of}: {values} values, {} differ {by_class:?}", by_class.values().sum::<usize>());
        }
        self.unexplained.sort_by_key(String::len);
        self.unexplained.dedup();
        let shown =
            self.unexplained.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join("\n");
        assert!(self.unexplained.is_empty(), "{} unexplained:\n{shown}", self.unexplained.len());
    }

    /// The counts and the list as a page's sections.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::new();
        // Writing into memory cannot fail.
        let _ = writeln!(out, "| | values | differ | classes |\n|---|---:|---:|---|");
        for (of, (values, by_class)) in &self.counts {
            let classes: Vec<String> =
                by_class.iter().map(|(class, count)| format!("{class} {count}")).collect();
            let differ: usize = by_class.values().sum();
            let _ = writeln!(out, "| `{of}` | {values} | {differ} | {} |", classes.join(", "));
        }
        for row in &self.rows {
            let Example { value, portcullis, modsecurity } = &row.example;
            let right = match row.right {
                Right::Portcullis => "Portcullis is right",
                Right::Modsecurity => "libmodsecurity is right",
                Right::Unsaid => "The reference does not say",
            };
            let _ = write!(
                out,
                "\n### `{}`: {}\n\n- Portcullis {}.\n- libmodsecurity {}.\n- {right}: {}\n\n\
                 ```text\nvalue           {value}\nPortcullis      {portcullis}\nlibmodsecurity  {modsecurity}\n```\n",
                row.of, row.class, row.portcullis, row.modsecurity, row.reason
            );
        }
        out
    }
}

/// How many unexplained differences are shown.
const SHOWN_MAX: usize = 60;

fn shown(answers: &Answers) -> String {
    let Answers { value, ours, theirs } = answers;
    let [value, ours, theirs] = [value, ours, theirs].map(|text| text.escape_ascii().to_string());
    format!("`{value}`  Portcullis `{ours}`  libmodsecurity `{theirs}`")
}

/// Undoes `escape_ascii`.
fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let (byte, tail) = match (byte, tail) {
            (b'\\', [b'n', tail @ ..]) => (b'\n', tail),
            (b'\\', [b't', tail @ ..]) => (b'\t', tail),
            (b'\\', [b'r', tail @ ..]) => (b'\r', tail),
            (b'\\', [b'0', tail @ ..]) => (0, tail),
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let byte =
                    std::str::from_utf8(&digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
                (byte.unwrap_or_else(|| panic!("not escaped as in Rust: {text}")), tail)
            }
            (b'\\', [byte, tail @ ..]) => (*byte, tail),
            _ => (*byte, tail),
        };
        out.push(byte);
        rest = tail;
    }
    out
}
