//! Any text is read as rules without a panic, and every diagnostic can be drawn.
#![no_main]

use libfuzzer_sys::fuzz_target;
use signatures::Diagnostic;
use signatures::seclang::{MemoryFiles, Source, load};

fuzz_target!(|text: &str| {
    let files = MemoryFiles::default().with("words.data", "one\ntwo").with("more.conf", "SecMarker MORE");
    let loaded = load(vec![Source::text("any.conf", text)], &files);
    for found in loaded.diagnostics.iter().take(20) {
        if let Some(location) = &found.location {
            assert!(location.file.text.get(location.span.clone()).is_some());
        }
        assert!(!found.render(false).is_empty());
    }
    assert!(Diagnostic::to_sarif(&loaded.diagnostics).is_object());
});
