//! The image's root file system, put together by the script that the Dockerfile runs.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use portcullis_tests::files::binary;

/// Puts one together in an empty directory, with this program as ours.
fn assemble(program: &Path, root: &Path) {
    let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../packaging/container/rootfs.sh"].iter().collect();
    let output = Command::new(script)
        .arg(program)
        .arg(root)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .expect("sh");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// One for all containers: none can write to it.
pub(crate) fn shared() -> &'static Path {
    static ROOT: OnceLock<tempfile::TempDir> = OnceLock::new();
    ROOT.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        assemble(&binary(), directory.path());
        // A directory of a temporary directory's rights is nobody's to enter.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
        directory
    })
    .path()
}

/// Paths with their rights, as `755`; what is in /usr/share/doc and of packages left out.
fn listing(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = std::fs::symlink_metadata(&path).expect("there");
            let name = path.strip_prefix(root).expect("below").display().to_string();
            if metadata.is_dir() {
                directories.push(path);
            }
            found.insert(name, format!("{:o}", metadata.mode() & 0o7777));
        }
    }
    found
}

#[test]
fn nothing_is_in_the_image_but_what_the_binary_needs() {
    // Runtimes make mount points in the shared one.
    let directory = tempfile::tempdir().expect("a directory");
    assemble(&binary(), directory.path());
    let found = listing(directory.path());
    let programs: Vec<_> = found.keys().filter(|it| it.contains("bin/")).collect();
    assert_eq!(programs, ["usr/bin/portcullis"], "no shell, no package manager");
    for (name, mode) in &found {
        let expected: &[&str] = match name.as_str() {
            "tmp" => &["1777"],
            "var/lib/portcullis" => &["700"],
            _ => &["755", "644"],
        };
        assert!(expected.contains(&mode.as_str()), "{name}: {mode}");
    }
    let allowed = |name: &str| {
        ["etc", "usr/bin", "usr/share/doc", "var/lib/dpkg", "lib", "usr/lib"]
            .iter()
            .any(|it| name.starts_with(it))
            || [
                "tmp",
                "run",
                "proc",
                "dev",
                "sys",
                "usr",
                "usr/share",
                "var",
                "var/lib",
                "var/lib/portcullis",
            ]
            .contains(&name)
    };
    let strange: Vec<_> = found.keys().filter(|name| !allowed(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    let libraries = found.keys().filter(|it| it.contains(".so")).count();
    assert!((2..8).contains(&libraries), "{found:?}");
}

#[test]
fn packages_are_told_to_scanners() {
    if Command::new("dpkg-query").arg("--version").output().is_err() {
        return println!("left out: this is not Debian");
    }
    let of =
        |name: &str| std::fs::read_to_string(shared().join("var/lib/dpkg/status.d").join(name)).expect(name);
    for name in ["libc6", "ca-certificates"] {
        let text = of(name);
        assert!(text.starts_with(&format!("Package: {name}\n")) && text.contains("\nVersion: "), "{text}");
        assert!(shared().join("usr/share/doc").join(name).join("copyright").exists(), "its licence");
    }
}

/// The same bytes, rights and times, whoever puts it together.
#[test]
fn two_are_the_same() {
    let packed = || {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path().join("rootfs");
        // The smaller, the quicker to compare.
        assemble(Path::new("/bin/true"), &root);
        let tar = [
            "--sort=name",
            "--numeric-owner",
            "--format=pax",
            "--pax-option=delete=atime,delete=ctime",
            "-cf",
            "-",
            "-C",
        ];
        let output = Command::new("tar").args(tar).arg(&root).arg(".").output().expect("tar");
        assert!(output.status.success());
        output.stdout
    };
    assert!(packed() == packed());
}

#[test]
fn a_directory_that_is_not_empty_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("precious"), "").expect("written");
    let script: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../packaging/container/rootfs.sh"].iter().collect();
    let status =
        Command::new(script).arg(binary()).arg(directory.path()).stderr(std::process::Stdio::null()).status();
    assert_eq!(status.expect("sh").code(), Some(2));
}
