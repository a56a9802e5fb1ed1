//! A writer of tiny MaxMind databases (MaxMind DB file format specification 2.0), for tests.

use std::net::Ipv4Addr;

enum Data {
    Text(&'static str),
    Double(f64),
    Short(u16),
    Long(u32),
    Huge(u64),
    Map(Vec<(&'static str, Data)>),
    List(Vec<Data>),
}

use Data::{Double, Huge, List, Long, Map, Short, Text};

/// A database that knows 192.0.2.0/24 well and 198.51.100.0/24 a little.
pub(crate) fn database() -> Vec<u8> {
    let names = |name| Map(vec![("names", Map(vec![("en", Text(name))]))]);
    let bremen = Map(vec![
        ("city", names("Bremen")),
        ("continent", Map(vec![("code", Text("EU"))])),
        ("country", Map(vec![("iso_code", Text("DE")), ("names", Map(vec![("en", Text("Germany"))]))])),
        ("location", Map(vec![("latitude", Double(53.075)), ("longitude", Double(8.8))])),
        ("postal", Map(vec![("code", Text("28195"))])),
        ("subdivisions", List(vec![Map(vec![("iso_code", Text("HB"))])])),
    ]);
    let france = Map(vec![(
        "country",
        Map(vec![("iso_code", Text("FR")), ("names", Map(vec![("en", Text("France"))]))]),
    )]);
    write(&[([192, 0, 2, 0], bremen), ([198, 51, 100, 0], france)])
}

/// A record of a node: another node, or where its data begins.
#[derive(Clone, Copy)]
enum Record {
    Nothing,
    Node(usize),
    Data(usize),
}

/// Networks of 24 bits, with what is known of them.
fn write(networks: &[([u8; 4], Data)]) -> Vec<u8> {
    let mut nodes = vec![[Record::Nothing; 2]];
    let mut data = Vec::new();
    for (network, known) in networks {
        let address = u32::from(Ipv4Addr::from(*network));
        let bit = |depth: u32| (address >> (31 - depth) & 1) as usize;
        let mut node = 0;
        for depth in 0..23 {
            node = match nodes[node][bit(depth)] {
                Record::Node(next) => next,
                _ => {
                    nodes.push([Record::Nothing; 2]);
                    let next = nodes.len() - 1;
                    nodes[node][bit(depth)] = Record::Node(next);
                    next
                }
            };
        }
        nodes[node][bit(23)] = Record::Data(data.len());
        put(&mut data, known);
    }
    let count = nodes.len();
    let mut out = Vec::new();
    for record in nodes.iter().flatten() {
        let number = match record {
            Record::Nothing => count,
            Record::Node(node) => *node,
            Record::Data(at) => count + 16 + at,
        };
        out.extend(&(number as u32).to_be_bytes()[1..]);
    }
    out.extend([0; 16]);
    out.extend(data);
    out.extend(b"\xab\xcd\xefMaxMind.com");
    put(
        &mut out,
        &Map(vec![
            ("binary_format_major_version", Short(2)),
            ("binary_format_minor_version", Short(0)),
            ("build_epoch", Huge(1)),
            ("database_type", Text("Test")),
            ("description", Map(vec![("en", Text("test"))])),
            ("ip_version", Short(4)),
            ("languages", List(vec![Text("en")])),
            ("node_count", Long(count as u32)),
            ("record_size", Short(24)),
        ]),
    );
    out
}

fn put(out: &mut Vec<u8>, data: &Data) {
    match data {
        Text(text) => {
            out.push(2 << 5 | text.len() as u8);
            out.extend(text.as_bytes());
        }
        Double(number) => {
            out.push(3 << 5 | 8);
            out.extend(number.to_be_bytes());
        }
        Short(number) => {
            out.push(5 << 5 | 2);
            out.extend(number.to_be_bytes());
        }
        Long(number) => {
            out.push(6 << 5 | 4);
            out.extend(number.to_be_bytes());
        }
        Huge(number) => {
            out.extend([8, 9 - 7]);
            out.extend(number.to_be_bytes());
        }
        Map(entries) => {
            out.push(7 << 5 | entries.len() as u8);
            for (key, value) in entries {
                put(out, &Text(key));
                put(out, value);
            }
        }
        List(values) => {
            out.extend([values.len() as u8, 11 - 7]);
            values.iter().for_each(|value| put(out, value));
        }
    }
}
