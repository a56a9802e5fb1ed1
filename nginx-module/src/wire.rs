//! One exchange over a connection of nginx's own event loop: connect, send a chain, read an answer, one timer. Nothing here waits: every
//! function does what can be done now.
//!
//! Not by a subrequest of nginx: these need a location that users would have to write and could get wrong, they are counted against the
//! client's, and their answers go through the filters of the client's. Nor by nginx's upstreams, which are made to answer the
//! request that they are for.

use std::ffi::c_void;
use std::ptr;
use std::slice;

use ngx::ffi::*;

use crate::agent::{self, Agent};
use crate::answer::{self, Answer, Read};
use crate::body;
use crate::request::Request;
use crate::settings::Settings;

/// What has become of an exchange.
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

/// An exchange. It lives in the request's pool, without anything that would have to be dropped.
pub struct Wire {
    request: Request,
    settings: &'static Settings,
    /// Ours alone; null while there is none.
    connection: *mut ngx_connection_t,
    is_reused: bool,
    /// Nothing more can be sent.
    is_broken: bool,
    unsent: *mut ngx_chain_t,
    question: &'static [u8],
    body_bytes: u64,
    received: *mut u8,
    received_bytes: usize,
    received_bytes_max: usize,
}

/// First guess at an answer's length.
const ANSWER_BYTES: usize = 1024;

impl Wire {
    /// None yet.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            settings: request.settings(),
            connection: ptr::null_mut(),
            is_reused: false,
            is_broken: false,
            unsent: ptr::null_mut(),
            question: &[],
            body_bytes: 0,
            received: ptr::null_mut(),
            received_bytes: 0,
            received_bytes_max: 0,
        }
    }

    /// Sends a question, and so many bytes of the request's body. What happens on the connection calls `handler`, with an event whose
    /// connection's data is `data`.
    pub fn ask(
        &mut self,
        question: &'static [u8],
        body_bytes: u64,
        handler: unsafe extern "C" fn(*mut ngx_event_t),
        data: *mut c_void,
    ) -> Progress {
        (self.question, self.body_bytes) = (question, body_bytes);
        let agent = self.settings.agent();
        // SAFETY: agents live as long as the configuration, and so longer than its requests.
        match unsafe { Agent::take_idle(agent) } {
            Some(connection) => {
                self.is_reused = true;
                self.begin(connection, handler, data)
            }
            None => self.connect(handler, data),
        }
    }

    fn connect(&mut self, handler: unsafe extern "C" fn(*mut ngx_event_t), data: *mut c_void) -> Progress {
        self.is_reused = false;
        // SAFETY: as above; the log is that of the client's connection, which outlives the request, and with it this exchange.
        let connection = unsafe { Agent::connect(self.settings.agent(), (*self.request.connection()).log) };
        connection.map_or(Progress::Lost, |connection| self.begin(connection, handler, data))
    }

    fn begin(
        &mut self,
        connection: *mut ngx_connection_t,
        handler: unsafe extern "C" fn(*mut ngx_event_t),
        data: *mut c_void,
    ) -> Progress {
        self.connection = connection;
        self.unsent = body::chain(self.request, self.question, self.body_bytes);
        self.received_bytes = 0;
        self.is_broken = self.unsent.is_null();
        // SAFETY: the connection is open, and ours until it is kept or closed.
        unsafe {
            let (read, write) = ((*connection).read, (*connection).write);
            let log = (*self.request.connection()).log;
            (*connection).data = data;
            (*connection).log = log;
            (*read).log = log;
            (*write).log = log;
            (*read).handler = Some(handler);
            (*write).handler = Some(handler);
        }
        self.arm();
        self.advance()
    }

    /// Sends and receives as much as there is to.
    pub fn advance(&mut self) -> Progress {
        if self.connection.is_null() {
            return Progress::Lost;
        }
        self.send();
        let progress = self.receive();
        if !matches!(progress, Progress::Lost) || !self.is_reused || self.received_bytes > 0 {
            return progress;
        }
        // The agent has closed it while it waited, or was started anew: once more.
        // SAFETY: the connection is open, and ours.
        let (handler, data) = unsafe { ((*(*self.connection).read).handler, (*self.connection).data) };
        self.close();
        handler.map_or(Progress::Lost, |handler| self.connect(handler, data))
    }

    /// The timer begins anew: something has gone on.
    fn arm(&self) {
        // SAFETY: there is a connection. nginx leaves a timer as it is that is to be moved by less than 300 ms, so it is deleted first.
        unsafe {
            disarm(self.connection);
            ngx_add_timer((*self.connection).read, self.settings.timeout());
        }
    }

    /// Sends as much as the connection takes.
    fn send(&mut self) {
        // SAFETY: there is a connection; the chain's buffers are ours, what they point to is the request's.
        unsafe {
            let (connection, write) = (self.connection, (*self.connection).write);
            let Some(send_chain) = (*connection).send_chain else { return };
            if self.unsent.is_null() || (*write).ready() == 0 {
                return;
            }
            let before = (*connection).sent;
            let left = send_chain(connection, self.unsent, 0);
            // What nginx calls NGX_CHAIN_ERROR is -1 as a pointer. Who closes early may have answered before that: what there is to read says
            // so, or that the connection is lost, and if neither comes the timer does.
            let is_broken = left.addr() == NGX_ERROR as isize as usize
                || ngx_handle_write_event(write, 0) != NGX_OK as ngx_int_t;
            self.is_broken |= is_broken;
            self.unsent = if is_broken { ptr::null_mut() } else { left };
            if (*connection).sent != before {
                self.arm();
            }
        }
    }

    fn receive(&mut self) -> Progress {
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
        let Some(room) = self.request.allocate(bytes) else { return false };
        room[..self.received_bytes].write_copy_of_slice(self.received());
        self.received = room.as_mut_ptr().cast();
        self.received_bytes_max = bytes;
        true
    }

    fn received(&self) -> &'static [u8] {
        if self.received.is_null() {
            return &[];
        }
        // SAFETY: so many bytes of the pool's memory were written by `recv`. They are not written again once the answer is whole, and nothing
        // of them is kept longer than the request.
        unsafe { slice::from_raw_parts(self.received, self.received_bytes) }
    }

    /// The answer, once it is whole.
    pub fn answer(&self) -> Option<Answer<'static>> {
        match answer::read(self.received()) {
            Read::Whole(answer) => Some(answer),
            Read::More(_) | Read::Broken => None,
        }
    }

    /// The answer is through: the connection waits for the next question, if it can.
    pub fn keep(&mut self) {
        let is_through = self.unsent.is_null() && !self.is_broken;
        let answer = self.answer().filter(|answer| !answer.closes() && answer.length == self.received_bytes);
        if !is_through || answer.is_none() || self.connection.is_null() {
            return self.close();
        }
        let connection = std::mem::replace(&mut self.connection, ptr::null_mut());
        // SAFETY: nothing is under way on it, and it is ours to give away.
        unsafe {
            disarm(connection);
            Agent::keep(self.settings.agent(), connection);
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
