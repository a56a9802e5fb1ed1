//! On what it was measured, and with which versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use portcullis_tests::nginx;

/// What the page says of the machine and of the versions.
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) processors: usize,
    pub(crate) kernel: String,
    /// Name and version of each program.
    pub(crate) versions: Vec<(&'static str, String)>,
}

impl Machine {
    /// Asks the kernel and the programs.
    pub(crate) fn look(portcullis: &Path, crs: String) -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let modules = include_str!("../../../coraza/go.mod");
        let coraza =
            modules.lines().find_map(|line| line.split_once("corazawaf/coraza/v3 v")).map(|(_, it)| it);
        let locked = include_str!("../../../../Cargo.lock");
        let pingora =
            locked.split("name = \"pingora\"\nversion = \"").nth(1).and_then(|rest| rest.split('"').next());
        let versions = vec![
            ("Portcullis", first_line(Command::new(portcullis).arg("--version"))),
            ("Core Rule Set", crs),
            (
                "nginx",
                nginx::program()
                    .map_or_else(|| "none".to_owned(), |nginx| first_line(Command::new(nginx).arg("-v"))),
            ),
            ("libmodsecurity", package("libmodsecurity3")),
            ("its nginx module", package("libnginx-mod-http-modsecurity")),
            ("Pingora", pingora.unwrap_or("unknown").to_owned()),
            ("Coraza", coraza.unwrap_or("unknown").to_owned()),
            ("Go", first_line(Command::new("go").arg("version"))),
        ];
        Self {
            processor: model.map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned()),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            versions,
        }
    }
}

/// The version of a package of Debian's, where there is one.
fn package(name: &str) -> String {
    let mut query = Command::new("dpkg-query");
    first_line(query.args(["-W", "-f", "${Version}\n", name]))
}

/// The first line that a command says.
fn first_line(command: &mut Command) -> String {
    let said =
        command.output().map(|output| if output.stdout.is_empty() { output.stderr } else { output.stdout });
    let text = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
    text.lines().next().unwrap_or("unknown").trim().to_owned()
}
