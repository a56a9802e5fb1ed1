//! Names and values in order, in one buffer.

use std::fmt;

/// An ordered multimap of byte strings: headers, cookies, query and body arguments.
///
/// All bytes live in one buffer, so that a request with a thousand arguments costs two allocations
/// and a reused `Fields` none. Order and duplicates are kept, because rules look at both.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

/// `name_start <= value_start <= end <= bytes.len()`; name and value are adjacent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    name_start: usize,
    value_start: usize,
    end: usize,
}

/// One name with its value, borrowed from a [`Fields`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as it was sent, after the decoding its place calls for.
    pub name: &'a [u8],
    /// The value, likewise.
    pub value: &'a [u8],
}

impl Fields {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty list with room for so many bytes and fields.
    pub(crate) fn with_capacity(bytes: usize, fields: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(fields) }
    }

    /// Makes room for so many more bytes and fields.
    pub fn reserve(&mut self, bytes: usize, fields: usize) {
        self.bytes.reserve(bytes);
        self.entries.reserve(fields);
    }

    /// Appends one field.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        self.open(name);
        self.extend(value);
    }

    /// Appends a field with an empty value, which [`Fields::extend`] then grows.
    pub fn open(&mut self, name: &[u8]) {
        let name_start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let value_start = self.bytes.len();
        self.entries.push(Entry { name_start, value_start, end: value_start });
    }

    /// Grows the value of the last field; does nothing when there is none.
    pub fn extend(&mut self, more: &[u8]) {
        if let Some(last) = self.entries.last_mut() {
            self.bytes.extend_from_slice(more);
            last.end = self.bytes.len();
        }
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of all names and values together.
    #[must_use]
    pub fn bytes_total(&self) -> usize {
        self.bytes.len()
    }

    /// The field at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Field<'_>> {
        self.entries.get(index).map(|entry| self.field(entry))
    }

    /// The last field.
    #[must_use]
    pub fn last(&self) -> Option<Field<'_>> {
        self.entries.last().map(|entry| self.field(entry))
    }

    /// All fields in the order they came.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'_>> + ExactSizeIterator {
        self.entries.iter().map(|entry| self.field(entry))
    }

    /// All fields of that name, compared without ASCII case, in the order they came.
    pub fn named<'f>(&'f self, name: &[u8]) -> impl Iterator<Item = Field<'f>> {
        let is_as_long = |entry: &&Entry| entry.value_start - entry.name_start == name.len();
        let fields = self.entries.iter().filter(is_as_long).map(|entry| self.field(entry));
        fields.filter(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// The value of the first field of that name, compared without ASCII case.
    #[must_use]
    pub fn first(&self, name: &[u8]) -> Option<&[u8]> {
        self.named(name).next().map(|field| field.value)
    }

    /// Forgets all fields but keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    fn field(&self, entry: &Entry) -> Field<'_> {
        Field {
            name: &self.bytes[entry.name_start..entry.value_start],
            value: &self.bytes[entry.value_start..entry.end],
        }
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Fields {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut fields = Self::new();
        for (name, value) in pairs {
            fields.push(name.as_ref(), value.as_ref());
        }
        fields
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name.escape_ascii(), self.value.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_duplicates() {
        let fields: Fields = [("a", "1"), ("B", "2"), ("a", "3")].into_iter().collect();
        assert_eq!(format!("{fields:?}"), "[a=1, B=2, a=3]");
        assert_eq!(fields.first(b"b"), Some(b"2".as_slice()));
        let named: Vec<_> = fields.named(b"A").map(|field| field.value).collect();
        assert_eq!(named, [b"1", b"3"]);
        assert_eq!(fields.bytes_total(), 6);
    }

    #[test]
    fn grows_the_last_value_only() {
        let mut fields = Fields::new();
        fields.extend(b"lost");
        fields.open(b"n");
        fields.extend(b"ab");
        fields.extend(b"c");
        assert_eq!(format!("{fields:?}"), "[n=abc]");
    }
}
