//! Variables of the response.

use transaction::{Response, Shortfall};

use super::super::bytes::Bytes;
use super::super::value::Value;
use super::request::{list, list_names};
use super::{Scene, flag};
use crate::{Phase, Variable};

/// Appends the values of `variable` if it is one of the response.
pub(super) fn collect<'t>(variable: Variable, scene: Scene<'t>, out: &mut Vec<Value<'t>>) -> bool {
    let response = scene.transaction.response.as_ref().filter(|_| scene.phase >= Phase::ResponseHeaders);
    match variable {
        Variable::ResponseHeaders => {
            response.into_iter().for_each(|response| list(variable, &response.head.headers, out));
        }
        Variable::ResponseHeadersNames => {
            response.into_iter().for_each(|response| list_names(variable, &response.head.headers, out));
        }
        Variable::OutboundDataError => {
            let is_cut = scene.transaction.inspection.has(Shortfall::ResponseTooLarge);
            out.push(Value::scalar(variable, flag(is_cut)));
        }
        _ => match response.map(|response| scalar(variable, response, scene.phase)) {
            Some(Some(bytes)) => out.push(Value::scalar(variable, bytes)),
            _ => return false,
        },
    }
    true
}

fn scalar(variable: Variable, response: &Response, phase: Phase) -> Option<Bytes<'_>> {
    let head = &response.head;
    let has_body = phase >= Phase::ResponseBody;
    Some(match variable {
        Variable::ResponseBody if has_body => response.body.as_slice().into(),
        Variable::ResponseContentLength if has_body => response.bytes_total.to_string().into(),
        Variable::ResponseContentType => {
            let content_type = head.headers.first(b"content-type").unwrap_or_default();
            content_type.split(|byte| *byte == b';').next().unwrap_or_default().into()
        }
        Variable::ResponseProtocol => head.protocol.as_slice().into(),
        Variable::ResponseStatus => head.status.to_string().into(),
        Variable::StatusLine => {
            [head.protocol.as_slice(), head.status.to_string().as_bytes()].join(&b' ').into()
        }
        _ => return None,
    })
}
