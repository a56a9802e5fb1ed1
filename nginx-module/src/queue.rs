//! Pieces of an answer's body in their order: copies of ours, and buffers of nginx's that are left as they are.

use std::mem::size_of;
use std::ptr;
use std::slice;

use ngx::ffi::*;

use crate::module;

/// Room in a copy, at least and at most.
const COPY_BYTES: std::ops::RangeInclusive<usize> = 4 << 10..=32 << 10;

/// Pieces of a body. Links, buffers and copies are of one pool.
pub struct Queue {
    pool: *mut ngx_pool_t,
    pub first: *mut ngx_chain_t,
    last: *mut ngx_chain_t,
    /// The copy that still has room; null if none has.
    pub open: *mut ngx_buf_t,
}

impl Queue {
    pub fn new(pool: *mut ngx_pool_t) -> Self {
        Self { pool, first: ptr::null_mut(), last: ptr::null_mut(), open: ptr::null_mut() }
    }

    /// Adds a buffer at the end.
    #[must_use]
    pub fn push(&mut self, buffer: *mut ngx_buf_t) -> bool {
        // SAFETY: the link is new, or null; `last` is null or the last link.
        unsafe {
            let link = ngx_alloc_chain_link(self.pool);
            if link.is_null() {
                return false;
            }
            (*link).buf = buffer;
            (*link).next = ptr::null_mut();
            if self.last.is_null() {
                self.first = link;
            } else {
                (*self.last).next = link;
            }
            self.last = link;
        }
        true
    }

    /// Adds a copy of these bytes at the end.
    #[must_use]
    pub fn copy(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.open.is_null() && !self.push_copy(bytes.len()) {
                return false;
            }
            // SAFETY: the open copy is ours, and has room from `last` to `end`.
            unsafe {
                let open = &mut *self.open;
                let room = open.end as usize - open.last as usize;
                let (now, rest) = bytes.split_at(bytes.len().min(room));
                ptr::copy_nonoverlapping(now.as_ptr(), open.last, now.len());
                open.last = open.last.add(now.len());
                if open.last == open.end {
                    self.open = ptr::null_mut();
                }
                bytes = rest;
            }
        }
        true
    }

    fn push_copy(&mut self, bytes: usize) -> bool {
        let Some(buffer) = room(self.pool, bytes) else { return false };
        self.open = buffer;
        self.push(buffer)
    }

    /// All of it; nothing is left.
    pub fn take(&mut self) -> *mut ngx_chain_t {
        let pool = self.pool;
        std::mem::replace(self, Self::new(pool)).first
    }

    pub fn last_buffer(&self) -> Option<*mut ngx_buf_t> {
        // SAFETY: `last` is null or a link, and each has a buffer.
        (!self.last.is_null()).then(|| unsafe { (*self.last).buf })
    }
}

/// An empty copy with room for so many bytes, or as many as one has.
pub fn room(pool: *mut ngx_pool_t, bytes: usize) -> Option<*mut ngx_buf_t> {
    let bytes = bytes.clamp(*COPY_BYTES.start(), *COPY_BYTES.end());
    // SAFETY: both are new, or null; zeros are a valid buffer.
    unsafe {
        let buffer = ngx_pcalloc(pool, size_of::<ngx_buf_t>()).cast::<ngx_buf_t>();
        let start = ngx_palloc(pool, bytes).cast::<u8>();
        if buffer.is_null() || start.is_null() {
            return None;
        }
        ((*buffer).start, (*buffer).pos, (*buffer).last) = (start, start, start);
        (*buffer).end = start.add(bytes);
        // Filters may write into it.
        (*buffer).set_temporary(1);
        (*buffer).tag = module::tag();
        Some(buffer)
    }
}

/// Whether it is a copy of ours.
pub fn is_copy(buffer: &ngx_buf_t) -> bool {
    buffer.tag == module::tag()
}

pub fn is_in_memory(buffer: &ngx_buf_t) -> bool {
    buffer.temporary() != 0 || buffer.memory() != 0 || buffer.mmap() != 0
}

/// The bytes of a buffer in memory.
///
/// # Safety
///
/// They are not written to for `'a`.
pub unsafe fn bytes<'a>(buffer: &ngx_buf_t) -> &'a [u8] {
    let length = buffer.last as usize - buffer.pos as usize;
    if length == 0 {
        return &[];
    }
    // SAFETY: nginx's buffers have their bytes from `pos` to `last`.
    unsafe { slice::from_raw_parts(buffer.pos, length) }
}

/// Nothing of it is left to be sent.
pub fn consume(buffer: &mut ngx_buf_t) {
    if is_in_memory(buffer) {
        buffer.pos = buffer.last;
    }
    if buffer.in_file() != 0 {
        buffer.file_pos = buffer.file_last;
    }
}

/// Reads a part of a file from there on; how many bytes came.
///
/// # Safety
///
/// The file is open.
pub unsafe fn read(
    file: *mut ngx_file_t,
    into: &mut ngx_buf_t,
    offset: off_t,
    bytes: usize,
) -> Option<usize> {
    let bytes = bytes.min(into.end as usize - into.last as usize);
    // SAFETY: as the caller says; the buffer has so much room. What is opened for direct input takes no such address, and is for as long
    // as this takes not.
    unsafe {
        let is_direct = (*file).directio() != 0;
        if is_direct && ngx_directio_off((*file).fd) == -1 {
            return None;
        }
        let read = ngx_read_file(file, into.last, bytes, offset);
        if is_direct && ngx_directio_on((*file).fd) == -1 {
            return None;
        }
        let read = usize::try_from(read).ok().filter(|read| *read > 0)?;
        into.last = into.last.add(read);
        Some(read)
    }
}
