//! Which parameter a profile is of.

use std::fmt;

use super::template;
use crate::Location;

/// A parameter of a site: `site`, path template, location and name, as one ordered string of bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Box<[u8]>);

/// Bytes of a site's name that are kept.
const SITE_BYTES_MAX: usize = 64;
/// Bytes of a path template that are kept.
const PATH_BYTES_MAX: usize = 128;
/// Bytes of a parameter name that are kept.
const NAME_BYTES_MAX: usize = 64;
/// The longest key (bytes): its parts, three separators and the location.
pub(super) const BYTES_MAX: usize = SITE_BYTES_MAX + PATH_BYTES_MAX + NAME_BYTES_MAX + 4;

/// All locations, in the order of their numbers in keys and files.
const LOCATIONS: [Location; 9] = [
    Location::Path,
    Location::QueryName,
    Location::Query,
    Location::Cookie,
    Location::Header,
    Location::BodyName,
    Location::Body,
    Location::Xml,
    Location::Raw,
];
/// The number of the first location as a byte: keys have zeros as separators only.
const LOCATION_FIRST: u8 = b'a';

impl Key {
    /// The key of a parameter.
    #[must_use]
    pub fn new(site: &[u8], path: &[u8], location: Location, name: &[u8]) -> Self {
        let mut bytes = Vec::new();
        write(site, Some(path), location, name, &mut bytes);
        Self(bytes.into())
    }

    /// From its bytes; `None` when they are not a key.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let key = Self(bytes.into());
        let parts = bytes.iter().filter(|byte| **byte == 0).count() == 3 && bytes.len() <= BYTES_MAX;
        (parts && key.location_byte().is_some_and(|byte| location_of(byte).is_some())).then_some(key)
    }

    /// Its bytes, which order keys by site, path, location and name.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The site.
    #[must_use]
    pub fn site(&self) -> &[u8] {
        self.part(0)
    }

    /// The path template; empty where the path does not matter.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.part(1)
    }

    /// The part of the request.
    #[must_use]
    pub fn location(&self) -> Location {
        self.location_byte().and_then(location_of).unwrap_or(Location::Raw)
    }

    /// The parameter's name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        self.part(3)
    }

    /// The same parameter whatever the path.
    #[must_use]
    pub fn anywhere(&self) -> Self {
        let mut bytes = self.site().to_vec();
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(self.part(2));
        bytes.push(0);
        bytes.extend_from_slice(self.name());
        Self(bytes.into())
    }

    fn part(&self, index: usize) -> &[u8] {
        self.0.splitn(4, |byte| *byte == 0).nth(index).unwrap_or_default()
    }

    fn location_byte(&self) -> Option<u8> {
        match self.part(2) {
            [byte] => Some(*byte),
            _ => None,
        }
    }
}

/// Appends a key's bytes; without a path, those of the parameter whatever the path. Cookies and headers go
/// with every path, so theirs never matters.
pub(super) fn write(site: &[u8], path: Option<&[u8]>, location: Location, name: &[u8], out: &mut Vec<u8>) {
    site.iter().take(SITE_BYTES_MAX).for_each(|byte| out.push(if *byte == 0 { b'?' } else { *byte }));
    out.push(0);
    if let Some(path) = path.filter(|_| !location.is_envelope()) {
        bounded(PATH_BYTES_MAX, out, |out| template::path(path, out));
    }
    out.push(0);
    out.push(LOCATION_FIRST + number_of(location));
    out.push(0);
    bounded(NAME_BYTES_MAX, out, |out| template::name(name, out));
}

fn bounded(bytes_max: usize, out: &mut Vec<u8>, append: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    append(out);
    out.truncate(start + bytes_max);
}

fn number_of(location: Location) -> u8 {
    LOCATIONS.iter().position(|known| *known == location).unwrap_or_default() as u8
}

fn location_of(byte: u8) -> Option<Location> {
    LOCATIONS.get(usize::from(byte.checked_sub(LOCATION_FIRST)?)).copied()
}

/// `shop /user/{int} query id`, with bytes that do not print escaped.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path().is_empty() { &b"*"[..] } else { self.path() };
        let (site, path, name) =
            (self.site().escape_ascii(), path.escape_ascii(), self.name().escape_ascii());
        write!(f, "{site} {path} {} {name}", self.location().as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn says_which_parameter() {
        for (location, expected) in [
            (Location::Query, "shop /user/{int} query id"),
            (Location::Cookie, "shop * cookie id"),
            (Location::Path, "shop /user/{int} path id"),
        ] {
            let key = Key::new(b"shop", b"/user/17", location, b"ID");
            assert_eq!((key.to_string().as_str(), key.location()), (expected, location));
        }
        let key = Key::new(b"shop", b"/a", Location::Raw, b"");
        assert_eq!(key.anywhere().to_string(), "shop * raw ");
        assert_eq!(Key::from_bytes(b"shop\0/a\0z\0id"), None);
        assert_eq!(Key::from_bytes(b"shop\0/a\0a"), None);
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(site: Vec<u8>, path: Vec<u8>, name: Vec<u8>, location in 0..9_usize) {
            let key = Key::new(&site, &path, LOCATIONS[location], &name);
            prop_assert_eq!(Key::from_bytes(key.as_bytes()), Some(key.clone()));
            prop_assert_eq!(key.location(), LOCATIONS[location]);
            prop_assert_eq!(Key::from_bytes(key.anywhere().as_bytes()), Some(key.anywhere()));
        }
    }
}
