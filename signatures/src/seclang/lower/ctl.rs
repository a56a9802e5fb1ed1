//! `ctl`: what rules change about how a transaction is inspected.

use transaction::Processor;

use super::super::mapped::Mapped;
use super::did_you_mean;
use super::select::{self, By};
use super::setting::{ENGINE_MODES, value_of};
use super::target::targets;
use crate::{Ctl, Diagnostic};

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
        Some((_, read)) => read(&value, out),
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

type Read = fn(&Mapped, &mut Out) -> Vec<Ctl>;

static OPTIONS: &[(&str, Read)] = &[
    ("auditEngine", |value, out| {
        let values = [("On", ()), ("Off", ()), ("RelevantOnly", ())];
        one(value_of(value, &values, out).map(|()| Ctl::AuditEngine(value.as_str().into())))
    }),
    ("auditLogParts", |value, _| vec![Ctl::AuditLogParts(value.as_str().into())]),
    ("debugLogLevel", |value, out| {
        without_effect(value, "debugLogLevel", "`explain` shows how a verdict came about", out)
    }),
    ("forceRequestBodyVariable", |value, out| one(on_off(value, out).map(Ctl::ForceRequestBodyVariable))),
    ("hashEnforcement", |value, out| refused(value, "hashEnforcement", "links are not signed", out)),
    ("hashEngine", |value, out| refused(value, "hashEngine", "links are not signed", out)),
    ("parseXmlIntoArgs", |value, out| {
        refused(value, "parseXmlIntoArgs", "XML is looked at as `XML:/*` and `XML://@*`", out)
    }),
    ("requestBodyAccess", |value, out| one(on_off(value, out).map(Ctl::RequestBodyAccess))),
    ("requestBodyLimit", |value, out| of_policy(value, "requestBodyLimit", "`limits.body_bytes_max`", out)),
    ("requestBodyProcessor", |value, out| {
        let values = [
            ("URLENCODED", Processor::UrlEncoded),
            ("MULTIPART", Processor::Multipart),
            ("XML", Processor::Xml),
            ("JSON", Processor::Json),
        ];
        one(value_of(value, &values, out).map(Ctl::RequestBodyProcessor))
    }),
    ("responseBodyAccess", |value, out| one(on_off(value, out).map(Ctl::ResponseBodyAccess))),
    ("responseBodyLimit", |value, out| {
        of_policy(value, "responseBodyLimit", "`limits.response_body_bytes_max`", out)
    }),
    ("ruleEngine", |value, out| one(value_of(value, &ENGINE_MODES, out).map(Ctl::RuleEngine))),
    ("ruleRemoveById", |value, out| one(select::rules(By::Id, value, out).map(Ctl::RuleRemove))),
    ("ruleRemoveByMsg", |value, out| one(select::rules(By::Msg, value, out).map(Ctl::RuleRemove))),
    ("ruleRemoveByTag", |value, out| one(select::rules(By::Tag, value, out).map(Ctl::RuleRemove))),
    ("ruleRemoveTargetById", |value, out| remove_targets(By::Id, value, out)),
    ("ruleRemoveTargetByMsg", |value, out| remove_targets(By::Msg, value, out)),
    ("ruleRemoveTargetByTag", |value, out| remove_targets(By::Tag, value, out)),
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

fn without_effect(value: &Mapped, name: &str, why: &'static str, out: &mut Out) -> Vec<Ctl> {
    out.push(
        Diagnostic::warning("no-effect", format!("`ctl:{name}` has no effect here"))
            .at(value.location(), why),
    );
    Vec::new()
}

fn of_policy(value: &Mapped, name: &str, keys: &str, out: &mut Out) -> Vec<Ctl> {
    out.push(super::of_policy(&format!("`ctl:{name}`"), value.location(), keys));
    Vec::new()
}

fn refused(value: &Mapped, name: &str, why: &'static str, out: &mut Out) -> Vec<Ctl> {
    out.push(
        Diagnostic::error("unsupported-action", format!("`ctl:{name}` is not supported"))
            .at(value.location(), why),
    );
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::super::check::{codes, link};
    use crate::Action;

    fn shown(ctl: &str) -> Vec<String> {
        link(&format!("tag:'OWASP_CRS',ctl:{ctl}"))
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
            ("auditEngine=Off", "AuditEngine(\"Off\")"),
            ("auditLogParts=+E", "AuditLogParts(\"+E\")"),
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
            ("debugLogLevel=9", "no-effect"),
        ];
        for (option, code) in rows {
            assert_eq!(codes(&format!("SecAction \"id:1,phase:1,pass,ctl:{option}\"")), [code], "{option}");
        }
    }
}
