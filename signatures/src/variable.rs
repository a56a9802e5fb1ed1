//! SecLang variables and how a rule selects among their values.

use std::fmt;
use std::sync::Arc;

use crate::XPath;

/// Which part of a variable a rule looks at.
#[derive(Clone, Debug)]
pub struct Target {
    /// The variable.
    pub variable: Variable,
    /// Which of its values.
    pub selector: Selector,
    /// Whether the number of values is looked at instead of them (`&ARGS`).
    pub count: bool,
}

/// As rules write it.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = if self.count { "&" } else { "" };
        write!(f, "{count}{}", self.variable.name())?;
        match &self.selector {
            Selector::All => Ok(()),
            Selector::Matching(regex) => write!(f, ":/{}/", regex.as_str()),
            Selector::Named(name) => write!(f, ":{}", String::from_utf8_lossy(name)),
            Selector::XmlText => f.write_str(":/*"),
            Selector::XmlAttributes => f.write_str("://@*"),
            Selector::XPath(path) => write!(f, ":{path}"),
        }
    }
}

/// Which values of a collection.
#[derive(Clone, Debug)]
pub enum Selector {
    /// All of them.
    All,
    /// Those whose name matches (`ARGS:/^id_/`), without ASCII case as in ModSecurity.
    Matching(regex::bytes::Regex),
    /// Those of that name, compared without ASCII case.
    Named(Arc<[u8]>),
    /// `XML:/*`: all character data.
    XmlText,
    /// `XML://@*`: all attribute values.
    XmlAttributes,
    /// `XML:/a/b`: the text nodes or attribute values of that path.
    XPath(XPath),
}

impl Selector {
    /// Whether a value of that name is selected.
    #[must_use]
    pub fn selects(&self, name: &[u8]) -> bool {
        match self {
            Self::All | Self::XmlText | Self::XmlAttributes => true,
            Self::Matching(regex) => regex.is_match(name),
            Self::Named(wanted) => name.eq_ignore_ascii_case(wanted),
            Self::XPath(path) => path.selects(name),
        }
    }
}

macro_rules! variables {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal $kind:ident,)*) => {
        /// A SecLang variable (ModSecurity v3 reference, "Variables").
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Variable { $($(#[doc = $doc])+ $variant,)* }

        impl Variable {
            /// Every variable, by name.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name as rules spell it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it holds, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)* }
            }

            /// Whether it has named values, so that a selector makes sense.
            #[must_use]
            pub fn is_collection(self) -> bool {
                match self { $(Self::$variant => variables!(@ $kind),)* }
            }
        }
    };
    (@ scalar) => { false };
    (@ collection) => { true };
}

variables! {
    /// Query and body arguments.
    Args = "ARGS" collection,
    /// Bytes of all argument names and values.
    ArgsCombinedSize = "ARGS_COMBINED_SIZE" scalar,
    /// Query arguments.
    ArgsGet = "ARGS_GET" collection,
    /// Names of query arguments.
    ArgsGetNames = "ARGS_GET_NAMES" collection,
    /// Names of all arguments.
    ArgsNames = "ARGS_NAMES" collection,
    /// Body arguments.
    ArgsPost = "ARGS_POST" collection,
    /// Names of body arguments.
    ArgsPostNames = "ARGS_POST_NAMES" collection,
    /// The scheme of the Authorization header.
    AuthType = "AUTH_TYPE" scalar,
    /// Microseconds since the transaction began.
    Duration = "DURATION" scalar,
    /// Environment variables set by setenv.
    Env = "ENV" collection,
    /// File names of file parts.
    Files = "FILES" collection,
    /// Bytes of all file parts.
    FilesCombinedSize = "FILES_COMBINED_SIZE" scalar,
    /// Form names of file parts.
    FilesNames = "FILES_NAMES" collection,
    /// Bytes of each file part.
    FilesSizes = "FILES_SIZES" collection,
    /// Content of file parts (the sample that is kept).
    FilesTmpContent = "FILES_TMP_CONTENT" collection,
    /// Names of temporary files (always empty: nothing is written to disk).
    FilesTmpNames = "FILES_TMPNAMES" collection,
    /// Request line, headers and body.
    FullRequest = "FULL_REQUEST" scalar,
    /// Bytes of FULL_REQUEST.
    FullRequestLength = "FULL_REQUEST_LENGTH" scalar,
    /// What @geoLookup found.
    Geo = "GEO" collection,
    /// The persistent collection of that name.
    Global = "GLOBAL" collection,
    /// The gravest severity matched so far.
    HighestSeverity = "HIGHEST_SEVERITY" scalar,
    /// 1 when the body exceeded its limit.
    InboundDataError = "INBOUND_DATA_ERROR" scalar,
    /// The persistent collection of that name.
    Ip = "IP" collection,
    /// The value that matched last.
    MatchedVar = "MATCHED_VAR" scalar,
    /// The name of the value that matched last.
    MatchedVarName = "MATCHED_VAR_NAME" scalar,
    /// All values that matched in the previous link.
    MatchedVars = "MATCHED_VARS" collection,
    /// The names of MATCHED_VARS.
    MatchedVarsNames = "MATCHED_VARS_NAMES" collection,
    /// The engine's version number.
    ModsecBuild = "MODSEC_BUILD" scalar,
    /// Regex errors (always 0: matching cannot fail).
    MscPcreError = "MSC_PCRE_ERROR" scalar,
    /// Regex limits (always 0: matching is linear).
    MscPcreLimitsExceeded = "MSC_PCRE_LIMITS_EXCEEDED" scalar,
    /// 1 when the boundary of a multipart body is quoted.
    MultipartBoundaryQuoted = "MULTIPART_BOUNDARY_QUOTED" scalar,
    /// 1 when white space stands in the boundary of a multipart body.
    MultipartBoundaryWhitespace = "MULTIPART_BOUNDARY_WHITESPACE" scalar,
    /// 1 when lines of a multipart body end in both ways.
    MultipartCrlfLfLines = "MULTIPART_CRLF_LF_LINES" scalar,
    /// 1 when data follows the last part.
    MultipartDataAfter = "MULTIPART_DATA_AFTER" scalar,
    /// 1 when data stands before the first part.
    MultipartDataBefore = "MULTIPART_DATA_BEFORE" scalar,
    /// 1 when there are more parts than are read.
    MultipartFileLimitExceeded = "MULTIPART_FILE_LIMIT_EXCEEDED" scalar,
    /// The file name of each part.
    MultipartFilename = "MULTIPART_FILENAME" collection,
    /// 1 when a header of a part goes on in the next line.
    MultipartHeaderFolding = "MULTIPART_HEADER_FOLDING" scalar,
    /// 1 when a header of a part goes on wrongly.
    MultipartInvalidHeaderFolding = "MULTIPART_INVALID_HEADER_FOLDING" scalar,
    /// 1 when a part cannot be read.
    MultipartInvalidPart = "MULTIPART_INVALID_PART" scalar,
    /// 1 when a header of a part is quoted wrongly.
    MultipartInvalidQuoting = "MULTIPART_INVALID_QUOTING" scalar,
    /// 1 when a line of a multipart body ends in a line feed alone.
    MultipartLfLine = "MULTIPART_LF_LINE" scalar,
    /// 1 when a semicolon is missing in a header of a part.
    MultipartMissingSemicolon = "MULTIPART_MISSING_SEMICOLON" scalar,
    /// The name of each part.
    MultipartName = "MULTIPART_NAME" collection,
    /// Header lines of each part.
    MultipartPartHeaders = "MULTIPART_PART_HEADERS" collection,
    /// Any ambiguity in a multipart body.
    MultipartStrictError = "MULTIPART_STRICT_ERROR" scalar,
    /// A boundary-like line that is not one.
    MultipartUnmatchedBoundary = "MULTIPART_UNMATCHED_BOUNDARY" scalar,
    /// 1 when the response body exceeded its limit.
    OutboundDataError = "OUTBOUND_DATA_ERROR" scalar,
    /// The path, percent-decoded once, as in ModSecurity v3.
    PathInfo = "PATH_INFO" scalar,
    /// The raw query.
    QueryString = "QUERY_STRING" scalar,
    /// The client's address.
    RemoteAddr = "REMOTE_ADDR" scalar,
    /// The client's address (names are not looked up).
    RemoteHost = "REMOTE_HOST" scalar,
    /// The client's port.
    RemotePort = "REMOTE_PORT" scalar,
    /// The user of Basic authentication.
    RemoteUser = "REMOTE_USER" scalar,
    /// 1 when the body did not parse.
    ReqbodyError = "REQBODY_ERROR" scalar,
    /// Why the body did not parse.
    ReqbodyErrorMsg = "REQBODY_ERROR_MSG" scalar,
    /// The body parser's name.
    ReqbodyProcessor = "REQBODY_PROCESSOR" scalar,
    /// Same as REQBODY_ERROR.
    ReqbodyProcessorError = "REQBODY_PROCESSOR_ERROR" scalar,
    /// Same as REQBODY_ERROR_MSG.
    ReqbodyProcessorErrorMsg = "REQBODY_PROCESSOR_ERROR_MSG" scalar,
    /// What follows the last slash of the decoded path.
    RequestBasename = "REQUEST_BASENAME" scalar,
    /// The raw body (form bodies, or by ctl:forceRequestBodyVariable).
    RequestBody = "REQUEST_BODY" scalar,
    /// Bytes of the body.
    RequestBodyLength = "REQUEST_BODY_LENGTH" scalar,
    /// Cookies.
    RequestCookies = "REQUEST_COOKIES" collection,
    /// Names of cookies.
    RequestCookiesNames = "REQUEST_COOKIES_NAMES" collection,
    /// The path, percent-decoded once.
    RequestFilename = "REQUEST_FILENAME" scalar,
    /// Request headers.
    RequestHeaders = "REQUEST_HEADERS" collection,
    /// Names of request headers.
    RequestHeadersNames = "REQUEST_HEADERS_NAMES" collection,
    /// The request line.
    RequestLine = "REQUEST_LINE" scalar,
    /// The method.
    RequestMethod = "REQUEST_METHOD" scalar,
    /// The protocol.
    RequestProtocol = "REQUEST_PROTOCOL" scalar,
    /// Path and query, without scheme and authority.
    RequestUri = "REQUEST_URI" scalar,
    /// The request target as sent.
    RequestUriRaw = "REQUEST_URI_RAW" scalar,
    /// The persistent collection of that name.
    Resource = "RESOURCE" collection,
    /// Arguments of the response (always empty).
    ResponseArgs = "RESPONSE_ARGS" collection,
    /// The response body.
    ResponseBody = "RESPONSE_BODY" scalar,
    /// Bytes of the response body.
    ResponseContentLength = "RESPONSE_CONTENT_LENGTH" scalar,
    /// The response's Content-Type.
    ResponseContentType = "RESPONSE_CONTENT_TYPE" scalar,
    /// Response headers.
    ResponseHeaders = "RESPONSE_HEADERS" collection,
    /// Names of response headers.
    ResponseHeadersNames = "RESPONSE_HEADERS_NAMES" collection,
    /// The response's protocol.
    ResponseProtocol = "RESPONSE_PROTOCOL" scalar,
    /// The response's status.
    ResponseStatus = "RESPONSE_STATUS" scalar,
    /// What the current rule says of itself (id, msg, severity, logdata, rev).
    Rule = "RULE" collection,
    /// The address the request came to.
    ServerAddr = "SERVER_ADDR" scalar,
    /// The host asked for.
    ServerName = "SERVER_NAME" scalar,
    /// The port the request came to.
    ServerPort = "SERVER_PORT" scalar,
    /// The persistent collection of that name.
    Session = "SESSION" collection,
    /// Set by setsid.
    SessionId = "SESSIONID" scalar,
    /// The response's status line.
    StatusLine = "STATUS_LINE" scalar,
    /// HH:MM:SS.
    Time = "TIME" scalar,
    /// Day of the month.
    TimeDay = "TIME_DAY" scalar,
    /// Seconds since 1970.
    TimeEpoch = "TIME_EPOCH" scalar,
    /// Hour.
    TimeHour = "TIME_HOUR" scalar,
    /// Minute.
    TimeMin = "TIME_MIN" scalar,
    /// Month, from 0.
    TimeMon = "TIME_MON" scalar,
    /// Second.
    TimeSec = "TIME_SEC" scalar,
    /// Day of the week, from 0 for Sunday.
    TimeWday = "TIME_WDAY" scalar,
    /// Year.
    TimeYear = "TIME_YEAR" scalar,
    /// Variables of this transaction.
    Tx = "TX" collection,
    /// The transaction's id.
    UniqueId = "UNIQUE_ID" scalar,
    /// 1 when percent-encoding was invalid.
    UrlencodedError = "URLENCODED_ERROR" scalar,
    /// The persistent collection of that name.
    User = "USER" collection,
    /// Set by setuid.
    UserId = "USERID" scalar,
    /// SecWebAppId.
    WebAppId = "WEBAPPID" scalar,
    /// What an XML body has at an XPath.
    Xml = "XML" collection,
}

impl Variable {
    /// The variable of that name, compared without case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        // The name that modsecurity.conf-recommended uses beside the documented one.
        if name.eq_ignore_ascii_case("MULTIPART_SEMICOLON_MISSING") {
            return Some(Self::MultipartMissingSemicolon);
        }
        // Load time only, and short: a map would cost more to build than it saves.
        Self::ALL.iter().copied().find(|variable| variable.name().eq_ignore_ascii_case(name))
    }
}
