//! The way back to Envoy.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::Stream;
use tokio::sync::mpsc;
use tonic::Status;

use super::messages::processing::ProcessingResponse;

/// Where answers are put.
#[derive(Debug)]
pub(super) struct Outbox(mpsc::Sender<Option<ProcessingResponse>>);

/// What Envoy gets of them. A stream that ends well lets the rest of an exchange pass, so it ends well only where that is said:
/// if whoever judges is gone without a word, it fails.
#[derive(Debug)]
pub(super) struct Outgoing {
    answers: mpsc::Receiver<Option<ProcessingResponse>>,
    is_over: bool,
}

/// Envoy does not listen any more.
#[derive(Debug)]
pub(super) struct Gone;

/// A way back.
pub(super) fn outbox() -> (Outbox, Outgoing) {
    let (sender, answers) = mpsc::channel(ANSWERS_MAX);
    (Outbox(sender), Outgoing { answers, is_over: false })
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
        let next = ready!(self.answers.poll_recv(cx));
        self.is_over = !matches!(next, Some(Some(_)));
        Poll::Ready(match next {
            Some(Some(answer)) => Some(Ok(answer)),
            Some(None) => None,
            None => Some(Err(Status::internal("not inspected"))),
        })
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
            let (outbox, mut outgoing) = outbox();
            outbox.send(ProcessingResponse::default()).await.expect("room");
            if finishes {
                outbox.finish().await;
            }
            drop(outbox);
            assert!(matches!(outgoing.next().await, Some(Ok(_))));
            assert_eq!(matches!(outgoing.next().await, Some(Err(_))), !finishes);
            assert!(outgoing.next().await.is_none());
        }
    }
}
