//! A request of nginx's, as far as it is looked at here.

use std::ffi::{CStr, c_void};
use std::ptr;
use std::slice;

use ngx::ffi::*;

use crate::ask::{self, Ask};
use crate::counters::{Counters, Missed};
use crate::module::index;
use crate::settings::{Settings, Shared};

/// Valid from the callback that nginx passes it to until nginx finalizes it: whoever calls `finalize`, or runs its phases, does nothing
/// with it after that.
#[derive(Clone, Copy)]
pub struct Request(*mut ngx_http_request_t);

impl Request {
    /// # Safety
    ///
    /// nginx passed it to the callback that runs, or its cleanup handlers have not run yet.
    pub unsafe fn new(raw: *mut ngx_http_request_t) -> Self {
        Self(raw)
    }

    pub fn raw(self) -> *mut ngx_http_request_t {
        self.0
    }

    /// Whether it is a client's, not one that nginx made on the way.
    pub fn is_main(self) -> bool {
        // SAFETY: see `Request`.
        unsafe { self.0 == (*self.0).main }
    }

    pub fn pool(self) -> *mut ngx_pool_t {
        // SAFETY: see `Request`.
        unsafe { (*self.0).pool }
    }

    pub fn connection(self) -> *mut ngx_connection_t {
        // SAFETY: see `Request`.
        unsafe { (*self.0).connection }
    }

    /// What its location says.
    pub fn settings(self) -> &'static Settings {
        // SAFETY: nginx made one for each location by `create_location`; it lives as long as the configuration, which outlives all its
        // requests, and is written to only while it is read.
        unsafe { &*(*(*self.0).loc_conf.add(index())).cast::<Settings>() }
    }

    pub fn counters(self) -> &'static Counters {
        // SAFETY: `init_zone` put them there before any request, or nginx would not have started. The memory is mapped as long as the
        // process lives, all of it atomic numbers.
        unsafe {
            let shared = (*(*self.0).main_conf.add(index())).cast::<Shared>();
            &*(*(*shared).zone).data.cast::<Counters>()
        }
    }

    /// What became of it so far. nginx forgets modules' contexts when it redirects inside, but not what is in the pool: so each request
    /// is asked about once, whatever locations it comes through.
    pub fn ask(self) -> Option<*mut Ask> {
        // SAFETY: see `Request`; only we write our context, and the data of a cleanup with our handler is an `Ask`.
        unsafe {
            let context = (*self.0).ctx.add(index());
            if !(*context).is_null() {
                return Some((*context).cast());
            }
            let mut cleanup = (*(*self.0).pool).cleanup;
            while !cleanup.is_null() {
                if (*cleanup).handler.is_some_and(|handler| ptr::fn_addr_eq(handler, ask::MARK)) {
                    *context = (*cleanup).data;
                    return Some((*cleanup).data.cast());
                }
                cleanup = (*cleanup).next;
            }
            None
        }
    }

    pub fn set_ask(self, ask: *mut Ask) {
        // SAFETY: see `Request`.
        unsafe { *(*self.0).ctx.add(index()) = ask.cast() };
    }

    /// As the client sent it; over HTTP/2 and HTTP/3 as nginx writes it.
    pub fn line<'a>(self) -> &'a [u8] {
        // SAFETY: see `Request`; nginx keeps the text as long as the request.
        unsafe { bytes((*self.0).request_line) }
    }

    /// Names and values, in the order in which they came.
    pub fn headers<'a>(self) -> Headers<'a> {
        // SAFETY: see `Request`.
        let part = unsafe { &raw const (*self.0).headers_in.headers.part };
        Headers { part, at: 0, is_answer: false, request: std::marker::PhantomData }
    }

    /// Names and values of the answer's headers, as far as nginx keeps them as such.
    pub fn answer_headers<'a>(self) -> Headers<'a> {
        // SAFETY: see `Request`.
        let part = unsafe { &raw const (*self.0).headers_out.headers.part };
        Headers { part, at: 0, is_answer: true, request: std::marker::PhantomData }
    }

    /// The status of the answer.
    pub fn answer_status(self) -> u16 {
        // SAFETY: see `Request`.
        unsafe { (*self.0).headers_out.status as u16 }
    }

    /// The answer's Content-Type, and the charset that nginx will write behind it.
    pub fn answer_type<'a>(self) -> (&'a [u8], &'a [u8]) {
        // SAFETY: see `Request`; both are texts that live as long.
        unsafe {
            let out = &(*self.0).headers_out;
            let charset = if out.content_type_len == out.content_type.len { bytes(out.charset) } else { &[] };
            (bytes(out.content_type), charset)
        }
    }

    /// Bytes of the answer's body, if that is known.
    pub fn answer_length(self) -> Option<u64> {
        // SAFETY: see `Request`.
        u64::try_from(unsafe { (*self.0).headers_out.content_length_n }).ok()
    }

    /// Whether the answer ends with its head.
    pub fn is_answer_bodiless(self) -> bool {
        // SAFETY: see `Request`.
        let is_head =
            unsafe { (*self.0).header_only() != 0 || (*self.0).method == NGX_HTTP_HEAD as ngx_uint_t };
        is_head || matches!(self.answer_status(), ..200 | 204 | 304)
    }

    /// Over HTTP/3, nginx before 1.29 keeps the host to itself.
    pub fn missing_host<'a>(self) -> Option<(&'a [u8], &'a [u8])> {
        if self.headers().any(|(name, _)| name.eq_ignore_ascii_case(b"host")) {
            return None;
        }
        // SAFETY: see `Request`; nginx keeps the text as long as the request.
        let (host, version) = unsafe { (bytes((*self.0).headers_in.server), (*self.0).http_version) };
        (version >= NGX_HTTP_VERSION_20 as ngx_uint_t && !host.is_empty()).then_some((b"Host", host))
    }

    /// The client's address as text.
    pub fn client<'a>(self) -> &'a [u8] {
        // SAFETY: nginx has it for each connection, as long as that is open.
        let text = unsafe { bytes((*self.connection()).addr_text) };
        if text.starts_with(b"unix:") { b"0.0.0.0" } else { text }
    }

    /// Bytes that the client says its body has. nginx's number is 0 once it has thrown the body away, so the header is read.
    pub fn declared_length(self) -> Option<u64> {
        // SAFETY: see `Request`; a header that is there is as long as the request.
        let text = unsafe {
            let header = (*self.0).headers_in.content_length;
            if header.is_null() { return None } else { bytes((*header).value) }
        };
        std::str::from_utf8(text).ok()?.parse().ok()
    }

    /// Whether its body is not framed by a length.
    pub fn is_chunked(self) -> bool {
        // SAFETY: see `Request`.
        unsafe { (*self.0).headers_in.chunked() != 0 }
    }

    /// The body as nginx has read it; null if there is none.
    pub fn body(self) -> *mut ngx_chain_t {
        // SAFETY: see `Request`; a body that was read is there as long as the request.
        unsafe {
            let body = (*self.0).request_body;
            if body.is_null() { ptr::null_mut() } else { (*body).bufs }
        }
    }

    /// Memory that lives as long as the request, not initialized.
    pub fn allocate<'a>(self, length: usize) -> Option<&'a mut [std::mem::MaybeUninit<u8>]> {
        // SAFETY: nginx gives memory that nobody else has, or null; any bytes are a `MaybeUninit`.
        unsafe {
            let data = ngx_pnalloc(self.pool(), length.max(1));
            (!data.is_null()).then(|| slice::from_raw_parts_mut(data.cast(), length))
        }
    }

    /// Says in nginx's error log, once a second, that something got no verdict, how many did not since, and why this one.
    pub fn complain(self, what: &'static CStr, missed: Missed, why: &[u8]) {
        if let Some(requests) = self.counters().to_say(missed, ngx_time() as u64) {
            self.log(what, missed.reason().as_str(), requests, &why[..why.len().min(80)]);
        }
    }

    fn log(self, what: &'static CStr, reason: &str, requests: u64, detail: &[u8]) {
        let level = NGX_LOG_ERR as ngx_uint_t;
        // SAFETY: the format takes a text that ends with 0, a number of 64 bits, and two texts with their lengths before them.
        unsafe {
            let log = (*self.connection()).log;
            if (*log).log_level >= level {
                ngx_log_error_core(
                    level,
                    log,
                    0,
                    c"portcullis: %s (%*s), requests %uL: %*s".as_ptr(),
                    what.as_ptr(),
                    reason.len(),
                    reason.as_ptr(),
                    requests,
                    detail.len(),
                    detail.as_ptr(),
                );
            }
        }
    }
}

/// The bytes of a text of nginx's.
///
/// # Safety
///
/// They live for `'a`.
unsafe fn bytes<'a>(text: ngx_str_t) -> &'a [u8] {
    if text.len == 0 {
        return &[];
    }
    // SAFETY: a text that is not empty points to its bytes, and the caller says how long.
    unsafe { slice::from_raw_parts(text.data, text.len) }
}

/// The headers of a request, or of its answer.
#[derive(Clone)]
pub struct Headers<'a> {
    part: *const ngx_list_part_t,
    at: usize,
    /// nginx leaves out what has no hash.
    is_answer: bool,
    request: std::marker::PhantomData<&'a c_void>,
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // SAFETY: nginx's list of headers is made of parts that live as long as the request, each with `nelts` headers.
        unsafe {
            loop {
                while self.at >= (*self.part).nelts {
                    if (*self.part).next.is_null() {
                        return None;
                    }
                    (self.part, self.at) = ((*self.part).next, 0);
                }
                let header = &*(*self.part).elts.cast::<ngx_table_elt_t>().add(self.at);
                self.at += 1;
                if header.hash != 0 || !self.is_answer {
                    return Some((bytes(header.key), bytes(header.value)));
                }
            }
        }
    }
}
