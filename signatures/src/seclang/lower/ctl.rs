//! `ctl`: what rules change about how a transaction is inspected.

use transaction::Processor;

use super::super::mapped::Mapped;
use super::audit::{AUDIT_ENGINES, parts_of};
use super::select::{self, By};
use super::setting::{ENGINE_MODES, limit_of, value_of};
use super::target::targets;
use super::{Fate, did_you_mean};
use crate::{AuditPartsChange, Ctl, Diagnostic, Phase};

type Out = Vec<Diagnostic>;

/// Reads `name=value`; one `ctl` may mean several targets.
pub(super) fn ctl(written: &Mapped, out: &mut Out) -> Vec<Ctl> {
    let Some((name, value)) = written.split_once('=') else {
        out.push(
            Diagnostic::error("invalid-value", format!("`{}` is incomplete", written.as_str()))
                .at(written.location(), "expected `option=value`"),
        );
        return Vec::new();
    };
    let (name, value) = (name.trim(), value.trim());
    match OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_str())) {
        Some((_, Read::By(read))) => read(&value, out),
        Some((known, Read::Never(fate))) => never(&value, known, *fate, out),
        None => {
            out.push(
                Diagnostic::error("unknown-ctl", format!("unknown option `{}` of `ctl`", name.as_str()))
                    .at(name.location(), "not an option")
                    .help(did_you_mean(name.as_str(), OPTIONS.iter().map(|(known, _)| *known))),
            );
            Vec::new()
        }
    }
}

/// Warns of an option that changes what is over in the rule's phase.
pub(super) fn warn_if_late(ctl: &Ctl, phase: Phase, written: &Mapped, out: &mut Out) {
    let (last, what) = match ctl {
        Ctl::RequestBodyAccess(_) | Ctl::RequestBodyLimit(_) | Ctl::RequestBodyProcessor(_) => {
            (Phase::RequestHeaders, "the request's body is read before phase 2")
        }
        Ctl::ResponseBodyAccess(_) | Ctl::ResponseBodyLimit(_) => {
            (Phase::ResponseHeaders, "the response's body is read before phase 4")
        }
        _ => return,
    };
    if phase > last {
        let (name, _) = written.split_once('=').unwrap_or_else(|| (written.clone(), written.clone()));
        out.push(
            Diagnostic::warning(
                "ctl-too-late",
                format!("`ctl:{}` has no effect in phase {}", name.trim().as_str(), phase as u8),
            )
            .at(written.location(), what)
            .help(format!("move the rule to phase {}", last as u8)),
        );
    }
}

/// What becomes of an option.
enum Read {
    By(fn(&Mapped, &mut Out) -> Vec<Ctl>),
    Never(Never),
}

/// Why an option does nothing.
#[derive(Clone, Copy)]
enum Never {
    NoEffect(&'static str),
    Refused(&'static str),
}

/// Every option, with what becomes of it.
pub(in crate::seclang) fn controls() -> impl Iterator<Item = (&'static str, Fate)> {
    OPTIONS.iter().map(|(name, read)| {
        let fate = match read {
            Read::By(_) => Fate::Done,
            Read::Never(Never::NoEffect(why)) => Fate::NoEffect(why),
            Read::Never(Never::Refused(why)) => Fate::Refused(why),
        };
        (*name, fate)
    })
}

static OPTIONS: &[(&str, Read)] = &[
    ("auditEngine", Read::By(|value, out| one(value_of(value, &AUDIT_ENGINES, out).map(Ctl::AuditEngine)))),
    (
        "auditLogParts",
        Read::By(|value, out| {
            let letters = value.slice(value.range_of(value.as_str().trim_start_matches(['+', '-'])));
            let change = match value.as_str().as_bytes().first() {
                Some(b'+') => AuditPartsChange::Add,
                Some(b'-') => AuditPartsChange::Remove,
                _ => AuditPartsChange::Set,
            };
            one(parts_of(&letters, out).map(|parts| Ctl::AuditLogParts(change(parts))))
        }),
    ),
    ("debugLogLevel", Read::Never(Never::NoEffect("`explain` shows how a verdict came about"))),
    (
        "forceRequestBodyVariable",
        Read::By(|value, out| one(on_off(value, out).map(Ctl::ForceRequestBodyVariable))),
    ),
    ("hashEnforcement", Read::Never(Never::Refused("links are not signed"))),
    ("hashEngine", Read::Never(Never::Refused("links are not signed"))),
    ("parseXmlIntoArgs", Read::Never(Never::Refused("XML is looked at as `XML:/*` and `XML://@*`"))),
    ("requestBodyAccess", Read::By(|value, out| one(on_off(value, out).map(Ctl::RequestBodyAccess)))),
    ("requestBodyLimit", Read::By(|value, out| one(limit_of(value, out).map(Ctl::RequestBodyLimit)))),
    (
        "requestBodyProcessor",
        Read::By(|value, out| {
            let values = [
                ("URLENCODED", Processor::UrlEncoded),
                ("MULTIPART", Processor::Multipart),
                ("XML", Processor::Xml),
                ("JSON", Processor::Json),
            ];
            one(value_of(value, &values, out).map(Ctl::RequestBodyProcessor))
        }),
    ),
    ("responseBodyAccess", Read::By(|value, out| one(on_off(value, out).map(Ctl::ResponseBodyAccess)))),
    ("responseBodyLimit", Read::By(|value, out| one(limit_of(value, out).map(Ctl::ResponseBodyLimit)))),
    ("ruleEngine", Read::By(|value, out| one(value_of(value, &ENGINE_MODES, out).map(Ctl::RuleEngine)))),
    ("ruleRemoveById", Read::By(|value, out| one(select::rules(By::Id, value, out).map(Ctl::RuleRemove)))),
    ("ruleRemoveByMsg", Read::By(|value, out| one(select::rules(By::Msg, value, out).map(Ctl::RuleRemove)))),
    ("ruleRemoveByTag", Read::By(|value, out| one(select::rules(By::Tag, value, out).map(Ctl::RuleRemove)))),
    ("ruleRemoveTargetById", Read::By(|value, out| remove_targets(By::Id, value, out))),
    ("ruleRemoveTargetByMsg", Read::By(|value, out| remove_targets(By::Msg, value, out))),
    ("ruleRemoveTargetByTag", Read::By(|value, out| remove_targets(By::Tag, value, out))),
];

fn one(ctl: Option<Ctl>) -> Vec<Ctl> {
    ctl.into_iter().collect()
}

fn on_off(value: &Mapped, out: &mut Out) -> Option<bool> {
    value_of(value, &[("On", true), ("Off", false)], out)
}

/// `selection;TARGET`.
fn remove_targets(by: By, value: &Mapped, out: &mut Out) -> Vec<Ctl> {
    let Some((selection, target)) = value.split_once(';') else {
        out.push(
            Diagnostic::error("invalid-value", format!("`{}` names no target", value.as_str()))
                .at(value.location(), "expected `rules;TARGET`")
                .help(format!("write a semicolon before the target: `{};ARGS:name`", value.as_str())),
        );
        return Vec::new();
    };
    let Some(selector) = select::rules(by, &selection.trim(), out) else { return Vec::new() };
    let targets = targets(&target, out);
    let all = targets.included.into_iter().chain(targets.excluded);
    all.map(|target| Ctl::RuleRemoveTarget(selector.clone(), target)).collect()
}

fn never(value: &Mapped, name: &str, why: Never, out: &mut Out) -> Vec<Ctl> {
    out.push(match why {
        Never::NoEffect(why) => Diagnostic::warning("no-effect", format!("`ctl:{name}` has no effect here"))
            .at(value.location(), why),
        Never::Refused(why) => {
            Diagnostic::error("unsupported-action", format!("`ctl:{name}` is not supported"))
                .at(value.location(), why)
        }
    });
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::check::{codes, rule};
    use crate::Action;

    fn shown(ctl: &str) -> Vec<String> {
        let rule = rule(&format!("SecRule ARGS \"@rx x\" \"id:1,phase:1,tag:'OWASP_CRS',ctl:{ctl}\""));
        rule.links[0]
            .actions
            .iter()
            .map(|action| match action {
                Action::Ctl(ctl) => format!("{ctl:?}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn reads_options() {
        let rows = [
            ("auditEngine=Off", "AuditEngine(Off)"),
            ("requestBodyLimit=1000", "RequestBodyLimit(1000)"),
            ("responseBodyLimit=1000", "ResponseBodyLimit(1000)"),
            ("auditLogParts=+E", "AuditLogParts(Add(AuditParts(16)))"),
            ("auditLogParts=AB", "AuditLogParts(Set(AuditParts(3)))"),
            ("forceRequestBodyVariable=On", "ForceRequestBodyVariable(true)"),
            ("requestBodyAccess=off", "RequestBodyAccess(false)"),
            ("requestBodyProcessor=urlencoded", "RequestBodyProcessor(UrlEncoded)"),
            ("ruleEngine=DetectionOnly", "RuleEngine(DetectionOnly)"),
            ("ruleRemoveById=1-9", "RuleRemove(Ids([1..=9]))"),
        ];
        for (option, expected) in rows {
            assert_eq!(shown(option), [expected], "{option}");
        }
    }

    #[test]
    fn warns_of_what_is_over() {
        for (phase, option, is_late) in [
            (1, "requestBodyLimit=1000", false),
            (2, "requestBodyLimit=1000", true),
            (2, "requestBodyAccess=On", true),
            (5, "requestBodyProcessor=XML", true),
            (3, "responseBodyLimit=1000", false),
            (4, "responseBodyAccess=Off", true),
            (2, "forceRequestBodyVariable=On", false),
            (2, "ruleEngine=Off", false),
        ] {
            let found = codes(&format!("SecAction \"id:1,phase:{phase},pass,ctl:{option}\""));
            assert_eq!(found, if is_late { vec!["ctl-too-late"] } else { vec![] }, "{phase} {option}");
        }
    }

    #[test]
    fn one_option_may_leave_out_several_targets() {
        assert_eq!(shown("'ruleRemoveTargetByTag=OWASP_CRS;ARGS:a|ARGS:b'").len(), 2);
        assert_eq!(shown("ruleRemoveTargetById=1;ARGS:body[0][value]").len(), 1);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let rows = [
            ("ruleEngine", "invalid-value"),
            ("ruleEngin=On", "unknown-ctl"),
            ("ruleEngine=Maybe", "invalid-argument"),
            ("ruleRemoveById=x", "invalid-id"),
            ("ruleRemoveTargetById=1", "invalid-value"),
            ("auditEngine=x", "invalid-argument"),
            ("auditLogParts=+X", "invalid-argument"),
            ("debugLogLevel=9", "no-effect"),
            ("requestBodyLimit=0", "invalid-number"),
            ("responseBodyLimit=1MB", "invalid-number"),
        ];
        for (option, code) in rows {
            assert_eq!(codes(&format!("SecAction \"id:1,phase:1,pass,ctl:{option}\"")), [code], "{option}");
        }
    }
}
