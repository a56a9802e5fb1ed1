//! Rate limits, checked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{At, ClientPrefixSpec, RateKeyPartSpec, RateKeySpec, RateLimitSpec, Store};
use crate::limit::{KeyPart, Quota, RateLimit};
use crate::policy::{check_methods, check_path_scopes, known};
use signatures::suggest::closest;

pub(super) fn check_all(
    specs: &BTreeMap<String, RateLimitSpec>,
    stores: &BTreeMap<String, Store>,
    at: &At<'_>,
) -> Vec<Arc<RateLimit>> {
    let all = specs.iter().enumerate();
    all.map(|(index, (name, spec))| Arc::new(check(index, name, spec, stores, &at.key(name)))).collect()
}

fn check(
    index: usize,
    name: &str,
    spec: &RateLimitSpec,
    stores: &BTreeMap<String, Store>,
    at: &At<'_>,
) -> RateLimit {
    check_name(name, at);
    if let Some(store) = &spec.shared {
        known("store", store, stores.keys().map(String::as_str), &at.key("shared"));
    }
    RateLimit {
        name: name.into(),
        index,
        key: key(spec.key.as_deref(), &at.key("key")),
        paths: check_path_scopes(&spec.paths, &at.key("paths")),
        methods: check_methods(&spec.methods, &at.key("methods")),
        quota: quota(spec, at),
        store: spec.shared.clone(),
        entries_max: spec.entries_max.map_or(ENTRIES_MAX, |count| count as usize),
    }
}

/// Names end up in headers and in keys of stores.
pub(super) fn check_name(name: &str, at: &At<'_>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(allowed) {
        at.error("invalid-name", format!("expected a name, found `{name}`"))
            .label("not a name")
            .help(format!("write letters, digits, `-`, `_` and dots, {NAME_BYTES_MAX} at most"))
            .at_key()
            .report();
    }
}

fn quota(spec: &RateLimitSpec, at: &At<'_>) -> Quota {
    let usual = Quota { count: 1, period: Duration::from_secs(1), burst: 1 };
    let Some((count, period)) = rate(&spec.rate) else {
        at.key("rate")
            .error("invalid-rate", format!("expected a rate, found `{}`", spec.rate))
            .label("not a rate")
            .help("write a number and a time: `10/s`, `100/m`, `1000/h`, `100/10s`".to_owned())
            .report();
        return usual;
    };
    let quota = Quota { count, period, burst: spec.burst.unwrap_or(count.min(BURST_MAX)) };
    if quota.interval() < INTERVAL_MIN || quota.window() > WINDOW_MAX {
        at.key("rate")
            .error("out-of-range", format!("`{}` cannot be counted", spec.rate))
            .label("too fast, or too slow for its burst")
            .help("write 100000/s at most, and a burst that takes a year at most".to_owned())
            .report();
        return usual;
    }
    quota
}

/// `10/s`, `100/10s`.
fn rate(text: &str) -> Option<(u32, Duration)> {
    let (count, time) = text.split_once('/')?;
    let count: u32 = count.trim().parse().ok().filter(|count| *count > 0)?;
    let time = time.trim();
    let at = time.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = time.split_at(at);
    let number: u32 = if number.is_empty() { 1 } else { number.parse().ok().filter(|number| *number > 0)? };
    let seconds = match unit.trim_start() {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    Some((count, Duration::from_secs(seconds).checked_mul(number)?))
}

fn key(specs: Option<&[RateKeySpec]>, at: &At<'_>) -> Vec<KeyPart> {
    let Some(specs) = specs else { return vec![KeyPart::CLIENT_ADDRESS] };
    let part = |(index, spec): (usize, &RateKeySpec)| match spec {
        RateKeySpec::Word(word) => self::word(word, &at.item(index)),
        RateKeySpec::Part(spec) => field(spec, &at.item(index)),
    };
    specs.iter().enumerate().filter_map(part).collect()
}

fn word(word: &str, at: &At<'_>) -> Option<KeyPart> {
    match word {
        "client_address" => Some(KeyPart::CLIENT_ADDRESS),
        "asset" => Some(KeyPart::Asset),
        "host" => Some(KeyPart::Host),
        "path" => Some(KeyPart::Path),
        _ => {
            let help = match closest(word, WORDS) {
                Some(known) => format!("did you mean `{known}`?"),
                None => "write `client_address`, `{client_prefix: {v4: 24}}`, `{header: NAME}`, `{cookie: NAME}`, \
                         `path`, `host` or `asset`"
                    .to_owned(),
            };
            at.error("unknown-rate-key", format!("requests cannot be counted by `{word}`"))
                .label("not a part of requests")
                .help(help)
                .report();
            None
        }
    }
}

fn field(spec: &RateKeyPartSpec, at: &At<'_>) -> Option<KeyPart> {
    match (&spec.client_prefix, &spec.header, &spec.cookie) {
        (Some(ClientPrefixSpec { v4, v6 }), None, None) => {
            Some(KeyPart::Client { v4: v4.unwrap_or(32), v6: v6.unwrap_or(64) })
        }
        (None, Some(name), None) => {
            check_field(name, &at.key("header"));
            Some(KeyPart::Header(name.to_ascii_lowercase()))
        }
        (None, None, Some(name)) => {
            check_field(name, &at.key("cookie"));
            Some(KeyPart::Cookie(name.clone()))
        }
        _ => {
            at.error("contradiction", "expected one of `client_prefix`, `header` and `cookie`")
                .label("exactly one")
                .help("write several items to count by all of them".to_owned())
                .report();
            None
        }
    }
}

/// Names of headers and cookies are tokens (RFC 9110, section 5.6.2).
fn check_field(name: &str, at: &At<'_>) {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(allowed) {
        at.error("invalid-name", format!("expected a name, found `{name}`"))
            .label("no header or cookie can have this name")
            .report();
    }
}

const WORDS: [&str; 4] = ["asset", "client_address", "host", "path"];
/// Keys remembered at once, unless another number is set (count).
const ENTRIES_MAX: usize = 100_000;
/// The longest name (bytes).
const NAME_BYTES_MAX: usize = 64;
/// The largest burst (count).
const BURST_MAX: u32 = 1_000_000;
/// The least time between two requests at the full rate.
const INTERVAL_MIN: Duration = Duration::from_micros(10);
/// The longest a burst may take to be there again: keys are remembered for so long.
const WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates() {
        for (text, expected) in [
            ("10/s", Some((10, 1))),
            ("100/m", Some((100, 60))),
            ("1000/h", Some((1000, 3_600))),
            ("5/d", Some((5, 86_400))),
            ("100/10s", Some((100, 10))),
            (" 7 / 2 m ", Some((7, 120))),
            ("0/s", None),
            ("10/0s", None),
            ("10", None),
            ("/s", None),
            ("10/", None),
            ("10/s/s", None),
            ("-1/s", None),
            ("1.5/s", None),
            ("10/ms", None),
            ("99999999999/s", None),
            ("1/99999999999d", None),
        ] {
            let expected = expected.map(|(count, seconds)| (count, Duration::from_secs(seconds)));
            assert_eq!(rate(text), expected, "{text}");
        }
    }
}
