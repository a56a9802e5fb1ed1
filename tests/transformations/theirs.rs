//! What libmodsecurity 3.0.9 does otherwise, so far that its answers are foretold; `backslash` is told by the value alone.

use portcullis_tests::differences::Holds;

/// The transformation, the class, and whether a difference is of it. The first that holds counts.
pub(super) const CLASSES: &[(&str, &str, Holds)] = &[
    ("base64DecodeExt", "early-padding", |it| it.value.contains(&b'=') && it.theirs.is_empty()),
    ("cssDecode", "nul", |it| it.theirs == before_nul(&it.ours)),
    ("normalizePath", "name-with-two-dots", |it| {
        has_name_with_two_dots(&it.value) && it.theirs == path(&it.value)
    }),
    ("normalizePath", "left-root", |it| it.theirs == path(&it.value)),
    ("normalizePathWin", "backslash", |it| has_unconverted_run(&it.value)),
    ("normalizePathWin", "name-with-two-dots", |it| {
        let value = slashes(&it.value);
        has_name_with_two_dots(&value) && it.theirs == path(&value)
    }),
    ("normalizePathWin", "left-root", |it| it.theirs == path(&slashes(&it.value))),
    ("removeComments", "nul", |it| {
        it.theirs == without_comments(&it.value) && it.theirs == [&it.ours, &b"\0"[..]].concat()
    }),
    ("removeComments", "other-mark", |it| {
        has_other_mark(&it.value) && it.theirs == without_comments(&it.value)
    }),
    ("removeComments", "next-byte", |it| it.theirs == without_comments(&it.value)),
    ("removeWhitespace", "lead-byte", |it| it.theirs == without(&it.ours, 0xc2)),
    ("sqlHexDecode", "nul", |it| {
        (it.value.contains(&0) || it.ours.contains(&0)) && it.theirs == sql_hex(&it.value)
    }),
    ("sqlHexDecode", "last-byte", |it| it.theirs == sql_hex(&it.value) && it.ours.starts_with(&it.theirs)),
    ("sqlHexDecode", "next-byte", |it| it.theirs == sql_hex(&it.value)),
    ("utf8toUnicode", "nul", |it| it.theirs == without(&it.ours, 0)),
    ("utf8toUnicode", "overlong", |it| has_overlong(&it.value) && it.theirs == unicode(&it.value)),
    ("utf8toUnicode", "no-character", |it| it.theirs == unicode(&it.value)),
];

fn before_nul(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn without(value: &[u8], byte: u8) -> Vec<u8> {
    value.iter().copied().filter(|other| *other != byte).collect()
}

fn slashes(value: &[u8]) -> Vec<u8> {
    value.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
}

fn has_name_with_two_dots(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|name| name.len() > 2 && name.ends_with(b".."))
}

/// Three slashes or more of which the last is a backslash, nothing between them or what is left out.
fn has_unconverted_run(path: &[u8]) -> bool {
    let mut slashes = 0;
    let mut name: &[u8] = b"";
    path.iter().enumerate().any(|(at, byte)| {
        if !matches!(byte, b'/' | b'\\') {
            name = &path[at - name.len()..=at];
            return false;
        }
        let is_left_out = name.is_empty() || name == b"." || name.ends_with(b"..");
        slashes = if is_left_out { slashes + 1 } else { 1 };
        name = b"";
        slashes > 2 && *byte == b'\\'
    })
}

/// A name that ends with two dots takes itself out, unless it is the first of a relative path and short, or `..` was
/// there already; and whether it was is forgotten with a second name only.
fn path(value: &[u8]) -> Vec<u8> {
    let is_absolute = value.first() == Some(&b'/');
    let mut names: Vec<&[u8]> = Vec::new();
    let mut is_at_root = false;
    for name in value.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && name != b".") {
        if !name.ends_with(b"..") {
            is_at_root &= name.ends_with(b".") || (names.is_empty() && name.len() == 1);
            names.push(name);
        } else if !is_absolute && (is_at_root || (names.is_empty() && name.len() <= 3)) {
            names.push(name);
            is_at_root = true;
        } else {
            if name == b".." {
                names.pop();
            }
            is_at_root |= names.is_empty();
        }
    }
    let is_trailing = value.last() == Some(&b'/');
    let mut out = names.join(&b'/');
    if is_absolute && (is_trailing || !names.is_empty()) {
        out.insert(0, b'/');
    }
    if is_trailing && !names.is_empty() {
        out.push(b'/');
    }
    out
}

/// Whether a comment is closed by the mark of the other kind.
fn has_other_mark(value: &[u8]) -> bool {
    let has = |mark: &[u8]| value.windows(mark.len()).any(|window| window == mark);
    (has(b"/*") && has(b"-->")) || (has(b"<!--") && has(b"*/"))
}

/// Either mark closes a comment, and the byte after it is taken over unseen: at the end, a NUL.
fn without_comments(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value;
    let mut is_comment = false;
    while !rest.is_empty() {
        let starts_with =
            |marks: [&[u8]; 2]| marks.into_iter().find(|mark| rest.starts_with(mark)).map(<[u8]>::len);
        match (is_comment, starts_with([b"*/", b"-->"]), starts_with([b"/*", b"<!--"])) {
            (true, Some(length), _) => {
                out.push(rest.get(length).copied().unwrap_or_default());
                rest = rest.get(length + 1..).unwrap_or_default();
                is_comment = false;
                continue;
            }
            (true, None, _) => {}
            (false, _, Some(length)) => {
                is_comment = true;
                rest = &rest[length..];
                continue;
            }
            (false, ..) if starts_with([b"--", b"#"]).is_some() => return out,
            (false, ..) => out.push(rest[0]),
        }
        rest = &rest[1..];
    }
    out.extend(is_comment.then_some(b' '));
    out
}

/// The last byte is lost unless it follows a literal, the byte after a literal is taken over unseen, and a NUL ends the
/// value before and after decoding.
fn sql_hex(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut at = 0;
    let byte = |at: usize| value.get(at).copied().unwrap_or_default();
    let pair = |at: usize| {
        let digits = [byte(at), byte(at + 1)];
        digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| digits.map(|digit| (digit as char).to_digit(16).unwrap_or(0) as u8))
    };
    while at + 1 < value.len() && byte(at) != 0 {
        if byte(at) == b'0' && matches!(byte(at + 1), b'x' | b'X') && pair(at + 2).is_some() {
            at += 2;
            while let Some([high, low]) = pair(at) {
                out.push(high << 4 | low);
                at += 2;
            }
        }
        out.push(byte(at));
        at += 1;
    }
    before_nul(&out).to_vec()
}

/// The length of a character and its number, by its first byte, if the others follow.
fn character(text: &[u8]) -> (usize, Option<u32>) {
    let length = match text[0] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => return (0, None),
    };
    let number = text.get(1..length).and_then(|tail| {
        let first = u32::from(text[0]) & (0xff >> (length + 1));
        tail.iter().try_fold(first, |number, byte| {
            (byte & 0xc0 == 0x80).then_some(number << 6 | u32::from(byte & 0x3f))
        })
    });
    (length, number)
}

fn is_overlong(length: usize, number: u32) -> bool {
    number < [0, 0, 0x80, 0x800, 0x1_0000][length] || (0xd800..=0xdfff).contains(&number)
}

fn has_overlong(value: &[u8]) -> bool {
    (0..value.len())
        .any(|at| matches!(character(&value[at..]), (length, Some(number)) if is_overlong(length, number)))
}

/// NUL is lost, and a first byte without the others; the first byte of an overlong form or a surrogate stays after it, and
/// F5 to F7 before what they begin.
fn unicode(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = value;
    while let [byte, tail @ ..] = rest {
        let (length, number) = character(rest);
        let is_kept = *byte >= 0xf5 || (length == 0 && *byte != 0);
        out.extend(is_kept.then_some(*byte));
        rest = tail;
        if let Some(number) = number {
            out.extend_from_slice(format!("%u{number:04x}").as_bytes());
            out.extend(is_overlong(length, number).then_some(*byte));
            rest = &tail[length - 1..];
        }
    }
    out
}
