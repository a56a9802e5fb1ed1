//! The commands, one a file.

pub(crate) mod check;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod eval;
pub(crate) mod explain;
pub(crate) mod learn;
pub(crate) mod rules;
pub(crate) mod run;
pub(crate) mod score;
pub(crate) mod test;
pub(crate) mod train;
pub(crate) mod tune;
