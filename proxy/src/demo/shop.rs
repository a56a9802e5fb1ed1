//! A shop for garden tools: pages, a login form, a JSON interface, an upload.

use async_trait::async_trait;
use http::{Method, Response, StatusCode};
use pingora::apps::http_app::ServeHttp;
use pingora::protocols::http::ServerSession;
use serde_json::{Value, json};

/// The shop. It checks nothing of what it is sent: that is the point.
pub(super) struct Shop;

struct Item {
    id: u32,
    name: &'static str,
    cents: u32,
    about: &'static str,
}

const ITEMS: [Item; 4] = [
    Item { id: 1, name: "Spade", cents: 3_490, about: "Ash handle, forged blade." },
    Item { id: 2, name: "Hose, 25 m", cents: 4_200, about: "With brass couplings." },
    Item { id: 3, name: "Bird house", cents: 1_850, about: "For tits & robins; needs 28 mm." },
    Item { id: 4, name: "Seeds \"O'Hara\"", cents: 320, about: "Tomatoes, select from 12 kinds." },
];

#[async_trait]
impl ServeHttp for Shop {
    async fn response(&self, session: &mut ServerSession) -> Response<Vec<u8>> {
        let body_bytes = read(session).await;
        let head = session.req_header();
        let query = head.uri.query().unwrap_or_default();
        let (status, kind, body) = route(&head.method, head.uri.path(), query, body_bytes);
        let bodiless = head.method == Method::HEAD;
        respond(status, kind, body, bodiless)
    }
}

fn route(method: &Method, path: &str, query: &str, body_bytes: usize) -> (StatusCode, &'static str, String) {
    let posts = method == Method::POST;
    match path {
        "/" => page("Garden tools", &list(|_| true)),
        "/search" => page("Search", &list(|item| matches(item, query))),
        "/about" => page("About us", "<p>Three people, one shed, since 1987.</p>"),
        "/login" if posts => page("Welcome back", "<p>You are signed in.</p>"),
        "/login" => page("Sign in", LOGIN),
        "/upload" if posts => page("Thank you", &format!("<p>We received {body_bytes} bytes.</p>")),
        "/upload" => page("Send us a photo", UPLOAD),
        "/api/items" => (StatusCode::OK, JSON, items().to_string()),
        "/api/orders" if posts => {
            (StatusCode::CREATED, JSON, json!({ "order": 4711, "received": body_bytes }).to_string())
        }
        "/style.css" => (StatusCode::OK, "text/css", STYLE.to_owned()),
        "/healthz" => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        _ => item_page(path).unwrap_or_else(|| {
            let (_, kind, body) = page("Nothing here", "<p><a href=\"/\">All tools</a></p>");
            (StatusCode::NOT_FOUND, kind, body)
        }),
    }
}

fn item_page(path: &str) -> Option<(StatusCode, &'static str, String)> {
    let id: u32 = path.strip_prefix("/item/")?.parse().ok()?;
    let item = ITEMS.iter().find(|item: &&Item| item.id == id)?;
    Some(page(&escape(item.name), &format!("<p>{}</p><p><b>{}</b></p>", escape(item.about), price(item))))
}

/// Whether the first word asked for is in an item's name or description.
fn matches(item: &Item, query: &str) -> bool {
    let wanted = query.split('&').find_map(|pair| pair.strip_prefix("q=")).unwrap_or_default();
    let word = wanted.split(['+', '%']).next().unwrap_or_default().to_ascii_lowercase();
    format!("{} {}", item.name, item.about).to_ascii_lowercase().contains(&word)
}

fn list(wanted: impl Fn(&Item) -> bool) -> String {
    let row = |item: &Item| {
        format!("<li><a href=\"/item/{}\">{}</a> <b>{}</b></li>", item.id, escape(item.name), price(item))
    };
    format!("<ul>{}</ul>", ITEMS.iter().filter(|item| wanted(item)).map(row).collect::<String>())
}

fn items() -> Value {
    ITEMS.iter().map(|item| json!({ "id": item.id, "name": item.name, "cents": item.cents })).collect()
}

fn price(item: &Item) -> String {
    format!("{}.{:02} €", item.cents / 100, item.cents % 100)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn page(title: &str, content: &str) -> (StatusCode, &'static str, String) {
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <link rel=\"stylesheet\" href=\"/style.css\"></head><body><nav><a href=\"/\">Shop</a> \
         <a href=\"/search?q=spade\">Search</a> <a href=\"/login\">Sign in</a> <a href=\"/upload\">Photo</a>\
         </nav><main><h1>{title}</h1>{content}</main></body></html>\n"
    );
    (StatusCode::OK, "text/html; charset=utf-8", body)
}

/// Reads the body to its end; how long it was.
async fn read(session: &mut ServerSession) -> usize {
    let mut bytes = 0;
    while let Ok(Some(chunk)) = session.read_request_body().await {
        bytes += chunk.len();
    }
    bytes
}

fn respond(status: StatusCode, kind: &'static str, body: String, bodiless: bool) -> Response<Vec<u8>> {
    let length = body.len();
    let mut response = Response::new(if bodiless { Vec::new() } else { body.into_bytes() });
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    headers.insert(http::header::CONTENT_LENGTH, length.into());
    response
}

const JSON: &str = "application/json";
const LOGIN: &str = "<form method=\"post\"><p><input name=\"user\" placeholder=\"Name\"></p>\
    <p><input name=\"password\" type=\"password\" placeholder=\"Password\"></p><button>Sign in</button></form>";
const UPLOAD: &str = "<form method=\"post\" enctype=\"multipart/form-data\"><p><input name=\"photo\" type=\"file\"></p>\
    <button>Send</button></form>";
const STYLE: &str = "body{font:16px/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;color:#1d2530}\
    nav a{margin-right:1rem}li{margin:.4rem 0}input{padding:.4rem;width:16rem}\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_pages() {
        for (method, target, status, part) in [
            (Method::GET, "/", 200, "Spade"),
            (Method::GET, "/search?q=hose", 200, "25 m"),
            (Method::GET, "/item/4", 200, "O'Hara"),
            (Method::GET, "/item/9", 404, "Nothing"),
            (Method::GET, "/api/items", 200, "\"cents\":320"),
            (Method::POST, "/api/orders", 201, "4711"),
            (Method::POST, "/login", 200, "signed in"),
            (Method::GET, "/login", 200, "password"),
        ] {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let (found, _, body) = route(&method, path, query, 0);
            assert_eq!(found.as_u16(), status, "{target}");
            assert!(body.contains(part), "{target}: {body}");
        }
    }
}
