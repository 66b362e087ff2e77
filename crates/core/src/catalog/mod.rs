//! The schema of a database as values: read from a live server, or made by replaying earlier migrations.

mod kept;
mod lookup;
mod mention;
mod model;
mod named;
mod snapshot;
mod publication;

pub use kept::Kept;
pub use lookup::TEMPORARY;
pub use mention::Mention;
pub use model::*;
pub use named::{Held, Named};
pub use publication::*;
pub(crate) use snapshot::read as read_document;
pub use snapshot::{Snapshot, SnapshotError};
