//! Secrets that a configuration holds are not shown with its errors: those go to logs.

use super::node::{Content, Node};

/// The text with each secret covered, place by place, so that carets stay where they belong.
pub(super) fn covered(text: &str, root: &Node) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let token = root.get("admin").and_then(|admin| admin.get("token")).map(|token| token.span.clone());
    let attachments = root.get("attachments").map_or(&[][..], Node::entries);
    let endpoints = attachments.iter().flat_map(|kind| match &kind.value.content {
        Content::List(items) => items.as_slice(),
        _ => &[],
    });
    let tokens = endpoints.filter_map(|it| it.get("token")).map(|token| token.span.clone());
    let stores = root.get("stores").map_or(&[][..], Node::entries);
    let urls =
        stores.iter().filter_map(|store| store.value.get("redis")).flat_map(|urls| match &urls.content {
            Content::List(items) => items.as_slice(),
            _ => std::slice::from_ref(urls),
        });
    // What stands before the last `@` of an address may be a password.
    let credentials = urls.filter_map(|url| {
        let written = text.get(url.span.clone())?;
        let (begin, end) = (written.find("://")? + 3, written.rfind('@')?);
        (begin < end).then(|| url.span.start + begin..url.span.start + end)
    });
    for span in token.into_iter().chain(tokens).chain(credentials) {
        for byte in bytes.get_mut(span).unwrap_or_default() {
            if *byte != b'\n' && *byte != b'\r' {
                *byte = b'*';
            }
        }
    }
    // Spans begin and end between characters.
    String::from_utf8(bytes).unwrap_or_default()
}
