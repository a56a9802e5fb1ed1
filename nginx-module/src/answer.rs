//! Reads what the agent answers: HTTP/1.1 with a Content-Length, as the native dialect has it (docs/attach/inspect.md).

use std::ops::Range;

/// How far an answer has come.
#[derive(Debug, PartialEq)]
pub enum Read<'a> {
    /// At least so many bytes are needed in all.
    More(usize),
    Whole(Answer<'a>),
    /// This is no answer of an agent.
    Broken,
}

/// A whole answer.
#[derive(Debug, PartialEq)]
pub struct Answer<'a> {
    pub status: u16,
    head: &'a [u8],
    pub body: &'a [u8],
    /// How many bytes it has, those before it that are none of it included.
    pub length: usize,
}

/// Longest head, with what announces it, and longest body that are read. A block page is a few KiB.
const HEAD_BYTES_MAX: usize = 16 << 10;
const BODY_BYTES_MAX: usize = 1 << 20;

/// Reads what has come so far.
pub fn read(bytes: &[u8]) -> Read<'_> {
    let mut begin = 0;
    loop {
        let rest = &bytes[begin..];
        let Some(head) = head_of(rest) else {
            return if bytes.len() >= HEAD_BYTES_MAX { Read::Broken } else { Read::More(bytes.len() + 1) };
        };
        let Some(status) = status_of(&rest[..head]) else { return Read::Broken };
        // What announces an answer is none.
        if (100..200).contains(&status) {
            begin += head;
            continue;
        }
        let mut answer = Answer { status, head: &rest[..head], body: &[], length: begin + head };
        let length = match answer.header(b"content-length").map(number) {
            None => 0,
            Some(Some(length)) if length <= BODY_BYTES_MAX => length,
            Some(_) => return Read::Broken,
        };
        if answer.header(b"transfer-encoding").is_some() {
            return Read::Broken;
        }
        let Range { start, end } = head..head + length;
        let Some(body) = rest.get(start..end) else { return Read::More(begin + end) };
        (answer.body, answer.length) = (body, begin + end);
        return Read::Whole(answer);
    }
}

/// Whether the agent has announced its answer: it wants to see more before that.
pub fn is_announced(bytes: &[u8]) -> bool {
    head_of(bytes).is_some_and(|head| status_of(&bytes[..head]).is_some_and(|status| status < 200))
}

impl<'a> Answer<'a> {
    /// The first header of this name, which is given in lower case.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Its headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.head.split(|byte| *byte == b'\n').skip(1).filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((line[..colon].trim_ascii(), line[colon + 1..].trim_ascii()))
        })
    }

    /// Whether the connection is of no more use.
    pub fn closes(&self) -> bool {
        self.header(b"connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"))
    }
}

fn head_of(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

fn status_of(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.1 ").or_else(|| head.strip_prefix(b"HTTP/1.0 "))?;
    let digits = rest.get(..3)?;
    let status = number(digits)?;
    (100..600).contains(&status).then_some(status as u16)
}

fn number(text: &[u8]) -> Option<usize> {
    let is_number = !text.is_empty() && text.len() <= 9 && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASS: &[u8] = b"HTTP/1.1 200 OK\r\nX-Portcullis-Verdict: pass\r\nContent-Length: 0\r\n\r\n";
    const PREVENT: &[u8] =
        b"HTTP/1.1 403 Forbidden\r\nx-portcullis-verdict:prevent \r\ncontent-length: 4\r\nConnection: Close\r\n\r\npage";

    #[test]
    fn reads_whole_answers() {
        let Read::Whole(pass) = read(PASS) else { panic!("whole") };
        assert_eq!((pass.status, pass.body, pass.closes(), pass.length), (200, &b""[..], false, PASS.len()));
        assert_eq!(pass.header(b"x-portcullis-verdict"), Some(&b"pass"[..]));
        let Read::Whole(prevent) = read(PREVENT) else { panic!("whole") };
        assert_eq!((prevent.status, prevent.body, prevent.closes()), (403, &b"page"[..], true));
        assert_eq!(prevent.header(b"x-portcullis-verdict"), Some(&b"prevent"[..]));
        let announced = [b"HTTP/1.1 100 Continue\r\n\r\n", PASS].concat();
        let Read::Whole(pass) = read(&announced) else { panic!("whole") };
        assert_eq!((pass.status, pass.length), (200, announced.len()));
        assert_eq!(
            [is_announced(&announced[..25]), is_announced(&announced[..24]), is_announced(PASS)],
            [true, false, false]
        );
    }

    #[test]
    fn waits_for_the_rest_at_every_byte() {
        for answer in [PASS, PREVENT] {
            for length in 0..answer.len() {
                let Read::More(needed) = read(&answer[..length]) else { panic!("{length}") };
                assert!(needed > length && needed <= answer.len(), "{length} {needed}");
            }
        }
    }

    #[test]
    fn anything_else_is_broken() {
        for text in [
            "HTTP/2 200\r\n\r\n",
            "HTTP/1.1 2x0 OK\r\n\r\n",
            "HTTP/1.1 999 OK\r\n\r\n",
            "SSH-2.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(read(text.as_bytes()), Read::Broken, "{text:?}");
        }
        assert_eq!(read(&vec![b'a'; HEAD_BYTES_MAX]), Read::Broken);
        assert_eq!(read(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)), Read::Broken);
    }
    /// Whatever bytes come: a verdict about them, the same for the same, and never more than there is.
    #[test]
    fn mutated_answers_are_read() {
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for _ in 0..50_000 {
            let mut bytes = [PASS, PREVENT][random(2)].to_vec();
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                match random(3) {
                    0 => bytes[at] = random(256) as u8,
                    1 => drop(bytes.drain(at..(at + random(9)).min(bytes.len()))),
                    _ => bytes.insert(at, b"\r\n:0 1\0"[random(7)]),
                }
                if bytes.is_empty() {
                    bytes.push(b'H');
                }
            }
            match read(&bytes) {
                Read::Whole(answer) => {
                    assert!(answer.length <= bytes.len() && answer.body.len() < answer.length)
                }
                Read::More(needed) => assert!(needed > bytes.len()),
                Read::Broken => {}
            }
        }
    }
}
