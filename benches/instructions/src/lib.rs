//! Instructions that evaluation takes, counted and compared with what they were.

pub mod callgrind;
pub mod cases;
