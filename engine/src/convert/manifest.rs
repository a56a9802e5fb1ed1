//! Kubernetes manifests: objects out of YAML streams and lists.

use std::sync::Arc;

use signatures::{Diagnostic, Location, SourceFile};

use super::Input;
use crate::config::Node;

/// An object of a manifest.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) file: Arc<SourceFile>,
    pub(super) node: Node,
}

impl Object {
    pub(super) fn kind(&self) -> &str {
        self.node.get("kind").and_then(Node::text).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        self.metadata("name").unwrap_or("unnamed")
    }

    pub(super) fn namespace(&self) -> &str {
        self.metadata("namespace").unwrap_or("default")
    }

    fn metadata(&self, key: &str) -> Option<&str> {
        self.node.get("metadata")?.get(key)?.text()
    }

    /// A place in the object's file.
    pub(super) fn at(&self, node: &Node) -> Location {
        self.span(node.caret())
    }

    pub(super) fn span(&self, span: std::ops::Range<usize>) -> Location {
        Location { file: self.file.clone(), span }
    }
}

/// The objects of all inputs, in order.
pub(super) fn objects(inputs: &[Input], out: &mut Vec<Diagnostic>) -> Vec<Object> {
    let mut objects = Vec::new();
    for input in inputs {
        let file = Arc::new(SourceFile { path: input.path.clone(), text: input.text.clone() });
        match Node::parse_all(&input.text) {
            Ok(documents) => documents.into_iter().for_each(|node| add(&file, node, &mut objects)),
            Err(error) => out.push(
                Diagnostic::error("invalid-yaml", error.message)
                    .at(Location { file, span: error.span }, "not a manifest from here on")
                    .help("templates of Helm want `helm template` first".to_owned()),
            ),
        }
    }
    objects
}

/// Adds an object, or those of a `List`.
fn add(file: &Arc<SourceFile>, node: Node, objects: &mut Vec<Object>) {
    let kind = node.get("kind").and_then(Node::text).unwrap_or_default();
    if kind.ends_with("List") && node.get("items").is_some() {
        let items = node.get("items").map(Node::items).unwrap_or_default();
        objects.extend(items.iter().map(|item| Object { file: file.clone(), node: item.clone() }));
    } else if !kind.is_empty() {
        objects.push(Object { file: file.clone(), node });
    }
}

/// `true` and `"true"`.
pub(super) fn boolean(node: &Node) -> Option<bool> {
    match &node.content {
        crate::config::Content::Bool(value) => Some(*value),
        crate::config::Content::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}
