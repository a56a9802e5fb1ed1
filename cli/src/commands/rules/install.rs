//! `rules install crs`: a release of the Core Rule Set, checked and unpacked.
//!
//! It is taken from a Go module proxy, as the module that Coraza publishes: such a proxy serves a release
//! for ever and unchanged, mirrors of it are common, and its content has one checksum that anybody can
//! compare with Go's public checksum database. Go itself is not needed.

mod archive;
mod checksum;
mod download;
mod place;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use crate::Outcome;
use archive::Archive;

/// What `rules install` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule set
    #[arg(value_parser = ["crs"])]
    rule_set: String,
    /// The release
    #[arg(long, default_value = KNOWN[0].0, value_parser = version)]
    version: String,
    /// Where to: the directory must not exist [default: crs-VERSION]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// A release's archive (`.tar.gz` or `.zip`) to take instead of a download
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The archive's SHA-256, as its project publishes it
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// The module's checksum, as Go's checksum database publishes it: `h1:...=`
    #[arg(long, value_name = "HASH")]
    h1: Option<String>,
}

/// Releases whose content is known, the default first: version and Go's checksum of the module.
const KNOWN: [(&str, &str); 18] = [
    ("4.25.0", "h1:tqFO1lfVpTiyWtlN618OXpZMfw+nnN0Q4///W5W+/HM="),
    ("4.24.0", "h1:7Ys2vZegaDIwDeDcRuCQNjMzNaDLklqXogJsucoE1tk="),
    ("4.23.0", "h1:e7f2tRhOBFN8YtL72wqy2cMPS6o64XyMgS81dRbw2/c="),
    ("4.22.0", "h1:rQhJ1+2+TZsoVBXlRWn+AVteECot3pIF8tSVDjjhkUc="),
    ("4.21.0", "h1:Su2rMyY+fN0Y5V6RmJPbnjAnXgxhwNoxKCxQTqmfrS4="),
    ("4.20.0", "h1:rV976KQN49oTFaYzNqHHdIQYmA3Qr4kxCqH8SVJLKK8="),
    ("4.16.0", "h1:xbC785u2JYTkoZpYDchW3NOys8sKdFBmh2JTpva1Czc="),
    ("4.15.0", "h1:rfdp5NK7ehB8+f0wcCaEAmPJ3h/7pD7KT085xyNVKIo="),
    ("4.14.0", "h1:bblMqFRGQyREP81dsJ7RRiHua0LW7apuIrDwKy8qFHg="),
    ("4.13.0", "h1:02hXtxh0tCLR2LCKU/cmZxxjCgjgC0P1uM8DjJEreMY="),
    ("4.11.0", "h1:847e2uM27rzOBGTTmbh/il0r4fNQ1yvVqSpoq7e9kS8="),
    ("4.10.0", "h1:RScCYtwGRejRi9hs5Yry0yaS2p3laliMofFfG04jdOs="),
    ("4.7.0", "h1:j02CDxQYHVFZfBxbKLWYg66jSLbPmZp1GebyMwzN9Z0="),
    ("4.6.0", "h1:VGlMw3QMuKaV7XgifPgcqCm66K+HRSdM4d9PRh1nD50="),
    ("4.5.0", "h1:4BDr9/yWKSJ7Ch3h7SvSqJBASju73+EqIIF0WxjsFgQ="),
    ("4.3.0", "h1:izzVRUxfvVf1OXhRQXpFm1jj3g/cIlLu9SiNzXOW7XU="),
    ("4.2.0", "h1:Kv54l9TZQepzfeq3xAIyVYdc44dGKpRBShuRI4WfhrM="),
    ("4.0.0", "h1:1jmrC65x7rJwSvxySaWyk84T45PwBvNe7188bfdnTCA="),
];

/// The largest archive that is taken (bytes); releases have below 1 MiB.
const ARCHIVE_BYTES_MAX: u64 = 64 << 20;

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let to = args.dir.clone().unwrap_or_else(|| PathBuf::from(format!("crs-{}", args.version)));
    // A link that leads nowhere exists as well.
    ensure!(to.symlink_metadata().is_err(), "`{}` exists already", to.display());
    let bytes = match &args.from {
        Some(path) => read(path).with_context(|| format!("cannot read `{}`", path.display()))?,
        None => downloaded(args, &to)?,
    };
    check_sha256(args, &bytes)?;
    let archive = Archive::read(&bytes)?;
    check_h1(args, &archive)?;
    place::unpack(&archive, &to)?;
    println!("{}", to.display());
    eprintln!(
        "installed; use it with `--rules crs:{0}`, or in a policy: `signatures: {{ rules: [{{ crs: {0} }}] }}`",
        to.display()
    );
    Ok(Outcome::Clean)
}

fn downloaded(args: &Args, to: &Path) -> anyhow::Result<Vec<u8>> {
    let version = &args.version;
    if args.h1.is_none() && args.sha256.is_none() && known(version).is_none() {
        let known: Vec<_> = KNOWN.iter().map(|(version, _)| *version).collect();
        bail!(
            "the checksum of {version} is not known to this build, those of {} are; give it with `--h1`",
            known.join(" and ")
        );
    }
    download::module(version, &download::proxies()?, to)
}

fn known(version: &str) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == version).map(|(_, checksum)| *checksum)
}

fn check_sha256(args: &Args, bytes: &[u8]) -> anyhow::Result<()> {
    let found = checksum::sha256(bytes);
    match &args.sha256 {
        Some(expected) if !expected.eq_ignore_ascii_case(&found) => {
            bail!("the archive is not what was asked for: expected SHA-256 {expected}, found {found}")
        }
        _ => eprintln!("SHA-256 of the archive: {found}"),
    }
    Ok(())
}

/// A download is checked with what is known of its release; a file that is no Go module has no such
/// checksum, and is its owner's affair.
fn check_h1(args: &Args, archive: &Archive) -> anyhow::Result<()> {
    let pinned = known(&args.version).filter(|_| args.from.is_none() && args.sha256.is_none());
    let Some(expected) = args.h1.as_deref().or(pinned) else { return Ok(()) };
    let found = checksum::h1(archive);
    ensure!(
        found == expected,
        "the archive is not what was asked for: expected checksum {expected}, found {found}"
    );
    Ok(())
}

/// A version is part of a URL and of a directory's name.
fn version(text: &str) -> Result<String, String> {
    let version = text.strip_prefix('v').unwrap_or(text);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<_> = version.split('.').collect();
    match parts.len() == 3 && parts.iter().all(|part| is_number(part)) {
        true => Ok(version.to_owned()),
        false => Err("expected three numbers, as in 4.25.0".to_owned()),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(ARCHIVE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= ARCHIVE_BYTES_MAX, "it has more than {ARCHIVE_BYTES_MAX} bytes");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_versions() {
        for (text, expected) in [
            ("4.25.0", Some("4.25.0")),
            ("v4.25.0", Some("4.25.0")),
            ("4.25", None),
            ("4.25.x", None),
            ("../x", None),
        ] {
            assert_eq!(super::version(text).ok().as_deref(), expected, "{text}");
        }
    }
}
