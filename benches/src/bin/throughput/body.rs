//! Bodies of any length, made up piece by piece.

use portcullis_benches::text;
use portcullis_tests::random::Random;

/// A kind of body.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) content_type: &'static str,
    /// What is wanted of it (MB/s); 0 where it is only to grow with its length.
    pub(crate) goal: f64,
    begin: &'static str,
    /// What is repeated, different each time.
    piece: fn(&mut Random, usize) -> Vec<u8>,
    end: &'static str,
}

impl Kind {
    /// The chunks of a body of so many bytes, or a little more.
    pub(crate) fn chunks(&self, bytes: usize) -> impl Iterator<Item = Vec<u8>> {
        let (mut random, mut made, mut number) = (Random::new(SEED), 0, 0);
        std::iter::from_fn(move || {
            if made > bytes {
                return None;
            }
            let mut chunk = if made == 0 { self.begin.as_bytes().to_vec() } else { Vec::new() };
            while chunk.len() < CHUNK_BYTES && made + chunk.len() < bytes {
                chunk.extend((self.piece)(&mut random, number));
                number += 1;
            }
            if chunk.len() < CHUNK_BYTES {
                chunk.extend(self.end.as_bytes());
                made = bytes;
            }
            made += chunk.len();
            Some(chunk)
        })
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=edge";

/// Ordinary bodies first.
pub(crate) const KINDS: [Kind; 9] = [
    Kind {
        name: "alphanumeric, one form value",
        content_type: FORM,
        goal: 50.0,
        begin: "a=",
        piece: |random, _| alphanumeric(random),
        end: "",
    },
    Kind {
        name: "prose, form values of 4 KB",
        content_type: FORM,
        goal: 20.0,
        begin: "",
        piece: |random, number| {
            format!("note{number}={}&", text::prose(random, 4 << 10).replace(' ', "+")).into_bytes()
        },
        end: "end=1",
    },
    Kind {
        name: "JSON of prose, values of 1 KB",
        content_type: "application/json",
        goal: 20.0,
        begin: "[",
        piece: |random, _| format!("{{\"note\":\"{}\"}},", text::prose(random, 1 << 10)).into_bytes(),
        end: "null]",
    },
    Kind {
        name: "binary upload, one part",
        content_type: MULTIPART,
        goal: 200.0,
        begin: "--edge\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\n\
                Content-Type: application/octet-stream\r\n\r\n",
        piece: |random, _| (0..512).flat_map(|_| random.next_u64().to_le_bytes()).collect(),
        end: "\r\n--edge--\r\n",
    },
    adversarial("SQL in form values", FORM, |_, number| {
        format!("a{number}=1'+or+'{number}'='{number}&").into_bytes()
    }),
    adversarial("markup in one form value", FORM, |_, number| {
        format!("{}<a+onclick{number}=x+", if number == 0 { "a=" } else { "" }).into_bytes()
    }),
    adversarial("quotes and brackets in one form value", FORM, |_, number| {
        format!("{}('\"`)({number:x}", if number == 0 { "a=" } else { "" }).into_bytes()
    }),
    adversarial("small JSON values", "application/json", |_, number| {
        format!("{}\"</{number:x}\",", if number == 0 { "[" } else { "" }).into_bytes()
    }),
    adversarial("encoded twice, form values", FORM, |_, number| {
        format!("a{number}=%2526lt;%252e%252e%252f{number}&").into_bytes()
    }),
];

/// Only for how the time grows.
const fn adversarial(
    name: &'static str,
    content_type: &'static str,
    piece: fn(&mut Random, usize) -> Vec<u8>,
) -> Kind {
    Kind { name, content_type, goal: 0.0, begin: "", piece, end: "" }
}

/// Letters and digits, as base64url has them.
fn alphanumeric(random: &mut Random) -> Vec<u8> {
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    (0..1024).map(|_| *random.pick(letters)).collect()
}

/// What a read from a socket gives (bytes).
const CHUNK_BYTES: usize = 16 << 10;
/// What every body is drawn with.
const SEED: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_their_length() {
        for kind in &KINDS {
            let bytes: usize = kind.chunks(200_000).map(|chunk| chunk.len()).sum();
            assert!((200_000..210_000).contains(&bytes), "{}: {bytes}", kind.name);
        }
    }
}
