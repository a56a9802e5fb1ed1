//! The request's body, as nginx holds it in memory and files, made ready to be sent a second time.

use std::mem::size_of;
use std::ptr;

use ngx::ffi::*;

use crate::question::Shown;
use crate::request::Request;

/// How much of the body is shown, and what is said of it. `is_read`: nginx has told that all of it is there.
pub fn shown(request: Request, is_read: bool, most: Option<u64>) -> (Shown, u64) {
    let there = length(request.body());
    let declared = request.declared_length();
    // We did not ask for it. Or it was too long or broken, which nginx may have an error page for: then it throws the body away, or what is
    // left of it, and the application of that page gets as much of it as is shown here.
    let is_gone =
        there == 0 && (declared.is_some_and(|bytes| bytes > 0) || (!is_read && request.is_chunked()));
    match most {
        _ if is_gone => (Shown::Unseen(declared), 0),
        None if there > 0 => (Shown::Unseen(Some(there)), 0),
        None => (Shown::Whole, 0),
        Some(most) if there > most => (Shown::Cut(Some(there - most)), most),
        Some(_) if !is_read && there > 0 => (Shown::Cut(None), there),
        Some(_) => (Shown::Whole, there),
    }
}

fn length(mut chain: *mut ngx_chain_t) -> u64 {
    let mut length = 0;
    // SAFETY: a chain of nginx's lives as long as the request that it is of; its last link has no next one.
    unsafe {
        while !chain.is_null() {
            length += size(&*(*chain).buf);
            chain = (*chain).next;
        }
    }
    length
}

/// nginx's `ngx_buf_size`.
fn size(buffer: &ngx_buf_t) -> u64 {
    if is_in_memory(buffer) {
        (buffer.last as usize - buffer.pos as usize) as u64
    } else {
        (buffer.file_last - buffer.file_pos) as u64
    }
}

fn is_in_memory(buffer: &ngx_buf_t) -> bool {
    buffer.temporary() != 0 || buffer.memory() != 0 || buffer.mmap() != 0
}

/// A chain of `head` and so many bytes of the body: buffers of our own over the same bytes, as sending moves their ends. Null if there is no
/// memory.
pub fn chain(request: Request, head: &[u8], mut left: u64) -> *mut ngx_chain_t {
    let mut first = ptr::null_mut();
    let mut end: *mut *mut ngx_chain_t = &raw mut first;
    // SAFETY: `head` is of the request's pool. Each link is new and of the same pool; `end` points to `first` or to the last link.
    unsafe {
        let Some(buffer) = append(request, &mut end) else { return ptr::null_mut() };
        (*buffer).pos = head.as_ptr().cast_mut();
        (*buffer).last = (*buffer).pos.add(head.len());
        (*buffer).set_memory(1);
        let mut body = request.body();
        while !body.is_null() && left > 0 {
            let theirs = &*(*body).buf;
            let bytes = size(theirs).min(left);
            if bytes > 0 {
                let Some(buffer) = append(request, &mut end) else { return ptr::null_mut() };
                if is_in_memory(theirs) {
                    (*buffer).pos = theirs.pos;
                    (*buffer).last = theirs.pos.add(bytes as usize);
                    (*buffer).set_memory(1);
                } else {
                    (*buffer).file = theirs.file;
                    (*buffer).file_pos = theirs.file_pos;
                    (*buffer).file_last = theirs.file_pos + bytes as off_t;
                    (*buffer).set_in_file(1);
                }
                left -= bytes;
            }
            body = (*body).next;
        }
    }
    first
}

/// An empty buffer at the end of a chain.
///
/// # Safety
///
/// `end` points to where the next link is to be written.
unsafe fn append(request: Request, end: &mut *mut *mut ngx_chain_t) -> Option<*mut ngx_buf_t> {
    // SAFETY: zeros are a valid buffer; the rest is as the caller says.
    unsafe {
        let buffer = ngx_pcalloc(request.pool(), size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
        let link = ngx_alloc_chain_link(request.pool());
        if buffer.is_null() || link.is_null() {
            return None;
        }
        (*link).buf = buffer;
        (*link).next = ptr::null_mut();
        **end = link;
        *end = &raw mut (*link).next;
        Some(buffer)
    }
}
