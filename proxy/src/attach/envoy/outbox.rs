//! The way back to Envoy.
//!
//! Who judges an exchange is driven by who sends its answers, in one task: a task of its own would have to be woken for each part,
//! and would wake the other for each answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::Status;

use super::messages::processing::ProcessingResponse;

/// Where answers are put.
#[derive(Debug)]
pub(super) struct Outbox(mpsc::Sender<Option<ProcessingResponse>>);

/// What Envoy gets of them. A stream that ends well lets the rest of an exchange pass, so it ends well only where that is said:
/// if whoever judges is gone without a word, it fails.
pub(super) struct Outgoing {
    answers: mpsc::Receiver<Option<ProcessingResponse>>,
    /// Who judges, until that is done.
    judging: Option<Judging>,
    is_over: bool,
}

/// Puts answers into an outbox.
type Judging = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Envoy does not listen any more.
#[derive(Debug)]
pub(super) struct Gone;

/// The way back of what is judged so.
pub(super) fn outgoing<J>(judge: impl FnOnce(Outbox) -> J) -> Outgoing
where
    J: Future<Output = ()> + Send + 'static,
{
    let (sender, answers) = mpsc::channel(ANSWERS_MAX);
    Outgoing { answers, judging: Some(Box::pin(judge(Outbox(sender)))), is_over: false }
}

impl Outbox {
    /// Says something, as soon as there is room for it.
    pub(super) async fn send(&self, answer: ProcessingResponse) -> Result<(), Gone> {
        self.0.send(Some(answer)).await.map_err(|_| Gone)
    }

    /// Nothing more is to be said, and nothing more to be shown.
    pub(super) async fn finish(&self) {
        let _ = self.0.send(None).await;
    }
}

impl Stream for Outgoing {
    type Item = Result<ProcessingResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        if let Some(judging) = &mut self.judging
            && judging.as_mut().poll(cx).is_ready()
        {
            self.judging = None;
        }
        let next = ready!(self.answers.poll_recv(cx));
        self.is_over = !matches!(next, Some(Some(_)));
        Poll::Ready(match next {
            Some(Some(answer)) => Some(Ok(answer)),
            Some(None) => None,
            None => Some(Err(Status::internal("not inspected"))),
        })
    }
}

/// What is under way when nobody takes answers any more is still judged and written down.
impl Drop for Outgoing {
    fn drop(&mut self) {
        if let Some(judging) = self.judging.take()
            && let Ok(runtime) = Handle::try_current()
        {
            self.answers.close();
            runtime.spawn(judging);
        }
    }
}

/// Answers that wait for Envoy to take them (count).
const ANSWERS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn an_end_that_nobody_spoke_of_is_a_failure() {
        for finishes in [true, false] {
            let mut outgoing = outgoing(async move |outbox: Outbox| {
                outbox.send(ProcessingResponse::default()).await.expect("room");
                if finishes {
                    outbox.finish().await;
                }
            });
            assert!(matches!(outgoing.next().await, Some(Ok(_))));
            assert_eq!(matches!(outgoing.next().await, Some(Err(_))), !finishes);
            assert!(outgoing.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn says_more_than_there_is_room_for() {
        let outgoing = outgoing(async |outbox: Outbox| {
            for _ in 0..3 * ANSWERS_MAX {
                outbox.send(ProcessingResponse::default()).await.expect("somebody listens");
            }
            outbox.finish().await;
        });
        assert_eq!(outgoing.filter(|it| std::future::ready(it.is_ok())).count().await, 3 * ANSWERS_MAX);
    }

    #[tokio::test]
    async fn goes_on_when_nobody_listens() {
        let (done, is_done) = tokio::sync::oneshot::channel();
        let mut outgoing = outgoing(async move |outbox: Outbox| {
            outbox.send(ProcessingResponse::default()).await.expect("room");
            tokio::task::yield_now().await;
            let said = outbox.send(ProcessingResponse::default()).await;
            done.send(said.is_err()).expect("the test waits");
        });
        assert!(outgoing.next().await.is_some());
        drop(outgoing);
        assert_eq!(is_done.await, Ok(true));
    }
}
