//! What a match does, in words.

use signatures::{
    Action, AllowScope, Assignment, AuditEngine, Change, Ctl, Disruptive, EngineMode, Rule, RuleSelector,
    Sanitise, Skip,
};

/// All that a match does: for each value, once for the transaction, then what becomes of the request.
pub(super) fn effects(rule: &Rule) -> Vec<String> {
    let mut effects: Vec<String> = rule.links.iter().flat_map(|link| &link.actions).map(action).collect();
    if rule.links.iter().any(|link| link.capture) {
        effects.insert(0, "keeps what matched and its groups in TX:0 to TX:9".to_owned());
    }
    effects.push(disruptive(&rule.disruptive));
    effects.extend(rule.skip.as_ref().map(skip));
    effects.push(reported(rule).to_owned());
    effects
}

fn action(action: &Action) -> String {
    match action {
        Action::SetVar(assignment) => assign(assignment),
        Action::Ctl(ctl) => control(ctl),
        Action::InitCol { collection, key } => format!("opens the collection {collection} under `{key}`"),
        Action::SetId { collection, key } => format!("names the collection {collection} `{key}`"),
        Action::DeprecateVar { collection, name, amount, period_s } => {
            format!("lets {collection}.{name} sink by {amount} every {period_s} seconds")
        }
        Action::Sanitise(Sanitise::Matched) => "masks in records what matched".to_owned(),
        Action::Sanitise(Sanitise::Named(target)) => format!("masks {target} in records"),
        Action::ExpireVar { collection, name, seconds } => {
            format!("lets {collection}.{name} expire after {seconds} seconds")
        }
    }
}

fn assign(Assignment { collection, name, change }: &Assignment) -> String {
    match change {
        Change::Add(by) => format!("adds {by} to {collection}.{name}"),
        Change::Set(to) => format!("sets {collection}.{name} to `{to}`"),
        Change::Subtract(by) => format!("subtracts {by} from {collection}.{name}"),
        Change::Unset => format!("removes {collection}.{name}"),
    }
}

fn control(ctl: &Ctl) -> String {
    let on = |on: &bool| if *on { "on" } else { "off" };
    match ctl {
        Ctl::AuditEngine(AuditEngine::Off) => "keeps this transaction out of the audit log".to_owned(),
        Ctl::AuditEngine(AuditEngine::On) => "writes this transaction to the audit log".to_owned(),
        Ctl::AuditEngine(AuditEngine::RelevantOnly) => {
            "writes this transaction to the audit log if it is relevant".to_owned()
        }
        Ctl::AuditLogParts(_) => "changes the parts of the audit record".to_owned(),
        Ctl::ForceRequestBodyVariable(to) => format!("turns REQUEST_BODY {} for every kind of body", on(to)),
        Ctl::RequestBodyAccess(to) => format!("turns inspection of the request body {}", on(to)),
        Ctl::RequestBodyLimit(bytes) => format!("has {bytes} bytes of the request body inspected"),
        Ctl::RequestBodyProcessor(to) => format!("has the body read as {to:?}"),
        Ctl::ResponseBodyAccess(to) => format!("turns inspection of the response body {}", on(to)),
        Ctl::ResponseBodyLimit(bytes) => format!("has {bytes} bytes of the response body inspected"),
        Ctl::RuleEngine(EngineMode::Off) => "ends inspection of this transaction".to_owned(),
        Ctl::RuleEngine(EngineMode::DetectionOnly) => "only reports what rules find from here on".to_owned(),
        Ctl::RuleEngine(EngineMode::On) => "lets rules decide from here on".to_owned(),
        Ctl::RuleRemove(rules) => format!("leaves out {} for this transaction", selected(rules)),
        Ctl::RuleRemoveTarget(rules, target) => format!("hides {target} from {}", selected(rules)),
    }
}

fn selected(rules: &RuleSelector) -> String {
    match rules {
        RuleSelector::Ids(ranges) => {
            let range = |range: &std::ops::RangeInclusive<u32>| match range.start() == range.end() {
                true => range.start().to_string(),
                false => format!("{}-{}", range.start(), range.end()),
            };
            format!("rules {}", ranges.iter().map(range).collect::<Vec<_>>().join(", "))
        }
        RuleSelector::Msg(regex) => format!("rules whose message matches `{}`", regex.as_str()),
        RuleSelector::Tag(regex) => format!("rules with a tag that matches `{}`", regex.as_str()),
    }
}

fn disruptive(disruptive: &Disruptive) -> String {
    match disruptive {
        Disruptive::Allow(AllowScope::Phase) => "asks no further rule of this phase".to_owned(),
        Disruptive::Allow(AllowScope::Request) => "asks no further rule about the request".to_owned(),
        Disruptive::Allow(AllowScope::Transaction) => "asks no further rule, but in phase 5".to_owned(),
        Disruptive::Deny { status } => format!("stops the transaction with status {status}"),
        Disruptive::Drop => "closes the connection".to_owned(),
        Disruptive::Pass => "lets the transaction go on".to_owned(),
        Disruptive::Redirect { location, status } => {
            format!("answers with a redirect ({status}) to `{location}`")
        }
    }
}

fn skip(skip: &Skip) -> String {
    match skip {
        Skip::After(marker) => format!("goes on after marker {marker}"),
        Skip::Count(rules) => format!("skips the next {rules} rules of the phase"),
    }
}

fn reported(rule: &Rule) -> &'static str {
    match (rule.log, rule.audit_log) {
        (true, _) => "is reported",
        (false, true) => "is written to audit records only",
        (false, false) => "is not reported",
    }
}
