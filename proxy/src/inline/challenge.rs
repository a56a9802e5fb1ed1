//! What an authority gets that looks for a file which proves that a name is ours (ACME's HTTP-01).

use acme::HTTP01_PATH;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use pingora::http::ResponseHeader;
use pingora::proxy::Session;

use crate::acme::Shelf;

/// Answers a request for a file that an authority was told of; `false` for any other request, which goes its way. Nobody else knows
/// these paths, so that nothing is kept from inspection.
pub(super) async fn answer(session: &mut Session, shelf: &Shelf) -> pingora::Result<bool> {
    let request = session.req_header();
    let Some(token) = request.uri.path().strip_prefix(HTTP01_PATH) else { return Ok(false) };
    let is_get = request.method == http::Method::GET;
    let Some(text) = shelf.challenges().http01(token).filter(|_| is_get) else { return Ok(false) };
    if !session.is_body_empty() {
        return Ok(false);
    }
    let mut header = ResponseHeader::build(200, Some(3))?;
    header.insert_header(CONTENT_TYPE, "application/octet-stream")?;
    header.insert_header(CONTENT_LENGTH, text.len())?;
    header.insert_header(CACHE_CONTROL, "no-store")?;
    session.write_response_header(Box::new(header), false).await?;
    session.write_response_body(Some(text.into()), true).await?;
    Ok(true)
}
