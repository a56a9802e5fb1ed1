//! Diagnostics as SARIF 2.1.0 (OASIS), which code hosts show beside the changed lines.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Diagnostic, Location};

impl Diagnostic {
    /// A SARIF log with one run that holds all diagnostics.
    #[must_use]
    pub fn to_sarif(diagnostics: &[Self]) -> Value {
        let codes: BTreeSet<&str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
        let rules: Vec<Value> = codes.into_iter().map(|code| json!({ "id": code })).collect();
        let results: Vec<Value> = diagnostics.iter().map(Self::sarif_result).collect();
        let driver = json!({ "name": "portcullis", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
        json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{ "tool": { "driver": driver }, "columnKind": "unicodeCodePoints", "results": results }],
        })
    }

    fn sarif_result(&self) -> Value {
        let message = match &self.help {
            Some(help) => format!("{}; {help}", self.title),
            None => self.title.clone(),
        };
        let mut result = json!({
            "ruleId": self.code,
            "level": self.severity.name(),
            "message": { "text": message },
        });
        if let Some(location) = &self.location {
            result["locations"] = json!([place(location, &self.label)]);
        }
        if let Some((location, label)) = &self.related {
            result["relatedLocations"] = json!([place(location, label)]);
        }
        result
    }
}

fn place(location: &Location, label: &str) -> Value {
    let ((line, column), (end_line, end_column)) = (location.line_column(), location.end_line_column());
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": location.file.path },
            "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column },
        },
        "message": { "text": label },
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;
    use crate::Diagnostic;

    #[test]
    fn names_each_code_once() {
        let log = Diagnostic::to_sarif(&[sample(), sample()]);
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"].as_array().map(Vec::len), Some(1));
        assert_eq!(run["results"].as_array().map(Vec::len), Some(2));
        let region = &run["results"][0]["locations"][0]["physicalLocation"]["region"];
        assert_eq!((region["startLine"].as_u64(), region["startColumn"].as_u64()), (Some(2), Some(24)));
    }
}
