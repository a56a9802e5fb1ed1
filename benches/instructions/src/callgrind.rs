//! Instructions, counted by valgrind's callgrind: the same on every run, whatever else the machine does.
//!
//! A program that counts runs itself under valgrind; there, the work of each call of [`counted`] is counted by itself, and
//! nothing else is.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

/// Does work whose instructions are counted, when the program runs under [`count`].
#[inline(never)]
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    let result = work();
    // What is called last would otherwise become a jump, and this function would be left before it begins.
    std::hint::black_box(&result);
    result
}

/// How callgrind finds it among the symbols. Two ways, because of two options with the same pattern it takes the first, and
/// what it dumps after cannot begin with a star.
const COUNTED: [&str; 2] = ["*callgrind*counted*", "portcullis_instructions::callgrind::counted*"];

/// Whether there is a valgrind to count with.
#[must_use]
pub fn is_available() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// The instructions of each call of [`counted`] in this program when it is run with these arguments; dumps are written
/// into `directory`, which is empty.
///
/// # Errors
/// When valgrind does not run, or the program fails under it.
pub fn count<S: AsRef<OsStr>>(arguments: &[S], directory: &Path) -> Result<Vec<u64>> {
    let dumps = directory.join("calls");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--compress-strings=yes"])
        .arg(format!("--callgrind-out-file={}", dumps.display()))
        .arg(format!("--toggle-collect={}", COUNTED[0]))
        .arg(format!("--dump-after={}", COUNTED[1]))
        .arg(std::env::current_exe()?)
        .args(arguments)
        .output()
        .context("cannot run valgrind")?;
    if !output.status.success() {
        bail!("it fails under valgrind: {}", String::from_utf8_lossy(&output.stderr));
    }
    let mut counts = Vec::new();
    loop {
        let dump = directory.join(format!("calls.{}", counts.len() + 1));
        let Ok(text) = std::fs::read(&dump) else { break };
        std::fs::remove_file(&dump).ok();
        counts.push(total(&text).with_context(|| format!("`{}` has no total", dump.display()))?);
    }
    ensure!(!counts.is_empty(), "valgrind counted nothing");
    Ok(counts)
}

/// The line `totals: N` of a dump.
fn total(dump: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(dump);
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn reads_dumps() {
        assert_eq!(super::total(b"version: 1\nfn=(1) x\n1 2\ntotals: 4711\n"), Some(4711));
        assert_eq!(super::total(b"version: 1\n"), None);
    }
}
