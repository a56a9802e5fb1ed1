//! What follows from a verdict: the agent's answer for the client, or the request as the application is to see it.

use std::mem::{size_of, zeroed};
use std::ptr;

use ngx::ffi::*;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::request::Request;

/// What a refused client gets of the answer's headers.
const PASSED_ON: [&[u8]; 6] = [
    b"location",
    b"retry-after",
    b"cache-control",
    b"x-content-type-options",
    b"ratelimit",
    b"ratelimit-policy",
];

/// What clients say under these names must not be taken for ours.
const OURS: &[u8] = b"x-portcullis-";

const FAILED: ngx_int_t = NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;

/// The request goes on, with its id.
pub fn approve(request: Request, ask: &mut Ask) -> ngx_int_t {
    if !std::mem::replace(&mut ask.is_told, true) {
        let id = ask.answer().and_then(|answer| answer.header(b"x-portcullis-id"));
        // SAFETY: the request is at a phase of it, and its headers nobody else's meanwhile.
        if unsafe { !forget_ours(request) || !id.is_none_or(|id| tell(request, id)) } {
            return FAILED;
        }
    }
    NGX_DECLINED as ngx_int_t
}

/// Leaves out headers that are named like ours. The list is written anew, without them: others point to headers in the old one, which stays
/// as it is.
///
/// # Safety
///
/// Nobody reads the list of headers meanwhile.
unsafe fn forget_ours(request: Request) -> bool {
    let is_ours = |name: &[u8]| name.get(..OURS.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(OURS));
    if !request.headers().any(|(name, _)| is_ours(name)) {
        return true;
    }
    // SAFETY: the request is not ended; a list of nginx's is made of parts with `nelts` headers each. The new one is of the same pool.
    unsafe {
        let headers = &raw mut (*request.raw()).headers_in.headers;
        let mut list: ngx_list_t = zeroed();
        if ngx_list_init(&raw mut list, request.pool(), 32, size_of::<ngx_table_elt_t>())
            != NGX_OK as ngx_int_t
        {
            return false;
        }
        let mut part = &raw const (*headers).part;
        while !part.is_null() {
            for at in 0..(*part).nelts {
                let header = (*part).elts.cast::<ngx_table_elt_t>().add(at);
                if !is_ours((*header).key.as_bytes()) {
                    let place = ngx_list_push(&raw mut list).cast::<ngx_table_elt_t>();
                    if place.is_null() {
                        return false;
                    }
                    ptr::copy_nonoverlapping(header, place, 1);
                }
            }
            part = (*part).next;
        }
        headers.write(list);
        // The first part is in the list itself, and has moved with it.
        if (*headers).part.next.is_null() {
            (*headers).last = &raw mut (*headers).part;
        }
    }
    true
}

/// Tells the application the transaction's id.
fn tell(request: Request, id: &'static [u8]) -> bool {
    // SAFETY: the request is not ended, and the texts live as long: literals, and a part of the answer, which is in its pool.
    unsafe {
        let headers = &raw mut (*request.raw()).headers_in.headers;
        let header = push(headers, b"X-Portcullis-Id", id);
        let Some(header) = header.as_mut() else { return false };
        header.lowcase_key = b"x-portcullis-id".as_ptr().cast_mut();
        header.hash = ngx_hash_key(header.lowcase_key, header.key.len);
    }
    true
}

/// # Safety
///
/// `list` is one of headers, and the texts live as long as its request.
unsafe fn push(list: *mut ngx_list_t, name: &'static [u8], value: &[u8]) -> *mut ngx_table_elt_t {
    // SAFETY: as the caller says; zeros are a valid header, whatever fields this nginx's have.
    unsafe {
        let header = ngx_list_push(list).cast::<ngx_table_elt_t>();
        if !header.is_null() {
            header.write(zeroed());
            (*header).hash = 1;
            (*header).key = text(name);
            (*header).value = text(value);
        }
        header
    }
}

fn text(bytes: &[u8]) -> ngx_str_t {
    ngx_str_t { len: bytes.len(), data: bytes.as_ptr().cast_mut() }
}

/// Writes into the head of the request's answer what the agent says; `false` if there is no memory.
pub fn head(request: Request, answer: &Answer<'static>) -> bool {
    // SAFETY: the request is not ended, and nothing of its answer has gone on. All texts live longer than the answer takes to be sent.
    unsafe {
        let out = &raw mut (*request.raw()).headers_out;
        (*out).status = ngx_uint_t::from(answer.status);
        (*out).content_length_n = answer.body.len() as off_t;
        if let Some(kind) = answer.header(b"content-type") {
            (*out).content_type = text(kind);
            (*out).content_type_len = kind.len();
        }
        PASSED_ON.iter().all(|name| {
            let found = answer.header(name);
            found.is_none_or(|value| !push(&raw mut (*out).headers, name, value).is_null())
        })
    }
}

/// What a client gets in place of an answer that nobody has judged.
pub const UNAVAILABLE: &[u8] = b"503 Service Unavailable\n";

/// Writes the head of that.
pub fn unavailable(request: Request) {
    // SAFETY: as above.
    unsafe {
        let out = &raw mut (*request.raw()).headers_out;
        (*out).status = NGX_HTTP_SERVICE_UNAVAILABLE as ngx_uint_t;
        (*out).content_length_n = UNAVAILABLE.len() as off_t;
        (*out).content_type = text(b"text/plain");
        (*out).content_type_len = (*out).content_type.len;
    }
}

/// The client gets what the agent says; nginx's own error pages have no part in it.
pub fn refuse(request: Request, ask: &Ask) -> ngx_int_t {
    let Some(answer) = ask.answer() else { return FAILED };
    if answer.header(b"x-portcullis-action") == Some(b"close") {
        return NGX_HTTP_CLOSE as ngx_int_t;
    }
    if !head(request, &answer) {
        return FAILED;
    }
    // SAFETY: the request is not ended, and has no answer yet. All texts are in its pool, and live longer than the answer takes to be sent.
    // After `ngx_http_finalize_request` nothing is done with it.
    unsafe {
        let raw = request.raw();
        let buffer = ngx_pcalloc(request.pool(), size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
        if buffer.is_null() {
            return FAILED;
        }
        if answer.body.is_empty() {
            (*raw).set_header_only(1);
        }
        let mut sent = ngx_http_send_header(raw);
        if sent == NGX_OK as ngx_int_t && (*raw).header_only() == 0 {
            (*buffer).pos = answer.body.as_ptr().cast_mut();
            (*buffer).last = (*buffer).pos.add(answer.body.len());
            (*buffer).set_memory(1);
            (*buffer).set_last_buf(1);
            (*buffer).set_last_in_chain(1);
            let mut chain = ngx_chain_t { buf: buffer, next: ptr::null_mut() };
            sent = ngx_http_output_filter(raw, &raw mut chain);
        }
        ngx_http_finalize_request(raw, sent);
    }
    NGX_DONE as ngx_int_t
}
