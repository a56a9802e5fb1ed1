//! Values that transformations have something to do with.

use portcullis_tests::random::Random;
use signatures::transformation::Transformation as T;

/// A random value of pieces that the transformation looks for.
pub(super) fn value(random: &mut Random, transformation: T) -> Vec<u8> {
    let mut value = random.value(pieces(transformation), PIECES_MAX);
    if random.below(4) == 0 {
        random.mutate(&mut value, pieces(transformation), &[]);
    }
    value
}

/// The most pieces of a value.
const PIECES_MAX: usize = 14;

#[rustfmt::skip]
fn pieces(transformation: T) -> &'static [&'static [u8]] {
    match transformation {
        T::UrlDecode | T::UrlDecodeUni => &[
            b"%", b"%", b"%", b"%u", b"%U", b"+", b"u", b"0", b"00", b"4", b"1", b"41", b"2f", b"F", b"ff", b"ff41", b"0041",
            b"%41", b"%00", b"%2b", b"%25", b"%u0041", b"%uff1c", b"%uff5f", b"%u0000", b"%u2215", b"%u1e3", b"g", b"x", b" ",
            b"\0", b"\xff",
        ],
        T::HtmlEntityDecode => &[
            b"&", b"&", b"&", b"#", b"&#", b"&#x", b"&#X", b";", b";", b"0", b"6", b"5", b"41", b"ff", b"999999999", b"g", b"x",
            b"quot", b"amp", b"lt", b"GT", b"nbsp", b"&lt", b"&gt;", b"&amp;", b"&copy;", b"&#60;", b"&#x3c", b"&#0;", b"-",
            b"+", b" ", b"\0", b"\xc2\xa0",
        ],
        T::JsDecode | T::EscapeSeqDecode => &[
            b"\\", b"\\", b"\\", b"\\\\", b"\\x", b"\\X", b"\\u", b"u", b"x", b"0", b"1", b"3", b"4", b"7", b"8", b"41", b"f",
            b"F", b"ff", b"ff1c", b"0041", b"\\101", b"\\377", b"\\400", b"\\x41", b"\\u0041", b"a", b"b", b"n", b"r", b"t",
            b"v", b"?", b"'", b"\"", b"g", b"\0", b"\xff", b"\n",
        ],
        T::CssDecode => &[
            b"\\", b"\\", b"\\", b"\\", b"6", b"1", b"f", b"F", b"0", b"00", b"41", b"ff", b"ff41", b"0ff1c", b"00ff5e",
            b"1ff41", b"000061", b"\\61", b"\\000061", b" ", b"\n", b"\t", b"\r\n", b"\x0b", b"g", b"z", b"\0", b"\xff",
        ],
        T::Base64Decode | T::Base64DecodeExt => &[
            b"Y", b"W", b"J", b"j", b"YQ", b"YWI", b"YWJj", b"YWI=", b"YQ==", b"PHNj", b"=", b"==", b"+", b"/", b"-", b"_", b".",
            b" ", b"\n", b"\r\n", b"\t", b"\0", b"\xff", b"0",
        ],
        T::Utf8ToUnicode => &[
            b"a", b"0", b"%", b"\0", b"\x7f", b"\xc3\xa9", b"\xe2\x82\xac", b"\xf0\x9f\x98\x80", b"\xc0\xaf", b"\xc1\x81",
            b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80", b"\xbf", b"\xc3", b"\xe2\x82",
            b"\xe2", b"\xf0\x9f", b"\xf0\x9f\x98", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xc2\xa0",
        ],
        T::NormalizePath | T::NormalizePathWin => &[
            b"/", b"/", b"/", b"\\", b"\\", b".", b".", b"..", b"..", b"/..", b"/../", b"/./", b"\\..\\", b"//", b"a", b"b",
            b"etc", b"...", b"a..", b"..b", b".a", b"C:", b"\0", b"\xff",
        ],
        T::CmdLine => &[
            b"\\", b"\"", b"'", b"^", b" ", b" ", b",", b";", b"/", b"(", b"\t", b"\r", b"\n", b"\x0b", b"A", b"b", b"cmd",
            b"/C", b"  /", b", (", b"^ ", b"\0", b"\xa0", b"\xff",
        ],
        T::ReplaceComments | T::RemoveComments | T::RemoveCommentsChar => &[
            b"/", b"*", b"/*", b"/*", b"*/", b"/**/", b"/*/", b"<!--", b"-->", b"--", b"-", b"#", b"<", b"<!", b"!", b">", b"\n",
            b"a", b"b", b" ", b"\0", b"\xff", b"//",
        ],
        T::SqlHexDecode | T::HexDecode | T::HexEncode => &[
            b"0", b"x", b"X", b"0x", b"0x", b"0X", b"41", b"4", b"f", b"FF", b"00", b"0x41", b"0x414", b"0x00", b"g", b"z", b" ",
            b"'", b"\0", b"\xff", b"@",
        ],
        T::RemoveNulls | T::ReplaceNulls | T::RemoveWhitespace | T::CompressWhitespace | T::Trim | T::TrimLeft
        | T::TrimRight => &[
            b" ", b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c", b"\0", b"\xa0", b"\x85", b"\xc2", b"\xc2\xa0", b"a", b"b",
            b"\xe2\x80\x83", b"\x1f",
        ],
        _ => &[
            b"a", b"Z", b"m", b"@", b"[", b"`", b"{", b"\xc0", b"\xe9", b" ", b"+", b"%41", b"*", b"-", b"_", b".", b"~", b"\0",
            b"\x7f", b"\x80", b"\xff", b"0", b"9",
        ],
    }
}
