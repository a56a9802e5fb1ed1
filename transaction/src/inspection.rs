//! What was not inspected, and why.

/// Whether a transaction was inspected whole, and if not, each reason once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspection {
    reasons: u32,
}

macro_rules! shortfalls {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A reason why a part of a transaction was not inspected.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Shortfall { $($(#[$doc])* $name,)* }

        impl Shortfall {
            /// Every reason, in the order of their bits.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The name used in decision records and metrics.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

shortfalls! {
    /// More headers than `headers_max`.
    HeaderCount = "header-count",
    /// More query arguments than `query_arguments_max`.
    QueryArguments = "query-arguments",
    /// More cookies than `cookies_max`.
    CookieCount = "cookie-count",
    /// A name or part header longer than `name_bytes_max`.
    NameTooLong = "name-too-long",
    /// More parts than `multipart_parts_max`.
    MultipartParts = "multipart-parts",
    /// JSON nested deeper than `json_depth_max`.
    JsonDepth = "json-depth",
    /// More JSON values than `json_values_max`.
    JsonValues = "json-values",
    /// XML nested deeper than `xml_depth_max`.
    XmlDepth = "xml-depth",
    /// The body does not parse as what its Content-Type says.
    BodyMalformed = "body-malformed",
    /// Text in an encoding that rules cannot read: UTF-16 or UTF-32, or escapes in what does not parse.
    BodyEncoding = "body-encoding",
    /// A decoded body longer than `body_bytes_max`.
    BodyTooLarge = "body-too-large",
    /// An unknown Content-Encoding, or too many.
    ContentEncoding = "content-encoding",
    /// A Content-Encoding that does not decode, or not with `content_window_bytes_max`.
    ContentDecoding = "content-decoding",
    /// A body that grows more than `decompression_ratio_max`.
    DecompressionRatio = "decompression-ratio",
    /// A response body longer than `response_body_bytes_max`.
    ResponseTooLarge = "response-too-large",
    /// A connection that left HTTP (101 Switching Protocols).
    Upgraded = "upgraded",
    /// The body exceeded `hold_bytes_max` and parts were released before the last verdict.
    ReleasedEarly = "released-early",
    /// The gateway that asks about the request keeps its body to itself.
    BodyUnseen = "body-unseen",
    /// Only a part of the body came from the gateway, or the rest not in time.
    BodyCut = "body-cut",
    /// The gateway that shows the head of an answer keeps its body to itself.
    ResponseUnseen = "response-unseen",
    /// The client's address is on a list that the policy exempts from inspection.
    Exempt = "exempt",
    /// A list in the DNS (`@rbl`) did not answer in time, so that it is unknown whether a rule matches.
    ListUnanswered = "list-unanswered",
    /// Inspection took longer than the policy gives it.
    Deadline = "deadline",
    /// A rule's pattern reached its limit on some value, so that it is unknown whether the rule matches.
    RuleLimit = "rule-limit",
    /// The engine failed on this transaction (a panic caught at its boundary).
    EngineFailure = "engine-failure",
}

impl Inspection {
    /// Notes one reason.
    pub fn note(&mut self, reason: Shortfall) {
        self.reasons |= 1 << reason as u32;
    }

    /// Notes all reasons of `other`.
    pub fn merge(&mut self, other: Self) {
        self.reasons |= other.reasons;
    }

    /// Whether everything was inspected.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.reasons == 0
    }

    /// Whether `reason` was noted.
    #[must_use]
    pub fn has(self, reason: Shortfall) -> bool {
        self.reasons & (1 << reason as u32) != 0
    }

    /// The reasons noted.
    pub fn reasons(self) -> impl Iterator<Item = Shortfall> {
        Shortfall::ALL.iter().copied().filter(move |reason| self.has(*reason))
    }
}
