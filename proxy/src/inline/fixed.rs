//! Answers that need no upstream.

use engine::policy::FixedAnswer;
use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderName, HeaderValue};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use super::enforce;
use super::exchange::Exchange;

/// Answers as the configuration says, once rules saw the head. Nobody reads the body, so nobody judges it.
pub(super) async fn answer(
    session: &mut Session,
    exchange: &mut Exchange,
    fixed: &FixedAnswer,
) -> pingora::Result<()> {
    if !exchange.judging.judge_end() {
        return enforce::refuse(session, exchange).await;
    }
    let header = header(session, fixed)?;
    exchange.answer_with(fixed.status);
    enforce::answer(session, exchange, header, bytes::Bytes::from(fixed.body.clone())).await
}

fn header(session: &Session, fixed: &FixedAnswer) -> pingora::Result<ResponseHeader> {
    let mut header = ResponseHeader::build(fixed.status, Some(4))?;
    if let Some(location) = &fixed.location {
        let path = session.req_header().uri.path_and_query().map_or("/", |path| path.as_str());
        header.insert_header(LOCATION, location.url(path))?;
    }
    for (name, value) in &fixed.headers {
        // They were looked at when they were read.
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            header.append_header(name, value)?;
        }
    }
    // A 204 has no length (RFC 9110, section 8.6), nor has a 304 to a request of which nothing is known.
    if !matches!(fixed.status, 204 | 304) {
        header.insert_header(CONTENT_LENGTH, fixed.body.len())?;
    }
    Ok(header)
}
