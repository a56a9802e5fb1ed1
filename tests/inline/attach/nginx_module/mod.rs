//! Our module of nginx (`nginx-module/`), in a real one, set up as docs/attach/nginx-module.md says.
//!
//! It is built by `./x nginx-module`. `PORTCULLIS_NGINX` and `PORTCULLIS_NGINX_MODULE` name another nginx and the module for it.

mod answer_faults;
mod answers;
mod faults;
mod http3;
mod load;
mod once;
mod sees;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::curl;
use super::super::origin::Origin;
use super::super::process::Portcullis;
use super::nginx::Gateway;
use super::{agent, socket};

/// Where the module is.
fn module() -> Option<String> {
    let built =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/nginx-module/ngx_http_portcullis_module.so");
    let named = std::env::var_os("PORTCULLIS_NGINX_MODULE").map(PathBuf::from);
    let module = named.unwrap_or(built);
    if !module.exists() {
        println!("left out: no module, which `./x nginx-module` builds");
        return None;
    }
    Some(module.display().to_string())
}

/// nginx with the module and nothing else before an application.
pub(super) fn gateway(socket: &str, origin: &Origin, shows_responses: bool) -> Option<Gateway> {
    let responses = if shows_responses { "on" } else { "off" };
    let http = format!(
        "portcullis on; portcullis_responses {responses}; portcullis_agent unix:{socket}; portcullis_timeout 5s;"
    );
    Gateway::start(&[&module()?], &http, &format!("location / {{ proxy_pass http://{}; }}", origin.address))
}

/// nginx with the module before an application.
struct Before {
    gateway: Gateway,
    origin: Origin,
}

/// What nginx has counted.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    requests: u64,
    passed: u64,
    refused: u64,
    missed_open: u64,
    missed_closed: u64,
    off: u64,
    answered: u64,
    aborted: u64,
    answers: Answers,
}

/// What nginx has counted of answers.
#[derive(Debug, Default, PartialEq)]
struct Answers {
    all: u64,
    passed: u64,
    refused: u64,
    unwanted: u64,
    missed_open: u64,
    missed_closed: u64,
    aborted: u64,
}

impl Counts {
    /// Whether every request became something, and one thing only.
    #[track_caller]
    fn add_up(&self) {
        let Self { requests, passed, refused, missed_open, missed_closed, off, answered, aborted, .. } = self;
        let sum = passed + refused + missed_open + missed_closed + off + answered + aborted;
        assert_eq!(*requests, sum, "{self:?}");
        let Answers { all, passed, refused, unwanted, missed_open, missed_closed, aborted } = &self.answers;
        let sum = passed + refused + unwanted + missed_open + missed_closed + aborted;
        assert_eq!(*all, sum, "{self:?}");
    }
}

impl Before {
    fn start(socket: &str, more: &str) -> Option<Self> {
        let origin = Origin::start();
        let module = module()?;
        // A busy machine is no fault of the agent's.
        let timeout = if more.contains("_timeout") { "" } else { "portcullis_timeout 15s;" };
        let http = format!(
            "portcullis on; portcullis_agent unix:{socket}; {timeout} {more}
             limit_req_zone $server_port zone=few:1m rate=1r/m; client_body_buffer_size 16k;"
        );
        let address = origin.address;
        let server = format!(
            "add_header X-Said \"$portcullis_verdict $portcullis_id $portcullis_score\" always; proxy_http_version 1.1; proxy_set_header Connection \"\";
             location / {{ proxy_pass http://{address}; }}
             location /any/ {{ satisfy any; allow all; proxy_pass http://{address}; }}
             location /moved/ {{ rewrite ^/moved/(.*)$ /$1 last; }}
             location /failing {{ error_page 418 = @page; return 418; }}
             location /absent {{ error_page 404 = @page; root /nonexistent; }}
             location /tried {{ try_files /nonexistent @page; }}
             location /inner/ {{ internal; proxy_pass http://{address}; }}
             location @page {{ proxy_pass http://{address}; }}
             location /mirrored {{ mirror /copy; proxy_pass http://{address}; }}
             location = /copy {{ internal; proxy_pass http://{address}; }}
             location /authed/ {{ auth_request /auth; proxy_pass http://{address}; }}
             location = /auth {{ internal; proxy_pass_request_body off; proxy_set_header Content-Length '';
               proxy_pass http://{address}; }}
             location /unbuffered {{ proxy_request_buffering off; proxy_pass http://{address}; }}
             location /bodiless {{ portcullis_body off; proxy_pass http://{address}; }}
             location /cut {{ portcullis_body_size 1k; proxy_pass http://{address}; }}
             location /off/ {{ portcullis off; proxy_pass http://{address}; }}
             location /off/tried {{ portcullis off; try_files /nonexistent @page; }}
             location /small {{ client_max_body_size 1k; proxy_pass http://{address}; }}
             location /toolong {{ client_max_body_size 1k; error_page 413 = @page; proxy_pass http://{address}; }}
             location /limited {{ limit_req zone=few; proxy_pass http://{address}; }}
             location /real {{ set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; proxy_pass http://{address}; }}
             location = /here {{ return 200 here; }}
             location = /fallback {{ error_page 503 = @page; proxy_pass http://{address}; }}
             location = /status {{ portcullis off; portcullis_status; }}
             location /ws {{ proxy_pass http://{address}; proxy_set_header Upgrade $http_upgrade;
               proxy_set_header Connection upgrade; }}
             location /events {{ proxy_buffering off; proxy_pass http://{address}; }}"
        );
        let gateway = Gateway::start(&[&module], &http, &server)?;
        Some(Self { gateway, origin })
    }

    fn get(&self, path: &str) -> u16 {
        curl::get(&self.url(path)).status
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.gateway.base)
    }

    /// What is counted; asking for it is a request that is off, and not logged before it is answered.
    fn counts(&self) -> Counts {
        let text = curl::get(&self.url("/status")).body;
        let count = |begin: &str, what: &str| {
            let counts = text.lines().filter(|line| line.starts_with(begin) && line.contains(what));
            counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
        };
        let became = |what: &str| count("portcullis_nginx_became_total", what);
        let answers = |what: &str| count("portcullis_nginx_response_became_total", what);
        Counts {
            requests: count("portcullis_nginx_requests_total ", ""),
            passed: became("\"passed\""),
            refused: became("\"refused\""),
            missed_open: became("\"missed-open\""),
            missed_closed: became("\"missed-closed\""),
            off: became("\"off\""),
            answered: became("\"answered\""),
            aborted: became("\"aborted\""),
            answers: Answers {
                all: count("portcullis_nginx_responses_total ", ""),
                passed: answers("\"passed\""),
                refused: answers("\"refused\""),
                unwanted: answers("\"unwanted\""),
                missed_open: answers("\"missed-open\""),
                missed_closed: answers("\"missed-closed\""),
                aborted: answers("\"aborted\""),
            },
        }
    }

    /// The same, once all of so many requests are counted: a client has its answer a little earlier. What was asked
    /// here is no request of a client.
    fn counts_of(&self, requests: u64) -> Counts {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let counts = self.counts();
            if counts.requests - counts.off >= requests || Instant::now() > until {
                return counts;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// nginx says nothing that would be a fault of the module.
    #[track_caller]
    fn is_well(&self) {
        let errors = self.gateway.errors();
        for fault in ["[alert]", "[emerg]", "exited on signal", "panicked"] {
            assert!(!errors.contains(fault), "{errors}");
        }
    }
}

/// An agent in prevent mode, and nginx that asks it.
fn start(more: &str) -> Option<(Portcullis, Before)> {
    module()?;
    let agent = agent("native", "prevent", "", "");
    let before = Before::start(&socket(&agent), more)?;
    Some((agent, before))
}
