//! What is known of a client by its address: lists that it is on, and its country.
//!
//! Both are part of a snapshot, and the address is part of a transaction: the same record is judged the same at a desk.

mod list;
mod parse;

use std::net::IpAddr;
use std::sync::Arc;

use signatures::operator::GeoDatabase;

use crate::config::{Countries, Skip, UnknownCountry};

pub use list::AddressList;
pub use parse::{Line, line};

pub(crate) use parse::prefix;

/// A country, by the two letters of ISO 3166-1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Country([u8; 2]);

impl Country {
    /// Reads two upper-case letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for Country {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a policy makes of clients' addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    pub(crate) allow: Vec<NamedList>,
    pub(crate) deny: Vec<NamedList>,
    pub(crate) skips: Vec<Skip>,
    pub(crate) countries: Option<(Arc<GeoDatabase>, Countries)>,
}

type NamedList = (Arc<str>, Arc<AddressList>);

/// What that makes of one client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// What speaks against it, or for it.
    pub standing: Standing,
    /// Its country, where the policy asks for it and the database knows it.
    pub country: Option<Country>,
}

/// What speaks against a client, or for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It comes from a country from where requests are hostile, or it is not known from where.
    Abroad,
    /// Nothing.
    #[default]
    Ordinary,
    /// It is on a list that the policy allows.
    Allowed(Arc<str>),
    /// It is on a list that the policy denies.
    Denied(Arc<str>),
}

impl Addresses {
    /// What is made of a client. Of two lists that it is on, the one with the longer prefix decides; of prefixes of the same
    /// length, the one that allows.
    pub(crate) fn admit(&self, client: IpAddr) -> Admission {
        let allowed = longest(&self.allow, client);
        let denied = longest(&self.deny, client);
        let country = self.country(client);
        let standing = match (allowed, denied) {
            (Some((length, list)), denied) if denied.is_none_or(|(other, _)| other <= length) => {
                Standing::Allowed(list.clone())
            }
            (_, Some((_, list))) => Standing::Denied(list.clone()),
            _ => Standing::Ordinary,
        };
        let is_spared = matches!(standing, Standing::Allowed(_)) && self.skips.contains(&Skip::Countries);
        match standing {
            Standing::Ordinary | Standing::Allowed(_) if !is_spared && self.is_abroad(country) => {
                Admission { standing: Standing::Abroad, country }
            }
            standing => Admission { standing, country },
        }
    }

    fn country(&self, client: IpAddr) -> Option<Country> {
        let (database, _) = self.countries.as_ref()?;
        database.country(client).and_then(Country::parse)
    }

    fn is_abroad(&self, country: Option<Country>) -> bool {
        let Some((_, wanted)) = &self.countries else { return false };
        match country {
            Some(country) => wanted.countries.contains(&country) != wanted.is_allow,
            None => wanted.unknown == UnknownCountry::Deny,
        }
    }
}

fn longest(lists: &[NamedList], client: IpAddr) -> Option<(u8, &Arc<str>)> {
    let found = lists.iter().filter_map(|(name, list)| Some((list.longest(client)?, name)));
    // Of several that are as long, the one that is named first.
    found.reduce(|best, next| if next.0 > best.0 { next } else { best })
}
