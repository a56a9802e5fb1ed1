//! A described request as the bytes go-ftw would send.

use std::fmt::Write as _;

use base64::Engine as _;

use super::Input;

impl Input {
    /// The request in bytes, headers completed as go-ftw does it.
    ///
    /// # Errors
    /// Base64 that does not decode.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        if let Some(raw) = &self.encoded_request {
            return decode_base64(raw);
        }
        let mut headers = self.all_headers();
        let data = self.complete(&mut headers)?;
        let method = self.method.as_deref().unwrap_or("GET");
        let target = self.uri.as_deref().unwrap_or("/");
        let version = self.version.as_deref().unwrap_or("HTTP/1.1");
        let mut bytes = format!("{method} {target} {version}\r\n").into_bytes();
        for (name, value) in &headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&data);
        Ok(bytes)
    }

    /// `headers` by name, then `ordered_headers` as given.
    fn all_headers(&self) -> Vec<(String, String)> {
        let named = self.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        let ordered = self.ordered_headers.iter().map(|header| (header.name.clone(), header.value.clone()));
        named.chain(ordered).collect()
    }

    /// Adds the headers that go-ftw adds and returns the body as it sends it.
    fn complete(&self, headers: &mut Vec<(String, String)>) -> Result<Vec<u8>, String> {
        let mut data = self.body()?;
        let completes = self.autocomplete_headers.unwrap_or(!self.stop_magic.unwrap_or(false));
        if completes && !data.is_empty() {
            add(headers, "Content-Type", FORM);
            if value(headers, "Content-Type") == Some(FORM) {
                data = encode_form(data);
            }
        }
        if value(headers, "Content-Type").is_some_and(|value| value.starts_with("multipart/form-data;")) {
            // The body of a multipart test is written with plain line ends.
            data = with_crlf(&data);
        }
        if completes {
            add(headers, "Connection", "close");
            if !data.is_empty() || self.has_method_with_body() {
                add(headers, "Content-Length", &data.len().to_string());
            }
            headers.sort_by(|left, right| left.0.cmp(&right.0));
        }
        Ok(data)
    }

    fn body(&self) -> Result<Vec<u8>, String> {
        match (&self.encoded_data, &self.data) {
            (Some(encoded), _) => decode_base64(encoded),
            (None, Some(text)) => Ok(expand_repeats(text).into_bytes()),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// As go-ftw asks: its pattern is anchored at the outer alternatives only.
    fn has_method_with_body(&self) -> bool {
        let method = self.method.as_deref().unwrap_or("GET");
        method.starts_with("POST")
            || method.contains("PUT")
            || method.contains("PATCH")
            || method.ends_with("DELETE")
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn value<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Adds a header unless it is there with a value.
fn add(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    match headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some((_, old)) if old.is_empty() => value.clone_into(old),
        Some(_) => {}
        None => headers.push((name.into(), value.into())),
    }
}

fn decode_base64(text: &str) -> Result<Vec<u8>, String> {
    let compact: String = text.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(compact).map_err(|error| error.to_string())
}

/// Escapes names and values of a form, unless something in it is escaped already.
fn encode_form(data: Vec<u8>) -> Vec<u8> {
    if data.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return data;
    }
    let pairs = data.split(|byte| *byte == b'&').map(|pair| {
        let mut parts = pair.splitn(2, |byte| *byte == b'=').map(escape);
        match (parts.next(), parts.next()) {
            (Some(name), Some(value)) => format!("{name}={value}"),
            (name, _) => name.unwrap_or_default(),
        }
    });
    // A trailing `&` gives an empty pair, which go-ftw does not write.
    let mut encoded = pairs.collect::<Vec<_>>();
    if encoded.last().is_some_and(String::is_empty) {
        encoded.pop();
    }
    encoded.join("&").into_bytes()
}

/// Percent-encodes all but RFC 3986's unreserved characters; a space becomes `+`.
fn escape(bytes: &[u8]) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(*byte));
            }
            b' ' => escaped.push('+'),
            // Writing to a string cannot fail.
            _ => drop(write!(escaped, "%{byte:02X}")),
        }
    }
    escaped
}

fn with_crlf(data: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(data.len() + data.len() / 32);
    for byte in data {
        if *byte == b'\n' {
            lines.push(b'\r');
        }
        lines.push(*byte);
    }
    lines
}

/// Replaces `{{ "text" | repeat n }}`, the one template function that rule tests use. What is not of that
/// form stays, because payloads contain braces too.
fn expand_repeats(text: &str) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let Some(end) = rest[start..].find("}}").map(|end| start + end) else { break };
        expanded.push_str(&rest[..start]);
        match repeat(&rest[start + 2..end]) {
            Some(repeated) => expanded.push_str(&repeated),
            None => expanded.push_str(&rest[start..end + 2]),
        }
        rest = &rest[end + 2..];
    }
    expanded + rest
}

/// `"text" | repeat n`, up to 16 MiB.
fn repeat(expression: &str) -> Option<String> {
    let (text, count) = expression.trim().split_once("| repeat ")?;
    let text = text.trim().strip_prefix('"')?.strip_suffix('"')?;
    let count: usize = count.trim().parse().ok()?;
    (text.len().checked_mul(count)? <= 16 << 20).then(|| text.repeat(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(yaml: &str, expect: &str) {
        let input: Input = serde_saphyr::from_str(yaml).expect("valid YAML");
        let bytes = input.to_bytes().expect("valid input");
        assert_eq!(String::from_utf8_lossy(&bytes), expect);
    }

    #[test]
    fn completes_headers() {
        check("uri: /a", "GET /a HTTP/1.1\r\nConnection: close\r\n\r\n");
        check(
            "{method: POST, headers: {Host: h}, data: 'a=b c&d'}",
            "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\nHost: h\r\n\r\na=b+c&d",
        );
        check(
            "{method: POST, headers: {Content-Type: text/plain}, data: 'a b'}",
            "POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 3\r\nContent-Type: text/plain\r\n\r\na b",
        );
        check("{method: POST, autocomplete_headers: false, version: '', data: 'x'}", "POST / \r\n\r\nx");
    }

    #[test]
    fn leaves_escaped_forms_and_braces_alone() {
        check(
            "{headers: {Connection: x}, data: 'a=%41 b'}",
            "GET / HTTP/1.1\r\nConnection: x\r\nContent-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=%41 b",
        );
        assert_eq!(expand_repeats(r#"a{{ "xy" | repeat 2 }}{{7*7}}{{"#), "axyxy{{7*7}}{{");
    }

    #[test]
    fn multipart_lines_end_in_crlf() {
        check(
            "{headers: {Content-Type: multipart/form-data; boundary=b}, data: \"--b\\n--b--\\n\"}",
            "GET / HTTP/1.1\r\nConnection: close\r\nContent-Length: 12\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n--b--\r\n",
        );
    }
}
