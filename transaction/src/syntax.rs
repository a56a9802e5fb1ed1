//! Heads that a server has to refuse, whatever anybody finds in them.
//!
//! Only what servers read differently is here: a request that two servers route differently is a way
//! around whatever stands between them. What is merely unusual goes on.

use crate::{Fields, RequestHead};

macro_rules! syntax_errors {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// Why an HTTP/1 request is answered with 400 (Bad Request) in every mode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum SyntaxError { $($(#[$doc])* $name,)* }

        impl SyntaxError {
            /// The name used in decision records.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

syntax_errors! {
    /// CONNECT without a host and a port (RFC 9112, section 3.2.3: MUST be refused).
    Connect = "connect-target",
    /// A target with a fragment: no form of a target has one (RFC 9112, section 3.2), and servers differ in
    /// whether `#` ends the path.
    Fragment = "target-fragment",
    /// A space or a control character in the target (RFC 9112, section 3: a server SHOULD refuse it and not
    /// correct it, "since the invalid request-line might be deliberately crafted to bypass security filters").
    Space = "target-space",
    /// More than one Host, an empty one, or one that cannot be a host (RFC 9112, section 3.2: MUST be
    /// refused).
    Host = "host",
    /// Content-Length beside Transfer-Encoding (RFC 9112, section 6.3: "ought to be handled as an error").
    Framing = "length-and-coding",
}

impl RequestHead {
    /// What is wrong with the head, if it has to be refused.
    #[must_use]
    pub fn syntax_error(&self) -> Option<SyntaxError> {
        let has = |name: &[u8]| self.headers.first(name).is_some();
        if self.target.contains(&b'#') {
            Some(SyntaxError::Fragment)
        } else if self.target.iter().any(|byte| *byte <= b' ' || *byte == 0x7f) {
            Some(SyntaxError::Space)
        } else if self.method == b"CONNECT" && !is_authority(&self.target) {
            Some(SyntaxError::Connect)
        } else if !has_valid_host(&self.headers) {
            Some(SyntaxError::Host)
        } else if has(b"content-length") && has(b"transfer-encoding") {
            Some(SyntaxError::Framing)
        } else {
            None
        }
    }
}

/// `host:port`.
fn is_authority(target: &[u8]) -> bool {
    let colon = target.iter().rposition(|byte| *byte == b':');
    colon.is_some_and(|colon| {
        let (host, port) = (&target[..colon], &target[colon + 1..]);
        is_host(host) && !port.is_empty() && port.iter().all(u8::is_ascii_digit)
    })
}

/// One Host at most: without any, the head may still be one of HTTP/1.0.
fn has_valid_host(headers: &Fields) -> bool {
    let mut hosts = headers.iter().filter(|header| header.name.eq_ignore_ascii_case(b"host"));
    hosts.next().is_none_or(|host| is_host(host.value)) && hosts.next().is_none()
}

/// A name, an address, and perhaps a port. Names of `http` URIs are names of DNS (RFC 9110, section 4.3),
/// so nothing is percent-encoded; `_` occurs in names within clusters.
fn is_host(host: &[u8]) -> bool {
    !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_has_to_be_refused() {
        type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], Option<SyntaxError>);
        let rows: &[Row] = &[
            ("GET", "/", &[("Host", "shop.example.com:80")], None),
            ("GET", "/", &[("Host", "[2001:db8::1]:80")], None),
            ("GET", "/", &[("Host", "a_b")], None),
            ("GET", "/", &[], None),
            ("GET", "/<a>%00\\", &[("Host", "a")], None),
            ("GET", "http://a/", &[("Host", "a")], None),
            ("GET", "/#a", &[("Host", "a")], Some(SyntaxError::Fragment)),
            ("GET", "/a b", &[("Host", "a")], Some(SyntaxError::Space)),
            ("GET", "/\u{1}", &[("Host", "a")], Some(SyntaxError::Space)),
            ("GET", "/", &[("host", "")], Some(SyntaxError::Host)),
            ("GET", "/", &[("Host", "a%00")], Some(SyntaxError::Host)),
            ("GET", "/", &[("Host", "a,b")], Some(SyntaxError::Host)),
            ("GET", "/", &[("Host", "a"), ("hOST", "a")], Some(SyntaxError::Host)),
            ("CONNECT", "a:80", &[("Host", "a")], None),
            ("CONNECT", "a", &[("Host", "a")], Some(SyntaxError::Connect)),
            ("CONNECT", "a:", &[("Host", "a")], Some(SyntaxError::Connect)),
            ("CONNECT", "/a:80", &[("Host", "a")], Some(SyntaxError::Connect)),
            ("POST", "/", &[("Content-Length", "1")], None),
            ("POST", "/", &[("Transfer-Encoding", "chunked")], None),
            (
                "POST",
                "/",
                &[("Content-Length", "1"), ("transfer-encoding", "chunked")],
                Some(SyntaxError::Framing),
            ),
        ];
        for (method, target, headers, expected) in rows {
            let head = RequestHead {
                method: method.as_bytes().to_vec(),
                target: target.as_bytes().to_vec(),
                protocol: b"HTTP/1.1".to_vec(),
                headers: headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect(),
            };
            assert_eq!(head.syntax_error(), *expected, "{method} {target} {headers:?}");
        }
    }
}
