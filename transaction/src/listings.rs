//! What lists in the DNS say of the client's address.

/// What one list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The address is on it.
    Listed,
    /// It is not.
    NotListed,
    /// There was no answer, not in time, or none that lists give: nobody knows.
    Unanswered,
}

/// What lists in the DNS say of the client's address, by the zone that was asked.
///
/// Whoever begins a transaction asks them, before rules do; a list that is not here was not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listings {
    answers: Vec<(Box<str>, Listing)>,
}

impl Listing {
    /// Every answer.
    pub const ALL: [Self; 3] = [Self::Listed, Self::NotListed, Self::Unanswered];

    /// The name used in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::NotListed => "not-listed",
            Self::Unanswered => "unanswered",
        }
    }

    /// The answer of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|listing| listing.as_str() == name)
    }
}

impl Listings {
    /// What a list says; `None` when it was not asked.
    #[must_use]
    pub fn of(&self, zone: &str) -> Option<Listing> {
        self.answers.iter().find(|(known, _)| **known == *zone).map(|(_, listing)| *listing)
    }

    /// Adds what a list says, or puts it in place of what it said before.
    pub fn set(&mut self, zone: &str, listing: Listing) {
        match self.answers.iter_mut().find(|(known, _)| **known == *zone) {
            Some((_, known)) => *known = listing,
            None => self.answers.push((zone.into(), listing)),
        }
    }

    /// All answers, in the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Listing)> {
        self.answers.iter().map(|(zone, listing)| (&**zone, *listing))
    }

    /// Whether no list was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

impl<'a> FromIterator<(&'a str, Listing)> for Listings {
    fn from_iter<I: IntoIterator<Item = (&'a str, Listing)>>(answers: I) -> Self {
        let mut listings = Self::default();
        answers.into_iter().for_each(|(zone, listing)| listings.set(zone, listing));
        listings
    }
}
