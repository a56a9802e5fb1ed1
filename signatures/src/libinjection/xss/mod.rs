//! Detects cross-site scripting by reading a value as a browser would read markup.
//!
//! A value is read as if it stood between tags, inside a tag, and inside an attribute in each kind of
//! quotes. [`html5`] cuts it into tags, attributes and comments the way HTML 5 and older browsers do;
//! [`blacklist`] knows which of them can run a script.
//!
//! # Kept quirks
//!
//! - `</>` leaves the tokenizer inside an end tag, so that `<b></><script>` passes.
//! - A start tag counts from its name on, before its `>` is seen; an end tag with attributes as well.
//!
//! # Differences
//!
//! - To C at 85e252a: the byte FF is a byte like any other, where C with signed characters takes it
//!   for the end of the value; NUL inside an event's name is left out before it is compared, as it is
//!   for every other name (only the value of `attributename` can hold one).
//! - To the C library 3.9.2, which ModSecurity comes with: there every name with `on` and three
//!   letters or more is an event.
//! - To the crate `libinjectionrs` 0.1.1, and to the C library before 4.0: an event's name is
//!   compared as far as the known name goes (`ondrage@@nter`), and a character reference above
//!   U+00FF counts as its last byte. Whatever the crate finds is found here as well, but for
//!   attributes with NUL in their names, which C ends at the NUL.

mod blacklist;
#[cfg(test)]
pub(super) mod conformance;
mod html5;

use blacklist::Attribute;
use html5::{Html, Kind, Place, Token};

/// Says whether a value is a cross-site scripting attack.
///
/// ```
/// use signatures::libinjection::xss;
///
/// assert!(xss::detect(b"\"><img src=x onerror=alert(1)>"));
/// assert!(!xss::detect(b"a < b and b > c, so x = y"));
/// ```
pub fn detect(input: &[u8]) -> bool {
    Place::ALL.into_iter().filter_map(|place| Html::read(input, place)).any(runs_script)
}

fn runs_script(html: Html<'_>) -> bool {
    let mut attribute = None;
    for Token { kind, text } in html {
        match kind {
            Kind::AttributeName => attribute = blacklist::attribute(text),
            Kind::AttributeValue if is_value_refused(attribute.take(), text) => return true,
            Kind::Comment if blacklist::is_comment_refused(text) => return true,
            Kind::Doctype => return true,
            Kind::TagName if blacklist::is_tag_refused(text) => return true,
            Kind::AttributeValue | Kind::Comment | Kind::TagName => {}
        }
    }
    false
}

fn is_value_refused(attribute: Option<Attribute>, value: &[u8]) -> bool {
    match attribute {
        None => false,
        Some(Attribute::Refused) => true,
        Some(Attribute::Url) => blacklist::is_url_refused(value),
        Some(Attribute::Indirect) => blacklist::attribute(value).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use libinjectionrs::detect_xss;
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(expected: bool, rows: &[&str]) {
        for row in rows {
            assert_eq!(detect(row.as_bytes()), expected, "{row}");
        }
    }

    #[test]
    fn ordinary_text_passes() {
        check(
            false,
            &[
                "",
                "hello world",
                "a < b and b > c, so x = y",
                "1 <= 2 && 3 >= 2",
                "I <3 you",
                "O'Reilly \"quotes\" `ticks`",
                "on=1&once=2&only=3",
                "<b>bold</b> <i class='x'>italic</i>",
                "<p title=onclick>",
                "<a href=\"https://example.org/?a=b\">home</a>",
                "<!-- a comment -->",
                "</script>",
                "<b></><script>",
                "<![CDATA[ <script> ]]>",
                "size=10 colour=red",
            ],
        );
    }

    #[test]
    fn tags() {
        check(
            true,
            &[
                "<script>alert(1)</script>",
                "<ScRiPt",
                "<scr\0ipt>",
                "<svg/onload=alert(1)>",
                "<SVGFOO>",
                "<xsl:template>",
                "<iframe src=x>",
                "</b><script>",
                "x' ><script>",
                "<!DOCTYPE html>",
            ],
        );
    }

    #[test]
    fn attributes_between_tags() {
        check(
            true,
            &[
                "<img src=x onerror=alert(1)>",
                "<a/onmouseover[\\x0b]=alert(1)>",
                "<b ondrage@@nter=x>",
                "<b onmouseleave<=x>",
                "<b\nonclick\n=\n'x'>",
                "<a href=javascript:x>",
                "<a href=' java\nscript:x'>",
                "<a href=\"&#x6a;avascript:x\">",
                "<form action=`data:text/html,x`>",
                "<p style=x>",
                "<set attributename=onclick>",
                "<a xmlns:x=y>",
                "</b onclick=x>",
                "<a ///href=vbscript:x>",
            ],
        );
    }

    #[test]
    fn attributes_that_end_a_quote() {
        check(true, &["' onclick=x", "\" onclick=x", "` onclick=x", "onclick=x", "x'/onclick=x"]);
        check(false, &["onclick", "' onclick", "'' title=x"]);
    }

    #[test]
    fn comments() {
        check(
            true,
            &[
                "<!--[if IE]>",
                "<!-- ` -->",
                "<?import x>",
                "<!ENTITY x>",
                "<?xml x>",
                "<% ` %>",
                "<!--x--!><script>",
            ],
        );
        check(false, &["<!--[i-->", "<!--<script>-->", "<!-- -\0- <script>", "<?php x>"]);
    }

    #[test]
    fn a_byte_above_ascii_does_not_end_the_value() {
        assert!(detect(b"<a \xff><script>"));
    }

    fn markup() -> impl Strategy<Value = Vec<u8>> {
        const PIECES: &[&str] = &[
            "<",
            ">",
            "/",
            "=",
            "'",
            "\"",
            "`",
            " ",
            "\t",
            "\n",
            "\u{b}",
            "!",
            "--",
            "-->",
            "--!>",
            "<!--",
            "<?",
            "<%",
            "%>",
            "<![CDATA[",
            "]]>",
            "<!doctype",
            "<script>",
            "</",
            "<svg",
            "<a ",
            "<xml",
            "<xsl:",
            "href",
            "src",
            "style",
            "on",
            "onclick",
            "onend",
            "ondrag",
            "onfoo",
            "xmlns",
            "xlink:href",
            "attributename",
            "action",
            "javascript:",
            "java",
            "data:",
            "vbscript",
            "view-source:",
            "&#",
            "&#x",
            "&#x6a;",
            "&#106;",
            "&#0;",
            "j",
            "ava",
            "import",
            "entity",
            "[if",
            "xml",
            "by",
            "to",
            "x",
            "1",
            ";",
            "&",
        ];
        let piece = prop_oneof![
            9 => prop::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
            1 => (1..=u8::MAX).prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn finds_what_libinjectionrs_finds(input in markup()) {
            prop_assert!(detect(&input) || !detect_xss(&input).is_injection());
        }

        #[test]
        fn any_bytes_are_read(input in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = detect(&input);
        }
    }
}
