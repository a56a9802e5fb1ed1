//! What a container is run with: OCI's configuration, made from what helm rendered as the kubelet and containerd make it.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use portcullis_tests::helm::{Render, render};
use portcullis_tests::kubelet::Volume;
use serde_json::{Value, json};

use super::{delivery, rootfs, seccomp};

/// A container before it is run: its directory, with the mounted volumes beside the configuration.
pub(crate) struct Bundle {
    directory: tempfile::TempDir,
    pub(crate) config: Value,
    /// ConfigMaps and Secrets by the names of their volumes.
    pub(crate) volumes: BTreeMap<String, Volume>,
    /// The configuration of Portcullis.
    pub(crate) configuration: String,
    /// Seconds between the order to stop and the end by force.
    pub(crate) grace_seconds: u64,
}

/// With our own profile, and without what this kernel may not have.
const SET: &[&str] = &["seccompLocalhostProfile=profiles/portcullis.json"];

impl Bundle {
    /// Of the chart's workload, rendered with these values; `None` without helm.
    pub(crate) fn rendered(values: &str) -> Option<Self> {
        let objects = render(Render { values, set: SET, ..Render::default() })?.expect("the chart renders");
        let workload = objects.iter().find(|it| it["kind"] == "Deployment").expect("a Deployment");
        Some(Self::of(&workload["spec"]["template"]["spec"], &objects))
    }

    fn of(pod: &Value, objects: &[Value]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
        let containers = pod["containers"].as_array().expect("containers");
        let container = containers.iter().find(|it| it["name"] == "portcullis").expect("ours");
        let group = either(pod, container, "fsGroup").as_u64().and_then(|it| u32::try_from(it).ok());
        let volumes: BTreeMap<String, Volume> = list(&pod["volumes"])
            .filter_map(|volume| {
                let name = volume["name"].as_str().expect("a name");
                let files = Files::of(volume, objects)?;
                let path = directory.path().join("volumes").join(name);
                Some((name.to_owned(), files.write(&path, group)))
            })
            .collect();
        let configuration =
            volumes.get("config").expect("the configuration is in a volume of this name").path();
        let configuration = std::fs::read_to_string(configuration.join("portcullis.yaml")).expect("a file");
        let config = json!({
            "ociVersion": "1.0.2",
            "process": process(pod, container),
            "root": { "path": rootfs::shared(), "readonly": container["securityContext"]["readOnlyRootFilesystem"] == true },
            "hostname": "portcullis",
            "mounts": mounts(pod, container, &volumes, directory.path()),
            "linux": {
                "namespaces": NAMESPACES.map(|kind| json!({ "type": kind })),
                "resources": { "memory": { "limit": bytes(&container["resources"]["limits"]["memory"]) } },
                "seccomp": profile(pod, container),
                "maskedPaths": MASKED,
                "readonlyPaths": READ_ONLY,
            },
        });
        let grace_seconds = pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(30);
        Self { directory, config, volumes, configuration, grace_seconds }
    }

    /// Another program in its place, given read-only: everything else is as it is for ours.
    pub(crate) fn with_program(mut self, program: &Path, arguments: &[String]) -> Self {
        let mut all = vec!["/probe".to_owned()];
        all.extend_from_slice(arguments);
        self.config["process"]["args"] = json!(all);
        let options = ["bind", "ro", "nosuid", "nodev"];
        let mount = json!({ "destination": "/probe", "type": "bind", "source": program, "options": options });
        self.config["mounts"].as_array_mut().expect("mounts").push(mount);
        self
    }

    /// Writes it; where it is.
    pub(crate) fn write(&self) -> &Path {
        std::fs::write(self.directory.path().join("config.json"), self.config.to_string()).expect("written");
        self.directory.path()
    }
}

/// A setting of the container's, or else the pod's.
fn either(pod: &Value, container: &Value, key: &str) -> Value {
    let own = &container["securityContext"][key];
    if own.is_null() { pod["securityContext"][key].clone() } else { own.clone() }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn process(pod: &Value, container: &Value) -> Value {
    let image = delivery::Image::of_dockerfile();
    let words =
        |value: &Value| list(value).map(|it| it.as_str().expect("a word").to_owned()).collect::<Vec<_>>();
    let (command, arguments) = (words(&container["command"]), words(&container["args"]));
    let (entry, given) = match (command.is_empty(), arguments.is_empty()) {
        (true, true) => (image.entrypoint, image.command),
        (true, false) => (image.entrypoint, arguments),
        (false, _) => (command, arguments),
    };
    let user = either(pod, container, "runAsUser").as_u64().unwrap_or(image.user);
    let group = either(pod, container, "runAsGroup").as_u64().unwrap_or(image.user);
    let more: Vec<u64> = either(pod, container, "fsGroup").as_u64().into_iter().collect();
    let mut environment =
        vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()];
    for variable in list(&container["env"]) {
        let value = variable["value"].as_str().unwrap_or_default();
        environment.push(format!("{}={value}", variable["name"].as_str().expect("a name")));
    }
    let all = [entry, given].concat();
    let capabilities = capabilities(&container["securityContext"]["capabilities"]);
    json!({
        "terminal": false,
        "user": { "uid": user, "gid": group, "additionalGids": more },
        "args": all,
        "env": environment,
        "cwd": "/",
        "noNewPrivileges": container["securityContext"]["allowPrivilegeEscalation"] == false,
        // Only the bounding set is given to who is not root.
        "capabilities": { "bounding": capabilities, "effective": [], "permitted": [], "inheritable": [], "ambient": [] },
    })
}

/// What containerd gives without being asked, less what is dropped, and what is added.
fn capabilities(context: &Value) -> Vec<String> {
    let names =
        |key: &str| list(&context[key]).map(|it| it.as_str().expect("a name").to_owned()).collect::<Vec<_>>();
    let (drop, add) = (names("drop"), names("add"));
    let given = if drop.iter().any(|it| it == "ALL") { &[][..] } else { CAPABILITIES };
    let kept = given.iter().map(|it| (*it).to_owned()).filter(|it| !drop.contains(it));
    kept.chain(add).map(|it| format!("CAP_{it}")).collect()
}

/// Of type Localhost, ours. Another type is the runtime's own matter, which no test here can stand for.
fn profile(pod: &Value, container: &Value) -> Value {
    let asked = either(pod, container, "seccompProfile");
    assert_eq!(asked["type"], "Localhost", "{asked}");
    seccomp::shipped()
}

fn mounts(pod: &Value, container: &Value, volumes: &BTreeMap<String, Volume>, here: &Path) -> Vec<Value> {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": kind, "options": options });
    let mut mounts = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    for (name, text) in
        [("hosts", "127.0.0.1 localhost portcullis\n"), ("resolv.conf", "nameserver 127.0.0.1\n")]
    {
        let source = here.join(name);
        std::fs::write(&source, text).expect("written");
        let options = ["bind", "ro"];
        mounts.push(json!({ "destination": format!("/etc/{name}"), "type": "bind", "source": source, "options": options }));
    }
    for wanted in list(&container["volumeMounts"]) {
        let (name, destination) = (wanted["name"].as_str().expect("a name"), &wanted["mountPath"]);
        let volume = list(&pod["volumes"]).find(|it| it["name"] == name).expect("a volume");
        let read_only = if wanted["readOnly"] == true { "ro" } else { "rw" };
        mounts.push(match volumes.get(name) {
            Some(volume) => {
                json!({ "destination": destination, "type": "bind", "source": volume.path(), "options": ["rbind", "ro"] })
            }
            None if volume["emptyDir"]["medium"] == "Memory" => {
                // The kubelet gives everybody the right to write.
                let size = format!("size={}", bytes(&volume["emptyDir"]["sizeLimit"]));
                json!({ "destination": destination, "type": "tmpfs", "source": "tmpfs", "options": [read_only, "mode=777", size] })
            }
            None => {
                let source = writable(here, name);
                json!({ "destination": destination, "type": "bind", "source": source, "options": ["rbind", read_only] })
            }
        });
    }
    mounts
}

/// A directory on disk: an `emptyDir`, or a claim.
fn writable(here: &Path, name: &str) -> PathBuf {
    let path = here.join("volumes").join(name);
    std::fs::create_dir_all(&path).expect("made");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("set");
    chown(&path, None, Some(0)).expect("root");
    path
}

/// `16Mi` in bytes.
fn bytes(quantity: &Value) -> u64 {
    let text = quantity.as_str().expect("a quantity");
    let unit = [("Ki", 10), ("Mi", 20), ("Gi", 30)]
        .into_iter()
        .find(|(unit, _)| text.ends_with(unit))
        .expect("a unit");
    text[..text.len() - 2].parse::<u64>().expect("a number") << unit.1
}

/// What is in a volume of a ConfigMap or a Secret.
struct Files {
    files: Vec<(String, Vec<u8>)>,
    mode: u32,
}

impl Files {
    /// `None` for other volumes.
    fn of(volume: &Value, objects: &[Value]) -> Option<Self> {
        let (kind, source, name) = match (&volume["configMap"], &volume["secret"]) {
            (source @ Value::Object(_), _) => ("ConfigMap", source, &source["name"]),
            (_, source @ Value::Object(_)) => ("Secret", source, &source["secretName"]),
            _ => return None,
        };
        let object = objects.iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == *name);
        let object = object.unwrap_or_else(|| panic!("{kind} {name} is not rendered"));
        let mode = source["defaultMode"].as_u64().and_then(|it| u32::try_from(it).ok()).unwrap_or(0o644);
        let text = |key: &str| object[key].as_object().into_iter().flatten();
        let plain = if kind == "Secret" { "stringData" } else { "data" };
        let mut files: Vec<_> =
            text(plain).map(|(name, value)| (name.clone(), string(value).into())).collect();
        if kind == "Secret" {
            let decode =
                |value: &Value| base64::prelude::BASE64_STANDARD.decode(string(value)).expect("base64");
            files.extend(text("data").map(|(name, value)| (name.clone(), decode(value))));
        }
        Some(Self { files, mode })
    }

    fn write(&self, path: &Path, group: Option<u32>) -> Volume {
        let files: Vec<_> = self.files.iter().map(|(name, content)| (name.as_str(), content)).collect();
        Volume::with_mode(path, &files, self.mode, group).expect("written")
    }
}

fn string(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// All of its own but the network, which is the pod's: here the machine's, so that tests reach it.
const NAMESPACES: [&str; 5] = ["pid", "ipc", "uts", "mount", "cgroup"];
const CAPABILITIES: &[&str] = &[
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "MKNOD",
    "NET_RAW",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "SYS_CHROOT",
    "KILL",
    "AUDIT_WRITE",
];
const MASKED: [&str; 9] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
