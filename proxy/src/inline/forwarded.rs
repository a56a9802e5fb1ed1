//! What a proxy tells the application about the client: `X-Forwarded-*` and `X-Request-Id`.

use std::net::IpAddr;

use http::HeaderName;
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
    let chain = if request.headers.contains_key(&FOR.1) { chain(request, client) } else { client };
    request.insert_header(FOR.0, chain)?;
    insert_if_absent(request, &PROTO, b"http")?;
    if let Some(host) = host {
        insert_if_absent(request, &HOST, host)?;
    }
    insert_if_absent(request, &ID, id.as_bytes())
}

/// What the client claimed, and the client.
fn chain(request: &RequestHeader, client: String) -> String {
    let claimed = request.headers.get_all(&FOR.1).iter();
    let claimed = claimed.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    let chain: Vec<String> = claimed.filter(|value| !value.is_empty()).chain([client]).collect();
    chain.join(", ")
}

fn insert_if_absent(request: &mut RequestHeader, name: &Name, value: &[u8]) -> pingora::Result<()> {
    if !request.headers.contains_key(&name.1) {
        request.insert_header(name.0, value)?;
    }
    Ok(())
}

/// A name as it is sent, and as it is looked up.
type Name = (&'static str, HeaderName);

static FOR: Name = ("X-Forwarded-For", HeaderName::from_static("x-forwarded-for"));
static PROTO: Name = ("X-Forwarded-Proto", HeaderName::from_static("x-forwarded-proto"));
static HOST: Name = ("X-Forwarded-Host", HeaderName::from_static("x-forwarded-host"));
static ID: Name = ("X-Request-Id", HeaderName::from_static("x-request-id"));

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
        let fresh = [(FOR.0, "192.0.2.7"), (PROTO.0, "http"), (HOST.0, "h"), (ID.0, "0a")];
        check(&[], &fresh);
        check(
            &[(FOR.0, "198.51.100.1"), (FOR.0, " 203.0.113.5 ")],
            &[(FOR.0, "198.51.100.1, 203.0.113.5, 192.0.2.7")],
        );
        check(&[(PROTO.0, "https"), (ID.0, "mine")], &[(PROTO.0, "https"), (ID.0, "mine")]);
    }
}
