//! What a replica does that does not order: it answers authorities as the one that does, and takes over what that obtains.

use std::time::Duration;

use super::Keeper;
use crate::challenge::Proof;
use crate::store::Kind;

impl Keeper {
    pub(super) async fn follow(&mut self) {
        let proofs: Option<Vec<Proof>> = self.settings.store.read_json(Kind::Challenges, "");
        self.proving.challenges.publish(proofs.unwrap_or_default());
        let now = self.environment.now();
        if self.look.is_none_or(|look| look <= now) {
            self.look = Some(now + LOOK);
            self.take_up_all();
        }
        self.environment.clock.sleep(GLANCE).await;
    }
}

/// How often challenges are looked at.
const GLANCE: Duration = Duration::from_millis(500);
/// How often certificates are looked at, and the lock.
const LOOK: Duration = Duration::from_secs(10);
