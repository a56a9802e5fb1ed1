//! What has become of an answer: it is shown over the connection on which the agent let its request pass, and judged.
//!
//! Where the policy prevents, nothing of it goes on before that ([`Want::Hold`]): memory is copied, so that who made it goes on making, and
//! files stay as they are. What is more than the agent wants to see waits where it is, as if the client were slow. Where the policy only
//! detects, copies go along ([`Want::Copy`]), and what is left to be said of them is said when nginx has forgotten the request.

use std::mem::size_of;
use std::ptr;
use std::slice;

use ngx::ffi::*;

use crate::agent::{self, Agent};
use crate::answer::{Answer, is_announced};
use crate::counters::{Counters, Reason};
use crate::guard;
use crate::line::{Line, Progress};
use crate::question::hexadecimal;
use crate::queue::{self, Queue};
use crate::request::Request;
use crate::response;
use crate::settings::Settings;
use crate::shown::{Shown, Want};

/// What is behind the last chunk of what is shown.
const END: &[u8] = b"0\r\n\r\n";

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

    fn written(&self, request: Request, id: &[u8]) -> Option<&'static [u8]> {
        let mut digits = [0; 20];
        let length = request.answer_length().map(|length| crate::question::decimal(length, &mut digits));
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
    fn say(&mut self, text: &'static [u8]) -> bool {
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
    fn send_chunk(&mut self, bytes: &[u8], owned: *mut u8) -> bool {
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

    /// Adds to what is sent what the agent has not been shown; `false` if that cannot be.
    fn show(&mut self) -> bool {
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

    /// What the agent said, if there is a verdict.
    pub fn answer(&self) -> Option<Answer<'static>> {
        matches!(self.state, State::Passed | State::Refused).then(|| self.line.answer()).flatten()
    }

    fn conclude(&mut self) {
        let Some(answer) = self.line.answer() else { return };
        let state = match (answer.header(b"x-portcullis-verdict"), answer.status) {
            (Some(b"pass" | b"detect"), 200) => State::Passed,
            (Some(b"prevent"), _) if self.holds() => State::Refused,
            (Some(verdict), _) => return self.fail(Reason::Error, verdict),
            (None, _) => return self.fail(Reason::Error, answer.body),
        };
        // Of what the agent has no use for, it gets the end; where it has the beginning of a piece, the connection cannot go on.
        if !self.is_ended && self.line.unsent.is_null() && self.say(END) {
            self.line.send(|_| {});
        }
        // SAFETY: agents live as long as the configuration.
        self.line.keep(self.settings.agent());
        self.counters.succeed();
        let responses = &self.counters.responses;
        responses.count(if state == State::Refused { &responses.refused } else { &responses.passed });
        self.state = state;
    }

    fn fail(&mut self, reason: Reason, why: &[u8]) {
        if self.state != State::Asking {
            return;
        }
        let passes = !self.holds() || self.settings.passes_unasked();
        self.state = State::Failed { reason, passes };
        self.line.close();
        self.counters.fail_response(reason, passes);
        let what = match self.holds() {
            true if !passes => c"answer not inspected, fail mode closed",
            _ => c"answer not inspected, passes",
        };
        if let Some(request) = self.request {
            request.log(NGX_LOG_ERR, what, reason.as_str(), &why[..why.len().min(80)]);
        }
    }

    /// Another answer takes the place of the one that waits for its verdict.
    pub fn replaced(&mut self) {
        self.fail(Reason::Error, b"nginx answers otherwise meanwhile");
        self.discard();
    }

    /// Something of ours has panicked: there is no verdict, and what follows from that is for the fail mode to say.
    pub fn give_up(&mut self) {
        self.fail(Reason::Error, b"a fault of the module");
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

    /// nginx is about to forget the request. Whether what is left goes on by itself: then nobody else has it any more.
    pub fn forget(&mut self) -> bool {
        match self.state {
            State::Asking if !self.holds() => {
                // Of what the client has not waited for, there is no more.
                self.is_whole = true;
                self.advance();
                if self.state == State::Asking {
                    self.request = None;
                    return true;
                }
            }
            State::Reserved | State::Asking => {
                self.state = State::Aborted;
                self.counters.responses.count(&self.counters.responses.aborted);
            }
            State::Passed | State::Refused | State::Failed { .. } | State::Aborted => {}
        }
        self.line.close();
        false
    }

    /// Frees it.
    ///
    /// # Safety
    ///
    /// Nobody has it any more, nor what was released of it.
    pub unsafe fn end(this: *mut Self) {
        // SAFETY: as the caller says.
        unsafe {
            (*this).line.close();
            ngx_destroy_pool((*this).pool);
        }
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

impl Exchange {
    /// The agent has nothing to say before it is shown something: it has gone.
    fn look(&mut self, event: *mut ngx_event_t) {
        if Agent::is_quiet(event) {
            return;
        }
        self.line.close();
    }
}
