//! How many connections the system allows this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Asks for as many open files as the process may have: each connection is one, and its upstream's another. The usual default,
/// 1,024, is for programs that `select`.
pub(crate) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "the number of open files stays as it is");
    }
}

/// Warns where fewer files may be open than connections are configured.
pub(crate) fn compare(connections_max: usize) {
    let Some(allowed) = getrlimit(Resource::Nofile).current else { return };
    let needed = (connections_max as u64).saturating_mul(2);
    if needed > allowed {
        tracing::warn!(
            "listeners take {connections_max} connections at once, which may need {needed} open files, and {allowed} are allowed: \
             raise LimitNOFILE= or `ulimit -n`, or lower `connections_max`"
        );
    }
}
