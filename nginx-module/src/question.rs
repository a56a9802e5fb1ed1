//! Writes what the agent is asked: the request as it came is the body of a POST, head and all (docs/attach/inspect.md, "A gateway of
//! your own").

use crate::counters::{MISSED, MISSED_NAMES};

/// Of what is shown of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    Whole,
    /// Bytes are left out at its end; how many, if it is known.
    Cut(Option<u64>),
    /// All of it is left out; how much that is, if it is known.
    Unseen(Option<u64>),
}

/// What is asked, but for the body's bytes.
pub struct Question<'a, H> {
    pub client: &'a [u8],
    pub token: &'a [u8],
    /// What passed unasked and is not told yet, by reason.
    pub missed: [u64; MISSED],
    /// Whether its answer is shown as well ([`crate::shown`]).
    pub shows_response: bool,
    pub request_line: &'a [u8],
    /// Name and value, in order.
    pub headers: H,
    pub shown: Shown,
    /// Bytes of the body that follow.
    pub body_bytes: u64,
}

impl<'a, H: Iterator<Item = (&'a [u8], &'a [u8])> + Clone> Question<'a, H> {
    /// How many bytes [`Self::write`] writes.
    pub fn length(&self) -> usize {
        let mut length = 0;
        self.write(&mut |piece| length += piece.len());
        length
    }

    /// Hands out its bytes, piece by piece: twice the same.
    pub fn write(&self, out: &mut impl FnMut(&[u8])) {
        let mut head = 0;
        self.write_message(&mut |piece| head += piece.len());
        let mut digits = [0; 20];
        out(b"POST / HTTP/1.1\r\nHost: portcullis\r\nContent-Type: message/http\r\nX-Portcullis-Client: ");
        out(self.client);
        out(b"\r\nContent-Length: ");
        out(decimal(head as u64 + self.body_bytes, &mut digits));
        out(b"\r\nX-Portcullis-Body: ");
        match self.shown {
            Shown::Whole => out(b"whole"),
            Shown::Cut(_) => out(b"cut"),
            Shown::Unseen(_) => out(b"unseen"),
        }
        if let Shown::Cut(Some(bytes)) | Shown::Unseen(Some(bytes)) = self.shown {
            out(b"=");
            out(decimal(bytes, &mut digits));
        }
        out(b"\r\n");
        if !self.token.is_empty() {
            write_field(b"X-Portcullis-Token", self.token, out);
        }
        if self.shows_response {
            write_field(b"X-Portcullis-Responses", b"shown", out);
        }
        write_missed(self.missed, out);
        out(b"\r\n");
        self.write_message(out);
    }

    fn write_message(&self, out: &mut impl FnMut(&[u8])) {
        write_line(self.request_line, out);
        out(b"\r\n");
        for (name, value) in self.headers.clone() {
            write_line(name, out);
            out(b": ");
            write_line(value, out);
            out(b"\r\n");
        }
        out(b"\r\n");
    }
}

/// What passed unasked, by reason; nothing if none did.
pub fn write_missed(missed: [u64; MISSED], out: &mut impl FnMut(&[u8])) {
    let mut lead: &[u8] = b"X-Portcullis-Missed: ";
    let mut digits = [0; 20];
    for (name, count) in MISSED_NAMES.into_iter().zip(missed).filter(|(_, count)| *count > 0) {
        out(lead);
        out(name.as_bytes());
        out(b"=");
        out(decimal(count, &mut digits));
        lead = b", ";
    }
    if lead == b", " {
        out(b"\r\n");
    }
}

/// A header.
pub fn write_field(name: &[u8], value: &[u8], out: &mut impl FnMut(&[u8])) {
    out(name);
    out(b": ");
    out(value);
    out(b"\r\n");
}

/// nginx lets none of these through; if ever it did, they must not make a line of their own.
pub fn write_line(text: &[u8], out: &mut impl FnMut(&[u8])) {
    for (n, piece) in text.split(|byte| matches!(byte, b'\r' | b'\n' | 0)).enumerate() {
        if n > 0 {
            out(b" ");
        }
        out(piece);
    }
}

/// The number in digits.
pub fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}

/// The number in hexadecimal digits.
pub fn hexadecimal(mut number: u64, digits: &mut [u8; 16]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(number % 16) as usize];
        number /= 16;
        if number == 0 {
            return &digits[at..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(missed: [u64; MISSED], shown: Shown, token: &[u8], shows_response: bool) -> String {
        let headers: [(&[u8], &[u8]); 2] = [(b"Host", b"a"), (b"X", b"b\r\nInjected: c")];
        let question = Question {
            client: b"192.0.2.7",
            token,
            missed,
            shows_response,
            request_line: b"POST /?a=1 HTTP/1.1",
            headers: headers.into_iter(),
            shown,
            body_bytes: 1000,
        };
        let mut text = Vec::new();
        question.write(&mut |piece| text.extend_from_slice(piece));
        assert_eq!(text.len(), question.length());
        String::from_utf8(text).expect("text")
    }

    const MESSAGE: &str = "POST /?a=1 HTTP/1.1\r\nHost: a\r\nX: b  Injected: c\r\n\r\n";

    #[test]
    fn writes_the_request_into_the_body() {
        let text = written([0; MISSED], Shown::Whole, b"", false);
        let length = MESSAGE.len() + 1000;
        assert_eq!(
            text,
            format!(
                "POST / HTTP/1.1\r\nHost: portcullis\r\nContent-Type: message/http\r\nX-Portcullis-Client: 192.0.2.7\r\n\
                 Content-Length: {length}\r\nX-Portcullis-Body: whole\r\n\r\n{MESSAGE}"
            )
        );
    }

    #[test]
    fn says_what_is_missing() {
        for (missed, shown, expected) in [
            (
                [3, 0, 1, 0, 0, 4],
                Shown::Whole,
                "whole\r\nX-Portcullis-Token: t\r\nX-Portcullis-Missed: down=3, error=1, response-error=4\r\n",
            ),
            (
                [0, 9, 0, 0, 0, 0],
                Shown::Cut(Some(7)),
                "cut=7\r\nX-Portcullis-Token: t\r\nX-Portcullis-Missed: late=9\r\n",
            ),
            ([0; MISSED], Shown::Unseen(Some(12)), "unseen=12\r\nX-Portcullis-Token: t\r\n"),
            ([0; MISSED], Shown::Cut(None), "cut\r\nX-Portcullis-Token: t\r\n"),
            ([0; MISSED], Shown::Unseen(None), "unseen\r\nX-Portcullis-Token: t\r\n"),
        ] {
            let text = written(missed, shown, b"t", false);
            let told = format!("X-Portcullis-Body: {expected}\r\n{MESSAGE}");
            assert!(text.ends_with(&told), "{text}");
            let text = written(missed, shown, b"t", true);
            let told = told.replace("Token: t\r\n", "Token: t\r\nX-Portcullis-Responses: shown\r\n");
            assert!(text.ends_with(&told), "{text}");
        }
    }

    #[test]
    fn writes_numbers() {
        for number in [0, 7, 10, 65_536, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; 20]), number.to_string().as_bytes());
            assert_eq!(hexadecimal(number, &mut [0; 16]), format!("{number:x}").as_bytes());
        }
    }
}
