//! Which bytes a value may have after a transformation.

use super::Transformation;
use crate::prefilter::ByteSet;

/// White space as C's `isspace` takes it.
const SPACE: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r");
const UPPER: ByteSet = ByteSet::EMPTY.with_range(b'A', b'Z');
const LOWER: ByteSet = ByteSet::EMPTY.with_range(b'a', b'z');
const DIGITS: ByteSet = ByteSet::EMPTY.with_range(b'0', b'9');

impl Transformation {
    /// The bytes that the result may have when the value has no others than `bytes`.
    pub(crate) fn alphabet(self, bytes: ByteSet) -> ByteSet {
        let instead = |gone: ByteSet, come: &[u8]| bytes.without(gone).union(ByteSet::of(come));
        match self {
            Self::Base64Decode
            | Self::Base64DecodeExt
            | Self::CssDecode
            | Self::EscapeSeqDecode
            | Self::HexDecode
            | Self::HtmlEntityDecode
            | Self::JsDecode
            | Self::Md5
            | Self::ParityEven7bit
            | Self::ParityOdd7bit
            | Self::Sha1
            | Self::SqlHexDecode
            | Self::UrlDecode
            | Self::UrlDecodeUni => ByteSet::ALL,
            Self::Base64Encode => DIGITS.union(UPPER).union(LOWER).union(ByteSet::of(b"+/=")),
            Self::CmdLine => lower(instead(ByteSet::of(b"\"'\\^ ,;\t\r\n"), b" ")),
            Self::CompressWhitespace => instead(SPACE, b" "),
            Self::HexEncode => DIGITS.with_range(b'a', b'f'),
            Self::Length => DIGITS,
            Self::Lowercase => lower(bytes),
            Self::NormalizePathWin => instead(ByteSet::of(b"\\"), b"/"),
            Self::ParityZero7bit => bytes.iter().map(|byte| byte & 0x7f).collect(),
            Self::RemoveComments | Self::RemoveCommentsChar | Self::ReplaceComments => {
                instead(ByteSet::EMPTY, b" ")
            }
            Self::RemoveNulls => bytes.without(ByteSet::of(b"\0")),
            Self::RemoveWhitespace => bytes.without(SPACE.union(ByteSet::of(b"\xa0"))),
            Self::ReplaceNulls => instead(ByteSet::of(b"\0"), b" "),
            Self::NormalizePath | Self::Trim | Self::TrimLeft | Self::TrimRight => bytes,
            Self::Uppercase => upper(bytes),
            Self::UrlEncode => DIGITS.union(UPPER).union(LOWER).union(ByteSet::of(b"%+*-._")),
            Self::Utf8ToUnicode => bytes.union(DIGITS).union(UPPER).union(LOWER).union(ByteSet::of(b"%")),
        }
    }
}

fn lower(bytes: ByteSet) -> ByteSet {
    bytes.iter().map(|byte| byte.to_ascii_lowercase()).collect()
}

fn upper(bytes: ByteSet) -> ByteSet {
    bytes.iter().map(|byte| byte.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn results_keep_to_it(
            value in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..24),
                prop::collection::vec(prop::sample::select(b"/*.\\ <!->#\0\"'^,;(Aa%\xc2\xa0\xe9".to_vec()), 0..24),
            ],
        ) {
            for transformation in Transformation::ALL {
                let alphabet = transformation.alphabet(value.iter().copied().collect());
                let result = transformation.apply(Cow::Borrowed(&value));
                prop_assert!(result.iter().all(|byte| alphabet.contains(*byte)), "{:?} {:?}", transformation, result);
            }
        }
    }
}
