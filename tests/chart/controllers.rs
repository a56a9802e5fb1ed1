//! Values files for the charts of ingress controllers: against their documented keys, and through the real charts where these can be had.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use portcullis_tests::helm::{self, Render, documents, object, render, render_text};
use serde_json::{Value, json};

use crate::topologies::Rendered;

/// A values file, its chart, and where that chart has things.
struct Controller {
    file: &'static str,
    init_containers: &'static str,
    volumes: &'static str,
    /// Keys of the chart's values that may be used, `*` for what is free below. ingress-nginx: the same in 4.12 to 4.15.
    keys: &'static [&'static str],
}

const CONTROLLERS: [Controller; 5] = [
    Controller {
        file: "ingress-nginx-front.yaml",
        init_containers: "/controller/extraInitContainers",
        volumes: "/controller/extraVolumes",
        keys: INGRESS_NGINX,
    },
    Controller {
        file: "ingress-nginx-lua.yaml",
        init_containers: "/controller/extraInitContainers",
        volumes: "/controller/extraVolumes",
        keys: INGRESS_NGINX,
    },
    Controller {
        file: "traefik-front.yaml",
        init_containers: "/deployment/initContainers",
        volumes: "/deployment/additionalVolumes",
        keys: &[
            "deployment.additionalVolumes",
            "deployment.initContainers",
            "deployment.terminationGracePeriodSeconds",
            "ports.web.forwardedHeaders.trustedIPs",
            "ports.web.hostIP",
            "ports.web.targetPort",
            "ports.web.transport.lifeCycle.graceTimeOut",
            "ports.web.transport.lifeCycle.requestAcceptGraceTimeout",
            "ports.websecure.hostIP",
            "ports.websecure.targetPort",
        ],
    },
    Controller {
        file: "haproxytech-front.yaml",
        init_containers: "/controller/initContainers",
        volumes: "/controller/extraVolumes",
        keys: &[
            "controller.config.*",
            "controller.extraArgs",
            "controller.extraVolumes",
            "controller.initContainers",
            "controller.lifecycle.*",
            "controller.service.targetPorts.http",
            "controller.service.targetPorts.https",
            "controller.terminationGracePeriodSeconds",
        ],
    },
    Controller {
        file: "haproxy-ingress-front.yaml",
        init_containers: "/controller/initContainers",
        volumes: "/controller/extraVolumes",
        keys: &[
            "controller.config.*",
            "controller.extraVolumes",
            "controller.initContainers",
            "controller.lifecycle.*",
            "controller.service.httpPorts",
            "controller.service.httpsPorts",
            "controller.terminationGracePeriodSeconds",
        ],
    },
];

const INGRESS_NGINX: &[&str] = &[
    "controller.config.*",
    "controller.extraArgs.*",
    "controller.extraInitContainers",
    "controller.extraVolumeMounts",
    "controller.extraVolumes",
    "controller.service.targetPorts.http",
    "controller.service.targetPorts.https",
];

/// Every values file.
pub(crate) fn values() -> Vec<(String, Value)> {
    let read =
        |it: &Controller| (it.file.to_owned(), parsed(&fs::read_to_string(path(it.file)).expect(it.file)));
    CONTROLLERS.iter().map(read).collect()
}

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

fn path(file: &str) -> PathBuf {
    helm::chart().join("examples/controllers").join(file)
}

/// Our container in a values file.
pub(crate) fn container(values: &Value) -> &Value {
    let mut found = CONTROLLERS.iter().filter_map(|it| values.pointer(it.init_containers));
    &found.next().expect("containers that begin before")[0]
}

/// The volumes of a values file.
pub(crate) fn volumes(values: &Value) -> &Value {
    CONTROLLERS.iter().find_map(|it| values.pointer(it.volumes)).expect("volumes")
}

#[test]
fn every_file_of_the_directory_is_tested() {
    let entries = fs::read_dir(helm::chart().join("examples/controllers")).expect("the directory");
    let found: BTreeSet<_> =
        entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(found, CONTROLLERS.iter().map(|it| it.file.to_owned()).collect());
}

#[test]
fn only_keys_that_the_charts_document_are_used() {
    for (controller, (file, values)) in CONTROLLERS.iter().zip(values()) {
        let mut used = Vec::new();
        leaves(&values, "", controller.keys, &mut used);
        for key in used {
            assert!(controller.keys.contains(&key.as_str()), "{file}: `{key}` is no key of its chart");
        }
        // From 4.14 on ingress-nginx runs its template engine over it.
        assert!(!container(&values).to_string().contains("{{"), "{file}: what a template engine would read");
    }
}

/// The deepest keys, or those that the chart takes as a whole.
fn leaves(value: &Value, at: &str, known: &[&str], out: &mut Vec<String>) {
    let free = format!("{at}.*");
    match value {
        _ if known.contains(&free.as_str()) => out.push(free),
        _ if known.contains(&at) => out.push(at.to_owned()),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            leaves(value, &at, known, out);
        }),
        _ => out.push(at.to_owned()),
    }
}

/// What differs between them is said here; everything else is the same container.
#[test]
fn the_sidecar_is_the_same_in_all_of_them() {
    let plain = |values: &Value| {
        let mut container = container(values).clone();
        for key in ["runAsUser", "runAsGroup"] {
            container["securityContext"][key] = Value::Null;
        }
        for key in ["ports", "volumeMounts"] {
            container[key] = Value::Null;
        }
        container
    };
    let all = values();
    for (file, values) in &all {
        assert_eq!(plain(values), plain(&all[0].1), "{file} and {}", all[0].0);
    }
}

/// Names of ConfigMaps and Secrets are those that our chart makes, and every mount has its volume.
#[test]
fn what_is_mounted_is_made_by_the_chart() {
    for (file, values) in values() {
        let attach = if file.contains("lua") { "sidecar.attach=lua" } else { "sidecar.attach=front" };
        let set = ["topology=sidecar", attach];
        let Some(made) = render(Render { files: &["values.yaml"], set: &set, ..Render::default() }) else {
            return;
        };
        let made = made.expect(&file);
        let volumes = volumes(&values).as_array().expect("volumes");
        for (kind, name) in volumes.iter().filter_map(source) {
            assert!(object(&made, kind, name).is_some(), "{file}: the chart makes no {kind} {name}");
        }
        for mount in container(&values)["volumeMounts"].as_array().expect("mounts") {
            assert!(volumes.iter().any(|it| it["name"] == mount["name"]), "{file}: no volume for {mount}");
        }
    }
}

fn source(volume: &Value) -> Option<(&'static str, &str)> {
    let map = volume["configMap"]["name"].as_str().map(|name| ("ConfigMap", name));
    map.or_else(|| volume["secret"]["secretName"].as_str().map(|name| ("Secret", name)))
}

/// The chart's copies are those of packaging/ingress-nginx/, which are run before a real nginx.
#[test]
fn copies_are_in_step() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/ingress-nginx");
    let read = |file: &Path| fs::read_to_string(file).expect("a file");
    let lua = read(&packaging.join("portcullis.lua"));
    assert_eq!(lua, read(&helm::chart().join("files/portcullis.lua")));
    let theirs = parsed(&read(&packaging.join("values.yaml")));
    let ours = parsed(&read(&path("ingress-nginx-lua.yaml")));
    assert_eq!(theirs["controller"]["config"], ours["controller"]["config"]);
    let set = ["topology=sidecar", "sidecar.attach=lua"];
    let Some(made) = render(Render { files: &["values.yaml"], set: &set, ..Render::default() }) else {
        return;
    };
    let made = made.expect("a rendering");
    let config = object(&made, "ConfigMap", "portcullis").expect("a ConfigMap");
    let config = parsed(config["data"]["portcullis.yaml"].as_str().expect("text"));
    let theirs = parsed(&read(&packaging.join("portcullis.yaml")));
    for key in ["attachments", "assets"] {
        assert_eq!(config[key], theirs[key], "{key}");
    }
    // The template adds an end of line, and nothing else.
    let carried = object(&made, "ConfigMap", "portcullis-lua").expect("a ConfigMap");
    assert_eq!(carried["data"]["portcullis.lua"].as_str().map(str::trim), Some(lua.trim()));
}

/// A chart of somebody else's that Go's module proxy has, because its repository is a Go module.
struct Real {
    module: &'static str,
    version: &'static str,
    sum: &'static str,
    path: &'static str,
    files: &'static [&'static str],
}

const REAL: [Real; 2] = [
    // The chart 4.11.0, the newest that is there. What is used of it did not change in 4.12 to 4.15.
    Real {
        module: "k8s.io/ingress-nginx",
        version: "v0.0.0-20240708192948-52c50467d67d",
        sum: "h1:tZui5g6S4GO1hxLm6yrEoIXLkl4QfeGytlmZqZ+DmdQ=",
        path: "charts/ingress-nginx",
        files: &["ingress-nginx-front.yaml", "ingress-nginx-lua.yaml"],
    },
    Real {
        module: "github.com/traefik/traefik-helm-chart",
        version: "v41.6.0+incompatible",
        sum: "h1:S2hlx62RaB97UEDu0NE2tSoNTWp7cOyHmI5zpdEHBH0=",
        path: "traefik",
        files: &["traefik-front.yaml"],
    },
];

/// Where the chart is, if it can be had and is the one that is meant.
fn directory(real: &Real) -> Option<PathBuf> {
    let wanted = format!("{}@{}", real.module, real.version);
    let output =
        Command::new("go").args(["mod", "download", "-json", &wanted]).current_dir("/").output().ok();
    let module: Option<Value> = output.and_then(|output| serde_json::from_slice(&output.stdout).ok());
    let found = module.filter(|it| it["Dir"].is_string());
    let Some(found) = found else {
        println!("left out: the chart of {wanted}, which Go cannot have");
        return None;
    };
    assert_eq!(found["Sum"], real.sum, "{wanted} is another one");
    found["Dir"].as_str().map(|directory| Path::new(directory).join(real.path))
}

/// What the real charts make of our values.
pub(crate) fn renderings() -> Vec<Rendered> {
    let mut all = Vec::new();
    for real in &REAL {
        let Some(chart) = directory(real) else { continue };
        for file in real.files {
            let values = fs::read_to_string(path(file)).expect(file);
            let release = file.split('-').next().unwrap_or_default();
            let what = Render {
                chart: Some(&chart),
                values: &values,
                release,
                namespace: release,
                ..Render::default()
            };
            let Some(text) = render_text(what) else { continue };
            let text = text.unwrap_or_else(|said| panic!("{file}: {said}"));
            all.push(Rendered { name: (*file).to_owned(), objects: documents(&text).expect(file), text });
        }
    }
    all
}

#[test]
fn the_real_charts_have_it_in_the_pod() {
    for rendered in renderings() {
        let workload = rendered.objects.iter().find(|it| {
            it["kind"] == "Deployment" && !it["spec"]["template"]["spec"]["initContainers"].is_null()
        });
        let spec = &workload.expect("a Deployment")["spec"]["template"]["spec"];
        let values: Value = parsed(&fs::read_to_string(path(&rendered.name)).expect("values"));
        let init = spec["initContainers"].as_array().expect("containers");
        assert!(init.contains(container(&values)), "{}: {init:?}", rendered.name);
        let volumes = spec["volumes"].as_array().expect("volumes");
        for volume in self::volumes(&values).as_array().expect("volumes") {
            assert!(volumes.contains(volume), "{}: {volume}", rendered.name);
        }
        check_service(&rendered);
        println!("{}: in the pod", rendered.name);
    }
}

/// `front`: the Service leads to Portcullis, by number. `lua`: to the controller, as before.
fn check_service(rendered: &Rendered) {
    let services = rendered.objects.iter().filter(|it| it["kind"] == "Service");
    let ports = services.filter_map(|it| it["spec"]["ports"].as_array()).flatten();
    let targets: Vec<_> = ports
        .filter(|port| port["port"] == 80 || port["port"] == 443)
        .map(|port| &port["targetPort"])
        .collect();
    if rendered.name.contains("front") {
        assert!(
            targets.contains(&&json!(9080)) && targets.contains(&&json!(9443)),
            "{}: {targets:?}",
            rendered.name
        );
    } else {
        assert!(targets.contains(&&json!("http")), "{}: {targets:?}", rendered.name);
    }
}
