//! The same requests by a listener and by Envoy: the same verdicts, scores, matches and spans.
//!
//! Both are asked over HTTP/2, so that names have the same letters and headers the same order.

use super::super::super::curl;
use super::super::super::origin::Origin;
use super::super::super::process::Portcullis;
use super::super::same::parts;
use super::requests::safe;
use super::{Gateway, Setup, socket};

#[test]
fn what_envoy_shows_is_judged_the_same() {
    let mut setups = safe().to_vec();
    let mut check = Setup::check(8 << 20, false);
    check.listener = "per_connection_buffer_limit_bytes: 8388608";
    setups.push(check);
    for mut setup in setups {
        let origin = Origin::start();
        let yaml = format!(
            "version: 1\nlisteners: [{{ address: \"127.0.0.1:0\", h2c: true }}]\n\
             attachments: {{ envoy: [{{ address: \"unix:{{here}}/inspect.sock\", bodies: true }}] }}\n\
             upstreams: {{ app: {{ servers: [\"{}\"] }} }}\n\
             assets: [{{ name: all, hosts: [\"*\"], upstream: app, policy: p }}]\n\
             policies: {{ p: {{ mode: detect, signatures: {{ rules: [builtin] }} }} }}\n\
             admin: {{ address: \"127.0.0.1:0\" }}\n\
             reports: {{ decisions: {{ to: \"{{here}}/decisions.jsonl\", only: all }} }}\n",
            origin.address
        );
        let agent = Portcullis::start_yaml(&yaml, "");
        setup.manager = "generate_request_id: false";
        let Some(gateway) = Gateway::start(&setup, &socket(&agent), origin.address, None) else { return };
        let mut messages = parts();
        // Envoy takes no such character in the path of HTTP/2.
        messages
            .iter_mut()
            .for_each(|message| message.target = message.target.replace('<', "%3C").replace('>', "%3E"));
        let inline = format!("http://{}", agent.address);
        for message in &messages {
            for base in [&inline, &gateway.base] {
                let mut arguments =
                    vec!["--http2-prior-knowledge", "--globoff", "--path-as-is", "-HHost: shop.test"];
                arguments.extend(["-HUser-Agent:", "-HAccept:"]);
                let headers: Vec<_> = message.headers.iter().map(|header| format!("-H{header}")).collect();
                arguments.extend(headers.iter().map(String::as_str));
                if message.body.is_some()
                    && !headers.iter().any(|header| header.starts_with("-HContent-Type"))
                {
                    arguments.push("-HContent-Type:");
                }
                let body = message.body.as_deref().map(str::as_bytes);
                let sent = curl::run(&arguments, body, &format!("{base}{}", message.target));
                assert_eq!(sent.status, 200, "{}\n{}", message.target, gateway.said());
            }
        }
        let log = agent.file("decisions.jsonl");
        // Records leave by a queue, which is empty once it has stopped.
        let _stopped = agent.stop();
        let text = std::fs::read_to_string(log).expect("records");
        let records: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
        assert_eq!(records.len(), 2 * messages.len());
        let mut hostile = 0;
        for (pair, message) in records.chunks(2).zip(&messages) {
            let [inline, attached] = [&pair[0], &pair[1]].map(|record| {
                let mut record = record.as_object().expect("a map").clone();
                for own in ["time", "transactionId", "status", "micros", "attachment"] {
                    record.remove(own);
                }
                record
            });
            assert!(pair[1]["attachment"].as_str().is_some_and(|name| name.starts_with("ext-")));
            assert_eq!(inline, attached, "{} {:?}", message.target, message.headers);
            hostile += usize::from(inline["verdict"] == "detect");
        }
        assert!(hostile >= 7, "{hostile} of {} are hostile", messages.len());
    }
}
