//! The YAML form of a test file: today's, and that of CRS before 4.5, where files do not name their rule and
//! stages stand in a key of their own.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer};

/// One file: the tests of one rule.
#[derive(Clone, Debug, Deserialize)]
pub struct FtwFile {
    /// About the file.
    #[serde(default)]
    pub meta: Meta,
    /// The rule under test; 0 when titles of tests name it.
    #[serde(default)]
    pub rule_id: u32,
    /// Its tests.
    #[serde(default)]
    pub tests: Vec<Case>,
}

/// About a file.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Meta {
    /// Whether its tests are run (old form); yes when not given.
    pub enabled: Option<bool>,
}

/// One test.
#[derive(Clone, Debug, Deserialize)]
pub struct Case {
    /// Its number within the file; 0 when not given, then its position counts.
    #[serde(default)]
    pub test_id: u32,
    /// Rule and number (old form): `942100-7`.
    #[serde(default)]
    pub test_title: String,
    /// What it is about.
    #[serde(default)]
    pub desc: String,
    /// Requests, one after the other; all must come out as expected.
    pub stages: Vec<Stage>,
}

/// What a test is called: `942100-7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseId {
    /// The rule under test.
    pub rule_id: u32,
    /// The test's number.
    pub test_id: u32,
}

/// One request and what is expected of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "StageForm")]
pub struct Stage {
    /// The request.
    pub input: Input,
    /// The expectation.
    pub output: Output,
}

/// Both forms of a stage.
#[derive(Deserialize)]
struct StageForm {
    /// The old form's key.
    stage: Option<Box<StageForm>>,
    #[serde(default)]
    input: Input,
    #[serde(default)]
    output: Output,
}

impl From<StageForm> for Stage {
    fn from(form: StageForm) -> Self {
        match form.stage {
            Some(stage) => Self::from(*stage),
            None => Self { input: form.input, output: form.output },
        }
    }
}

/// A request, described or raw.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Input {
    /// Where it is sent.
    pub dest_addr: Option<String>,
    /// The port it is sent to.
    pub port: Option<u16>,
    /// The method; `GET` when not given.
    pub method: Option<String>,
    /// The request target; `/` when not given.
    pub uri: Option<String>,
    /// The protocol; `HTTP/1.1` when not given, none at all when empty.
    pub version: Option<String>,
    /// Headers; sent in the order of their names, as go-ftw does.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers in the order given, duplicates possible.
    #[serde(default)]
    pub ordered_headers: Vec<NamedHeader>,
    /// The body as text.
    pub data: Option<String>,
    /// The body in base64.
    pub encoded_data: Option<String>,
    /// The whole request in base64.
    pub encoded_request: Option<String>,
    /// Whether missing headers are completed; yes when not given.
    pub autocomplete_headers: Option<bool>,
    /// The old, negated name of `autocomplete_headers`.
    pub stop_magic: Option<bool>,
}

/// One header of `ordered_headers`.
#[derive(Clone, Debug, Deserialize)]
pub struct NamedHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What is expected.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Output {
    /// The status of the answer, one of these (the old form has lists); any when there is none.
    #[serde(default, deserialize_with = "one_or_more")]
    pub status: Vec<u16>,
    /// Text in the body of the answer.
    pub response_contains: Option<String>,
    /// A pattern that a log line matches (old form).
    pub log_contains: Option<String>,
    /// A pattern that no log line matches (old form).
    pub no_log_contains: Option<String>,
    /// What the log says.
    #[serde(default)]
    pub log: Log,
    /// Whether the connection fails. Nothing fails in process, so this is not asked; the log is.
    pub expect_error: Option<bool>,
    /// Whether a test may be tried twice; pointless in process.
    pub retry_once: Option<bool>,
    /// Whether exactly one rule matches.
    #[serde(default)]
    pub isolated: bool,
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Form {
        One(u16),
        More(Vec<u16>),
    }
    Ok(match Form::deserialize(deserializer)? {
        Form::One(status) => vec![status],
        Form::More(statuses) => statuses,
    })
}

/// What the log says.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Log {
    /// Rules that match.
    #[serde(default)]
    pub expect_ids: Vec<u32>,
    /// Rules that do not.
    #[serde(default)]
    pub no_expect_ids: Vec<u32>,
    /// A pattern that a line matches.
    pub match_regex: Option<String>,
    /// A pattern that no line matches.
    pub no_match_regex: Option<String>,
}

impl FtwFile {
    /// Reads a file; one without content (all of it is comment) or that is disabled has no tests.
    ///
    /// # Errors
    /// What is wrong with the YAML, with line and column.
    pub fn parse(yaml: &str) -> Result<Option<Self>, String> {
        let file: Option<Self> = serde_saphyr::from_str(yaml).map_err(|error| error.to_string())?;
        Ok(file.filter(|file| file.meta.enabled != Some(false)))
    }

    /// The tests with their ids.
    pub fn cases(&self) -> impl Iterator<Item = (CaseId, &Case)> {
        (1..).zip(&self.tests).map(|(position, case)| {
            let test_id = if case.test_id == 0 { position } else { case.test_id };
            let id = CaseId::titled(&case.test_title);
            (id.unwrap_or(CaseId { rule_id: self.rule_id, test_id }), case)
        })
    }
}

impl CaseId {
    fn titled(title: &str) -> Option<Self> {
        let (rule_id, test_id) = title.split_once('-')?;
        Some(Self { rule_id: rule_id.parse().ok()?, test_id: test_id.parse().ok()? })
    }
}

impl fmt::Display for CaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.rule_id, self.test_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_schema() {
        let yaml = r#"---
meta:
  author: "somebody"
rule_id: 100
tests:
  - test_id: 3
    desc: first
    stages:
      - input:
          dest_addr: 127.0.0.1
          port: 80
          headers:
            Host: localhost
            Content-Length: 7
          version: ""
        output:
          status: 400
          log:
            expect_ids: [100]
            match_regex: 'found'
"#;
        let file = FtwFile::parse(yaml).expect("valid YAML").expect("not empty");
        let (id, case) = file.cases().next().expect("one test");
        assert_eq!(id.to_string(), "100-3");
        let stage = &case.stages[0];
        assert_eq!(stage.input.headers["Content-Length"], "7");
        assert_eq!(stage.input.version.as_deref(), Some(""));
        assert_eq!(
            (stage.output.status.as_slice(), stage.output.log.expect_ids.as_slice()),
            ([400].as_slice(), [100].as_slice())
        );
        let old = "tests: [{ test_title: 100-2, stages: [{ stage: { output: { status: [403, 400], log_contains: 'id' } } }] }]";
        let file = FtwFile::parse(old).expect("valid YAML").expect("not empty");
        let (id, case) = file.cases().next().expect("one test");
        assert_eq!(
            (id.to_string().as_str(), case.stages[0].output.log_contains.as_deref()),
            ("100-2", Some("id"))
        );
        assert_eq!(case.stages[0].output.status, [403, 400]);
        assert!(FtwFile::parse("---\n# nothing\n").expect("valid YAML").is_none());
        assert!(FtwFile::parse("meta: { enabled: false }").expect("valid YAML").is_none());
        assert!(FtwFile::parse("rule_id: [").is_err());
    }
}
