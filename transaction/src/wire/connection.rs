//! What `Connection` names: headers that end at the next hop, and so are removed there.

use super::{is_whole_token, trimmed};

/// Whether the values of `Connection` so far name what no client may take from a request: its framing, where it goes and who
/// it is from; or so much, or anything so odd, that servers differ in what they remove (RFC 9110, section 7.6.1).
///
/// `named` counts the names of all lines.
pub(super) fn is_hostile(value: &[u8], named: &mut usize) -> bool {
    if [&b"keep-alive"[..], b"close", b"upgrade"].iter().any(|usual| value.eq_ignore_ascii_case(usual)) {
        *named += 1;
        return *named > NAMES_MAX;
    }
    let names = value.split(|byte| *byte == b',').map(trimmed).filter(|name| !name.is_empty());
    names.into_iter().any(|name| {
        *named += 1;
        *named > NAMES_MAX || !is_whole_token(name) || is_protected(name)
    })
}

fn is_protected(name: &[u8]) -> bool {
    PROTECTED.iter().any(|protected| name.eq_ignore_ascii_case(protected))
}

/// What may not be named.
const PROTECTED: [&[u8]; 6] = [
    b"content-length",
    b"host",
    b"transfer-encoding",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-proto",
];
/// Names that may be named (count); Pingora takes no more.
const NAMES_MAX: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_may_be_removed() {
        for (values, hostile) in [
            (&["close"][..], false),
            (&["Keep-Alive"], false),
            (&["keep-alive, Upgrade"], false),
            (&["TE, close, X-Odd"], false),
            (&[" , close,"], false),
            (&[""], false),
            (&["close, Content-Length"], true),
            (&["Transfer-Encoding"], true),
            (&["x-a", "HOST"], true),
            (&["close, X-Forwarded-For"], true),
            (&["\"x-forwarded-for\""], true),
            (&[":authority"], true),
            (&["a b"], true),
            (&["a,b,c,d,e,f,g,h,i"], false),
            (&["a,b,c,d,e", "f,g,h,i,j"], true),
        ] {
            let mut named = 0;
            let found = values.iter().any(|value| is_hostile(value.as_bytes(), &mut named));
            assert_eq!(found, hostile, "{values:?}");
        }
    }
}
