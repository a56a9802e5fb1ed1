//! The Helm chart, by what helm makes of it.

use portcullis_tests::helm::{Render, render};

#[test]
fn default_values_render() {
    let Some(rendered) = render(Render::default()) else { return };
    assert!(rendered.is_ok(), "{rendered:?}");
}
