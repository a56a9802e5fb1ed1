//! Sizes, durations, addresses and dates as people write them.

use std::net::SocketAddr;
use std::time::Duration;

use super::At;
use crate::policy::spec::SizeSpec;

/// A number of bytes: `131072`, `128KiB`.
pub(crate) fn size(spec: &SizeSpec) -> Option<u64> {
    match spec {
        SizeSpec::Bytes(bytes) => Some(*bytes),
        SizeSpec::Text(text) => {
            let (number, unit) = split_unit(text);
            let shift = match unit {
                "" | "B" => 0,
                "KiB" => 10,
                "MiB" => 20,
                "GiB" => 30,
                "TiB" => 40,
                _ => return None,
            };
            number.parse::<u64>().ok()?.checked_mul(1 << shift)
        }
    }
}

/// A time: `250ms`, `5s`, `2m`, `1h`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (&text[..at], text[at..].trim_start())
}

/// The size at `at`, within `least..`; reports and returns `default` when it is none.
pub(crate) fn size_at(spec: Option<&SizeSpec>, default: u64, least: u64, at: &At<'_>) -> u64 {
    let Some(spec) = spec else { return default };
    match size(spec) {
        Some(bytes) if bytes >= least => bytes,
        Some(bytes) => {
            at.error("out-of-range", format!("expected at least {least} bytes, found {bytes}"))
                .label("too small")
                .report();
            default
        }
        None => {
            at.error("invalid-size", format!("expected a size, found {}", shown(spec)))
                .label("not a size")
                .help("write a number of bytes or one with a unit: `128KiB`, `1MiB`".to_owned())
                .report();
            default
        }
    }
}

fn shown(spec: &SizeSpec) -> String {
    match spec {
        SizeSpec::Bytes(bytes) => bytes.to_string(),
        SizeSpec::Text(text) => format!("`{text}`"),
    }
}

/// The duration at `at`; reports and returns `default` when it is none or zero.
pub(crate) fn duration_at(text: Option<&str>, default: Duration, at: &At<'_>) -> Duration {
    let Some(text) = text else { return default };
    match duration(text) {
        Some(duration) if !duration.is_zero() => duration,
        found => {
            let label = if found.is_some() { "must be more than zero" } else { "not a duration" };
            at.error("invalid-duration", format!("expected a duration, found `{text}`"))
                .label(label)
                .help("write a number with a unit: `250ms`, `5s`, `2m`".to_owned())
                .report();
            default
        }
    }
}

/// The address and port at `at`.
pub(super) fn address_at(text: &str, at: &At<'_>) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let port = text.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let help = if port {
        format!("write `[::]{text}` for all addresses")
    } else {
        "write an address and a port: `127.0.0.1:8080`, `[::]:8080`".to_owned()
    };
    at.error("invalid-address", format!("expected an address and a port, found `{text}`"))
        .label("not an address")
        .help(help)
        .report();
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes() {
        for (text, expected) in [
            ("0", Some(0)),
            ("128KiB", Some(128 << 10)),
            ("1 MiB", Some(1 << 20)),
            ("7B", Some(7)),
            ("1kb", None),
            ("", None),
            ("-1", None),
            ("99999999999TiB", None),
        ] {
            assert_eq!(size(&SizeSpec::Text(text.into())), expected, "{text}");
        }
    }

    #[test]
    fn reads_durations() {
        for (text, expected) in
            [("5s", Some(5_000)), ("250ms", Some(250)), ("2m", Some(120_000)), ("5", None), ("s", None)]
        {
            assert_eq!(duration(text), expected.map(Duration::from_millis), "{text}");
        }
    }
}
