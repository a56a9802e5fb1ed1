//! What is said after an installation: what is inspected, what is done about it, and the next command.

use portcullis_tests::helm::{self, Render, object, render};

/// The values file, values over it, and what is said.
const SAID: [(&str, &str, &str); 14] = [
    ("proxy", "", "every request to portcullis.portcullis.svc:80 and its body."),
    ("proxy", "inspectResponses=true", "and its body, and every answer."),
    ("proxy", "", "Mode is `detect`: hostile requests go through and are reported."),
    (
        "proxy",
        "preventHosts={a.example.com}",
        "Mode is `detect`, but for a.example.com, where it is `prevent`",
    ),
    ("proxy", "mode=prevent", "Mode is `prevent`: hostile requests are refused."),
    ("proxy", "mode=off", "Mode is `off`: NOTHING is inspected."),
    ("proxy", "", "helm test portcullis --namespace portcullis --logs"),
    ("proxy", "", "pin `image.digest`"),
    ("own-config", "", "said in your own configuration"),
    (
        "extproc-istio",
        "",
        "Gateway gateways/ingressgateway (istio) asks it about each request, and refuses requests when nobody answers.",
    ),
    ("extproc-istio", "extproc.gateway=none", "Nothing asks yet"),
    ("agent-traefik", "", "requests with their bodies; no answers."),
    ("agent-traefik", "agent.bodies=false", "requests without their bodies, which is counted; no answers."),
    ("sidecar-lua", "", "Nothing is inspected yet"),
];

#[test]
fn notes_say_what_is_inspected() {
    for (file, set, sentence) in SAID {
        let values = format!("ci/{file}-values.yaml");
        let set = [set].into_iter().filter(|set| !set.is_empty()).collect::<Vec<_>>();
        let what = Render { files: &[&values], set: &set, values: NOTES, ..Render::default() };
        let Some(all) = render(what) else { return };
        let all = all.unwrap_or_else(|wrong| panic!("{file}, {set:?}: {wrong}"));
        let notes = &object(&all, "ConfigMap", "notes").expect("notes")["data"]["notes"];
        let notes = one_line(notes.as_str().expect("text"));
        assert!(notes.contains(sentence), "{file}, {set:?}: no `{sentence}` in {notes}");
    }
}

/// Helm 3 asks a cluster even for a dry run, so that this is for those after it.
#[test]
fn notes_are_printed_when_it_is_installed() {
    let chart = helm::chart();
    let values = chart.join("ci/proxy-values.yaml");
    let [chart, values] = [&chart, &values].map(|path| path.display().to_string());
    let arguments = [
        "install",
        "portcullis",
        &chart,
        "--namespace",
        "portcullis",
        "--dry-run=client",
        "--values",
        &values,
    ];
    match helm::run(&arguments) {
        None => {}
        Some(Err(wrong)) if wrong.contains("cluster unreachable") => println!("left out: {wrong}"),
        Some(said) => {
            let said = said.unwrap_or_else(|wrong| panic!("{wrong}"));
            let notes = one_line(said.split("NOTES:").nth(1).unwrap_or_default());
            assert!(notes.contains("every request to portcullis.portcullis.svc:80"), "{said}");
        }
    }
}

/// A sentence may go over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The notes as an object, as `helm template` does not print them.
const NOTES: &str = r#"extraObjects:
  - |
    apiVersion: v1
    kind: ConfigMap
    metadata: { name: notes }
    data: { notes: {{ include "portcullis/templates/NOTES.txt" $ | toJson }} }
"#;
