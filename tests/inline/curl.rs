//! curl, the client that is not ours.

use std::io::Write;
use std::process::{Command, Stdio};

/// What curl reports of a transfer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// How many connections the transfer opened.
    pub(crate) connections: u32,
}

/// The ways a request body travels.
pub(crate) const WAYS: [&[&str]; 3] =
    [&["--http1.1"], &["--http1.1", "-HTransfer-Encoding: chunked"], &["--http2-prior-knowledge"]];

pub(crate) fn get(url: &str) -> Answer {
    run(&[], None, url)
}

pub(crate) fn post(ways: &[&str], body: &[u8], url: &str) -> Answer {
    run(ways, Some(body), url)
}

/// Runs curl with these arguments, the body on its standard input.
pub(crate) fn run(arguments: &[&str], body: Option<&[u8]>, url: &str) -> Answer {
    let mut command = Command::new("curl");
    command.args(["-s", "-m", "60", "-w", "\n%{http_code} %{num_connects}"]).args(arguments);
    if body.is_some() {
        command.args(["--data-binary", "@-"]);
    }
    let mut child =
        command.arg(url).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("curl is installed");
    let mut input = child.stdin.take().expect("piped");
    let body = body.unwrap_or_default().to_vec();
    let writer = std::thread::spawn(move || drop(input.write_all(&body)));
    let output = child.wait_with_output().expect("curl ends");
    writer.join().expect("written");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (body, numbers) = text.rsplit_once('\n').expect("what -w writes");
    let mut numbers = numbers.split(' ').map(|number| number.parse().expect("a number"));
    Answer {
        status: numbers.next().and_then(|status| u16::try_from(status).ok()).unwrap_or(0),
        connections: numbers.next().unwrap_or(0u32),
        body: body.to_owned(),
    }
}
