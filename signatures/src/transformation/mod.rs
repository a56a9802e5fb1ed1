//! SecLang transformations (`t:`), one a file.

use std::borrow::Cow;

use transaction::decode::percent::hex;

mod alphabet;
#[cfg(test)]
mod check;
mod effect;
mod unicode_map;

pub use unicode_map::{MapFault, UnicodeMap};

macro_rules! transformations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal in $module:ident,)*) => {
        $(mod $module;)*

        /// A transformation. `t:none` is not one: it empties the list at load.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Transformation { $($(#[doc = $doc])+ $variant,)* }

        impl Transformation {
            /// Every transformation, by name.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name as the reference spells it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it does, in one line.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)* }
            }

            /// What becomes of the value; `None` when it is seen early that nothing changes.
            fn transform(self, value: &[u8]) -> Option<Vec<u8>> {
                match self { $(Self::$variant => $module::transform(value),)* }
            }
        }
    };
}

transformations! {
    /// Decodes Base64, strictly.
    Base64Decode = "base64Decode" in base64_decode,
    /// Decodes Base64, leaving out what is not.
    Base64DecodeExt = "base64DecodeExt" in base64_decode_ext,
    /// Encodes in Base64.
    Base64Encode = "base64Encode" in base64_encode,
    /// Undoes what shells let through.
    CmdLine = "cmdLine" in cmd_line,
    /// Makes runs of white space one space.
    CompressWhitespace = "compressWhitespace" in compress_whitespace,
    /// Decodes CSS escapes.
    CssDecode = "cssDecode" in css_decode,
    /// Decodes ANSI C escapes.
    EscapeSeqDecode = "escapeSeqDecode" in escape_seq_decode,
    /// Decodes hexadecimal digits.
    HexDecode = "hexDecode" in hex_decode,
    /// Writes bytes as hexadecimal digits.
    HexEncode = "hexEncode" in hex_encode,
    /// Decodes HTML character references.
    HtmlEntityDecode = "htmlEntityDecode" in html_entity_decode,
    /// Decodes JavaScript escapes.
    JsDecode = "jsDecode" in js_decode,
    /// Writes the number of bytes.
    Length = "length" in length,
    /// Folds ASCII upper case.
    Lowercase = "lowercase" in lowercase,
    /// The MD5 digest.
    Md5 = "md5" in md5,
    /// Resolves `.` and `..` in paths.
    NormalizePath = "normalizePath" in normalize_path,
    /// Resolves `.` and `..` in paths with backslashes.
    NormalizePathWin = "normalizePathWin" in normalize_path_win,
    /// Sets the highest bit for even parity.
    ParityEven7bit = "parityEven7bit" in parity_even_7bit,
    /// Sets the highest bit for odd parity.
    ParityOdd7bit = "parityOdd7bit" in parity_odd_7bit,
    /// Clears the highest bit.
    ParityZero7bit = "parityZero7bit" in parity_zero_7bit,
    /// Leaves out comments.
    RemoveComments = "removeComments" in remove_comments,
    /// Leaves out the marks of comments.
    RemoveCommentsChar = "removeCommentsChar" in remove_comments_char,
    /// Leaves out NUL bytes.
    RemoveNulls = "removeNulls" in remove_nulls,
    /// Leaves out white space.
    RemoveWhitespace = "removeWhitespace" in remove_whitespace,
    /// Makes C comments spaces.
    ReplaceComments = "replaceComments" in replace_comments,
    /// Makes NUL bytes spaces.
    ReplaceNulls = "replaceNulls" in replace_nulls,
    /// The SHA-1 digest.
    Sha1 = "sha1" in sha1,
    /// Decodes SQL hexadecimal literals.
    SqlHexDecode = "sqlHexDecode" in sql_hex_decode,
    /// Leaves out white space at both ends.
    Trim = "trim" in trim,
    /// Leaves out white space at the start.
    TrimLeft = "trimLeft" in trim_left,
    /// Leaves out white space at the end.
    TrimRight = "trimRight" in trim_right,
    /// Raises ASCII lower case.
    Uppercase = "uppercase" in uppercase,
    /// Decodes percent-encoding.
    UrlDecode = "urlDecode" in url_decode,
    /// Decodes percent-encoding and `%uHHHH`.
    UrlDecodeUni = "urlDecodeUni" in url_decode_uni,
    /// Encodes for URLs.
    UrlEncode = "urlEncode" in url_encode,
    /// Writes characters outside of ASCII as `%uHHHH`.
    Utf8ToUnicode = "utf8toUnicode" in utf8_to_unicode,
}

impl Transformation {
    /// The transformation of that name, compared without case; both spellings of `normalizePath`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let spelt = |known: &str| known.eq_ignore_ascii_case(name);
        let same = |known: &str| spelt(known) || spelt(&known.replace("normalize", "normalise"));
        Self::ALL.iter().copied().find(|transformation| same(transformation.name()))
    }

    /// Applies it; borrows when nothing changes.
    #[must_use]
    pub fn apply<'v>(self, value: Cow<'v, [u8]>) -> Cow<'v, [u8]> {
        match self.transform(&value) {
            Some(changed) if changed != *value => Cow::Owned(changed),
            _ => value,
        }
    }

    /// The same with what a code page says of `%uHHHH`, which `t:urlDecodeUni` reads.
    #[must_use]
    pub fn apply_mapped<'v>(self, value: Cow<'v, [u8]>, map: Option<&UnicodeMap>) -> Cow<'v, [u8]> {
        let Some(map) = map.filter(|_| self == Self::UrlDecodeUni) else { return self.apply(value) };
        match url_decode_uni::transform_mapped(&value, Some(map)) {
            Some(changed) if changed != *value => Cow::Owned(changed),
            _ => value,
        }
    }

    /// The most bytes that a value of so many bytes can become.
    #[must_use]
    pub fn bytes_max(self, value: usize) -> usize {
        match self {
            Self::Base64Decode | Self::Base64DecodeExt => (value / 4 * 3 + 3).min(value),
            Self::Base64Encode => value.div_ceil(3) * 4,
            Self::HexEncode => value * 2,
            Self::Length => 20,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::UrlEncode | Self::Utf8ToUnicode => value * 3,
            _ => value,
        }
    }
}

/// C's `isspace` in its own locale: unlike Rust's it includes the vertical tab.
const fn is_space(byte: u8) -> bool {
    byte == 0x0b || byte.is_ascii_whitespace()
}

/// The number of four hexadecimal digits.
fn code_point(digits: [u8; 4]) -> Option<u32> {
    digits.iter().try_fold(0, |number, digit| Some(number << 4 | u32::from(hex(*digit)?)))
}

/// Replaces each backslash with its letter by what `escape` makes of them; `None` when there is no
/// backslash. `escape` is given the letter, the text from the letter on and the text after it, and returns a
/// byte with what is left; a backslash at the end stays.
fn unescape(
    value: &[u8],
    escape: impl for<'v> Fn(u8, &'v [u8], &'v [u8]) -> (u8, &'v [u8]),
) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\\', value)?;
    let mut out = value[..first].to_vec();
    out.reserve(value.len() - first);
    let mut rest = &value[first..];
    while let [byte, tail @ ..] = rest {
        let (decoded, after) = match (byte, tail) {
            (b'\\', [letter, after @ ..]) => escape(*letter, tail, after),
            _ => (*byte, tail),
        };
        out.push(decoded);
        rest = after;
    }
    Some(out)
}

/// The byte that a code point becomes: its last, or ASCII for its full-width forms (U+FF01 to U+FF5E), which
/// some servers take for it.
fn low_byte(code_point: u32) -> u8 {
    let byte = (code_point & 0xff) as u8;
    if (0xff01..=0xff5e).contains(&code_point) { byte + 0x20 } else { byte }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_parsed() {
        for transformation in Transformation::ALL {
            assert_eq!(Transformation::parse(transformation.name()), Some(*transformation));
            assert_eq!(Transformation::parse(&transformation.name().to_uppercase()), Some(*transformation));
        }
        assert_eq!(Transformation::parse("normalisePathWin"), Some(Transformation::NormalizePathWin));
        assert_eq!(Transformation::parse("none"), None);
    }

    /// What a second time changes nothing more.
    const IDEMPOTENT: &[Transformation] = &[
        Transformation::CmdLine,
        Transformation::CompressWhitespace,
        Transformation::Lowercase,
        Transformation::NormalizePath,
        Transformation::NormalizePathWin,
        Transformation::ParityZero7bit,
        Transformation::RemoveNulls,
        Transformation::RemoveWhitespace,
        Transformation::ReplaceComments,
        Transformation::ReplaceNulls,
        Transformation::Trim,
        Transformation::TrimLeft,
        Transformation::TrimRight,
        Transformation::Uppercase,
        Transformation::Utf8ToUnicode,
    ];

    /// Bytes that decoders look for, among any others.
    fn values() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            proptest::sample::select(b"\\%&#xu0f4/.*-<!>+=; \t\n".to_vec()),
            proptest::sample::select(b"\0\"'^,(Aaz\xc0\xaf\xe2\x80\xa0".to_vec()),
            any::<u8>(),
        ];
        prop::collection::vec(byte, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn stays_within_bounds_and_borrows(value in values()) {
            for transformation in Transformation::ALL {
                let out = transformation.apply(Cow::Borrowed(&value));
                prop_assert!(out.len() <= transformation.bytes_max(value.len()), "{:?}", transformation);
                prop_assert_eq!(matches!(out, Cow::Borrowed(_)), *out == *value, "{:?}", transformation);
                let owned = transformation.apply(Cow::Owned(value.clone()));
                prop_assert_eq!(owned, out, "{:?}", transformation);
            }
        }

        #[test]
        fn a_second_time_changes_nothing(value in values()) {
            for transformation in IDEMPOTENT {
                let once = transformation.apply(Cow::Borrowed(&value));
                prop_assert_eq!(transformation.apply(once.clone()), once, "{:?}", transformation);
            }
        }

        #[test]
        fn decoding_undoes_encoding(value in values()) {
            for (encode, decode) in [
                (Transformation::Base64Encode, Transformation::Base64Decode),
                (Transformation::Base64Encode, Transformation::Base64DecodeExt),
                (Transformation::HexEncode, Transformation::HexDecode),
                (Transformation::UrlEncode, Transformation::UrlDecode),
                (Transformation::UrlEncode, Transformation::UrlDecodeUni),
            ] {
                let there = encode.apply(Cow::Borrowed(&value));
                prop_assert_eq!(&*decode.apply(there), &*value, "{:?}", encode);
            }
        }
    }
}
