//! Counts that are compared with, as they are committed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// Counts, and what they depend on.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Baseline {
    /// Compiler, C library, processor.
    pub(crate) made_with: String,
    /// A hash of the rules of each policy that has others than ours.
    pub(crate) rules: BTreeMap<String, String>,
    /// Instructions by policy and case.
    pub(crate) counts: BTreeMap<String, u64>,
}

/// What counts depend on besides our own sources.
pub(crate) fn made_with() -> String {
    let libc = Command::new("ldd").arg("--version").output().ok();
    let libc = libc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let libc = libc.lines().next().unwrap_or("unknown C library").trim();
    format!("{}; {libc}; {}{}", env!("COMPILER"), std::env::consts::ARCH, vectors())
}

/// Searches use wider instructions where there are some.
fn vectors() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        return " with AVX2";
    }
    ""
}

impl Baseline {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("`{}` is no baseline", path.display()))
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }

    /// Says how each count differs from what is known; how many are worse by more than `tolerance`.
    pub(crate) fn compare(&self, known: &Self, tolerance: f64) -> usize {
        let (mut worse, mut better) = (0, 0);
        for (name, count) in &self.counts {
            let policy = name.split('/').next().unwrap_or_default();
            if self.rules.get(policy) != known.rules.get(policy) {
                println!("{name:<40} left out: the rules are not those of the baseline");
                continue;
            }
            let Some(before) = known.counts.get(name) else {
                println!("{name:<40} left out: not in the baseline");
                continue;
            };
            let change = *count as f64 / (*before).max(1) as f64 - 1.0;
            let verdict = match change {
                _ if change > tolerance => "worse",
                _ if change < -tolerance => "better",
                _ => "",
            };
            worse += usize::from(verdict == "worse");
            better += usize::from(verdict == "better");
            println!("{name:<40} {count:>12} {:>+7.2} % {verdict}", change * 100.0);
        }
        if better > 0 {
            println!("{better} counts are lower; `./x instructions --bless` keeps them so");
        }
        worse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(hash: &str, counts: &[(&str, u64)]) -> Baseline {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let rules = [("p".to_owned(), hash.to_owned())].into_iter().collect();
        Baseline { made_with: String::new(), rules, counts }
    }

    #[test]
    fn counts_what_is_worse() {
        let known = baseline("1", &[("p/a", 1000), ("p/b", 1000), ("p/c", 1000), ("p/gone", 1)]);
        for (hash, counts, expected) in [
            ("1", [("p/a", 1029), ("p/b", 1031), ("p/c", 500)], 1),
            ("1", [("p/a", 1000), ("p/b", 2000), ("p/c", 3000)], 2),
            ("1", [("p/a", 1000), ("p/new", 2000), ("p/c", 1000)], 0),
            ("2", [("p/a", 9000), ("p/b", 9000), ("p/c", 9000)], 0),
        ] {
            assert_eq!(baseline(hash, &counts).compare(&known, 0.03), expected, "{counts:?}");
        }
    }
}
