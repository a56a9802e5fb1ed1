//! `SecAuditEngine`, `SecAuditLog` and those around them.

use std::sync::Arc;

use super::super::lexer::Directive;
use super::super::mapped::Mapped;
use super::setting::{one_of, value_of};
use super::words;
use crate::operator::Rx;
use crate::{AuditEngine, AuditFormat, AuditParts, AuditSettings, AuditType, Diagnostic, Location, Settings};

type Out = Vec<Diagnostic>;

pub(super) fn engine(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    settings.audit.engine = one_of(directive, &AUDIT_ENGINES, out).unwrap_or(settings.audit.engine);
}

pub(super) fn log(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let Some([word]) = words(directive, out) else { return };
    if word.as_str().starts_with('|') {
        out.push(
            Diagnostic::error("unsupported-argument", "no program is started from rules")
                .at(word.location(), "expected the path of a file"),
        );
        return;
    }
    settings.audit.log = Some(word.as_str().into());
}

pub(super) fn format(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let formats = [("JSON", AuditFormat::Json), ("Native", AuditFormat::Native)];
    settings.audit.format = one_of(directive, &formats, out).unwrap_or(settings.audit.format);
}

pub(super) fn parts(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let parts = words(directive, out).and_then(|[word]| parts_of(word, out));
    settings.audit.parts = parts.unwrap_or(settings.audit.parts);
}

pub(super) fn relevant_status(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let Some([word]) = words(directive, out) else { return };
    match Rx::compile(word.as_str()) {
        Ok(regex) => settings.audit.relevant_status = Some(Arc::new(regex)),
        Err(error) => {
            let place = error.span.map_or_else(|| word.location(), |span| word.location_of(span));
            out.push(
                Diagnostic::error(error.code, error.message).at(place, "in this pattern").help(error.help),
            );
        }
    }
}

pub(super) fn kind(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    let Some([word]) = words(directive, out) else { return };
    let types =
        [("Serial", Some(AuditType::Serial)), ("Concurrent", Some(AuditType::Concurrent)), ("HTTPS", None)];
    match value_of(word, &types, out) {
        Some(Some(kind)) => settings.audit.kind = kind,
        Some(None) => out.push(
            Diagnostic::error("unsupported-argument", format!("`{}` is not supported", word.as_str()))
                .at(word.location(), "records are not sent over the network")
                .help("write `Serial`, and have a log shipper send the file".to_owned()),
        ),
        None => {}
    }
}

pub(super) fn storage(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if let Some([word]) = words(directive, out) {
        settings.audit.storage = Some(word.as_str().into());
    }
}

pub(super) fn directory_mode(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if let Some(mode) = mode(directive, out) {
        settings.audit.directory_mode = mode;
    }
}

pub(super) fn file_mode(settings: &mut Settings, directive: &Directive, out: &mut Out) {
    if let Some(mode) = mode(directive, out) {
        settings.audit.file_mode = mode;
    }
}

/// Permissions in octal, as `chmod` takes them; `default` is none.
#[expect(clippy::option_option, reason = "the outer one says whether it could be read")]
fn mode(directive: &Directive, out: &mut Out) -> Option<Option<u32>> {
    let [word] = words(directive, out)?;
    if word.as_str().eq_ignore_ascii_case("default") {
        return Some(None);
    }
    let mode = u32::from_str_radix(word.as_str(), 8).ok().filter(|mode| *mode <= 0o777);
    if mode.is_none() {
        out.push(
            Diagnostic::error("invalid-argument", format!("`{}` are no permissions", word.as_str()))
                .at(word.location(), "expected `default`, or octal digits up to `0777`"),
        );
    }
    mode.map(Some)
}

/// Records that would have no place, where the type was chosen.
pub(super) fn without_storage(audit: &AuditSettings, place: Option<Location>) -> Option<Diagnostic> {
    let is_missing = audit.kind == AuditType::Concurrent && audit.storage.is_none();
    let place = place.filter(|_| is_missing)?;
    Some(
        Diagnostic::error("missing-directive", "`SecAuditLogType Concurrent` has no place for its files")
            .at(place, "each record is a file")
            .help("write `SecAuditLogStorageDir /var/log/portcullis/audit` too".to_owned()),
    )
}

/// Letters of parts of an audit record.
pub(super) fn parts_of(word: &Mapped, out: &mut Out) -> Option<AuditParts> {
    AuditParts::parse(word.as_str())
        .map_err(|letter| {
            out.push(
                Diagnostic::error("invalid-argument", format!("`{letter}` is no part of an audit record"))
                    .at(word.location(), "expected letters from `A` to `K`, and `Z`"),
            );
        })
        .ok()
}

/// `SecAuditEngine` and `ctl:auditEngine`.
pub(super) const AUDIT_ENGINES: [(&str, AuditEngine); 3] =
    [("On", AuditEngine::On), ("Off", AuditEngine::Off), ("RelevantOnly", AuditEngine::RelevantOnly)];

#[cfg(test)]
mod tests {
    use super::super::check::{codes, ruleset};
    use crate::AuditType;

    #[test]
    fn files_have_places_and_permissions() {
        let rules = "SecAuditLogType Concurrent\nSecAuditLogStorageDir /a\nSecAuditLogDirMode 0750\nSecAuditLogFileMode 640";
        let audit = ruleset(rules).settings.audit;
        assert_eq!((audit.kind, audit.storage.as_deref()), (AuditType::Concurrent, Some("/a")));
        assert_eq!((audit.directory_mode, audit.file_mode), (Some(0o750), Some(0o640)));
        assert_eq!(ruleset(&format!("{rules}\nSecAuditLogFileMode default")).settings.audit.file_mode, None);
    }

    #[test]
    fn says_what_cannot_be() {
        for (rules, expected) in [
            ("SecAuditLogType Concurrent", "missing-directive"),
            ("SecAuditLogType HTTPS", "unsupported-argument"),
            ("SecAuditLogType Parallel", "invalid-argument"),
            ("SecAuditLogDirMode 888", "invalid-argument"),
            ("SecAuditLogFileMode 1777", "invalid-argument"),
            ("SecAuditLog |/bin/mlogc", "unsupported-argument"),
        ] {
            assert_eq!(codes(rules), [expected], "{rules}");
        }
        assert!(codes("SecAuditLogType Concurrent\nSecAuditLogType Serial").is_empty());
        assert!(codes("SecAuditLogStorageDir /a\nSecAuditLogType Concurrent").is_empty());
    }
}
