//! `t:htmlEntityDecode`: decodes HTML character references.
//!
//! ```text
//! SecRule ARGS "@contains <script" "id:1000,phase:2,deny,t:none,t:htmlEntityDecode"
//! ```
//! ModSecurity reference v3, "Transformation functions", `htmlEntityDecode`.


//! `&#65;` and `&#x41;` become the byte of the number modulo 256; `&quot;`, `&amp;`, `&lt;`, `&gt;` and
//! `&nbsp;` (the byte A0), without case, become what they name. The semicolon may be missing. All else stays.

use transaction::decode::percent::hex;

pub(super) fn transform(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    // What of the value is in `out`, and up to where it was looked at.
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'&', &value[at..]) {
        let after = at + found + 1;
        at = after;
        if let Some((decoded, rest)) = reference(&value[after..]) {
            out.extend_from_slice(&value[copied..after - 1]);
            out.push(decoded);
            at = value.len() - rest.len();
            copied = at;
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&value[copied..]);
    Some(out)
}

/// The byte that a reference means, and what follows it.
fn reference(text: &[u8]) -> Option<(u8, &[u8])> {
    let (byte, rest) = match text {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => named(text)?,
    };
    Some((byte, rest.strip_prefix(b";").unwrap_or(rest)))
}

fn number(text: &[u8], radix: u8) -> Option<(u8, &[u8])> {
    let digit = |byte: &u8| hex(*byte).filter(|digit| *digit < radix);
    let length = text.iter().take_while(|byte| digit(byte).is_some()).count();
    let (digits, rest) = text.split_at(length);
    // Saturating like `strtol`.
    let number = digits.iter().filter_map(digit).fold(0_i64, |number, digit| {
        number.saturating_mul(i64::from(radix)).saturating_add(i64::from(digit))
    });
    (length > 0).then_some(((number & 0xff) as u8, rest))
}

fn named(text: &[u8]) -> Option<(u8, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let (name, rest) = text.split_at(length);
    NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, byte)| (*byte, rest))
}

const NAMES: &[(&[u8], u8)] = &[(b"quot", b'"'), (b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"nbsp", 0xa0)];

#[cfg(test)]
mod tests {
    use super::super::Transformation;
    use super::super::check::check;

    #[test]
    fn transforms() {
        check(Transformation::HtmlEntityDecode, &[
            (b"plain", b"plain"),
            (b"&#65;&#x41;&#X41;&amp;&lt;&GT;&quot;&nbsp;", b"AAA&<>\"\xa0"),
            (b"&#65&#x41g&amp&lt", b"AAg&<"),
            (b"&#;&#x;&x;&", b"&#;&#x;&x;&"),
            (b"&#256;&#x141;&#0;", b"\0A\0"),
            (b"&ampx;&copy;", b"&ampx;&copy;"),
            (b"&&lt;", b"&<"),
            (b"&#99999999999999999999;", b"\xff"),
        ]);
    }
}
