//! nginx asks Portcullis about each request (docs/attach/nginx-module.md).
//!
//! | step | file |
//! |---|---|
//! | what nginx finds in the file | [`module`], [`settings`], [`variables`], [`status`] |
//! | where a request is stopped, and goes on | [`phase`] |
//! | the question and the answer | [`ask`], [`wire`], [`line`], [`agent`], [`body`], [`question`], [`answer`] |
//! | what follows | [`enforce`] |
//! | what the client is answered, which is shown as well | [`response`], [`exchange`], [`queue`], [`shown`] |
//! | what is counted, and when nobody is asked | [`counters`] |
//!
//! **Invariant:** nothing waits: nginx's event loop does all input and output. **Invariant:** a request is asked about once, and each is
//! counted once. **Invariant:** memory is of nginx's pools, or static. **Invariant:** nothing unwinds into C ([`guard`]).
//!
//! `unsafe` is what calling nginx is; each block says why it may. What has none of it (`answer`, `question`, `shown`, `counters`) is tested
//! without nginx, the rest by `tests/inline/attach/nginx_module/` in a real one.

mod answer;
mod counters;
mod question;
mod shown;

// Tests of the four above are linked without nginx.
#[cfg(not(test))]
mod agent;
#[cfg(not(test))]
mod ask;
#[cfg(not(test))]
mod body;
#[cfg(not(test))]
mod enforce;
#[cfg(not(test))]
mod exchange;
#[cfg(not(test))]
mod guard;
#[cfg(not(test))]
mod line;
#[cfg(not(test))]
mod module;
#[cfg(not(test))]
mod phase;
#[cfg(not(test))]
mod queue;
#[cfg(not(test))]
mod request;
#[cfg(not(test))]
mod response;
#[cfg(not(test))]
mod settings;
#[cfg(not(test))]
mod status;
#[cfg(not(test))]
mod variables;
#[cfg(not(test))]
mod wire;
