//! Cases: an object of `bases.yaml`, changed, and which policies refuse it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A file of cases; `values` are those under `admission:` that it needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(skip)]
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) values: Value,
    pub(crate) cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(default = "create")]
    pub(crate) operation: String,
    #[serde(default)]
    subresource: String,
    /// A base, and what is changed in it, by JSON pointer; `-` appends to a list.
    object: String,
    #[serde(default)]
    set: BTreeMap<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    #[serde(default)]
    repeat: Option<Repeat>,
    #[serde(default)]
    old: Option<String>,
    #[serde(default)]
    old_set: BTreeMap<String, Value>,
    #[serde(default)]
    old_remove: Vec<String>,
    #[serde(default = "someone")]
    user: String,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    namespace: Namespace,
    /// Each policy that refuses the object, with a piece of what it says.
    #[serde(default)]
    pub(crate) denied: BTreeMap<String, String>,
}

/// The first element of a list, as often as this, each with a name of its own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    path: String,
    times: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Namespace {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

impl Default for Namespace {
    fn default() -> Self {
        Self { name: "ingress-nginx".to_owned(), labels: BTreeMap::new() }
    }
}

fn create() -> String {
    "CREATE".to_owned()
}

fn someone() -> String {
    "someone".to_owned()
}

/// All files of cases, by name.
pub(crate) fn files() -> Vec<File> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory().join("cases"))
        .expect("cases")
        .map(|entry| entry.expect("a file").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> File {
    let mut file: File = parse(path);
    file.name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    file
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text =
        fs::read_to_string(path).expect("a readable file").replace("DIGEST", &"0123456789abcdef".repeat(4));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("admission")
}

/// Objects that every policy passes.
pub(crate) fn bases() -> Map<String, Value> {
    parse(&directory().join("bases.yaml"))
}

impl Case {
    /// The request to the API server that the evaluator is asked about.
    pub(crate) fn request(&self, bases: &Map<String, Value>) -> Value {
        let base =
            |name: &str| bases.get(name).unwrap_or_else(|| panic!("{}: no base `{name}`", self.name)).clone();
        let mut object = base(&self.object);
        let repeated_last =
            self.repeat.as_ref().filter(|_| self.denied.values().any(|piece| piece.contains("places")));
        if let (Some(repeat), None) = (&self.repeat, repeated_last) {
            repeat.apply(&mut object);
        }
        change(&mut object, &self.set, &self.remove);
        if let Some(repeat) = repeated_last {
            repeat.apply(&mut object);
        }
        let old = self.old.as_ref().map(|name| {
            let mut old = base(name);
            change(&mut old, &self.old_set, &self.old_remove);
            old
        });
        json!({
            "name": self.name, "operation": self.operation, "subresource": self.subresource, "object": object, "oldObject": old,
            "user": self.user, "groups": self.groups, "namespace": { "name": self.namespace.name, "labels": self.namespace.labels },
        })
    }
}

impl Repeat {
    fn apply(&self, object: &mut Value) {
        let list = object.pointer_mut(&self.path).and_then(Value::as_array_mut).expect("a list");
        let first = list[0].clone();
        *list = (0..self.times).map(|index| named(&first, index)).collect();
    }
}

fn named(first: &Value, index: usize) -> Value {
    let mut next = first.clone();
    next["name"] = json!(format!("{}-{index}", first["name"].as_str().expect("a name")));
    next
}

fn change(object: &mut Value, set: &BTreeMap<String, Value>, remove: &[String]) {
    for (pointer, value) in set {
        put(object, pointer, value.clone());
    }
    for pointer in remove {
        let (parent, key) = split(pointer);
        match object.pointer_mut(parent) {
            Some(Value::Object(map)) => {
                drop(map.remove(&key).unwrap_or_else(|| panic!("nothing at {pointer}")));
            }
            Some(Value::Array(list)) => drop(list.remove(key.parse().expect("an index"))),
            _ => panic!("nothing at {pointer}"),
        }
    }
}

/// Makes maps on the way where there are none.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = split(pointer);
    if object.pointer(parent).is_none() {
        put(object, parent, json!({}));
    }
    match object.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.insert(key, value)),
        Some(Value::Array(list)) if key == "-" => list.push(value),
        Some(Value::Array(list)) => list[key.parse::<usize>().expect("an index")] = value,
        _ => panic!("{pointer} is in nothing that has parts"),
    }
}

fn split(pointer: &str) -> (&str, String) {
    let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
    (parent, key.replace("~1", "/").replace("~0", "~"))
}
