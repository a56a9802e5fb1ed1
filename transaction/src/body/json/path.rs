//! Where in a JSON text a value stands, as the name of its argument.

use std::io::Write;

use crate::body::segment::Sink;

/// A container around the value. `base` is the length of the container's own name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame {
    Array { base: usize, index: u64 },
    Object { base: usize },
}

/// The name of the current value, and the containers around it.
#[derive(Debug, Default)]
pub(super) struct Path {
    name: Vec<u8>,
    frames: Vec<Frame>,
}

impl Path {
    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    pub(super) fn frame(&self) -> Option<Frame> {
        self.frames.last().copied()
    }

    pub(super) fn clear(&mut self) {
        self.name.clear();
        self.frames.clear();
    }

    /// Makes the name that of the value that begins here. In an object the key made it already.
    pub(super) fn locate(&mut self, line: Option<u64>, sink: &mut Sink<'_>) {
        match (self.frames.last(), line) {
            (Some(Frame::Object { .. }), _) => {}
            (Some(Frame::Array { base, index }), _) => {
                let index = *index;
                self.name.truncate(*base);
                self.grow_number(index, sink);
            }
            (None, line) => {
                self.name.clear();
                sink.grow_name(&mut self.name, b"json");
                if let Some(line) = line {
                    self.grow_number(line, sink);
                }
            }
        }
    }

    /// Makes the name that of the innermost container, or of the value where there is none.
    pub(super) fn surround(&mut self, line: Option<u64>, sink: &mut Sink<'_>) {
        if self.frames.is_empty() {
            return self.locate(line, sink);
        }
        let base = self.container_name().len();
        self.name.truncate(base);
    }

    fn grow_number(&mut self, number: u64, sink: &mut Sink<'_>) {
        let mut text = [0; 21];
        let mut rest = text.as_mut_slice();
        // 21 bytes hold any u64 and the dot.
        let _ = write!(rest, ".{number}");
        let unused = rest.len();
        sink.grow_name(&mut self.name, &text[..text.len() - unused]);
    }

    /// Enters a container whose name is the current one.
    pub(super) fn enter(&mut self, frame: Frame) {
        let base = self.name.len();
        self.frames.push(match frame {
            Frame::Array { index, .. } => Frame::Array { base, index },
            Frame::Object { .. } => Frame::Object { base },
        });
    }

    /// Leaves the innermost container, which was a value itself.
    pub(super) fn leave(&mut self) {
        self.frames.pop();
        self.next();
    }

    /// Steps over a value.
    pub(super) fn next(&mut self) {
        if let Some(Frame::Array { index, .. }) = self.frames.last_mut() {
            *index += 1;
        }
    }

    /// Whether the innermost container is the value of a key.
    pub(super) fn container_has_key(&self) -> bool {
        matches!(self.frames.as_slice(), [.., Frame::Object { .. }, _])
    }

    /// The name of the innermost container.
    pub(super) fn container_name(&self) -> &[u8] {
        match self.frames.last() {
            Some(Frame::Array { base, .. } | Frame::Object { base }) => &self.name[..*base],
            None => &self.name,
        }
    }

    pub(super) fn begin_key(&mut self, sink: &mut Sink<'_>) {
        let base = self.container_name().len();
        self.name.truncate(base);
        sink.grow_name(&mut self.name, b".");
    }

    pub(super) fn grow_key(&mut self, more: &[u8], sink: &mut Sink<'_>) {
        sink.grow_name(&mut self.name, more);
    }
}
