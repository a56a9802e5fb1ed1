//! What may be logged of a request: `$portcullis_verdict`, `$portcullis_response`, `$portcullis_id`, `$portcullis_score`, `$portcullis_model`, `$portcullis_ms`.

use ngx::ffi::*;
use ngx::ngx_string;

use crate::ask::{Ask, State};
use crate::exchange;
use crate::guard;
use crate::request::Request;

#[derive(Clone, Copy)]
#[repr(usize)]
enum Kind {
    Verdict,
    Response,
    Id,
    Score,
    Model,
    Milliseconds,
}

const KINDS: [Kind; 6] =
    [Kind::Verdict, Kind::Response, Kind::Id, Kind::Score, Kind::Model, Kind::Milliseconds];

/// Makes them known to nginx.
pub fn add(cf: *mut ngx_conf_t) -> ngx_int_t {
    for kind in KINDS {
        let mut name = match kind {
            Kind::Verdict => ngx_string!("portcullis_verdict"),
            Kind::Response => ngx_string!("portcullis_response"),
            Kind::Id => ngx_string!("portcullis_id"),
            Kind::Score => ngx_string!("portcullis_score"),
            Kind::Model => ngx_string!("portcullis_model"),
            Kind::Milliseconds => ngx_string!("portcullis_ms"),
        };
        // SAFETY: nginx calls this with the configuration that it reads, and copies the name.
        unsafe {
            let variable = ngx_http_add_variable(cf, &raw mut name, NGX_HTTP_VAR_NOCACHEABLE as ngx_uint_t);
            if variable.is_null() {
                return NGX_ERROR as ngx_int_t;
            }
            (*variable).get_handler = Some(get);
            (*variable).data = kind as usize;
        }
    }
    NGX_OK as ngx_int_t
}

unsafe extern "C" fn get(
    raw: *mut ngx_http_request_t,
    value: *mut ngx_variable_value_t,
    kind: usize,
) -> ngx_int_t {
    guard::guarded(NGX_ERROR as ngx_int_t, || {
        // SAFETY: nginx passes a request that it has not freed, of which the main one is freed last.
        let request = unsafe { Request::new((*raw).main) };
        // SAFETY: it is of that request's pool.
        let ask = request.ask().map(|ask| unsafe { &*ask });
        let text = KINDS.get(kind).and_then(|kind| text(request, ask, *kind));
        // SAFETY: nginx passes where the value goes. The text is a literal or in the request's pool.
        unsafe {
            match text {
                Some(text) => {
                    (*value).set_len(text.len() as u32);
                    (*value).data = text.as_ptr().cast_mut();
                    (*value).set_valid(1);
                    (*value).set_no_cacheable(0);
                    (*value).set_not_found(0);
                }
                None => (*value).set_not_found(1),
            }
        }
        NGX_OK as ngx_int_t
    })
}

fn text(request: Request, ask: Option<&Ask>, kind: Kind) -> Option<&'static [u8]> {
    let Some(ask) = ask else {
        return matches!(kind, Kind::Verdict).then_some(b"off");
    };
    let named = |name: &[u8]| ask.answer().and_then(|answer| answer.header(name));
    match kind {
        Kind::Verdict => match ask.state {
            State::Reading | State::Asking => None,
            State::Failed { reason, .. } => Some(reason.as_str().as_bytes()),
            State::Approved | State::Refused => named(b"x-portcullis-verdict"),
        },
        Kind::Response => response(ask),
        Kind::Id => named(b"x-portcullis-id"),
        Kind::Score => named(b"x-portcullis-score"),
        Kind::Model => named(b"x-portcullis-model"),
        Kind::Milliseconds => {
            let text = crate::status::Text::<20>::of(format_args!("{}", ask.took));
            let place = request.allocate(text.bytes().len())?;
            Some(place.write_copy_of_slice(text.bytes()))
        }
    }
}

/// What became of the answer: nothing where it is not shown, or where nobody waits for what is said of it.
fn response(ask: &Ask) -> Option<&'static [u8]> {
    // SAFETY: it is null, or as long as what it is of.
    let exchange = unsafe { ask.exchange.as_ref()? };
    match exchange.state {
        exchange::State::Failed { reason, .. } => Some(reason.as_str().as_bytes()),
        _ => exchange.answer()?.header(b"x-portcullis-verdict"),
    }
}
