//! Evaluation with all its shortcuts (screening, gates, what is known of the first rules) beside evaluation that asks
//! every rule about every value.

use engine::ftw::{Case, CaseId, Runner};
use signatures::{InitialVariables, Match, Phase, RuleState, Trace};
use transaction::Transaction;

/// Both find the same in every request of the suite, at the paranoia level that it is made for and at the first.
pub(crate) fn check(runner: &Runner<'_>, cases: &[(CaseId, Case)]) {
    let names = ["blocking_paranoia_level", "detection_paranoia_level"];
    let levels =
        ["4", "1"].map(|level| -> InitialVariables { names.iter().map(|name| (*name, level)).collect() });
    let prepared = levels.each_ref().map(|level| runner.ruleset.prepare(level));
    let mut compared = 0;
    for (id, case) in cases {
        for stage in &case.stages {
            let Ok(observed) = runner.observe(&stage.input, None) else { continue };
            for (plain, prepared) in levels.iter().zip(&prepared) {
                let quick = judge(runner, &observed.transaction, prepared, None);
                let all = judge(runner, &observed.transaction, plain, Some(Trace::default()));
                assert_eq!(quick, all, "{id}");
                compared += 1;
            }
        }
    }
    println!("{compared} compared");
}

fn judge(
    runner: &Runner<'_>,
    transaction: &Transaction,
    variables: &InitialVariables,
    trace: Option<Trace>,
) -> (Vec<Match>, i64, i64) {
    let mut state = RuleState::new(runner.ruleset);
    state.set_variables(variables);
    state.trace = trace;
    for phase in Phase::ALL {
        runner.ruleset.evaluate(phase, transaction, 0, &mut state);
    }
    let (inbound, outbound) = (state.inbound_anomaly_score(), state.outbound_anomaly_score());
    (state.matches, inbound, outbound)
}
