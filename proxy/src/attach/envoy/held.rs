//! What was shown of a body and did not go on.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// What was shown of a body and did not go on. Small pieces are put together, so that a body of a million pieces costs no
/// more than its bytes.
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: VecDeque<BytesMut>,
    bytes: usize,
}

impl Held {
    /// Adds a piece at the end.
    pub(super) fn push(&mut self, mut piece: &[u8]) {
        self.bytes += piece.len();
        while !piece.is_empty() {
            let room = self.pieces.back().map_or(0, |last| PIECE_BYTES.saturating_sub(last.len()));
            if room == 0 {
                self.pieces.push_back(BytesMut::new());
                continue;
            }
            let (first, rest) = piece.split_at(room.min(piece.len()));
            if let Some(last) = self.pieces.back_mut() {
                last.extend_from_slice(first);
            }
            piece = rest;
        }
    }

    /// Takes what came first.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.bytes -= piece.len();
        Some(piece.freeze())
    }

    /// Takes what came first while more than `most` bytes are held.
    pub(super) fn pop_above(&mut self, most: usize) -> Option<Bytes> {
        if self.bytes > most { self.pop() } else { None }
    }

    /// How much is held (bytes).
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What Envoy recommends not to exceed in one message.
const PIECE_BYTES: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_back_what_it_got_in_pieces_of_a_size() {
        for (pieces, length, count) in
            [(0, 0, 0), (1, 1, 1), (3, 65_536, 3), (100_000, 1, 2), (2, 100_000, 4)]
        {
            let mut held = Held::default();
            let piece: Vec<u8> = (0..length).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
            (0..pieces).for_each(|_| held.push(&piece));
            assert_eq!(held.bytes(), pieces * length);
            let (mut all, mut popped) = (Vec::new(), 0);
            while let Some(piece) = held.pop() {
                assert!(piece.len() <= PIECE_BYTES);
                all.extend_from_slice(&piece);
                popped += 1;
            }
            assert_eq!((all, popped, held.bytes()), (piece.repeat(pieces), count, 0));
        }
    }
}
