//! The rules that come with Portcullis, `signatures/rules/*.conf`: small, precise, enforced by default.

use crate::seclang::Source;

/// The built-in rules as sources, in the order they must be loaded.
#[must_use]
pub fn sources() -> Vec<Source> {
    FILES.iter().map(|(name, text)| Source::text(format!("builtin:{name}"), *text)).collect()
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../rules/", $name)))),*]
    };
}

/// Name and text of each file. `9000-setup.conf` sets the defaults, `9990-decision.conf` judges.
const FILES: &[(&str, &str)] = &files![
    "9000-setup.conf",
    "9100-sqli.conf",
    "9110-xss.conf",
    "9120-traversal.conf",
    "9130-ssrf.conf",
    "9140-command.conf",
    "9150-php.conf",
    "9160-java.conf",
    "9170-node.conf",
    "9180-template.conf",
    "9190-xml.conf",
    "9200-query.conf",
    "9210-protocol.conf",
    "9220-recon.conf",
    "9230-cve.conf",
    "9240-response.conf",
    "9990-decision.conf",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::sources;
    use crate::seclang::{self, MemoryFiles};

    #[test]
    fn rules_load_without_a_diagnostic() {
        let loaded = seclang::check(sources(), &MemoryFiles::default());
        let found: String = loaded.diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect();
        assert!(found.is_empty(), "{found}");
        assert!(loaded.ruleset.rules.len() > 100);
    }

    #[test]
    fn ids_are_unique_and_in_the_builtin_range() {
        let loaded = seclang::load(sources(), &MemoryFiles::default());
        let ids: BTreeSet<u32> = loaded.ruleset.rules.iter().map(|rule| rule.id.get()).collect();
        assert_eq!(ids.len(), loaded.ruleset.rules.len());
        assert!(ids.iter().all(|id| (9_000_000..=9_999_999).contains(id)));
    }

    #[test]
    fn every_file_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
        let on_disk: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
            .filter(|name| name.ends_with(".conf"))
            .collect();
        let embedded: BTreeSet<String> = super::FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(embedded, on_disk);
    }
}
