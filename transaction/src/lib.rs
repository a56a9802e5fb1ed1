//! What is inspected: the canonical request record and the parsed HTTP transaction.
//!
//! Bytes come in as a [`Record`] (captured, or read from a data set) or as a head and body chunks from
//! a proxy; out comes a [`Transaction`], whose fields rules and model read and nobody changes. Parsing
//! never fails: hostile or broken input yields what could be read plus the reasons in [`Inspection`]
//! and the [`BodyError`]s, never an `Err` that would leave a request unjudged.

mod fields;
mod head;
mod inspection;
mod limits;
mod listings;
mod rates;
mod record;
mod response;
mod syntax;
mod transaction;
mod uri;

pub mod body;
pub mod calendar;
pub mod decode;
pub mod hops;
pub mod message;
pub mod pairs;
pub mod spop;
pub mod wire;

pub use body::{Body, BodyError, BodyReader, FilePart, MultipartFlags, Processor, Progress};
pub use fields::{Field, Fields};
pub use head::{Connection, RequestHead, ResponseHead};
pub use inspection::{Inspection, Shortfall};
pub use limits::Limits;
pub use listings::{Listing, Listings};
pub use rates::{Rate, Rates};
pub use record::{Record, RecordError};
pub use response::ResponseBodyReader;
pub use syntax::SyntaxError;
pub use transaction::{Response, Transaction};
pub use uri::Uri;
