//! Variables of the connection and the request head.

use std::borrow::Cow;

use base64::Engine as _;
use transaction::{Fields, Shortfall, Transaction};

use super::super::bytes::Bytes;
use super::super::value::Value;
use super::{Scene, flag};
use crate::Variable;

/// Appends the values of `variable` if it is one of the request head.
pub(super) fn collect<'t>(variable: Variable, scene: Scene<'t>, out: &mut Vec<Value<'t>>) -> bool {
    match scalar(variable, scene.transaction) {
        Some(bytes) => out.push(Value::scalar(variable, bytes)),
        None => return false,
    }
    true
}

/// Appends one value for each field.
pub(super) fn list<'t>(variable: Variable, fields: &'t Fields, out: &mut Vec<Value<'t>>) {
    out.extend(fields.iter().map(|field| Value::named(variable, field.name, field.value)));
}

/// Appends one value for each field: its name.
pub(super) fn list_names<'t>(variable: Variable, fields: &'t Fields, out: &mut Vec<Value<'t>>) {
    out.extend(fields.iter().map(|field| Value::named(variable, field.name, field.name)));
}

fn scalar(variable: Variable, transaction: &Transaction) -> Option<Bytes<'_>> {
    let (connection, request) = (&transaction.connection, &transaction.request);
    Some(match variable {
        Variable::AuthType => authorization(transaction).0.into(),
        Variable::InboundDataError => flag(transaction.inspection.has(Shortfall::BodyTooLarge)).into(),
        Variable::PathInfo | Variable::RequestFilename => decoded_path(transaction),
        Variable::QueryString => transaction.query_string().into(),
        Variable::RemoteAddr | Variable::RemoteHost => connection.client_address.to_string().into(),
        Variable::RemotePort => connection.client_port.to_string().into(),
        Variable::RemoteUser => remote_user(transaction).into(),
        Variable::RequestBasename => basename(decoded_path(transaction)),
        Variable::RequestLine => request_line(transaction).into(),
        Variable::RequestMethod => request.method.as_slice().into(),
        Variable::RequestProtocol => request.protocol.as_slice().into(),
        // What precedes the path is scheme and authority of an absolute form.
        Variable::RequestUri => request.target.get(transaction.uri.path.start..).unwrap_or_default().into(),
        Variable::RequestUriRaw => request.target.as_slice().into(),
        Variable::ServerAddr => connection.server_address.to_string().into(),
        Variable::ServerName => host_name(transaction.host()).into(),
        Variable::ServerPort => connection.server_port.to_string().into(),
        Variable::UniqueId => transaction.id.as_bytes().into(),
        _ => return None,
    })
}

fn decoded_path(transaction: &Transaction) -> Bytes<'_> {
    decode_percent(transaction.path()).into()
}

/// Decodes `%HH` once and leaves everything else, `+` and incomplete escapes too.
fn decode_percent(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        let escaped = if *byte == b'%' { escape(after) } else { None };
        decoded.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Cow::Owned(decoded)
}

/// The byte that two hexadecimal digits at the front of `bytes` mean.
fn escape(bytes: &[u8]) -> Option<u8> {
    let digits = bytes.first_chunk::<2>()?;
    let [high, low] = digits.map(|digit| char::from(digit).to_digit(16));
    Some((high? << 4 | low?) as u8)
}

/// Whether a `%` is not followed by two hexadecimal digits.
pub(super) fn has_invalid_escape(bytes: &[u8]) -> bool {
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    escapes.into_iter().any(|(at, _)| escape(&bytes[at + 1..]).is_none())
}

/// What follows the last slash, forward or backward.
fn basename(path: Bytes<'_>) -> Bytes<'_> {
    let start = path.iter().rposition(|byte| matches!(byte, b'/' | b'\\')).map_or(0, |at| at + 1);
    match path {
        Bytes::Borrowed(path) => Bytes::Borrowed(&path[start..]),
        Bytes::Shared(path) => Bytes::Shared(path[start..].into()),
    }
}

fn request_line(transaction: &Transaction) -> Vec<u8> {
    let request = &transaction.request;
    let mut line = [request.method.as_slice(), &request.target].join(&b' ');
    if !request.protocol.is_empty() {
        line.push(b' ');
        line.extend_from_slice(&request.protocol);
    }
    line
}

/// The host without its port (RFC 3986 section 3.2.2: an IPv6 address stands in brackets).
fn host_name(host: &[u8]) -> &[u8] {
    let after_address = host.iter().position(|byte| *byte == b']').map_or(0, |at| at + 1);
    let port = host[after_address..].iter().position(|byte| *byte == b':');
    &host[..port.map_or(host.len(), |at| after_address + at)]
}

/// Scheme and credentials of the `Authorization` header.
fn authorization(transaction: &Transaction) -> (&[u8], &[u8]) {
    let header = transaction.request.headers.first(b"authorization").unwrap_or_default();
    match header.iter().position(|byte| *byte == b' ') {
        Some(space) => (&header[..space], header[space + 1..].trim_ascii()),
        None => (header, b""),
    }
}

/// The user name of Basic credentials (RFC 7617 section 2).
fn remote_user(transaction: &Transaction) -> Vec<u8> {
    let (scheme, credentials) = authorization(transaction);
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return Vec::new();
    }
    let mut pair = base64::engine::general_purpose::STANDARD.decode(credentials).unwrap_or_default();
    if let Some(colon) = pair.iter().position(|byte| *byte == b':') {
        pair.truncate(colon);
    }
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_once() {
        for (raw, decoded) in
            [("/a%2fb", "/a/b"), ("/%252f", "/%2f"), ("/a+b%", "/a+b%"), ("/%zz%41", "/%zzA")]
        {
            assert_eq!(&*decode_percent(raw.as_bytes()), decoded.as_bytes(), "{raw}");
        }
        assert!(has_invalid_escape(b"%41%4") && !has_invalid_escape(b"%41"));
    }

    #[test]
    fn splits_hosts_and_paths() {
        for (host, name) in [("a:80", "a"), ("a", "a"), ("[::1]:8080", "[::1]"), ("[::1]", "[::1]"), ("", "")]
        {
            assert_eq!(host_name(host.as_bytes()), name.as_bytes(), "{host}");
        }
        for (path, base) in [("/a/b.php", "b.php"), ("/a/", ""), ("x", "x"), ("/a\\b", "b")] {
            assert_eq!(&*basename(path.as_bytes().into()), base.as_bytes(), "{path}");
        }
    }
}
