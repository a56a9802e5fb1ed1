//! What is left of a pattern for values without some bytes.

use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

use super::ByteSet;

/// The pattern that matches the same of values that have none of these bytes; `None` when it matches none of them.
pub(super) fn restricted(hir: &Hir, absent: ByteSet) -> Option<Hir> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(hir.clone()),
        HirKind::Literal(literal) => {
            (!literal.0.iter().any(|byte| absent.contains(*byte))).then(|| hir.clone())
        }
        HirKind::Class(Class::Bytes(class)) => restricted_class(class, absent),
        // Patterns are of bytes; a class that is not is left as it is, which is right as well.
        HirKind::Class(Class::Unicode(_)) => Some(hir.clone()),
        HirKind::Capture(capture) => restricted(&capture.sub, absent),
        HirKind::Concat(parts) => {
            parts.iter().map(|part| restricted(part, absent)).collect::<Option<_>>().map(Hir::concat)
        }
        HirKind::Alternation(parts) => {
            let parts: Vec<_> = parts.iter().filter_map(|part| restricted(part, absent)).collect();
            (!parts.is_empty()).then(|| Hir::alternation(parts))
        }
        HirKind::Repetition(repetition) => match restricted(&repetition.sub, absent) {
            Some(sub) => {
                let Repetition { min, max, greedy, .. } = *repetition;
                Some(Hir::repetition(Repetition { min, max, greedy, sub: Box::new(sub) }))
            }
            None => (repetition.min == 0).then(Hir::empty),
        },
    }
}

fn restricted_class(class: &ClassBytes, absent: ByteSet) -> Option<Hir> {
    let bytes = |set: ByteSet, range: &ClassBytesRange| set.with_range(range.start(), range.end());
    let all = class.iter().fold(ByteSet::EMPTY, bytes);
    let left = all.without(absent);
    let ranges = || left.iter().map(|byte| ClassBytesRange::new(byte, byte));
    (!left.is_empty()).then(|| Hir::class(Class::Bytes(ClassBytes::new(ranges()))))
}
