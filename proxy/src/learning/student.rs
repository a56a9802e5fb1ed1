//! The thread that learns.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use engine::Lesson;
use engine::config::Learning as Settings;
use model::profile::{Caps, Learner, Profiles, Quorum, State};

use super::lessons::{Intake, Order};
use super::store::Store;
use crate::report::{Metrics, Taught};

/// Puts new profiles in place of those that requests are judged with.
pub(super) type Publish = Box<dyn Fn(Arc<Profiles>) + Send>;

/// Who learns, publishes and writes.
pub(super) struct Student {
    learner: Learner,
    quorum: Quorum,
    store: Store,
    metrics: Arc<Metrics>,
    publish: Publish,
    /// Whether it knows anything that is not published, or not written.
    is_ahead: bool,
    is_failing: bool,
}

impl Student {
    /// One who knows what `store` held.
    pub(super) fn new(
        state: State,
        settings: &Settings,
        store: Store,
        metrics: Arc<Metrics>,
        publish: Publish,
    ) -> Self {
        let quorum = settings.quorum;
        let learner = Learner::new(state, Caps::default(), quorum);
        metrics.learning.known(learner.state());
        Self { learner, quorum, store, metrics, publish, is_ahead: false, is_failing: false }
    }

    /// Learns from a request; what is critical is counted as well, though apart.
    pub(super) fn hear(&mut self, lesson: &Lesson) {
        let learned = lesson.teach(&mut self.learner);
        self.is_ahead = true;
        self.metrics.learning.taught(if learned { Taught::Learned } else { Taught::Critical });
    }

    /// Publishes and writes what it knows. If somebody else changed the file, that is what it knows from now
    /// on: what was forgotten there stays forgotten.
    pub(super) fn save(&mut self) {
        match self.store.changed() {
            Ok(Some(state)) => {
                tracing::info!(hash = %state.hash(), "what was learned was changed: the file is taken up");
                self.learner = Learner::new(state, Caps::default(), self.quorum);
                self.tell();
            }
            Ok(None) if self.is_ahead => {
                self.tell();
                let written = self.store.write(self.learner.state()).map_err(|error| error.to_string());
                // Tried again the next time, even when nothing more was learned.
                self.is_ahead = written.is_err();
                self.wrote(written);
            }
            Ok(None) => {}
            Err(why) => self.wrote(Err(why)),
        }
    }

    fn tell(&mut self) {
        self.is_ahead = false;
        self.metrics.learning.known(self.learner.state());
        (self.publish)(Arc::new(Profiles::new(self.learner.state(), &self.quorum)));
    }

    /// Said once, until it works again.
    fn wrote(&mut self, written: Result<(), String>) {
        self.metrics.learning.written(written.is_ok());
        match written {
            Ok(()) if self.is_failing => {
                tracing::info!("what was learned is kept again");
                self.is_failing = false;
            }
            Ok(()) => {}
            Err(why) if !self.is_failing => {
                tracing::error!(%why, "what was learned cannot be kept; it is still learned and used");
                self.is_failing = true;
            }
            Err(_) => {}
        }
    }
}

/// How fast it learns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Requests a second at most.
    pub(super) per_second: u32,
    /// Time between two saves.
    pub(super) every: Duration,
}

/// Learns until it is told to stop, or nobody can tell it anything any more.
pub(super) fn study(mut student: Student, orders: &Receiver<Order>, intake: &Intake, pace: Pace) {
    let mut second = Instant::now();
    let (mut saved, mut left) = (second, pace.per_second);
    loop {
        match orders.recv_timeout(SECOND.saturating_sub(second.elapsed())) {
            Ok(Order::Learn(lesson)) => {
                intake.taken(lesson.bytes());
                // The sample is chosen by the rate there was; a burst may bring more.
                match left.checked_sub(1) {
                    Some(fewer) => {
                        left = fewer;
                        student.hear(&lesson);
                    }
                    None => student.metrics.learning.taught(Taught::NotSampled),
                }
            }
            Ok(Order::Save(done)) => {
                student.save();
                let _ = done.send(());
            }
            Ok(Order::Stop(done)) => {
                student.save();
                let _ = done.send(());
                return;
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return student.save(),
        }
        if second.elapsed() >= SECOND {
            intake.sample.adjust(second.elapsed(), pace.per_second);
            (second, left) = (Instant::now(), pace.per_second);
        }
        if saved.elapsed() >= pace.every {
            student.save();
            saved = Instant::now();
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
