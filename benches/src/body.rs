//! Request bodies of a wanted size.

use transaction::{BodyReader, Fields, Limits, Processor, Progress, RequestHead, Transaction};

/// A body with the head that announces it.
pub struct Sample {
    /// Its format: `urlencoded`, `json`, `multipart`.
    pub name: &'static str,
    processor: Processor,
    head: RequestHead,
    bytes: Vec<u8>,
}

impl Sample {
    /// One of each format, of `size` bytes or a little more.
    #[must_use]
    pub fn all(size: usize) -> Vec<Self> {
        let form = filled(size, "", |index| format!("name{index}=some+value+%26+more+{index}&"), "");
        let json = filled(
            size,
            "[",
            |index| format!(r#"{{"name":"value {index}","tags":["a","b\n"],"price":{index}.5}},"#),
            "null]",
        );
        // So few parts that a large body stays within `multipart_parts_max`.
        let text = "some words of a text ".repeat(1 + size / 10_000);
        let multipart = filled(
            size,
            "",
            |index| {
                format!("--edge\r\nContent-Disposition: form-data; name=\"field{index}\"\r\n\r\n{text}\r\n")
            },
            "--edge--\r\n",
        );
        vec![
            Self::new("urlencoded", "application/x-www-form-urlencoded", form),
            Self::new("json", "application/json", json),
            Self::new("multipart", "multipart/form-data; boundary=edge", multipart),
        ]
    }

    fn new(name: &'static str, content_type: &str, bytes: Vec<u8>) -> Self {
        let mut headers = Fields::new();
        headers.push(b"Content-Type", content_type.as_bytes());
        let head = RequestHead { headers, ..RequestHead::default() };
        Self { name, processor: Processor::for_content_type(content_type.as_bytes()), head, bytes }
    }

    /// Its length (bytes).
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Parses it in chunks as they come from a socket; returns how many arguments all segments have.
    #[must_use]
    pub fn parse(&self, limits: &Limits) -> usize {
        let mut transaction = Transaction::default();
        let Transaction { body, inspection, .. } = &mut transaction;
        let mut reader = BodyReader::new(self.processor, &self.head, limits);
        for mut chunk in self.bytes.chunks(CHUNK_BYTES) {
            while reader.push(&mut chunk, body, inspection) == Progress::SegmentFull {
                reader.next_segment(body);
            }
        }
        while reader.finish(body, inspection) == Progress::SegmentFull {
            reader.next_segment(body);
        }
        body.earlier_arguments + body.arguments.len()
    }
}

/// What a read from a socket gives (bytes).
const CHUNK_BYTES: usize = 16 << 10;

/// Items between a beginning and an end, as many as `size` bytes take.
fn filled(size: usize, begin: &str, item: impl Fn(usize) -> String, end: &str) -> Vec<u8> {
    let mut text = begin.to_owned();
    for index in 0.. {
        if text.len() >= size {
            break;
        }
        text.push_str(&item(index));
    }
    text.push_str(end);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use transaction::Limits;

    use super::Sample;

    #[test]
    fn samples_are_read_whole() {
        for sample in Sample::all(300_000) {
            let (bytes, arguments) = (sample.len(), sample.parse(&Limits::default()));
            assert!((300_000..301_000).contains(&bytes), "{}: {bytes} bytes", sample.name);
            assert!(arguments > bytes / 1_000, "{}: {arguments} arguments", sample.name);
        }
    }
}
