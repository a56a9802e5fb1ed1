//! One exchange, from the first message of its stream to the last.

use tokio::time::timeout;
use tonic::{Code, Streaming};

use super::exchange::{Exchange, Flow, shown};
use super::head::{self, Ends, Unreadable, attribute};
use super::messages::processing::{HttpHeaders, Part, ProcessingRequest};
use super::mode::{BodyMode, Modes};
use super::outbox::Outbox;
use super::{Asker, PROCESSING, reply};
use crate::attach::asked::{not_understood, turned_away};
use crate::attach::{Asked, Told};

/// Judges what a stream shows, until it ends.
pub(super) async fn run(asker: Asker, mut incoming: Streaming<ProcessingRequest>, outbox: Outbox) {
    let first = timeout(asker.envoy.listener.limits.head_timeout, incoming.message()).await;
    let first = match first {
        Ok(Ok(Some(first))) => first,
        // Whoever asked thought better of it; nothing was shown.
        Ok(Ok(None)) => return outbox.finish().await,
        Ok(Err(_)) | Err(_) => return turned_away(&asker.shared, PROCESSING, "malformed"),
    };
    let started = match Opened::of(&asker, first) {
        Ok(opened) => opened,
        Err(error) => {
            not_understood(&asker.shared, PROCESSING, &error);
            let _ = outbox.send(reply::failure("unreadable")).await;
            return outbox.finish().await;
        }
    };
    let asked = Asked::new(&asker.shared, PROCESSING);
    let Opened { told, modes, ends } = started;
    let (mut exchange, mut said) = Exchange::begin(asked, modes, outbox, told, ends).await;
    let patience = asker.envoy.listener.limits.stall_timeout;
    while let Ok(Flow::Goes) = said {
        let next = if exchange.waits() {
            timeout(patience, incoming.message()).await.map_err(|_| Late)
        } else {
            Ok(incoming.message().await)
        };
        said = match next {
            Ok(Ok(Some(ProcessingRequest { part: Some(part), .. }))) => exchange.show(part).await,
            // Of other things than parts nothing is to be said.
            Ok(Ok(Some(_))) => Ok(Flow::Goes),
            Ok(Err(error)) if error.code() == Code::OutOfRange => exchange.is_too_long().await,
            Ok(Ok(None) | Err(_)) => return exchange.ended(),
            Err(Late) => exchange.is_late().await,
        };
    }
    if said.is_err() {
        exchange.ended();
    }
}

/// The next part does not come in time.
struct Late;

/// What the first message says.
struct Opened {
    told: Told,
    modes: Modes,
    ends: bool,
}

impl Opened {
    fn of(asker: &Asker, first: ProcessingRequest) -> Result<Self, Unreadable> {
        let ProcessingRequest { part, attributes, is_observed, protocol } = first;
        let Some(Part::RequestHeaders(HttpHeaders { headers: Some(headers), ends })) = part else {
            return Err(Unreadable::Missing("the head of the request, in front of all others"));
        };
        let configuration = protocol.unwrap_or_default();
        let modes = Modes {
            request: BodyMode::of(configuration.request_body),
            answer: BodyMode::of(configuration.response_body),
        };
        if is_observed {
            return Err(Unreadable::Malformed("observability_mode, in which nobody waits for an answer,"));
        }
        let most = asker.envoy.listener.limits.head_bytes_max;
        let head = head::request(&headers, attribute(&attributes, "request.protocol"), most)?;
        let (hops, connection) = Ends::of(&attributes).who(&asker.envoy, asker.address, &head.headers)?;
        let body = shown(modes, ends, &head);
        Ok(Self { told: Told { head, connection, hops, body }, modes, ends })
    }
}
