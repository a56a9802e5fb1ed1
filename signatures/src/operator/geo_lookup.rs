//! `@geoLookup`: where an address is, by a MaxMind database that the user gives.
//!
//! ```text
//! SecGeoLookupDB /var/lib/GeoIP/GeoLite2-City.mmdb
//! SecRule REMOTE_ADDR "@geoLookup" "id:1000,phase:1,pass,nolog,chain"
//!   SecRule GEO:COUNTRY_CODE "!@within DE FR" "setvar:tx.abroad=1"
//! ```
//! ModSecurity reference v3, "Operators", `geoLookup`; "Variables", `GEO`. Matches when the database knows the
//! address. Databases of this kind have no `COUNTRY_CODE3` and no `AREA_CODE`.

use std::fmt;
use std::net::IpAddr;

use maxminddb::{PathElement, Reader, geoip2};

/// A MaxMind database in memory.
pub struct GeoDatabase {
    reader: Reader<Vec<u8>>,
}

/// What a database says of an address: names as `GEO` has them, with values.
pub type GeoFields = Vec<(&'static str, String)>;

impl GeoDatabase {
    /// Reads a database.
    ///
    /// # Errors
    /// Why the bytes are none, for people.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|error| error.to_string())?;
        Ok(Self { reader })
    }

    /// The country that an address is in, by the two letters of ISO 3166-1; `None` when that is not known.
    #[must_use]
    pub fn country(&self, address: IpAddr) -> Option<&str> {
        let path = [PathElement::Key("country"), PathElement::Key("iso_code")];
        self.reader.lookup(address).ok()?.decode_path(&path).ok()?
    }

    /// What is known of an address, written as text; `None` when nothing is, or it is no address.
    #[must_use]
    pub fn locate(&self, address: &[u8]) -> Option<GeoFields> {
        let address: IpAddr = std::str::from_utf8(address).ok()?.trim().parse().ok()?;
        // A record that cannot be read is one that is not there: `verify` is for whoever makes databases.
        let found = self.reader.lookup(address).ok()?.decode::<geoip2::City<'_>>().ok()??;
        let text = |value: Option<&str>| value.map(str::to_owned);
        let number = |value: Option<f64>| value.map(|value| value.to_string());
        let region = found.subdivisions.first().and_then(|region| region.iso_code);
        let fields = [
            ("CITY", text(found.city.names.english)),
            ("COUNTRY_CODE", text(found.country.iso_code)),
            ("COUNTRY_CONTINENT", text(found.continent.code)),
            ("COUNTRY_NAME", text(found.country.names.english)),
            ("DMA_CODE", found.location.metro_code.map(|code| code.to_string())),
            ("LATITUDE", number(found.location.latitude)),
            ("LONGITUDE", number(found.location.longitude)),
            ("POSTAL_CODE", text(found.postal.code)),
            ("REGION", text(region)),
        ];
        Some(fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect())
    }
}

impl fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GeoDatabase").field(&self.reader.metadata().database_type).finish()
    }
}

#[cfg(test)]
pub(crate) mod writer;

#[cfg(test)]
mod tests {
    use super::writer::database;
    use super::*;

    #[test]
    fn locates_addresses() {
        let database = GeoDatabase::read(database()).expect("a database");
        for (address, expected) in [
            (
                "192.0.2.7",
                "CITY=Bremen COUNTRY_CODE=DE COUNTRY_CONTINENT=EU COUNTRY_NAME=Germany LATITUDE=53.075 \
                 LONGITUDE=8.8 POSTAL_CODE=28195 REGION=HB",
            ),
            ("198.51.100.1", "COUNTRY_CODE=FR COUNTRY_NAME=France"),
            ("203.0.113.1", "nothing"),
            ("2001:db8::1", "nothing"),
            ("no address", "nothing"),
        ] {
            let found = database.locate(address.as_bytes()).map(|fields| {
                fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref().unwrap_or("nothing"), expected, "{address}");
            let country = address.parse().ok().and_then(|address| database.country(address));
            let expected = expected.split(' ').find_map(|field| field.strip_prefix("COUNTRY_CODE="));
            assert_eq!(country, expected, "{address}");
        }
    }

    /// Tests elsewhere read the file.
    #[test]
    fn the_file_is_what_the_writer_writes() {
        assert_eq!(database(), include_bytes!("geo_lookup/two-networks.mmdb"));
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let whole = database();
        for bytes in [&b""[..], b"anything", &whole[..whole.len() / 2]] {
            assert!(GeoDatabase::read(bytes.to_vec()).is_err(), "{} bytes", bytes.len());
        }
    }
}
