//! What HAProxy says over its Stream Processing Offload Protocol, SPOP (SPOE.txt, section 3), and what it is answered.
//!
//! A frame is read where it lies: nothing is copied, nothing allocated, and a value is the bytes that came. All of it is bounded
//! by the frame, whose length is bounded by who reads it from a socket.
//!
//! Not the crate `spop` (0.13.1): it makes UTF-8 of strings, so that rules would not see a path as it came; it knows no
//! payload of several frames, so that HAProxy 2.6 could not tell of a long head and a body at once; and a frame takes up to 28
//! times its size there.

mod frame;
mod hello;
mod message;
mod value;
mod write;

#[doc(hidden)]
pub mod properties;

pub use frame::{Frame, Kind};
pub use hello::{Hello, disconnected};
pub use message::{Arguments, Message, Messages, headers};
pub use value::Value;
pub use write::{Actions, agent_disconnect, agent_hello};

/// What is wrong with what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// A frame longer than was agreed on.
    TooBig,
    /// What is no frame, or no payload of its kind.
    Invalid,
    /// No versions, or none that is known.
    NoVersion,
    /// No largest frame.
    NoFrameSize,
    /// No capabilities.
    NoCapabilities,
    /// None of the versions is 2.
    Version,
    /// A largest frame that is none.
    FrameSize,
    /// Payloads of several frames in one another.
    Interlaced,
}

impl Wrong {
    /// The status code in a DISCONNECT (SPOE.txt, section 3.5).
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            Self::TooBig => 3,
            Self::Invalid => 4,
            Self::NoVersion => 5,
            Self::NoFrameSize => 6,
            Self::NoCapabilities => 7,
            Self::Version => 8,
            Self::FrameSize => 9,
            Self::Interlaced => 11,
        }
    }

    /// What is said beside it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::TooBig => "frame is too big",
            Self::Invalid => "invalid frame received",
            Self::NoVersion => "version value not found",
            Self::NoFrameSize => "max-frame-size value not found",
            Self::NoCapabilities => "capabilities value not found",
            Self::Version => "unsupported version",
            Self::FrameSize => "max-frame-size too big or too small",
            Self::Interlaced => "invalid interlaced frames",
        }
    }
}

/// What everybody can take (bytes).
pub const FRAME_BYTES_LEAST: usize = 256;
