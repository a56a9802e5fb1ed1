//! Tokens that callers must know.

use std::hint::black_box;

/// Whether an `Authorization` header carries the token; without a token everybody is trusted, which the
/// configuration allows on loopback only.
pub(crate) fn matches(token: Option<&str>, authorization: &[u8]) -> bool {
    let Some(token) = token else { return true };
    let given = authorization.strip_prefix(b"Bearer ").unwrap_or_default();
    is_same(given, token.as_bytes())
}

/// Compares in a time that depends on the length of `given` alone, so that nobody finds a token byte by
/// byte.
pub(crate) fn is_same(given: &[u8], token: &[u8]) -> bool {
    let mut difference = given.len() ^ token.len();
    for (index, byte) in given.iter().enumerate() {
        let expected = token.get(index % token.len().max(1)).copied().unwrap_or_default();
        difference |= usize::from(black_box(byte ^ expected));
    }
    black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_token_only() {
        for (token, header, expected) in [
            (None, "", true),
            (Some("secret"), "Bearer secret", true),
            (Some("secret"), "Bearer secre", false),
            (Some("secret"), "Bearer secretsecret", false),
            (Some("secret"), "Bearer Secret", false),
            (Some("secret"), "secret", false),
            (Some("secret"), "", false),
        ] {
            assert_eq!(matches(token, header.as_bytes()), expected, "{header}");
        }
    }
}
