//! What is to be reached, beside what was measured.

use portcullis_benches::figures::time;

use super::report::Report;
use super::scenario::MIX;
use super::server::Product;
use super::server::Product::{
    Nginx, NginxModSecurity, Pingora, PortcullisBuiltin, PortcullisCrs, PortcullisOff,
};

/// One line of the table of goals.
pub(crate) struct Goal {
    pub(crate) what: String,
    pub(crate) goal: String,
    pub(crate) measured: String,
    /// `None` where there is nothing to reach.
    pub(crate) reached: Option<bool>,
}

/// Every goal for which something was measured.
pub(crate) fn goals(report: &Report<'_>) -> Vec<Goal> {
    let mut goals = Vec::new();
    for scenario in report.scenarios.iter().map(|agreed| agreed.scenario) {
        let least = match scenario.name {
            "html" | "json" => None,
            "post-json" => Some(60.0),
            _ => Some(40.0),
        };
        let what = format!("CPU a request, {}: ModSecurity's against ours with the CRS", scenario.title);
        goals.extend(ratio(
            report,
            what,
            scenario.name,
            NginxModSecurity,
            PortcullisCrs,
            least.map(Bound::AtLeast),
        ));
    }
    let what = "CPU a request, browsing mix: built-in + model against inspection off".to_owned();
    goals.extend(ratio(report, what, MIX, PortcullisBuiltin, PortcullisOff, Some(Bound::AtMost(2.0))));
    for (peer, most) in [(Pingora, Some(1.1)), (Nginx, None)] {
        for scenario in report.scenarios.iter().map(|agreed| agreed.scenario) {
            let what = format!("CPU a request, {}: inspection off against {}", scenario.title, peer.title());
            goals.extend(ratio(report, what, scenario.name, PortcullisOff, peer, most.map(Bound::AtMost)));
        }
    }
    if let Some((wall, cpu)) = report.start(PortcullisCrs) {
        goals.push(Goal {
            what: "start to first accepted request, with the CRS".into(),
            goal: "at most 200 ms".into(),
            measured: format!("{} ({} of CPU)", time(wall), time(cpu)),
            reached: Some(wall <= 200_000.0),
        });
    }
    for scaled in report.scaling {
        let factor = scaled.per_second[1] / scaled.per_second[0];
        goals.push(Goal {
            what: format!(
                "requests/s on two threads against one, {}, {}",
                scaled.product.title(),
                scaled.scenario
            ),
            goal: "at least 1.8 times".into(),
            measured: format!("{factor:.2} times, the load generator on the same processors"),
            reached: Some(factor >= 1.8),
        });
    }
    goals
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

fn ratio(
    report: &Report<'_>,
    what: String,
    scenario: &'static str,
    of: Product,
    against: Product,
    bound: Option<Bound>,
) -> Option<Goal> {
    let times = report.samples.cpu((scenario, of))? / report.samples.cpu((scenario, against))?;
    let (goal, reached) = match bound {
        None => ("to be said".to_owned(), None),
        Some(Bound::AtLeast(least)) => (format!("at least {least} times"), Some(times >= least)),
        Some(Bound::AtMost(most)) => (format!("at most {most} times"), Some(times <= most)),
    };
    Some(Goal { what, goal, measured: format!("{times:.2} times"), reached })
}
