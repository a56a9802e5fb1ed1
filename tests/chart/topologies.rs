//! Every topology with every values file of ci/: either it renders, and everything that is made of it is right, or it stops with a sentence.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis_tests::helm::{self, Render, documents, render_text};
use serde_json::Value;

use crate::{configuration, objects, python};

pub(crate) const TOPOLOGIES: [&str; 4] = ["proxy", "sidecar", "extproc", "agent"];

/// A rendering that went well.
pub(crate) struct Rendered {
    /// The values file, and the topology where it is not the file's own.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) objects: Vec<Value>,
}

/// The values files of ci/.
pub(crate) fn files() -> Vec<String> {
    let entries = std::fs::read_dir(helm::chart().join("ci")).expect("ci/");
    let names = entries.flatten().map(|entry| format!("ci/{}", entry.file_name().to_string_lossy()));
    let files: BTreeSet<String> = names.filter(|name| name.ends_with("-values.yaml")).collect();
    files.into_iter().collect()
}

/// Each values file as it is.
pub(crate) fn all() -> Option<Vec<Rendered>> {
    files().iter().map(|file| one(file, &[]).map(|rendered| rendered.expect(file))).collect()
}

fn one(file: &str, set: &[&str]) -> Option<Result<Rendered, String>> {
    let text = render_text(Render { files: &[file], set, ..Render::default() })?;
    let name = [file].iter().chain(set).copied().collect::<Vec<_>>().join(" ");
    Some(text.map(|text| Rendered { name, objects: documents(&text).expect(file), text }))
}

#[test]
fn every_topology_with_every_file() {
    let Some(files) = helm::program().map(|_| files()) else { return };
    assert!(files.len() >= 12, "{files:?}");
    let (mut rendered, mut refused) = (0, 0);
    for file in &files {
        for topology in TOPOLOGIES {
            let Some(result) = one(file, &as_topology(file, topology)) else { return };
            match result {
                Ok(result) => {
                    rendered += 1;
                    objects::check(&result);
                    configuration::check(&result);
                }
                Err(said) => {
                    refused += 1;
                    let is_sentence = said.contains("these values cannot be meant:\n- ")
                        || said.contains("with topology `");
                    assert!(is_sentence, "{file} as {topology}: {said}");
                }
            }
        }
        // As it was meant.
        let result = one(file, &[]).expect("helm").unwrap_or_else(|said| panic!("{file}: {said}"));
        objects::check(&result);
        configuration::check(&result);
    }
    println!(
        "{} files, {} topologies: {rendered} render, {refused} stop with a sentence",
        files.len(),
        TOPOLOGIES.len()
    );
    assert!(rendered > refused, "the files are for one topology each, but most fit others");
}

/// What a proxy has behind it is said by files for proxies alone.
pub(crate) fn as_topology(file: &str, topology: &'static str) -> Vec<&'static str> {
    let set = match topology {
        "proxy" => "topology=proxy",
        "sidecar" => "topology=sidecar",
        "extproc" => "topology=extproc",
        _ => "topology=agent",
    };
    let is_told =
        ["proxy-", "own-", "existing-"].iter().any(|begin| file.starts_with(&format!("ci/{begin}")));
    let upstream = (topology == "proxy" && !is_told).then_some("upstreams.shop.servers={shop.shop.svc:8080}");
    [set].into_iter().chain(upstream).collect()
}

#[test]
fn lint_has_nothing_to_say() {
    for file in files() {
        let chart = helm::chart();
        let values = chart.join(&file);
        let arguments = [
            "lint".as_ref(),
            "--strict".as_ref(),
            chart.as_os_str(),
            "--values".as_ref(),
            values.as_os_str(),
        ];
        let Some(said) = helm::run(&arguments) else { return };
        let said = said.expect(&file);
        assert!(!said.contains("[WARNING]") && !said.contains("[ERROR]"), "{file}: {said}");
    }
}

/// Kubernetes before 1.31 is refused, as what the chart relies on is not there.
#[test]
fn only_versions_that_have_it_all_are_taken() {
    for (version, is_taken) in
        [("1.30.14", false), ("1.31.0", true), ("1.37.0", true), ("1.31.4-gke.1256000", true)]
    {
        let Some(result) = helm::render(Render { more: &["--kube-version", version], ..Render::default() })
        else {
            return;
        };
        assert_eq!(result.is_ok(), is_taken, "{version}: {:?}", result.err());
    }
}

/// The API's own schemas, of the oldest version that the chart is for and of the newest that there is.
#[test]
fn objects_are_what_kubernetes_takes() {
    let (Some(all), Some(python)) = (all(), python::home()) else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let mut written: Vec<_> = all.iter().map(|it| write(directory.path(), it)).collect();
    written.extend(crate::controllers::renderings().iter().map(|it| write(directory.path(), it)));
    for version in ["1.31.0", "1.37.0"] {
        let mut validate = std::process::Command::new(python.join("bin/kubernetes-validate"));
        let output = validate.args(["--strict", "-k", version]).args(&written).output().expect("it runs");
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{version}: {said}");
        // What is not the API's has no schema there; everything else must have had one.
        let unknown: BTreeSet<_> = said
            .lines()
            .filter(|line| line.contains("Couldn't find schema"))
            .filter_map(api_version)
            .collect();
        let known: BTreeSet<_> = CUSTOM.into_iter().collect();
        assert!(unknown.is_subset(&known), "{version}: no schema of {unknown:?}");
        println!("{version}: {} objects are right", said.matches(" passed for resource ").count());
    }
}

pub(crate) fn write(directory: &Path, rendered: &Rendered) -> std::path::PathBuf {
    let file = directory.join(rendered.name.replace(['/', ' ', '='], "-") + ".yaml");
    std::fs::write(&file, &rendered.text).expect("it can be written");
    file
}

fn api_version(line: &str) -> Option<&str> {
    line.split("with api version ").nth(1)?.split(' ').next()
}

/// APIs that operators and gateways bring along.
const CUSTOM: [&str; 8] = [
    "gateway.envoyproxy.io/v1alpha1",
    "gateway.kgateway.dev/v1alpha1",
    "gateway.networking.k8s.io/v1beta1",
    "monitoring.coreos.com/v1",
    "networking.istio.io/v1",
    "networking.istio.io/v1alpha3",
    "hub.traefik.io/v1alpha1",
    "traefik.io/v1alpha1",
];
