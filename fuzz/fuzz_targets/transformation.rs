//! Any bytes through any transformation: within its bound, and borrowed exactly when nothing changed.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use signatures::transformation::Transformation;

fuzz_target!(|input: &[u8]| {
    let [first, value @ ..] = input else { return };
    let transformation = Transformation::ALL[usize::from(*first) % Transformation::ALL.len()];
    let out = transformation.apply(Cow::Borrowed(value));
    assert!(out.len() <= transformation.bytes_max(value.len()), "{transformation:?}");
    assert_eq!(matches!(out, Cow::Borrowed(_)), *out == *value, "{transformation:?}");
});
