//! How bodies come, as Envoy is set up.

/// How bodies come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum BodyMode {
    /// They do not.
    #[default]
    None,
    /// In pieces, which go on when they are answered; headers went on before.
    Streamed,
    /// Whole in one message; until that is answered nothing goes on.
    Buffered,
    /// As much of them in one message as Envoy buffers.
    Partial,
    /// In pieces that Envoy keeps nothing of: what is to go on is said back. Headers wait for their answer.
    Duplex,
    /// In a way that is not known here.
    Unknown,
}

impl BodyMode {
    /// Of the number that `ProcessingMode.BodySendMode` has.
    pub(super) fn of(number: i32) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Streamed,
            2 => Self::Buffered,
            3 => Self::Partial,
            4 => Self::Duplex,
            _ => Self::Unknown,
        }
    }

    /// That number.
    pub(super) fn number(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Streamed => 1,
            Self::Buffered => 2,
            Self::Partial => 3,
            Self::Duplex => 4,
            Self::Unknown => 5,
        }
    }

    /// Whether one message is all that comes.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Buffered | Self::Partial)
    }

    /// Whether nothing that was shown can be withheld until there is a verdict.
    pub(super) fn is_unsafe(self) -> bool {
        matches!(self, Self::Streamed | Self::Unknown)
    }
}

/// How the bodies of an exchange come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Modes {
    pub(super) request: BodyMode,
    pub(super) answer: BodyMode,
}

impl Modes {
    /// Whether Envoy may be told to do otherwise for one exchange: where either is duplex, it does not listen.
    pub(super) fn can_change(self) -> bool {
        self.request != BodyMode::Duplex && self.answer != BodyMode::Duplex
    }
}
