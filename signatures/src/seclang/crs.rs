//! The order in which the files of a CRS directory are loaded.

use super::{FileReader, Source};

/// The sources of the CRS in a directory, in the order in which they are to be loaded: set-up,
/// plugins' settings, plugins before, rules, plugins after.
///
/// Three layouts are known: the release's (`crs-setup.conf` or `.example`, `rules/`, `plugins/`), the
/// Go module's (`@crs-setup.conf.example`, `@owasp_crs/`, both under `rules/`) and Debian's (the set-up is in
/// `/etc/modsecurity/crs`, the directory holds `rules/`). A directory of `*.conf` files alone works too.
///
/// # Errors
/// Says what was looked for when there are no rules in the directory, or that it cannot be read.
pub fn crs_layout(directory: &str, reader: &dyn FileReader) -> Result<Vec<Source>, String> {
    let found = |patterns: &[String]| -> Result<Vec<String>, String> {
        let mut paths = Vec::new();
        for pattern in patterns {
            let mut matching = reader.glob(pattern)?;
            matching.sort();
            paths.append(&mut matching);
        }
        Ok(paths)
    };
    let within = |name: &str| format!("{}/{name}", directory.trim_end_matches('/'));

    let rules = first_found(&RULES.map(within), found)?;
    let rules: Vec<String> = rules.into_iter().filter(|path| is_rules(path)).collect();
    if rules.is_empty() {
        return Err(format!(
            "no CRS in `{directory}`: neither `rules/*.conf` nor `@owasp_crs/*.conf` is there"
        ));
    }
    let is_debian = directory.starts_with(DEBIAN_RULES);
    let debian = |name: &str| is_debian.then(|| format!("{DEBIAN_SETTINGS}{name}"));
    let setups: Vec<String> = SETUPS.into_iter().map(within).chain(debian("crs-setup.conf")).collect();
    let mut paths = first_found(&setups, found)?;
    if paths.is_empty() && rules.iter().any(|path| path.contains("REQUEST-901-")) {
        return Err(format!(
            "no set-up in `{directory}`: CRS refuses every request without `crs-setup.conf`"
        ));
    }
    paths.extend(found(&[within("plugins/*-config.conf"), within("plugins/*-before.conf")])?);
    paths.extend(found(debian("REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf").as_slice())?);
    paths.extend(rules);
    paths.extend(found(&[within("plugins/*-after.conf")])?);
    paths.extend(found(debian("RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf").as_slice())?);
    Ok(paths.into_iter().map(Source::Path).collect())
}

/// The files of the first pattern that matches any.
fn first_found(
    patterns: &[String],
    found: impl Fn(&[String]) -> Result<Vec<String>, String>,
) -> Result<Vec<String>, String> {
    for pattern in patterns {
        let paths = found(std::slice::from_ref(pattern))?;
        if !paths.is_empty() {
            return Ok(paths);
        }
    }
    Ok(Vec::new())
}

/// Whether a file holds rules, not the set-up or settings beside them.
fn is_rules(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    !["crs-setup", "modsecurity", "coraza", "@"].iter().any(|prefix| name.starts_with(prefix))
}

const RULES: [&str; 4] = ["rules/*.conf", "rules/@owasp_crs/*.conf", "@owasp_crs/*.conf", "*.conf"];
const SETUPS: [&str; 5] = [
    "crs-setup.conf",
    "@crs-setup.conf",
    "crs-setup.conf.example",
    "@crs-setup.conf.example",
    "rules/@crs-setup.conf.example",
];
const DEBIAN_RULES: &str = "/usr/share/modsecurity-crs";
const DEBIAN_SETTINGS: &str = "/etc/modsecurity/crs/";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seclang::MemoryFiles;

    fn check(directory: &str, files: &[&str], expected: &[&str]) {
        let reader = files.iter().fold(MemoryFiles::default(), |files, path| files.with(*path, ""));
        let sources = crs_layout(directory, &reader).unwrap();
        assert_eq!(
            sources,
            expected.iter().map(|path| Source::path(*path)).collect::<Vec<_>>(),
            "{directory}"
        );
    }

    #[test]
    fn knows_the_module_from_outside_and_inside() {
        let files = ["m/rules/@crs-setup.conf.example", "m/rules/@owasp_crs/A.conf", "m/tests/x.yaml"];
        for directory in ["m", "m/rules"] {
            check(directory, &files, &files[..2]);
        }
    }

    #[test]
    fn orders_the_release() {
        check(
            "crs/",
            &[
                "crs/crs-setup.conf.example",
                "crs/rules/B.conf",
                "crs/rules/A.conf",
                "crs/rules/x.data",
                "crs/plugins/p-after.conf",
                "crs/plugins/p-before.conf",
                "crs/plugins/p-config.conf",
            ],
            &[
                "crs/crs-setup.conf.example",
                "crs/plugins/p-config.conf",
                "crs/plugins/p-before.conf",
                "crs/rules/A.conf",
                "crs/rules/B.conf",
                "crs/plugins/p-after.conf",
            ],
        );
        check(
            "c",
            &["c/crs-setup.conf", "c/crs-setup.conf.example", "c/rules/A.conf"],
            &["c/crs-setup.conf", "c/rules/A.conf"],
        );
    }

    #[test]
    fn orders_the_go_module() {
        check(
            "m/rules",
            &[
                "m/rules/@crs-setup.conf.example",
                "m/rules/@coraza.conf-recommended",
                "m/rules/@owasp_crs/A.conf",
            ],
            &["m/rules/@crs-setup.conf.example", "m/rules/@owasp_crs/A.conf"],
        );
    }

    #[test]
    fn orders_debian() {
        let etc = "/etc/modsecurity/crs/";
        let (setup, before, after) = (
            format!("{etc}crs-setup.conf"),
            format!("{etc}REQUEST-900-EXCLUSION-RULES-BEFORE-CRS.conf"),
            format!("{etc}RESPONSE-999-EXCLUSION-RULES-AFTER-CRS.conf"),
        );
        let rules = "/usr/share/modsecurity-crs/rules/A.conf";
        check(
            "/usr/share/modsecurity-crs",
            &[&setup, &before, &after, rules],
            &[&setup, &before, rules, &after],
        );
    }

    #[test]
    fn says_what_it_looked_for() {
        assert!(crs_layout("nowhere", &MemoryFiles::default()).is_err());
        let without_setup = MemoryFiles::default().with("c/rules/REQUEST-901-INITIALIZATION.conf", "");
        assert!(crs_layout("c", &without_setup).is_err());
    }
}
