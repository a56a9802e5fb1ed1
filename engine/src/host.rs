//! The host a request is for.

use std::borrow::Cow;

/// A `Host` header's name: without port and final dot, in lower case; empty when it is not text.
pub(crate) fn normalised(header: &[u8]) -> Cow<'_, str> {
    let Ok(text) = str::from_utf8(header) else { return Cow::Borrowed("") };
    let text = text.trim();
    let name = match text.rfind(':') {
        Some(at) if !text.ends_with(']') => &text[..at],
        _ => text,
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises() {
        for (header, expected) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.Example.COM.:8080", "shop.example.com"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(normalised(header.as_bytes()), expected, "{header}");
        }
    }
}
