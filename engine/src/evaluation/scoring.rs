//! The model's part of an evaluation.

use std::borrow::Cow;
use std::cell::RefCell;

use model::profile::{Place, Profiles};
use model::{Confidence, Model, ModelScore, Scratch, Setting, Strangest, View};
use transaction::Transaction;

use super::Evaluation;
use crate::decide::Finding;
use crate::policy::{HostPattern, Policy, Role};
use crate::{Snapshot, corroboration};

thread_local! {
    /// What scoring writes to. It does not carry anything from one value to the next.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl Evaluation {
    /// Scores the segment of the body that is here, and with the first one the head. The model speaks when
    /// phase 2 does, so that a request is explained by all that was found and not by what was found first.
    pub(super) fn score_segment(&mut self) {
        let is_first = self.transaction.body.segment == 0;
        self.score(|model, transaction, scratch, strangest, setting| {
            if is_first {
                model.score_head(transaction, scratch, strangest, setting);
            }
            model.score_body(&transaction.body, scratch, strangest, setting);
        });
    }

    fn score(&mut self, with: impl FnOnce(&Model, &Transaction, &mut Scratch, &mut Strangest, &Setting<'_>)) {
        let Some(compiled) = self.selection.and_then(|it| self.snapshot.policies().get(it.policy)) else {
            return;
        };
        if let (Some(model), Some(strangest)) = (&compiled.model, &mut self.strangest) {
            let skip = |view: &View<'_>| is_excepted(&compiled.policy, &self.exceptions, view);
            let site =
                self.snapshot.profiles().map(|profiles| (profiles, site(&self.snapshot, &self.transaction)));
            let path = self.transaction.path();
            let place = site.as_ref().map(|(profiles, site)| Place { profiles, site: site.as_bytes(), path });
            let setting = Setting { skip: Some(&skip), place };
            SCRATCH.with_borrow_mut(|scratch| with(model, &self.transaction, scratch, strangest, &setting));
        }
    }

    /// What learning takes the request's site to be: the asset, or the host where an asset has any host of a
    /// pattern.
    #[must_use]
    pub fn site(&self) -> String {
        site(&self.snapshot, &self.transaction).into_owned()
    }

    /// What was learned of sites, if a model asks for it.
    #[must_use]
    pub fn profiles(&self) -> Option<&Profiles> {
        self.compiled_model().and_then(|_| self.snapshot.profiles())
    }

    /// Values that would be strange, did their parameters not usually look like that.
    #[must_use]
    pub fn habitual_views(&self) -> &[model::Finding] {
        self.strangest.as_ref().map(Strangest::habitual).unwrap_or_default()
    }

    /// The policy's model.
    #[must_use]
    pub fn compiled_model(&self) -> Option<&Model> {
        self.compiled()?.model.as_deref()
    }

    /// The model's score and its band; `None` without a model, or when there was nothing to score.
    #[must_use]
    pub fn model_score(&self) -> Option<(ModelScore, Confidence)> {
        let model = self.compiled_model()?;
        Some(model.judge(self.strangest.as_ref()?.log_odds()?))
    }

    /// The strangest views, from medium confidence on, the strangest first.
    #[must_use]
    pub fn strange_views(&self) -> &[model::Finding] {
        self.strangest.as_ref().map(Strangest::findings).unwrap_or_default()
    }

    /// Whether the model found anything a decision may rest on.
    pub(super) fn is_strange(&self) -> bool {
        !self.strange_views().is_empty()
    }

    pub(super) fn model_finding(&self) -> Option<Finding> {
        let (score, confidence) = self.model_score()?;
        let evidence = self.running.iter().filter(|running| running.role == Role::Evidence);
        let matches = evidence.flat_map(|running| &running.state.matches);
        let is_corroborated = corroboration::agree(matches, self.strange_views());
        Some(Finding::Model { score, confidence, is_corroborated })
    }
}

pub(crate) fn site<'t>(snapshot: &'t Snapshot, transaction: &'t Transaction) -> Cow<'t, str> {
    let selection = snapshot.select(transaction.host(), transaction.path());
    let asset = selection.and_then(|it| snapshot.config().assets.get(it.asset));
    match asset.filter(|it| it.hosts.iter().all(|host| matches!(host, HostPattern::Exact(_)))) {
        Some(asset) => Cow::Borrowed(asset.name.as_str()),
        None => crate::host::normalised(transaction.host()),
    }
}

/// Whether an exception that holds takes a view from the model.
fn is_excepted(policy: &Policy, holding: &[usize], view: &View<'_>) -> bool {
    let mut exceptions = holding.iter().filter_map(|index| policy.exceptions.get(*index));
    exceptions.any(|exception| exception.fields.covers(view.location, view.name))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::profile::{Caps, Learner, Quorum, State, When};
    use transaction::{Limits, Record};

    use super::*;
    use crate::config::Flags;
    use crate::{Disk, Outcome};

    fn request(target: &str) -> Record {
        Record::from_json(format!(r#"{{"url":"{target}","headers":{{"Host":"Shop.test:80"}}}}"#).as_bytes())
            .unwrap()
    }

    /// What sixty requests teach about `/item?id=17`.
    fn learned() -> Arc<Profiles> {
        let (model, record) = (Model::built_in(), request("/item?id=17"));
        let mut learner = Learner::new(State::default(), Caps::default(), Quorum::default());
        for source in 0..60 {
            let seen = learner.see(&model, b"shop.test", &record, &Limits::default());
            learner.learn(&model, seen, When { source, window: source });
        }
        Arc::new(Profiles::new(learner.state(), &Quorum::default()))
    }

    #[test]
    fn judges_with_what_was_learned() {
        let (cold, _) = Snapshot::from_flags(&Flags::default(), &Disk, 0).unwrap();
        let (cold, taught) = (Arc::new(cold.clone()), Arc::new(cold.with_profiles(learned())));
        let attack = request("/item?id=1%27+or+7%3D7+--+");
        let judged = |snapshot: &Arc<Snapshot>| {
            Evaluation::of_record(snapshot.clone(), &attack).finish(Outcome::default())
        };
        let (before, after) = (judged(&cold), judged(&taught));
        assert_eq!((before.hashes.profile, before.model[0].novelty), (None, None));
        assert_eq!(after.hashes.profile.as_deref(), taught.profiles().map(Profiles::hash));
        let novelty = after.model[0].novelty.unwrap();
        assert!((after.model[0].weight - before.model[0].weight - novelty).abs() < 1e-4 && novelty > 1.0);
        assert_eq!(Evaluation::of_record(taught, &attack).site(), "shop.test");
    }
}
