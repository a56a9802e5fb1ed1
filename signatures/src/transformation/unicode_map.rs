//! What `%uHHHH` becomes by `SecUnicodeMapFile`: best-fit mappings of a code page.
//!
//! ```text
//! SecUnicodeMapFile unicode.mapping 20127
//! ```
//! ModSecurity reference v3, "Configuration directives", `SecUnicodeMapFile`.

use std::ops::Range;

/// The bytes that code points of one code page become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnicodeMap {
    /// By code point, each once.
    pairs: Box<[(u16, u8)]>,
}

/// What is wrong with a map file, at a range of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapFault {
    /// It has no such code page; these it has.
    NoCodePage(Vec<u32>),
    /// Not `hhhh:hh`.
    NotAPair(Range<usize>),
    /// Neither pairs nor a code page's heading.
    NotAHeading(Range<usize>),
    /// A pair before any code page.
    NoHeading(Range<usize>),
}

impl UnicodeMap {
    /// Reads the map of a code page from the text of a file: for each code page a line `NUMBER (NAME)`, then lines of
    /// `hhhh:hh` pairs in hexadecimal, code point and byte. A heading without a number is of a page that cannot
    /// be asked for; the first page of a number counts. Lines that begin with `#` are comments.
    ///
    /// # Errors
    /// Every line that is neither, at its first fault; of a page that is not there, that.
    pub fn read(text: &str, code_page: u32) -> Result<Self, Vec<MapFault>> {
        let mut reading = Reading { code_page, ..Reading::default() };
        let mut start = 0;
        for line in text.split('\n') {
            if let Err(fault) = reading.line(line, start) {
                reading.faults.push(fault);
            }
            start += line.len() + 1;
        }
        reading.finish()
    }

    /// The byte that a code point becomes.
    pub(super) fn byte(&self, code_point: u32) -> Option<u8> {
        let wanted = u16::try_from(code_point).ok()?;
        let at = self.pairs.binary_search_by_key(&wanted, |(point, _)| *point).ok()?;
        Some(self.pairs[at].1)
    }
}

/// A file so far.
#[derive(Default)]
struct Reading {
    code_page: u32,
    /// The numbers of all headings.
    pages: Vec<u32>,
    at: Place,
    pairs: Vec<(u16, u8)>,
    faults: Vec<MapFault>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Before any heading.
    #[default]
    Start,
    /// In the page that is wanted.
    Wanted,
    /// In another.
    Other,
}

impl Reading {
    /// Reads the line that begins at `start`.
    fn line(&mut self, line: &str, start: usize) -> Result<(), MapFault> {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(());
        }
        let place = |part: &str| {
            let at = start + (part.as_ptr() as usize - line.as_ptr() as usize);
            at..at + part.len()
        };
        if !text.contains(':') || text.starts_with('(') {
            return self.heading(text).ok_or_else(|| MapFault::NotAHeading(place(text)));
        }
        for word in text.split_whitespace() {
            let found = pair(word).ok_or_else(|| MapFault::NotAPair(place(word)))?;
            match self.at {
                Place::Start => return Err(MapFault::NoHeading(place(word))),
                Place::Wanted => self.pairs.push(found),
                Place::Other => {}
            }
        }
        Ok(())
    }

    /// `NUMBER`, `NUMBER (NAME)` or `(NAME)`.
    fn heading(&mut self, text: &str) -> Option<()> {
        let (number, name) = text.split_at(text.find('(').unwrap_or(text.len()));
        if !name.is_empty() && !name.ends_with(')') {
            return None;
        }
        let number = match number.trim() {
            "" => None,
            number => Some(number.parse().ok()?),
        };
        let is_wanted = number == Some(self.code_page) && !self.pages.contains(&self.code_page);
        self.at = if is_wanted { Place::Wanted } else { Place::Other };
        self.pages.extend(number);
        Some(())
    }

    fn finish(mut self) -> Result<UnicodeMap, Vec<MapFault>> {
        if !self.pages.contains(&self.code_page) {
            self.faults.push(MapFault::NoCodePage(self.pages));
        }
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        // Of a code point that is there twice, the last counts.
        self.pairs.reverse();
        self.pairs.sort_by_key(|(point, _)| *point);
        self.pairs.dedup_by_key(|(point, _)| *point);
        Ok(UnicodeMap { pairs: self.pairs.into() })
    }
}

/// `hhhh:hh`.
fn pair(word: &str) -> Option<(u16, u8)> {
    let (point, byte) = word.split_once(':')?;
    let is_hex = |text: &str, digits| text.len() == digits && text.bytes().all(|it| it.is_ascii_hexdigit());
    let is_pair = is_hex(point, 4) && is_hex(byte, 2);
    is_pair.then_some(())?;
    Some((u16::from_str_radix(point, 16).ok()?, u8::from_str_radix(byte, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_page() {
        let text = "# ours\r\n(without a number)\r\n\r\n1250 (one)\r\n0100:61\r\n\r\n20127 (two)\r\n0100:41 2018:27\r\nff1c:3c 2018:60\r\n20127 (again)\n0100:7a\n";
        let rows = [(20_127, 0x100, Some(b'A')), (20_127, 0x2018, Some(b'`')), (1250, 0x100, Some(b'a'))];
        for (page, point, byte) in rows.into_iter().chain([(1250, 0x2018, None), (20_127, 0x1_0100, None)]) {
            assert_eq!(UnicodeMap::read(text, page).unwrap().byte(point), byte, "{page} {point:x}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let rows: &[(&str, &[MapFault])] = &[
            ("1 (a)\n0100:41", &[]),
            ("1", &[]),
            ("", &[MapFault::NoCodePage(vec![])]),
            ("2 (b)\n3", &[MapFault::NoCodePage(vec![2, 3])]),
            ("0100:41\n1", &[MapFault::NoHeading(0..7)]),
            ("1\n0100:41 100:41 x:y", &[MapFault::NotAPair(10..16)]),
            ("1\n0100:4g\n0100:4100", &[MapFault::NotAPair(2..9), MapFault::NotAPair(10..19)]),
            ("1\n 01004:1\n1 (x", &[MapFault::NotAPair(3..10), MapFault::NotAHeading(11..15)]),
            ("1\n99999999999 (x)\nx", &[MapFault::NotAHeading(2..17), MapFault::NotAHeading(18..19)]),
            ("1\n+100:41", &[MapFault::NotAPair(2..9)]),
        ];
        for (text, expected) in rows {
            assert_eq!(UnicodeMap::read(text, 1).err().unwrap_or_default(), *expected, "{text}");
        }
    }
}
