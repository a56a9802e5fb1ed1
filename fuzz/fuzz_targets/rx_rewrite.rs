//! Any pattern is rewritten or refused, with a place inside of it; short ones are compiled too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signatures::operator::{DataFiles, Operator, rewrite};

fuzz_target!(|pattern: &str| {
    let span = match rewrite(pattern) {
        Ok(_) if pattern.len() > COMPILED_BYTES_MAX => None,
        Ok(_) => Operator::compile("rx", pattern, &NoFiles).err().and_then(|error| error.span),
        Err(error) => error.span,
    };
    assert!(span.is_none_or(|span| pattern.get(span).is_some()), "{pattern}");
});

/// Compiling takes longer than rewriting, and is not what is tested.
const COMPILED_BYTES_MAX: usize = 16;

struct NoFiles;

impl DataFiles for NoFiles {
    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        Err(name.to_owned())
    }
}
