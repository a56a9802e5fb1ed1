//! Why Portcullis and libmodsecurity differ on a request.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_tests::files::crs_directory;
use serde::Deserialize;
use signatures::{Ruleset, Variable};

use super::peer::{Outcome, Sent, compare, suite_requests, wire};
use super::{page, sample, suite};

/// A difference in single requests, with its reason.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Single {
    /// Names of the requests, as a pattern.
    requests: String,
    /// Rules that one of both has and the other has not.
    rules: Vec<u32>,
    reason: String,
    right: String,
}

/// What explains a difference, and which side is right by the reference.
const CAUSES: &[(&str, &str, &str)] = &[
    ("logging", "libmodsecurity leaves out of an audit record what phase 5 logs (980170)", "-"),
    ("refused", "one of both refuses the request as an HTTP server (400, 405, 505)", "both"),
    ("cut", "nginx breaks off an answer whose head it has sent: no status, here 403", "Portcullis"),
    (
        "body",
        "libmodsecurity fills `REQUEST_BODY` for every body; the reference manual says forms only (CRS's suite: \
         944100-11, 922110-5)",
        "Portcullis",
    ),
    (
        "lines",
        "libmodsecurity 3 lets `^` and `$` match at lines; CRS is written for ModSecurity 2, where they are the ends",
        "Portcullis",
    ),
    (
        "malformed",
        "of a body that does not parse, libmodsecurity drops the rest; here the rest is looked at as text",
        "Portcullis",
    ),
    (
        "nul",
        "transformations of libmodsecurity end a value at a NUL byte that another one made (transformations.md, \
         `cssDecode`)",
        "Portcullis",
    ),
    (
        "linefeed",
        "libmodsecurity drops bare line feeds in the values of multipart bodies, so that lines run together",
        "Portcullis",
    ),
    ("later", "rules of phases that the other one, which had denied before, did not come to", "-"),
    ("single", "told one by one below", "-"),
];

/// What explains a request's difference; `Err` with what is left.
fn causes(
    request: &Sent,
    (ours, theirs): (&Outcome, &Outcome),
    body_rules: &BTreeSet<u32>,
    singles: &mut BTreeMap<usize, usize>,
    known: &[Single],
) -> Result<BTreeSet<&'static str>, String> {
    let mut found = BTreeSet::new();
    if ours.rules == theirs.rules && ours.is_denied() == theirs.is_denied() && ours.status == theirs.status {
        return Ok(found);
    }
    let refused = |one: &Outcome| matches!(one.status, 400 | 405 | 505);
    if refused(ours) || refused(theirs) || (theirs.status == 0 && theirs.rules.is_empty()) {
        return Ok(BTreeSet::from(["refused"]));
    }
    let mut more: BTreeSet<u32> = ours.rules.difference(&theirs.rules).copied().collect();
    let mut less: BTreeSet<u32> = theirs.rules.difference(&ours.rules).copied().collect();
    take(&mut more, &mut found, "logging", &|rule| rule == 980_170);
    for (at, single) in known.iter().enumerate() {
        let pattern = regex::Regex::new(&format!("^(?:{})$", single.requests)).expect("a pattern");
        let covers = |rule: u32| single.rules.contains(&rule);
        if !pattern.is_match(&request.name) {
            continue;
        }
        if single.rules.is_empty() {
            *singles.entry(at).or_default() += 1;
            found.insert("single");
        } else if more.iter().chain(&less).any(|rule| covers(*rule)) {
            *singles.entry(at).or_default() += 1;
            take(&mut more, &mut found, "single", &covers);
            take(&mut less, &mut found, "single", &covers);
        }
    }
    let text = String::from_utf8_lossy(&request.bytes).to_ascii_lowercase();
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    if !text.contains("content-type: application/x-www-form-urlencoded") {
        take(&mut less, &mut found, "body", &|rule| body_rules.contains(&rule));
    }
    if text.contains("%0a") || text.contains("\\n") || body.contains('\n') {
        take(&mut less, &mut found, "lines", &|rule| LINE_RULES.contains(&rule));
        take(&mut more, &mut found, "lines", &|rule| NEGATED_LINE_RULES.contains(&rule));
    }
    if ["%00", "%2500", "\0", "\\x00", "%5cx00"].iter().any(|nul| text.contains(nul)) {
        take(&mut more, &mut found, "nul", &|rule| !CONSEQUENCES.contains(&rule));
    }
    if text.contains("content-type: multipart/") && body.replace("\r\n", "").contains('\n') {
        take(&mut more, &mut found, "linefeed", &|rule| !CONSEQUENCES.contains(&rule));
        take(&mut less, &mut found, "linefeed", &|rule| !CONSEQUENCES.contains(&rule));
    }
    if ours.malformed {
        take(&mut more, &mut found, "malformed", &|rule| !CONSEQUENCES.contains(&rule));
    }
    if theirs.rules.contains(&949_110) {
        take(&mut more, &mut found, "later", &|rule| rule / 10_000 == 95);
    }
    if theirs.status == 0 && theirs.is_denied() {
        found.insert("cut");
    }
    more.retain(|rule| !CONSEQUENCES.contains(rule));
    less.retain(|rule| !CONSEQUENCES.contains(rule));
    if more.is_empty() && less.is_empty() && !found.is_empty() {
        return Ok(found);
    }
    Err(format!("{}: {} {} +{more:?} -{less:?}", request.name, ours.status, theirs.status))
}

/// Takes away the rules that a cause covers, and notes it if there were any.
fn take(
    from: &mut BTreeSet<u32>,
    found: &mut BTreeSet<&'static str>,
    cause: &'static str,
    covers: &dyn Fn(u32) -> bool,
) {
    let before = from.len();
    from.retain(|rule| !covers(*rule));
    if from.len() < before {
        found.insert(cause);
    }
}

/// Rules that look at the raw body.
fn body_rules(ruleset: &Ruleset) -> BTreeSet<u32> {
    let looks = |rule: &&signatures::Rule| {
        rule.links
            .iter()
            .flat_map(|link| &link.targets)
            .any(|target| target.variable == Variable::RequestBody)
    };
    ruleset.rules.iter().filter(looks).map(|rule| rule.id.get()).collect()
}

/// One paranoia level's row.
fn row(
    requests: &[Sent],
    paranoia: u8,
    body_rules: &BTreeSet<u32>,
    known: &[Single],
    singles: &mut BTreeMap<usize, usize>,
    left: &mut Vec<String>,
) -> Option<String> {
    let pairs = compare(requests, paranoia)?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (request, (ours, theirs)) in requests.iter().zip(&pairs) {
        match causes(request, (ours, theirs), body_rules, singles, known) {
            Ok(causes) => causes.into_iter().for_each(|cause| *counts.entry(cause).or_default() += 1),
            Err(difference) => left.push(format!("paranoia {paranoia} {difference}")),
        }
    }
    let same = pairs.iter().filter(|(ours, theirs)| ours.is_denied() == theirs.is_denied()).count();
    let without = |outcome: &Outcome| -> BTreeSet<u32> {
        outcome.rules.iter().copied().filter(|rule| *rule != 980_170).collect()
    };
    let rules = pairs.iter().filter(|(ours, theirs)| without(ours) == without(theirs)).count();
    let of = |name: &str| counts.get(name).copied().unwrap_or_default().to_string();
    let cells: Vec<String> = CAUSES.iter().skip(1).map(|(name, ..)| of(name)).collect();
    Some(format!("| {paranoia} | {} | {same} | {rules} | {} |\n", pairs.len(), cells.join(" | ")))
}

/// The table of one set of requests at all levels.
fn table(requests: &[Sent]) -> Option<String> {
    let crs = crs_directory()?;
    let body_rules = body_rules(&suite::load_rules(&crs).0);
    let known: Vec<Single> =
        serde_saphyr::from_str(include_str!("../peer-expected.yaml")).expect("peer-expected.yaml is valid");
    let (mut singles, mut left) = (BTreeMap::new(), Vec::new());
    let names: Vec<&str> = CAUSES.iter().skip(1).map(|(name, ..)| *name).collect();
    let mut table = format!(
        "| paranoia | requests | decided alike | same rules | {} |\n|---|---|---|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    for paranoia in 1..=4 {
        table.push_str(&row(requests, paranoia, &body_rules, &known, &mut singles, &mut left)?);
    }
    print!("{table}");
    assert!(left.is_empty(), "{} differences without a reason:\n{}", left.len(), left.join("\n"));
    table.push_str("\n| single | rules | times | why | right |\n|---|---|---|---|---|\n");
    for (at, times) in singles {
        let Single { requests, rules, reason, right } = &known[at];
        let rules: Vec<String> = rules.iter().map(ToString::to_string).collect();
        table.push_str(&format!(
            "| `{}` | {} | {times} | {reason} | {right} |\n",
            requests.replace('|', "\\|"),
            rules.join(" ")
        ));
    }
    Some(table)
}

/// The suite's requests beside libmodsecurity.
pub(crate) fn check_suite() {
    let Some(crs) = crs_directory() else { return };
    let Some(table) = table(&suite_requests(&crs)) else { return };
    let causes: String =
        CAUSES.iter().skip(1).map(|(name, why, right)| format!("| {name} | {why} | {right} |\n")).collect();
    page::check(
        "peer-causes",
        &format!("| difference | why | right by the reference |\n|---|---|---|\n{causes}"),
    );
    page::check("peer-suite", &table);
}

/// Records of the data sets beside libmodsecurity: as many as `PORTCULLIS_PEER_DATA` says.
pub(crate) fn check_data() {
    let wanted = std::env::var_os("PORTCULLIS_PEER_DATA");
    let Some(wanted) = wanted.and_then(|count| count.to_str()?.parse().ok()) else {
        return println!("left out: no PORTCULLIS_PEER_DATA, a number of requests");
    };
    let Some(records) = sample::of_data(wanted) else { return };
    let requests: Vec<Sent> = records.iter().map(wire).collect();
    if let Some(table) = table(&requests) {
        page::check("peer-data", &table);
    }
}

/// What follows from other rules: scores.
const CONSEQUENCES: [u32; 4] = [949_110, 949_111, 959_100, 980_170];
/// Rules whose pattern has `^` or `$` and that were seen to match at a line.
const LINE_RULES: [u32; 8] = [932_340, 932_350, 942_131, 942_200, 942_330, 942_360, 942_361, 942_362];
/// The same of rules that want no match.
const NEGATED_LINE_RULES: [u32; 1] = [942_440];
