//! What requests are judged by.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, anyhow};
use engine::{Disk, Snapshot};

/// A policy of the snapshot, which judges what is sent to its host.
#[derive(Clone, Copy)]
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) host: &'static str,
    /// As the configuration says it.
    text: &'static str,
    is_crs: bool,
}

const POLICIES: [Policy; 4] = [
    Policy {
        name: "builtin",
        host: "builtin.example.test",
        text: "signatures: { rules: [builtin] }, model: none",
        is_crs: false,
    },
    Policy {
        name: "builtin_and_model",
        host: "model.example.test",
        text: "signatures: { rules: [builtin] }, model: default",
        is_crs: false,
    },
    Policy {
        name: "crs_pl1",
        host: "pl1.example.test",
        text: "signatures: { rules: [{ crs: CRS }], paranoia: 1 }, model: none",
        is_crs: true,
    },
    Policy {
        name: "crs_pl4",
        host: "pl4.example.test",
        text: "signatures: { rules: [{ crs: CRS }], paranoia: 4 }, model: none",
        is_crs: true,
    },
];

/// Those for which there are rules.
pub(crate) fn all() -> Vec<Policy> {
    let has_crs = crs().is_some();
    POLICIES.into_iter().filter(|policy| has_crs || !policy.is_crs).collect()
}

/// All policies in one snapshot, with one copy of the rules that they share.
pub(crate) fn snapshot() -> Result<Arc<Snapshot>> {
    let crs = crs().map(|directory| serde_json::json!(directory).to_string()).unwrap_or_default();
    let mut text = String::from("version: 1\nupstreams: { u: { servers: ['127.0.0.1:9'] } }\nassets:\n");
    for Policy { name, host, .. } in all() {
        text.push_str(&format!("- {{ name: {name}, hosts: [{host}], upstream: u, policy: {name} }}\n"));
    }
    text.push_str("policies:\n");
    for Policy { name, text: policy, .. } in all() {
        text.push_str(&format!("  {name}: {{ mode: detect, {} }}\n", policy.replace("CRS", &crs)));
    }
    let built = Snapshot::build("instructions.yaml", &text, &Disk, 0);
    let (snapshot, _) =
        built.map_err(|found| anyhow!("{}", found.iter().map(|it| it.render(false)).collect::<String>()))?;
    snapshot.build_matchers();
    Ok(Arc::new(snapshot))
}

/// What rules that are not ours are, by policy: counts of another release are not comparable.
pub(crate) fn hashes() -> Result<BTreeMap<String, String>> {
    let snapshot = snapshot()?;
    let hash = |policy: Policy| {
        let host = snapshot.select(policy.host.as_bytes(), b"/");
        let compiled = host.and_then(|selection| snapshot.policies().get(selection.policy));
        (policy.name.to_owned(), compiled.map(|it| it.rules_hash.clone()).unwrap_or_default())
    };
    Ok(all().into_iter().filter(|policy| policy.is_crs).map(hash).collect())
}

/// Where the Core Rule Set is: a directory that `PORTCULLIS_CRS` names, the Go module, or what the tests installed.
pub(crate) fn crs() -> Option<PathBuf> {
    let named = std::env::var_os("PORTCULLIS_CRS").map(PathBuf::from);
    let module = std::env::var_os("HOME").map(|home| Path::new(&home).join(CRS_MODULE));
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join(CRS_INSTALLED);
    [named, module, Some(installed)].into_iter().flatten().find(|directory| directory.is_dir())
}

/// Where Go puts the module, in the home directory.
const CRS_MODULE: &str = "go/pkg/mod/github.com/corazawaf/coraza-coreruleset/v4@v4.25.0";
/// Where the tests have it installed when there is no Go.
const CRS_INSTALLED: &str = "../../target/crs-4.25.0";
