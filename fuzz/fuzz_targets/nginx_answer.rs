//! Whatever an agent answers nginx's module: it is read within its bytes, and more is never waited for than may come.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the module reads more of it")]
#[path = "../../nginx-module/src/answer.rs"]
mod answer;

fuzz_target!(|input: &[u8]| {
    match answer::read(input) {
        answer::Read::Whole(answer) => {
            assert!(answer.length <= input.len() && answer.body.len() < answer.length);
            assert!(answer.headers().count() <= input.len());
        }
        answer::Read::More(needed) => assert!(needed > input.len() && needed < input.len() + (2 << 20)),
        answer::Read::Broken => {}
    }
});
