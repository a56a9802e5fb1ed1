//! Where in a request a scored value stood.

/// The part of a request a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Location {
    /// The path of the request target.
    Path,
    /// A query argument's name.
    QueryName,
    /// A query argument's value.
    Query,
    /// A cookie's name or value.
    Cookie,
    /// A request header's value.
    Header,
    /// The name of a form field, JSON member, part or file.
    BodyName,
    /// A form field, JSON string, text part or file name.
    Body,
    /// Character data, an attribute or the prolog of an XML body.
    Xml,
    /// A body that no parser reads, or the text of one that does not parse.
    Raw,
}

impl Location {
    /// How decision records spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::QueryName => "query-name",
            Self::Query => "query",
            Self::Cookie => "cookie",
            Self::Header => "header",
            Self::BodyName => "body-name",
            Self::Body => "body",
            Self::Xml => "xml",
            Self::Raw => "raw",
        }
    }

    /// Whether every request has such values, so that they follow grammars of their own.
    #[must_use]
    pub fn is_envelope(self) -> bool {
        matches!(self, Self::Header | Self::Cookie)
    }
}
