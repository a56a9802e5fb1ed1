//! What goes to the agent: the head of an answer, and pieces of its body as chunks.

use std::mem::size_of;
use std::ptr;
use std::slice;

use ngx::ffi::*;

use super::Exchange;
use crate::question::{decimal, hexadecimal};
use crate::request::Request;
use crate::shown::Shown;

/// What is behind the last chunk of what is shown.
pub(super) const END: &[u8] = b"0\r\n\r\n";

impl Exchange {
    /// The head, as it is shown; none if there is no memory.
    pub(super) fn written(&self, request: Request, id: &[u8]) -> Option<&'static [u8]> {
        let mut digits = [0; 20];
        let length = request.answer_length().map(|length| decimal(length, &mut digits));
        let has = |wanted: &[u8]| request.answer_headers().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let length = length.filter(|_| !has(b"content-length"));
        let (kind, charset) = request.answer_type();
        let kind = match charset {
            [] => kind,
            charset => {
                let joined = request.allocate(kind.len() + 10 + charset.len())?;
                joined[..kind.len()].write_copy_of_slice(kind);
                joined[kind.len()..][..10].write_copy_of_slice(b"; charset=");
                joined[kind.len() + 10..].write_copy_of_slice(charset);
                // SAFETY: all of it was written.
                unsafe { slice::from_raw_parts(joined.as_ptr().cast(), joined.len()) }
            }
        };
        let kind = Some((&b"Content-Type"[..], kind)).filter(|(_, kind)| !kind.is_empty());
        let length = length.map(|length| (&b"Content-Length"[..], length));
        let shown = Shown {
            id,
            token: self.settings.token(),
            status: request.answer_status(),
            headers: kind.into_iter().chain(length).chain(request.answer_headers()),
        };
        let bytes = shown.length();
        // SAFETY: nginx gives so many bytes that nobody else has, or null; as many are written.
        unsafe {
            let place = ngx_pnalloc(self.pool, bytes).cast::<u8>();
            if place.is_null() {
                return None;
            }
            let mut at = 0;
            shown.write(&mut |piece| {
                ptr::copy_nonoverlapping(piece.as_ptr(), place.add(at), piece.len().min(bytes - at));
                at += piece.len();
            });
            Some(slice::from_raw_parts(place, bytes))
        }
    }

    /// Adds text to what is sent. It lives as long as the pool.
    pub(super) fn say(&mut self, text: &'static [u8]) -> bool {
        text.is_empty() || self.send_over(text.as_ptr().cast_mut(), text.len(), ptr::null_mut())
    }

    /// Adds memory to what is sent; `owned` is freed when it was.
    fn send_over(&mut self, from: *mut u8, length: usize, owned: *mut u8) -> bool {
        // SAFETY: buffer and link are new, or null; the chain's last link has no next one.
        unsafe {
            let buffer = ngx_pcalloc(self.pool, size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
            let link = ngx_alloc_chain_link(self.pool);
            if buffer.is_null() || link.is_null() {
                return false;
            }
            ((*buffer).pos, (*buffer).last, (*buffer).start) = (from, from.add(length), owned);
            (*buffer).set_memory(1);
            ((*link).buf, (*link).next) = (buffer, ptr::null_mut());
            let mut end = &raw mut self.line.unsent;
            while !(*end).is_null() {
                end = &raw mut (**end).next;
            }
            *end = link;
        }
        true
    }

    /// Adds a chunk to what is sent.
    pub(super) fn send_chunk(&mut self, bytes: &[u8], owned: *mut u8) -> bool {
        let mut digits = [0; 16];
        let digits = hexadecimal(bytes.len() as u64, &mut digits);
        // SAFETY: nginx gives so many bytes that nobody else has, or null; as many are written.
        let size = unsafe {
            let place = ngx_pnalloc(self.pool, digits.len() + 2).cast::<u8>();
            if place.is_null() {
                return false;
            }
            ptr::copy_nonoverlapping(digits.as_ptr(), place, digits.len());
            ptr::copy_nonoverlapping(b"\r\n".as_ptr(), place.add(digits.len()), 2);
            slice::from_raw_parts(place, digits.len() + 2)
        };
        self.shown_bytes += bytes.len() as u64;
        self.say(size) && self.send_over(bytes.as_ptr().cast_mut(), bytes.len(), owned) && self.say(b"\r\n")
    }
}
