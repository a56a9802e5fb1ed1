//! What nginx finds when it loads the file: the module, its place among others, its hooks.

use std::ffi::c_void;
use std::mem::size_of;
use std::ptr;

use ngx::ffi::*;
use ngx::ngx_string;

use crate::counters::Counters;
use crate::settings::{self, DIRECTIVES, Shared};
use crate::{guard, phase, response, variables};

/// Of the filters, which stand elsewhere among modules than what handles requests.
static FILTER_CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: None,
    postconfiguration: Some(response::install),
    create_main_conf: None,
    init_main_conf: None,
    create_srv_conf: None,
    merge_srv_conf: None,
    create_loc_conf: None,
    merge_loc_conf: None,
};

static CONTEXT: ngx_http_module_t = ngx_http_module_t {
    preconfiguration: Some(preconfigure),
    postconfiguration: Some(postconfigure),
    create_main_conf: Some(settings::create_main),
    init_main_conf: None,
    create_srv_conf: None,
    merge_srv_conf: None,
    create_loc_conf: Some(settings::create_location),
    merge_loc_conf: Some(settings::merge_location),
};

/// The module; nginx writes its index into it.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "nginx's way to name modules")]
pub static mut ngx_http_portcullis_module: ngx_module_t = ngx_module_t {
    ctx: (&raw const CONTEXT).cast_mut().cast(),
    commands: (&raw mut DIRECTIVES).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    ..ngx_module_t::default()
};

/// The filters.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "nginx's way to name modules")]
pub static mut ngx_http_portcullis_filter_module: ngx_module_t = ngx_module_t {
    ctx: (&raw const FILTER_CONTEXT).cast_mut().cast(),
    commands: (&raw mut NO_DIRECTIVES).cast(),
    type_: NGX_HTTP_MODULE as ngx_uint_t,
    ..ngx_module_t::default()
};

static mut NO_DIRECTIVES: [ngx_command_t; 1] = [ngx_command_t::empty()];

/// Names that nginx looks for in a dynamic module. They are pointers, which only nginx's one thread reads.
#[repr(transparent)]
pub struct Pointers<const N: usize>([*const c_void; N]);

// SAFETY: nobody writes them, and what they point to is static.
unsafe impl<const N: usize> Sync for Pointers<N> {}

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name that nginx looks for")]
pub static ngx_modules: Pointers<3> = Pointers([
    (&raw const ngx_http_portcullis_module).cast(),
    (&raw const ngx_http_portcullis_filter_module).cast(),
    ptr::null(),
]);

const NAME: *const c_void = c"ngx_http_portcullis_module".as_ptr().cast();
const FILTER_NAME: *const c_void = c"ngx_http_portcullis_filter_module".as_ptr().cast();

#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name that nginx looks for")]
pub static ngx_module_names: Pointers<3> = Pointers([NAME, FILTER_NAME, ptr::null()]);

/// The filters are last, and filters run in the opposite order: so an answer comes to them as it was made. The other is before these, and handlers of a phase run in the opposite order: so who a client is (realip) and whether it is too much (limit_req,
/// limit_conn) is settled before the agent is asked.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "the name that nginx looks for")]
pub static ngx_module_order: Pointers<6> = Pointers([
    NAME,
    c"ngx_http_limit_conn_module".as_ptr().cast(),
    c"ngx_http_limit_req_module".as_ptr().cast(),
    c"ngx_http_realip_module".as_ptr().cast(),
    FILTER_NAME,
    ptr::null(),
]);

/// What is marked as ours.
pub fn tag() -> ngx_buf_tag_t {
    (&raw mut ngx_http_portcullis_module).cast()
}

/// Where among the modules of `http` ours is.
pub fn index() -> usize {
    // SAFETY: nginx writes it while it reads a configuration, before any request, in the thread that reads it here.
    unsafe { ngx_http_portcullis_module.ctx_index }
}

unsafe extern "C" fn preconfigure(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard::guarded(NGX_ERROR as ngx_int_t, || variables::add(cf))
}

unsafe extern "C" fn postconfigure(cf: *mut ngx_conf_t) -> ngx_int_t {
    guard::guarded(NGX_ERROR as ngx_int_t, || {
        // SAFETY: nginx passes the configuration of `http`, whose context has what `create_main` made at our index.
        let added = unsafe { add_zone(cf) && add_handlers(cf) };
        if added { NGX_OK as ngx_int_t } else { NGX_ERROR as ngx_int_t }
    })
}

/// Memory that workers share, and keep over a reload.
///
/// # Safety
///
/// `cf` is that of `http`.
unsafe fn add_zone(cf: *mut ngx_conf_t) -> bool {
    let mut name = ngx_string!("portcullis");
    // SAFETY: nginx copies the name; our module's address tells this zone from others of the same name.
    unsafe {
        let size = 16 * ngx_pagesize;
        let zone =
            ngx_shared_memory_add(cf, &raw mut name, size, (&raw mut ngx_http_portcullis_module).cast());
        if zone.is_null() {
            return false;
        }
        (*zone).init = Some(init_zone);
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let shared = (*(*context).main_conf.add(index())).cast::<Shared>();
        (*shared).zone = zone;
    }
    true
}

unsafe extern "C" fn init_zone(zone: *mut ngx_shm_zone_t, before: *mut c_void) -> ngx_int_t {
    // SAFETY: nginx passes a zone that it has mapped, with a slab pool at its begin. `before` is null or the counters of the same zone
    // before a reload. Zeros are valid counters.
    unsafe {
        let pool = (*zone).shm.addr.cast::<ngx_slab_pool_t>();
        if !before.is_null() {
            (*zone).data = before;
        } else if (*zone).shm.exists != 0 {
            (*zone).data = (*pool).data;
        } else {
            (*zone).data = ngx_slab_calloc(pool, size_of::<Counters>());
            (*pool).data = (*zone).data;
        }
        if (*zone).data.is_null() { NGX_ERROR as ngx_int_t } else { NGX_OK as ngx_int_t }
    }
}

/// # Safety
///
/// `cf` is that of `http`.
unsafe fn add_handlers(cf: *mut ngx_conf_t) -> bool {
    // SAFETY: the core module's main configuration is there whenever one of `http` is read.
    unsafe {
        let context = (*cf).ctx.cast::<ngx_http_conf_ctx_t>();
        let index = ngx_http_core_module.ctx_index;
        let core = (*(*context).main_conf.add(index)).cast::<ngx_http_core_main_conf_t>();
        let phases: [(_, unsafe extern "C" fn(*mut ngx_http_request_t) -> ngx_int_t); 2] = [
            (ngx_http_phases_NGX_HTTP_PREACCESS_PHASE, phase::before_access),
            (ngx_http_phases_NGX_HTTP_LOG_PHASE, phase::log),
        ];
        for (phase, handler) in phases {
            let place = ngx_array_push(&raw mut (*core).phases[phase as usize].handlers);
            if place.is_null() {
                return false;
            }
            place.cast::<ngx_http_handler_pt>().write(Some(handler));
        }
    }
    true
}
