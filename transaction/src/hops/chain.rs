//! The hops that a request came by: `X-Forwarded-For`, and `Forwarded` (RFC 7239).

use std::borrow::Cow;
use std::collections::VecDeque;

use super::Node;

/// The nearest hops of a chain, the nearest first: the last of the last line.
///
/// What is farther away than so many hops, nobody looks at, and a chain costs no more than that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    nodes: Vec<Node>,
}

impl Chain {
    /// The hops, the nearest first.
    pub fn iter(&self) -> impl Iterator<Item = Node> + '_ {
        self.nodes.iter().copied()
    }

    /// Adds a hop; `false` when it was the last that anybody looks at.
    fn push(&mut self, node: Node) -> bool {
        self.nodes.push(node);
        // Behind what is not an address nobody goes on.
        self.nodes.len() < HOPS_MAX && matches!(node, Node::Address(_))
    }
}

/// Reads `X-Forwarded-For`, or another header with a list of addresses; its lines in the order they came.
pub fn x_forwarded_for<'v>(lines: impl DoubleEndedIterator<Item = &'v [u8]>) -> Chain {
    let mut chain = Chain::default();
    for line in lines.rev() {
        // Of an empty line nothing is said; an empty entry is one that is wrong.
        if line.trim_ascii().is_empty() {
            continue;
        }
        for entry in line.rsplit(|byte| *byte == b',') {
            if !chain.push(Node::parse(entry.trim_ascii())) {
                return chain;
            }
        }
    }
    chain
}

/// Reads `Forwarded`; its lines in the order they came. An element without `for` is a hop that is hidden.
pub fn forwarded<'v>(lines: impl DoubleEndedIterator<Item = &'v [u8]>) -> Chain {
    let mut chain = Chain::default();
    for line in lines.rev() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        // Commas and quotes within quotes have to be told apart from the left.
        let Some(hops) = elements(line) else {
            chain.push(Node::Malformed);
            return chain;
        };
        for node in hops.into_iter().rev() {
            if !chain.push(node) {
                return chain;
            }
        }
    }
    chain
}

/// The hops of one line, of which the last are kept; `None` when it cannot be read to its end.
fn elements(line: &[u8]) -> Option<VecDeque<Node>> {
    let mut hops = VecDeque::new();
    let mut rest = line;
    loop {
        let (node, behind) = element(rest)?;
        hops.push_back(node);
        if hops.len() > HOPS_MAX {
            hops.pop_front();
        }
        match behind {
            [] => return Some(hops),
            [b',', behind @ ..] => rest = behind,
            _ => return None,
        }
    }
}

/// One element, `name=value` between semicolons, up to the comma behind it (RFC 7239, section 4).
fn element(mut rest: &[u8]) -> Option<(Node, &[u8])> {
    let mut node = None;
    loop {
        rest = rest.trim_ascii_start();
        let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let (value, behind) = value(behind.strip_prefix(b"=")?)?;
        if name.eq_ignore_ascii_case(b"for") {
            // Who is named twice is not known.
            node = Some(node.map_or_else(|| Node::parse(&value), |_| Node::Malformed));
        }
        rest = behind.trim_ascii_start();
        match rest {
            [b';', behind @ ..] => rest = behind,
            _ => return Some((node.unwrap_or(Node::Hidden), rest)),
        }
    }
}

/// A token or a quoted string, and what is behind it. Colons and brackets need quotes; many a proxy forgets them.
fn value(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| b",; \t\"\\".contains(byte)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].into(), &text[end..]));
    };
    let mut value = Vec::new();
    loop {
        let (byte, behind) = rest.split_first()?;
        rest = behind;
        match byte {
            b'"' => return Some((value.into(), rest)),
            b'\\' => {
                let (byte, behind) = rest.split_first()?;
                value.push(*byte);
                rest = behind;
            }
            byte => value.push(*byte),
        }
    }
}

/// Hops that are looked at (count).
const HOPS_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(chain: &Chain) -> String {
        let nodes = chain.iter().map(|node| match node {
            Node::Address(address) => address.to_string(),
            Node::Hidden => "hidden".to_owned(),
            Node::Malformed => "malformed".to_owned(),
        });
        nodes.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn reads_lists_of_addresses() {
        for (lines, expected) in [
            (&["192.0.2.1"][..], "192.0.2.1"),
            (&["192.0.2.1, 2001:db8::1,198.51.100.2:80"], "198.51.100.2 2001:db8::1 192.0.2.1"),
            (&["192.0.2.1", "198.51.100.2 , 203.0.113.3"], "203.0.113.3 198.51.100.2 192.0.2.1"),
            (&["192.0.2.1", " "], "192.0.2.1"),
            (&["192.0.2.1,"], "malformed"),
            (&["192.0.2.1,,198.51.100.2"], "198.51.100.2 malformed"),
            (&["192.0.2.1, unknown, 198.51.100.2"], "198.51.100.2 hidden"),
            (&["\"192.0.2.1\""], "malformed"),
            (&[], ""),
        ] {
            let chain = x_forwarded_for(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(drawn(&chain), expected, "{lines:?}");
        }
    }

    #[test]
    fn reads_forwarded() {
        for (lines, expected) in [
            (&["for=192.0.2.1"][..], "192.0.2.1"),
            (&["For=\"[2001:db8::1]:4711\""], "2001:db8::1"),
            (&["for=192.0.2.1;proto=http;by=203.0.113.43"], "192.0.2.1"),
            (&["for=192.0.2.1, for=198.51.100.17"], "198.51.100.17 192.0.2.1"),
            (&["for=192.0.2.1", "for=198.51.100.17"], "198.51.100.17 192.0.2.1"),
            (&["for=192.0.2.1:80"], "192.0.2.1"),
            (&["for=unknown, for=192.0.2.1"], "192.0.2.1 hidden"),
            (&["for=_hidden, for=192.0.2.1"], "192.0.2.1 hidden"),
            (&["proto=https, for=192.0.2.1"], "192.0.2.1 hidden"),
            (&["host=\"a,for=203.0.113.9\";for=192.0.2.1"], "192.0.2.1"),
            (&["host=\"a\\\",for=203.0.113.9\";for=192.0.2.1"], "192.0.2.1"),
            (&["for=192.0.2.1;for=203.0.113.9"], "malformed"),
            (&["for=\"192.0.2.1"], "malformed"),
            (&["for=\"192.0.2.1\\"], "malformed"),
            (&["for=\"192.0.2.1\"x"], "malformed"),
            (&["for"], "malformed"),
            (&["for="], "malformed"),
            (&["for =192.0.2.1"], "malformed"),
            (&["for=192.0.2.1,"], "malformed"),
            (&["192.0.2.1"], "malformed"),
            (&["\"", "for=192.0.2.1"], "192.0.2.1 malformed"),
            (&[], ""),
        ] {
            let chain = forwarded(lines.iter().map(|line| line.as_bytes()));
            assert_eq!(drawn(&chain), expected, "{lines:?}");
        }
    }

    #[test]
    fn long_chains_are_cut() {
        let long = |entry: &str| vec![entry; 10_000].join(",");
        assert_eq!(x_forwarded_for([long("192.0.2.1").as_bytes()].into_iter()).iter().count(), HOPS_MAX);
        assert_eq!(forwarded([long("for=192.0.2.1").as_bytes()].into_iter()).iter().count(), HOPS_MAX);
    }
}
