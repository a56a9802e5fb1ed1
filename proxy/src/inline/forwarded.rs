//! What a proxy tells the application about the client: `X-Forwarded-*` and `X-Request-Id`.

use std::net::IpAddr;

use pingora::http::RequestHeader;

/// Appends the client to `X-Forwarded-For` and fills in the other headers where they are absent.
///
/// What the client claimed is kept in front of what is known, as every proxy does: the application takes
/// the entry at the depth of the proxies it trusts.
pub(super) fn append(
    request: &mut RequestHeader,
    client: IpAddr,
    host: Option<&[u8]>,
    id: &str,
) -> pingora::Result<()> {
    let client = client.to_string();
    let chain: Vec<String> = request
        .headers
        .get_all(FOR)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned())
        .filter(|value| !value.is_empty())
        .chain([client])
        .collect();
    request.insert_header(FOR, chain.join(", "))?;
    insert_if_absent(request, PROTO, b"http")?;
    if let Some(host) = host {
        insert_if_absent(request, HOST, host)?;
    }
    insert_if_absent(request, ID, id.as_bytes())
}

fn insert_if_absent(request: &mut RequestHeader, name: &'static str, value: &[u8]) -> pingora::Result<()> {
    if !request.headers.contains_key(name) {
        request.insert_header(name, value)?;
    }
    Ok(())
}

const FOR: &str = "X-Forwarded-For";
const PROTO: &str = "X-Forwarded-Proto";
const HOST: &str = "X-Forwarded-Host";
const ID: &str = "X-Request-Id";

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[track_caller]
    fn check(sent: &[(&'static str, &str)], expected: &[(&str, &str)]) {
        let mut request = RequestHeader::build("GET", b"/", None).unwrap();
        for (name, value) in sent {
            request.append_header(*name, *value).unwrap();
        }
        append(&mut request, IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), Some(b"h"), "0a").unwrap();
        for (name, value) in expected {
            let found: Vec<_> = request.headers.get_all(*name).iter().collect();
            assert_eq!(found, [value], "{name}");
        }
    }

    #[test]
    fn adds_what_is_known() {
        let fresh = [(FOR, "192.0.2.7"), (PROTO, "http"), (HOST, "h"), (ID, "0a")];
        check(&[], &fresh);
        check(
            &[(FOR, "198.51.100.1"), (FOR, " 203.0.113.5 ")],
            &[(FOR, "198.51.100.1, 203.0.113.5, 192.0.2.7")],
        );
        check(&[(PROTO, "https"), (ID, "mine")], &[(PROTO, "https"), (ID, "mine")]);
    }
}
