//! Rate limits in a record: an object of limits, each with how the request stands with it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Rate, Rates};

/// An object of limits.
#[derive(Default)]
pub(super) struct Standing(pub(super) Rates);

/// How a request stands with one of them.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Stands {
    over: bool,
    #[serde(default)]
    remaining: u32,
    #[serde(default)]
    wait_us: u64,
}

impl Standing {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Standing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stands =
            |rate: Rate| Stands { over: rate.is_over, remaining: rate.remaining, wait_us: rate.wait_us };
        serializer.collect_map(self.0.iter().map(|(limit, rate)| (&**limit, stands(rate))))
    }
}

impl<'de> Deserialize<'de> for Standing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StandingVisitor)
    }
}

struct StandingVisitor;

impl<'de> Visitor<'de> for StandingVisitor {
    type Value = Standing;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of rate limits")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Standing, A::Error> {
        let mut rates = Rates::default();
        while let Some((limit, stands)) = map.next_entry::<Cow<'_, str>, Stands>()? {
            if rates.iter().count() >= LIMITS_MAX {
                return Err(A::Error::invalid_length(LIMITS_MAX + 1, &"a few rate limits"));
            }
            let Stands { over: is_over, remaining, wait_us } = stands;
            rates.set(limit.into(), Rate { is_over, remaining, wait_us });
        }
        Ok(Standing(rates))
    }
}

/// Rate limits of one record (count).
const LIMITS_MAX: usize = 64;
