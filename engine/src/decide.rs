//! From evidence to verdict; the only reader of [`crate::policy::Mode`].
