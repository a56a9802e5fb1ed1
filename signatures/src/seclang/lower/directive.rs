//! Every directive of the ModSecurity v3 reference, and what becomes of it.

use super::super::lexer::Directive;
use super::select::By;
use super::{audit, setting, unicode};
use crate::operator::DataFiles;
use crate::{Diagnostic, Settings};

/// What a directive does.
pub(super) enum Kind {
    Action,
    DefaultAction,
    Marker,
    Rule,
    Remove(By),
    UpdateActions,
    UpdateTargets(By),
    Setting(fn(&mut Settings, &Directive, &mut Vec<Diagnostic>)),
    /// A setting that is read from a file.
    FileSetting(fn(&mut Settings, &Directive, &dyn DataFiles, &mut Vec<Diagnostic>)),
    /// Accepted, with the reason why it changes nothing.
    WithoutEffect(&'static str),
    /// Refused, with the reason.
    Refused(&'static str),
}

const DISK: &str = "nothing of a request is written to disk";
const REPORT: &str = "the policy says where records go";
const SERIAL: &str = "there is one index, or one file of records: that of `SecAuditLog`";
const LINEAR: &str = "matching is linear or within a fixed budget, and reaching that is counted";
const MEMORY: &str = "bodies are inspected in bounded memory";
const HASH: &str = "links are not signed";
const LOOKUP: &str = "nothing is looked up while a request waits";
const STREAM: &str = "bodies are inspected as they stream, always";
const PDF: &str = "responses are not rewritten";
const CONNECTIONS: &str = "the listener limits connections";

/// Directives by name.
pub(super) static DIRECTIVES: &[(&str, Kind)] = &[
    ("SecAction", Kind::Action),
    ("SecArgumentSeparator", Kind::Setting(setting::argument_separator)),
    ("SecArgumentsLimit", Kind::Setting(setting::arguments_limit)),
    ("SecAuditEngine", Kind::Setting(audit::engine)),
    ("SecAuditLog", Kind::Setting(audit::log)),
    ("SecAuditLog2", Kind::WithoutEffect(SERIAL)),
    ("SecAuditLogDir", Kind::WithoutEffect("`SecAuditLogStorageDir` says where")),
    ("SecAuditLogDirMode", Kind::Setting(audit::directory_mode)),
    ("SecAuditLogFileMode", Kind::Setting(audit::file_mode)),
    ("SecAuditLogFormat", Kind::Setting(audit::format)),
    ("SecAuditLogParts", Kind::Setting(audit::parts)),
    ("SecAuditLogPrefix", Kind::WithoutEffect(REPORT)),
    ("SecAuditLogRelevantStatus", Kind::Setting(audit::relevant_status)),
    ("SecAuditLogStorageDir", Kind::Setting(audit::storage)),
    ("SecAuditLogType", Kind::Setting(audit::kind)),
    ("SecCacheTransformations", Kind::WithoutEffect("results are shared within a phase, always")),
    ("SecChrootDir", Kind::WithoutEffect("the service manager confines the process")),
    ("SecCollectionTimeout", Kind::Setting(setting::collection_timeout)),
    ("SecComponentSignature", Kind::Setting(setting::component_signature)),
    ("SecConnEngine", Kind::WithoutEffect(CONNECTIONS)),
    ("SecConnReadStateLimit", Kind::WithoutEffect(CONNECTIONS)),
    ("SecConnWriteStateLimit", Kind::WithoutEffect(CONNECTIONS)),
    ("SecContentInjection", Kind::Setting(setting::content_injection)),
    ("SecCookieFormat", Kind::Setting(setting::cookie_format)),
    ("SecCookieV0Separator", Kind::Refused("cookies end at semicolons (RFC 6265, section 4.2.1)")),
    (
        "SecDataDir",
        Kind::WithoutEffect(
            "the configuration says by `collections.file` where persistent collections are kept",
        ),
    ),
    ("SecDebugLog", Kind::WithoutEffect("`explain` shows how a verdict came about")),
    ("SecDebugLogLevel", Kind::WithoutEffect("`explain` shows how a verdict came about")),
    ("SecDefaultAction", Kind::DefaultAction),
    ("SecDisableBackendCompression", Kind::WithoutEffect("compressed responses are decoded for inspection")),
    ("SecGeoLookupDB", Kind::FileSetting(setting::geo_lookup_db)),
    ("SecGsbLookupDB", Kind::Refused(LOOKUP)),
    ("SecGuardianLog", Kind::Refused("no program is started from rules")),
    ("SecHashEngine", Kind::Setting(setting::hash_engine)),
    ("SecHashKey", Kind::Refused(HASH)),
    ("SecHashMethodPm", Kind::Refused(HASH)),
    ("SecHashMethodRx", Kind::Refused(HASH)),
    ("SecHashParam", Kind::Refused(HASH)),
    ("SecHttpBlKey", Kind::Setting(setting::http_bl_key)),
    ("SecInterceptOnError", Kind::WithoutEffect("evaluation cannot fail half way")),
    ("SecMarker", Kind::Marker),
    ("SecParseXmlIntoArgs", Kind::Setting(setting::parse_xml_into_args)),
    ("SecPcreMatchLimit", Kind::WithoutEffect(LINEAR)),
    ("SecPcreMatchLimitRecursion", Kind::WithoutEffect(LINEAR)),
    ("SecPdfProtect", Kind::Refused(PDF)),
    ("SecPdfProtectMethod", Kind::Refused(PDF)),
    ("SecPdfProtectSecret", Kind::Refused(PDF)),
    ("SecPdfProtectTimeout", Kind::Refused(PDF)),
    ("SecPdfProtectTokenName", Kind::Refused(PDF)),
    ("SecReadStateLimit", Kind::WithoutEffect(CONNECTIONS)),
    ("SecRemoteRules", Kind::Refused("rules are read from files; `rules install` fetches and checks them")),
    (
        "SecRemoteRulesFailAction",
        Kind::Refused("rules are read from files; `rules install` fetches and checks them"),
    ),
    ("SecRequestBodyAccess", Kind::Setting(setting::request_body_access)),
    ("SecRequestBodyInMemoryLimit", Kind::WithoutEffect(MEMORY)),
    ("SecRequestBodyJsonDepthLimit", Kind::Setting(setting::request_body_json_depth_limit)),
    ("SecRequestBodyLimit", Kind::Setting(setting::request_body_limit)),
    ("SecRequestBodyLimitAction", Kind::Setting(setting::request_body_limit_action)),
    ("SecRequestBodyNoFilesLimit", Kind::Setting(setting::request_body_no_files_limit)),
    ("SecResponseBodyAccess", Kind::Setting(setting::response_body_access)),
    ("SecResponseBodyLimit", Kind::Setting(setting::response_body_limit)),
    ("SecResponseBodyLimitAction", Kind::Setting(setting::response_body_limit_action)),
    ("SecResponseBodyMimeType", Kind::Setting(setting::response_body_mime_type)),
    ("SecResponseBodyMimeTypesClear", Kind::Setting(setting::response_body_mime_types_clear)),
    ("SecRule", Kind::Rule),
    ("SecRuleEngine", Kind::Setting(setting::rule_engine)),
    ("SecRuleInheritance", Kind::WithoutEffect("each policy names its rules in full")),
    ("SecRulePerfTime", Kind::WithoutEffect("`replay` measures rules")),
    ("SecRuleRemoveById", Kind::Remove(By::Id)),
    ("SecRuleRemoveByMsg", Kind::Remove(By::Msg)),
    ("SecRuleRemoveByTag", Kind::Remove(By::Tag)),
    ("SecRuleScript", Kind::Refused("rules run no scripts")),
    ("SecRuleUpdateActionById", Kind::UpdateActions),
    ("SecRuleUpdateTargetById", Kind::UpdateTargets(By::Id)),
    ("SecRuleUpdateTargetByMsg", Kind::UpdateTargets(By::Msg)),
    ("SecRuleUpdateTargetByTag", Kind::UpdateTargets(By::Tag)),
    ("SecSensorId", Kind::WithoutEffect(REPORT)),
    ("SecServerSignature", Kind::WithoutEffect("the upstream's `Server` header is passed on")),
    ("SecStatusEngine", Kind::WithoutEffect("nothing is reported to anybody")),
    ("SecStreamInBodyInspection", Kind::WithoutEffect(STREAM)),
    ("SecStreamOutBodyInspection", Kind::WithoutEffect(STREAM)),
    ("SecTmpDir", Kind::WithoutEffect(DISK)),
    ("SecTmpSaveUploadedFiles", Kind::WithoutEffect(DISK)),
    ("SecUnicodeCodePage", Kind::WithoutEffect("`SecUnicodeMapFile` names the code page beside the file")),
    ("SecUnicodeMapFile", Kind::FileSetting(unicode::map_file)),
    ("SecUploadDir", Kind::WithoutEffect(DISK)),
    ("SecUploadFileLimit", Kind::Setting(setting::upload_file_limit)),
    ("SecUploadFileMode", Kind::WithoutEffect(DISK)),
    ("SecUploadKeepFiles", Kind::WithoutEffect(DISK)),
    ("SecWebAppId", Kind::Setting(setting::web_app_id)),
    ("SecWriteStateLimit", Kind::WithoutEffect(CONNECTIONS)),
    ("SecXmlExternalEntity", Kind::Setting(setting::xml_external_entity)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seclang::lower::check::helps;

    #[test]
    fn what_policies_take_over_is_accepted() {
        for directive in [
            "SecArgumentsLimit 1000",
            "SecRequestBodyJsonDepthLimit 512",
            "SecRequestBodyLimit 13107200",
            "SecRequestBodyLimitAction Reject",
            "SecRequestBodyNoFilesLimit 131072",
            "SecResponseBodyLimit 524288",
            "SecResponseBodyLimitAction Reject",
            "SecResponseBodyLimitAction ProcessPartial",
            "SecUploadFileLimit 100",
        ] {
            assert!(helps(directive).is_empty(), "{directive}");
        }
        for directive in [
            "SecRequestBodyLimit 0",
            "SecUploadFileLimit x",
            "SecArgumentsLimit x",
            "SecRequestBodyLimitAction Drop",
        ] {
            assert_eq!(helps(directive).len(), 1, "{directive}");
        }
    }

    #[test]
    fn what_changes_nothing_is_warned_of() {
        for directive in [
            "SecAuditLog2 /var/log/audit/",
            "SecDataDir /tmp/",
            "SecPcreMatchLimit 1000",
            "SecPcreMatchLimitRecursion 1000",
        ] {
            assert!(matches!(&helps(directive)[..], [("no-effect", _)]), "{directive}");
        }
    }

    #[test]
    fn directives_stand_in_order_once() {
        assert!(DIRECTIVES.windows(2).all(|pair| pair[0].0.to_lowercase() < pair[1].0.to_lowercase()));
    }
}
