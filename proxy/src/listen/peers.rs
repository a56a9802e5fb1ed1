//! How many connections there are, and whose.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The connections of a listener.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    all: AtomicUsize,
    left: Notify,
    /// Looked at once a connection, and only where connections of a client are bounded.
    by_client: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection's place in the crowd; given up when dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    client: Option<IpAddr>,
}

impl Crowd {
    /// Waits until there are fewer than `most` connections.
    pub(super) async fn room(&self, most: impl Fn() -> usize) {
        loop {
            let left = self.left.notified();
            if self.all.load(Ordering::Acquire) < most() {
                return;
            }
            left.await;
        }
    }

    /// Somebody who waits for room should look again.
    pub(super) fn reconsider(&self) {
        self.left.notify_waiters();
    }

    /// A connection comes.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        self.all.fetch_add(1, Ordering::AcqRel);
        Place { crowd: Arc::clone(self), client: None }
    }
}

impl Place {
    /// It turns out whose connection it is. `false` when the client has `most` already.
    pub(super) fn is_of(&mut self, client: IpAddr, most: usize) -> bool {
        let client = neighbourhood(client);
        let mut by_client = self.crowd.by_client.lock().unwrap_or_else(PoisonError::into_inner);
        let count = by_client.entry(client).or_default();
        if *count >= most {
            return false;
        }
        *count += 1;
        self.client = Some(client);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(client) = self.client {
            let mut by_client = self.crowd.by_client.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = by_client.get_mut(&client) {
                *count -= 1;
                if *count == 0 {
                    by_client.remove(&client);
                }
            }
        }
        self.crowd.all.fetch_sub(1, Ordering::AcqRel);
        self.crowd.left.notify_waiters();
    }
}

/// Who has one address of IPv6 has its /64.
fn neighbourhood(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_the_connections_of_a_client() {
        let crowd = Arc::new(Crowd::default());
        let come = |client: &str| {
            let mut place = crowd.enter();
            place.is_of(client.parse().expect("an address"), 2).then_some(place)
        };
        let (first, second) = (come("192.0.2.1"), come("::ffff:192.0.2.1"));
        assert!(first.is_some() && second.is_some());
        assert!(come("192.0.2.1").is_none());
        assert!(come("192.0.2.2").is_some());
        drop(first);
        assert!(come("192.0.2.1").is_some(), "there is room again");
        let net = [come("2001:db8::1"), come("2001:db8::2")];
        assert!(net.iter().all(Option::is_some));
        assert!(come("2001:db8::3").is_none(), "one /64 is one client");
        drop((second, net));
        assert_eq!(crowd.all.load(Ordering::Acquire), 0);
        assert!(crowd.by_client.lock().expect("not poisoned").is_empty());
    }
}
