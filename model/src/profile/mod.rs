//! What a site's own traffic teaches: for each of its parameters, what values usually look like.
//!
//! A [`Learner`] counts ordinary requests into a [`State`], which is a file that can be read, merged and
//! forgotten in parts. From a state come [`Profiles`], which scoring asks about values that look strange:
//! what is habitual in a parameter does not count against it, and what is new to one that never had anything
//! but plain values counts more. [`Quorum`] says how often, how long and from how many sources something
//! must be seen to be habitual: that is what keeps a few clients from teaching the wrong thing. What the model calls critical by itself
//! is counted apart ([`Critical`]), and is habitual only where many clients of good [`Conduct`] send hardly anything else.

mod clients;
mod critical;
mod distinct;
mod effect;
mod file;
mod indicator;
mod key;
mod kind;
mod learner;
mod parameter;
mod quorum;
mod state;
mod summary;
mod template;
mod when;
mod windows;

pub use clients::{Clients, Conduct};
pub use critical::Critical;
pub use distinct::Distinct;
pub use effect::{Adjustment, Effect, Place, Profiles};
pub use file::{BYTES_MAX, StateError};
pub use indicator::{CLASS_FIRST, Indicator, RULE_FIRST, Sign};
pub use key::Key;
pub use kind::{Kind, Look};
pub use learner::{Learner, Seen};
pub use parameter::Parameter;
pub use quorum::Quorum;
pub use state::{Caps, State};
pub use summary::Summary;
pub use when::When;
pub use windows::{WINDOW_SECONDS, Windows};

#[cfg(test)]
mod tests;
