//! Any argument compiles or is refused, with a place inside of it; what compiles matches inside of any value,
//! with and without captures alike. The first byte selects the operator, a NUL divides argument and value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signatures::operator::{Captures, DataFiles, Operator};
use signatures::{Resolve, Variable};

fuzz_target!(|input: &[u8]| {
    let [first, rest @ ..] = input else { return };
    let names: Vec<&str> = Operator::names().filter(|name| !name.starts_with("rx")).collect();
    let name = names[usize::from(*first) % names.len()];
    let at = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let (argument, value) = (&rest[..at], rest.get(at + 1..).unwrap_or_default());
    let Ok(argument) = std::str::from_utf8(argument) else { return };
    // A data file is the value itself.
    match Operator::compile(name, argument, &File(value)) {
        Ok(operator) => {
            let found = operator.find(value, &Echo(value), None);
            assert_eq!(found, operator.find(value, &Echo(value), Some(&mut Captures::default())));
            assert!(found.is_none_or(|range| value.get(range).is_some()), "@{name} {argument}");
        }
        Err(error) => {
            assert!(error.span.is_none_or(|span| argument.get(span).is_some()), "@{name} {argument}");
        }
    }
});

struct File<'v>(&'v [u8]);

impl DataFiles for File<'_> {
    fn read(&self, _name: &str) -> Result<Vec<u8>, String> {
        Ok(self.0.to_vec())
    }
}

/// Every macro is the value.
struct Echo<'v>(&'v [u8]);

impl Resolve for Echo<'_> {
    fn resolve(&self, _variable: Variable, _key: Option<&[u8]>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }
}
