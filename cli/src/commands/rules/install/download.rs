//! A module's archive from a Go module proxy (<https://go.dev/ref/mod#goproxy-protocol>), by `curl`.
//!
//! What comes is checked by its content, so no transport has to be trusted; and a program that never
//! calls home otherwise needs no HTTP client of its own for this one command.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::{ARCHIVE_BYTES_MAX, place, read};
use crate::interrupt::Unfinished;

/// The module that carries CRS with its tests.
const MODULE: &str = "github.com/corazawaf/coraza-coreruleset/v4";

/// The module proxies to ask: what `GOPROXY` says, and where it says nothing, what Go would use.
pub(super) fn proxies() -> anyhow::Result<String> {
    let named = std::env::var_os("GOPROXY").unwrap_or_default();
    if !named.is_empty() {
        return Ok(named.to_string_lossy().into_owned());
    }
    let asked = Command::new("go").args(["env", "GOPROXY"]).stderr(Stdio::null()).output();
    match asked {
        Ok(output) if output.status.success() => {
            Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => bail!(
            "no Go module proxy is known: set GOPROXY to the address of one, or install Go, which knows the \
             public one, or take an archive of the release with `--from FILE`"
        ),
    }
}

/// The module's archive from the first of the `proxies` (a list as `GOPROXY` has it) that gives it.
pub(super) fn module(version: &str, proxies: &str, to: &Path) -> anyhow::Result<Vec<u8>> {
    let urls = urls(proxies);
    ensure!(
        !urls.is_empty(),
        "GOPROXY is `{proxies}`, which names no proxy; take an archive with `--from FILE` instead"
    );
    for url in &urls {
        let shown = without_credentials(url);
        eprintln!("downloading CRS {version} from {shown}");
        match fetch(&format!("{url}/{MODULE}/@v/v{version}.zip"), to) {
            Ok(archive) => return Ok(archive),
            Err(error) => eprintln!("portcullis: {shown}: {error:#}"),
        }
    }
    bail!("cannot download CRS {version}; where there is no network, take an archive with `--from FILE`")
}

/// The proxies of a list; `direct` and `off` mean version control and nothing.
fn urls(proxies: &str) -> Vec<String> {
    let words = proxies.split([',', '|']).map(str::trim).filter(|word| word.contains("://"));
    words.map(|url| url.trim_end_matches('/').to_owned()).collect()
}

fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let end = rest.find('/').unwrap_or(rest.len());
            let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[host..])
        }
        None => url.to_owned(),
    }
}

fn fetch(url: &str, to: &Path) -> anyhow::Result<Vec<u8>> {
    let partial = Unfinished::new(place::beside(to, "download"));
    let mut child = Command::new("curl")
        .args(["--disable", "--fail", "--silent", "--show-error", "--location"])
        .args(["--proto", "=https,http,file", "--proto-redir", "=https,http"])
        .args(["--connect-timeout", "20", "--max-time", "600", "--max-filesize"])
        .arg(ARCHIVE_BYTES_MAX.to_string())
        .args(["--config", "-", "--output"])
        .arg(partial.path())
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot run `curl`, which downloads it")?;
    // On standard input, where others on the machine do not see what credentials it has.
    let quoted = url.replace('\\', "\\\\").replace('"', "\\\"");
    let told = child.stdin.take().map(|mut input| writeln!(input, "url = \"{quoted}\""));
    let status = child.wait().context("cannot wait for `curl`")?;
    told.transpose().context("cannot tell `curl` what to download")?;
    ensure!(status.success(), "`curl` gave up");
    read(partial.path()).context("cannot read the download")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_gos_list() {
        for (list, expected) in [
            ("", &[][..]),
            ("https://a.example,direct", &["https://a.example"]),
            ("http://a.example/go/|https://b.example", &["http://a.example/go", "https://b.example"]),
            ("off", &[]),
            ("direct", &[]),
        ] {
            assert_eq!(urls(list), expected, "{list}");
        }
    }

    #[test]
    fn shows_no_credentials() {
        for (url, shown) in [
            ("https://u:p@a.example/go", "https://a.example/go"),
            ("https://u:p@x@a.example", "https://a.example"),
            ("https://a.example/x@y", "https://a.example/x@y"),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }
}
