//! The way from requests to the thread that learns.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use engine::Lesson;

use super::sample::Sample;
use crate::orders;
use crate::report::{Metrics, Taught};

/// What the thread is told.
pub(super) enum Order {
    Learn(Box<Lesson>),
    /// Publish and write what is known, and say when that is done.
    Save(SyncSender<()>),
    /// The same, and end.
    Stop(SyncSender<()>),
}

/// The queue of what is to be learned, bounded in number and bytes. Requests never wait for it: what does
/// not fit is dropped and counted.
pub(crate) struct Lessons {
    queue: SyncSender<Order>,
    intake: Arc<Intake>,
    metrics: Arc<Metrics>,
}

/// What both ends of the queue know of it.
#[derive(Debug, Default)]
pub(super) struct Intake {
    pub(super) sample: Sample,
    /// Bytes of the lessons that wait.
    waiting: AtomicUsize,
}

impl Intake {
    /// A lesson of so many bytes is no longer waiting.
    pub(super) fn taken(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Whether there is room for so many more bytes; if not, they are not counted.
    pub(super) fn admits(&self, bytes: usize) -> bool {
        let admits = self.waiting.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes)
            <= Lesson::QUEUED_BYTES_MAX;
        if !admits {
            self.taken(bytes);
        }
        admits
    }
}

impl Lessons {
    pub(super) fn new(queue: SyncSender<Order>, intake: Arc<Intake>, metrics: Arc<Metrics>) -> Self {
        Self { queue, intake, metrics }
    }

    /// Queues a lesson, if it is in the sample and there is room.
    pub(crate) fn offer(&self, id: &str, lesson: Lesson) {
        if let Err(why) = self.queue(id, lesson) {
            self.metrics.learning.taught(why);
        }
    }

    fn queue(&self, id: &str, lesson: Lesson) -> Result<(), Taught> {
        if !self.intake.sample.takes(id) {
            return Err(Taught::NotSampled);
        }
        if !lesson.is_whole() {
            return Err(Taught::LongBody);
        }
        let bytes = lesson.bytes();
        if !self.intake.admits(bytes) {
            return Err(Taught::QueueFull);
        }
        self.queue.try_send(Order::Learn(Box::new(lesson))).map_err(|_| {
            self.intake.taken(bytes);
            Taught::QueueFull
        })
    }

    /// Tells the thread something and waits until it is done, `limit` at most: where it waits for a disk, a reload and the end do not.
    pub(super) fn order(&self, limit: Duration, order: impl FnOnce(SyncSender<()>) -> Order) {
        if !orders::order(&self.queue, limit, order) {
            tracing::warn!(seconds = limit.as_secs(), "learning does not answer");
        }
    }
}
