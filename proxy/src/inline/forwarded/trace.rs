//! W3C Trace Context: what is valid goes on as it came.

use engine::config::TraceContext;
use pingora::http::RequestHeader;
use transaction::hops::{TraceParent, is_trace_state};

use super::Known;

/// Drops what is not valid (sections 3.2.2 and 3.3.1), and begins a trace if that is wanted.
pub(super) fn settle(request: &mut RequestHeader, known: &Known<'_>) -> pingora::Result<()> {
    if !has_valid_parent(request) {
        request.remove_header(PARENT);
        request.remove_header(STATE);
        if known.trace == TraceContext::Start {
            // Sampled: who asks for traces wants them.
            request
                .insert_header(PARENT, format!("00-{}-{}-01", known.id, &known.id[known.id.len() / 2..]))?;
        }
    } else if !request.headers.get_all(STATE).iter().all(|state| is_trace_state(state.as_bytes())) {
        request.remove_header(STATE);
    }
    Ok(())
}

fn has_valid_parent(request: &RequestHeader) -> bool {
    let mut parents = request.headers.get_all(PARENT).iter();
    parents.next().is_some_and(|parent| TraceParent::parse(parent.as_bytes()).is_some())
        && parents.next().is_none()
}

const PARENT: &str = "traceparent";
const STATE: &str = "tracestate";
