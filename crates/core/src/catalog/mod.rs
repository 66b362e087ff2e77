//! The schema of a database as values: read from a live server, or made by replaying earlier migrations.

mod model;
mod publication;

pub use model::*;
pub use publication::*;
