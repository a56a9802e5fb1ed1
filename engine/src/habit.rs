//! Which fields of a request a rule matched in: what a site learns of rules, and where what it learned holds.

use model::Location;
use signatures::{EVIDENCE_MAX, Match};
use transaction::{Fields, Transaction};

use crate::corroboration::locations;

/// Rules in fields of one request that are learned (count).
pub(crate) const HITS_MAX: usize = 64;

/// A rule that matched in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The part of the request.
    pub location: Location,
    /// The header's, argument's or member's name.
    pub name: Vec<u8>,
    /// The rule.
    pub rule: u32,
}

/// The fields that a rule matched in, if all of them can be told: a site may get used to a rule in a parameter, not to
/// one that finds fault with the request as a whole.
pub(crate) fn hits(found: &Match, transaction: &Transaction) -> Option<Vec<Hit>> {
    // With as many values as are kept, there may be more.
    if found.values.is_empty() || found.values.len() >= EVIDENCE_MAX {
        return None;
    }
    let mut hits = Vec::new();
    for value in &found.values {
        let before = hits.len();
        let (variable, name) = value.target.split_once(':').unwrap_or((&value.target, ""));
        for location in locations(variable) {
            hits.extend(field(*location, variable, name, transaction).map(|name| Hit {
                location: *location,
                name: name.to_vec(),
                rule: found.id.get(),
            }));
        }
        // An argument that is in query and body may have matched in either, so both are meant.
        if hits.len() == before {
            return None;
        }
    }
    hits.dedup();
    Some(hits)
}

/// What the model calls a field that rules call `variable:name`; `None` when it is not there, or when more than one
/// field is meant.
fn field<'n>(
    location: Location,
    variable: &str,
    name: &'n str,
    transaction: &Transaction,
) -> Option<&'n [u8]> {
    let has = |fields: &Fields, name: &[u8]| fields.iter().any(|field| field.name == name);
    let bytes = name.as_bytes();
    match location {
        Location::Query => has(&transaction.query, bytes).then_some(bytes),
        Location::QueryName => has(&transaction.query, bytes).then_some(b""),
        Location::Body => {
            let files = transaction.body.files.iter();
            let is_there =
                has(&transaction.body.arguments, bytes) || files.map(|it| &it.name).any(|it| it == bytes);
            is_there.then_some(bytes)
        }
        Location::BodyName => has(&transaction.body.arguments, bytes).then_some(b""),
        Location::Cookie if variable.ends_with("NAMES") => Some(b""),
        Location::Cookie | Location::Header => (!name.is_empty()).then_some(bytes),
        // The whole target has the query in it.
        Location::Path => (variable == "REQUEST_FILENAME" || transaction.query.is_empty()).then_some(b""),
        Location::Raw => Some(b""),
        Location::Xml => None,
    }
}

#[cfg(test)]
mod tests {
    use signatures::{MatchedValue, Phase, RuleId};
    use transaction::{Limits, Record};

    use super::*;

    fn found(targets: &[&str]) -> Match {
        let value = |target: &&str| MatchedValue { target: (*target).to_owned(), matched: b"x".to_vec() };
        Match {
            id: RuleId(std::num::NonZeroU32::MIN),
            phase: Phase::RequestBody,
            msg: Vec::new(),
            logdata: Vec::new(),
            severity: None,
            tags: Vec::new(),
            paranoia: None,
            values: targets.iter().map(value).collect(),
            score: 0,
            log: true,
            disruptive: true,
        }
    }

    #[test]
    fn tells_which_fields_are_meant() {
        let record = r#"{"method":"POST","url":"/p?q=1&both=2","data":"both=3&b=4",
            "headers":{"Host":"h","Content-Type":"application/x-www-form-urlencoded"}}"#;
        let mut transaction = Record::from_json(record.as_bytes()).unwrap().transaction(&Limits::default());
        transaction.body.arguments = [("both", "3"), ("b", "4")].into_iter().collect();
        let many: Vec<&str> = std::iter::repeat_n("ARGS:q", EVIDENCE_MAX).collect();
        for (targets, expected) in [
            (&["ARGS:q"][..], Some("query:q")),
            (&["ARGS_GET:q", "ARGS:b"], Some("query:q body:b")),
            (&["ARGS:both"], Some("query:both body:both")),
            (&["ARGS_NAMES:b"], Some("body-name:")),
            (&["REQUEST_COOKIES:a"], Some("cookie:a")),
            (&["REQUEST_HEADERS:User-Agent"], Some("header:User-Agent")),
            (&["REQUEST_FILENAME"], Some("path:")),
            (&["REQUEST_URI"], None),
            (&["ARGS:gone"], None),
            (&["ARGS:q", "REQUEST_METHOD"], None),
            (&["TX:score"], None),
            (&[], None),
            (&many, None),
        ] {
            let hits = hits(&found(targets), &transaction);
            let text =
                |hit: &Hit| format!("{}:{}", hit.location.as_str(), String::from_utf8_lossy(&hit.name));
            let hits = hits.map(|hits| hits.iter().map(text).collect::<Vec<_>>().join(" "));
            assert_eq!(hits.as_deref(), expected, "{targets:?}");
        }
    }
}
