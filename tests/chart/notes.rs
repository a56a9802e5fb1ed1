//! What is said after an installation: what is inspected, what is done about it, and the next command.

use portcullis_tests::helm;

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
        let chart = helm::chart();
        let values = chart.join(format!("ci/{file}-values.yaml"));
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
            "--set",
            set,
        ];
        let Some(said) = helm::run(&arguments) else { return };
        let said = said.unwrap_or_else(|wrong| panic!("{file}, {set}: {wrong}"));
        let notes = said.split("NOTES:").nth(1).unwrap_or_default();
        // A sentence may go over several lines.
        let notes = notes.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(notes.contains(sentence), "{file}, {set}: no `{sentence}` in {notes}");
    }
}
