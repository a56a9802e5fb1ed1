//! What a proxy tells the application about the client: `X-Forwarded-*`, `X-Real-IP`, `Forwarded`, `X-Request-Id`, and
//! what it passes on of traces.
//!
//! What a request claims is kept if a trusted proxy sent it; of anybody else only a chain is, in front of what is true, and
//! only where the upstream asks for that.

mod trace;
mod write;

use std::net::IpAddr;

use engine::config::{Forwarded, ForwardedHeader, TraceContext};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;

use write::{element, joined, written};

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'k> {
    /// Who connected; `None` for a peer without an address.
    pub(super) peer: Option<IpAddr>,
    /// Who it is from.
    pub(super) client: IpAddr,
    /// Whether who connected is believed.
    pub(super) is_trusted: bool,
    /// `http` or `https`.
    pub(super) scheme: &'static str,
    /// The port that the client connected to.
    pub(super) port: u16,
    /// Our id of it.
    pub(super) id: &'k str,
    /// The header that would say who the client is.
    pub(super) header: &'k str,
    /// What is done about traces.
    pub(super) trace: TraceContext,
}

/// What an upstream wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Telling {
    how: Forwarded,
    headers: u8,
}

impl Telling {
    /// As it is configured.
    pub(crate) fn new(how: Forwarded, headers: &[ForwardedHeader]) -> Self {
        Self { how, headers: headers.iter().fold(0, |headers, header| headers | bit(*header)) }
    }

    /// Whether it wants to be told anything.
    pub(super) fn is_off(self) -> bool {
        self.how == Forwarded::Off
    }

    fn wants(self, header: ForwardedHeader) -> bool {
        self.headers & bit(header) != 0
    }

    /// Tells it.
    pub(super) fn tell(
        self,
        request: &mut RequestHeader,
        known: &Known<'_>,
        host: impl FnOnce(&RequestHeader) -> Option<HeaderValue>,
    ) -> pingora::Result<()> {
        let claimed = Claimed::of(request, known.header);
        if claimed.is_forged {
            remove_forged(request, known, self);
        }
        if claimed.is_traced || known.trace == TraceContext::Start {
            trace::settle(request, known)?;
        }
        let kept = |header| claimed.has(header) && known.is_trusted;
        if self.wants(ForwardedHeader::XForwardedFor) {
            self.tell_chain(request, known, claimed)?;
        }
        if self.wants(ForwardedHeader::XForwardedProto) && !kept(ForwardedHeader::XForwardedProto) {
            let scheme = HeaderValue::from_static(known.scheme);
            put(request, &PROTO, scheme, claimed.has(ForwardedHeader::XForwardedProto))?;
        }
        let host = if self.wants_host() { host(request) } else { None };
        if self.wants(ForwardedHeader::Forwarded) {
            self.tell_element(request, known, claimed, host.as_ref())?;
        }
        if let Some(host) = host.filter(|_| self.wants(ForwardedHeader::XForwardedHost))
            && !kept(ForwardedHeader::XForwardedHost)
        {
            put(request, &HOST, host, claimed.has(ForwardedHeader::XForwardedHost))?;
        }
        if self.wants(ForwardedHeader::XForwardedPort) && !kept(ForwardedHeader::XForwardedPort) {
            put(request, &PORT, known.port.into(), claimed.has(ForwardedHeader::XForwardedPort))?;
        }
        if self.wants(ForwardedHeader::XRealIp) {
            put(request, &REAL_IP, value(written(known.client))?, claimed.has(ForwardedHeader::XRealIp))?;
        }
        if self.wants(ForwardedHeader::XRequestId)
            && !(kept(ForwardedHeader::XRequestId) && has_safe_id(request))
        {
            put(request, &ID, value(known.id.to_owned())?, claimed.has(ForwardedHeader::XRequestId))?;
        }
        Ok(())
    }

    fn wants_host(self) -> bool {
        self.wants(ForwardedHeader::XForwardedHost) || self.wants(ForwardedHeader::Forwarded)
    }

    /// Whether a chain in front of us goes on.
    fn keeps_chain(self, known: &Known<'_>) -> bool {
        known.is_trusted || self.how == Forwarded::Append
    }

    fn tell_chain(
        self,
        request: &mut RequestHeader,
        known: &Known<'_>,
        claimed: Claimed,
    ) -> pingora::Result<()> {
        let has = claimed.has(ForwardedHeader::XForwardedFor);
        // A peer without an address cannot be told of; who is trusted without one has said who is before it.
        let Some(peer) = known.peer else {
            if has && !self.keeps_chain(known) {
                request.remove_header(&FOR.1);
            }
            return Ok(());
        };
        let peer = written(peer);
        let chain = if has && self.keeps_chain(known) { joined(request, &FOR.1, &peer) } else { peer };
        put(request, &FOR, value(chain)?, has)
    }

    fn tell_element(
        self,
        request: &mut RequestHeader,
        known: &Known<'_>,
        claimed: Claimed,
        host: Option<&HeaderValue>,
    ) -> pingora::Result<()> {
        let has = claimed.has(ForwardedHeader::Forwarded);
        let element = element(known, host);
        let chain =
            if has && self.keeps_chain(known) { joined(request, &FORWARDED.1, &element) } else { element };
        put(request, &FORWARDED, value(chain)?, has)
    }
}

/// Which of these headers a request has. One look at all names costs less than a look-up of each.
#[derive(Clone, Copy, Debug, Default)]
struct Claimed {
    headers: u8,
    is_traced: bool,
    /// Whether there may be something to remove.
    is_forged: bool,
}

impl Claimed {
    fn of(request: &RequestHeader, client_header: &str) -> Self {
        let mut claimed = Self::default();
        for name in request.headers.keys() {
            let name = name.as_str();
            if let Some(b'x' | b'f' | b't') = name.as_bytes().first() {
                claimed.note(name);
            }
            // The usual ones are of those.
            if !client_header.starts_with(['x', 'f']) && name == client_header {
                claimed.is_forged = true;
            }
        }
        claimed
    }

    fn note(&mut self, name: &str) {
        match named(name) {
            Some(header) => {
                self.headers |= bit(header);
                self.is_forged = true;
            }
            None if name == "traceparent" || name == "tracestate" => self.is_traced = true,
            None => self.is_forged |= name.contains('_'),
        }
    }

    fn has(self, header: ForwardedHeader) -> bool {
        self.headers & bit(header) != 0
    }
}

/// Removes what nobody may believe: from an untrusted peer whatever is not replaced anyway, and from anybody names that
/// applications take for these, as they take `_` for `-` (RFC 3875, section 4.1.18).
fn remove_forged(request: &mut RequestHeader, known: &Known<'_>, telling: Telling) {
    let is_forged = |name: &&HeaderName| {
        let name = name.as_str();
        match named(name) {
            Some(header) => !known.is_trusted && !telling.wants(header),
            None if name.contains('_') => {
                let meant = name.replace('_', "-");
                named(&meant).is_some() || meant == known.header
            }
            None => !known.is_trusted && name == known.header,
        }
    };
    let forged: Vec<HeaderName> = request.headers.keys().filter(is_forged).cloned().collect();
    for name in &forged {
        request.remove_header(name);
    }
}

fn named(name: &str) -> Option<ForwardedHeader> {
    Some(match name {
        "x-forwarded-for" => ForwardedHeader::XForwardedFor,
        "x-forwarded-proto" => ForwardedHeader::XForwardedProto,
        "x-forwarded-host" => ForwardedHeader::XForwardedHost,
        "x-forwarded-port" => ForwardedHeader::XForwardedPort,
        "x-real-ip" => ForwardedHeader::XRealIp,
        "x-request-id" => ForwardedHeader::XRequestId,
        "forwarded" => ForwardedHeader::Forwarded,
        _ => return None,
    })
}

fn has_safe_id(request: &RequestHeader) -> bool {
    let mut ids = request.headers.get_all(&ID.1).iter();
    ids.next().is_some_and(|id| transaction::hops::is_request_id(id.as_bytes())) && ids.next().is_none()
}

/// Sets a header; to append one that is not there costs less than to replace it.
fn put(request: &mut RequestHeader, name: &Name, value: HeaderValue, is_there: bool) -> pingora::Result<()> {
    if is_there {
        request.insert_header(name.0, value)
    } else {
        request.append_header(name.0, value).map(|_| ())
    }
}

fn value(text: String) -> pingora::Result<HeaderValue> {
    use pingora::OrErr as _;
    HeaderValue::try_from(text).or_err(pingora::ErrorType::InternalError, "a header of ours")
}

fn bit(header: ForwardedHeader) -> u8 {
    1 << header as u8
}

/// A name as it is sent, and as it is looked up.
type Name = (&'static str, HeaderName);

static FOR: Name = ("X-Forwarded-For", HeaderName::from_static("x-forwarded-for"));
static PROTO: Name = ("X-Forwarded-Proto", HeaderName::from_static("x-forwarded-proto"));
static HOST: Name = ("X-Forwarded-Host", HeaderName::from_static("x-forwarded-host"));
static PORT: Name = ("X-Forwarded-Port", HeaderName::from_static("x-forwarded-port"));
static REAL_IP: Name = ("X-Real-IP", HeaderName::from_static("x-real-ip"));
static ID: Name = ("X-Request-Id", HeaderName::from_static("x-request-id"));
static FORWARDED: Name = ("Forwarded", HeaderName::from_static("forwarded"));

#[cfg(test)]
mod tests;
