//! Directives that say how the engine works, as keys of a policy.

use std::collections::BTreeMap;

use super::directives::Unit;

/// What directives say, apart from rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// `SecRuleEngine`, as a mode.
    pub(super) mode: Option<&'static str>,
    /// Keys of `limits`.
    pub(super) limits: BTreeMap<&'static str, u64>,
    pub(super) on_limit: Option<&'static str>,
    pub(super) on_response_limit: Option<&'static str>,
    pub(super) inspect_responses: Option<bool>,
    /// `reports.decisions.to`.
    pub(super) records_to: Option<String>,
    /// `reports.decisions.only`.
    pub(super) records_only: Option<&'static str>,
}

/// What became of a directive.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// It is no setting.
    No,
    /// It became this key.
    To(&'static str),
    /// It says what is so anyway.
    AsItIs(&'static str),
    /// It says something that has no counterpart: why, and the way out.
    Lost(&'static str),
}

impl Settings {
    /// Carries a directive over, if it is a setting.
    pub(super) fn take(&mut self, unit: &Unit) -> Carried {
        let value = unit.words.first().map_or("", String::as_str);
        let is = |wanted: &str| value.eq_ignore_ascii_case(wanted);
        let name = unit.name.to_ascii_lowercase();
        if let Some((_, key)) = LIMITS.iter().find(|(known, _)| *known == name) {
            return match value.trim().parse() {
                Ok(limit) => {
                    self.limits.insert(key, limit);
                    Carried::To(key)
                }
                Err(_) => Carried::Lost("this is no number"),
            };
        }
        match name.as_str() {
            "secruleengine" => {
                let mode = [("on", "prevent"), ("detectiononly", "detect"), ("off", "off")];
                match mode.iter().find(|(known, _)| is(known)) {
                    Some((_, mode)) => {
                        self.mode = Some(mode);
                        Carried::To("mode")
                    }
                    None => Carried::Lost("expected `On`, `Off` or `DetectionOnly`"),
                }
            }
            "secrequestbodylimitaction" => {
                self.on_limit = Some(if is("Reject") { "block" } else { "pass" });
                Carried::To("on_limit")
            }
            "secresponsebodyaccess" => {
                self.inspect_responses = Some(is("On"));
                Carried::To("inspect_responses")
            }
            "secresponsebodylimitaction" if is("Reject") => {
                self.on_response_limit = Some("block");
                Carried::To("on_response_limit")
            }
            "secresponsebodylimitaction" => Carried::AsItIs("a longer response goes on, and is counted"),
            "secrequestbodynofileslimit" => Carried::Lost(
                "bodies are inspected as they stream, so that there is one limit for all: `limits.body_bytes_max`",
            ),
            "secrequestbodyinmemorylimit" => Carried::AsItIs("bodies are inspected in bounded memory"),
            "secauditengine" => {
                match value.to_ascii_lowercase().as_str() {
                    "on" => self.records_only = Some("all"),
                    "relevantonly" => self.records_only = Some("hostile"),
                    _ => self.records_to = Some("none".to_owned()),
                }
                Carried::To("reports.decisions")
            }
            "secauditlog" => self.audit_log(value),
            "secauditlogrelevantstatus" => Carried::Lost(
                "records are chosen by the verdict: `reports.decisions.only`; ModSecurity's audit log is written for `SecAudit*` in a rule file",
            ),
            "secauditlog2"
            | "secauditlogstoragedir"
            | "secauditlogparts"
            | "secauditlogformat"
            | "secauditlogtype" => Carried::Lost(
                "decision records are JSON lines in one place; ModSecurity's audit log is written for `SecAudit*` in a rule file",
            ),
            "secpcrematchlimit" | "secpcrematchlimitrecursion" => {
                Carried::AsItIs("matching is linear or within a fixed budget")
            }
            _ => Carried::No,
        }
    }

    fn audit_log(&mut self, path: &str) -> Carried {
        if self.records_to.as_deref() != Some("none") {
            let is_stdout = ["/dev/stdout", "/proc/self/fd/1", "/dev/stderr"].contains(&path);
            self.records_to = Some(if is_stdout { "stdout".to_owned() } else { path.to_owned() });
        }
        Carried::To("reports.decisions.to")
    }
}

/// Limits, and the keys of `limits` that are the same.
const LIMITS: &[(&str, &str)] = &[
    ("secargumentslimit", "query_arguments_max"),
    ("secrequestbodyjsondepthlimit", "json_depth_max"),
    ("secrequestbodylimit", "body_bytes_max"),
    ("secrequestbodynofileslimit", "body_without_files_bytes_max"),
    ("secresponsebodylimit", "response_body_bytes_max"),
];

#[cfg(test)]
mod tests {
    use super::super::directives::units;
    use super::*;

    #[test]
    fn carries_settings_over() {
        let mut settings = Settings::default();
        for (directive, expected) in [
            ("SecRuleEngine On", Carried::To("mode")),
            ("SecRequestBodyLimit 13107200", Carried::To("body_bytes_max")),
            ("SecRequestBodyLimitAction Reject", Carried::To("on_limit")),
            ("SecResponseBodyAccess On", Carried::To("inspect_responses")),
            ("SecAuditEngine RelevantOnly", Carried::To("reports.decisions")),
            ("SecAuditLog /dev/stdout", Carried::To("reports.decisions.to")),
            ("SecUnicodeMapFile x", Carried::No),
        ] {
            assert_eq!(settings.take(&units(directive).0[0]), expected, "{directive}");
        }
        let expected = Settings {
            mode: Some("prevent"),
            limits: BTreeMap::from([("body_bytes_max", 13_107_200)]),
            on_limit: Some("block"),
            on_response_limit: None,
            inspect_responses: Some(true),
            records_to: Some("stdout".to_owned()),
            records_only: Some("hostile"),
        };
        assert_eq!(settings, expected);
    }
}
