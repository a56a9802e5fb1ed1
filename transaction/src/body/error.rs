//! What can be wrong with a body.

/// Why a body does not parse. It is data for `REQBODY_ERROR_MSG`, not a failure of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyError {
    /// What was expected and what came, lower case, without a full stop.
    pub message: String,
    /// Where, in decoded bytes from the start of the body.
    pub offset: u64,
}
