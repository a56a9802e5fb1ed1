//! Which versions are compared.

use std::path::Path;
use std::process::Command;

use portcullis_benches::machine::{first_line, locked_version, nginx_version};

/// Name and version of each program.
pub(crate) type Versions = Vec<(&'static str, String)>;

/// Asks the programs.
pub(crate) fn versions(portcullis: &Path, crs: String) -> Versions {
    let modules = include_str!("../../../coraza/go.mod");
    let coraza = modules.lines().find_map(|line| line.split_once("corazawaf/coraza/v3 v")).map(|(_, it)| it);
    vec![
        ("Portcullis", first_line(Command::new(portcullis).arg("--version"))),
        ("Core Rule Set", crs),
        ("nginx", nginx_version()),
        ("libmodsecurity", package("libmodsecurity3")),
        ("its nginx module", package("libnginx-mod-http-modsecurity")),
        ("Pingora", locked_version("pingora").to_owned()),
        ("Coraza", coraza.unwrap_or("unknown").to_owned()),
        ("Go", first_line(Command::new("go").arg("version"))),
    ]
}

/// The version of a package of Debian's, where there is one.
fn package(name: &str) -> String {
    let mut query = Command::new("dpkg-query");
    first_line(query.args(["-W", "-f", "${Version}\n", name]))
}
