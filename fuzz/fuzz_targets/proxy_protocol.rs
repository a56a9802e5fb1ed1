//! A PROXY protocol header is one whatever comes behind it, and less of it is not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use transaction::hops::properties::check_proxy_protocol;

fuzz_target!(|input: &[u8]| check_proxy_protocol(input));
