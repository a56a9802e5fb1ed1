//! What of the ModSecurity v3 reference there is here, for `docs/seclang.md`.
//!
//! Names and whether they do anything come from the tables that lowering uses; this file says what each is for, and
//! where it differs from the reference.

use super::lower::{self, Fate};
use crate::Variable;
use crate::operator::Operator;
use crate::transformation::Transformation;

/// One name of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// As the reference spells it.
    pub name: &'static str,
    /// What it is for, in one line; empty where nothing is done.
    pub about: &'static str,
    /// What becomes of it.
    pub support: Support,
}

/// What a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the reference's")]
pub enum Kind {
    Directive,
    Variable,
    Operator,
    Transformation,
    Action,
    Control,
}

/// What becomes of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what the reference says.
    Full,
    /// It does, with this difference.
    Differs(String),
    /// It is accepted, and changes nothing, for this reason.
    NoEffect(String),
    /// It is refused, for this reason.
    Refused(String),
}

/// Every name of the reference, kind by kind, each in the order of its table.
#[must_use]
pub fn reference() -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut add = |kind, name, fate: Fate, about: &'static str, difference: &'static str| {
        let support = match fate {
            Fate::Done if difference.is_empty() => Support::Full,
            Fate::Done => Support::Differs(difference.to_owned()),
            Fate::NoEffect(why) => Support::NoEffect(why.to_owned()),
            Fate::Refused(why) => Support::Refused(why.to_owned()),
        };
        entries.push(Entry { kind, name, about, support });
    };
    for (name, fate) in lower::directives() {
        let (about, difference) = described(DIRECTIVES, name);
        add(Kind::Directive, name, fate, about, difference);
    }
    for variable in Variable::ALL {
        let (_, difference) = described(VARIABLES, variable.name());
        add(Kind::Variable, variable.name(), Fate::Done, variable.about(), difference);
    }
    for (name, why) in lower::unsupported_variables() {
        add(Kind::Variable, name, Fate::Refused(why), "", "");
    }
    for name in Operator::names() {
        let (about, difference) = described(OPERATORS, name);
        add(Kind::Operator, name, Fate::Done, about, difference);
    }
    for (name, why, never_matches) in Operator::refused() {
        // With a database it is there.
        let fate = match (name, never_matches) {
            ("geoLookup", _) => Fate::Done,
            (_, true) => Fate::NoEffect(why),
            (_, false) => Fate::Refused(why),
        };
        let (about, difference) = described(OPERATORS, name);
        add(Kind::Operator, name, fate, about, difference);
    }
    add(Kind::Transformation, "none", Fate::Done, "Forgets the transformations before it.", "");
    for transformation in Transformation::ALL {
        let (_, difference) = described(TRANSFORMATIONS, transformation.name());
        add(Kind::Transformation, transformation.name(), Fate::Done, transformation.about(), difference);
    }
    for (name, fate) in lower::actions() {
        let (about, difference) = described(ACTIONS, name);
        add(Kind::Action, name, fate, about, difference);
    }
    for (name, fate) in lower::controls() {
        let (about, difference) = described(CONTROLS, name);
        add(Kind::Control, name, fate, about, difference);
    }
    entries
}

/// What a name is for, and where it differs from the reference.
type Row = (&'static str, &'static str, &'static str);

fn described(table: &'static [Row], name: &str) -> (&'static str, &'static str) {
    let row = table.iter().find(|(known, ..)| *known == name);
    row.map_or(("", ""), |(_, about, difference)| (about, difference))
}

const INSPECTED_ANYWAY: &str = "what is longer is inspected in segments, and counted where it is not";

const DIRECTIVES: &[Row] = &[
    ("SecAction", "A rule that always matches.", ""),
    ("SecArgumentSeparator", "What stands between arguments.", "only `&`, which is the default"),
    (
        "SecArgumentsLimit",
        "Arguments that are read.",
        "of the query; body arguments are inspected without end; a policy's `limits.query_arguments_max` wins",
    ),
    ("SecAuditEngine", "Which transactions get an audit record.", ""),
    (
        "SecAuditLog",
        "The file of audit records.",
        "a file, not a program; written by a thread, never by a request",
    ),
    ("SecAuditLogDirMode", "The permissions of directories of `Concurrent` records.", "0700 by default"),
    (
        "SecAuditLogFileMode",
        "The permissions of files of audit records.",
        "of `Concurrent` records 0600 by default; of the file of `SecAuditLog` what the process's umask says",
    ),
    ("SecAuditLogFormat", "`JSON` or `Native`.", ""),
    (
        "SecAuditLogParts",
        "What of a transaction is written.",
        "sensitive values are masked; of a long body the last segment; D and G are empty, as in the reference",
    ),
    ("SecAuditLogRelevantStatus", "Statuses that `RelevantOnly` logs.", ""),
    ("SecAuditLogStorageDir", "Where `Concurrent` records are.", "directories by day and minute"),
    (
        "SecAuditLogType",
        "How records are written.",
        "`Serial`, or `Concurrent`: a file for each transaction, with `SecAuditLog` as index; `HTTPS` is refused: records are not sent over the network",
    ),
    ("SecCollectionTimeout", "Seconds that a record of a collection lives after its last update.", ""),
    ("SecComponentSignature", "Names a set of rules.", ""),
    ("SecContentInjection", "Whether responses may be rewritten.", "only `Off`"),
    ("SecCookieFormat", "The version of cookies.", "only `0`"),
    ("SecDefaultAction", "Actions that rules of a phase inherit.", ""),
    ("SecGeoLookupDB", "The database of `@geoLookup`.", "MaxMind's format (`.mmdb`); read at load"),
    ("SecHttpBlKey", "The key that `@rbl` of httpbl.org needs.", "before the rule"),
    ("SecHashEngine", "Whether links are signed.", "only `Off`"),
    ("SecMarker", "A place that `skipAfter` leads to.", ""),
    ("SecParseXmlIntoArgs", "Whether XML becomes arguments.", "only `Off`"),
    ("SecRequestBodyAccess", "Whether request bodies are inspected.", ""),
    ("SecRequestBodyJsonDepthLimit", "How deep JSON is read.", "a policy's `limits.json_depth_max` wins"),
    (
        "SecRequestBodyLimit",
        "Bytes of a request body that are inspected.",
        "a policy's `limits.body_bytes_max` wins; bodies are inspected as they stream",
    ),
    (
        "SecRequestBodyLimitAction",
        "What is done with a longer body.",
        "holds for every limit of a request, as the policy's `on_limit` does, which wins",
    ),
    ("SecResponseBodyAccess", "Whether response bodies are inspected.", ""),
    (
        "SecResponseBodyLimit",
        "Bytes of a response body that are inspected.",
        "a policy's `limits.response_body_bytes_max` wins",
    ),
    (
        "SecRequestBodyNoFilesLimit",
        "Bytes of a request body, without the contents of files.",
        "more is inspected, and counts as a limit reached; a policy's `limits.body_without_files_bytes_max` wins",
    ),
    (
        "SecResponseBodyLimitAction",
        "What is done with a longer response.",
        "`Reject` is the policy's `on_response_limit: block`; the default is `ProcessPartial`",
    ),
    ("SecResponseBodyMimeType", "Which responses are inspected.", ""),
    ("SecResponseBodyMimeTypesClear", "Forgets those.", ""),
    ("SecRule", "Looks at variables by an operator, and acts on a match.", ""),
    (
        "SecRuleEngine",
        "Whether rules run, and whether they stop transactions.",
        "the policy's `mode` decides beside it",
    ),
    ("SecRuleRemoveById", "Removes rules.", ""),
    ("SecRuleRemoveByMsg", "Removes rules.", ""),
    ("SecRuleRemoveByTag", "Removes rules.", ""),
    ("SecRuleUpdateActionById", "Changes a rule's actions.", ""),
    ("SecRuleUpdateTargetById", "Changes what rules look at.", ""),
    ("SecRuleUpdateTargetByMsg", "Changes what rules look at.", ""),
    ("SecRuleUpdateTargetByTag", "Changes what rules look at.", ""),
    (
        "SecUploadFileLimit",
        "Files of a request from which on `MULTIPART_FILE_LIMIT_EXCEEDED` is 1.",
        "all files are inspected; `limits.multipart_parts_max` ends a body",
    ),
    (
        "SecUnicodeMapFile",
        "What `t:urlDecodeUni` makes of `%uHHHH`: a file of code pages, and which of them.",
        "read at load; holds for all rules of the set; without the file that the recommended settings name, no effect",
    ),
    ("SecWebAppId", "The application that sessions, users and resources belong to.", ""),
    ("SecXmlExternalEntity", "Whether external entities are fetched.", "only `Off`"),
];

const VARIABLES: &[Row] = &[
    ("DURATION", "", "0: rules see the time at which the request began"),
    ("FILES_TMPNAMES", "", "empty: nothing is written to disk"),
    ("FILES_TMP_CONTENT", "", "the first `limits.file_sample_bytes_max` bytes of each"),
    ("FULL_REQUEST", "", INSPECTED_ANYWAY),
    (
        "GEO",
        "",
        "as `SecGeoLookupDB` knows it; databases of this kind have no COUNTRY_CODE3 and no AREA_CODE",
    ),
    ("MSC_PCRE_ERROR", "", "1 as well where a pattern reached its limit"),
    ("PATH_INFO", "", "the path of the request: files of the application are not known to a proxy"),
    ("REMOTE_HOST", "", "the address: names are not looked up"),
    ("REQUEST_BODY", "", INSPECTED_ANYWAY),
    ("RESPONSE_ARGS", "", "empty"),
    ("TIME", "", "UTC"),
    ("TIME_DAY", "", "UTC"),
    ("TIME_HOUR", "", "UTC"),
    ("TIME_MIN", "", "UTC"),
    ("TIME_MON", "", "UTC"),
    ("TIME_SEC", "", "UTC"),
    ("TIME_WDAY", "", "UTC"),
    ("TIME_YEAR", "", "UTC"),
    (
        "XML",
        "",
        "`XML:/*` is all text, `XML://@*` each attribute; steps by name, `*`, `//`, `*[local-name()='x']`, and `text()`, `@x` at the end; each text node below an element is a value; a prefix is any namespace; other XPaths are refused",
    ),
];

const OPERATORS: &[Row] = &[
    ("beginsWith", "The value begins with the argument.", ""),
    ("contains", "The argument is in the value.", ""),
    ("containsWord", "The argument is in the value, as a word.", ""),
    ("detectSQLi", "libinjection finds SQL injection.", ""),
    ("detectXSS", "libinjection finds cross-site scripting.", ""),
    ("endsWith", "The value ends with the argument.", ""),
    ("eq", "The value is the number.", ""),
    ("ge", "The value is the number or more.", ""),
    (
        "geoLookup",
        "Where the address is, into `GEO`.",
        "needs `SecGeoLookupDB` before the rule; never matches without",
    ),
    ("gt", "The value is more than the number.", ""),
    ("ipMatch", "The value is an address in one of the networks.", ""),
    ("ipMatchF", "The same, of a file.", "a file beside the rules, no address of the web"),
    ("ipMatchFromFile", "The same, of a file.", "a file beside the rules, no address of the web"),
    ("le", "The value is the number or less.", ""),
    ("lt", "The value is less than the number.", ""),
    ("noMatch", "Never.", ""),
    ("pm", "One of the phrases is in the value.", ""),
    ("pmf", "The same, of a file.", "a file beside the rules, no address of the web"),
    ("pmFromFile", "The same, of a file.", "a file beside the rules, no address of the web"),
    (
        "rbl",
        "The client's address is on a list in the DNS.",
        "off without `rbl` in the configuration; of `REMOTE_ADDR` alone; a list's refusal (127.255.255.0/24) and what is \
         not of 127.0.0.0/8 count as no answer; a list that does not answer is counted, and `on_inspection_failure` \
         decides; IPv6 as in RFC 5782",
    ),
    (
        "rx",
        "The pattern matches the value.",
        "in linear time or within a budget; what exceeds that is counted",
    ),
    ("rxGlobal", "The same; the groups of all matches are captured.", "likewise"),
    ("streq", "The value is the argument.", ""),
    ("strmatch", "The argument is in the value.", ""),
    ("unconditionalMatch", "Always.", ""),
    ("validateByteRange", "A byte is outside of the ranges.", ""),
    ("validateUrlEncoding", "Percent-encoding is broken.", ""),
    ("validateUtf8Encoding", "The value is no UTF-8.", ""),
    ("verifyCC", "A credit card number.", ""),
    ("verifyCPF", "A Brazilian tax number.", ""),
    ("verifySSN", "A US social security number.", ""),
    ("verifySVNR", "An Austrian social security number.", ""),
    ("within", "The value is in the argument.", ""),
];

const TRANSFORMATIONS: &[Row] = &[(
    "urlDecodeUni",
    "",
    "`%uHHHH` becomes what `SecUnicodeMapFile` says, or its low byte; full-width letters become ASCII",
)];

const ACTIONS: &[Row] = &[
    ("accuracy", "How rarely the rule is wrong, 0 to 9.", ""),
    ("allow", "Ends the phase, the request or the transaction without further rules.", ""),
    ("auditlog", "Makes the transaction relevant to the audit log.", ""),
    ("block", "Does what `SecDefaultAction` says.", ""),
    ("capture", "Keeps the groups of a match in `TX:0` to `TX:9`.", ""),
    ("chain", "Goes on with the next rule, which must match too.", ""),
    ("ctl", "Changes how this transaction is inspected.", ""),
    ("deny", "Stops the transaction with a status.", "where the policy's mode is `prevent`"),
    (
        "deprecatevar",
        "Has a counter shrink with time.",
        "whole periods since the variable was made, however often it is changed",
    ),
    ("drop", "Stops the transaction and closes the connection.", "where the policy's mode is `prevent`"),
    ("expirevar", "Has a variable of a persistent collection end.", ""),
    ("id", "The rule's number.", ""),
    ("initcol", "Opens a persistent collection under a key.", ""),
    ("log", "Has a match reported.", ""),
    ("logdata", "What is reported of a match.", ""),
    ("maturity", "How long the rule has been tried, 0 to 9.", ""),
    ("msg", "The rule's message.", ""),
    ("multiMatch", "Looks at the value after each transformation that changed it.", ""),
    ("noauditlog", "Undoes `auditlog`.", ""),
    ("nolog", "Undoes `log` and `auditlog`.", ""),
    ("pass", "Goes on after a match.", ""),
    ("phase", "When the rule runs.", ""),
    (
        "redirect",
        "Stops the transaction and answers with another place.",
        "where the policy's mode is `prevent`",
    ),
    ("rev", "The rule's revision.", ""),
    ("sanitiseArg", "Has an argument written down nowhere.", ""),
    ("sanitiseMatched", "Has what the rule matched written down nowhere.", ""),
    ("sanitiseMatchedBytes", "The same.", "the whole value"),
    ("sanitiseRequestHeader", "Has a header written down nowhere.", ""),
    ("sanitiseResponseHeader", "Has a header of the response written down nowhere.", ""),
    ("setenv", "Sets `ENV`.", "for this transaction's rules: there is no web server to tell"),
    ("setrsc", "Opens `RESOURCE` under a key.", ""),
    ("setsid", "Opens `SESSION` under a key.", ""),
    ("setuid", "Opens `USER` under a key.", ""),
    ("setvar", "Sets, adds to or removes a variable.", ""),
    ("severity", "How grave a match is.", ""),
    ("skip", "Leaves out the next rules.", ""),
    ("skipAfter", "Goes on after a marker or a rule.", ""),
    ("status", "The status of `deny` and `redirect`.", ""),
    ("t", "Transforms values before they are looked at.", ""),
    ("tag", "Names what the rule belongs to.", ""),
    ("ver", "The version of the rule set.", ""),
];

const CONTROLS: &[Row] = &[
    ("auditEngine", "As `SecAuditEngine`.", ""),
    ("auditLogParts", "Adds parts, removes them, or names them all.", ""),
    ("forceRequestBodyVariable", "Fills `REQUEST_BODY` whatever the body is.", ""),
    ("requestBodyAccess", "As `SecRequestBodyAccess`.", ""),
    (
        "requestBodyLimit",
        "As `SecRequestBodyLimit`.",
        "in phase 1; wins over the policy's `limits.body_bytes_max`; `on_limit` decides about what is longer",
    ),
    ("requestBodyProcessor", "Says how the body is read.", ""),
    ("responseBodyAccess", "As `SecResponseBodyAccess`.", ""),
    (
        "responseBodyLimit",
        "As `SecResponseBodyLimit`.",
        "up to phase 3; wins over the policy's `limits.response_body_bytes_max`; what is longer is counted",
    ),
    ("ruleEngine", "As `SecRuleEngine`.", ""),
    ("ruleRemoveById", "Leaves out rules.", ""),
    ("ruleRemoveByMsg", "Leaves out rules.", ""),
    ("ruleRemoveByTag", "Leaves out rules.", ""),
    ("ruleRemoveTargetById", "Leaves out targets of rules.", ""),
    ("ruleRemoveTargetByMsg", "Leaves out targets of rules.", ""),
    ("ruleRemoveTargetByTag", "Leaves out targets of rules.", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_does_something_is_described() {
        for entry in reference() {
            let is_done = matches!(entry.support, Support::Full | Support::Differs(_));
            assert!(
                !is_done || !entry.about.is_empty(),
                "{:?} `{}` is not described",
                entry.kind,
                entry.name
            );
        }
    }

    #[test]
    fn descriptions_are_of_names() {
        let entries = reference();
        let tables = [
            (Kind::Directive, DIRECTIVES),
            (Kind::Variable, VARIABLES),
            (Kind::Operator, OPERATORS),
            (Kind::Transformation, TRANSFORMATIONS),
            (Kind::Action, ACTIONS),
            (Kind::Control, CONTROLS),
        ];
        for (kind, table) in tables {
            for (name, ..) in table {
                let is_known = entries.iter().any(|entry| entry.kind == kind && entry.name == *name);
                assert!(is_known, "{kind:?} `{name}` is described and unknown");
            }
        }
    }
}
