//! Falco's rules: whole, of fields that it documents, and read by the library that Falco reads them with.
//!
//! Falco itself can be had from no registry of packages. Its conditions are parsed by libsinsp, which is also sysdig's: Debian's sysdig
//! says of each condition and output whether it can be read, before it looks for a driver, which is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use regex::{Captures, Regex};
use serde_json::Value;

/// Fields of Falco that our rules may name (falco.org, supported fields for conditions and outputs).
const FIELDS: [&str; 25] = [
    "container.id",
    "container.image.repository",
    "evt.args",
    "evt.is_open_write",
    "evt.rawres",
    "evt.res",
    "evt.type",
    "fd.l4proto",
    "fd.name",
    "fd.sip",
    "fd.snet",
    "fd.sport",
    "fd.typechar",
    "k8s.ns.name",
    "k8s.pod.name",
    "proc.cmdline",
    "proc.exepath",
    "proc.name",
    "proc.pname",
    "proc.tty",
    "proc.vpid",
    "user.loginuid",
    "user.name",
    "user.uid",
    "fd.type",
];

/// Priorities, the gravest first.
const PRIORITIES: [&str; 8] =
    ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFORMATIONAL", "DEBUG"];

/// A file of rules.
struct Rules {
    items: Vec<Value>,
    macros: BTreeMap<String, String>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Rules {
    fn parse(text: &str) -> Self {
        let items: Vec<Value> = serde_saphyr::from_str(text).expect("YAML");
        let named = |kind: &'static str| items.iter().filter(move |item| item[kind].is_string());
        let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let macros = named("macro").map(|it| (word(&it["macro"]), word(&it["condition"]))).collect();
        let items_of = |it: &Value| it["items"].as_array().expect("items").iter().map(word).collect();
        let lists = named("list").map(|it| (word(&it["list"]), items_of(it))).collect();
        Self { macros, lists, items }
    }

    fn rules(&self) -> impl Iterator<Item = &Value> {
        self.items.iter().filter(|item| item["rule"].is_string())
    }

    /// A condition with what its macros and lists stand for.
    fn resolved(&self, condition: &str) -> String {
        let name = Regex::new(r"\bportcullis_\w+\b").expect("a pattern");
        let resolve = |found: &Captures<'_>| {
            let name = &found[0];
            let list = self.lists.get(name).map(|items| items.join(", "));
            list.or_else(|| self.macros.get(name).cloned()).unwrap_or_else(|| panic!("{name} is not defined"))
        };
        let mut text = condition.to_owned();
        // Macros name macros; a list's items name nothing.
        for _ in 0..4 {
            text = name.replace_all(&text, resolve).into_owned();
        }
        assert!(!name.is_match(&text), "a macro goes round: {text}");
        text
    }
}

fn ours() -> Rules {
    let file = portcullis_tests::helm::chart().join("monitoring/falco.yaml");
    Rules::parse(&std::fs::read_to_string(file).expect("the rules"))
}

/// Names of fields in a condition or an output.
fn fields(text: &str) -> BTreeSet<String> {
    let quoted = Regex::new(r#""[^"]*""#).expect("a pattern");
    let field =
        Regex::new(r"%?\b((?:container|evt|fd|k8s|proc|user)\.[a-z0-9_.]*[a-z0-9_])").expect("a pattern");
    field.captures_iter(&quoted.replace_all(text, "")).map(|found| found[1].to_owned()).collect()
}

#[test]
fn rules_are_whole() {
    let rules = ours();
    assert_eq!(rules.rules().count(), 6);
    let mut used = BTreeSet::new();
    for rule in rules.rules() {
        let text = |key: &str| {
            rule[key].as_str().unwrap_or_else(|| panic!("{} has no {key}", rule["rule"])).to_owned()
        };
        let (name, condition, output) = (text("rule"), text("condition"), text("output"));
        assert!(!text("desc").is_empty() && PRIORITIES.contains(&&*text("priority")), "{name}");
        assert!(rule["tags"].as_array().is_some_and(|tags| tags.contains(&"portcullis".into())), "{name}");
        let resolved = rules.resolved(&condition);
        assert!(resolved.contains("container.image.repository in"), "{name} is not of our containers alone");
        assert!(resolved.contains("evt.type"), "{name} looks at every event");
        for field in fields(&resolved).iter().chain(&fields(&output)) {
            assert!(FIELDS.contains(&&**field), "{name}: {field}");
        }
        assert!(
            ["%k8s.pod.name", "%container.id"].iter().all(|field| output.contains(field)),
            "{name} does not say where"
        );
        used.extend([condition, rules.macros.values().cloned().collect()]);
    }
    let used = used.into_iter().collect::<String>();
    for name in rules.macros.keys().chain(rules.lists.keys()) {
        assert!(
            name.starts_with("portcullis_") && used.contains(name),
            "{name} is of no use, or may be somebody else's"
        );
    }
}

/// What sysdig says against a condition and an output; `None` when it is not installed.
fn refused(condition: &str, output: &str) -> Option<String> {
    // Without a file to read it looks for a driver: that comes after everything was read.
    let run = Command::new("sysdig").args(["-r", "/dev/null", "-p", output, condition]).output().ok()?;
    let said = String::from_utf8_lossy(&[run.stdout, run.stderr].concat()).into_owned();
    let wrong =
        ["filter error", "invalid formatting token", "syntax error"].iter().any(|it| said.contains(it));
    Some(if wrong { said } else { String::new() })
}

#[test]
fn libsinsp_reads_conditions_and_outputs() {
    if refused("evt.type = open", "%evt.type").is_none() {
        println!("left out: sysdig is not installed");
        return;
    }
    let rules = ours();
    for rule in rules.rules() {
        let condition = rules.resolved(rule["condition"].as_str().expect("a condition"));
        let said = refused(&condition, rule["output"].as_str().expect("an output").trim());
        assert_eq!(said.as_deref(), Some(""), "{}\n{condition}", rule["rule"]);
    }
    // That it would say so.
    for (condition, output) in [
        ("evt.type = open and (", "%evt.type"),
        ("evt.type = openn", "%evt.type"),
        ("proc.exepathh = /x", "%evt.type"),
        ("evt.type = open", "%proc.xcmdline"),
    ] {
        assert_ne!(refused(condition, output).as_deref(), Some(""), "{condition} {output}");
    }
}
