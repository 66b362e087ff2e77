//! The schema of a database as values: read from a live server, or made by replaying earlier migrations.

mod lookup;
mod model;
mod named;
mod snapshot;
mod publication;

pub use lookup::TEMPORARY;
pub use model::*;
pub use named::Named;
pub use publication::*;
pub use snapshot::{Snapshot, SnapshotError};
