//! A program that tries what ours never does, in the very same container.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// tests/container/probe/main.rs, compiled by itself: it needs `unsafe` to make system calls by their numbers, and nothing else of ours does.
pub(crate) fn program() -> &'static Path {
    static PROGRAM: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, program) = PROGRAM.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let (source, program) =
            (concat!(env!("CARGO_MANIFEST_DIR"), "/container/probe/main.rs"), directory.path().join("probe"));
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(rustc)
            .args(["--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-o"])
            .arg(&program)
            .arg(source)
            .output()
            .expect("rustc");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (directory, program)
    });
    program
}

/// The numbers of all system calls that this architecture has, as the kernel's headers have them.
pub(crate) fn numbers() -> Vec<(String, u64)> {
    let mut command = Command::new("cc");
    command.args(["-E", "-dM", "-x", "c", "-include", "sys/syscall.h", "/dev/null"]);
    let output = command.output().expect("cc");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = |line: &str| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(number).collect()
}
