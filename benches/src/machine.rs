//! On what something was measured.

use std::process::Command;
use std::{fmt, fs};

use portcullis_tests::nginx;

/// The processors and the system.
#[derive(Clone, Debug)]
pub struct Machine {
    /// What the processor is called.
    pub processor: String,
    /// How many there are.
    pub processors: usize,
    /// The kernel's version.
    pub kernel: String,
}

impl Machine {
    /// Asks the kernel.
    #[must_use]
    pub fn look() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} processors, Linux {}", self.processor, self.processors, self.kernel)
    }
}

/// nginx's version.
#[must_use]
pub fn nginx_version() -> String {
    nginx::program().map_or_else(|| "none".to_owned(), |nginx| first_line(Command::new(nginx).arg("-v")))
}

/// A package's version in this workspace's lock file.
#[must_use]
pub fn locked_version(package: &str) -> &'static str {
    let locked = include_str!("../../Cargo.lock");
    let version = locked.split_once(&format!("name = \"{package}\"\nversion = \""));
    version.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown")
}

/// The first line that a command says.
#[must_use]
pub fn first_line(command: &mut Command) -> String {
    let said =
        command.output().map(|output| if output.stdout.is_empty() { output.stderr } else { output.stdout });
    let text = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn finds_locked_versions() {
        assert!(super::locked_version("pingora").starts_with(|first: char| first.is_ascii_digit()));
        assert_eq!(super::locked_version("no such package"), "unknown");
    }
}
