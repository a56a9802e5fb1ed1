//! Many HTTP/2 requests at once, by h2load.

use std::process::Command;

use super::nginx::Nginx;
use super::process::{Portcullis, Setup};

const REQUESTS: u32 = 3_000;
const CONNECTIONS: u32 = 6;
const STREAMS: u32 = 20;

/// What h2load says of all requests, such as `3000 total, 3000 started, 3000 done`; `None` when it is not
/// installed.
fn load(url: &str) -> Option<String> {
    let [requests, connections, streams] = [REQUESTS, CONNECTIONS, STREAMS].map(|count| count.to_string());
    let run = Command::new("h2load")
        .args(["-n", &requests, "-c", &connections, "-m", &streams, "-T", "60", url])
        .output();
    let Ok(output) = run else {
        println!("left out: h2load is not installed");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The number before `word` on the line that begins with `start`.
fn count(report: &str, start: &str, word: &str) -> u32 {
    let line = report.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    let part = line.split(',').find_map(|part| part.trim().strip_suffix(word));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or_else(|| panic!("no {word} in:\n{report}"))
}

#[test]
fn many_streams_are_all_answered() {
    let Some(nginx) = Nginx::start() else { return };
    let proxy = Portcullis::start(&Setup::new(nginx.address));
    for (path, class, verdict) in [("/early", "2xx", "pass"), ("/early?q=hostileword", "4xx", "prevent")] {
        let Some(report) = load(&proxy.url(path)) else { return };
        for (start, word) in [("requests:", "total"), ("requests:", "done"), ("status codes:", class)] {
            assert_eq!(count(&report, start, word), REQUESTS, "{word}\n{report}\n{}", proxy.said());
        }
        for word in ["errored", "timeout"] {
            assert_eq!(count(&report, "requests:", word), 0, "{report}");
        }
        let counted =
            proxy.metric(&format!("portcullis_requests_total{{asset=\"all\",verdict=\"{verdict}\"}}"));
        assert_eq!(counted, f64::from(REQUESTS), "{verdict}");
    }
}
