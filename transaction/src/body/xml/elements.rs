//! The open elements, as a path.

use crate::body::segment::Sink;

/// `/note/to`, and where in it each element begins.
#[derive(Debug, Default)]
pub(super) struct Elements {
    path: Vec<u8>,
    starts: Vec<usize>,
    /// Whether the document had its root element.
    pub(super) rooted: bool,
}

impl Elements {
    /// The path of the innermost element.
    pub(super) fn path(&self) -> &[u8] {
        if self.path.is_empty() { b"/" } else { &self.path }
    }

    pub(super) fn depth(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn enter(&mut self, name: &[u8], sink: &mut Sink<'_>) {
        self.starts.push(self.path.len());
        self.rooted = true;
        sink.grow_name(&mut self.path, b"/");
        sink.grow_name(&mut self.path, name);
    }

    pub(super) fn leave(&mut self) {
        if let Some(start) = self.starts.pop() {
            self.path.truncate(start);
        }
    }

    /// Whether the innermost element has this name, as far as it was kept.
    pub(super) fn innermost_is(&self, name: &[u8], sink: &Sink<'_>) -> bool {
        let Some(start) = self.starts.last() else { return false };
        let kept = self.path.get(start + 1..).unwrap_or_default();
        let cut = self.path.len() >= sink.bounds.name_bytes;
        kept == name || (cut && name.starts_with(kept))
    }
}
