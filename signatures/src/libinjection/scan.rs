//! Searches long values.

/// Bytes looked at together: enough for the compiler to use vector instructions.
const CHUNK_BYTES: usize = 32;

/// The first byte that is wanted; for predicates of a few comparisons, and seldom true.
pub(super) fn position(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let chunks = bytes.chunks(CHUNK_BYTES);
    let chunk = chunks.take_while(|chunk| !chunk.iter().fold(false, |any, &byte| any | wanted(byte))).count();
    let start = chunk * CHUNK_BYTES;
    let found = bytes.get(start..)?.iter().position(|&byte| wanted(byte))?;
    Some(start + found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_what_a_plain_search_finds(bytes in prop::collection::vec(0..9u8, 0..200)) {
            for wanted in 0..10 {
                let plain = bytes.iter().position(|&byte| byte == wanted);
                prop_assert_eq!(position(&bytes, |byte| byte == wanted), plain);
            }
        }
    }
}
