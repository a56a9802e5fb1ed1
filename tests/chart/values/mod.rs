//! What values.yaml says of itself: the schema and the README's tables are made of its comments, and what the schema refuses is refused with the
//! name of what is wrong.

mod read;
mod schema;
mod table;
mod wrong;

use std::fs;
use std::path::Path;

use portcullis_tests::helm;

#[test]
fn schema_and_tables_are_those_of_the_comments() {
    let chart = helm::chart();
    let keys = read::keys(&fs::read_to_string(chart.join("values.yaml")).expect("values"));
    let keys = keys.unwrap_or_else(|wrong| panic!("values.yaml: {wrong}"));
    let schema = serde_json::to_string_pretty(&schema::of(&keys)).expect("JSON") + "\n";
    let readme = fs::read_to_string(chart.join("README.md")).expect("a README");
    let (before, rest) = readme.split_once(BEGIN).expect("where the tables begin");
    let (_, after) = rest.split_once(END).expect("where they end");
    let readme = format!("{before}{BEGIN}\n{}{END}{after}", table::of(&keys));
    let files = [("values.schema.json", schema), ("README.md", readme)];
    let stale: Vec<_> = files.iter().filter(|(name, text)| differs(&chart.join(name), text)).collect();
    assert!(
        stale.is_empty(),
        "`./x bless` writes {:?}",
        stale.iter().map(|(name, _)| name).collect::<Vec<_>>()
    );
}

/// Somebody who reads the tables alone must learn what each key is.
#[test]
fn every_key_says_what_it_is() {
    let keys =
        read::keys(&fs::read_to_string(helm::chart().join("values.yaml")).expect("values")).expect("keys");
    let mut silent = Vec::new();
    silent_keys(&keys, &mut silent);
    assert!(silent.is_empty(), "no comment says what these are: {silent:?}");
}

fn silent_keys(keys: &[read::Key], silent: &mut Vec<String>) {
    for key in keys {
        if key.text.is_empty() && key.children.is_empty() {
            silent.push(key.path.join("."));
        }
        silent_keys(&key.children, silent);
    }
}

/// Whether a file is not what it should be; `UPDATE=1` makes it so.
fn differs(file: &Path, text: &str) -> bool {
    if std::env::vars_os().any(|(name, value)| name == "UPDATE" && value == "1") {
        fs::write(file, text).expect("golden files can be written");
    }
    fs::read_to_string(file).unwrap_or_default() != text
}

const BEGIN: &str = "<!-- values: made of values.yaml by `./x bless` -->";
const END: &str = "<!-- /values -->";
