//! The same requests by a listener and by Envoy: the same verdicts, scores, matches and spans.
//!
//! Both are asked over HTTP/2, so that names have the same letters and headers the same order.

use super::super::super::curl;
use super::super::super::origin::Origin;
use super::super::same::{compare, parts, two_ways};
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
        let envoy = "envoy: [{ address: \"unix:{here}/inspect.sock\", bodies: true }]";
        let agent = two_ways(&origin, "h2c: true", envoy);
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
        let sent: Vec<_> =
            messages.iter().map(|message| format!("{} {:?}", message.target, message.headers)).collect();
        compare(agent, &sent, |name| name.starts_with("ext-"), |_| {});
    }
}
