//! W3C Trace Context, level 1: `traceparent` and `tracestate`.

/// A valid `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'v> {
    /// The trace: 32 hexadecimal digits in lower case, not all 0.
    pub trace_id: &'v str,
    /// The caller's span in it: 16 such digits, not all 0.
    pub parent_id: &'v str,
}

impl<'v> TraceParent<'v> {
    /// Reads `version-traceid-parentid-flags`; `None` when it has to be dropped (section 3.2.2). A version after ours may
    /// have more behind that.
    #[must_use]
    pub fn parse(value: &'v [u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let (fixed, rest) = text.split_at_checked(55)?;
        let mut parts = fixed.split('-');
        let (version, trace_id) = (hexadecimal(parts.next()?, 2)?, hexadecimal(parts.next()?, 32)?);
        let parent_id = hexadecimal(parts.next()?, 16)?;
        hexadecimal(parts.next()?, 2)?;
        let is_version = match version {
            "ff" => false,
            "00" => rest.is_empty(),
            _ => rest.is_empty() || rest.starts_with('-'),
        };
        let is_set = |id: &str| id.bytes().any(|byte| byte != b'0');
        let valid = is_version && parts.next().is_none() && is_set(trace_id) && is_set(parent_id);
        valid.then_some(Self { trace_id, parent_id })
    }
}

/// Whether a `tracestate` may go on: what it says is for others, so only its form is looked at (section 3.3).
#[must_use]
pub fn is_trace_state(value: &[u8]) -> bool {
    let members = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut count = 0;
    value.len() <= STATE_BYTES_MAX
        && members.filter(|member| !member.is_empty()).all(|member| {
            count += 1;
            count <= MEMBERS_MAX && is_member(member)
        })
}

fn is_member(member: &[u8]) -> bool {
    let Some(at) = member.iter().position(|byte| *byte == b'=') else { return false };
    let (key, value) = (&member[..at], &member[at + 1..]);
    let is_key = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(byte);
    let is_value = |byte: &u8| matches!(byte, b' '..=b'~') && !b",=".contains(byte);
    (1..=256).contains(&key.len())
        && key.iter().all(is_key)
        && value.len() <= 256
        && value.iter().all(is_value)
}

fn hexadecimal(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

/// Members that may go on (count; section 3.3.1.1).
const MEMBERS_MAX: usize = 32;
/// The longest state (bytes): a platform has to pass on 512 at least.
const STATE_BYTES_MAX: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_parents() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        for (value, valid) in [
            (format!("00-{trace}-{parent}-01"), true),
            (format!("cc-{trace}-{parent}-01"), true),
            (format!("cc-{trace}-{parent}-01-what-the-future-brings"), true),
            (format!("cc-{trace}-{parent}-01."), false),
            (format!("00-{trace}-{parent}-01-more"), false),
            (format!("00-{trace}-{parent}-01 "), false),
            (format!("ff-{trace}-{parent}-01"), false),
            (format!("0-{trace}-{parent}-01"), false),
            (format!("00-{}-{parent}-01", trace.to_uppercase()), false),
            (format!("00-{}-{parent}-01", "0".repeat(32)), false),
            (format!("00-{trace}-{}-01", "0".repeat(16)), false),
            (format!("00-{trace}-{parent}"), false),
            (format!("00-{trace}-{parent}-1"), false),
            (format!("00-{trace}-{parent}-0g"), false),
            (format!("00-{trace}{parent}--01"), false),
            (String::new(), false),
            ("\u{e9}".repeat(40), false),
        ] {
            let expected = valid.then_some(TraceParent { trace_id: trace, parent_id: parent });
            assert_eq!(TraceParent::parse(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn reads_states() {
        for (value, valid) in [
            ("", true),
            ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true),
            ("a=1, ,b=2", true),
            ("fw529a3039@dt=FfAAAABc", true),
            ("a", false),
            ("=1", false),
            ("A=1", false),
            ("a=b=c", false),
            ("a=\u{e9}", false),
            ("a=\t", true),
        ] {
            assert_eq!(is_trace_state(value.as_bytes()), valid, "{value:?}");
        }
        assert!(is_trace_state(vec!["a=1"; MEMBERS_MAX].join(",").as_bytes()));
        assert!(!is_trace_state(vec!["a=1"; MEMBERS_MAX + 1].join(",").as_bytes()));
    }
}
