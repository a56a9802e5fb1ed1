//! Lists of addresses, and countries, checked. Files are read where a snapshot is built.

use std::collections::BTreeMap;

use ipnet::IpNet;
use signatures::Location;

use super::{AddressListSpec, At, CountriesSpec, UnknownCountry};
use crate::address::{Country, prefix};

/// Prefixes of client addresses.
#[derive(Clone, Debug)]
pub struct AddressList {
    /// Files, found from the working directory, and where the configuration names them.
    pub files: Vec<(String, Location)>,
    /// Prefixes that the configuration itself has.
    pub prefixes: Vec<IpNet>,
}

/// Which countries clients may come from.
#[derive(Clone, Debug)]
pub struct Countries {
    /// The database, found from the working directory.
    pub file: String,
    /// Where the configuration names it.
    pub place: Location,
    /// The countries that are meant.
    pub countries: Vec<Country>,
    /// Whether these are welcome, and no others; otherwise these are not.
    pub is_allow: bool,
    /// What becomes of clients whose country is not known.
    pub unknown: UnknownCountry,
}

pub(super) fn check_all(
    specs: &BTreeMap<String, AddressListSpec>,
    at: &At<'_>,
) -> BTreeMap<String, AddressList> {
    specs.iter().map(|(name, spec)| (name.clone(), check(name, spec, &at.key(name)))).collect()
}

fn check(name: &str, spec: &AddressListSpec, at: &At<'_>) -> AddressList {
    super::rates::check_name(name, at);
    if spec.files.is_empty() && spec.prefixes.is_empty() {
        at.error("empty-list", "expected `files` or `prefixes`, found neither").label("no address").report();
    }
    let file = |(index, file): (usize, &String)| {
        let at = at.key("files").item(index);
        (at.beside(file), at.location())
    };
    let read = |(index, text): (usize, &String)| network(text, &at.key("prefixes").item(index));
    AddressList {
        files: spec.files.iter().enumerate().map(file).collect(),
        prefixes: spec.prefixes.iter().enumerate().filter_map(read).collect(),
    }
}

fn network(text: &str, at: &At<'_>) -> Option<IpNet> {
    let Some(found) = prefix(text) else {
        at.error("invalid-network", format!("expected an address or a network, found `{text}`"))
            .label("not a network")
            .help("write `192.0.2.7`, `192.0.2.0/24` or `2001:db8::/32`".to_owned())
            .report();
        return None;
    };
    if found.trunc() != found {
        at.warning("untidy-network", format!("`{text}` has bits behind its length"))
            .label(format!("is taken for `{}`", found.trunc()))
            .report();
    }
    Some(found.trunc())
}

pub(crate) fn countries(spec: &CountriesSpec, at: &At<'_>) -> Option<Countries> {
    let (key, names) = match (&spec.allow, &spec.deny) {
        (Some(allow), None) => ("allow", allow),
        (None, Some(deny)) => ("deny", deny),
        _ => {
            at.error("contradiction", "expected one of `allow` and `deny`")
                .label("exactly one")
                .help("`allow` names all that are welcome, `deny` those that are not".to_owned())
                .report();
            return None;
        }
    };
    let at_names = at.key(key);
    if names.is_empty() {
        at_names.error("empty-list", "expected at least one country, found none").label("is empty").report();
    }
    let read = |(index, text): (usize, &String)| {
        let country = Country::parse(text);
        if country.is_none() {
            at_names
                .item(index)
                .error("invalid-country", format!("expected a country, found `{text}`"))
                .label("not a country")
                .help("write the two letters of ISO 3166-1, in upper case: `DE`".to_owned())
                .report();
        }
        country
    };
    let at_file = at.key("file");
    Some(Countries {
        file: at_file.beside(&spec.file),
        place: at_file.location(),
        countries: names.iter().enumerate().filter_map(read).collect(),
        is_allow: key == "allow",
        unknown: spec.unknown,
    })
}
