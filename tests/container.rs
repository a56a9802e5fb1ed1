//! The image: what is in it, how it is confined, and that it works so. What is delivered beside it: the seccomp profile, compose, the release.
//!
//! Containers are run by the real `runc`, as root, with what helm renders; tests that miss one of these say so and pass.

#[path = "container/bundle.rs"]
mod bundle;
#[path = "container/confined.rs"]
mod confined;
#[path = "container/delivery.rs"]
mod delivery;
#[path = "container/probe.rs"]
mod probe;
#[path = "container/rootfs.rs"]
mod rootfs;
#[path = "container/running.rs"]
mod running;
#[path = "container/seccomp.rs"]
mod seccomp;
#[path = "container/serves.rs"]
mod serves;
#[path = "container/workflow.rs"]
mod workflow;
