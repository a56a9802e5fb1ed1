//! `portcullis_status`: what all workers have counted, as Prometheus reads it.

use std::ffi::{c_char, c_void};
use std::fmt::{self, Write};
use std::mem::size_of;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use ngx::ffi::*;
use ngx::ngx_string;

use crate::counters::{Counters, REASONS, Reason};
use crate::guard;
use crate::request::Request;

/// The directive.
pub unsafe extern "C" fn set(cf: *mut ngx_conf_t, _: *mut ngx_command_t, _: *mut c_void) -> *mut c_char {
    // SAFETY: nginx passes the configuration of a location, which has settings of the core module.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_core_module.ctx_index;
        let core = (*(*context).loc_conf.add(index)).cast::<ngx_http_core_loc_conf_t>();
        (*core).handler = Some(answer);
    }
    ptr::null_mut()
}

unsafe extern "C" fn answer(raw: *mut ngx_http_request_t) -> ngx_int_t {
    const FAILED: ngx_int_t = NGX_HTTP_INTERNAL_SERVER_ERROR as ngx_int_t;
    guard::guarded(FAILED, || {
        // SAFETY: nginx passes the request that this location is to answer, which keeps what is allocated for it.
        unsafe {
            let request = Request::new(raw);
            let discarded = ngx_http_discard_request_body(raw);
            if discarded != NGX_OK as ngx_int_t {
                return discarded;
            }
            let text = Text::<4096>::of(format_args!("{}", Shown(request.counters())));
            let buffer = ngx_pcalloc(request.pool(), size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
            let Some(place) = request.allocate(text.bytes().len()) else { return FAILED };
            if buffer.is_null() {
                return FAILED;
            }
            let bytes = place.write_copy_of_slice(text.bytes());
            let out = &raw mut (*raw).headers_out;
            (*out).status = NGX_HTTP_OK as ngx_uint_t;
            (*out).content_length_n = bytes.len() as off_t;
            (*out).content_type = ngx_string!("text/plain; version=0.0.4");
            (*out).content_type_len = (*out).content_type.len;
            let sent = ngx_http_send_header(raw);
            if sent != NGX_OK as ngx_int_t || (*raw).header_only() != 0 {
                return sent;
            }
            (*buffer).pos = bytes.as_mut_ptr();
            (*buffer).last = (*buffer).pos.add(bytes.len());
            (*buffer).set_memory(1);
            (*buffer).set_last_buf(1);
            (*buffer).set_last_in_chain(1);
            let mut chain = ngx_chain_t { buf: buffer, next: ptr::null_mut() };
            ngx_http_output_filter(raw, &raw mut chain)
        }
    })
}

struct Shown<'a>(&'a Counters);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0;
        let load = |count: &AtomicU64| count.load(Relaxed);
        writeln!(out, "# TYPE portcullis_nginx_requests_total counter")?;
        writeln!(out, "portcullis_nginx_requests_total {}", load(&all.requests))?;
        writeln!(out, "# TYPE portcullis_nginx_became_total counter")?;
        for (name, count) in [
            ("passed", &all.passed),
            ("refused", &all.refused),
            ("off", &all.off),
            ("answered", &all.answered),
            ("aborted", &all.aborted),
        ] {
            writeln!(out, "portcullis_nginx_became_total{{what=\"{name}\"}} {}", load(count))?;
        }
        for (name, counts) in [("missed-open", &all.missed_open), ("missed-closed", &all.missed_closed)] {
            write_missed(out, "portcullis_nginx_became_total", name, counts)?;
        }
        let all = &all.responses;
        writeln!(out, "# TYPE portcullis_nginx_responses_total counter")?;
        writeln!(out, "portcullis_nginx_responses_total {}", load(&all.all))?;
        writeln!(out, "# TYPE portcullis_nginx_response_became_total counter")?;
        for (name, count) in [
            ("passed", &all.passed),
            ("refused", &all.refused),
            ("unwanted", &all.unwanted),
            ("aborted", &all.aborted),
        ] {
            writeln!(out, "portcullis_nginx_response_became_total{{what=\"{name}\"}} {}", load(count))?;
        }
        for (name, counts) in [("missed-open", &all.missed_open), ("missed-closed", &all.missed_closed)] {
            write_missed(out, "portcullis_nginx_response_became_total", name, counts)?;
        }
        writeln!(out, "# TYPE portcullis_nginx_response_parts_unseen_total counter")?;
        writeln!(out, "portcullis_nginx_response_parts_unseen_total {}", load(&all.parts))
    }
}

fn write_missed(
    out: &mut fmt::Formatter<'_>,
    metric: &str,
    name: &str,
    counts: &[AtomicU64; REASONS],
) -> fmt::Result {
    for (reason, count) in Reason::ALL.iter().zip(counts) {
        let (reason, count) = (reason.as_str(), count.load(Relaxed));
        writeln!(out, "{metric}{{what=\"{name}\",reason=\"{reason}\"}} {count}")?;
    }
    Ok(())
}

/// Text in a place of fixed size; what does not fit is left out.
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    pub fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Self { bytes: [0; N], length: 0 };
        // It fails where it is full, and that is what it is for.
        let _ = text.write_fmt(arguments);
        text
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<const N: usize> Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self.bytes.get_mut(self.length..self.length + text.len()).ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.length += text.len();
        Ok(())
    }
}
