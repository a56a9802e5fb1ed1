//! Where in the life of a request it is asked about: in PREACCESS, once its location is known and limits and addresses are settled.
//!
//! `satisfy any` says which of the handlers in the phase after this one may be skipped, and cannot skip these.

use std::sync::atomic::Ordering::Relaxed;

use ngx::ffi::*;

use crate::ask::{Ask, State};
use crate::enforce;
use crate::guard;
use crate::request::Request;

const DECLINED: ngx_int_t = NGX_DECLINED as ngx_int_t;
const DONE: ngx_int_t = NGX_DONE as ngx_int_t;
const FAILED: ngx_int_t = NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;

/// Asks, or does what was answered: nginx comes here again for each.
pub unsafe extern "C" fn before_access(raw: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx passes the request whose phases it runs.
    let request = unsafe { Request::new(raw) };
    // What nginx asks for itself on behalf of a request has been asked about with that.
    let next = guard::guarded(None, || match request.ask() {
        _ if !request.is_main() => Some(DECLINED),
        Some(ask) => Some(answered(request, ask)),
        None if request.settings().is_on() => Some(begin(request)),
        None => Some(DECLINED),
    });
    next.unwrap_or_else(|| {
        give_up(request);
        guard::guarded(FAILED, || request.ask().map_or(FAILED, |ask| answered(request, ask)))
    })
}

fn begin(request: Request) -> ngx_int_t {
    let ask = Ask::new(request);
    if ask.is_null() {
        return FAILED;
    }
    if request.settings().body_bytes_max().is_none() {
        return ask_without_body(request, ask);
    }
    // SAFETY: nginx reads the body while it does other things, and calls back when it has it: at once, or later. The request counts one user
    // more until then, which is taken back.
    unsafe {
        let read = ngx_http_read_client_request_body(request.raw(), Some(body_is_there));
        if read >= NGX_HTTP_SPECIAL_RESPONSE as ngx_int_t {
            return read;
        }
        ngx_http_finalize_request(request.raw(), DONE);
    }
    DONE
}

fn ask_without_body(request: Request, ask: *mut Ask) -> ngx_int_t {
    // SAFETY: it is this request's, which is not ended.
    unsafe { Ask::begin(ask, false) };
    if wait_if_asking(request, ask) { NGX_AGAIN as ngx_int_t } else { answered(request, ask) }
}

unsafe extern "C" fn body_is_there(raw: *mut ngx_http_request_t) {
    // SAFETY: nginx passes the request that the body is of.
    let request = unsafe { Request::new(raw) };
    let is_asking = guard::guarded(None, || {
        let ask = request.ask()?;
        // SAFETY: it is this request's, which is not ended. The body stays for the application.
        unsafe {
            (*raw).set_preserve_body(1);
            Ask::begin(ask, true);
        }
        Some(wait_if_asking(request, ask))
    });
    if is_asking == Some(true) {
        return;
    }
    if is_asking.is_none() {
        give_up(request);
    }
    // SAFETY: as above; nothing is done with the request after it.
    unsafe {
        (*raw).write_event_handler = Some(ngx_http_core_run_phases);
        ngx_http_core_run_phases(raw);
    }
}

/// Until there is an answer, nginx looks whether the client is still there, and nothing else; whether that is so.
fn wait_if_asking(request: Request, ask: *mut Ask) -> bool {
    // SAFETY: both are of a request that is not ended.
    unsafe {
        let is_asking = (*ask).state == State::Asking;
        if is_asking {
            (*request.raw()).read_event_handler = Some(ngx_http_test_reading);
            (*request.raw()).write_event_handler = Some(ngx_http_request_empty_handler);
        }
        is_asking
    }
}

/// There is an answer, or none will come: nginx goes on with the request.
pub fn resume(request: Request) {
    // SAFETY: the request is not ended: its end would have ended the question. Its connection outlives it, and nginx looks by itself whether
    // there is still something to do for it.
    unsafe {
        let connection = request.connection();
        (*request.raw()).read_event_handler = Some(ngx_http_block_reading);
        (*request.raw()).write_event_handler = Some(ngx_http_core_run_phases);
        ngx_http_core_run_phases(request.raw());
        ngx_http_run_posted_requests(connection);
    }
}

/// Something of ours has panicked ([`Ask::give_up`]).
pub fn give_up(request: Request) {
    guard::guarded((), || {
        if let Some(ask) = request.ask() {
            // SAFETY: it is this request's, which is not ended, and whatever had it has unwound.
            unsafe { (*ask).give_up() };
        }
    });
}

fn answered(request: Request, ask: *mut Ask) -> ngx_int_t {
    // SAFETY: it is this request's, which is not ended; nothing else refers to it while this runs.
    let state = unsafe { (*ask).state };
    if state == State::Reading {
        // Phases do not run while nginx reads a body: it could not, and is on the way to an error page.
        return ask_without_body(request, ask);
    }
    // SAFETY: as above.
    let ask = unsafe { &mut *ask };
    match state {
        State::Reading | State::Asking => NGX_AGAIN as ngx_int_t,
        State::Approved | State::Failed { passes: true, .. } => enforce::approve(request, ask),
        State::Refused => enforce::refuse(request, ask),
        // Also where `error_page` leads, or what was refused would go to an application there; unless that location says `portcullis off`.
        State::Failed { .. } if request.settings().is_on() => NGX_HTTP_SERVICE_UNAVAILABLE as ngx_int_t,
        State::Failed { .. } => DECLINED,
    }
}

/// Counts what became of a request.
pub unsafe extern "C" fn log(raw: *mut ngx_http_request_t) -> ngx_int_t {
    guard::guarded(NGX_OK as ngx_int_t, || {
        // SAFETY: nginx passes a request that it has not freed yet.
        let request = unsafe { Request::new(raw) };
        if request.is_main() {
            let counters = request.counters();
            counters.requests.fetch_add(1, Relaxed);
            // SAFETY: it is of the request's pool, which is still there.
            let state = request.ask().map(|ask| unsafe { (*ask).state });
            match state {
                None if !request.settings().is_on() => _ = counters.off.fetch_add(1, Relaxed),
                None | Some(State::Reading) => _ = counters.answered.fetch_add(1, Relaxed),
                Some(State::Asking) => _ = counters.aborted.fetch_add(1, Relaxed),
                // Counted when that was decided.
                Some(State::Approved | State::Refused | State::Failed { .. }) => {}
            }
        }
        NGX_OK as ngx_int_t
    })
}
