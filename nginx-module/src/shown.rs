//! Writes how an answer is shown to the agent: as the body of a POST in chunks, over the connection on which the agent let its request pass
//! (docs/attach/inspect.md, "A gateway of your own").

use crate::question::{hexadecimal, write_field, write_line};

/// The head of an answer.
pub struct Shown<'a, H> {
    /// The transaction that it belongs to.
    pub id: &'a [u8],
    pub token: &'a [u8],
    pub status: u16,
    /// Name and value, in order.
    pub headers: H,
}

impl<'a, H: Iterator<Item = (&'a [u8], &'a [u8])> + Clone> Shown<'a, H> {
    /// How many bytes [`Self::write`] writes.
    pub fn length(&self) -> usize {
        let mut length = 0;
        self.write(&mut |piece| length += piece.len());
        length
    }

    /// Hands out its bytes, piece by piece: twice the same. The answer's head is a chunk of its own.
    pub fn write(&self, out: &mut impl FnMut(&[u8])) {
        out(b"POST / HTTP/1.1\r\nHost: portcullis\r\nContent-Type: message/http\r\nTransfer-Encoding: chunked\r\n");
        write_field(b"X-Portcullis-Response-To", self.id, out);
        if !self.token.is_empty() {
            write_field(b"X-Portcullis-Token", self.token, out);
        }
        out(b"\r\n");
        let mut head = 0;
        self.write_head(&mut |piece| head += piece.len());
        let mut digits = [0; 16];
        out(hexadecimal(head as u64, &mut digits));
        out(b"\r\n");
        self.write_head(out);
        out(b"\r\n");
    }

    fn write_head(&self, out: &mut impl FnMut(&[u8])) {
        let status = [100, 10, 1].map(|place| b'0' + (self.status / place % 10) as u8);
        out(b"HTTP/1.1 ");
        out(&status);
        out(b" \r\n");
        for (name, value) in self.headers.clone() {
            write_line(name, out);
            out(b": ");
            write_line(value, out);
            out(b"\r\n");
        }
        out(b"\r\n");
    }
}

/// How the agent wants to see an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// None of it goes on before its verdict, as far as so many bytes of its body.
    Hold(u64),
    /// It goes on, and so many bytes of it are copied.
    Copy(u64),
}

impl Want {
    /// What `X-Portcullis-Responses` says; `None` if it says nothing that is known.
    pub fn of(text: &[u8]) -> Option<Self> {
        let at = text.iter().position(|byte| *byte == b'=')?;
        let bytes = std::str::from_utf8(&text[at + 1..]).ok()?.parse().ok()?;
        match &text[..at] {
            b"hold" => Some(Self::Hold(bytes)),
            b"copy" => Some(Self::Copy(bytes)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_answer_into_the_body() {
        let headers: [(&[u8], &[u8]); 2] = [(b"Content-Type", b"text/plain"), (b"X", b"b\r\nInjected: c")];
        for (token, between) in [(&b""[..], ""), (b"t", "X-Portcullis-Token: t\r\n")] {
            let shown = Shown { id: b"0a", token, status: 404, headers: headers.into_iter() };
            let mut text = Vec::new();
            shown.write(&mut |piece| text.extend_from_slice(piece));
            assert_eq!(text.len(), shown.length());
            let head = "HTTP/1.1 404 \r\nContent-Type: text/plain\r\nX: b  Injected: c\r\n\r\n";
            assert_eq!(
                String::from_utf8(text).expect("text"),
                format!(
                    "POST / HTTP/1.1\r\nHost: portcullis\r\nContent-Type: message/http\r\nTransfer-Encoding: chunked\r\n\
                     X-Portcullis-Response-To: 0a\r\n{between}\r\n{:x}\r\n{head}\r\n",
                    head.len()
                )
            );
        }
    }

    #[test]
    fn reads_what_is_wanted() {
        for (text, expected) in [
            ("hold=1048576", Some(Want::Hold(1_048_576))),
            ("copy=0", Some(Want::Copy(0))),
            ("hold", None),
            ("hold=", None),
            ("keep=1", None),
            ("copy=-1", None),
            ("", None),
        ] {
            assert_eq!(Want::of(text.as_bytes()), expected, "{text}");
        }
    }
}
