use signatures::seclang::MemoryFiles;
use transaction::Record;

use super::*;
use crate::{Outcome, Snapshot};
use std::sync::Arc;

/// 192.0.2.0/24 in DE, 198.51.100.0/24 in FR.
const COUNTRIES: &[u8] = include_bytes!("../../../../signatures/src/operator/geo_lookup/two-networks.mmdb");
const DENIED: &str = "# a feed\n192.0.2.0/24 ; all of it\n2001:db8::/32\r\n\n198.51.100.9\n";

fn files() -> MemoryFiles {
    MemoryFiles::default()
        .with("etc/r.conf", "SecRule ARGS \"@contains evil\" \"id:1,phase:2,deny,log\"\n")
        .with("etc/deny.txt", DENIED)
        .with("etc/geo.mmdb", COUNTRIES)
}

fn text(policy: &str) -> String {
    format!(
        "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
         assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\n\
         policies: {{ p: {{ mode: prevent, model: none, signatures: {{ rules: [r.conf] }}, rate_limits: [l], {policy} }} }}\n\
         rate_limits: {{ l: {{ rate: 10/s }} }}\n\
         address_lists: {{ bad: {{ files: [deny.txt] }}, office: {{ prefixes: ['192.0.2.64/26', '198.51.100.0/24'] }} }}\n"
    )
}

fn snapshot(policy: &str) -> Arc<Snapshot> {
    let built = Snapshot::build("etc/p.yaml", &text(policy), &files(), 0);
    let render =
        |found: Vec<signatures::Diagnostic>| -> String { found.iter().map(|it| it.render(false)).collect() };
    Arc::new(built.unwrap_or_else(|found| panic!("{}", render(found))).0)
}

fn record(client: &str, target: &str) -> Record {
    let json = format!(
        r#"{{"client":{{"address":"{client}"}},"request":{{"method":"GET","target":"{target}"}},"rates":{{"l":{{"over":true}}}}}}"#
    );
    Record::from_json(json.as_bytes()).expect("a record")
}

#[test]
fn the_longest_prefix_and_the_country_decide() {
    const BOTH: &str = "deny_addresses: [bad], allow_addresses: [office]";
    const ABROAD: &str = "allow_addresses: [office], countries: { file: geo.mmdb, deny: [FR] }";
    const HOME: &str = "countries: { file: geo.mmdb, allow: [DE] }";
    for (policy, client, target, expected) in [
        (BOTH, "192.0.2.1", "/", "address bad"),
        (BOTH, "::ffff:192.0.2.1", "/", "address bad"),
        (BOTH, "2001:db8::1", "/", "address bad"),
        (BOTH, "192.0.2.65", "/", "pass"),
        (BOTH, "192.0.2.65", "/?q=evil", "rule"),
        (BOTH, "198.51.100.9", "/", "address bad"),
        (BOTH, "198.51.100.8", "/", "pass"),
        (BOTH, "203.0.113.1", "/", "rate-limit"),
        ("deny_addresses: [bad, office]", "198.51.100.9", "/", "address bad"),
        ("deny_addresses: [bad, office]", "198.51.100.8", "/", "address office"),
        ("allow_addresses: [bad], deny_addresses: [bad]", "192.0.2.1", "/", "pass"),
        ("allow_addresses: [office], allowed_skip: []", "198.51.100.1", "/", "rate-limit"),
        (
            "allow_addresses: [office], allowed_skip: [rate_limits, inspection]",
            "198.51.100.1",
            "/?q=evil",
            "pass",
        ),
        ("allow_addresses: [office], allowed_skip: [inspection]", "198.51.100.1", "/?q=evil", "rate-limit"),
        (ABROAD, "198.51.100.1", "/", "pass"),
        (ABROAD, "192.0.2.1", "/", "rate-limit"),
        ("countries: { file: geo.mmdb, deny: [FR] }", "198.51.100.1", "/", "country FR"),
        ("countries: { file: geo.mmdb, deny: [FR] }", "203.0.113.1", "/", "rate-limit"),
        (HOME, "192.0.2.1", "/", "rate-limit"),
        (HOME, "198.51.100.1", "/", "country FR"),
        (HOME, "203.0.113.1", "/", "rate-limit"),
        ("countries: { file: geo.mmdb, allow: [DE], unknown: deny }", "203.0.113.1", "/", "country"),
        (
            "allow_addresses: [office], allowed_skip: [], countries: { file: geo.mmdb, deny: [FR] }",
            "198.51.100.1",
            "/",
            "country FR",
        ),
    ] {
        let evaluation = Evaluation::of_record(snapshot(policy), &record(client, target));
        let json = serde_json::to_value(evaluation.finish(Outcome::default())).expect("a record");
        let reason = &json["reason"];
        let words = [
            &reason["kind"],
            &reason["list"],
            if reason["kind"] == "country" { &json["country"] } else { &reason["none"] },
        ];
        let found: Vec<_> = words.iter().filter_map(|word| word.as_str()).collect();
        let found = if found.is_empty() { "pass".to_owned() } else { found.join(" ") };
        assert_eq!(found, expected, "{policy}: {client} {target}\n{json}");
    }
}

#[test]
fn who_is_exempt_is_said_to_be_uninspected() {
    let policy = "allow_addresses: [office], allowed_skip: [rate_limits, inspection]";
    let evaluation = Evaluation::of_record(snapshot(policy), &record("198.51.100.1", "/?q=evil"));
    assert_eq!((evaluation.verdict().as_str(), evaluation.matches().count()), ("pass", 0));
    assert!(evaluation.transaction().inspection.has(Shortfall::Exempt));
    assert!(evaluation.rate_limits().is_empty(), "it is not counted");
}

#[test]
fn lists_are_kept_where_their_files_did_not_change_and_are_part_of_the_hash() {
    let policy = text("deny_addresses: [bad]");
    let (before, _) = Snapshot::build("etc/p.yaml", &policy, &files(), 0).expect("a snapshot");
    let mut paths: Vec<_> = before.files().collect();
    paths.sort_unstable();
    assert_eq!(paths, ["etc/deny.txt", "etc/r.conf"]);
    for (changed, is_same) in [(files(), true), (files().with("etc/deny.txt", "192.0.2.0/25\n"), false)] {
        let (after, _) = before.rebuild("etc/p.yaml", &policy, &changed, 0).expect("a snapshot");
        let (fresh, _) = Snapshot::build("etc/p.yaml", &policy, &changed, 0).expect("a snapshot");
        assert_eq!(after.hashes(), fresh.hashes());
        assert_eq!(after.hashes() == before.hashes(), is_same);
        let list = |snapshot: &Snapshot| snapshot.policies()[0].addresses.deny[0].1.clone();
        assert_eq!(Arc::ptr_eq(&list(&before), &list(&after)), is_same);
    }
}

#[test]
fn bad_lines_are_all_said_up_to_a_bound() {
    let lines: String = (0..50).map(|number| format!("192.0.2.{number}\nhost{number}.test\n")).collect();
    let files = files().with("etc/deny.txt", lines);
    let found =
        Snapshot::build("etc/p.yaml", &text("deny_addresses: [bad]"), &files, 0).expect_err("bad lines");
    assert_eq!(found.len(), 20);
    let drawn = found.last().expect("some").render(false);
    assert!(drawn.contains("deny.txt:40:1") && drawn.contains("30 more lines"), "{drawn}");
    assert!(found.iter().all(|found| found.code == "invalid-network"));
}
