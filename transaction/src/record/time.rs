//! RFC 3339 times to and from microseconds since the Unix epoch.

use crate::calendar::{civil_from_days, days_from_civil};

const SECOND_US: i64 = 1_000_000;
const DAY_S: i64 = 86_400;
/// What four digits of a year can say: 0000-01-01 to 9999-12-31.
const EXPRESSIBLE_US: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// Writes a time in UTC, with a fraction only if it has one. What lies outside years 0000 to 9999
/// becomes the nearest that RFC 3339 can express.
pub(super) fn write(time_us: i64) -> String {
    let time_us = time_us.clamp(*EXPRESSIBLE_US.start(), *EXPRESSIBLE_US.end());
    let (seconds, fraction) = (time_us.div_euclid(SECOND_US), time_us.rem_euclid(SECOND_US));
    let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_S));
    let second = seconds.rem_euclid(DAY_S);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}") };
    let fraction = fraction.trim_end_matches('0');
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z")
}

/// Reads a time (RFC 3339 section 5.6); digits beyond microseconds are dropped. A leap second is the
/// first second of the next minute.
pub(super) fn read(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(19)?;
    let punctuation = [(4, b"--"), (7, b"--"), (10, b"Tt"), (13, b"::"), (16, b"::")];
    if !punctuation.iter().all(|(at, allowed)| allowed.contains(&date[*at])) {
        return None;
    }
    let year = number(&date[..4], 0, 9_999)?;
    let month = number(&date[5..7], 1, 12)?;
    let day = number(&date[8..10], 1, days_of_month(year, month))?;
    let hour = number(&date[11..13], 0, 23)?;
    let minute = number(&date[14..16], 0, 59)?;
    let second = number(&date[17..19], 0, 60)?;
    let (fraction_us, zone) = fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second;
    let time_us = (seconds - offset(zone)?) * SECOND_US + fraction_us;
    EXPRESSIBLE_US.contains(&time_us).then_some(time_us)
}

fn number(digits: &[u8], least: i64, most: i64) -> Option<i64> {
    let value = digits
        .iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))?;
    (least..=most).contains(&value).then_some(value)
}

/// Microseconds of an optional `.digits`, and what follows them.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(rest) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, zone) = rest.split_at(length);
    let digits = digits.iter().chain(std::iter::repeat(&b'0')).take(6);
    Some((digits.fold(0, |value, digit| value * 10 + i64::from(digit - b'0')), zone))
}

/// Seconds east of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = number(&[*h1, *h2], 0, 23)? * 3_600 + number(&[*m1, *m2], 0, 59)? * 60;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_and_writes() {
        for (text, time_us, written) in [
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00Z"),
            ("2026-11-20T10:00:00Z", 1_795_168_800_000_000, "2026-11-20T10:00:00Z"),
            ("2026-11-20t12:00:00.50+02:00", 1_795_168_800_500_000, "2026-11-20T10:00:00.5Z"),
            ("2024-02-29T23:59:60Z", 1_709_251_200_000_000, "2024-03-01T00:00:00Z"),
            ("1969-12-31T23:59:59.999999999Z", -1, "1969-12-31T23:59:59.999999Z"),
            ("0000-01-01T00:00:00Z", -62_167_219_200_000_000, "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(super::read(text), Some(time_us), "{text}");
            assert_eq!(super::write(time_us), written, "{text}");
        }
        assert_eq!(super::write(i64::MAX), "9999-12-31T23:59:59.999999Z");
    }

    #[test]
    fn refuses() {
        for text in [
            "",
            "2026-11-20",
            "2026-11-20T10:00:00",
            "2026-13-20T10:00:00Z",
            "2025-02-29T10:00:00Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T10:00:00.Z",
            "2026-11-20T10:00:00+2:00",
            "+026-11-20T10:00:00Z",
            "2026-11-20T10:00:0éZ",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert_eq!(super::read(text), None, "{text}");
        }
    }
}
