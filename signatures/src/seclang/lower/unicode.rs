//! `SecUnicodeMapFile`.

use std::sync::Arc;

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::{report_count, setting};
use crate::operator::DataFiles;
use crate::transformation::{MapFault, UnicodeMap};
use crate::{Diagnostic, Location, Settings, SourceFile};

/// Reads the map of the code page; the last directive counts, for all rules.
pub(super) fn map_file(
    settings: &mut Settings,
    directive: &Directive,
    files: &dyn DataFiles,
    out: &mut Vec<Diagnostic>,
) {
    // Both may stand in one pair of quotes.
    let words: Vec<Mapped> =
        directive.words.iter().flat_map(|word| word.split(char::is_whitespace)).collect();
    let [file, code_page] = &words[..] else { return report_count(directive, 2, out) };
    let Some(number) = setting::number_of(code_page, out) else { return };
    let bytes = match files.read(file.as_str()) {
        Ok(bytes) if bytes.len() <= FILE_BYTES_MAX => bytes,
        Ok(_) => return out.push(unreadable(file, &format!("it has more than {FILE_BYTES_MAX} bytes"))),
        Err(_) if file.as_str() == RECOMMENDED => return out.push(left_out(directive)),
        Err(reason) => return out.push(unreadable(file, &reason)),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let source = Arc::new(SourceFile { path: files.path(file.as_str()), text });
    match UnicodeMap::read(&source.text, number) {
        Ok(map) => settings.unicode_map = Some(Arc::new(map)),
        Err(faults) => out.extend(faults.iter().map(|fault| said(fault, &source, code_page))),
    }
}

fn unreadable(file: &Mapped, reason: &str) -> Diagnostic {
    let title = format!("cannot read the map `{}`: {reason}", file.as_str());
    Diagnostic::error("unreadable-unicode-map", title)
        .at(file.location(), "no map there")
        .help("name a file as ModSecurity's `unicode.mapping`, relative to this one".to_owned())
}

/// The recommended settings name a file that is not always installed with them.
fn left_out(directive: &Directive) -> Diagnostic {
    let title = format!("`{}` has no effect here", directive.name.as_str());
    Diagnostic::warning("no-effect", title)
        .at(directive.location(), format!("there is no `{RECOMMENDED}` beside this file"))
        .help(
            "put ModSecurity's there; until then `%uHHHH` becomes its low byte, and full-width letters ASCII"
                .to_owned(),
        )
}

fn said(fault: &MapFault, file: &Arc<SourceFile>, code_page: &Mapped) -> Diagnostic {
    let at = |span: &std::ops::Range<usize>| Location { file: Arc::clone(file), span: span.clone() };
    let error = |title: String| Diagnostic::error("invalid-unicode-map", title);
    match fault {
        MapFault::NoCodePage(pages) => {
            let pages: Vec<String> =
                pages.iter().take(PAGES_SHOWN_MAX).map(|page| format!("`{page}`")).collect();
            error(format!("`{}` has no code page `{}`", file.path, code_page.as_str()))
                .at(code_page.location(), "not a code page of that file")
                .help((!pages.is_empty()).then(|| format!("it has {}", pages.join(", "))))
        }
        MapFault::NotAPair(span) => error(format!("`{}` is not a pair", shown(file, span)))
            .at(at(span), "expected `hhhh:hh`, code point and byte")
            .help("write both in hexadecimal, as in `0100:41`".to_owned()),
        MapFault::NotAHeading(span) => error("a line that is neither pairs nor a code page".to_owned())
            .at(at(span), "expected `NUMBER (NAME)`, or pairs")
            .help("begin comments with `#`".to_owned()),
        MapFault::NoHeading(span) => error("a pair that belongs to no code page".to_owned())
            .at(at(span), "before the first code page")
            .help("write a line `NUMBER (NAME)` above, as in `20127 (US-ASCII)`".to_owned()),
    }
}

/// The first characters of what is wrong.
fn shown(file: &SourceFile, span: &std::ops::Range<usize>) -> String {
    file.text.get(span.clone()).unwrap_or_default().chars().take(20).collect()
}

/// The name in the recommended settings of ModSecurity and Coraza.
const RECOMMENDED: &str = "unicode.mapping";
/// How large a file is read (bytes): all code pages of Windows take 50 kB.
const FILE_BYTES_MAX: usize = 4 << 20;
/// How many code pages are named (count).
const PAGES_SHOWN_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use crate::seclang::{MemoryFiles, Source, load};

    fn codes(rules: &str, map: &str) -> Vec<(&'static str, Option<(usize, usize)>)> {
        let files = MemoryFiles::default().with("etc/map", map);
        let loaded = load(vec![Source::text("etc/r.conf", rules)], &files);
        let found = loaded.diagnostics.iter();
        found.map(|it| (it.code, it.location.as_ref().map(crate::Location::line_column))).collect()
    }

    #[test]
    fn says_what_is_wrong_where_it_is() {
        let map = "1250 (x)\n0100:41\n";
        for (rules, map, expected) in [
            ("SecUnicodeMapFile map 1250", map, vec![]),
            ("SecUnicodeMapFile \"map 1250\"", map, vec![]),
            ("SecUnicodeMapFile map 1251", map, vec![("invalid-unicode-map", Some((1, 23)))]),
            ("SecUnicodeMapFile map x", map, vec![("invalid-number", Some((1, 23)))]),
            ("SecUnicodeMapFile map", map, vec![("missing-argument", Some((1, 1)))]),
            ("SecUnicodeMapFile none 1250", map, vec![("unreadable-unicode-map", Some((1, 19)))]),
            ("SecUnicodeMapFile unicode.mapping 20127", map, vec![("no-effect", Some((1, 1)))]),
            (
                "SecUnicodeMapFile map 1",
                "1\n0100:41 010\nnone\n",
                vec![("invalid-unicode-map", Some((2, 9))), ("invalid-unicode-map", Some((3, 1)))],
            ),
        ] {
            assert_eq!(codes(rules, map), expected, "{rules}");
        }
    }
}
