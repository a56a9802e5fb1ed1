//! What has become of a request: one question, and its answer or none.

use std::ffi::c_void;
use std::mem::{size_of, take};
use std::ptr;
use std::slice;
use std::sync::atomic::Ordering::Relaxed;

use ngx::ffi::*;

use crate::answer::Answer;
use crate::counters::{MISSED, Missed, Reason};
use crate::exchange::Exchange;
use crate::line::Progress;
use crate::question::Question;
use crate::request::Request;
use crate::settings::Settings;
use crate::shown::Want;
use crate::wire::Wire;
use crate::{body, guard, phase};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// nginx reads its body, or could not.
    Reading,
    Asking,
    /// It may go on: nothing was found, or the policy only detects.
    Approved,
    Refused,
    /// There is no verdict.
    Failed {
        reason: Reason,
        passes: bool,
    },
}

/// Lives in the request's pool, without anything that would have to be dropped.
pub struct Ask {
    pub state: State,
    request: Request,
    settings: &'static Settings,
    wire: Wire,
    /// What this question tells of others.
    missed: [u64; MISSED],
    begun: ngx_msec_t,
    /// How long there was no verdict, in milliseconds.
    pub took: ngx_msec_t,
    /// Whether the application's headers are in order ([`crate::enforce::approve`]).
    pub is_told: bool,
    /// What becomes of its answer; null where that is not shown, or goes on by itself.
    pub exchange: *mut Exchange,
}

/// By this handler among the cleanups of a request's pool an [`Ask`] is found again.
pub const MARK: unsafe extern "C" fn(*mut c_void) = bury;

impl Ask {
    /// One for this request; null if there is no memory.
    pub fn new(request: Request) -> *mut Self {
        // SAFETY: nginx gives memory that is aligned for pointers, large enough, and lives as long as the request. Both cleanups end the
        // question: the request's when nginx gives it up, the pool's when it is freed.
        unsafe {
            let in_pool = ngx_pool_cleanup_add(request.pool(), size_of::<Self>());
            let of_request = ngx_http_cleanup_add(request.raw(), 0);
            if in_pool.is_null() || of_request.is_null() {
                return ptr::null_mut();
            }
            let ask = (*in_pool).data.cast::<Self>();
            ask.write(Self {
                state: State::Reading,
                request,
                settings: request.settings(),
                wire: Wire::new(request),
                missed: [0; MISSED],
                begun: ngx_current_msec,
                took: 0,
                is_told: false,
                exchange: ptr::null_mut(),
            });
            (*in_pool).handler = Some(bury);
            (*of_request).data = ask.cast();
            (*of_request).handler = Some(abandon);
            request.set_ask(ask);
            ask
        }
    }

    /// Asks; `is_body_read` says whether nginx has all of the body. The state says whether there is a verdict already, or has to be waited for.
    ///
    /// # Safety
    ///
    /// `ask` is one that [`Self::new`] made, of a request that nginx has not ended.
    pub unsafe fn begin(ask: *mut Self, is_body_read: bool) {
        // SAFETY: as the caller says; nobody else holds a reference to it, as nginx has one thread and no callback runs inside of this.
        let this = unsafe { &mut *ask };
        this.state = State::Asking;
        // SAFETY: a number that nginx's one thread writes.
        this.begun = unsafe { ngx_current_msec };
        let counters = this.request.counters();
        let second = ngx_time() as u64;
        if counters.is_open(second) {
            return this.fail(Reason::Down, false, b"nobody has answered for a while");
        }
        this.missed = counters.take_untold(second);
        let (shown, body_bytes) = body::shown(this.request, is_body_read, this.settings.body_bytes_max());
        let question = Question {
            client: this.request.client(),
            token: this.settings.token(),
            missed: this.missed,
            shows_response: this.settings.shows_responses(),
            request_line: this.request.line(),
            headers: this.request.missing_host().into_iter().chain(this.request.headers()),
            shown,
            body_bytes,
        };
        let Some(place) = this.request.allocate(question.length()) else {
            return this.fail(Reason::Error, true, b"no memory");
        };
        let mut at = 0;
        question.write(&mut |piece| {
            place[at..at + piece.len()].write_copy_of_slice(piece);
            at += piece.len();
        });
        // SAFETY: as many bytes were written as there are; the pool's memory lives as long as this.
        let question = unsafe { slice::from_raw_parts(place.as_ptr().cast(), at) };
        let progress = this.wire.ask(question, body_bytes, event, ask.cast());
        this.follow(progress);
    }

    fn follow(&mut self, progress: Progress) {
        match progress {
            Progress::Under => {}
            Progress::Whole => self.conclude(),
            Progress::Broken => self.fail(Reason::Error, true, b"no answer of an agent"),
            Progress::Lost => self.fail(Reason::Down, true, b"no connection, or it was closed"),
        }
    }

    /// The answer, if there is a verdict.
    pub fn answer(&self) -> Option<Answer<'static>> {
        matches!(self.state, State::Approved | State::Refused).then(|| self.wire.answer()).flatten()
    }

    fn conclude(&mut self) {
        let Some(answer) = self.wire.answer() else { return };
        let is_refused = match (answer.header(b"x-portcullis-verdict"), answer.status) {
            (Some(b"pass" | b"detect"), 200) => false,
            (Some(b"prevent"), _) => true,
            (Some(verdict), _) => return self.fail(Reason::Error, true, verdict),
            (None, _) => return self.fail(Reason::Error, true, answer.body),
        };
        let is_shown = self.settings.shows_responses() && !is_refused;
        let want = answer.header(b"x-portcullis-responses").filter(|_| is_shown).and_then(Want::of);
        match want {
            Some(want) if !self.reserve(want) => return self.fail(Reason::Error, true, b"no memory"),
            Some(_) => {}
            None => self.wire.keep(),
        }
        let counters = self.request.counters();
        if is_shown && want.is_none() {
            counters.responses.count(&counters.responses.unwanted);
        }
        counters.succeed();
        let counted = if is_refused { &counters.refused } else { &counters.passed };
        counted.fetch_add(1, Relaxed);
        self.settle(if is_refused { State::Refused } else { State::Approved });
    }

    /// Keeps the connection for the answer, if it can be used again; `false` if there is no memory.
    fn reserve(&mut self, want: Want) -> bool {
        let connection = self.wire.give_away();
        // SAFETY: it was this question's alone, and is nobody's now.
        self.exchange = unsafe { Exchange::reserve(self.request, connection, want) };
        !self.exchange.is_null()
    }

    fn fail(&mut self, reason: Reason, was_asked: bool, why: &[u8]) {
        let passes = self.settings.passes_unasked();
        let counters = self.request.counters();
        counters.give_back(take(&mut self.missed));
        counters.fail(reason, passes, was_asked);
        let what = if passes { c"not inspected, fail mode open" } else { c"not inspected, fail mode closed" };
        self.request.complain(what, Missed::Request(reason), why);
        self.settle(State::Failed { reason, passes });
    }

    /// Something of ours has panicked: there is no verdict, and what follows from that is for the fail mode to say.
    pub fn give_up(&mut self) {
        if matches!(self.state, State::Reading | State::Asking) {
            self.fail(Reason::Error, true, b"a fault of the module");
        }
    }

    fn settle(&mut self, state: State) {
        self.wire.close();
        // SAFETY: a number that nginx's one thread writes.
        self.took = unsafe { ngx_current_msec }.wrapping_sub(self.begun);
        self.state = state;
    }
}

/// Something happened on the connection, or nothing for too long.
unsafe extern "C" fn event(event: *mut ngx_event_t) {
    // SAFETY: nginx passes the event of a connection, whose data is the question that has it: that lives as long as the connection is open, as
    // `abandon` closes it. Nothing else refers to it while this runs.
    let (ask, is_late) = unsafe {
        let connection = (*event).data.cast::<ngx_connection_t>();
        (&mut *(*connection).data.cast::<Ask>(), (*event).timedout() != 0)
    };
    let request = ask.request;
    let state = guard::guarded(None, || {
        if is_late {
            // SAFETY: agents live as long as the configuration.
            let name = unsafe { (*ask.settings.agent()).name() };
            ask.fail(Reason::Late, true, name);
        } else {
            let progress = ask.wire.advance();
            ask.follow(progress);
        }
        Some(ask.state)
    });
    match state {
        Some(State::Asking) => {}
        Some(_) => phase::resume(request),
        None => {
            phase::give_up(request);
            phase::resume(request);
        }
    }
}

/// nginx is about to forget the request: so does the question. What it would have told is told by another. What is left to be said of a copy
/// of its answer is said without it.
unsafe extern "C" fn abandon(ask: *mut c_void) {
    guard::guarded((), || {
        // SAFETY: nginx passes what `new` has put beside this handler, before it frees the pool that it is in.
        let ask = unsafe { &mut *ask.cast::<Ask>() };
        if ask.state == State::Asking {
            ask.request.counters().give_back(take(&mut ask.missed));
        }
        ask.wire.close();
        // SAFETY: it is null, or this question's alone.
        if let Some(exchange) = unsafe { ask.exchange.as_mut() }
            && exchange.forget()
        {
            ask.exchange = ptr::null_mut();
        }
    });
}

/// nginx is about to free what the request had.
unsafe extern "C" fn bury(ask: *mut c_void) {
    // SAFETY: as above. Of what was released of the answer, nothing is sent any more.
    unsafe {
        abandon(ask);
        let exchange = &mut (*ask.cast::<Ask>()).exchange;
        if !exchange.is_null() {
            Exchange::end(std::mem::replace(exchange, ptr::null_mut()));
        }
    }
}
