//! The one check function that tests of transformations share.

use std::borrow::Cow;

use super::Transformation;

/// Rows of (value, what becomes of it); what stays the same must be borrowed.
pub(super) fn check(transformation: Transformation, rows: &[(&[u8], &[u8])]) {
    for (value, expected) in rows {
        let found = transformation.apply(Cow::Borrowed(value));
        let shown = String::from_utf8_lossy(value);
        assert_eq!(found.escape_ascii().to_string(), expected.escape_ascii().to_string(), "of `{shown}`");
        assert_eq!(matches!(found, Cow::Borrowed(_)), value == expected, "borrowed `{shown}`");
    }
}
