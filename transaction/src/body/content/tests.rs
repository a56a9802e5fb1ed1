use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use proptest::prelude::*;

use super::*;
use crate::Processor;
use crate::body::properties;

type Encode = fn(&[u8]) -> Vec<u8>;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(data, 3).unwrap()
}

/// Stored meta-blocks of at most 64 KiB (RFC 7932 section 9.2), because there is only a decoder here.
fn br(data: &[u8]) -> Vec<u8> {
    // WBITS 16 is the bit 0; then ISLAST 0, MNIBBLES 0 (four), MLEN - 1 in 16 bits, ISUNCOMPRESSED 1.
    let mut encoded = Vec::new();
    for (index, block) in data.chunks(1 << 16).enumerate() {
        let shift = u32::from(index == 0);
        let header = (((block.len() - 1) as u32) << 3 | 1 << 19) << shift;
        encoded.extend_from_slice(&header.to_le_bytes()[..3]);
        encoded.extend_from_slice(block);
    }
    // ISLAST 1, ISLASTEMPTY 1.
    encoded.push(if data.is_empty() { 0b110 } else { 0b11 });
    encoded
}

/// No content in a window of 2^18 to 2^24 bytes.
fn empty_br(window_log: u8) -> Vec<u8> {
    // WBITS in four bits, then ISLAST 1, ISLASTEMPTY 1.
    vec![0b11_0001 | (window_log - 17) << 1]
}

const CODINGS: [(&str, Encode); 5] =
    [("gzip", gzip), ("deflate", zlib), ("deflate", deflate), ("br", br), ("zstd", zstd)];

fn read(coding: &str, encoded: &[u8], chunks: &[u8]) -> (Vec<u8>, Inspection) {
    let limits = Limits { segment_bytes_max: 64 << 20, ..Limits::default() };
    let headers = [("Content-Encoding", coding)];
    let (segments, inspection) = properties::read(Processor::Binary, &headers, encoded, chunks, &limits);
    assert_eq!(segments.len(), 1);
    (segments.into_iter().map(|body| body.raw).next().unwrap(), inspection)
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 & 0x1f
    };
    (0..length).map(step).collect()
}

#[test]
fn decodes_every_coding() {
    for (coding, encode) in CODINGS {
        for length in [0, 1, 100, 70_000, 200_000] {
            let data = noise(length);
            let (decoded, inspection) = read(coding, &encode(&data), &[]);
            assert!(decoded == data, "{coding} of {length}");
            assert!(inspection.is_complete(), "{coding} of {length}: {inspection:?}");
        }
    }
}

#[test]
fn decodes_chains_and_members() {
    let data = noise(50_000);
    let chained = zstd(&deflate(&gzip(&data)));
    assert!(read("gzip, deflate, ZSTD", &chained, &[7]).0 == data);
    assert!(read("identity", &data, &[]).0 == data);
    let members = [gzip(b"a="), gzip(b"b")].concat();
    assert_eq!(read("x-gzip", &members, &[1]).0, b"a=b");
    // An optional part of each kind.
    let mut header = vec![0x1f, 0x8b, 8, 0x1e, 0, 0, 0, 0, 0, 0, 2, 0, 9, 9];
    header.extend_from_slice(b"name\0comment\0cc");
    header.extend_from_slice(&gzip(b"x=1")[10..]);
    let (decoded, inspection) = read("gzip", &header, &[1]);
    assert_eq!((decoded.as_slice(), inspection), (b"x=1".as_slice(), Inspection::default()));
}

#[test]
fn passes_on_what_does_not_decode() {
    let plain = b"p=<script>alert(1)</script>";
    for (coding, expected) in [
        ("gzip", Shortfall::ContentDecoding),
        ("zstd", Shortfall::ContentDecoding),
        ("deflate", Shortfall::ContentDecoding),
        ("br", Shortfall::ContentDecoding),
        ("compress", Shortfall::ContentEncoding),
        ("gzip, gzip, gzip, gzip", Shortfall::ContentEncoding),
    ] {
        let (decoded, inspection) = read(coding, plain, &[]);
        assert!(decoded.ends_with(plain), "{coding}: {}", decoded.escape_ascii());
        assert_eq!(inspection.reasons().collect::<Vec<_>>(), [expected], "{coding}");
    }
    for (coding, encode) in CODINGS {
        let behind = [encode(b"x"), b"<script>".to_vec()].concat();
        let (decoded, inspection) = read(coding, &behind, &[]);
        assert!(decoded.starts_with(b"x") && decoded.ends_with(b"<script>"), "{coding}");
        assert!(inspection.has(Shortfall::ContentDecoding), "{coding}");
        let mut cut = encode(&noise(10_000));
        cut.truncate(cut.len() - 3);
        assert!(read(coding, &cut, &[]).1.has(Shortfall::ContentDecoding), "{coding}");
    }
}

#[test]
fn refuses_windows_that_are_too_large() {
    // 16 MiB are more than the default. Those of zstd are 2 MiB here.
    let (wide, narrow) = (empty_br(24), empty_br(22));
    for (coding, encoded, window_bytes_max, decodes) in [
        ("br", &wide, 8 << 20, false),
        ("br", &wide, 16 << 20, true),
        ("br", &narrow, 8 << 20, true),
        ("br", &narrow, 1 << 20, false),
        ("zstd", &zstd(&noise(3 << 20)), 64 << 10, false),
        ("zstd", &zstd(&noise(3 << 20)), 8 << 20, true),
        ("gzip", &gzip(b"x"), 1 << 10, true),
    ] {
        let limits = Limits { content_window_bytes_max: window_bytes_max, ..Limits::default() };
        let headers = [("Content-Encoding", coding)];
        let (_, inspection) = properties::read(Processor::Binary, &headers, encoded, &[], &limits);
        assert_eq!(!inspection.has(Shortfall::ContentDecoding), decodes, "{coding} {window_bytes_max}");
    }
}

#[test]
fn stops_bombs() {
    for (coding, encode) in [CODINGS[0], CODINGS[1], CODINGS[4]] {
        let bomb = encode(&vec![b'a'; 16 << 20]);
        let (decoded, inspection) = read(coding, &bomb, &[]);
        let most = (200 * (bomb.len() + BLOCK_BYTES)).max(1 << 20);
        assert!(decoded.len() <= most, "{coding}: {} of {}", decoded.len(), bomb.len());
        assert_eq!(inspection.reasons().collect::<Vec<_>>(), [Shortfall::DecompressionRatio], "{coding}");
        let (again, _) = read(coding, &bomb, &[1, 200, 3]);
        assert_eq!(again.len(), decoded.len(), "{coding}");
    }
    let nested = gzip(&gzip(&vec![b'a'; 64 << 20]));
    assert!(read("gzip, gzip", &nested, &[]).1.has(Shortfall::DecompressionRatio));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn chunks_make_no_difference(
        data in prop::collection::vec(b'a'..b'e', 0..9_000),
        chunks in prop::collection::vec(any::<u8>(), 1..5),
        flip in prop::option::of((any::<prop::sample::Index>(), 1..=255_u8)),
    ) {
        for (coding, encode) in CODINGS {
            let mut encoded = encode(&data);
            if let Some((index, mask)) = &flip {
                *index.get_mut(&mut encoded) ^= mask;
            }
            properties::check_content(coding, &encoded, &chunks);
        }
    }
}
