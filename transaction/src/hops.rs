//! What hops before us say of a connection or a request: who it is from, and which trace it is part of.
//!
//! Nothing here is believed; that depends on who says it, and is for `engine` to know.

mod chain;
mod node;
pub mod proxy_protocol;
mod trace;

#[doc(hidden)]
pub mod properties;

pub use chain::{Chain, forwarded, x_forwarded_for};
pub use node::Node;
pub use trace::{TraceParent, is_trace_state};

/// Whether an id of a request may go on as it came: short, and of characters that are safe in logs and headers.
#[must_use]
pub fn is_request_id(value: &[u8]) -> bool {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
    (1..=REQUEST_ID_BYTES_MAX).contains(&value.len()) && value.iter().all(is_safe)
}

/// The longest id of a request that is kept (bytes).
const REQUEST_ID_BYTES_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_safe_ids() {
        for (id, safe) in [
            ("7f3a", true),
            ("Root=1-67891233-abcdef012345678912345678", true),
            ("550e8400-e29b-41d4-a716-446655440000", true),
            ("", false),
            ("a b", false),
            ("a\"b", false),
            ("a\r\nb", false),
            ("<a>", false),
            ("${jndi:x}", false),
            ("\u{e9}", false),
        ] {
            assert_eq!(is_request_id(id.as_bytes()), safe, "{id}");
        }
        assert!(is_request_id(&[b'a'; REQUEST_ID_BYTES_MAX]));
        assert!(!is_request_id(&[b'a'; REQUEST_ID_BYTES_MAX + 1]));
    }
}
