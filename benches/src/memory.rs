//! What a process has in memory, as Linux says it.

use anyhow::{Context, Result};

/// `VmRSS`: what of this process is in memory.
///
/// # Errors
/// Where there is no `/proc`.
pub fn resident_kb() -> Result<usize> {
    resident_kb_of(std::process::id())
}

/// The same of another process. It costs that one nothing, unlike [`crate::account::resident`].
///
/// # Errors
/// When it has ended.
pub fn resident_kb_of(process: u32) -> Result<usize> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
