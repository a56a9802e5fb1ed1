//! Diagnostics as JSON, one object each.

use serde_json::{Value, json};

use super::{Diagnostic, Location};

impl Diagnostic {
    /// The diagnostic as a JSON object: `severity, code, title, path, line, column, endLine, endColumn,
    /// label, related, help`; lines and columns count from 1.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "severity": self.severity.name(), "code": self.code, "title": self.title });
        if let Some(location) = &self.location {
            place(&mut object, location, &self.label);
        }
        if let Some((location, label)) = &self.related {
            let mut related = json!({});
            place(&mut related, location, label);
            object["related"] = related;
        }
        if let Some(help) = &self.help {
            object["help"] = help.as_str().into();
        }
        object
    }
}

fn place(object: &mut Value, location: &Location, label: &str) {
    let ((line, column), (end_line, end_column)) = (location.line_column(), location.end_line_column());
    object["path"] = location.file.path.as_str().into();
    object["line"] = line.into();
    object["column"] = column.into();
    object["endLine"] = end_line.into();
    object["endColumn"] = end_column.into();
    object["label"] = label.into();
}

#[cfg(test)]
mod tests {
    use super::super::tests::sample;

    #[test]
    fn says_where_in_lines_and_columns() {
        let expected = "{\"severity\":\"error\",\"code\":\"unknown-transformation\",\
            \"title\":\"unknown transformation `lowercaes`\",\"path\":\"rules/local.conf\",\
            \"line\":2,\"column\":24,\"endLine\":2,\"endColumn\":33,\"label\":\"not a transformation\",\
            \"help\":\"did you mean `lowercase`?\"}";
        assert_eq!(sample().to_json().to_string(), expected);
    }
}
