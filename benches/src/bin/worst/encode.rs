//! Encodings that rules undo.

use portcullis_tests::random::Random;

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// `%41` for what is no letter or digit.
    Percent,
    /// `%41` for every byte.
    PercentAll,
    /// `%u0041`.
    PercentUnicode,
    /// `&#x41;`.
    Entities,
    /// `&lt;` and its like.
    NamedEntities,
    /// `\x41`.
    Hex,
    /// `\u0041`.
    Unicode,
    /// `\41`, as CSS has it.
    Css,
    Base64,
    /// `0x41`.
    SqlHex,
}

const ALL: [Encoding; 10] = [
    Encoding::Percent,
    Encoding::PercentAll,
    Encoding::PercentUnicode,
    Encoding::Entities,
    Encoding::NamedEntities,
    Encoding::Hex,
    Encoding::Unicode,
    Encoding::Css,
    Encoding::Base64,
    Encoding::SqlHex,
];

impl Encoding {
    pub(crate) fn any(random: &mut Random) -> Self {
        *random.pick(&ALL)
    }

    pub(crate) fn apply(self, value: &[u8]) -> Vec<u8> {
        let each =
            |write: &dyn Fn(u8) -> String| value.iter().flat_map(|byte| write(*byte).into_bytes()).collect();
        match self {
            Self::Percent => each(&|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02x}"),
            }),
            Self::PercentAll => each(&|byte| format!("%{byte:02X}")),
            Self::PercentUnicode => each(&|byte| format!("%u00{byte:02x}")),
            Self::Entities => each(&|byte| format!("&#x{byte:x};")),
            Self::NamedEntities => each(&|byte| match byte {
                b'<' => "&lt;".to_owned(),
                b'>' => "&gt;".to_owned(),
                b'&' => "&amp;".to_owned(),
                b'"' => "&quot;".to_owned(),
                byte if byte.is_ascii() => char::from(byte).to_string(),
                byte => format!("&#{byte};"),
            }),
            Self::Hex => each(&|byte| format!("\\x{byte:02x}")),
            Self::Unicode => each(&|byte| format!("\\u00{byte:02x}")),
            Self::Css => each(&|byte| format!("\\{byte:x} ")),
            Self::Base64 => base64(value),
            Self::SqlHex => [b"0x", &each(&|byte| format!("{byte:02x}"))[..]].concat(),
        }
    }
}

fn base64(value: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(value.len() * 4 / 3 + 4);
    for chunk in value.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            match place <= chunk.len() {
                true => out.push(LETTERS[(bits >> (18 - 6 * place)) as usize & 63]),
                false => out.push(b'='),
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes() {
        for (encoding, expected) in [
            (Encoding::Percent, "a%3cb"),
            (Encoding::PercentUnicode, "%u0061%u003c%u0062"),
            (Encoding::Entities, "&#x61;&#x3c;&#x62;"),
            (Encoding::NamedEntities, "a&lt;b"),
            (Encoding::Base64, "YTxi"),
            (Encoding::SqlHex, "0x613c62"),
        ] {
            assert_eq!(encoding.apply(b"a<b"), expected.as_bytes(), "{encoding:?}");
        }
        assert_eq!(Encoding::Base64.apply(b"ab"), b"YWI=");
    }
}
