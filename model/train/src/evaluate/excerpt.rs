//! A value as a report may show it: short, printable, and without what looks like a secret.

/// Characters shown.
const CHARS_MAX: usize = 160;
/// Letters and digits in a row that no word has: a token, a key, a card number.
const SECRET_RUN: usize = 24;
/// Digits in a row that may be a card number.
const SECRET_DIGITS: usize = 12;
/// Characters of a long run that are shown.
const SHOWN: usize = 6;

/// Shortens a value.
pub(crate) fn excerpt(value: &[u8]) -> String {
    // Four bytes a character at most; a little more so that a run that is cut is seen to be long.
    let value = &value[..value.len().min(CHARS_MAX * 4 + SECRET_RUN)];
    let text = String::from_utf8_lossy(value);
    let mut out = String::new();
    let mut run = String::new();
    for char in text.chars().chain(['\0']) {
        if char.is_ascii_alphanumeric() {
            run.push(char);
            continue;
        }
        push_run(&mut out, &run);
        run.clear();
        out.push(if char.is_control() { '\u{b7}' } else { char });
    }
    out.pop();
    match out.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}\u{2026}", &out[..end]),
        None => out,
    }
}

fn push_run(out: &mut String, run: &str) {
    let digits = run.bytes().all(|byte| byte.is_ascii_digit());
    let repeats = run.bytes().all(|byte| run.as_bytes().first() == Some(&byte));
    if !repeats && (run.len() >= SECRET_RUN || digits && run.len() >= SECRET_DIGITS) {
        out.push_str(&run[..SHOWN]);
        out.push('\u{2026}');
    } else {
        out.push_str(run);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leaves_secrets_out() {
        for (value, expected) in [
            ("' or 1=1 --", "' or 1=1 --"),
            ("a\r\nb\0", "a\u{b7}\u{b7}b\u{b7}"),
            ("token=0123456789abcdef0123456789abcdef", "token=012345\u{2026}"),
            ("card 4111111111111111", "card 411111\u{2026}"),
            ("", ""),
        ] {
            assert_eq!(excerpt(value.as_bytes()), expected);
        }
        assert_eq!(excerpt(&[b'a'; 1_000]).chars().count(), CHARS_MAX + 1);
    }

    proptest! {
        #[test]
        fn is_short(value in any::<Vec<u8>>()) {
            let shown = excerpt(&value);
            prop_assert!(shown.chars().count() <= CHARS_MAX + 1);
            prop_assert!(!shown.contains(['\n', '\0', '\x1b']));
        }
    }
}
