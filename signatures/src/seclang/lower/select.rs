//! Which rules a directive or a `ctl` means: by id, tag or message.

use std::ops::RangeInclusive;

use super::super::mapped::Mapped;
use super::draft::Draft;
use super::pattern;
use crate::{Diagnostic, RuleId, RuleSelector};

/// What rules are selected by.
#[derive(Clone, Copy)]
pub(super) enum By {
    Id,
    Msg,
    Tag,
}

/// Reads a selection of rules.
pub(super) fn rules(by: By, text: &Mapped, out: &mut Vec<Diagnostic>) -> Option<RuleSelector> {
    match by {
        By::Id => ids(text, out).map(RuleSelector::Ids),
        By::Msg => pattern::compile(text, false, out).map(RuleSelector::Msg),
        By::Tag => pattern::compile(text, false, out).map(RuleSelector::Tag),
    }
}

/// Reads ids and ranges: `1000`, `1000-1999`, `1000 1002,1004-1006`.
fn ids(text: &Mapped, out: &mut Vec<Diagnostic>) -> Option<Vec<RangeInclusive<u32>>> {
    let parts = parts(text);
    let ranges: Vec<_> = parts.iter().filter_map(|part| range(part.as_str())).collect();
    if ranges.is_empty() || ranges.len() < parts.len() {
        let wrong = parts.iter().find(|part| range(part.as_str()).is_none()).unwrap_or(text);
        out.push(
            Diagnostic::error("invalid-id", format!("`{}` is not a rule id", wrong.as_str()))
                .at(wrong.location(), "expected an id or a range such as `1000-1999`"),
        );
        return None;
    }
    Some(ranges)
}

fn range(text: &str) -> Option<RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..=last)
}

/// The parts of a selection that mean none of the rules found by it: ids and ranges each, or the whole.
pub(super) fn without_rule(selector: &RuleSelector, text: &Mapped, found: &[RuleId]) -> Vec<Mapped> {
    match selector {
        RuleSelector::Ids(_) => {
            // `1000:1` and `1000;ARGS:q` go on with what is no id.
            let ids = text.as_str().find([':', ';']).map_or_else(|| text.clone(), |end| text.slice(0..end));
            let mut parts = parts(&ids);
            parts.retain(|part| {
                let range = range(part.as_str());
                range.is_some_and(|range| !found.iter().any(|id| range.contains(&id.get())))
            });
            parts
        }
        _ if found.is_empty() => {
            let end = text.as_str().rfind(';').unwrap_or(text.as_str().len());
            vec![text.slice(0..end)]
        }
        _ => Vec::new(),
    }
}

fn parts(text: &Mapped) -> Vec<Mapped> {
    text.split(|c| c == ',' || c.is_whitespace())
}

/// Whether a selection means a rule.
pub(super) fn means(selector: &RuleSelector, draft: &Draft) -> bool {
    match selector {
        RuleSelector::Ids(_) => draft.id.is_some_and(|id| selector.has_id(id)),
        RuleSelector::Msg(regex) => draft.msg_text.as_ref().is_some_and(|msg| regex.is_match(msg.as_bytes())),
        RuleSelector::Tag(regex) => draft.tag_texts.iter().any(|tag| regex.is_match(tag.as_bytes())),
    }
}
