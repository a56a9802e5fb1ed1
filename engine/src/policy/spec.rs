//! Policies as they are written; [`super::Policy`] is the same, checked.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Mode, OnInspectionFailure, OnLimit, OnMalformed};
use crate::config::{CountriesSpec, RateLimitHeaders, Skip};

/// How requests are judged.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// What is done with hostile transactions. Default `detect`.
    #[serde(default)]
    pub mode: Mode,
    /// Rules and how strictly they are taken.
    #[serde(default)]
    pub signatures: SignaturesSpec,
    /// The model: `default`, `none`, the file of one, or what is asked of it. Default `default`.
    pub model: Option<ModelSpec>,
    /// Whether responses are inspected (phases 3 and 4). Default false, unless rules say
    /// `SecResponseBodyAccess On`.
    pub inspect_responses: Option<bool>,
    /// Bounds of parsing.
    #[serde(default)]
    pub limits: LimitsSpec,
    /// What is done when a limit kept a part of a request from inspection. Default `block`, since who
    /// sends the request chooses whether it exceeds a limit.
    pub on_limit: Option<OnLimit>,
    /// What is done when a response body is longer than `limits.response_body_bytes_max`. Default `pass`: its length is
    /// not in the hands of who sends the request.
    pub on_response_limit: Option<OnLimit>,
    /// What is done when a gateway keeps the body of a request to itself (`auth_request` of nginx, for one), or of an answer whose
    /// head it shows. Default `pass`; always counted (`body-unseen`, `response-unseen`): which bodies are seen is a matter of the
    /// attachment, not of who sends the request.
    pub on_unseen_body: Option<OnLimit>,
    /// What is done when a body is not what its Content-Type says. Default `pass`: what does not parse is
    /// inspected as text, and ordinary clients send such bodies.
    #[serde(default)]
    pub on_malformed: OnMalformed,
    /// What is done when the engine itself failed, took longer than `deadlines`, or a list in the DNS that a rule asks (`@rbl`)
    /// did not answer. Default `pass`; always counted.
    #[serde(default)]
    pub on_inspection_failure: OnInspectionFailure,
    /// How long inspection may take.
    #[serde(default)]
    pub deadlines: DeadlinesSpec,
    /// Lists of addresses whose clients are hostile, and refused with the status of `response`.
    #[serde(default)]
    pub deny_addresses: Vec<String>,
    /// Lists of addresses whose clients are welcome. Where a client is on lists of both kinds, the longer prefix decides; of
    /// two that are as long, the one here.
    #[serde(default)]
    pub allow_addresses: Vec<String>,
    /// What clients on a list of `allow_addresses` are spared: `rate_limits`, `countries`, `inspection`. Default
    /// `[rate_limits, countries]`.
    pub allowed_skip: Option<Vec<Skip>>,
    /// Which countries clients may come from. Default: any.
    pub countries: Option<CountriesSpec>,
    /// Rate limits that hold for its requests; a request that is one too many is hostile, and answered with 429.
    #[serde(default)]
    pub rate_limits: Vec<String>,
    /// Which answers tell clients how they stand with these. Default `refused`.
    #[serde(default)]
    pub rate_limit_headers: RateLimitHeaders,
    /// What is not looked at.
    #[serde(default)]
    pub exceptions: Vec<ExceptionSpec>,
    /// How a stopped request is answered.
    #[serde(default)]
    pub response: ResponseSpec,
}

/// How long inspection of each part may take, without what it waits for. Beyond that nothing more of the transaction is
/// inspected (`deadline`), and `on_inspection_failure` decides. Time is looked at between steps: a head is one, and of a body each
/// segment of `limits.segment_bytes_max` is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadlinesSpec {
    /// The head of a request: `50ms`. Default: no bound but those of parsing and matching, which count work.
    pub request_headers: Option<String>,
    /// Its body. Default: no bound.
    pub request_body: Option<String>,
    /// The answer, head and body. Default: no bound.
    pub response: Option<String>,
}

/// Rules and how strictly they are taken.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignaturesSpec {
    /// Rule sources in order. Default `[builtin]`.
    pub rules: Option<Vec<RuleSourceSpec>>,
    /// The paranoia level whose matches count: 1 to 4. Default 1.
    #[schemars(range(min = 1, max = 4))]
    pub paranoia: Option<u8>,
    /// The paranoia level whose rules run; not below `paranoia`. Default: the same.
    #[schemars(range(min = 1, max = 4))]
    pub detection_paranoia: Option<u8>,
    /// The anomaly score from which a request is hostile. Default 5: one critical match.
    pub inbound_threshold: Option<u32>,
    /// The anomaly score from which a response is hostile. Default 4: one error match.
    pub outbound_threshold: Option<u32>,
}

/// Where rules come from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RuleSourceSpec {
    /// `builtin`, `crs:DIR` or a path, as on the command line; taken `as: enforce`.
    Short(String),
    /// A source with what it is for.
    Long(RuleSourceLongSpec),
}

/// A rule source with what it is for. Exactly one of `builtin`, `crs` and `file`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleSourceLongSpec {
    /// The rules that come with Portcullis: `builtin: true`.
    pub builtin: Option<bool>,
    /// The directory of a Core Rule Set release.
    pub crs: Option<String>,
    /// A rule file, or a glob of them.
    pub file: Option<String>,
    /// What the source is for. Default `enforce`.
    #[serde(rename = "as", default)]
    pub role: super::Role,
}

/// The model, by name or with what is asked of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ModelSpec {
    /// `default`, `none`, or the file of a model, relative to this file's directory.
    Name(String),
    /// What is asked of the model.
    Settings(ModelSettingsSpec),
}

/// What is asked of the model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSettingsSpec {
    /// The file of a model, relative to this file's directory. The default model without.
    pub file: Option<String>,
    /// The confidence from which a transaction is hostile without any rule. Default `high`.
    pub minimum_confidence: Option<ConfidenceSpec>,
}

/// A band of the model's score.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConfidenceSpec {
    /// Hostile if rules agree.
    Medium,
    /// Hostile.
    High,
    /// Hostile beyond reasonable doubt.
    Critical,
}

/// A number of bytes: `131072` or `128KiB`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SizeSpec {
    /// Bytes.
    Bytes(u64),
    /// A number with a unit: `B`, `KiB`, `MiB`, `GiB` or `TiB`.
    Text(String),
}

/// Bounds of parsing. What happens at a bound is for `on_limit` to say; every field is optional.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsSpec {
    /// Request body bytes withheld from the upstream until they are judged. Default `1MiB`: it holds
    /// nearly every form and API call whole, and a thousand uploads at once in 1 GiB.
    pub hold_bytes_max: Option<SizeSpec>,
    /// Headers parsed of one message (count). Default 256.
    pub headers_max: Option<u64>,
    /// Query arguments parsed (count). Default 1000.
    pub query_arguments_max: Option<u64>,
    /// Cookies parsed (count). Default 256.
    pub cookies_max: Option<u64>,
    /// Parsed bytes of a body kept for one evaluation; a longer body is inspected segment by segment.
    /// Default `128KiB`.
    pub segment_bytes_max: Option<SizeSpec>,
    /// Bytes of a value repeated in the next segment. Default `4KiB`.
    pub segment_overlap_bytes: Option<SizeSpec>,
    /// Body arguments kept in one segment (count). Default 1000.
    pub segment_arguments_max: Option<u64>,
    /// Bytes kept of a name, file name or part header line. Default `8KiB`.
    pub name_bytes_max: Option<SizeSpec>,
    /// Bytes kept of a file part. Default `4KiB`.
    pub file_sample_bytes_max: Option<SizeSpec>,
    /// Decoded bytes inspected of one body. Default `1TiB`.
    pub body_bytes_max: Option<SizeSpec>,
    /// Decoded bytes of one body, the contents of files left out; more is inspected, and counts as a limit reached.
    /// Default: no limit.
    pub body_without_files_bytes_max: Option<SizeSpec>,
    /// Parts of a multipart body (count). Default 1000.
    pub multipart_parts_max: Option<u64>,
    /// Nesting of JSON (levels). Default 128.
    pub json_depth_max: Option<u64>,
    /// JSON values in a body (count). Default 100000.
    pub json_values_max: Option<u64>,
    /// Nesting of XML (levels). Default 128.
    pub xml_depth_max: Option<u64>,
    /// Decoded bytes for each encoded byte. Default 200.
    pub decompression_ratio_max: Option<u64>,
    /// Content-Encodings applied one upon the other (count). Default 3.
    pub content_encodings_max: Option<u64>,
    /// The window that a Content-Encoding may need: memory held for each such body while it comes. What
    /// needs more is not decoded. Default `8MiB`.
    pub content_window_bytes_max: Option<SizeSpec>,
    /// Decoded bytes inspected of a response body. Default `512KiB`.
    pub response_body_bytes_max: Option<SizeSpec>,
}

/// What is not looked at. The request must satisfy every scope that is given; then `rules`, `tags` and
/// the model do not look at `parameters`, `cookies` and `headers`, or at anything when none is named.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExceptionSpec {
    /// A name for records.
    pub name: Option<String>,
    /// Paths: a prefix of whole segments, or a glob when there is a `*` in it.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Hosts, as in assets.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Methods, in upper case.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Names of arguments, or globs.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// Names of cookies, or globs.
    #[serde(default)]
    pub cookies: Vec<String>,
    /// Names of headers, or globs.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Client addresses: `192.0.2.7` or `192.0.2.0/24`.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Rule ids and ranges: `942100`, `942100-942199`.
    #[serde(default)]
    pub rules: Vec<RuleIdsSpec>,
    /// Globs of rule tags: `attack-sqli`.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether the model is meant as well. By default it is when neither rules nor tags are named.
    pub model: Option<bool>,
    /// Why.
    pub reason: String,
    /// The day from which it no longer holds (`2027-06-30`), or `never`.
    pub expires: String,
}

/// A rule id or a range of them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum RuleIdsSpec {
    /// One rule.
    Id(u32),
    /// `FIRST-LAST`, or one rule.
    Range(String),
}

/// How a stopped request is answered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseSpec {
    /// The status: 400 to 599. Default 403. A rule's own `status` wins.
    #[schemars(range(min = 400, max = 599))]
    pub status: Option<u16>,
    /// HTML to send in place of the block page; `{{id}}` becomes the transaction's id.
    pub page: Option<String>,
}
