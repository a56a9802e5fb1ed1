//! `rules install crs@VERSION`: a release of the Core Rule Set, checked and unpacked.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::Outcome;
use crate::interrupt::Unfinished;

/// What `rules install` takes.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The release: `crs@4.25.0`
    #[arg(value_name = "crs@VERSION")]
    release: String,
    /// The release's archive (`.tar.gz`), a file or a URL [default: the project's own release]
    #[arg(long, value_name = "FILE|URL")]
    from: Option<String>,
    /// The archive's SHA-256, as the project publishes it
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Where to: the directory must not exist [default: crs-VERSION]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Releases whose checksum is known: version, SHA-256 of `coreruleset-VERSION-minimal.tar.gz`.
const KNOWN: &[(&str, &str)] = &[];

/// The largest archive that is taken (bytes); releases have below 1 MiB.
const ARCHIVE_BYTES_MAX: u64 = 64 << 20;

/// The most that is unpacked (bytes).
const UNPACKED_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let version = version(&args.release)?;
    let checksum = checksum(version, args.sha256.as_deref())?;
    let to = args.to.clone().unwrap_or_else(|| PathBuf::from(format!("crs-{version}")));
    ensure!(!to.exists(), "`{}` exists already", to.display());
    let from = args.from.clone().unwrap_or_else(|| {
        format!(
            "https://github.com/coreruleset/coreruleset/releases/download/v{version}/coreruleset-{version}-minimal.tar.gz"
        )
    });
    let archive = read(&from, &to)?;
    let found = hex(&Sha256::digest(&archive));
    ensure!(
        found == checksum,
        "the archive is not what was asked for: expected SHA-256 {checksum}, found {found}"
    );
    let partial = Unfinished::new(beside(&to, "partial"));
    unpack(&archive, partial.path())?;
    ensure!(partial.path().join("rules").is_dir(), "there is no `rules` directory in `{from}`");
    fs::rename(partial.path(), &to).with_context(|| format!("cannot make `{}`", to.display()))?;
    eprintln!("installed; use it with `--rules crs:{}`", to.display());
    Ok(Outcome::Clean)
}

fn version(release: &str) -> anyhow::Result<&str> {
    let version = release.strip_prefix("crs@").map(|version| version.trim_start_matches('v'));
    let numbers = |version: &str| {
        version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    match version {
        Some(version) if numbers(version) => Ok(version),
        _ => bail!("expected a release such as `crs@4.25.0`, found `{release}`"),
    }
}

fn checksum(version: &str, given: Option<&str>) -> anyhow::Result<String> {
    let known = KNOWN.iter().find(|(known, _)| *known == version).map(|(_, checksum)| *checksum);
    let Some(checksum) = given.or(known) else {
        bail!("the checksum of {version} is not known to this build; give the published one with `--sha256`");
    };
    let checksum = checksum.to_ascii_lowercase();
    let is_hash = checksum.len() == 64 && checksum.bytes().all(|byte| byte.is_ascii_hexdigit());
    ensure!(is_hash, "expected 64 hexadecimal digits, found `{checksum}`");
    Ok(checksum)
}

/// The archive's bytes, from a file or by `curl`.
fn read(from: &str, to: &Path) -> anyhow::Result<Vec<u8>> {
    if !from.contains("://") {
        let file = File::open(from).with_context(|| format!("cannot open `{from}`"))?;
        return read_file(file).with_context(|| format!("cannot read `{from}`"));
    }
    ensure!(from.starts_with("https://"), "expected an https URL, found `{from}`");
    let download = Unfinished::new(beside(to, "download"));
    let status = Command::new("curl")
        .args(["--fail", "--location", "--proto", "=https", "--proto-redir", "=https", "--max-filesize"])
        .arg(ARCHIVE_BYTES_MAX.to_string())
        .args(["--progress-bar", "--output"])
        .arg(download.path())
        .arg(from)
        .status()
        .context("cannot run `curl`; download the archive and name it with `--from`")?;
    ensure!(status.success(), "cannot download `{from}`");
    let file = File::open(download.path()).with_context(|| format!("cannot download `{from}`"))?;
    read_file(file).with_context(|| format!("cannot read the download of `{from}`"))
}

fn read_file(file: File) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(ARCHIVE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= ARCHIVE_BYTES_MAX, "it has more than {ARCHIVE_BYTES_MAX} bytes");
    Ok(bytes)
}

/// A name in the directory where the result will be, so that it can be renamed.
fn beside(to: &Path, suffix: &str) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    to.with_file_name(format!(".{name}.{suffix}.{}", std::process::id()))
}

/// Unpacks regular files, without the archive's leading directory.
fn unpack(archive: &[u8], to: &Path) -> anyhow::Result<()> {
    let limited = flate2::read::GzDecoder::new(archive).take(UNPACKED_BYTES_MAX);
    let mut archive = tar::Archive::new(limited);
    for entry in archive.entries().context("not a tar archive")? {
        let mut entry = entry.context("not a gzipped tar archive")?;
        let path = entry.path()?.into_owned();
        let Some(inside) = inside(&path) else { continue };
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let target = to.join(inside);
        if let Some(directory) = target.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("cannot make `{}`", directory.display()))?;
        }
        let mut file =
            File::create(&target).with_context(|| format!("cannot make `{}`", target.display()))?;
        io::copy(&mut entry, &mut file).with_context(|| format!("cannot write `{}`", target.display()))?;
    }
    Ok(())
}

/// The path below the archive's leading directory; `None` for that directory itself and for paths that
/// lead elsewhere.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    parts.next()?;
    let rest: PathBuf = parts.collect();
    let is_plain = rest.components().all(|part| matches!(part, Component::Normal(_)));
    (is_plain && !rest.as_os_str().is_empty()).then_some(rest)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_inside() {
        for (path, expected) in [
            ("crs-4/rules/a.conf", Some("rules/a.conf")),
            ("./crs-4/rules/a.conf", Some("rules/a.conf")),
            ("crs-4/", None),
            ("crs-4/../../etc/passwd", None),
            ("crs-4//etc/passwd", Some("etc/passwd")),
            ("/etc/passwd", Some("etc/passwd")),
        ] {
            assert_eq!(inside(Path::new(path)).as_deref(), expected.map(Path::new), "{path}");
        }
    }

    #[test]
    fn reads_versions() {
        for (release, expected) in
            [("crs@4.25.0", Some("4.25.0")), ("crs@v3.3.7", Some("3.3.7")), ("crs", None), ("crs@../x", None)]
        {
            assert_eq!(version(release).ok(), expected, "{release}");
        }
    }
}
