//! The hops a request came by, as its record tells of them.

use std::net::IpAddr;

use serde::Serialize;
use transaction::hops::{TraceParent, is_request_id};
use transaction::{Fields, Transaction};

use crate::config::BrokenChain;

/// What a front end knows of the hops before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hops {
    /// Who connected; `None` for a peer without an address.
    pub peer: Option<IpAddr>,
    /// Whether what it says is believed.
    pub is_trusted: bool,
    /// Why what it says of others was not followed to its end.
    pub broken: Option<BrokenChain>,
}

/// The hops a request came by.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HopsRecord {
    /// Who connected, if that is not the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Why the client may be somebody else: `hidden` where a trusted proxy did not say whom it had the request from,
    /// `malformed` where it said what is no address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_chain: Option<&'static str>,
    /// The id that a trusted proxy gave the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The trace that the request says it is part of (W3C Trace Context).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The caller's span in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
}

impl Hops {
    /// The id that a request keeps, if who sent it may choose one: safe, and said once.
    #[must_use]
    pub fn request_id<'h>(&self, headers: &'h Fields) -> Option<&'h [u8]> {
        let id = if self.is_trusted { single(headers, b"x-request-id") } else { None };
        id.filter(|id| is_request_id(id))
    }

    pub(super) fn record(&self, transaction: &Transaction) -> HopsRecord {
        let headers = &transaction.request.headers;
        let client = transaction.connection.client_address;
        let trace = single(headers, b"traceparent").and_then(TraceParent::parse);
        HopsRecord {
            peer: self.peer.filter(|peer| *peer != client).map(|peer| peer.to_string()),
            broken_chain: self.broken.map(BrokenChain::as_str),
            request_id: self.request_id(headers).map(|id| String::from_utf8_lossy(id).into_owned()),
            trace_id: trace.map(|trace| trace.trace_id.to_owned()),
            parent_id: trace.map(|trace| trace.parent_id.to_owned()),
        }
    }
}

/// The value of a header that is there once.
fn single<'h>(headers: &'h Fields, name: &[u8]) -> Option<&'h [u8]> {
    let mut named = headers.named(name);
    named.next().filter(|_| named.next().is_none()).map(|header| header.value)
}
