//! What the agent is shown of the body: each piece once, and as much as it wants to see.

use std::ptr;

use ngx::ffi::*;

use super::Exchange;
use super::say::END;
use crate::queue;

impl Exchange {
    /// Adds to what is sent what the agent has not been shown; `false` if that cannot be.
    pub(super) fn show(&mut self) -> bool {
        if !self.is_invited || self.is_ended {
            return true;
        }
        let most = self.bytes_max();
        // SAFETY: the queue's links and copies are of our pool. Buffers of nginx's are there until they are released.
        unsafe {
            loop {
                let next = if self.shown.is_null() { self.queue.first } else { (*self.shown).next };
                if next.is_null() || self.shown_bytes > most {
                    break;
                }
                let buffer = &*(*next).buf;
                if queue::is_copy(buffer) {
                    if ptr::eq(buffer, self.queue.open) {
                        if !self.is_whole && self.copied_bytes <= most {
                            return true;
                        }
                        self.queue.open = ptr::null_mut();
                    }
                    let owned = if self.holds() { ptr::null_mut() } else { buffer.start };
                    if !self.send_chunk(queue::bytes(buffer), owned) {
                        return false;
                    }
                } else if queue::is_in_memory(buffer) {
                    // More was copied before than is wanted.
                    break;
                } else if buffer.in_file() != 0 && !self.show_file(buffer) {
                    return false;
                }
                self.shown = next;
            }
            let next = if self.shown.is_null() { self.queue.first } else { (*self.shown).next };
            if self.shown_bytes <= most && !(self.is_whole && next.is_null()) {
                return true;
            }
        }
        self.is_ended = true;
        self.say(END)
    }

    /// # Safety
    ///
    /// The buffer's file is open.
    unsafe fn show_file(&mut self, buffer: &ngx_buf_t) -> bool {
        let mut at = buffer.file_pos;
        while at < buffer.file_last && self.shown_bytes <= self.bytes_max() {
            let most = self.bytes_max().saturating_add(1) - self.shown_bytes;
            let left = ((buffer.file_last - at) as u64).min(most) as usize;
            let Some(copy) = queue::room(self.pool, left) else { return false };
            // SAFETY: as the caller says; the copy is new, and nobody else's.
            let is_shown = unsafe {
                let read = queue::read(buffer.file, &mut *copy, at, left);
                at += read.unwrap_or(0) as off_t;
                read.is_some() && self.send_chunk(queue::bytes(&*copy), (*copy).start)
            };
            if !is_shown {
                return false;
            }
        }
        true
    }
}
