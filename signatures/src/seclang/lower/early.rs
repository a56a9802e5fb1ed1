//! Rules that look at what is not there yet in their phase.

use super::super::mapped::Mapped;
use super::super::parser;
use crate::{Diagnostic, Phase, Variable};

/// Warns of targets that are always empty in a phase.
pub(super) fn check(targets: &Mapped, phase: Phase, out: &mut Vec<Diagnostic>) {
    // What is wrong with the targets themselves was reported when they were read.
    for node in parser::targets(targets, &mut Vec::new()).iter().filter(|node| !node.excluded) {
        let Some(variable) = Variable::parse(node.name.as_str()) else { continue };
        let first = first_phase(variable);
        if phase < first {
            out.push(
                Diagnostic::warning(
                    "variable-before-phase",
                    format!("`{}` is empty in phase {}", variable.name(), phase as u8),
                )
                .at(node.name.location(), format!("there from phase {} on", first as u8))
                .help(format!("move the rule to phase {}", first as u8)),
            );
        }
    }
}

/// The phase from which on a variable has a value.
fn first_phase(variable: Variable) -> Phase {
    use Variable as V;
    match variable {
        V::ArgsPost
        | V::ArgsPostNames
        | V::Files
        | V::FilesCombinedSize
        | V::FilesNames
        | V::FilesSizes
        | V::FilesTmpContent
        | V::FilesTmpNames
        | V::InboundDataError
        | V::ReqbodyError
        | V::ReqbodyErrorMsg
        | V::ReqbodyProcessorError
        | V::ReqbodyProcessorErrorMsg
        | V::RequestBody
        | V::RequestBodyLength
        | V::Xml => Phase::RequestBody,
        V::ResponseContentLength
        | V::ResponseContentType
        | V::ResponseHeaders
        | V::ResponseHeadersNames
        | V::ResponseProtocol
        | V::ResponseStatus
        | V::StatusLine => Phase::ResponseHeaders,
        V::OutboundDataError | V::ResponseBody => Phase::ResponseBody,
        // What a multipart body is like in all its ways.
        _ if variable.name().starts_with("MULTIPART_") => Phase::RequestBody,
        _ => Phase::RequestHeaders,
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::codes;

    #[test]
    fn warns_of_what_is_not_there_yet() {
        let rows: &[(&str, u8, &[&str])] = &[
            ("ARGS", 1, &[]),
            ("ARGS|!FILES:a", 1, &["exclusion-without-target"]),
            ("ARGS_POST|!ARGS_POST:a", 1, &["variable-before-phase"]),
            ("ARGS_POST|FILES", 2, &[]),
            ("MULTIPART_LF_LINE|INBOUND_DATA_ERROR", 1, &["variable-before-phase"; 2]),
            ("ARGS_GET|REQUEST_COOKIES|REQUEST_HEADERS|REMOTE_ADDR|REQBODY_PROCESSOR", 1, &[]),
            ("FULL_REQUEST", 1, &[]),
            ("RESPONSE_ARGS", 3, &["always-empty"]),
            ("OUTBOUND_DATA_ERROR|RESPONSE_BODY", 4, &[]),
            ("RESPONSE_BODY", 3, &["variable-before-phase"]),
            ("RESPONSE_STATUS|&RESPONSE_HEADERS:Server", 2, &["variable-before-phase"; 2]),
            ("RESPONSE_STATUS|RESPONSE_BODY", 5, &[]),
        ];
        for (targets, phase, expected) in rows {
            let text = format!("SecRule {targets} \"@rx x\" \"id:1,phase:{phase},pass\"");
            assert_eq!(codes(&text), *expected, "{text}");
        }
    }
}
