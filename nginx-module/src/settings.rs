//! Directives, and what they set: by location, with what is said above it inherited.

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};
use std::ptr;

use ngx::core::NGX_CONF_ERROR;
use ngx::ffi::*;
use ngx::ngx_string;

use crate::agent::Agent;
use crate::status;

/// `portcullis_fail_mode`.
pub const FAIL_CLOSED: ngx_uint_t = 0;
const FAIL_OPEN: ngx_uint_t = 1;

/// What a location says. The fields that nginx's own functions set are of the types that these write.
#[repr(C)]
pub struct Settings {
    enable: ngx_flag_t,
    fail_mode: ngx_uint_t,
    timeout: ngx_msec_t,
    body: ngx_flag_t,
    body_size: off_t,
    responses: ngx_flag_t,
    token: ngx_str_t,
    agent: *mut Agent,
}

impl Settings {
    /// Whether requests are asked about.
    pub fn is_on(&self) -> bool {
        self.enable == 1
    }

    /// Whether they pass if there is no verdict.
    pub fn passes_unasked(&self) -> bool {
        self.fail_mode == FAIL_OPEN
    }

    /// How long the agent may do nothing, in milliseconds.
    pub fn timeout(&self) -> ngx_msec_t {
        self.timeout
    }

    /// How much of a body is shown: none, so many bytes, or all.
    pub fn body_bytes_max(&self) -> Option<u64> {
        match (self.body, self.body_size) {
            (0, _) => None,
            (_, 0) => Some(u64::MAX),
            (_, size) => Some(size as u64),
        }
    }

    /// Whether answers are shown as well.
    pub fn shows_responses(&self) -> bool {
        self.responses == 1
    }

    pub fn token(&self) -> &[u8] {
        self.token.as_bytes()
    }

    /// Who is asked. There is one wherever [`Self::is_on`].
    pub fn agent(&self) -> *mut Agent {
        self.agent
    }
}

/// The same for all of `http`.
#[repr(C)]
pub struct Shared {
    /// Memory for [`crate::counters::Counters`].
    pub zone: *mut ngx_shm_zone_t,
}

const UNSET: isize = -1;

pub unsafe extern "C" fn create_main(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: nginx calls this with a configuration that it reads, whose pool lives as long as what is configured. `Shared` is a pointer, and
    // zeros are a valid one.
    unsafe { ngx_pcalloc((*cf).pool, size_of::<Shared>()) }
}

pub unsafe extern "C" fn create_location(cf: *mut ngx_conf_t) -> *mut c_void {
    // SAFETY: as above; what is allocated is aligned for pointers and large enough, or null.
    unsafe {
        let settings = ngx_palloc((*cf).pool, size_of::<Settings>()).cast::<Settings>();
        if !settings.is_null() {
            settings.write(Settings {
                enable: UNSET,
                fail_mode: UNSET as ngx_uint_t,
                timeout: UNSET as ngx_msec_t,
                body: UNSET,
                body_size: UNSET as off_t,
                responses: UNSET,
                token: ngx_str_t::empty(),
                agent: ptr::null_mut(),
            });
        }
        settings.cast()
    }
}

pub unsafe extern "C" fn merge_location(
    cf: *mut ngx_conf_t,
    above: *mut c_void,
    here: *mut c_void,
) -> *mut c_char {
    // SAFETY: nginx passes two that `create_location` made, the upper one merged already; nobody else has them meanwhile.
    let (above, here) = unsafe { (&*above.cast::<Settings>(), &mut *here.cast::<Settings>()) };
    inherit(&mut here.enable, above.enable, UNSET, 0);
    inherit(&mut here.fail_mode, above.fail_mode, UNSET as ngx_uint_t, FAIL_CLOSED);
    inherit(&mut here.timeout, above.timeout, UNSET as ngx_msec_t, 500);
    inherit(&mut here.body, above.body, UNSET, 1);
    inherit(&mut here.body_size, above.body_size, UNSET as off_t, 0);
    inherit(&mut here.responses, above.responses, UNSET, 0);
    if here.token.data.is_null() {
        here.token = above.token;
    }
    if here.agent.is_null() {
        here.agent = above.agent;
    }
    if here.agent.is_null() && here.is_on() {
        // SAFETY: `cf` is nginx's, as above; the name is a literal.
        here.agent = unsafe { Agent::named(cf, ngx_string!("unix:/run/portcullis/inspect.sock")) };
        if here.agent.is_null() {
            return NGX_CONF_ERROR;
        }
    }
    ptr::null_mut()
}

fn inherit<T: Copy + PartialEq>(here: &mut T, above: T, unset: T, usual: T) {
    if *here == unset {
        *here = if above == unset { usual } else { above };
    }
}

unsafe extern "C" fn set_agent(cf: *mut ngx_conf_t, _: *mut ngx_command_t, conf: *mut c_void) -> *mut c_char {
    // SAFETY: nginx passes settings that `create_location` made, and one argument (`NGX_CONF_TAKE1`) after the directive's name.
    unsafe {
        let settings = conf.cast::<Settings>();
        if !(*settings).agent.is_null() {
            return c"is duplicate".as_ptr().cast_mut();
        }
        let address = *(*(*cf).args).elts.cast::<ngx_str_t>().add(1);
        (*settings).agent = Agent::named(cf, address);
        if (*settings).agent.is_null() { NGX_CONF_ERROR } else { ptr::null_mut() }
    }
}

/// What a directive's name, place and argument are; the rest is where nginx's function puts it.
const fn directive(
    name: ngx_str_t,
    places: u32,
    set: unsafe extern "C" fn(*mut ngx_conf_t, *mut ngx_command_t, *mut c_void) -> *mut c_char,
    offset: usize,
    post: *mut c_void,
) -> ngx_command_t {
    ngx_command_t {
        name,
        type_: places as ngx_uint_t,
        set: Some(set),
        conf: NGX_HTTP_LOC_CONF_OFFSET,
        offset,
        post,
    }
}

const ANYWHERE: u32 = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

static mut FAIL_MODES: [ngx_conf_enum_t; 3] = [
    ngx_conf_enum_t { name: ngx_string!("closed"), value: FAIL_CLOSED },
    ngx_conf_enum_t { name: ngx_string!("open"), value: FAIL_OPEN },
    ngx_conf_enum_t { name: ngx_str_t::empty(), value: 0 },
];

/// nginx reads them while it reads a configuration, in the one thread that it has.
pub static mut DIRECTIVES: [ngx_command_t; 10] = [
    directive(
        ngx_string!("portcullis"),
        ANYWHERE | NGX_HTTP_LIF_CONF | NGX_CONF_FLAG,
        ngx_conf_set_flag_slot,
        offset_of!(Settings, enable),
        ptr::null_mut(),
    ),
    directive(ngx_string!("portcullis_agent"), ANYWHERE | NGX_CONF_TAKE1, set_agent, 0, ptr::null_mut()),
    directive(
        ngx_string!("portcullis_fail_mode"),
        ANYWHERE | NGX_CONF_TAKE1,
        ngx_conf_set_enum_slot,
        offset_of!(Settings, fail_mode),
        (&raw mut FAIL_MODES).cast(),
    ),
    directive(
        ngx_string!("portcullis_timeout"),
        ANYWHERE | NGX_CONF_TAKE1,
        ngx_conf_set_msec_slot,
        offset_of!(Settings, timeout),
        ptr::null_mut(),
    ),
    directive(
        ngx_string!("portcullis_body"),
        ANYWHERE | NGX_CONF_FLAG,
        ngx_conf_set_flag_slot,
        offset_of!(Settings, body),
        ptr::null_mut(),
    ),
    directive(
        ngx_string!("portcullis_body_size"),
        ANYWHERE | NGX_CONF_TAKE1,
        ngx_conf_set_off_slot,
        offset_of!(Settings, body_size),
        ptr::null_mut(),
    ),
    directive(
        ngx_string!("portcullis_responses"),
        ANYWHERE | NGX_CONF_FLAG,
        ngx_conf_set_flag_slot,
        offset_of!(Settings, responses),
        ptr::null_mut(),
    ),
    directive(
        ngx_string!("portcullis_token"),
        ANYWHERE | NGX_CONF_TAKE1,
        ngx_conf_set_str_slot,
        offset_of!(Settings, token),
        ptr::null_mut(),
    ),
    directive(
        ngx_string!("portcullis_status"),
        NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
        status::set,
        0,
        ptr::null_mut(),
    ),
    ngx_command_t::empty(),
];
