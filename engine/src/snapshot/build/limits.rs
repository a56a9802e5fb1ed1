//! Limits that the files of rules state.

use std::sync::Arc;

use signatures::{EngineMode, LimitAction, RuleLimits, Settings};

use super::super::CompiledSource;
use crate::policy::Policy;

/// The policy with the limits that the files of its rules state.
pub(super) fn with_limits(policy: &Arc<Policy>, sources: &[CompiledSource]) -> Arc<Policy> {
    let all = sources.iter().map(|source| limits_of(&source.rules.ruleset.settings));
    let stated = all.filter(|limits| *limits != RuleLimits::default());
    // The first source that states a limit is asked last, so that it has the last word.
    stated.rev().fold(policy.clone(), |policy, limits| Arc::new(policy.with_limits(&limits)))
}

/// The limits that rule files state. Rules that only detect refuse nothing that is too long either.
fn limits_of(settings: &Settings) -> RuleLimits {
    let only_detects = settings.engine == Some(EngineMode::DetectionOnly);
    let action = |action: Option<LimitAction>| {
        action.map(|it| if only_detects { LimitAction::ProcessPartial } else { it })
    };
    let limits = settings.limits;
    RuleLimits {
        on_body_limit: action(limits.on_body_limit),
        on_response_body_limit: action(limits.on_response_body_limit),
        ..limits
    }
}

#[cfg(test)]
mod tests {
    use signatures::seclang::MemoryFiles;

    use super::super::Snapshot;
    use crate::policy::OnLimit;

    #[test]
    fn rule_files_state_limits_where_the_policy_states_none() {
        let files = MemoryFiles::default()
            .with("a.conf", "SecRequestBodyLimit 1000\nSecRequestBodyLimitAction ProcessPartial\n")
            .with(
                "b.conf",
                "SecRequestBodyLimit 2000\nSecArgumentsLimit 10\nSecRequestBodyJsonDepthLimit 9\n",
            );
        for (policy, body_bytes_max, on_limit, arguments_max, json_depth_max) in [
            ("signatures: { rules: [builtin] }", 1 << 40, OnLimit::Block, 1000, 128),
            ("signatures: { rules: [a.conf] }", 1000, OnLimit::Pass, 1000, 128),
            // One configuration, as if both were included from one file: the later says it.
            ("signatures: { rules: [a.conf, b.conf] }", 2000, OnLimit::Pass, 10, 9),
            // Two configurations.
            ("signatures: { rules: [a.conf, { file: b.conf, as: evidence }] }", 1000, OnLimit::Pass, 10, 9),
            (
                "signatures: { rules: [b.conf] }, on_limit: detect, \
                 limits: { body_bytes_max: 5, query_arguments_max: 6, json_depth_max: 7 }",
                5,
                OnLimit::Detect,
                6,
                7,
            ),
        ] {
            let text = format!(
                "version: 1\nupstreams: {{ u: {{ servers: ['a:1'] }} }}\n\
                 assets: [{{ name: a, hosts: ['*'], upstream: u, policy: p }}]\npolicies: {{ p: {{ {policy} }} }}\n"
            );
            let (snapshot, warnings) = Snapshot::build("p.yaml", &text, &files, 0).expect(policy);
            assert!(warnings.is_empty(), "{policy}: {warnings:?}");
            let found = &snapshot.policies()[0].policy;
            let limits = &found.limits;
            assert_eq!(
                (limits.body_bytes_max, found.on_limit, limits.query_arguments_max, limits.json_depth_max),
                (body_bytes_max, on_limit, arguments_max, json_depth_max),
                "{policy}"
            );
        }
    }
}
