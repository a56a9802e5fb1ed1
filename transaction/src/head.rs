//! What precedes a body: connection facts, request line or status line, headers.

use std::net::{IpAddr, Ipv4Addr};

use crate::Fields;

/// Who talks to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The client's address, after trusted proxies were peeled off.
    pub client_address: IpAddr,
    /// The client's port; 0 when unknown.
    pub client_port: u16,
    /// The address the request arrived at.
    pub server_address: IpAddr,
    /// The port the request arrived at; 0 when unknown.
    pub server_port: u16,
}

impl Default for Connection {
    fn default() -> Self {
        let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { client_address: loopback, client_port: 0, server_address: loopback, server_port: 80 }
    }
}

/// A request line with its headers, as they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The method, case kept.
    pub method: Vec<u8>,
    /// The raw request target: origin form as a rule, percent-encoding kept.
    pub target: Vec<u8>,
    /// The protocol as SecLang spells it: `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: Vec<u8>,
    /// Header names and values in order, case and duplicates kept.
    pub headers: Fields,
}

/// A status line with its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code, 100..=999.
    pub status: u16,
    /// The protocol, as in [`RequestHead::protocol`].
    pub protocol: Vec<u8>,
    /// Header names and values in order, case and duplicates kept.
    pub headers: Fields,
}
