//! The headers of a multipart part (RFC 7578 section 4.2), as ModSecurity v3 reads them.

use super::MultipartFlags;
use crate::decode::percent;

/// Nobody sends more than three kinds (RFC 7578 section 4.8).
const HEADERS_MAX: usize = 32;

/// A name with what no name has (RFC 5322 section 2.2), in ModSecurity's words, which CRS's tests look for.
const INVALID_NAME: &str =
    "Multipart parsing error: Multipart: Invalid part header (contains invalid character)";

/// The header lines of one part.
#[derive(Debug, Default)]
pub(super) struct PartHeaders {
    /// Each line without its end, folded ones joined, and the length of its name.
    lines: Vec<(Vec<u8>, usize)>,
}

/// What a Content-Disposition says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: Vec<u8>,
    pub(super) file_name: Vec<u8>,
    /// `filename*`, decoded; a second opinion on the file name (RFC 8187).
    pub(super) file_name_extended: Vec<u8>,
}

impl PartHeaders {
    pub(super) fn clear(&mut self) {
        self.lines.clear();
    }

    pub(super) fn line(&self, index: usize) -> Option<&[u8]> {
        self.lines.get(index).map(|(line, _)| line.as_slice())
    }

    /// The value of a header, compared without ASCII case.
    pub(super) fn value(&self, wanted: &[u8]) -> Option<&[u8]> {
        let (line, name) =
            self.lines.iter().find(|(line, name)| line[..*name].eq_ignore_ascii_case(wanted))?;
        Some(line[name + 1..].trim_ascii_start())
    }

    /// Takes one line without its end; an error leaves it out.
    pub(super) fn push(&mut self, line: &[u8], flags: &mut MultipartFlags) -> Result<(), &'static str> {
        if line.contains(&0) {
            return Err("a nul byte in a part header");
        }
        if line.first().is_some_and(|byte| is_space(*byte)) {
            return self.fold(line, flags);
        }
        let Some(name) = line.iter().position(|byte| *byte == b':') else {
            return Err("a part header without a colon");
        };
        if name == 0 {
            return Err("a part header without a name");
        }
        if self.lines.len() == HEADERS_MAX {
            return Err("too many headers in a part");
        }
        let duplicate = self.value(&line[..name]).is_some();
        self.lines.push((line.to_vec(), name));
        if !line[..name].iter().all(u8::is_ascii_graphic) {
            return Err(INVALID_NAME);
        }
        if duplicate { Err("a part header that comes twice") } else { Ok(()) }
    }

    fn fold(&mut self, line: &[u8], flags: &mut MultipartFlags) -> Result<(), &'static str> {
        flags.header_folding = true;
        let folding = line.iter().take_while(|byte| is_space(**byte));
        flags.invalid_header_folding |= folding.clone().any(|byte| !b" \t".contains(byte));
        let folding = folding.count();
        let Some((last, _)) = self.lines.last_mut() else {
            return Err("a folded part header that continues nothing");
        };
        last.push(b' ');
        last.extend_from_slice(&line[folding..]);
        Ok(())
    }

    /// Reads the Content-Disposition; what could be read before an error is kept.
    pub(super) fn disposition(&self, flags: &mut MultipartFlags) -> (Disposition, Option<&'static str>) {
        let mut disposition = Disposition::default();
        let Some(value) = self.value(b"content-disposition") else {
            return (disposition, Some("a part without Content-Disposition"));
        };
        let mut error = disposition.parse(value, flags).err();
        if disposition.name.is_empty() {
            error = error.or(Some("a part without a name"));
        }
        // Crude parsers look for exactly this; a file that they miss is a disagreement.
        let plain = value.windows(9).any(|window| window.eq_ignore_ascii_case(b"filename="));
        if !disposition.file_name.is_empty() && !plain {
            error = error.or(Some("a malformed file name in a Content-Disposition"));
        }
        (disposition, error)
    }
}

impl Disposition {
    fn parse(&mut self, value: &[u8], flags: &mut MultipartFlags) -> Result<(), &'static str> {
        if !value.get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"form-data")) {
            return Err("expected `form-data` as Content-Disposition");
        }
        let mut rest = trim(&value[9..]);
        while !rest.is_empty() {
            let Some(parameter) = rest.strip_prefix(b";") else {
                flags.invalid_quoting |= value[..value.len() - rest.len()].ends_with(b"\"");
                return Err("expected `;` between parameters of a Content-Disposition");
            };
            rest = self.parameter(trim(parameter), flags)?;
        }
        Ok(())
    }

    fn parameter<'v>(
        &mut self,
        text: &'v [u8],
        flags: &mut MultipartFlags,
    ) -> Result<&'v [u8], &'static str> {
        let end = text.iter().position(|byte| b"= \t".contains(byte)).unwrap_or(text.len());
        let (name, rest) = text.split_at(end);
        let Some(rest) = trim(rest).strip_prefix(b"=") else {
            return Err("a parameter of a Content-Disposition without a value");
        };
        let (value, rest) = parameter_value(trim(rest), flags)?;
        let slot = match name.to_ascii_lowercase().as_slice() {
            b"name" => &mut self.name,
            b"filename" => &mut self.file_name,
            b"filename*" => return self.extended(&value, flags).map(|()| rest),
            _ => return Err("an unknown parameter of a Content-Disposition"),
        };
        flags.invalid_quoting |= value.contains(&b'\'');
        if !slot.is_empty() {
            return Err("a parameter of a Content-Disposition that comes twice");
        }
        *slot = value;
        Ok(rest)
    }

    /// `charset'language'percent-encoded` (RFC 8187 section 3.2).
    fn extended(&mut self, value: &[u8], flags: &mut MultipartFlags) -> Result<(), &'static str> {
        let mut pieces = value.splitn(3, |byte| *byte == b'\'');
        let (Some(charset), Some(_), Some(encoded)) = (pieces.next(), pieces.next(), pieces.next()) else {
            flags.invalid_part = true;
            return Err("a malformed `filename*` in a Content-Disposition");
        };
        let known = [b"utf-8".as_slice(), b"iso-8859-1", b"us-ascii"];
        if !known.iter().any(|known| charset.eq_ignore_ascii_case(known)) || encoded.contains(&b'+') {
            flags.invalid_part = true;
        }
        percent::decode_form(encoded, &mut self.file_name_extended);
        Ok(())
    }
}

/// A quoted string or a token, and what follows it. Some servers accept `'` as a quote, so it is one,
/// and flagged.
fn parameter_value<'v>(
    text: &'v [u8],
    flags: &mut MultipartFlags,
) -> Result<(Vec<u8>, &'v [u8]), &'static str> {
    let (&quote, quoted) = match text {
        [] => return Err("a parameter of a Content-Disposition without a value"),
        [quote @ (b'"' | b'\''), quoted @ ..] => (quote, quoted),
        _ => {
            let end = text.iter().position(|byte| !is_token(*byte)).unwrap_or(text.len());
            return Ok((text[..end].to_vec(), trim(&text[end..])));
        }
    };
    flags.invalid_quoting |= quote == b'\'';
    unquote(quoted, quote).ok_or("unfinished quotes in a Content-Disposition")
}

/// Only the quote and the backslash can be escaped; a backslash before anything else stands for
/// itself, because browsers have sent Windows paths that way.
fn unquote(quoted: &[u8], quote: u8) -> Option<(Vec<u8>, &[u8])> {
    let mut value = Vec::new();
    let mut rest = quoted;
    loop {
        match rest {
            [b'\\', escaped, after @ ..] if *escaped == quote || *escaped == b'\\' => {
                value.push(*escaped);
                rest = after;
            }
            [byte, after @ ..] if *byte == quote => return Some((value, trim(after))),
            [byte, after @ ..] => {
                value.push(*byte);
                rest = after;
            }
            [] => return None,
        }
    }
}

/// Drops spaces and tabs at the start.
fn trim(text: &[u8]) -> &[u8] {
    let blank = text.iter().take_while(|byte| b" \t".contains(byte)).count();
    &text[blank..]
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | 0x0b | 0x0c)
}

fn is_token(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !b"()<>@,;:\\\"/[]?=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_dispositions() {
        for (value, name, file_name, error, quoting) in [
            ("form-data; name=\"a\"", "a", "", "", false),
            ("form-data;name=a ; filename=b.txt", "a", "b.txt", "", false),
            (r#"form-data; name="a\"\\b\c"; filename="C:\x""#, r#"a"\b\c"#, r"C:\x", "", false),
            ("form-data; name='a'", "a", "", "", true),
            ("form-data; name=\"it's\"", "it's", "", "", true),
            (
                "form-data; name=\"a\" x",
                "a",
                "",
                "expected `;` between parameters of a Content-Disposition",
                false,
            ),
            (
                "form-data; name=\"a\"b\"",
                "a",
                "",
                "expected `;` between parameters of a Content-Disposition",
                true,
            ),
            ("form-data; name=\"a", "", "", "unfinished quotes in a Content-Disposition", false),
            (
                "form-data; name=a; name=b",
                "a",
                "",
                "a parameter of a Content-Disposition that comes twice",
                false,
            ),
            ("form-data; name=a; size=1", "a", "", "an unknown parameter of a Content-Disposition", false),
            (
                "form-data; name=a; filename =b",
                "a",
                "b",
                "a malformed file name in a Content-Disposition",
                false,
            ),
            ("attachment; name=a", "", "", "expected `form-data` as Content-Disposition", false),
            ("form-data", "", "", "a part without a name", false),
        ] {
            let (mut headers, mut flags) = (PartHeaders::default(), MultipartFlags::default());
            headers.push(format!("Content-Disposition: {value}").as_bytes(), &mut flags).unwrap();
            let (found, message) = headers.disposition(&mut flags);
            assert_eq!((found.name, found.file_name), (name.into(), file_name.into()), "{value}");
            assert_eq!(message.unwrap_or_default(), error, "{value}");
            assert_eq!(flags.invalid_quoting, quoting, "{value}");
        }
    }

    #[test]
    fn reads_extended_file_names() {
        let (mut headers, mut flags) = (PartHeaders::default(), MultipartFlags::default());
        let line = b"content-disposition: form-data; name=a; filename=x; filename*=UTF-8''%e2%82%ac.php";
        headers.push(line, &mut flags).unwrap();
        let (found, error) = headers.disposition(&mut flags);
        assert_eq!((found.file_name_extended.as_slice(), error), ("€.php".as_bytes(), None));
        assert_eq!(flags, MultipartFlags::default());
    }

    #[test]
    fn joins_folded_lines() {
        let (mut headers, mut flags) = (PartHeaders::default(), MultipartFlags::default());
        assert!(headers.push(b" a", &mut flags).is_err());
        headers.push(b"A: b", &mut flags).unwrap();
        headers.push(b"\t c", &mut flags).unwrap();
        assert!(flags.header_folding && !flags.invalid_header_folding);
        headers.push(b"\x0bd", &mut flags).unwrap();
        assert!(flags.invalid_header_folding);
        assert_eq!(headers.value(b"a"), Some(b"b c d".as_slice()));
        assert!(headers.push(b"a: e", &mut flags).is_err());
    }
}
