//! What was answered to a request that may pass, where the gateway shows that too.
//!
//! A gateway that says so with its question ([`super::native`]) is told with the verdict whether the policy wants to see the answer, and
//! shows it over the same connection: the transaction waits there, and ends with it. So no answer is taken for that of another request, and
//! nothing has to be found again.
//!
//! | the agent says | means |
//! |---|---|
//! | `X-Portcullis-Responses: hold=N` | the answer is wanted, and none of it may go on before its verdict, as far as N bytes of its body |
//! | `X-Portcullis-Responses: copy=N` | it is wanted, and goes on meanwhile: the policy only detects |
//! | neither | it is not wanted |
//! | `100 Continue` | what was shown of it, its head, is no reason to refuse it, and its body is wanted |
//!
//! The verdict comes as soon as it is certain: with the head if nothing of the body is looked at, as that is of another type or has no
//! end; at the latest with the byte after N.

use std::time::Duration;

use engine::config::{Dialect, Inspect};
use pingora::protocols::http::ServerSession;
use transaction::{RequestHead, ResponseHead, Shortfall};

use super::answer::Answer;
use super::dialect::Unreadable;
use super::native;
use super::source::Incoming;
use crate::attach::asked::Lost;
use crate::attach::{Asked, Pieces, Refused};
use crate::inline::is_stream;
use crate::listen::Visit;
use crate::wire::{Kept, PaceStage};

/// How long an application may take to begin its answer, and between two parts of it. The gateway has a limit of its own, and closes
/// the connection when it gives up.
pub(super) const AWAITED: Duration = Duration::from_secs(600);

/// A transaction whose answer is to be shown. If it never is, that is counted.
pub(super) struct Waiting(Option<Box<Asked>>);

impl Waiting {
    fn take(&mut self) -> Option<Box<Asked>> {
        self.0.take()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(mut asked) = self.take() {
            give_up(&mut asked);
        }
    }
}

/// The transaction that the answer is to.
pub(super) fn about<'h>(inspect: &Inspect, head: &'h RequestHead) -> Option<&'h [u8]> {
    head.headers.first(b"x-portcullis-response-to").filter(|_| inspect.dialect == Dialect::Native)
}

/// The transaction of this id that waits on this connection. Any other that waits there has no answer.
pub(super) fn waiting(kept: Option<&Kept>, id: &[u8]) -> Option<Box<Asked>> {
    let mut waiting = kept?.take::<Waiting>()?;
    if waiting.0.as_ref()?.id().as_bytes() == id { waiting.take() } else { None }
}

/// Tells of a request, and keeps it until its answer is shown, if that is wanted.
pub(super) fn await_it(mut asked: Asked, kept: &Kept) -> Answer {
    let conclusion = asked.conclusion();
    if conclusion.refused.is_some() || !asked.wants_answer() {
        end(&mut asked, conclusion.refused.as_ref());
        return Answer::of(Dialect::Native, conclusion);
    }
    let most = asked.answer_hold_bytes_max();
    let way = if asked.plan().holds_response { "hold" } else { "copy" };
    kept.put(Waiting(Some(Box::new(asked))));
    Answer::of(Dialect::Native, conclusion).wanting(&format!("{way}={most}"))
}

/// Judges an answer as it is shown.
pub(super) async fn judge(
    session: &mut ServerSession,
    inspect: &Inspect,
    visit: &Visit,
    waiting: Option<Box<Asked>>,
) -> Result<Answer, Unreadable> {
    let mut asked = waiting.ok_or(Unreadable::Unexpected)?;
    // The application says how long it takes.
    visit.pace.reach(PaceStage::Endless);
    session.set_read_timeout(Some(AWAITED));
    // The verdict may come before the end of what is shown.
    session.set_close_on_response_before_downstream_finish(false);
    let mut incoming = Incoming::new(session, visit);
    let head = match native::response_head(&mut incoming, inspect).await {
        Ok(head) => head,
        Err(error) => {
            give_up(&mut asked);
            return Err(error);
        }
    };
    if look_at(&mut asked, head, &mut incoming).await.is_err() {
        give_up(&mut asked);
        return Ok(Answer::closing(500, "the answer breaks off\n"));
    }
    let conclusion = asked.conclusion();
    end(&mut asked, conclusion.refused.as_ref());
    Ok(Answer::of(Dialect::Native, conclusion).early())
}

async fn look_at(asked: &mut Asked, head: ResponseHead, incoming: &mut Incoming<'_>) -> Result<(), Lost> {
    let status = head.status;
    asked.answered_with(status);
    if status == 101 {
        asked.note(Shortfall::Upgraded);
    }
    if status < 200 {
        return Ok(());
    }
    let is_endless = is_stream(head.headers.first(b"content-type").unwrap_or_default());
    let is_read = asked.plan().response_body && !is_endless && !asked.is_head();
    if !asked.answer_head(head) || !is_read {
        return Ok(());
    }
    if !matches!(status, 204 | 304) && asked.reads_answer() && !read_body(asked, incoming).await? {
        return Ok(());
    }
    asked.answer_end();
    Ok(())
}

/// `false` when it is refused before its end.
async fn read_body(asked: &mut Asked, incoming: &mut Incoming<'_>) -> Result<bool, Lost> {
    let (most, mut bytes) = (asked.answer_hold_bytes_max(), 0);
    incoming.invite().await?;
    while let Some(piece) = incoming.next().await? {
        bytes += piece.len();
        if !asked.answer_piece(&piece) {
            return Ok(false);
        }
        if asked.has_enough_of_answer() {
            break;
        }
        // Of what is compressed, less may be known than was shown.
        if bytes > most {
            asked.miss(Shortfall::ResponseTooLarge, None);
            break;
        }
    }
    Ok(true)
}

fn end(asked: &mut Asked, refused: Option<&Refused>) {
    match refused {
        Some(refused) => asked.close(refused.status, "refused"),
        None => asked.close_as("passed"),
    }
}

/// The answer is not shown, or not to its end: the gateway has given it up, or nobody has answered.
fn give_up(asked: &mut Asked) {
    asked.miss(Shortfall::ResponseUnseen, None);
    asked.close_as("passed");
}
