//! The real binary between real peers, on loopback.
//!
//! Each trap of Pingora that shaped the proxy is a test here: the retry buffer's 64 KiB, the empty chunk
//! while holding, answers that come early, 100 (Continue), aborts midway. Everything else is tested in
//! memory. Tests that need a program that is not installed say so and pass.

#[path = "inline/acme.rs"]
mod acme;
#[path = "inline/addresses.rs"]
mod addresses;
#[path = "inline/attach/mod.rs"]
mod attach;
#[path = "inline/bodies.rs"]
mod bodies;
#[path = "inline/clients.rs"]
mod clients;
#[path = "inline/collections.rs"]
mod collections;
#[path = "inline/curl.rs"]
mod curl;
#[path = "inline/dnsmasq.rs"]
mod dnsmasq;
#[path = "inline/ends.rs"]
mod ends;
#[path = "inline/floods.rs"]
mod floods;
#[path = "inline/forwarded.rs"]
mod forwarded;
#[path = "inline/grpc.rs"]
mod grpc;
#[path = "inline/h2_server.rs"]
mod h2_server;
#[path = "inline/h2load.rs"]
mod h2load;
#[path = "inline/h2spec.rs"]
mod h2spec;
#[path = "inline/handover.rs"]
mod handover;
#[path = "inline/haproxy.rs"]
mod haproxy;
#[path = "inline/learning.rs"]
mod learning;
#[path = "inline/life.rs"]
mod life;
#[path = "inline/limits.rs"]
mod limits;
#[path = "inline/listeners.rs"]
mod listeners;
#[path = "inline/lists.rs"]
mod lists;
#[path = "inline/mortal.rs"]
mod mortal;
#[path = "inline/mounted.rs"]
mod mounted;
#[path = "inline/names.rs"]
mod names;
#[path = "inline/nginx.rs"]
mod nginx;
#[path = "inline/origin.rs"]
mod origin;
#[path = "../acme/tests/pebble/pebble.rs"]
mod pebble;
#[path = "inline/process.rs"]
mod process;
#[path = "inline/redis.rs"]
mod redis;
#[path = "inline/refused_streams.rs"]
mod refused_streams;
#[path = "inline/resumption.rs"]
mod resumption;
#[path = "inline/shared_limits.rs"]
mod shared_limits;
#[path = "inline/smuggling.rs"]
mod smuggling;
#[path = "inline/soak.rs"]
mod soak;
#[path = "inline/steady.rs"]
mod steady;
#[path = "inline/streams.rs"]
mod streams;
#[path = "inline/tls.rs"]
mod tls;
#[path = "inline/upstream_tls.rs"]
mod upstream_tls;
#[path = "inline/upstreams.rs"]
mod upstreams;
#[path = "inline/wire.rs"]
mod wire;
