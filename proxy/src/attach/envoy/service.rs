//! Calls, by their names.

use std::convert::Infallible;
use std::pin::Pin;

use hyper::body::Incoming;
use tonic::server::{ClientStreamingService, Grpc, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

use super::messages::auth::{CheckRequest, CheckResponse};
use super::messages::processing::{ProcessingRequest, ProcessingResponse};
use super::outbox::{Outgoing, outgoing};
use super::{Asker, CHECKING, PROCESSING, check, process};
use crate::attach::asked::turned_away;
use crate::listen::Turn;
use crate::token;

type Answer<T> = Pin<Box<dyn Future<Output = Result<Response<T>, Status>> + Send>>;

/// Answers a call.
pub(super) async fn answer(
    asker: Asker,
    call: http::Request<Incoming>,
) -> Result<http::Response<tonic::body::Body>, Infallible> {
    let most = asker.envoy.message_bytes_max;
    let name = match call.uri().path() {
        PROCESS => PROCESSING,
        CHECK => CHECKING,
        path => {
            let running = asker.shared.running.load();
            if let Some(calls) = running.reports.metrics().attachments.complain(PROCESSING, "unimplemented") {
                tracing::warn!(path, calls, "Envoy calls what is not here");
            }
            return Ok(Status::unimplemented("not a service of this endpoint").into_http());
        }
    };
    if !asker.may_ask(&call) {
        turned_away(&asker.shared, name, "unauthorized");
        return Ok(Status::permission_denied("not a gateway of this endpoint").into_http());
    }
    let Some(turn) = asker.client.turn() else {
        turned_away(&asker.shared, name, "shed");
        // An error is what `failure_mode_allow` is for.
        return Ok(Status::resource_exhausted("too many requests at once").into_http());
    };
    Ok(if name == PROCESSING {
        let codec = ProstCodec::<ProcessingResponse, ProcessingRequest>::default();
        Grpc::new(codec).max_decoding_message_size(most).streaming(Process(asker, Some(turn)), call).await
    } else {
        let codec = ProstCodec::<CheckResponse, CheckRequest>::default();
        let answer =
            Grpc::new(codec).max_decoding_message_size(most).client_streaming(Check(asker), call).await;
        drop(turn);
        answer
    })
}

impl Asker {
    /// Whether who asks is a gateway of this endpoint, and shows its token if one is wanted.
    fn may_ask(&self, call: &http::Request<Incoming>) -> bool {
        if !self.envoy.gateways.contains(self.address) {
            return false;
        }
        let Some(token) = &self.envoy.token else { return true };
        let mut shown = call.headers().get_all("x-portcullis-token").iter();
        shown.next().is_some_and(|it| token::is_same(it.as_bytes(), token.as_bytes()))
            && shown.next().is_none()
    }
}

/// `ext_proc`, with its turn, which lasts as long as the exchange.
struct Process(Asker, Option<Turn>);

impl StreamingService<ProcessingRequest> for Process {
    type Response = ProcessingResponse;
    type ResponseStream = Outgoing;
    type Future = Answer<Outgoing>;

    fn call(&mut self, call: Request<Streaming<ProcessingRequest>>) -> Self::Future {
        let (asker, turn) = (self.0.clone(), self.1.take());
        let outgoing = outgoing(async move |outbox| {
            process::run(asker, call.into_inner(), outbox).await;
            drop(turn);
        });
        Box::pin(async { Ok(Response::new(outgoing)) })
    }
}

/// `ext_authz`. Its one message is read here, so that it is known what becomes of one that does not come, or cannot be read.
struct Check(Asker);

impl ClientStreamingService<CheckRequest> for Check {
    type Response = CheckResponse;
    type Future = Answer<CheckResponse>;

    fn call(&mut self, call: Request<Streaming<CheckRequest>>) -> Self::Future {
        let asker = self.0.clone();
        Box::pin(async move { check::run(&asker, call.into_inner()).await.map(Response::new) })
    }
}

const PROCESS: &str = "/envoy.service.ext_proc.v3.ExternalProcessor/Process";
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
