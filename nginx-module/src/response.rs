//! Answers on their way to clients: shown to the agent, and held until it has judged them where it wants that.
//!
//! The filters stand before all others of nginx's, so that an answer is seen as the application has it: whole where a range of it goes on,
//! not compressed yet, without what `ssi`, `sub_filter` and the like make of it. Only answers to clients are shown, not those to requests
//! that nginx makes on the way.

use std::mem::size_of;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;

use ngx::ffi::*;

use crate::ask::{Ask, State as Asked};
use crate::enforce;
use crate::exchange::{Exchange, State};
use crate::guard;
use crate::queue;
use crate::request::Request;

const OK: ngx_int_t = NGX_OK as ngx_int_t;
const AGAIN: ngx_int_t = NGX_AGAIN as ngx_int_t;
const ERROR: ngx_int_t = NGX_ERROR as ngx_int_t;

/// Says of a request that something of its answer waits here: the bit of `r->buffered` that no module of nginx's has.
const HELD: u32 = 0x08;

static mut NEXT_HEADER: ngx_http_output_header_filter_pt = None;
static mut NEXT_BODY: ngx_http_output_body_filter_pt = None;

/// Puts the filters before all that are there.
pub unsafe extern "C" fn install(_: *mut ngx_conf_t) -> ngx_int_t {
    // SAFETY: nginx calls this while it reads a configuration, in its one thread; filters run in that thread later.
    unsafe {
        NEXT_HEADER = ngx_http_top_header_filter;
        ngx_http_top_header_filter = Some(header_filter);
        NEXT_BODY = ngx_http_top_body_filter;
        ngx_http_top_body_filter = Some(body_filter);
    }
    OK
}

fn next_header(request: Request) -> ngx_int_t {
    // SAFETY: `install` wrote it; the request is one whose answer begins.
    unsafe { NEXT_HEADER.map_or(ERROR, |next| next(request.raw())) }
}

fn next_body(request: Request, chain: *mut ngx_chain_t) -> ngx_int_t {
    // SAFETY: `install` wrote it; the chain is nginx's, or of a pool that is there as long as the request.
    unsafe { NEXT_BODY.map_or(ERROR, |next| next(request.raw(), chain)) }
}

/// The answer begins.
unsafe extern "C" fn header_filter(raw: *mut ngx_http_request_t) -> ngx_int_t {
    // SAFETY: nginx passes a request whose answer begins.
    let request = unsafe { Request::new(raw) };
    let Some(exchange) = exchange_of(request) else { return next_header(request) };
    // SAFETY: it is of this request, and nothing else refers to it while nginx runs this.
    let exchange = unsafe { &mut *exchange };
    if !request.is_main() {
        guard::guarded((), || note_part(request, exchange));
        return next_header(request);
    }
    let begun = guard::guarded(None, || begin(request, exchange));
    match begun {
        Some(Begun::Passes) => next_header(request),
        Some(Begun::Waits) => OK,
        Some(Begun::Settles) => settle(request, exchange),
        None => {
            guard::guarded((), || exchange.give_up());
            settle(request, exchange)
        }
    }
}

/// What becomes of the head of an answer.
enum Begun {
    Passes,
    Waits,
    Settles,
}

fn begin(request: Request, exchange: &mut Exchange) -> Option<Begun> {
    match exchange.state {
        State::Reserved => {
            // SAFETY: it is of this request's pool.
            let answer = request.ask().and_then(|ask| unsafe { (*ask).answer() });
            let id = answer.and_then(|answer| answer.header(b"x-portcullis-id")).unwrap_or_default();
            exchange.begin(request, id);
        }
        State::Asking if exchange.holds() => exchange.replaced(),
        _ => return Some(Begun::Passes),
    }
    Some(match exchange.state {
        _ if !exchange.holds() => Begun::Passes,
        State::Asking => {
            hold(request);
            if request.is_answer_bodiless() {
                // As the filter would say that writes the head: whoever answers leaves out the body then.
                // SAFETY: the request's answer begins.
                unsafe { (*request.raw()).set_header_only(1) };
            }
            Begun::Waits
        }
        _ => Begun::Settles,
    })
}

/// A part of the answer that is made by another request is not shown; but what goes to no client is none.
fn note_part(request: Request, exchange: &Exchange) {
    // SAFETY: nginx passes a request whose answer begins.
    let is_part = unsafe {
        let raw = &*request.raw();
        raw.background() == 0 && raw.header_only() == 0 && raw.subrequest_in_memory() == 0
    };
    if is_part && exchange.state != State::Aborted {
        request.counters().responses.parts.fetch_add(1, Relaxed);
    }
}

/// A part of the body.
unsafe extern "C" fn body_filter(raw: *mut ngx_http_request_t, chain: *mut ngx_chain_t) -> ngx_int_t {
    // SAFETY: nginx passes a request whose answer has begun.
    let request = unsafe { Request::new(raw) };
    let Some(exchange) = exchange_of(request).filter(|_| request.is_main()) else {
        return next_body(request, chain);
    };
    // SAFETY: it is of this request, and nothing else refers to it while nginx runs this.
    let exchange = unsafe { &mut *exchange };
    if !exchange.holds() {
        show_copy(request, exchange, chain);
        return next_body(request, chain);
    }
    if exchange.state == State::Reserved {
        return next_body(request, chain);
    }
    if exchange.discards {
        discard(chain);
        return push_on(request);
    }
    if exchange.is_released {
        return if chain.is_null() { push_on(request) } else { next_body(request, chain) };
    }
    let is_kept = guard::guarded(false, || {
        let is_kept = exchange.hold(chain);
        if is_broken_off(request, chain) {
            exchange.break_off();
        }
        exchange.advance();
        is_kept
    });
    if !is_kept {
        // What was to go on is lost.
        guard::guarded((), || exchange.give_up());
        return ERROR;
    }
    if exchange.state == State::Asking {
        hold(request);
        return AGAIN;
    }
    settle(request, exchange)
}

fn show_copy(request: Request, exchange: &mut Exchange, chain: *mut ngx_chain_t) {
    if exchange.state != State::Asking {
        return;
    }
    let is_done = guard::guarded(false, || {
        exchange.copy(chain);
        if is_broken_off(request, chain) {
            exchange.break_off();
        }
        exchange.advance();
        true
    });
    if !is_done {
        guard::guarded((), || exchange.give_up());
    }
}

/// There is a verdict, or none will come: what is held goes on, or another answer in its place.
fn settle(request: Request, exchange: &mut Exchange) -> ngx_int_t {
    // SAFETY: the request's answer has begun, and nobody else has it while this runs.
    unsafe {
        let raw = request.raw();
        (*raw).set_buffered((*raw).buffered() & !HELD);
    }
    exchange.is_released = true;
    match exchange.state {
        State::Refused | State::Failed { passes: false, .. } => {
            guard::guarded(ERROR, || replace(request, exchange))
        }
        _ => guard::guarded(ERROR, || release(request, exchange)),
    }
}

fn release(request: Request, exchange: &mut Exchange) -> ngx_int_t {
    let sent = next_header(request);
    if sent == ERROR || sent > OK {
        exchange.discards = true;
        exchange.discard();
        return ERROR;
    }
    // SAFETY: as in `settle`.
    if unsafe { (*request.raw()).header_only() } != 0 {
        exchange.discards = true;
        exchange.discard();
        stop_upstream(request);
        return sent;
    }
    if exchange.flushes {
        let Some(flush) = special(request) else { return ERROR };
        // SAFETY: it is new.
        unsafe { (*flush).set_flush(1) };
        if !exchange.has_end() && !exchange.queue.push(flush) {
            return ERROR;
        }
    }
    let chain = exchange.queue.take();
    if chain.is_null() { sent } else { next_body(request, chain) }
}

/// The client gets what the agent says, or 503 where it says nothing, and nothing of what was to be the answer.
fn replace(request: Request, exchange: &mut Exchange) -> ngx_int_t {
    exchange.discards = true;
    exchange.discard();
    let raw = request.raw();
    let answer = exchange.answer();
    let closes =
        answer.as_ref().is_some_and(|answer| answer.header(b"x-portcullis-action") == Some(b"close"));
    // SAFETY: the request's answer has begun, and nothing of it has gone on. All texts live as long as the request: literals, and the agent's
    // answer, whose pool is freed with the request's.
    unsafe {
        if closes {
            (*raw).set_keepalive(0);
            (*(*raw).connection).set_error(1);
            return ERROR;
        }
        ngx_http_clean_header(raw);
        (*raw).set_allow_ranges(0);
        let page: &[u8] = match &answer {
            Some(answer) => {
                if !enforce::head(request, answer) {
                    return ERROR;
                }
                answer.body
            }
            None => {
                enforce::unavailable(request);
                enforce::UNAVAILABLE
            }
        };
        let is_head = (*raw).method == NGX_HTTP_HEAD as ngx_uint_t;
        (*raw).set_header_only((is_head || page.is_empty()).into());
        let sent = next_header(request);
        if sent == ERROR || sent > OK {
            return ERROR;
        }
        stop_upstream(request);
        if (*raw).header_only() != 0 {
            return sent;
        }
        let Some(buffer) = special(request) else { return ERROR };
        (*buffer).pos = page.as_ptr().cast_mut();
        (*buffer).last = (*buffer).pos.add(page.len());
        (*buffer).set_memory(1);
        (*buffer).set_last_buf(1);
        (*buffer).set_last_in_chain(1);
        let mut chain = ngx_chain_t { buf: buffer, next: ptr::null_mut() };
        next_body(request, &raw mut chain)
    }
}

/// A new buffer without anything.
fn special(request: Request) -> Option<*mut ngx_buf_t> {
    // SAFETY: zeros are a valid buffer.
    let buffer = unsafe { ngx_pcalloc(request.pool(), size_of::<ngx_buf_t>()).cast::<ngx_buf_t>() };
    (!buffer.is_null()).then_some(buffer)
}

/// Nothing of it goes on.
fn discard(mut link: *mut ngx_chain_t) {
    // SAFETY: nginx passes a chain of buffers.
    unsafe {
        while !link.is_null() {
            queue::consume(&mut *(*link).buf);
            link = (*link).next;
        }
    }
}

/// What the client has not taken yet of what went on is tried again; the filters behind must not be called for nothing.
fn push_on(request: Request) -> ngx_int_t {
    // SAFETY: the request's answer has begun.
    let (is_broken, is_waiting) = unsafe {
        let (raw, connection) = (&*request.raw(), &*request.connection());
        let waits = connection.buffered() != 0 || raw.buffered() != 0 || !raw.postponed.is_null();
        (connection.error() != 0, waits)
    };
    match (is_broken, is_waiting) {
        (true, _) => ERROR,
        (false, true) => next_body(request, ptr::null_mut()),
        (false, false) => OK,
    }
}

/// nginx is not to end the request: something of its answer waits.
fn hold(request: Request) {
    // SAFETY: the request's answer has begun.
    unsafe {
        let raw = request.raw();
        (*raw).set_buffered((*raw).buffered() | HELD);
    }
}

/// Whether nginx has ended an answer that is not complete: its upstream is gone, and all that comes is that what is there is to be sent.
fn is_broken_off(request: Request, chain: *mut ngx_chain_t) -> bool {
    // SAFETY: nginx passes a chain of buffers, with the request that they are of. An upstream is as long as its request.
    unsafe {
        let upstream = (*request.raw()).upstream;
        if chain.is_null() || upstream.is_null() || !(*chain).next.is_null() {
            return false;
        }
        let buffer = &*(*chain).buf;
        let is_flush = buffer.flush() != 0 && buffer.last_buf() == 0 && buffer.in_file() == 0;
        is_flush
            && !queue::is_in_memory(buffer)
            && (*upstream).cleanup.is_null()
            && (*request.raw()).keepalive() == 0
    }
}

/// What an upstream still has to say is not waited for, but where it is kept for others.
fn stop_upstream(request: Request) {
    // SAFETY: an upstream, and its pipe, are as long as their request. This is what nginx sets itself when an answer is complete.
    unsafe {
        let upstream = (*request.raw()).upstream;
        if upstream.is_null() || (*upstream).cleanup.is_null() {
            return;
        }
        let upstream = &mut *upstream;
        if upstream.cacheable() != 0 || upstream.store() != 0 {
            return;
        }
        if upstream.buffering() == 0 {
            upstream.length = 0;
        } else if !upstream.pipe.is_null() {
            (*upstream.pipe).set_upstream_done(1);
        }
    }
}

/// There is a verdict on what is held, or none will come: nginx goes on with the answer.
pub fn resume(request: Request) {
    // SAFETY: the request is not ended: its end would have ended the exchange. Its connection outlives it, and nginx looks by itself whether
    // there is still something to do for it.
    unsafe {
        let (raw, connection) = (request.raw(), request.connection());
        ngx_http_output_filter(raw, ptr::null_mut());
        if let Some(handler) = (*raw).write_event_handler {
            handler(raw);
        }
        ngx_http_run_posted_requests(connection);
    }
}

/// What becomes of the answer to a client's request, if it is shown.
fn exchange_of(request: Request) -> Option<*mut Exchange> {
    // SAFETY: nginx passes a request whose main one is freed last.
    let main = unsafe { Request::new((*request.raw()).main) };
    // SAFETY: it is of that request's pool.
    let ask: &Ask = unsafe { &*main.ask()? };
    (!ask.exchange.is_null() && ask.state == Asked::Approved).then_some(ask.exchange)
}
