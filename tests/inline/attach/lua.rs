//! `packaging/ingress-nginx/portcullis.lua` in a real nginx, set up as docs/attach/ingress-nginx.md says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use portcullis_tests::files::binary;

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::nginx::Gateway;
use super::{agent, last_record, reached, socket, table};

const MODULES: [&str; 2] =
    ["/usr/lib/nginx/modules/ndk_http_module.so", "/usr/lib/nginx/modules/ngx_http_lua_module.so"];

/// nginx with the file, or word that it cannot be had.
pub(super) fn gateway(socket: &str, origin: &Origin, fail: &str) -> Option<Gateway> {
    gateway_at(&format!("unix:{socket}"), "300", origin.address, fail, "")
}

/// With another place to ask at, time to wait (ms), and more of the block `server`; there is a format of logs, `judged`, with what
/// became of a request.
pub(super) fn gateway_at(
    place: &str,
    patience_ms: &str,
    origin: SocketAddr,
    fail: &str,
    more: &str,
) -> Option<Gateway> {
    if MODULES.iter().any(|module| !Path::new(module).exists()) {
        println!("left out: nginx has no Lua here");
        return None;
    }
    let http = format!(
        "lua_package_path '/usr/share/lua/5.1/?.lua;;'; client_body_buffer_size 16k;
         log_format judged '$status $http_x_portcullis_id'; {}",
        snippet(place, patience_ms, fail)
    );
    // As ingress-nginx has it: handlers of its own in locations, that of `auth-keepalive` among them.
    let server = format!(
        "{more} location = /missed {{ access_log off; content_by_lua_block {{ {MISSED} }} }}
         location / {{ rewrite_by_lua_block {{ ngx.var.own = 'r' }} set $own ''; proxy_pass http://{origin}; }}
         location /keepalive/ {{ access_by_lua_block {{ ngx.ctx.auth = true }} proxy_pass http://{origin}; }}
         location /any/ {{ satisfy any; allow all; proxy_pass http://{origin}; }}
         location /moved/ {{ rewrite ^/moved/(.*)$ /$1 last; }}
         location /failing {{ error_page 418 = @page; return 418; }}
         location @page {{ proxy_pass http://{origin}; }}
         location /configuration {{ proxy_pass http://{origin}; }}
         location /authed/ {{ auth_request /auth; proxy_pass http://{origin}; }}
         location = /auth {{ internal; proxy_pass_request_body off; proxy_set_header Content-Length '';
           proxy_pass http://{origin}; }}
         location /ws {{ proxy_pass http://{origin}; proxy_http_version 1.1;
           proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }}
         location /shop.Orders/ {{ grpc_pass grpc://{origin}; }}
         location /events {{ proxy_pass http://{origin}; proxy_buffering off; }}"
    );
    Gateway::start(&MODULES, &http, &server)
}

/// Tells what the dictionary has: how many were not asked about, and how many of them no line in the log speaks of yet.
const MISSED: &str = r#"
    local all, unsaid = 0, 0
    for _, reason in ipairs({ "down", "late", "error" }) do
      all = all + (ngx.shared.portcullis:get("missed-" .. reason) or 0)
      unsaid = unsaid + (ngx.shared.portcullis:get("unsaid-" .. reason) or 0)
    end
    ngx.say(all, " ", unsaid)"#;

/// Requests that nobody was asked about, by nginx's count, of which the error log has as many as it should.
#[track_caller]
pub(super) fn missed(gateway: &Gateway) -> u64 {
    let text = curl::get(&format!("{}/missed", gateway.base)).body;
    let (all, unsaid) = text.trim().split_once(' ').expect("two numbers");
    let (all, unsaid): (u64, u64) = (all.parse().expect("a number"), unsaid.parse().expect("a number"));
    assert_eq!(gateway.said_missed().1 + unsaid, all, "{}", gateway.errors());
    all
}

/// The `http-snippet` of the values that are shipped, with another socket, file and word about failures. What is nginx's own is
/// a path here.
fn snippet(place: &str, patience_ms: &str, fail: &str) -> String {
    let directory = packaging();
    let values = std::fs::read_to_string(directory.join("values.yaml")).expect("values");
    let (_, rest) = values.split_once("http-snippet: |\n").expect("a snippet");
    let lines = rest.lines().take_while(|line| line.starts_with("      "));
    let lines: Vec<_> = lines.filter(|line| !line.contains("client_max_body_size")).collect();
    let mut text = lines.join("\n");
    for (ours, theirs) in [
        ("unix:/run/portcullis/inspect.sock", place),
        ("\"closed\"", fail),
        ("\"500\"", patience_ms),
        ("\"$server_addr:$server_port\"", "$uri"),
        ("\"127.0.0.1:10246\"", "~^/(configuration|missed)$"),
        ("/etc/nginx/portcullis", &directory.display().to_string()),
    ] {
        assert!(text.contains(ours), "{ours} in {text}");
        text = text.replace(ours, theirs);
    }
    text
}

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/ingress-nginx")
}

#[test]
fn the_configuration_that_is_shipped_is_one() {
    let mut command = Command::new(binary());
    let checked = command.arg("check").arg(packaging().join("portcullis.yaml")).output().expect("it runs");
    assert!(checked.status.success(), "{checked:?}");
}

fn start(mode: &str) -> Option<(Origin, Portcullis, Gateway)> {
    let origin = Origin::start();
    let agent = agent("native", mode, "", "");
    let gateway = gateway(&socket(&agent), &origin, "closed")?;
    Some((origin, agent, gateway))
}

#[test]
fn lua_sees_everything() {
    let Some((_origin, agent, gateway)) = start("prevent") else { return };
    table::check(&agent, &gateway.base, true, &[], &[]);
    let errors = gateway.errors();
    assert!(!errors.contains("[error]") && !errors.contains("[alert]"), "{errors}");
}

#[test]
fn over_http2_nothing_passes_unseen() {
    let Some((origin, agent, gateway)) = start("prevent") else { return };
    let way = ["--http2-prior-knowledge"];
    for row in table::rows().iter().filter(|row| row.name != "chunked") {
        assert_eq!(row.send("friendlyword", &gateway.base2, &way), 200, "{}\n{}", row.name, gateway.errors());
        assert_eq!(row.send("hostileword", &gateway.base2, &way), 403, "{}\n{}", row.name, gateway.errors());
    }
    // A body without a length is not read by the module: it is asked for again, with one, or goes nowhere.
    let url = format!("{}/unsized", gateway.base2);
    let unsized_body = [way[0], "-HContent-Length:", "-HTransfer-Encoding: chunked"];
    let posted = curl::run(&unsized_body, Some(b"a=hostileword"), &format!("{url}/posted"));
    // Refused before it is read: nginx resets the stream behind its answer, and curl may see that first (0).
    assert!([403, 411, 0].contains(&posted.status), "{posted:?}");
    assert!(!reached(&origin, "/unsized/posted"));
    let got = [&unsized_body[..], &["-XGET"]].concat();
    let got = curl::run(&got, Some(b"a=hostileword"), &url);
    assert!([403, 0].contains(&got.status) || got.body.starts_with("0 "), "{got:?}");
    drop((origin, agent));
}

#[test]
fn no_location_gets_round_it_and_none_asks_twice() {
    let Some((origin, agent, gateway)) = start("prevent") else { return };
    let ask = |path: &str| curl::get(&format!("{}{path}", gateway.base)).status;
    let asked = || agent.metric("portcullis_attach_requests_total{answer=\"passed\",attachment=\"native\"}");
    for (place, times) in [
        ("/", 1.0),
        ("/keepalive/", 1.0),
        ("/any/", 1.0),
        ("/moved/", 1.0),
        ("/failing", 1.0),
        ("/authed/", 1.0),
    ] {
        let before = asked();
        assert_eq!(ask(&format!("{place}?a=friendlyword")), 200, "{place}\n{}", gateway.errors());
        assert!((asked() - before - times).abs() < 0.1, "{place}");
        assert_eq!(ask(&format!("{place}?a=hostileword")), 403, "{place}");
    }
    assert_eq!(ask("/configuration?a=hostileword"), 200, "what is nginx's own is left alone");
    assert!(
        !origin.seen().iter().any(|seen| seen.path.contains("hostileword") && !seen.path.contains("config"))
    );
}

#[test]
fn the_message_is_what_the_client_sent() {
    let Some((origin, agent, gateway)) = start("prevent") else { return };
    let arguments = ["-HX-Portcullis-Client: 192.0.2.1", "-HX-Portcullis-Id: forged", "-HHost: shop.test:81"];
    let answer = curl::run(&arguments, None, &format!("{}/headers?a=%3C", gateway.base));
    assert_eq!(answer.status, 200, "{}", gateway.errors());
    let record = last_record(&agent);
    for (key, expected) in [("client", "127.0.0.1"), ("host", "shop.test"), ("attachment", "native")] {
        assert_eq!(record[key], expected, "{key} of {record}");
    }
    let seen = origin.seen();
    let told = &seen.last().expect("a request").headers;
    let ids: Vec<_> = told.iter().filter(|(name, _)| name == "x-portcullis-id").map(|(_, id)| id).collect();
    assert_eq!(ids, [record["transactionId"].as_str().expect("an id")]);
    let page = curl::run(&["-HAccept: text/html"], None, &format!("{}/hostileword", gateway.base));
    assert!(page.status == 403 && page.body.contains("<!doctype html>"), "{page:?}");
}

#[test]
fn detect_mode_passes_all_of_it() {
    let Some((origin, agent, gateway)) = start("detect") else { return };
    for row in table::rows() {
        assert_eq!(row.send("hostileword", &gateway.base, &[]), 200, "{}", row.name);
        assert_eq!(last_record(&agent)["verdict"], "detect", "{}", row.name);
    }
    assert!(reached(&origin, "/?a=hostileword"));
}

#[test]
fn a_hung_agent_holds_up_nobody_but_who_waits_for_it() {
    let Some((origin, agent, _closed)) = start("prevent") else { return };
    let Some(gateway) = gateway(&socket(&agent), &origin, "open") else { return };
    let get = |path: &str| curl::get(&format!("{}{path}", gateway.base)).status;
    assert_eq!(get("/?a=hostileword"), 403);
    agent.signal("STOP");
    let begun = Instant::now();
    let waiting = std::thread::spawn({
        let url = format!("{}/?a=1", gateway.base);
        move || curl::get(&url).status
    });
    // The one worker serves others meanwhile.
    assert_eq!(get("/configuration"), 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(waiting.join().expect("ended"), 200);
    // After some failures nobody waits any more, but one now and then who looks whether it is there again.
    for _ in 0..15 {
        assert_eq!(get("/?a=hostileword"), 200);
    }
    agent.signal("CONT");
    let until = Instant::now() + Duration::from_secs(20);
    while get("/?a=hostileword") != 403 {
        assert!(Instant::now() < until, "{}", gateway.errors());
        std::thread::sleep(Duration::from_millis(200));
    }
    // Whatever passed unasked is known in the end.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(get("/"), 200);
    let missed_by = |reason: &str| {
        agent.metric(&format!("portcullis_attach_missed_total{{attachment=\"native\",reason=\"{reason}\"}}"))
    };
    assert!(missed_by("late") + missed_by("down") > 15.5, "{}", agent.admin("/metrics"));
    // One a second of each reason.
    let (lines, most) = (gateway.said_missed().0, 2 * (begun.elapsed().as_secs() + 2));
    assert!(lines > 0 && lines <= most, "{lines} where {most} are expected: {}", gateway.errors());
    // What is told with a question whose answer does not come is told again.
    let told = missed_by("late") + missed_by("down");
    let counted = missed(&gateway);
    assert!(counted >= 16 && told >= counted as f64, "{counted}, told {told}: {}", gateway.errors());
    assert!(!gateway.errors().contains("timed out"), "nginx says it for each: {}", gateway.errors());
}
