//! What searches write to, kept from one to the next.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Scratch memory of something that is shared: each user has the first place that no other one has, and
/// none ever waits. There are no more places in use than users that ever were there at the same time, not
/// one for each thread: memory is flat, however many workers there are.
#[derive(Debug)]
pub(crate) struct Pool<T>([Place<T>; PLACES]);

/// A place, and what is there once somebody needed it; places are apart, so that threads do not write to
/// the same cache line.
#[derive(Debug)]
#[repr(align(64))]
struct Place<T>(Mutex<Option<Box<T>>>);

/// A place that nobody else has.
pub(crate) type Held<'p, T> = MutexGuard<'p, Option<Box<T>>>;

/// Users at the same time that find a place.
pub(crate) const PLACES: usize = 32;

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Place(Mutex::new(None))))
    }
}

impl<T> Pool<T> {
    /// A free place; `None` when all are taken. Threads begin to look at different places.
    pub(crate) fn free(&self) -> Option<Held<'_, T>> {
        let (before, from_first) = self.0.split_at(first_place());
        from_first.iter().chain(before).find_map(Place::free)
    }

    /// Calls `work` with what is at a free place, which is made if there is nothing.
    pub(crate) fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        match self.free() {
            Some(mut place) => work(place.get_or_insert_with(|| Box::new(make()))),
            None => work(&mut make()),
        }
    }

    #[cfg(test)]
    pub(crate) fn filled(&self) -> usize {
        self.0.iter().filter(|place| place.free().is_some_and(|held| held.is_some())).count()
    }
}

impl<T> Place<T> {
    fn free(&self) -> Option<Held<'_, T>> {
        match self.0.try_lock() {
            Ok(held) => Some(held),
            Err(TryLockError::WouldBlock) => None,
            // A user that panicked left it in the middle of a change.
            Err(TryLockError::Poisoned(poisoned)) => {
                let mut held = poisoned.into_inner();
                *held = None;
                self.0.clear_poison();
                Some(held)
            }
        }
    }
}

/// Where this thread looks first; what it finds there does not depend on that. A thread that ends leaves its
/// place, with all that is there, to the next one.
fn first_place() -> usize {
    thread_local!(static FIRST: FirstPlace = FirstPlace::take());
    FIRST.try_with(|first| first.0).unwrap_or(0)
}

struct FirstPlace(usize);

impl FirstPlace {
    fn take() -> Self {
        let mut taken = taken();
        let fewest = (0..PLACES).min_by_key(|place| taken[*place]).unwrap_or(0);
        taken[fewest] += 1;
        Self(fewest)
    }
}

impl Drop for FirstPlace {
    fn drop(&mut self) {
        taken()[self.0] -= 1;
    }
}

/// How many threads look first at each place.
fn taken() -> MutexGuard<'static, [usize; PLACES]> {
    static TAKEN: Mutex<[usize; PLACES]> = Mutex::new([0; PLACES]);
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}
