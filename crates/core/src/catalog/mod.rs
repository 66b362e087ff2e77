//! The schema of a database as values: read from a live server, or made by replaying earlier migrations.

mod model;

pub use model::*;
