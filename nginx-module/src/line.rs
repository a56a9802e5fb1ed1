//! A connection to the agent, and what goes over it in one exchange: a chain of buffers there, an answer back. Nothing here waits: every
//! function does what can be done now.

use std::ffi::c_void;
use std::ptr;
use std::slice;

use ngx::ffi::*;

use crate::agent::{self, Agent};
use crate::answer::{self, Answer, Read};

/// What has become of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something more must happen on the connection.
    Under,
    /// The answer is there.
    Whole,
    /// What came is no answer.
    Broken,
    /// There is no connection.
    Lost,
}

/// What the events of a connection call.
pub type Handler = unsafe extern "C" fn(*mut ngx_event_t);

/// One exchange. It lives in a pool, without anything that would have to be dropped.
pub struct Line {
    /// Where what is received is kept.
    pool: *mut ngx_pool_t,
    timeout: ngx_msec_t,
    /// Ours alone; null while there is none.
    connection: *mut ngx_connection_t,
    /// Nothing more can be sent.
    pub is_broken: bool,
    pub unsent: *mut ngx_chain_t,
    received: *mut u8,
    pub received_bytes: usize,
    received_bytes_max: usize,
}

/// First guess at an answer's length.
const ANSWER_BYTES: usize = 1024;

impl Line {
    /// Without a connection yet. The pool lives as long as this.
    pub fn new(pool: *mut ngx_pool_t, timeout: ngx_msec_t) -> Self {
        Self {
            pool,
            timeout,
            connection: ptr::null_mut(),
            is_broken: false,
            unsent: ptr::null_mut(),
            received: ptr::null_mut(),
            received_bytes: 0,
            received_bytes_max: 0,
        }
    }

    pub fn is_there(&self) -> bool {
        !self.connection.is_null()
    }

    /// Takes over a connection that is open and nobody else's: what happens on it calls `handler`, with an event whose connection's data
    /// is `data`.
    ///
    /// # Safety
    ///
    /// `log` outlives the connection, or its being here.
    pub unsafe fn take(
        &mut self,
        connection: *mut ngx_connection_t,
        handler: Handler,
        data: *mut c_void,
        log: *mut ngx_log_t,
    ) {
        self.connection = connection;
        self.received_bytes = 0;
        // SAFETY: the connection is open, and ours until it is kept or closed.
        unsafe {
            let (read, write) = ((*connection).read, (*connection).write);
            (*connection).data = data;
            (*connection).log = log;
            (*read).log = log;
            (*write).log = log;
            (*read).handler = Some(handler);
            (*write).handler = Some(handler);
        }
    }

    /// What it calls, and with what.
    pub fn handler(&self) -> Option<(Handler, *mut c_void)> {
        // SAFETY: there is a connection.
        unsafe { Some(((*(*self.connection).read).handler?, (*self.connection).data)) }
    }

    /// The timer begins anew: something has gone on.
    pub fn arm(&self) {
        // SAFETY: there is a connection. nginx leaves a timer as it is that is to be moved by less than 300 ms, so it is deleted first.
        unsafe {
            disarm(self.connection);
            ngx_add_timer((*self.connection).read, self.timeout);
        }
    }

    pub fn is_armed(&self) -> bool {
        // SAFETY: there is a connection.
        unsafe { (*(*self.connection).read).timer_set() != 0 }
    }

    /// The agent owes nothing.
    pub fn rest(&self) {
        if self.is_there() {
            // SAFETY: there is a connection.
            unsafe { disarm(self.connection) };
        }
    }

    /// Sends as much as the connection takes; whether that was anything. What has gone from the chain is given to `sent`.
    pub fn send(&mut self, mut sent: impl FnMut(&ngx_buf_t)) -> bool {
        // SAFETY: there is a connection; the chain's buffers are ours, what they point to lives as long as it is not sent.
        unsafe {
            let (connection, write) = (self.connection, (*self.connection).write);
            let Some(send_chain) = (*connection).send_chain else { return false };
            if self.unsent.is_null() || (*write).ready() == 0 {
                return false;
            }
            let before = (*connection).sent;
            let mut link = self.unsent;
            let left = send_chain(connection, link, 0);
            // What nginx calls NGX_CHAIN_ERROR is -1 as a pointer. Who closes early may have answered before that: what there is to read says
            // so, or that the connection is lost, and if neither comes the timer does.
            let is_broken = left.addr() == NGX_ERROR as isize as usize
                || ngx_handle_write_event(write, 0) != NGX_OK as ngx_int_t;
            self.is_broken |= is_broken;
            self.unsent = if is_broken { ptr::null_mut() } else { left };
            while !link.is_null() && link != self.unsent && !is_broken {
                sent(&*(*link).buf);
                link = (*link).next;
            }
            (*connection).sent != before
        }
    }

    /// Receives as much as there is of the answer.
    pub fn receive(&mut self) -> Progress {
        let mut needed = self.received_bytes + 1;
        loop {
            if !self.make_room(needed) {
                return Progress::Broken;
            }
            // SAFETY: there is a connection, and as much room is left behind what was received.
            let came = unsafe {
                let Some(recv) = (*self.connection).recv else { return Progress::Lost };
                let room = self.received_bytes_max - self.received_bytes;
                recv(self.connection, self.received.add(self.received_bytes), room)
            };
            if came == NGX_AGAIN as isize {
                // SAFETY: there is a connection.
                let is_armed = unsafe { ngx_handle_read_event((*self.connection).read, 0) };
                return if is_armed == NGX_OK as ngx_int_t { Progress::Under } else { Progress::Lost };
            }
            if came <= 0 {
                return Progress::Lost;
            }
            self.received_bytes += came as usize;
            match answer::read(self.received()) {
                Read::Whole(_) => return Progress::Whole,
                Read::Broken => return Progress::Broken,
                Read::More(more) => needed = more,
            }
        }
    }

    /// Room for so many bytes in all.
    fn make_room(&mut self, bytes: usize) -> bool {
        if bytes <= self.received_bytes_max {
            return true;
        }
        let bytes = bytes.max(self.received_bytes_max * 2).max(ANSWER_BYTES);
        // SAFETY: nginx gives so many bytes that nobody else has, or null; as many as were received are copied there.
        unsafe {
            let room = ngx_pnalloc(self.pool, bytes).cast::<u8>();
            if room.is_null() {
                return false;
            }
            ptr::copy_nonoverlapping(self.received().as_ptr(), room, self.received_bytes);
            self.received = room;
        }
        self.received_bytes_max = bytes;
        true
    }

    pub fn received(&self) -> &'static [u8] {
        if self.received.is_null() {
            return &[];
        }
        // SAFETY: so many bytes of the pool's memory were written by `recv`. They are not written again once the answer is whole, and nothing
        // of them is kept longer than the pool.
        unsafe { slice::from_raw_parts(self.received, self.received_bytes) }
    }

    /// The answer, once it is whole.
    pub fn answer(&self) -> Option<Answer<'static>> {
        match answer::read(self.received()) {
            Read::Whole(answer) => Some(answer),
            Read::More(_) | Read::Broken => None,
        }
    }

    /// The connection, if the exchange is through and it can be used again; otherwise it is closed.
    pub fn give_away(&mut self) -> Option<*mut ngx_connection_t> {
        let is_through = self.unsent.is_null() && !self.is_broken;
        let answer = self.answer().filter(|answer| !answer.closes() && answer.length == self.received_bytes);
        if !is_through || answer.is_none() || self.connection.is_null() {
            self.close();
            return None;
        }
        self.rest();
        Some(std::mem::replace(&mut self.connection, ptr::null_mut()))
    }

    /// The answer is through: the connection waits for the next question, if it can.
    pub fn keep(&mut self, agent: *mut Agent) {
        if let Some(connection) = self.give_away() {
            // SAFETY: nothing is under way on it, and it is ours to give away.
            unsafe { Agent::keep(agent, connection) };
        }
    }

    /// Ends the exchange, whatever it was about.
    pub fn close(&mut self) {
        let connection = std::mem::replace(&mut self.connection, ptr::null_mut());
        if !connection.is_null() {
            // SAFETY: it is ours, and nobody finds it any more.
            unsafe { agent::close(connection) };
        }
    }
}

/// # Safety
///
/// The connection is open.
unsafe fn disarm(connection: *mut ngx_connection_t) {
    // SAFETY: as the caller says.
    unsafe {
        let read = (*connection).read;
        if (*read).timer_set() != 0 {
            ngx_del_timer(read);
        }
    }
}
