//! What has become of an answer: it is shown over the connection on which the agent let its request pass, and judged.
//!
//! Where the policy prevents, nothing of it goes on before that ([`Want::Hold`]): memory is copied, so that who made it goes on making, and
//! files stay as they are. What is more than the agent wants to see waits where it is, as if the client were slow. Where the policy only
//! detects, copies go along ([`Want::Copy`]), and what is left to be said of them is said when nginx has forgotten the request.
//!
//! | step | file |
//! |---|---|
//! | a connection is kept, and what happens on it | here |
//! | pieces of the body, as nginx passes them | [`body`] |
//! | which of them the agent is shown | [`show`] |
//! | how they are written | [`say`] |
//! | the verdict, and other ends | [`end`] |

mod body;
mod end;
mod say;
mod show;

use std::mem::size_of;
use std::ptr;

use ngx::ffi::*;

use crate::agent::{self, Agent};
use crate::answer::is_announced;
use crate::counters::{Counters, Reason};
use crate::guard;
use crate::line::{Line, Progress};
use crate::queue::Queue;
use crate::request::Request;
use crate::response;
use crate::settings::Settings;
use crate::shown::Want;
use say::END;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The connection waits until there is an answer to show.
    Reserved,
    Asking,
    Passed,
    Refused,
    /// There is no verdict.
    Failed {
        reason: Reason,
        passes: bool,
    },
    /// The client has gone before.
    Aborted,
}

/// Lives in a pool of its own, as it may outlive its request, without anything that would have to be dropped.
pub struct Exchange {
    pub state: State,
    pool: *mut ngx_pool_t,
    /// None once nginx has forgotten it.
    request: Option<Request>,
    counters: &'static Counters,
    settings: &'static Settings,
    line: Line,
    pub want: Want,
    /// What is held, or was copied, of the body.
    pub queue: Queue,
    /// The last piece of that which the agent was shown.
    shown: *mut ngx_chain_t,
    shown_bytes: u64,
    copied_bytes: u64,
    /// The agent wants to see the body.
    is_invited: bool,
    /// There is no more of the body.
    is_whole: bool,
    /// The agent knows that no more is shown.
    is_ended: bool,
    /// A part of the body wants to be sent at once.
    pub flushes: bool,
    /// The head has gone on, or another in its place.
    pub is_released: bool,
    /// Nothing of the body goes on.
    pub discards: bool,
}

impl Exchange {
    /// Keeps a connection, if there is one, for what is answered to this request; null, and the connection is closed, if there is no memory.
    ///
    /// # Safety
    ///
    /// The connection is one of [`crate::agent`]'s, open, and the caller's to give away.
    pub unsafe fn reserve(
        request: Request,
        connection: Option<*mut ngx_connection_t>,
        want: Want,
    ) -> *mut Self {
        // SAFETY: as the caller says. The log of the cycle outlives every connection. What is allocated is aligned for pointers, large
        // enough, or null.
        unsafe {
            let log = (*ngx_cycle).log;
            let pool = ngx_create_pool(2048, log);
            let exchange = if pool.is_null() { ptr::null_mut() } else { ngx_palloc(pool, size_of::<Self>()) };
            if exchange.is_null() {
                if let Some(connection) = connection {
                    agent::close(connection);
                }
                return ptr::null_mut();
            }
            let (exchange, settings) = (exchange.cast::<Self>(), request.settings());
            let mut line = Line::new(pool, settings.timeout());
            if let Some(connection) = connection {
                line.take(connection, event, exchange.cast(), log);
            }
            exchange.write(Self {
                state: State::Reserved,
                pool,
                request: Some(request),
                counters: request.counters(),
                settings,
                line,
                want,
                queue: Queue::new(pool),
                shown: ptr::null_mut(),
                shown_bytes: 0,
                copied_bytes: 0,
                is_invited: false,
                is_whole: false,
                is_ended: false,
                flushes: false,
                is_released: false,
                discards: false,
            });
            exchange
        }
    }

    pub fn holds(&self) -> bool {
        matches!(self.want, Want::Hold(_))
    }

    fn bytes_max(&self) -> u64 {
        match self.want {
            Want::Hold(bytes) | Want::Copy(bytes) => bytes,
        }
    }

    /// There is an answer to the request. The state says whether there is a verdict already, or has to be waited for.
    pub fn begin(&mut self, request: Request, id: &[u8]) {
        self.state = State::Asking;
        if !self.line.is_there() {
            return self.fail(Reason::Down, b"the connection was closed before there was an answer");
        }
        // nginx leaves HTTP behind such a head at once.
        if request.answer_status() < 200 {
            self.want = Want::Copy(0);
        }
        let Some(head) = self.written(request, id) else { return self.fail(Reason::Error, b"no memory") };
        let is_bodiless = request.is_answer_bodiless();
        (self.is_whole, self.is_invited, self.is_ended) = (is_bodiless, is_bodiless, is_bodiless);
        let end = if is_bodiless { END } else { b"" };
        if !self.say(head) || !self.say(end) {
            return self.fail(Reason::Error, b"no memory");
        }
        self.line.arm();
        self.advance();
    }

    /// Shows and hears as much as there is to.
    pub fn advance(&mut self) {
        while self.state == State::Asking {
            if !self.line.is_there() {
                return self.fail(Reason::Down, b"no connection");
            }
            if !self.show() {
                return self.fail(Reason::Error, b"no memory, or no file");
            }
            let pool = self.pool;
            // SAFETY: what is given has been sent, and is nobody else's; what is no large piece of a pool is left where it is.
            let has_sent = self.line.send(|sent| unsafe {
                if !sent.start.is_null() {
                    ngx_pfree(pool, sent.start.cast());
                }
            });
            let progress = self.line.receive();
            match progress {
                Progress::Under if !self.is_invited && is_announced(self.line.received()) => {
                    self.is_invited = true;
                    continue;
                }
                Progress::Under => self.wait(has_sent),
                Progress::Whole => self.conclude(),
                Progress::Broken => self.fail(Reason::Error, b"no answer of an agent"),
                Progress::Lost => self.fail(Reason::Down, b"the connection was closed"),
            }
            return;
        }
    }

    /// While nginx has nothing to show, the agent owes nothing.
    fn wait(&mut self, has_sent: bool) {
        let owes = !self.is_invited || self.is_ended || !self.line.unsent.is_null();
        if !owes {
            self.line.rest();
        } else if has_sent || !self.line.is_armed() {
            self.line.arm();
        }
    }

    /// The agent has nothing to say before it is shown something: it has gone.
    fn look(&mut self, event: *mut ngx_event_t) {
        if Agent::is_quiet(event) {
            return;
        }
        self.line.close();
    }
}

/// Something happened on the connection, or nothing for too long.
unsafe extern "C" fn event(event: *mut ngx_event_t) {
    // SAFETY: nginx passes the event of a connection, whose data is the exchange that has it: that lives as long as the connection is open.
    // Nothing else refers to it while this runs.
    let (this, is_late) = unsafe {
        let connection = (*event).data.cast::<ngx_connection_t>();
        ((*connection).data.cast::<Exchange>(), (*event).timedout() != 0)
    };
    // SAFETY: as above.
    let exchange = unsafe { &mut *this };
    let is_done = guard::guarded(None, || {
        match exchange.state {
            State::Reserved => exchange.look(event),
            _ if is_late => {
                // SAFETY: agents live as long as the configuration.
                let name = unsafe { (*exchange.settings.agent()).name() };
                exchange.fail(Reason::Late, name);
            }
            _ => exchange.advance(),
        }
        Some(())
    });
    if is_done.is_none() {
        guard::guarded((), || exchange.give_up());
    }
    if matches!(exchange.state, State::Reserved | State::Asking) {
        return;
    }
    match exchange.request {
        Some(request) if exchange.holds() => response::resume(request),
        Some(_) => {}
        // SAFETY: nginx has forgotten the request, and nothing of a copy was released.
        None => unsafe { Exchange::end(this) },
    }
}
