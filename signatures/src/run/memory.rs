//! What rules remember from one phase to the next.

use super::collection::Collection;
use super::rule_set::RuleSet;
use crate::operator::Captures;
use crate::{RuleSeverity, Target};

/// What rules remember from one phase to the next; what a segment of a body may not leave behind.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) tx: Collection,
    /// `TX:0`..`TX:9`, of the last match of a rule with `capture`.
    pub(super) captures: Captures,
    pub(super) env: Collection,
    /// `GLOBAL`, `IP`, `RESOURCE`, `SESSION`, `USER`.
    pub(super) persistent: [Collection; 5],
    /// `setsid`.
    pub(super) session_id: Vec<u8>,
    /// `setuid`.
    pub(super) user_id: Vec<u8>,
    /// `SecWebAppId`.
    pub(super) web_app_id: Option<Box<str>>,
    /// `ctl:ruleRemoveById` and its like.
    pub(super) removed: RuleSet,
    /// `ctl:ruleRemoveTargetById` and its like.
    pub(super) removed_targets: Vec<RemovedTarget>,
    pub(super) highest_severity: Option<RuleSeverity>,
    /// A pattern reached a limit (`MSC_PCRE_LIMITS_EXCEEDED`).
    pub(super) regex_limits_exceeded: bool,
    /// `ctl:forceRequestBodyVariable`.
    pub(super) force_request_body: bool,
}

/// A target that a `ctl` took away from some rules.
#[derive(Clone, Debug)]
pub(super) struct RemovedTarget {
    pub(super) rules: RuleSet,
    pub(super) target: Target,
}

impl Memory {
    /// The collection that `setvar:name.x` means; names as the parser writes them, lower case.
    pub(super) fn collection_mut(&mut self, name: &str) -> Option<&mut Collection> {
        Some(match name {
            "tx" => &mut self.tx,
            "env" => &mut self.env,
            _ => {
                let at = PERSISTENT.iter().position(|known| *known == name)?;
                &mut self.persistent[at]
            }
        })
    }

    /// The persistent collection at that place of [`PERSISTENT`].
    pub(super) fn persistent(&self, name: &str) -> Option<&Collection> {
        let at = PERSISTENT.iter().position(|known| *known == name)?;
        self.persistent.get(at)
    }

    /// The group that `TX:0`..`TX:9` name.
    pub(super) fn capture(&self, name: &[u8]) -> Option<&[u8]> {
        let [digit @ b'0'..=b'9'] = name else { return None };
        self.captures.get(usize::from(digit - b'0'))
    }

    /// The value of `TX:name`, captures before variables.
    pub(super) fn tx_bytes(&self, name: &[u8]) -> Option<&[u8]> {
        self.capture(name).or_else(|| self.tx.get(name).map(|entry| &*entry.value))
    }

    /// A number in `TX`; 0 when it is not set or not a number, as in SecLang.
    pub(super) fn number(&self, name: &[u8]) -> i64 {
        self.tx.get(name).map_or(0, |entry| leading_number(&entry.value))
    }

    /// Takes a target away from some rules; what exceeds the bound is not taken away, which errs on
    /// the side of inspection.
    pub(super) fn remove_target(&mut self, rules: RuleSet, target: Target) {
        if self.removed_targets.len() < REMOVED_TARGETS_MAX {
            self.removed_targets.push(RemovedTarget { rules, target });
        }
    }

    /// Remembers that a pattern reached a limit, in `TX` too, where rule 200005 of ModSecurity's recommended
    /// settings looks for it.
    pub(super) fn exceed_regex_limits(&mut self) {
        self.regex_limits_exceeded = true;
        self.tx.set(b"MSC_PCRE_LIMITS_EXCEEDED", b"1");
    }

    pub(super) fn clear(&mut self) {
        self.tx.clear();
        self.captures.clear();
        self.env.clear();
        self.persistent.iter_mut().for_each(Collection::clear);
        self.session_id.clear();
        self.user_id.clear();
        self.web_app_id = None;
        self.removed.clear();
        self.removed_targets.clear();
        self.highest_severity = None;
        self.regex_limits_exceeded = false;
        self.force_request_body = false;
    }
}

/// The integer at the front of `bytes`, as C's `atoi` reads it; saturates.
pub(super) fn leading_number(bytes: &[u8]) -> i64 {
    let bytes = bytes.trim_ascii_start();
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let number =
        digits.fold(0_i64, |number, digit| number.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -number } else { number }
}

/// The persistent collections, in the order of [`Memory::persistent`].
const PERSISTENT: [&str; 5] = ["global", "ip", "resource", "session", "user"];

/// Targets taken away in one transaction (count).
const REMOVED_TARGETS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_as_c_does() {
        for (text, number) in
            [("5", 5), (" -7x", -7), ("+3", 3), ("", 0), ("x", 0), ("99999999999999999999", i64::MAX)]
        {
            assert_eq!(leading_number(text.as_bytes()), number, "{text}");
        }
    }
}
