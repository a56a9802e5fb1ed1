//! One exchange over a connection of nginx's own event loop: connect, send a chain, read an answer, one timer. Nothing here waits: every
//! function does what can be done now.
//!
//! Not by a subrequest of nginx: these need a location that users would have to write and could get wrong, they are counted against the
//! client's, and their answers go through the filters of the client's. Nor by nginx's upstreams, which are made to answer the
//! request that they are for.

use std::ffi::c_void;

use ngx::ffi::*;

use crate::agent::Agent;
use crate::answer::Answer;
use crate::body;
use crate::line::{Handler, Line, Progress};
use crate::request::Request;
use crate::settings::Settings;

/// The exchange about a request. It lives in the request's pool, without anything that would have to be dropped.
pub struct Wire {
    request: Request,
    settings: &'static Settings,
    line: Line,
    is_reused: bool,
    question: &'static [u8],
    body_bytes: u64,
}

impl Wire {
    /// None yet.
    pub fn new(request: Request) -> Self {
        let settings = request.settings();
        let line = Line::new(request.pool(), settings.timeout());
        Self { request, settings, line, is_reused: false, question: &[], body_bytes: 0 }
    }

    /// Sends a question, and so many bytes of the request's body. What happens on the connection calls `handler`, with an event whose
    /// connection's data is `data`.
    pub fn ask(
        &mut self,
        question: &'static [u8],
        body_bytes: u64,
        handler: Handler,
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

    fn connect(&mut self, handler: Handler, data: *mut c_void) -> Progress {
        self.is_reused = false;
        // SAFETY: as above; the log is that of the client's connection, which outlives the request, and with it this exchange.
        let connection = unsafe { Agent::connect(self.settings.agent(), (*self.request.connection()).log) };
        connection.map_or(Progress::Lost, |connection| self.begin(connection, handler, data))
    }

    fn begin(&mut self, connection: *mut ngx_connection_t, handler: Handler, data: *mut c_void) -> Progress {
        self.line.unsent = body::chain(self.request, self.question, self.body_bytes);
        self.line.is_broken = self.line.unsent.is_null();
        // SAFETY: the connection is open, and ours until it is kept or closed; the log is as above.
        unsafe { self.line.take(connection, handler, data, (*self.request.connection()).log) };
        self.line.arm();
        self.advance()
    }

    /// Sends and receives as much as there is to.
    pub fn advance(&mut self) -> Progress {
        if !self.line.is_there() {
            return Progress::Lost;
        }
        if self.line.send(|_| {}) {
            self.line.arm();
        }
        let progress = self.line.receive();
        if progress != Progress::Lost || !self.is_reused || self.line.received_bytes > 0 {
            return progress;
        }
        // The agent has closed it while it waited, or was started anew: once more.
        let before = self.line.handler();
        self.line.close();
        before.map_or(Progress::Lost, |(handler, data)| self.connect(handler, data))
    }

    /// The answer, once it is whole.
    pub fn answer(&self) -> Option<Answer<'static>> {
        self.line.answer()
    }

    /// The answer is through: the connection waits for the next question, if it can.
    pub fn keep(&mut self) {
        self.line.keep(self.settings.agent());
    }

    /// The connection, for what there is still to say of this request; none if it is of no more use.
    pub fn give_away(&mut self) -> Option<*mut ngx_connection_t> {
        self.line.give_away()
    }

    /// Ends the exchange, whatever it was about.
    pub fn close(&mut self) {
        self.line.close();
    }
}
