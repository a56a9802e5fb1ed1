//! Standard output and standard error.

use std::io::{self, IsTerminal, Write};

use signatures::{Diagnostic, Severity};

/// Whether an error is that the reader of our output went away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let is = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(is))
}

/// Standard output, buffered.
pub(crate) fn stdout() -> io::BufWriter<io::StdoutLock<'static>> {
    io::BufWriter::new(io::stdout().lock())
}

/// Draws diagnostics on standard error, one after the other.
pub(crate) fn draw(diagnostics: &[Diagnostic]) {
    let colours = io::stderr().is_terminal();
    let mut out = io::stderr().lock();
    for diagnostic in diagnostics {
        // Nothing can be done about a standard error that is closed.
        let _ = writeln!(out, "{}", diagnostic.render(colours).trim_end());
        let _ = writeln!(out);
    }
}

/// `1 error`, `2 errors and 1 warning`, `1 error, 1 warning and 2 notes`.
pub(crate) fn count(diagnostics: &[Diagnostic]) -> String {
    let of = |severity| diagnostics.iter().filter(|found| found.severity == severity).count();
    let kinds = [Severity::Error, Severity::Warning, Severity::Note];
    let counts = kinds.map(|severity| (of(severity), severity.name()));
    let named = counts.iter().filter(|(number, _)| *number > 0).map(|(number, name)| plural(*number, name));
    match named.collect::<Vec<_>>().as_slice() {
        [] => plural(0, "error"),
        [one] => one.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

/// `1 test`, `2 tests`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
