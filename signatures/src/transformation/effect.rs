//! When a transformation changes nothing, seen by the bytes that a value has.

use super::Transformation;
use crate::prefilter::ByteSet;

/// White space as C's `isspace` takes it.
const SPACE: ByteSet = ByteSet::of(b" \t\n\x0b\x0c\r");
const ABOVE_ASCII: ByteSet = ByteSet::EMPTY.with_range(0x80, 0xff);

impl Transformation {
    /// Sets of bytes: a value that has no byte of one of them stays as it is, but for case. `None` when every
    /// value may change.
    pub(crate) fn changes_only(self) -> Option<Vec<ByteSet>> {
        Some(match self {
            Self::Base64Decode
            | Self::Base64DecodeExt
            | Self::Base64Encode
            | Self::HexDecode
            | Self::HexEncode
            | Self::Length
            | Self::Md5
            | Self::ParityEven7bit
            | Self::ParityOdd7bit
            | Self::Sha1
            | Self::UrlEncode => return None,
            Self::CmdLine => vec![ByteSet::of(b"\"'\\^ ,;\t\r\n")],
            Self::CompressWhitespace | Self::Trim | Self::TrimLeft | Self::TrimRight => vec![SPACE],
            Self::CssDecode | Self::EscapeSeqDecode | Self::JsDecode => vec![ByteSet::of(b"\\")],
            Self::HtmlEntityDecode => vec![ByteSet::of(b"&")],
            Self::Lowercase | Self::Uppercase => vec![ByteSet::EMPTY],
            Self::NormalizePath => vec![ByteSet::of(b"/.")],
            Self::NormalizePathWin => vec![ByteSet::of(b"/.\\")],
            Self::ParityZero7bit | Self::Utf8ToUnicode => vec![ABOVE_ASCII],
            Self::RemoveComments | Self::RemoveCommentsChar => vec![ByteSet::of(b"/<-#")],
            Self::RemoveNulls | Self::ReplaceNulls => vec![ByteSet::of(b"\0")],
            Self::RemoveWhitespace => vec![ByteSet::of(b" \t\n\x0b\x0c\r\xa0")],
            Self::ReplaceComments => vec![ByteSet::of(b"/"), ByteSet::of(b"*")],
            Self::SqlHexDecode => vec![ByteSet::of(b"0"), ByteSet::of(b"xX")],
            Self::UrlDecode | Self::UrlDecodeUni => vec![ByteSet::of(b"%+")],
        })
    }

    /// The bytes that may be in its result and were not in the value, both cases of letters; what only becomes
    /// the other case does not count.
    pub(crate) fn makes(self) -> ByteSet {
        match self {
            Self::Lowercase
            | Self::RemoveNulls
            | Self::RemoveWhitespace
            | Self::Trim
            | Self::TrimLeft
            | Self::TrimRight
            | Self::Uppercase => ByteSet::EMPTY,
            Self::CmdLine
            | Self::CompressWhitespace
            | Self::RemoveComments
            | Self::RemoveCommentsChar
            | Self::ReplaceComments
            | Self::ReplaceNulls => ByteSet::of(b" "),
            Self::NormalizePath | Self::NormalizePathWin => ByteSet::of(b"/."),
            _ => ByteSet::ALL,
        }
    }

    /// Whether its result may be longer than the value.
    pub(crate) fn may_grow(self) -> bool {
        self.bytes_max(1) > 1
    }

    /// Whether values that differ in case alone become values that differ in case alone.
    pub(crate) fn ignores_case(self) -> bool {
        matches!(
            self,
            Self::CmdLine
                | Self::CompressWhitespace
                | Self::HtmlEntityDecode
                | Self::Lowercase
                | Self::NormalizePath
                | Self::NormalizePathWin
                | Self::RemoveComments
                | Self::RemoveCommentsChar
                | Self::RemoveNulls
                | Self::RemoveWhitespace
                | Self::ReplaceComments
                | Self::ReplaceNulls
                | Self::Trim
                | Self::TrimLeft
                | Self::TrimRight
                | Self::Uppercase
                | Self::UrlDecode
                | Self::UrlDecodeUni
        )
    }

    /// Whether it changes nothing but case.
    pub(crate) fn is_case_only(self) -> bool {
        matches!(self, Self::Lowercase | Self::Uppercase)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            proptest::sample::select(b"\\%&#xXuU0f4F/.*-<!>+=; \t\n".to_vec()),
            proptest::sample::select(b"\0\"'^,(AaGgzLlTt\xc0\xaf\xe2\x80\xa0".to_vec()),
            any::<u8>(),
        ];
        prop::collection::vec(byte, 0..24)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn values_without_the_bytes_stay(value in values(), kept in 0..256_usize) {
            for transformation in Transformation::ALL {
                let Some(sets) = transformation.changes_only() else { continue };
                let set = sets[kept % sets.len()];
                let value: Vec<u8> = value.iter().copied().filter(|byte| !set.contains(*byte)).collect();
                let changed = transformation.apply(Cow::Borrowed(&value));
                prop_assert!(changed.eq_ignore_ascii_case(&value), "{:?}", transformation);
            }
        }

        #[test]
        fn results_have_what_is_said_and_no_more(value in values()) {
            let had = ByteSet::seen_in(&value).without_case();
            for transformation in Transformation::ALL {
                let result = transformation.apply(Cow::Borrowed(&value));
                let made = ByteSet::seen_in(&result).without_case().without(had);
                prop_assert!(made.without(transformation.makes()).is_empty(), "{:?}", transformation);
                prop_assert!(result.len() <= value.len() || transformation.may_grow(), "{:?}", transformation);
            }
        }

        #[test]
        fn case_stays_case(value in values()) {
            for transformation in Transformation::ALL.iter().filter(|it| it.ignores_case()) {
                let lower = value.to_ascii_lowercase();
                let (one, other) = (transformation.apply(Cow::Borrowed(&value)), transformation.apply(Cow::Borrowed(&lower)));
                prop_assert!(one.eq_ignore_ascii_case(&other), "{:?}", transformation);
            }
        }
    }
}
