//! Who is asked, and the connections to it that wait for the next question.

use std::ffi::c_void;
use std::mem::{size_of, zeroed};
use std::ptr;

use ngx::ffi::*;

use crate::guard;

/// Connections that a worker keeps for one agent.
const IDLE_MAX: usize = 64;
/// How long they are kept, in milliseconds.
const IDLE_TIMEOUT: ngx_msec_t = 30_000;

/// An agent, made when the configuration is read. Each worker has a copy of its own, as workers are forked after that.
pub struct Agent {
    address: *mut sockaddr,
    length: socklen_t,
    name: ngx_str_t,
    idle: [*mut ngx_connection_t; IDLE_MAX],
    idle_count: usize,
}

impl Agent {
    /// The one at `unix:PATH` or `ADDRESS:PORT`; null, with a word in the log, if that is none.
    ///
    /// # Safety
    ///
    /// `cf` is a configuration that nginx reads.
    pub unsafe fn named(cf: *mut ngx_conf_t, name: ngx_str_t) -> *mut Self {
        // SAFETY: `ngx_url_t` is numbers and pointers, for which zeros are valid; nginx fills it from the pool of the configuration.
        unsafe {
            let mut url: ngx_url_t = zeroed();
            url.url = name;
            if ngx_parse_url((*cf).pool, &raw mut url) != NGX_OK as ngx_int_t
                || url.naddrs == 0
                || url.uri.len > 0
                || (url.port == 0 && url.family != AF_UNIX as i32)
            {
                let why = if url.err.is_null() { c"a port is needed".as_ptr() } else { url.err };
                ngx_conf_log_error(
                    NGX_LOG_EMERG as _,
                    cf,
                    0,
                    c"%s in \"portcullis_agent %V\"".as_ptr(),
                    why,
                    &raw const name,
                );
                return ptr::null_mut();
            }
            let agent = ngx_pcalloc((*cf).pool, size_of::<Self>()).cast::<Self>();
            if !agent.is_null() {
                let first = *url.addrs;
                agent.write(Self {
                    address: first.sockaddr,
                    length: first.socklen,
                    name,
                    idle: [ptr::null_mut(); IDLE_MAX],
                    idle_count: 0,
                });
            }
            agent
        }
    }

    /// A connection that waits, or none. It is the caller's then.
    ///
    /// # Safety
    ///
    /// `agent` is one that [`Self::named`] made.
    pub unsafe fn take_idle(agent: *mut Self) -> Option<*mut ngx_connection_t> {
        // SAFETY: agents live as long as the configuration, and nginx's one thread is the only one. A connection in the list is open, and
        // nobody else's.
        unsafe {
            let count = (*agent).idle_count.checked_sub(1)?;
            (*agent).idle_count = count;
            let connection = (*agent).idle[count];
            (*connection).set_idle(0);
            if (*(*connection).read).timer_set() != 0 {
                ngx_del_timer((*connection).read);
            }
            Some(connection)
        }
    }

    /// A new connection, perhaps not established yet.
    ///
    /// # Safety
    ///
    /// `agent` is one that [`Self::named`] made, `log` outlives the connection or is replaced.
    pub unsafe fn connect(agent: *mut Self, log: *mut ngx_log_t) -> Option<*mut ngx_connection_t> {
        // SAFETY: zeros are valid for what is not set below; address and name live as long as the configuration.
        unsafe {
            let mut peer: ngx_peer_connection_t = zeroed();
            peer.sockaddr = (*agent).address;
            peer.socklen = (*agent).length;
            peer.name = &raw mut (*agent).name;
            peer.get = Some(ngx_event_get_peer);
            peer.log = log;
            // NGX_ERROR_ERR: failures of the socket are errors, as of an upstream.
            peer.set_log_error(ngx_connection_log_error_e_NGX_ERROR_ERR);
            let connected = ngx_event_connect_peer(&raw mut peer);
            let is_usable = connected == NGX_OK as ngx_int_t || connected == NGX_AGAIN as ngx_int_t;
            (is_usable && !peer.connection.is_null()).then_some(peer.connection)
        }
    }

    /// Keeps a connection on which nothing is under way, or closes it.
    ///
    /// # Safety
    ///
    /// `agent` is one that [`Self::named`] made; the caller owns the connection and gives it away.
    pub unsafe fn keep(agent: *mut Self, connection: *mut ngx_connection_t) {
        // SAFETY: as the caller says. What is read of nginx are numbers that its one thread writes.
        unsafe {
            let (read, count) = ((*connection).read, (*agent).idle_count);
            let is_ending = ngx_exiting != 0 || ngx_terminate != 0;
            if is_ending || count == IDLE_MAX || ngx_handle_read_event(read, 0) != NGX_OK as ngx_int_t {
                return close(connection);
            }
            (*connection).data = agent.cast::<c_void>();
            (*connection).log = (*ngx_cycle).log;
            (*read).log = (*ngx_cycle).log;
            (*(*connection).write).log = (*ngx_cycle).log;
            (*read).handler = Some(idle_event);
            (*(*connection).write).handler = Some(ignore_event);
            // So nginx closes it when a worker ends.
            (*connection).set_idle(1);
            ngx_add_timer(read, IDLE_TIMEOUT);
            (*agent).idle[count] = connection;
            (*agent).idle_count = count + 1;
            // What came already is read by nobody any more.
            if (*read).ready() != 0 {
                idle_event(read);
            }
        }
    }

    /// Whether an event of a connection on which nothing may come had nothing to it.
    pub fn is_quiet(event: *mut ngx_event_t) -> bool {
        // SAFETY: nginx passes the event of a connection that is open. The byte is peeked at, as nothing may come.
        unsafe {
            let connection = (*event).data.cast::<ngx_connection_t>();
            let (mut byte, read) = (0_u8, (*connection).read);
            let came = recv((*connection).fd, (&raw mut byte).cast(), 1, MSG_PEEK as i32);
            if came != -1 || ngx_socket_errno() != NGX_EAGAIN as ngx_err_t {
                return false;
            }
            (*read).set_ready(0);
            ngx_handle_read_event(read, 0) == NGX_OK as ngx_int_t
        }
    }

    fn forget(&mut self, connection: *mut ngx_connection_t) {
        if let Some(at) = self.idle[..self.idle_count].iter().position(|kept| *kept == connection) {
            self.idle_count -= 1;
            self.idle[at] = self.idle[self.idle_count];
        }
    }

    /// As it is written in the configuration.
    pub fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

/// Closes a connection of ours, with all timers and events that it has.
///
/// # Safety
///
/// It is open, and nobody uses it after this.
pub unsafe fn close(connection: *mut ngx_connection_t) {
    // SAFETY: as the caller says. There is no pool: nothing was allocated for it.
    unsafe { ngx_close_connection(connection) };
}

/// Something happened on a connection that waits: it is closed unless there was nothing to it.
unsafe extern "C" fn idle_event(event: *mut ngx_event_t) {
    guard::guarded((), || {
        // SAFETY: nginx passes the event of a connection, whose data is the agent that keeps it (`keep`).
        unsafe {
            let connection = (*event).data.cast::<ngx_connection_t>();
            if (*connection).close() == 0 && (*event).timedout() == 0 && Agent::is_quiet(event) {
                return;
            }
            let agent = (*connection).data.cast::<Agent>();
            (*agent).forget(connection);
            close(connection);
        }
    });
}

unsafe extern "C" fn ignore_event(_: *mut ngx_event_t) {}
