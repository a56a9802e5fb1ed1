//! Any text is read as a list of addresses, and each prefix of it is found again.
#![no_main]

use engine::{AddressList, Line, address_line};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let prefixes: Vec<_> = text
        .lines()
        .filter_map(|text| match address_line(text) {
            Line::Prefix(prefix) | Line::Untidy(prefix) => Some(prefix),
            Line::Blank | Line::Wrong => None,
        })
        .collect();
    let list = AddressList::new(prefixes.clone());
    for prefix in &prefixes {
        for address in [prefix.network(), prefix.broadcast()] {
            let covering = prefixes.iter().filter(|other| other.contains(&address.to_canonical()));
            assert_eq!(list.longest(address), covering.map(|other| other.prefix_len()).max(), "{address}");
        }
    }
});
