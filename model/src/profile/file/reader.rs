//! Reads the parts of a file.

use crate::profile::{Distinct, Windows};

/// Bytes that were not read yet.
pub(super) struct Reader<'b> {
    rest: &'b [u8],
}

type Read<T> = Result<T, &'static str>;

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn bytes(&mut self, count: usize) -> Read<&'b [u8]> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or("it ends too early")?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or("it ends too early")?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(super) fn u32(&mut self) -> Read<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// LEB128, as short as can be.
    pub(super) fn count(&mut self) -> Read<u32> {
        let mut count = 0_u64;
        for shift in (0..35).step_by(7) {
            let [byte] = self.array()?;
            count |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                let is_short = byte > 0 || shift == 0;
                let count = u32::try_from(count).ok().filter(|_| is_short);
                return count.ok_or("one of its counts is none");
            }
        }
        Err("one of its counts is none")
    }

    pub(super) fn sources<const N: usize>(&mut self) -> Read<Distinct<N>> {
        let [count] = self.array()?;
        let mut sources = Distinct::default();
        let mut last = None;
        for _ in 0..count {
            let hash = self.u32()?;
            if last.is_some_and(|last| last >= hash) {
                return Err("its sources are not in order");
            }
            last = Some(hash);
            sources.add(hash);
        }
        if usize::from(count) > N {
            return Err("it has more sources than are counted");
        }
        Ok(sources)
    }

    pub(super) fn windows(&mut self) -> Read<Windows> {
        let (last, bits) = (self.u32()?, u64::from_le_bytes(self.array()?));
        let windows = Windows::from_parts(last, bits);
        if windows.parts() != (last, bits) {
            return Err("its windows of time are none");
        }
        Ok(windows)
    }
}
