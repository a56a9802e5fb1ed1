//! What is remembered of one certificate: who issued it, what is under way, what failed. It is a file beside the certificate, so
//! that a restart, or another replica, goes on where this one stopped.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::schedule::{self, Span, Standing};
use crate::store::{Kind, Store};

/// What is remembered of one certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    /// Who issued the certificate.
    pub(crate) issuer: Option<String>,
    /// When it was obtained.
    pub(crate) obtained: Option<SystemTime>,
    /// When the issuer wants it renewed.
    pub(crate) advice: Advice,
    /// The order under way.
    pub(crate) open: Option<OpenOrder>,
    /// How authorities stand, by name.
    pub(crate) standings: BTreeMap<String, Standing>,
    /// Failures that are nobody else's, and how long they keep us.
    pub(crate) own: Standing,
    /// What went wrong last.
    pub(crate) failure: Option<String>,
}

/// An issuer's advice on renewal (ARI, RFC 9773).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Advice {
    /// When to renew, as it was last said.
    pub(crate) window: Option<Span>,
    /// A time within the window, taken by chance.
    pub(crate) renew: Option<SystemTime>,
    /// When to ask again.
    pub(crate) ask: Option<SystemTime>,
}

/// An order under way. With its key, as the authority may have certified that already.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenOrder {
    pub(crate) authority: String,
    pub(crate) url: String,
    pub(crate) key_pem: String,
}

impl std::fmt::Debug for OpenOrder {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenOrder({}: {})", self.authority, self.url)
    }
}

/// Progress, where it is kept.
#[derive(Debug)]
pub(crate) struct Ledger {
    store: Store,
    pub(crate) id: String,
    pub(crate) progress: Progress,
}

impl Ledger {
    pub(crate) fn read(store: &Store, id: String) -> Self {
        let progress = store.read_json(Kind::Progress, &id).unwrap_or_default();
        Self { store: store.clone(), id, progress }
    }

    pub(crate) fn save(&self) -> io::Result<()> {
        self.store.write_json(Kind::Progress, &self.id, &self.progress)
    }
}

impl Progress {
    /// When the certificate is to be ordered, failures aside. One of an authority that is none of `trusted` is replaced at once:
    /// that is what happens when a staging authority gives way to the real one.
    pub(crate) fn due(
        &self,
        certificate: Option<&Certificate>,
        trusted: &[&str],
        now: SystemTime,
    ) -> SystemTime {
        let Some(certificate) = certificate else { return now };
        if !self.issuer.as_deref().is_some_and(|issuer| trusted.contains(&issuer)) {
            return now;
        }
        let life = certificate.life;
        // Advice does not go so far as to let it end.
        let last = life.until - life.length() / 6;
        let advised = self.advice.renew.map(|at| at.min(last));
        let at = advised.unwrap_or_else(|| schedule::renewal(life, certificate.unit));
        at.max(self.obtained.map_or(at, |obtained| schedule::soonest(obtained, life)))
    }

    /// Takes an authority's advice: `again` is how long it holds.
    pub(crate) fn advised(&mut self, window: Span, again: Duration, now: SystemTime, unit: f64) {
        if self.advice.window != Some(window) {
            self.advice.window = Some(window);
            self.advice.renew = Some(window.at(unit));
        }
        self.advice.ask = Some(now + again.clamp(ASK_MIN, ASK_MAX));
    }

    /// There is none for now.
    pub(crate) fn unadvised(&mut self, now: SystemTime) {
        self.advice.ask = Some(now + ASK_AFTER_FAILURE);
    }
}

/// How often an authority is asked for advice on a certificate.
const ASK_MIN: Duration = Duration::from_secs(3_600);
const ASK_MAX: Duration = Duration::from_secs(24 * 3_600);
const ASK_AFTER_FAILURE: Duration = Duration::from_secs(6 * 3_600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Names;

    const DAY: u64 = 86_400;

    fn t(days: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(days * DAY)
    }

    /// One that holds from day 100 to day 190.
    fn certificate() -> Certificate {
        let made = rcgen::generate_simple_self_signed(vec!["a.example.com".into()]).expect("certificate");
        let names = Names::new(["a.example.com"]).expect("names");
        let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let mut certificate = Certificate::read(&names, &chain, &key).expect("fits");
        certificate.life = Span { from: t(100), until: t(190) };
        certificate
    }

    #[test]
    fn due_by_advice_or_two_thirds_of_life() {
        let certificate = certificate();
        let issued = Progress { issuer: Some("one".into()), obtained: Some(t(100)), ..Progress::default() };
        let advised = |day| {
            let advice = Advice { renew: Some(t(day)), ..Advice::default() };
            Progress { advice, ..issued.clone() }
        };
        let usual = schedule::renewal(certificate.life, certificate.unit);
        for (progress, trusted, expected) in [
            (issued.clone(), &["one"][..], usual),
            (issued.clone(), &["two"][..], t(111)),
            (advised(130), &["one"][..], t(130)),
            (advised(189), &["one"][..], t(175)),
            // Whatever is said, not at once again.
            (advised(3), &["one"][..], t(100) + Duration::from_secs(3_600)),
            (Progress::default(), &["one"][..], t(111)),
        ] {
            let due = progress.due(Some(&certificate), trusted, t(111));
            assert_eq!(due, expected, "{progress:?} {trusted:?}");
        }
        assert_eq!(issued.due(None, &["one"], t(111)), t(111));
    }

    #[test]
    fn a_time_in_the_window_is_taken_once() {
        let mut progress = Progress::default();
        let window = Span { from: t(10), until: t(20) };
        progress.advised(window, Duration::from_secs(1), t(1), 0.5);
        assert_eq!(progress.advice.renew, Some(t(15)));
        assert_eq!(progress.advice.ask, Some(t(1) + ASK_MIN));
        progress.advised(window, Duration::from_secs(u64::MAX), t(2), 0.9);
        assert_eq!((progress.advice.renew, progress.advice.ask), (Some(t(15)), Some(t(3))));
        progress.advised(Span { from: t(2), until: t(4) }, ASK_MIN, t(2), 0.5);
        assert_eq!(progress.advice.renew, Some(t(3)), "another window, another time");
    }
}
