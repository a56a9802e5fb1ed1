//! Helm 3, which most people have, beside the newest, by which everything else is tested.

use std::path::{Path, PathBuf};

use portcullis_tests::helm::{Render, render};
use serde_json::Value;

use crate::topologies::{TOPOLOGIES, as_topology, files};

/// Every values file as it is and as every topology: the same objects, or the same sentence.
#[test]
#[ignore = "wants Helm 3: `./x helm3`"]
fn helm3_makes_the_same_of_everything() {
    let [newest, three] = ["helm", "helm3"].map(built);
    let (mut rendered, mut refused) = (0, 0);
    for file in files() {
        let as_is = [Vec::new()].into_iter();
        for set in as_is.chain(TOPOLOGIES.map(|topology| as_topology(&file, topology))) {
            let of = |helm: &Path| {
                let what = Render { files: &[&file], set: &set, helm: Some(helm), ..Render::default() };
                render(what).expect("helm").map(without_chance).map_err(|said| sentence(&said))
            };
            let (expected, found) = (of(&newest), of(&three));
            assert_eq!(found, expected, "{file} {set:?}");
            *(if found.is_ok() { &mut rendered } else { &mut refused }) += 1;
        }
    }
    println!("{rendered} renderings are the same, {refused} stop with the same sentence");
    assert!(rendered > refused && refused > 0);
}

fn built(name: &str) -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools").join(name);
    assert!(built.exists(), "`./x helm3` builds {}", built.display());
    built
}

/// In the order of their names, as the order in which they are applied is for helm to say; a token that is made by chance is none.
fn without_chance(mut objects: Vec<Value>) -> Vec<Value> {
    for object in objects.iter_mut().filter(|object| object["kind"] == "Secret") {
        if let Some(token) = object.pointer_mut("/data/token") {
            *token = Value::Null;
        }
    }
    objects.sort_by_key(|object| [&object["kind"], &object["metadata"]["name"]].map(Value::to_string));
    objects
}

/// What the chart says, without what helm says around it.
fn sentence(said: &str) -> String {
    let begin = said.find("these values cannot be meant").or_else(|| said.find("with topology"));
    begin.map_or(said, |begin| &said[begin..]).to_owned()
}
