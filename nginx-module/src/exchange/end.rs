//! How an exchange ends: with a verdict, without one, or because nginx forgets the request.

use ngx::ffi::*;

use super::say::END;
use super::{Exchange, State};
use crate::answer::Answer;
use crate::counters::{Missed, Reason};

impl Exchange {
    /// What the agent said, if there is a verdict.
    pub fn answer(&self) -> Option<Answer<'static>> {
        matches!(self.state, State::Passed | State::Refused).then(|| self.line.answer()).flatten()
    }

    pub(super) fn conclude(&mut self) {
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

    pub(super) fn fail(&mut self, reason: Reason, why: &[u8]) {
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
            request.complain(what, Missed::Response(reason), why);
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
