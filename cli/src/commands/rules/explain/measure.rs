//! What a rule did on recorded requests.

use std::path::Path;

use serde::Serialize;
use signatures::{InitialVariables, ParanoiaLevel, Phase, RuleState, Ruleset, Trace, TraceKind};
use transaction::{Limits, Record};

use crate::input::Records;

/// What a rule did on recorded requests.
#[derive(Default, Serialize)]
pub(super) struct Measured {
    pub(super) requests: usize,
    /// Values that the first test looked at.
    pub(super) values: usize,
    /// Of these, those about which screening would ask it.
    pub(super) asked: usize,
    /// Requests that the rule matched.
    pub(super) matched: usize,
}

/// Runs the rules over all records, traced, at the rule's paranoia level.
pub(super) fn measure(ruleset: &Ruleset, index: usize, file: &Path) -> anyhow::Result<Measured> {
    let rule = &ruleset.rules[index];
    let level = (rule.meta.paranoia.unwrap_or(ParanoiaLevel::One) as u8).to_string();
    let names = ["blocking", "detection", "executing"].map(|name| format!("{name}_paranoia_level"));
    let names = names.iter().map(String::as_str).chain(["paranoia_level"]);
    let variables: InitialVariables = names.map(|name| (name, level.as_bytes())).collect();
    let mut measured = Measured::default();
    let mut records = Records::open(file)?;
    while let Some(item) = records.next()? {
        measured.add(ruleset, index, &variables, &item.record()?);
    }
    Ok(measured)
}

impl Measured {
    fn add(&mut self, ruleset: &Ruleset, index: usize, variables: &InitialVariables, record: &Record) {
        let rule = &ruleset.rules[index];
        let transaction = record.transaction(&Limits::default());
        let mut state = RuleState::new(ruleset);
        state.set_variables(variables);
        state.trace = Some(Trace { only: vec![rule.id], ..Trace::default() });
        for phase in Phase::ALL.into_iter().filter(|phase| *phase <= rule.phase) {
            ruleset.evaluate(phase, &transaction, record.time_us, &mut state);
        }
        self.requests += 1;
        let screened = ruleset.screening(index);
        let screened = matches!(screened, Some(signatures::run::Screening::Screened(_)));
        let mut matched = false;
        for event in state.trace.iter().flat_map(|trace| &trace.events) {
            match &event.kind {
                TraceKind::Tested { value, .. } if event.link == 0 => {
                    self.values += 1;
                    self.asked += usize::from(!screened || rule.may_match(value));
                }
                TraceKind::RuleMatched => matched = true,
                _ => {}
            }
        }
        self.matched += usize::from(matched);
    }
}
