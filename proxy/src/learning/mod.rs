//! Learning while the proxy runs, off the request path.
//!
//! A request that may teach is moved into a bounded queue, if it is in the [`Sample`]; a thread of its own, the
//! [`Student`], learns from it. From time to time the student puts what it knows in place of what requests
//! are judged with, and writes it to its [`Store`].

mod lessons;
mod sample;
mod store;
mod student;

use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use engine::Lesson;
use engine::config::Learning as Settings;
use model::profile::Profiles;

pub(crate) use self::lessons::Lessons;
use self::lessons::{Intake, Order};
use self::store::Store;
use self::student::{Pace, Student, study};
use crate::orders::ANSWER_MAX;
use crate::report::Metrics;
use crate::state::Running;

/// A site that is being learned.
pub(crate) struct Learning {
    settings: Settings,
    lessons: Arc<Lessons>,
    latest: Arc<ArcSwap<Profiles>>,
}

impl Learning {
    /// Reads what was learned before and starts the thread. What it learns goes into `running`.
    ///
    /// # Errors
    /// Why the file cannot be read or written.
    pub(crate) fn start(
        settings: &Settings,
        metrics: &Arc<Metrics>,
        running: Weak<ArcSwap<Running>>,
    ) -> Result<Self, String> {
        let explain = |why| format!("cannot learn into `{}`: {why}", settings.file);
        let (store, state) = Store::open(Path::new(&settings.file)).map_err(explain)?;
        let latest = Arc::new(ArcSwap::from_pointee(Profiles::new(&state, &settings.quorum)));
        let (queue, orders) = sync_channel(Lesson::QUEUED_MAX);
        let intake = Arc::new(Intake::default());
        let lessons = Arc::new(Lessons::new(queue, Arc::clone(&intake), Arc::clone(metrics)));
        let publish = {
            let latest = Arc::clone(&latest);
            move |profiles: Arc<Profiles>| {
                latest.store(Arc::clone(&profiles));
                if let Some(running) = running.upgrade() {
                    running.rcu(|running| running.with_profiles(Arc::clone(&profiles)));
                }
            }
        };
        let student = Student::new(state, settings, store, Arc::clone(metrics), Box::new(publish));
        let pace = Pace { per_second: settings.requests_per_second_max, every: settings.every };
        std::thread::Builder::new()
            .name("learning".into())
            .spawn(move || study(student, &orders, &intake, pace))
            .map_err(|error| explain(error.to_string()))?;
        Ok(Self { settings: settings.clone(), lessons, latest })
    }

    /// What it was started with.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same configuration with what is known by now, which is newer than the file, and the way to know more.
    pub(crate) fn join(&self, running: &Running) -> Running {
        Running { lessons: Some(Arc::clone(&self.lessons)), ..running.with_profiles(self.latest.load_full()) }
    }

    /// Publishes and writes what it knows now; takes up the file if somebody else changed it.
    pub(crate) fn save(&self) {
        self.lessons.order(ANSWER_MAX, Order::Save);
    }

    /// Learns what is queued, publishes and writes it, and ends the thread.
    pub(crate) fn stop(&self) {
        self.lessons.order(ANSWER_MAX, Order::Stop);
    }
}
