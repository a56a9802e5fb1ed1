//! The body as nginx passes it: held, or copied while it goes on.

use std::mem::size_of;
use std::ptr;

use ngx::ffi::*;

use super::Exchange;
use crate::counters::Reason;
use crate::queue;

impl Exchange {
    /// Takes over a part of the body: what goes on is in the queue from now on. `false` if there is no memory for it.
    pub fn hold(&mut self, mut link: *mut ngx_chain_t) -> bool {
        let mut is_kept = true;
        // SAFETY: nginx passes a chain whose buffers are as they say; what was copied of one is marked as sent.
        unsafe {
            while !link.is_null() {
                let buffer = &mut *(*link).buf;
                let is_file = buffer.in_file() != 0 && !queue::is_in_memory(buffer);
                if is_file || (self.copied_bytes > self.bytes_max() && queue::is_in_memory(buffer)) {
                    self.queue.open = ptr::null_mut();
                    is_kept &= self.queue.push(buffer);
                } else {
                    let bytes = if queue::is_in_memory(buffer) { queue::bytes(buffer) } else { &[] };
                    is_kept &= self.queue.copy(bytes);
                    self.copied_bytes += bytes.len() as u64;
                    queue::consume(buffer);
                    is_kept &= buffer.last_buf() == 0 || self.push_last(buffer.last_in_chain() != 0);
                }
                self.flushes |= buffer.flush() != 0;
                self.is_whole |= buffer.last_buf() != 0;
                link = (*link).next;
            }
        }
        is_kept
    }

    /// The last copy is the end of the answer.
    fn push_last(&mut self, is_last_in_chain: bool) -> bool {
        // SAFETY: the buffer is ours, or a new one; zeros are a valid buffer.
        unsafe {
            let last = self.queue.last_buffer().filter(|last| queue::is_copy(&**last));
            let buffer = last.unwrap_or_else(|| ngx_pcalloc(self.pool, size_of::<ngx_buf_t>()).cast());
            if buffer.is_null() {
                return false;
            }
            (*buffer).set_last_buf(1);
            (*buffer).set_last_in_chain(is_last_in_chain.into());
            last.is_some() || self.queue.push(buffer)
        }
    }

    /// Copies of a part of the body what the agent wants to see.
    pub fn copy(&mut self, mut link: *mut ngx_chain_t) {
        if self.is_whole {
            return;
        }
        let mut is_kept = true;
        // SAFETY: nginx passes a chain whose buffers are as they say, with files that are open.
        unsafe {
            while !link.is_null() {
                let buffer = &*(*link).buf;
                let left = self.bytes_max().saturating_add(1).saturating_sub(self.copied_bytes);
                if queue::is_in_memory(buffer) {
                    let bytes = queue::bytes(buffer);
                    let bytes = &bytes[..bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
                    is_kept &= self.queue.copy(bytes);
                    self.copied_bytes += bytes.len() as u64;
                } else if buffer.in_file() != 0 {
                    is_kept &= self.copy_file(buffer, left);
                }
                self.is_whole |= buffer.last_buf() != 0;
                link = (*link).next;
            }
        }
        if !is_kept {
            self.fail(Reason::Error, b"no memory, or no file");
        }
    }

    /// # Safety
    ///
    /// The buffer's file is open.
    unsafe fn copy_file(&mut self, buffer: &ngx_buf_t, left: u64) -> bool {
        self.queue.open = ptr::null_mut();
        let (mut at, mut left) = (buffer.file_pos, left.min((buffer.file_last - buffer.file_pos) as u64));
        while left > 0 {
            let Some(copy) = queue::room(self.pool, left as usize) else { return false };
            // SAFETY: as the caller says; the copy is new.
            let read = unsafe { queue::read(buffer.file, &mut *copy, at, left as usize) };
            let Some(read) = read.filter(|_| self.queue.push(copy)) else { return false };
            at += read as off_t;
            left -= read as u64;
            self.copied_bytes += read as u64;
        }
        true
    }

    /// Whether what is held ends with the end of the answer.
    pub fn has_end(&self) -> bool {
        // SAFETY: buffers of the queue are there until they are released.
        self.queue.last_buffer().is_some_and(|last| unsafe { (*last).last_buf() != 0 })
    }

    /// nginx has no more of the answer, and does not say that it is complete.
    pub fn break_off(&mut self) {
        self.is_whole = true;
    }

    /// Nothing of what is held goes on.
    pub fn discard(&mut self) {
        let mut link = self.queue.take();
        // SAFETY: the links are ours; buffers of nginx's are there until they are marked as sent, as they are here.
        unsafe {
            while !link.is_null() {
                queue::consume(&mut *(*link).buf);
                link = (*link).next;
            }
        }
    }
}
